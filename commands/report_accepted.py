"""A coordinator accepts a report that was handed in."""

from bot.command import Context, Reply, command
from bot.converters import ReportRef
from bot.db import reports
from bot.domain.report_life import check_accept
from bot.domain.reports import Status
from bot.domain.roles import Role
from bot.errors import UserError
from bot.rendering import template
from commands._report_decided import decided_debt, told
from commands._report_meant import refused

_TOLD = template("<p>{% trans title=title %}»{{ title }}« ist angenommen. Danke!{% endtrans %}</p>")


@command(
    "bericht angenommen",
    "report accepted",
    "bericht annehmen",
    "report accept",
    needs=Role.COORDINATOR,
    examples=["labor-1:bremen", "forschung-1"],
)
async def report_accepted(ctx: Context, report: ReportRef) -> Reply:
    """Nimmt einen abgegebenen Bericht an; das Labor erfährt es. Welches Labor, steht hinter dem Doppelpunkt."""
    debt = await decided_debt(ctx, report)
    try:
        check_accept(debt)
    except UserError as refusal:
        return refused(debt, refusal)
    await reports.decide(ctx.session, debt, Status.ACCEPTED, by=ctx.sender, now=ctx.now)
    return Reply(None, also=told(ctx, debt, _TOLD))
