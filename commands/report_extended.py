"""A coordinator gives one lab, or the research team, more time for a report."""

from bot.command import Context, Reply, command
from bot.converters import DatePhrase, ReportRef
from bot.db import reports
from bot.domain.chat_words import without_towards
from bot.domain.phrases import read_date
from bot.domain.report_life import check_extend
from bot.domain.roles import Role
from bot.errors import UserError, text
from bot.rendering import template
from commands._report_decided import decided_debt, told
from commands._report_meant import refused

_TOLD = template(
    "<p>{% if more %}{% trans title=title, before=before|when, after=after|when %}Mehr Zeit für »{{ title }}«: fällig nicht mehr"
    " {{ before }}, sondern {{ after }}.{% endtrans %}"
    "{% else %}{% trans title=title, before=before|when, after=after|when %}Anderer Aufschub für »{{ title }}«: fällig nicht mehr"
    " {{ before }}, sondern {{ after }}.{% endtrans %}{% endif %}</p>"
)


@command(
    "bericht aufschub",
    "report extended",
    "aufschub",
    "report extend",
    needs=Role.COORDINATOR,
    examples=[text("labor-1:bremen 15.11.2030"), text("forschung-1 Februar 2030")],
)
async def report_extended(ctx: Context, report: ReportRef, until: DatePhrase) -> Reply:
    """Verschiebt einen Bericht für ein Labor; der ursprüngliche Termin bleibt vermerkt, und das Labor erfährt es."""
    to = read_date(without_towards(until), ctx.now.date())
    debt = await decided_debt(ctx, report)
    try:
        check_extend(debt, to, ctx.now.date())
    except UserError as refusal:
        return refused(debt, refusal)
    await reports.extend(ctx.session, debt, to, by=ctx.sender, now=ctx.now)
    return Reply(None, also=told(ctx, debt, _TOLD, before=debt.due, after=to, more=to.last > debt.due.last))
