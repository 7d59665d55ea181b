"""One report: whether it is handed in, by whom, where it lies."""

from collections.abc import Collection

from bot.command import Context, Reply, command
from bot.converters import ReportRef
from bot.db import labs, reports
from bot.domain.places import PlaceKind, lab_room
from bot.domain.reports import RESEARCH, Debt, OwedBy, Report, debtor_audience, own_debtors, shown_debtors
from bot.domain.roles import Role
from bot.errors import UserError
from bot.rendering import template
from commands._lab_meant import lab_meant
from commands._report_lines import line, summary
from commands._report_meant import check_owed_by_labs, named_with_labs, owes, report_meant, shown_only_in

_REPORT = template(
    "{% import 'reports.html.j2' as show with context %}"
    "{% for line in lines %}<p>"
    "{{ show.mark(line) }} <strong>{{ line.title }}</strong> (<code>{{ line.key }}</code>), {{ line.who }}<br/>"
    "{{ show.state(line) }}{% if line.submitted_on %}, {% trans person=line.submitted_by %}von {{ person }}{% endtrans %}{% endif %}"
    "{% if line.link %}<br/><code>{{ line.link }}</code>{% endif %}</p>{% endfor %}"
    "{% if open %}<p>{% trans key=open, prefix=prefix %}Ist er fertig?"
    " <code>{{ prefix }} bericht abgegeben {{ key }}</code>{% endtrans %}</p>{% endif %}"
)
_OVERVIEW = template(
    "{% import 'reports.html.j2' as show with context %}"
    "<p><strong>{{ report.title }}</strong> (<code>{{ report.key }}</code>), {{ report.due|when }}</p>"
    "{% if report.submitted %}<ul>{% for line in report.submitted %}<li>✅ {{ line.who }}, {{ show.state(line) }}"
    "{% if line.link %}: <code>{{ line.link }}</code>{% endif %}</li>{% endfor %}</ul>{% endif %}"
    "{% if report.missing %}<p>{% if report.overdue %}❗ {% endif %}"
    "{% trans %}Es fehlen:{% endtrans %} {{ show.names(report.missing) }}</p>{% endif %}"
)


@command("bericht", "report", needs=Role.LAB | Role.RESEARCH | Role.COORDINATOR, examples=["labor-1"])
async def report_show(ctx: Context, report: ReportRef) -> Reply:
    """Zeigt einen Bericht: ob er abgegeben ist, von wem und wo er liegt."""
    shown = shown_debtors(ctx.roles, ctx.place)
    meant = await report_meant(ctx, report.report, shown)
    if report.lab is not None:
        check_owed_by_labs(meant)
        lab = (await lab_meant(ctx, report.lab)).key
        return await _of(ctx, meant, [lab], in_coordination=_check_shown(ctx, lab, shown))
    owing = [RESEARCH] if meant.owed_by is OwedBy.RESEARCH else None
    if shown is not None:
        owing = [debtor for debtor in shown if owes(debtor, meant)]
    if owing is None or (not owing and ctx.roles.coordinator):
        return await _of(ctx, meant, None, in_coordination=True)
    if not owing:
        raise shown_only_in(ctx, RESEARCH if meant.owed_by is OwedBy.RESEARCH else None)
    if len(owing) > 1 and ctx.place.kind is not PlaceKind.DIRECT:
        raise UserError("Für welches Labor? Schreib zum Beispiel: %(names)s", names=named_with_labs(meant, owing))
    return await _of(ctx, meant, owing, in_coordination=shown is None)


def _check_shown(ctx: Context, lab: str, shown: Collection[str] | None) -> bool:
    """Return whether only coordinators may see the answer. Raises `Denied` for somebody who may not see this lab's reports."""
    if shown is not None and lab in shown:
        return False
    if not ctx.roles.coordinator:
        raise shown_only_in(ctx, lab_room(lab))
    return True


async def _of(ctx: Context, report: Report, debtors: list[str] | None, *, in_coordination: bool) -> Reply:
    """Answer for `debtors`, or for all who owe it."""
    debts = [debt for debt in await reports.debts(ctx.session, debtors) if debt.report == report]
    if not debts:
        raise UserError("Dazu ist nichts eingetragen.")
    names = {lab.key: lab.name for lab in await labs.every(ctx.session)}
    lines = [line(debt, names, ctx.now.date(), ctx.now.tzinfo) for debt in debts]
    audience = debtor_audience(None if in_coordination else debts[0].debtor)
    if len(debts) > 1 and in_coordination:
        return Reply(_OVERVIEW, {"report": summary(lines)}, audience=audience)
    return Reply(_REPORT, {"lines": lines, "open": _to_submit(ctx, debts), "prefix": ctx.prefix}, audience=audience)


def _to_submit(ctx: Context, debts: list[Debt]) -> str | None:
    """Return the key to hand in with, if it is open and the one who asks may do so here."""
    own = own_debtors(ctx.roles, ctx.place)
    may = len(debts) == 1 and debts[0].submitted_at is None and debts[0].debtor in own
    return debts[0].report.key if may else None
