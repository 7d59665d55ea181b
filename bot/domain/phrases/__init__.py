"""Dates and times as people write them, in German and English. Nothing here guesses: what has two readings is refused with both."""

from datetime import date, datetime

from bot.domain.chat_words import one_line
from bot.domain.dates import PartialDate, Precision
from bot.domain.phrases.beginnings import longest_reading, no_single_day
from bot.domain.phrases.dates import CLOCK_OR_DAY, clock_or_day, read_whole_date, written_in_edtf
from bot.domain.phrases.leftovers import text_after
from bot.domain.phrases.moments import WITH_OFFSET, check_not_over, instant, still_to_come
from bot.domain.phrases.refusals import NoDate, no_when, no_when_at_all, not_all
from bot.domain.phrases.said import Said
from bot.domain.phrases.when import DayOnly, Moment, Recurring, When
from bot.domain.recurrence import NotARecurrence, Recurrence
from bot.errors import UserError

__all__ = ["OPENINGS", "DayOnly", "Moment", "NoDate", "Recurring", "When", "read_any", "read_date", "read_when"]

OPENINGS = ("am", "on", "at")
"""Where a date need not be: with which of these words one begins."""


def read_date(phrase: str, today: date) -> PartialDate:
    """Return the date that all of `phrase` is. Without a year it is the next such date that is not over.

    Raises `UserError` for what is not understood, does not exist, or can be read in two ways.
    """
    return read_whole_date(phrase, today)


def read_when(words: str, now: datetime) -> tuple[When, str]:
    """Return when the longest beginning of `words` says, and the text that follows it.

    `now` is aware, in the network's zone. Raises `UserError` for what is not understood, is past, does not exist, or can be read
    in two ways; `NoDate` if the words do not begin with anything that says when.
    """
    said = Said.of(words)
    reading = longest_reading(said, now)
    if reading is None:
        raise no_when(words, now)
    when = reading.read()
    if isinstance(when, PartialDate):
        if when.precision is not Precision.DAY:
            raise no_single_day(said.typed(0, reading.end))
        check_not_over(when.first, now.date())
        when = DayOnly(when.first)
    return when, text_after(said, reading)


def read_any(phrase: str, now: datetime) -> When | PartialDate:
    """Return what all of `phrase` says: when, or a date that is past or less exact than a day. Raises `UserError` as the others do.

    Canonical texts are read as well: EDTF, also of a time with its offset (`2021-09-16T10:00:00+02:00`), and that of a recurrence.
    """
    typed = phrase.strip()
    if typed.startswith(("FREQ=", "CRON=")):
        return _rule(typed)
    if WITH_OFFSET.fullmatch(typed):
        return Moment(still_to_come(instant(typed, now), now))
    said = Said.of(typed)
    if CLOCK_OR_DAY.fullmatch(said.plain):
        raise clock_or_day(said.plain)
    reading = longest_reading(said, now)
    if reading is None or written_in_edtf(said):
        return _date(typed, now)
    if not said.is_over(reading.end):
        reading.read()
        raise not_all(said.typed(0, reading.end), said.after(reading.end))
    found = reading.read()
    return _exact(found, now) if isinstance(found, PartialDate) else found


def _date(typed: str, now: datetime) -> When | PartialDate:
    try:
        return _exact(read_whole_date(typed, now.date()), now)
    except NoDate:
        raise no_when_at_all(typed) from None


def _exact(found: PartialDate, now: datetime) -> When | PartialDate:
    to_come = found.precision is Precision.DAY and found.first >= now.date()
    return DayOnly(found.first) if to_come else found


def _rule(typed: str) -> Recurring:
    try:
        rule = Recurrence.parse(typed)
    except NotARecurrence:
        raise UserError(
            "»%(rule)s« ist keine Wiederholung, die ich kenne. Richtig wäre zum Beispiel »%(example)s«.",
            rule=one_line(typed, 80),
            example="FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0",
        ) from None
    return Recurring(rule, hour_said=rule.has_hour)
