"""Reports: a lab's or the research team's own, and for coordinators who has handed in what."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from bot.command import Context, Reply, command
from bot.db import labs, reports
from bot.domain.places import PlaceKind
from bot.domain.reports import Debt, OwedBy, debtor_audience, own_debtors, shown_debtors
from bot.domain.roles import Role
from bot.errors import Text, UserError
from bot.rendering import template
from commands._report_lines import Line, Summary, debtor_name, line, summary
from commands._report_meant import shown_only_in

_OWN = template(
    "{% import 'reports.html.j2' as show with context %}"
    "{% for debtor in debtors %}<p><strong>{% trans %}Berichte{% endtrans %}: {{ debtor.name }}</strong></p><ul>"
    "{% for line in debtor.lines %}"
    "<li>{{ show.mark(line) }} {{ line.title }} (<code>{{ line.key }}</code>), {{ show.state(line) }}</li>"
    "{% else %}<li>{% trans %}keine{% endtrans %}</li>{% endfor %}</ul>{% endfor %}"
    "{% if open %}<p>{% trans key=open, prefix=prefix %}Ist einer fertig?"
    " <code>{{ prefix }} bericht abgegeben {{ key }}</code>{% endtrans %}</p>{% endif %}"
)
_ALL = template(
    "{% import 'reports.html.j2' as show with context %}"
    "{% for title, reports in series.items() %}<p><strong>{{ title }}</strong></p><ul>"
    "{% for report in reports %}<li>{% if report.key in of_labs %}"
    "{% if report.overdue %}❗ {% endif %}{{ report.title }} (<code>{{ report.key }}</code>), {{ report.due|when }}: "
    "{{ show.counted(report) }}"
    "{% else %}{{ show.mark(report) }} {{ report.title }} (<code>{{ report.key }}</code>), {{ show.state(report) }}{% endif %}"
    "</li>{% endfor %}</ul>{% else %}<p>{% trans %}Es sind keine Berichte eingetragen.{% endtrans %}</p>{% endfor %}"
)


@dataclass(frozen=True, slots=True)
class Own:
    """What one debtor owes."""

    name: Text | str
    lines: tuple[Line, ...]


@command("berichte", "reports", needs=Role.LAB | Role.RESEARCH | Role.COORDINATOR)
async def report_list(ctx: Context) -> Reply:
    """Zeigt die eigenen Berichte und ihren Stand; der Koordination die aller Labore und der Forschung."""
    debtors = shown_debtors(ctx.roles, ctx.place)
    names = {lab.key: lab.name for lab in await labs.every(ctx.session)}
    debts = await reports.debts(ctx.session, debtors)
    if debtors is None:
        return Reply(_ALL, _all(ctx, debts, names), audience=debtor_audience(None))
    if not debtors:
        raise shown_only_in(ctx, ctx.place.key)
    if len(debtors) > 1 and ctx.place.kind is not PlaceKind.DIRECT:
        raise UserError("Du gehörst zu mehreren. Frag im Raum des Labors oder der Forschung, oder schreib mir direkt.")
    return Reply(_OWN, _own(ctx, debtors, debts, names), audience=debtor_audience(next(iter(debtors))))


def _own(ctx: Context, debtors: Sequence[str], debts: Sequence[Debt], names: dict[str, str]) -> dict[str, object]:
    today, zone = ctx.now.date(), ctx.now.tzinfo
    shown = [
        Own(debtor_name(debtor, names), tuple(line(debt, names, today, zone) for debt in debts if debt.debtor == debtor))
        for debtor in debtors
    ]
    acting = own_debtors(ctx.roles, ctx.place)
    still_open = [line.key for own in shown for line in own.lines if not line.settled]
    return {"debtors": shown, "open": still_open[0] if still_open and len(acting) == 1 else None, "prefix": ctx.prefix}


def _all(ctx: Context, debts: Sequence[Debt], names: dict[str, str]) -> dict[str, object]:
    today, zone = ctx.now.date(), ctx.now.tzinfo
    by_report: dict[str, list[Line]] = defaultdict(list)
    for debt in debts:
        by_report[debt.report.key].append(line(debt, names, today, zone))
    series: dict[str, list[Line | Summary]] = defaultdict(list)
    of_labs: set[str] = set()
    for report in dict.fromkeys(debt.report for debt in debts):
        lines = by_report[report.key]
        if report.owed_by is OwedBy.LAB:
            of_labs.add(report.key)
        series[report.series_title].append(summary(lines) if report.owed_by is OwedBy.LAB else lines[0])
    return {"series": dict(series), "of_labs": of_labs}
