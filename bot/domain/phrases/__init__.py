"""Dates and times as people write them, in German and English. Nothing here guesses: what has two readings is refused with both."""

from datetime import date, datetime

from bot.domain.dates import PartialDate
from bot.domain.phrases.dates import read_whole_date
from bot.domain.phrases.when import DayOnly, Moment, Recurring, When

__all__ = ["DayOnly", "Moment", "Recurring", "When", "read_any", "read_date", "read_when"]


def read_date(phrase: str, today: date) -> PartialDate:
    """Return the date that all of `phrase` is. Without a year it is the next such date that is not over.

    Raises `UserError` for what is not understood, does not exist, or can be read in two ways.
    """
    return read_whole_date(phrase, today)


def read_when(words: str, now: datetime) -> tuple[When, str]:
    """Return when the longest beginning of `words` says, and the text that follows it.

    `now` is aware, in the network's zone. Raises `UserError` for what is not understood, is past, does not exist, or can be read
    in two ways.
    """
    raise NotImplementedError


def read_any(phrase: str, now: datetime) -> When | PartialDate:
    """Return what all of `phrase` says: when, or a date less exact than a day. Raises `UserError` as the others do."""
    raise NotImplementedError
