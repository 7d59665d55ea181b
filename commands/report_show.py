"""One report: whether it is handed in, by whom, where it lies."""

from collections.abc import Sequence

from bot.command import Context, Reply, command
from bot.converters import ReportName, ReportRef
from bot.db import labs, reports
from bot.domain.places import PlaceKind, lab_room
from bot.domain.reports import RESEARCH, Debt, OwedBy, Report, debtor_audience, own_debtors, shown_debtors
from bot.domain.roles import Role
from bot.errors import UserError
from bot.rendering import template
from commands._lab_meant import lab_meant
from commands._report_lines import line, summary
from commands._report_meant import check_owed_by_labs, named_with_labs, report_meant, shown_only_in

_REPORT = template(
    "{% import 'reports.html.j2' as show with context %}"
    "{% for line in lines %}<p>"
    "{{ show.mark(line) }} <strong>{{ line.title }}</strong> (<code>{{ line.key }}</code>), {{ line.who }}<br/>"
    "{{ show.state(line) }}"
    "{% if line.submitted_on and line.status in ('submitted', 'accepted') %}, {% trans person=line.submitted_by %}von {{ person }}"
    "{% endtrans %}{% elif line.submitted_on %}<br/>{% trans day=line.submitted_on|when, person=line.submitted_by %}abgegeben hatte ihn am"
    " {{ day }} {{ person }}{% endtrans %}{% endif %}"
    "{% if line.originally %}<br/>{% trans day=line.originally|when %}ursprünglich fällig: {{ day }}{% endtrans %}{% endif %}"
    "{% if line.remark %}<br/>{% trans remark=line.remark.split('\\n')|join('<br/>'|safe) %}Bemerkung der Koordination: {{ remark }}"
    "{% endtrans %}{% endif %}"
    "{% if line.link %}<br/><code>{{ line.link }}</code>{% endif %}"
    "{% if line.file %}<br/>{% trans name=line.file %}Datei: {{ name }}{% endtrans %}{% endif %}</p>{% endfor %}"
    "{% if open %}<p>{% trans key=open, prefix=prefix %}Ist er fertig?"
    " <code>{{ prefix }} bericht abgegeben {{ key }}</code>{% endtrans %}</p>{% endif %}"
)
_OVERVIEW = template(
    "{% import 'reports.html.j2' as show with context %}"
    "<p><strong>{{ report.title }}</strong> (<code>{{ report.key }}</code>), {{ report.due|when }}</p>"
    "{% if report.settled %}<ul>{% for line in report.settled %}<li>{{ show.mark(line) }} {{ line.who }}, {{ show.state(line) }}"
    "{% if line.link %}: <code>{{ line.link }}</code>{% endif %}</li>{% endfor %}</ul>{% endif %}"
    "{% if report.missing %}<p>{% if report.overdue %}❗ {% endif %}"
    "{% trans %}Es fehlen:{% endtrans %} {{ show.names(report.missing) }}</p>{% endif %}"
)


@command("bericht", "report", needs=Role.LAB | Role.RESEARCH | Role.COORDINATOR, examples=["labor-1"], asks_all=True)
async def report_show(ctx: Context, name: ReportRef) -> Reply:
    """Zeigt einen Bericht: ob er abgegeben ist, von wem und wo er liegt."""
    report = await report_meant(ctx, name.report, shown_debtors(ctx.roles, ctx.place))
    debtors = await _debtors(ctx, report, name)
    owed = [debt for debt in await reports.debts(ctx.session, debtors) if debt.report == report]
    if not owed:
        raise UserError("Dazu ist nichts eingetragen.")
    names = {lab.key: lab.name for lab in await labs.every(ctx.session)}
    lines = [line(debt, names, ctx.now.date(), ctx.now.tzinfo) for debt in owed]
    if debtors is None:
        return Reply(_OVERVIEW, {"report": summary(lines)}, audience=debtor_audience(None))
    data = {"lines": lines, "open": _to_submit(ctx, owed), "prefix": ctx.prefix}
    files = tuple(debt.file.content for debt in owed if debt.file)
    return Reply(_REPORT, data, audience=debtor_audience(owed[0].debtor), files=files)


async def _debtors(ctx: Context, report: Report, name: ReportName) -> Sequence[str] | None:
    """Return whose report is meant; None for that of all labs, as coordinators see it. Raises `Denied` or `UserError`."""
    if name.lab is not None:
        check_owed_by_labs(report)
        return [_visible(ctx, (await lab_meant(ctx, name.lab)).key)]
    if report.owed_by is OwedBy.RESEARCH:
        return [_visible(ctx, RESEARCH)]
    if ctx.place.lab is not None:
        return [_visible(ctx, ctx.place.lab)]
    if ctx.roles.coordinator:
        return None
    if not ctx.roles.labs:
        raise shown_only_in(ctx, None)
    if len(ctx.roles.labs) > 1 and ctx.place.kind is not PlaceKind.DIRECT:
        raise UserError("Für welches Labor? Schreib zum Beispiel: %(names)s", names=named_with_labs(report, ctx.roles.labs))
    return ctx.roles.labs


def _visible(ctx: Context, debtor: str) -> str:
    """Return `debtor`. Raises `Denied` if somebody may not see its reports, wherever they are shown."""
    own = ctx.roles.research if debtor == RESEARCH else debtor in ctx.roles.labs
    if not own and not ctx.roles.coordinator:
        raise shown_only_in(ctx, RESEARCH if debtor == RESEARCH else lab_room(debtor))
    return debtor


def _to_submit(ctx: Context, owed: list[Debt]) -> str | None:
    """Return the key to hand in with, if it is open and the one who asks may do so here."""
    own = own_debtors(ctx.roles, ctx.place)
    may = len(owed) == 1 and owed[0].status.owed and owed[0].debtor in own
    return owed[0].report.key if may else None
