"""A coordinator wants a report again: something is missing in what was handed in."""

from typing import Annotated

from bot.command import Context, Reply, command
from bot.converters import ReportRef, rest
from bot.db import reports
from bot.domain.report_life import check_return
from bot.domain.reports import Status
from bot.domain.roles import Role
from bot.errors import UserError, text
from bot.rendering import template
from commands._report_decided import decided_debt, told
from commands._report_meant import refused

MOST_CHARACTERS = 2000
Remark = Annotated[str, rest(text("was fehlt"))]

_TOLD = template(
    "<p>{% trans title=title %}»{{ title }}« kommt noch einmal zurück:{% endtrans %}</p><blockquote>"
    "{% for line in lines %}{{ line }}{% if not loop.last %}<br/>{% endif %}{% endfor %}</blockquote>"
    "<p>{% trans key=key, prefix=prefix %}Ist er überarbeitet? Dann schreib:"
    " <code>{{ prefix }} bericht abgegeben {{ key }}</code>{% endtrans %}</p>"
)


@command(
    "bericht nachfordern",
    "report returned",
    "bericht zurückgeben",
    "report return",
    needs=Role.COORDINATOR,
    examples=[text("labor-1:bremen Die Zahlen zu 2020 fehlen noch.")],
)
async def report_returned(ctx: Context, report: ReportRef, remark: Remark) -> Reply:
    """Gibt einen Bericht mit einer Bemerkung zurück; er gilt wieder als offen, und das Labor erfährt, was fehlt."""
    if len(remark) > MOST_CHARACTERS:
        raise UserError(
            "Der Text ist zu lang: %(length)s Zeichen, höchstens %(most)s gehen.", length=len(remark), most=MOST_CHARACTERS
        )
    debt = await decided_debt(ctx, report)
    try:
        check_return(debt)
    except UserError as refusal:
        return refused(debt, refusal)
    await reports.decide(ctx.session, debt, Status.RETURNED, by=ctx.sender, now=ctx.now, remark=remark)
    return Reply(None, also=told(ctx, debt, _TOLD, lines=remark.split("\n")))
