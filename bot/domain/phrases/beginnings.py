"""What words begin with: a date, a time, both in either order, a while, a rhythm. The longest reading is the one that was said."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from bot.domain.dates import PartialDate, Precision
from bot.domain.phrases.clock_times import CLOCKS, DAY_CLOCKS, ENGLISH_CLOCKS
from bot.domain.phrases.dates import find_date
from bot.domain.phrases.moments import existing_once, still_to_come
from bot.domain.phrases.refusals import two_readings
from bot.domain.phrases.rhythms import RHYTHMS, anchored
from bot.domain.phrases.said import Found, Said
from bot.domain.phrases.when import Moment, Recurring, When
from bot.domain.phrases.whiles import WHILES
from bot.domain.phrases.words import language, number
from bot.domain.recurrence import Recurrence
from bot.errors import UserError, text

_JOINT = re.compile(r"(?<=[0-9])t(?=[0-9])| ?,? ?")
_GERMAN_OPENINGS = ("am", "an", "im", "vom", "von", "der", "den", "dem", "an dem", "in der")
_ENGLISH_OPENINGS = ("on", "at", "the", "from", "in the")
_GERMAN_CLOCK = re.compile(r"(?:\w+ )?um\b|.*\buhr\b")
_ENGLISH_CLOCK = re.compile(r"(?:\w+ )?at\b")
_AFTER_AM = re.compile(r"[.,:;!?]*(?:$|\n)|,? (?:on|tomorrow|today|every|each|daily|weekdays|next|this)\b")
_BARE_AM = re.compile(r" am\b(?!\.)")


@dataclass(frozen=True, slots=True)
class Reading:
    """What words can mean, not checked yet. `end`: where it ends in the folded words.

    `bare_hour`: the same up to its hour as a number, if minutes could follow ("morgen um 10" of "morgen um zehn Uhr"), else "".
    """

    end: int
    read: Callable[[], When | PartialDate]
    bare_hour: str = ""


@dataclass(frozen=True, slots=True)
class _Clock:
    end: int
    read: Callable[[date], time]
    bare_hour: str


def longest_reading(said: Said, now: datetime) -> Reading | None:
    """Return the longest reading of the beginning, None if it says nothing of time."""
    return max(_readings(said, now), key=lambda reading: reading.end, default=None)


def _readings(said: Said, now: datetime) -> Iterator[Reading]:
    yield from _rhythms(said, now)
    yield from _whiles(said, now)
    yield from _dates(said, now)
    yield from _clocks(said, now)


def _rhythms(said: Said, now: datetime) -> Iterator[Reading]:
    rhythm = RHYTHMS.longest(said, 0, now.date())
    if rhythm is None:
        return
    found, read = rhythm
    clock = _clock_after(said, found.end, language(found.match.group()))

    def recurring() -> Recurring:
        if clock is None:
            rule = anchored(read(found), None, now)
            return Recurring(rule, hour_said=rule.has_hour)
        return _timed(rhythm, clock, now)

    yield Reading(clock.end if clock else found.end, recurring, bare_hour=clock.bare_hour if clock else "")


def _whiles(said: Said, now: datetime) -> Iterator[Reading]:
    found = WHILES.longest(said, 0, now.date())
    if found:

        def moment() -> Moment:
            try:
                at = (now.astimezone(UTC) + found[1](found[0])).astimezone(now.tzinfo)
            except OverflowError:
                raise UserError("»%(said)s« ist zu weit weg.", said=found[0].typed) from None
            return Moment(still_to_come(at, now))

        yield Reading(found[0].end, moment)


def _dates(said: Said, now: datetime) -> Iterator[Reading]:
    found = find_date(said, 0, now.date())
    if found is None:
        return
    tongue = _tongue_of(found.opening) or found.language
    clock = _clock_after(said, found.end, tongue)
    if clock is None:
        yield Reading(found.end, found.read)
        return

    def moment() -> Moment:
        day = _single_day(found.read(), said.typed(0, found.end))
        return _moment(day, clock.read(day), now)

    yield Reading(clock.end, moment, bare_hour=clock.bare_hour)


def _clocks(said: Said, now: datetime) -> Iterator[Reading]:
    clock = _find_clock(said, 0, None, after_day=False)
    if clock is None:
        return
    joint = _JOINT.match(said.plain, clock.end)
    at = joint.end() if joint else clock.end
    yield Reading(clock.end, lambda: _moment(now.date(), clock.read(now.date()), now), bare_hour=clock.bare_hour)
    if at == clock.end:
        return
    date_found = find_date(said, at, now.date())
    if date_found and not date_found.vague:

        def moment() -> Moment:
            day = _single_day(date_found.read(), said.typed(at, date_found.end))
            return _moment(day, clock.read(day), now)

        yield Reading(date_found.end, moment)
    rhythm = RHYTHMS.longest(said, at, now.date())
    if rhythm:
        yield Reading(rhythm[0].end, lambda: _timed(rhythm, clock, now))


def _timed(rhythm: tuple[Found, Callable[[Found], Recurrence]], clock: _Clock, now: datetime) -> Recurring:
    """Return the rhythm at that time of day. Raises `UserError` for one that has hours of its own."""
    found, read = rhythm
    rule = read(found)
    if rule.has_hour:
        raise UserError("»%(said)s« sagt schon, zu welchen Stunden; eine Uhrzeit dazu geht nicht.", said=found.typed)
    return Recurring(anchored(rule, clock.read(now.date()), now), hour_said=True)


def _single_day(when: PartialDate, typed: str) -> date:
    if when.precision is not Precision.DAY:
        raise no_single_day(typed)
    return when.first


def no_single_day(typed: str) -> UserError:
    """Return the refusal of a date that is not one day where one is needed."""
    return UserError(
        "»%(said)s« ist kein einzelner Tag. Richtig wäre zum Beispiel »30.10.2020« oder »nächsten Freitag«.", said=typed
    )


def _moment(day: date, clock: time, now: datetime) -> Moment:
    return Moment(still_to_come(existing_once(day, clock, now), now))


def _tongue_of(opening: str) -> str | None:
    return "de" if opening in _GERMAN_OPENINGS else "en" if opening in _ENGLISH_OPENINGS else None


def _clock_after(said: Said, end: int, tongue: str | None) -> _Clock | None:
    joint = _JOINT.match(said.plain, end)
    return _find_clock(said, joint.end() if joint else end, tongue, after_day=True)


def _find_clock(said: Said, start: int, tongue: str | None, *, after_day: bool) -> _Clock | None:
    """Return the longest time of day that stands at `start`; am and pm only where the words are English."""
    day = date.min
    found = [CLOCKS.longest(said, start, day), DAY_CLOCKS.longest(said, start, day) if after_day else None]
    english = ENGLISH_CLOCKS.longest(said, start, day)
    if english and _is_half(english[0], tongue):
        found.append(english)
    clocks = [clock for clock in found if clock]
    if not clocks:
        return None
    clock, read = max(clocks, key=lambda one: one[0].end)
    return _Clock(
        clock.end,
        lambda day: _read_clock(Found(said, clock.match, day), read, tongue),
        _bare_hour(clock),
    )


def _bare_hour(clock: Found) -> str:
    if not clock["hour"] or clock["minute"] or clock["half"] or clock["after"]:
        return ""
    return f"{clock.said.typed(0, clock.match.start('hour'))} {number(clock['hour'])}".lstrip()


def _is_half(found: Found, tongue: str | None) -> bool:
    """Whether "am" or "pm" is half a day: in English it is, in German never; where neither is certain, if nothing else is possible."""
    typed = found.match.group()
    tongue = tongue or ("en" if _ENGLISH_CLOCK.match(typed) else "de" if _GERMAN_CLOCK.match(typed) else None)
    if tongue is not None:
        return tongue == "en"
    return not typed.endswith(" am") or _AFTER_AM.match(found.said.plain, found.end) is not None


def _read_clock(found: Found, read: Callable[[Found], time], tongue: str | None) -> time:
    """Return the time. Raises `UserError` for 12:30 before an "am" that may be half a day or a German word."""
    at = read(found)
    doubtful = tongue is None and at.hour == 12 and not found["half"] and _BARE_AM.match(found.said.plain, found.end)  # noqa: PLR2004  (noon)
    if doubtful and found.said.plain[found.end :].strip() != "am" and find_date(found.said, found.end + 1, found.today) is None:
        raise two_readings(
            found.typed, text("%(moment)s Uhr", moment=f"{at:%H:%M}"), text("%(moment)s Uhr", moment=f"0:{at.minute:02d}")
        )
    return at
