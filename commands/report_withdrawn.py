"""A lab or the research team takes back that a report is handed in."""

from bot.command import DONE, Context, Reply, command
from bot.converters import ReportRef
from bot.db import reports
from bot.domain.report_life import check_withdraw
from bot.domain.reports import Status, debtor_audience
from bot.domain.roles import Role
from bot.errors import UserError
from bot.rendering import template
from commands._report_meant import own_debt, refused

_WAS_OPEN = template("<p>{% trans title=title %}»{{ title }}« war nicht als abgegeben vermerkt.{% endtrans %}</p>")


@command(
    "bericht zurück",
    "report withdrawn",
    "bericht zurückziehen",
    "report withdraw",
    needs=Role.LAB | Role.RESEARCH,
    examples=["labor-1"],
)
async def report_withdrawn(ctx: Context, report: ReportRef) -> Reply:
    """Nimmt zurück, dass ein Bericht abgegeben ist; er gilt wieder als offen."""
    debt = await own_debt(ctx, report, hold=True)
    try:
        check_withdraw(debt)
    except UserError as refusal:
        return refused(debt, refusal)
    if debt.status is not Status.SUBMITTED:
        return Reply(_WAS_OPEN, {"title": debt.report.title}, audience=debtor_audience(debt.debtor))
    await reports.withdraw(ctx.session, debt)
    return DONE
