"""The programme as a picture: phases and events on a time line, as exactly as their dates are known."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from bot.command import Attachment, Context, Reply, command
from bot.db import programme
from bot.domain.dates import PartialDate, Precision
from bot.domain.programme import Event, PhaseSpan, current_phase, next_event, spans
from bot.domain.roles import Role
from bot.errors import ntext, text
from bot.pictures import draw_timeline
from bot.pictures.shapes import Look, Stage
from bot.pictures.timeline import Entry, Timeline, Words
from bot.rendering import Catalogue, catalogue, template
from bot.rendering.dates import format_partial

_MOST_ROWS = 12  # in a picture that is read on a phone
_ROWS_BEFORE = 2  # of them for what is over, if there is more than fits
_MOST_OPEN = 4
_MOST_NEXT = 5  # in words

_NOTHING = template("<p>{% trans %}Im Programm steht noch nichts.{% endtrans %}</p>")
_IN_WORDS = template(
    "{% import 'events.html.j2' as show with context %}"
    "<p>{% if drawn %}{% trans day=today|when %}Der Zeitplan des Netzwerks, Stand {{ day }}.{% endtrans %}"
    "{% if phase %} {% trans n=phase.phase.number %}Wir sind in Phase {{ n }}.{% endtrans %}{% endif %}"
    "{% else %}{% trans %}Noch steht kein Termin fest. Sobald es einen gibt, zeichne ich den Zeitplan.{% endtrans %}{% endif %}</p>"
    "{% if coming %}<p>{% trans %}Als Nächstes:{% endtrans %}</p><ul>{% for event in coming %}"
    "<li>{{ event.title }}, {{ event.when|when }}{{ show.where(event) }}"
    "{% if event.when.exact and event.when.first <= today.first %} ({% trans %}läuft gerade{% endtrans %})"
    "{% elif event.when.exact and loop.first %} ({{ show.days_left((event.when.first - today.first).days) }}){% endif %}</li>"
    "{% endfor %}</ul>{% elif drawn %}<p>{% trans %}Es steht nichts mehr an.{% endtrans %}</p>{% endif %}"
    "<p>{% trans prefix=prefix %}Alle Termine in Worten zeigt: {{ prefix }} programm{% endtrans %}</p>"
)


@command("zeitplan", "timeline", needs=Role.MEMBER)
async def timeline(ctx: Context) -> Reply:
    """Zeichnet das Programm: Phasen und Termine auf einer Zeitachse, so genau, wie sie bekannt sind."""
    events = await programme.every_event(ctx.session)
    if not events:
        return Reply(_NOTHING)
    today = ctx.now.date()
    phases = spans(await programme.every_phase(ctx.session), events)
    shown = _shown(events, today)
    coming = [event for event in events if event.when.last >= today and not event.cancelled]
    words = {
        "drawn": bool(shown.dated),
        "today": PartialDate.day(today),
        "phase": current_phase(phases, today),
        "coming": coming[:_MOST_NEXT],
        "prefix": ctx.prefix,
    }
    return Reply(_IN_WORDS, words, attachment=await _picture(ctx, shown, phases) if shown.dated else None)


@dataclass(frozen=True, slots=True)
class _Shown:
    """The events in the picture: those on the line, those without a date, and how many are left out."""

    dated: list[Event]
    undated: list[Event]
    left_out: int
    coming: Event | None


def _shown(events: list[Event], today: date) -> _Shown:
    """Choose what a picture has room for: what is nearest, and of that rather what comes than what was."""
    dated = [event for event in events if event.when.precision is not Precision.OPEN]
    undated = [event for event in events if event.when.precision is Precision.OPEN]
    over = sum(event.when.last < today for event in dated)
    start = max(0, min(over - _ROWS_BEFORE, len(dated) - _MOST_ROWS))
    rows = dated[start : start + _MOST_ROWS]
    left_out = len(events) - len(rows) - len(undated[:_MOST_OPEN])
    return _Shown(rows, undated[:_MOST_OPEN], left_out, next_event(dated, today))


async def _picture(ctx: Context, shown: _Shown, phases: Iterable[PhaseSpan]) -> Attachment:
    speech, today = catalogue(ctx.language), ctx.now.date()
    entries = tuple(_entry(event, speech, today, shown.coming) for event in shown.dated + shown.undated)
    words = _words(ctx, speech, shown.left_out)
    picture = await draw_timeline(Timeline(entries, tuple(_stages(shown, phases, speech, today)), today, words, speech.language))
    name = f"{words.heading.lower()}-{today.isoformat()}.png"
    return Attachment(name, "image/png", picture.data, picture.width, picture.height)


def _entry(event: Event, speech: Catalogue, today: date, coming: Event | None) -> Entry:
    over = event.when.last < today
    look = Look.CANCELLED if event.cancelled else Look.PAST if over else Look.NEXT if event is coming else Look.COMING
    undated = event.when.precision is Precision.OPEN
    details = [str(event.when.first.year) if undated else _when(event.when, speech)]
    details += [event.place] if event.place else []
    details += [speech.say(text("online"))] if event.online else []
    details += [speech.say(text("abgesagt"))] if event.cancelled else []
    return Entry(f"✓ {event.title}" if look is Look.PAST else event.title, ", ".join(details), event.when, event.kind, look)


def _stages(shown: _Shown, phases: Iterable[PhaseSpan], speech: Catalogue, today: date) -> Iterable[Stage]:
    """Yield the phases that surely have days within what is shown."""
    begins, ends = min(event.when.first for event in shown.dated), max(event.when.last for event in shown.dated)
    for span in phases:
        if span.before.when.first <= span.after.when.last or span.after.when.last > ends or span.before.when.first < begins:
            continue
        first, last = span.after.when.last + timedelta(days=1), span.before.when.first - timedelta(days=1)
        if first > last:
            continue
        look = Look.PAST if last < today else Look.NEXT if first <= today else Look.COMING
        number = span.phase.number
        yield Stage(speech.say(text("Phase %(n)s", n=number)), str(number), first, last, look)


def _words(ctx: Context, speech: Catalogue, left_out: int) -> Words:
    note = ntext("Eine Veranstaltung ist nicht im Bild.", "%(n)s Veranstaltungen sind nicht im Bild.", left_out)
    everything = text("Alle Termine in Worten zeigt: %(prefix)s programm", prefix=ctx.prefix)
    return Words(
        heading=speech.say(text("Zeitplan")),
        day=_when(PartialDate.day(ctx.now.date()), speech),
        today=speech.say(text("heute")),
        open=speech.say(text("Termin noch offen")),
        vague=speech.say(text("Tag steht noch nicht fest")),
        kinds={"workshop": speech.say(text("Workshop")), "conference": speech.say(text("Konferenz"))},
        note=f"{speech.say(note)} {speech.say(everything)}" if left_out else "",
    )


def _when(when: PartialDate, speech: Catalogue) -> str:
    said = format_partial(when, speech.language)
    return said if isinstance(said, str) else speech.say(said)
