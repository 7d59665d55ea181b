"""A coordinator releases one lab, or the research team, from a report."""

from typing import Annotated

from bot.command import Context, Reply, command
from bot.converters import ReportRef, rest
from bot.db import reports
from bot.domain.chat_words import one_line
from bot.domain.report_life import check_waive
from bot.domain.reports import Status
from bot.domain.roles import Role
from bot.errors import UserError, text
from bot.rendering import template
from commands._report_decided import decided_debt, told
from commands._report_meant import refused

_LONGEST_REASON = 500
Reason = Annotated[str, rest(text("grund"))]

_TOLD = template(
    "<p>{% trans title=title %}»{{ title }}« braucht ihr nicht abzugeben.{% endtrans %}{% if reason %}<br/>{{ reason }}{% endif %}</p>"
)


@command(
    "bericht befreien",
    "report waived",
    "befreien",
    "report waive",
    needs=Role.COORDINATOR,
    examples=["labor-1:bremen", text("labor-1:bremen Das Labor ist erst später dazugekommen.")],
)
async def report_waived(ctx: Context, report: ReportRef, reason: Reason | None = None) -> Reply:
    """Befreit ein Labor von einem Bericht; es wird nicht mehr daran erinnert und erfährt es."""
    debt = await decided_debt(ctx, report)
    try:
        check_waive(debt)
    except UserError as refusal:
        return refused(debt, refusal)
    remark = one_line(reason, _LONGEST_REASON) if reason else None
    await reports.decide(ctx.session, debt, Status.WAIVED, by=ctx.sender, now=ctx.now, remark=remark)
    return Reply(None, also=told(ctx, debt, _TOLD, reason=remark))
