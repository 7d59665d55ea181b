"""The phase of work that we are in, what ends it, and the reports due in it."""

from datetime import date

from bot.command import Context, Reply, command
from bot.db import programme, reports
from bot.domain.dates import PartialDate
from bot.domain.programme import PhaseSpan, current_phase, next_event, spans
from bot.domain.roles import Role
from bot.rendering import template

_PHASE = template(
    "{% import 'events.html.j2' as show with context %}"
    "{% macro line(report) %}<li>{{ report.title }} (<code>{{ report.key }}</code>), {{ report.due|when }}</li>{% endmacro %}"
    "<p><strong>{% trans n=span.phase.number %}Phase {{ n }}{% endtrans %}</strong>"
    "{% if start and end %}: {% trans start=start|when, end=end|when %}{{ start }} bis {{ end }}{% endtrans %}"
    "{% elif start %}: {% trans start=start|when %}seit {{ start }}{% endtrans %}"
    "{% elif end %}: {% trans end=end|when %}bis {{ end }}{% endtrans %}{% endif %}"
    "{% if not start %}<br/>{% trans title=span.after.title, when=span.after.when|when %}Davor: {{ title }}, {{ when }}{% endtrans %}"
    "{% endif %}<br/>"
    "{% trans title=span.before.title, when=span.before.when|when %}Danach: {{ title }}, {{ when }}{% endtrans %}"
    "{{ show.where(span.before) }}</p>"
    "{% if due %}<p>{% trans %}In dieser Phase fällig:{% endtrans %}</p><ul>"
    "{% for report in due %}{{ line(report) }}{% endfor %}</ul>{% endif %}"
    "{% if perhaps %}<p>{% trans %}Vielleicht auch, der Tag steht noch nicht fest:{% endtrans %}</p><ul>"
    "{% for report in perhaps %}{{ line(report) }}{% endfor %}</ul>{% endif %}"
)
_BETWEEN = template(
    "{% import 'events.html.j2' as show with context %}"
    "<p>{% if begun %}{% trans %}Wir sind gerade zwischen zwei Phasen.{% endtrans %}"
    "{% else %}{% trans %}Noch hat keine Phase begonnen.{% endtrans %}{% endif %}"
    "{% if coming %} {% trans title=coming.title, when=coming.when|when %}Als Nächstes kommt: {{ title }}, {{ when }}{% endtrans %}"
    "{{ show.where(coming) }}.{% endif %}"
    " {% trans n=following.phase.number %}Danach beginnt Phase {{ n }}.{% endtrans %}</p>"
)
_NONE_LEFT = template(
    "<p>{% if any %}{% trans %}Alle Phasen sind vorbei.{% endtrans %}"
    "{% else %}{% trans %}Es sind keine Phasen eingetragen.{% endtrans %}{% endif %}</p>"
)


@command("phase", "phase", needs=Role.MEMBER)
async def phase_show(ctx: Context) -> Reply:
    """Zeigt die Phase, in der wir sind: von wann bis wann, was folgt, welche Berichte darin fällig sind."""
    events = await programme.every_event(ctx.session)
    phases = spans(await programme.every_phase(ctx.session), events)
    today = ctx.now.date()
    span = current_phase(phases, today)
    if span is not None:
        return await _during(ctx, span)
    following = next((phase for phase in phases if today <= phase.after.when.last), None)
    if following is None:
        return Reply(_NONE_LEFT, {"any": bool(phases)})
    return Reply(_BETWEEN, {"begun": following != phases[0], "coming": next_event(events, today), "following": following})


async def _during(ctx: Context, span: PhaseSpan) -> Reply:
    every = await reports.every(ctx.session)
    due = [report for report in every if span.surely_holds(report.due)]
    perhaps = [report for report in every if report not in due and span.possibly_holds(report.due)]
    days = {"start": _day(span.start), "end": _day(span.end)}
    return Reply(_PHASE, {"span": span, **days, "due": due, "perhaps": perhaps})


def _day(day: date | None) -> PartialDate | None:
    return PartialDate.day(day) if day else None
