"""Dates that keep their precision.

A `PartialDate` is what the network knows of a date: a day, an interval of days, a month, a quarter, a season, a year, or a
year whose day is still open. It is written as EDTF (ISO 8601-2, level 1 and the parts of level 2 named here). Nothing here
invents a day: `first` and `last` are the first and the last day that the date can possibly mean.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

_SEASON_FIRST_MONTH = {21: 3, 22: 6, 23: 9, 24: 12}
_QUARTER_FIRST_MONTH = {33: 1, 34: 4, 35: 7, 36: 10}

_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_MONTH = re.compile(r"(\d{4})-(\d{2})", re.ASCII)
_YEAR = re.compile(r"(\d{4})", re.ASCII)
_OPEN = re.compile(r"(\d{4})-XX-XX", re.ASCII)


class Precision(StrEnum):
    """How exactly a date is known."""

    DAY = "day"
    INTERVAL = "interval"
    MONTH = "month"
    QUARTER = "quarter"
    SEASON = "season"
    YEAR = "year"
    OPEN = "open"


class NotADate(ValueError):
    """The text is no EDTF date of a kind that the network uses; `str()` is the text."""


LIKELY_YEARS = range(1900, 2200)
"""Beyond them a date is a slip of the finger; and reminders reckon with days and years before and after it."""


@dataclass(frozen=True, slots=True)
class PartialDate:
    """A date as exact as it is known. Two are equal if their EDTF is equal.

    `first`, `last`: first and last possible day, both inclusive. `edtf`: the canonical text.
    """

    edtf: str
    precision: Precision
    first: date
    last: date

    @property
    def exact(self) -> bool:
        """Whether the day (or each day of the interval) is known."""
        return self.precision in (Precision.DAY, Precision.INTERVAL)

    @property
    def likely(self) -> bool:
        """Whether a network may have such a date in its programme."""
        return self.first.year in LIKELY_YEARS and self.last.year in LIKELY_YEARS

    @property
    def sort_key(self) -> tuple[date, date]:
        """Orders by the last possible day: what is vague comes after what is certain."""
        return (self.last, self.first)

    def __str__(self) -> str:
        return self.edtf

    @classmethod
    def day(cls, day: date) -> "PartialDate":
        """Return the date that is exactly `day`."""
        return cls(day.isoformat(), Precision.DAY, day, day)

    @classmethod
    def parse(cls, edtf: str) -> "PartialDate":
        """Read EDTF: `2020-10-30`, `2020-06-15/2020-06-16`, `2022-02`, `2022-33` (quarter), `2022-21` (season), `2022`, `2021-XX-XX`.

        Raises `NotADate` for anything else, also for days that do not exist and intervals that run backwards.
        """
        try:
            if "/" in edtf:
                return _interval(edtf)
            if match := _DAY.fullmatch(edtf):
                return cls.day(date(*map(int, match.groups())))
            if match := _MONTH.fullmatch(edtf):
                return _month_or_season(edtf, int(match[1]), int(match[2]))
            if match := _YEAR.fullmatch(edtf):
                return _whole_year(edtf, int(match[1]), Precision.YEAR)
            if match := _OPEN.fullmatch(edtf):
                return _whole_year(edtf, int(match[1]), Precision.OPEN)
        except ValueError as error:
            raise NotADate(edtf) from error
        raise NotADate(edtf)


def _interval(edtf: str) -> PartialDate:
    start, end = (PartialDate.parse(part) for part in edtf.split("/", 1))
    if start.precision is not Precision.DAY or end.precision is not Precision.DAY or end.first <= start.first:
        raise NotADate(edtf)
    return PartialDate(edtf, Precision.INTERVAL, start.first, end.last)


def _month_or_season(edtf: str, year: int, number: int) -> PartialDate:
    if number in _SEASON_FIRST_MONTH:
        return PartialDate(edtf, Precision.SEASON, *_months(year, _SEASON_FIRST_MONTH[number], 3))
    if number in _QUARTER_FIRST_MONTH:
        return PartialDate(edtf, Precision.QUARTER, *_months(year, _QUARTER_FIRST_MONTH[number], 3))
    return PartialDate(edtf, Precision.MONTH, *_months(year, number, 1))


def _months(year: int, first_month: int, count: int) -> tuple[date, date]:
    last_year, last_month = divmod(year * 12 + first_month - 1 + count - 1, 12)
    last_day = calendar.monthrange(last_year, last_month + 1)[1]
    return date(year, first_month, 1), date(last_year, last_month + 1, last_day)


def _whole_year(edtf: str, year: int, precision: Precision) -> PartialDate:
    return PartialDate(edtf, precision, date(year, 1, 1), date(year, 12, 31))
