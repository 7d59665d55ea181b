"""`netzwart simulate --picture`: what would be said, on a time line, as a file."""

import asyncio
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from bot.domain.dates import PartialDate, Precision
from bot.domain.places import COORDINATION, NETWORK, RESEARCH, lab_of_room
from bot.domain.programme import in_order, spans
from bot.errors import Text, UserError, ntext, text
from bot.pictures import draw_reminders
from bot.pictures.reminders import Chart, Dated, Lane, Words
from bot.pictures.shapes import Look, Stage
from bot.reminder_policy import ReminderPolicy
from bot.rendering import Catalogue
from bot.rendering.dates import format_partial
from bot.simulation import Course, Simulated

ENDINGS = (".svg", ".png")


def check_ending(file: Path) -> None:
    """Raise `UserError` if the file's name does not say which picture it is to be."""
    if file.suffix.lower() not in ENDINGS:
        raise UserError("»%(file)s« endet weder auf .svg noch auf .png; ein anderes Bild kann ich nicht.", file=str(file))


async def write_picture(file: Path, chart: Chart) -> None:
    """Draw the picture into a file: whole, or not at all. Raises `UserError` if it cannot be written there."""
    data = await draw_reminders(chart, file.suffix.lower())
    try:
        await asyncio.to_thread(_write, file, data)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError("Nach %(file)s kann ich nicht schreiben: %(reason)s", file=str(file), reason=reason) from error


def _write(file: Path, data: bytes) -> None:
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        draft.write_bytes(data)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def chart_of(
    course: Course,
    policies: Iterable[ReminderPolicy[Any]],
    first: date,
    last: date,
    supposed: Sequence[str],
    speech: Catalogue,
) -> Chart:
    """Return what is to be drawn of a simulation from day `first` to day `last`. `supposed`: as it was typed."""
    lanes = tuple(_lane(lane, said, speech) for lane, said in _by_lane(course, policies).items())
    events = tuple(_dated(e.title, e.when, e.kind, speech, cancelled=e.cancelled) for e in in_order(course.events))
    in_time = sorted(course.reports, key=lambda report: (report.due.sort_key, report.key))
    reports = tuple(_dated(report.key, report.due, "report", speech) for report in in_time)
    days = [_when(PartialDate.day(day), speech) for day in (first, last)]
    words = _words(course, sum(lane.messages for lane in lanes), " – ".join(dict.fromkeys(days)), supposed, speech)
    return Chart(first, last, events, reports, tuple(_stages(course, speech)), lanes, words, speech.language)


_Key = tuple[ReminderPolicy[Any], str]
"""What is one lane: what a policy says in rooms of one kind."""

_PLACES = {
    "labs": text("Labore"),
    RESEARCH: text("Forschung"),
    NETWORK: text("Netzwerk"),
    COORDINATION: text("Koordination"),
}


def _by_lane(course: Course, policies: Iterable[ReminderPolicy[Any]]) -> dict[_Key, list[Simulated]]:
    """Return what is said by lanes, in the order in which policies begin; those of one policy below each other, labs first."""
    by_name = {policy.name: policy for policy in policies}
    begin = list(dict.fromkeys(simulated.reminder.policy for simulated in course.said))
    found: dict[_Key, list[Simulated]] = defaultdict(list)
    for simulated in sorted(course.said, key=lambda s: (begin.index(s.reminder.policy), lab_of_room(s.reminder.room) is None)):
        room = simulated.reminder.room
        found[by_name[simulated.reminder.policy], "labs" if lab_of_room(room) else room].append(simulated)
    return found


def _lane(lane: _Key, said: Sequence[Simulated], speech: Catalogue) -> Lane:
    policy, place = lane
    rooms: dict[date, set[str]] = defaultdict(set)
    for simulated in said:
        rooms[simulated.at.date()].add(simulated.reminder.room)
    # What merges is one message for each room and moment.
    messages = len({(simulated.at, simulated.reminder.room) for simulated in said}) if policy.merges else len(said)
    amount = _amount(messages, len({simulated.reminder.room for simulated in said}))
    where = speech.say(_PLACES[place]) if place in _PLACES else place
    days = tuple((day, len(places)) for day, places in rooms.items())
    title = speech.say(policy.title) if policy.title else policy.name
    return Lane(title, f"{where}: {speech.say(amount)}", days, messages)


def _amount(messages: int, rooms: int) -> Text:
    said = ntext("%(n)s Nachricht", "%(n)s Nachrichten", messages)
    return said if rooms == 1 else text("%(messages)s in %(n)s Räumen", messages=said, n=rooms)


def _dated(name: str, when: PartialDate, kind: str, speech: Catalogue, *, cancelled: bool = False) -> Dated:
    said = [name, str(when.first.year) if when.precision is Precision.OPEN else _when(when, speech)]
    said += [speech.say(text("abgesagt"))] if cancelled else []
    return Dated(", ".join(said), when, kind, Look.CANCELLED if cancelled else Look.COMING)


def _stages(course: Course, speech: Catalogue) -> Iterator[Stage]:
    """Yield the phases with the days that surely belong to them."""
    for span in spans(course.phases, course.events):
        first, last = span.after.when.last + timedelta(days=1), span.before.when.first - timedelta(days=1)
        if first <= last:
            number = span.phase.number
            yield Stage(speech.say(text("Phase %(n)s", n=number)), str(number), first, last)


def _words(course: Course, messages: int, period: str, supposed: Sequence[str], speech: Catalogue) -> Words:
    rooms = len({simulated.reminder.room for simulated in course.said})
    summary = _amount(messages, rooms) if course.said else text("In dieser Zeit wird an nichts erinnert.")
    return Words(
        heading=speech.say(text("Erinnerungen")),
        period=period,
        summary=speech.say(summary),
        supposed=tuple(speech.say(text("Angenommen: %(what)s", what=each)) for each in _few(supposed)),
        open=speech.say(text("Termin noch offen")),
        vague=speech.say(text("Tag steht noch nicht fest")),
        one=speech.say(text("an einem Tag in 13 Räumen")),
        many=speech.say(text("an 8 Tagen, jeweils in 13 Räumen; je länger ein Strich, desto mehr Räume")),
        more=speech.say(text("Ohne Platz im Bild")),
        kinds={
            "workshop": speech.say(text("Workshop")),
            "conference": speech.say(text("Konferenz")),
            "report": speech.say(text("Bericht fällig")),
        },
    )


_MOST_SUPPOSED = 6


def _few(supposed: Sequence[str]) -> list[str]:
    """Return what was supposed, one a line; several on the last if there are many."""
    return [
        *supposed[: _MOST_SUPPOSED - 1],
        *([" · ".join(supposed[_MOST_SUPPOSED - 1 :])] if len(supposed) >= _MOST_SUPPOSED else []),
    ]


def _when(when: PartialDate, speech: Catalogue) -> str:
    said = format_partial(when, speech.language)
    return said if isinstance(said, str) else speech.say(said)
