"""A lab or the research team says that a report is handed in."""

from bot.command import DONE, Context, Reply, command
from bot.converters import Link, ReportRef
from bot.db import reports
from bot.domain.reports import Status
from bot.domain.roles import Role
from commands._report_meant import own_debt


@command(
    "bericht abgegeben",
    "report submitted",
    "bericht abgeben",
    "report submit",
    needs=Role.LAB | Role.RESEARCH,
    examples=["labor-1 https://example.org/bericht.pdf", "labor-1"],
)
async def report_submitted(ctx: Context, report: ReportRef, link: Link | None = None) -> Reply:
    """Vermerkt einen Bericht als abgegeben, auf Wunsch mit Link. Im Direktchat notfalls mit Labor: labor-1:bremen."""
    debt = await own_debt(ctx, report)
    new = debt.status is Status.OPEN or (link is not None and link != debt.link)
    if new:
        await reports.submit(ctx.session, debt, by=ctx.sender, link=link, now=ctx.now)
    return DONE
