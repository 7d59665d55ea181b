"""What comes again and again, at the same local time: rules as RFC 5545 writes them, and cron's five fields."""

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from bot.domain.cron import Cron, read_cron
from bot.domain.wall_clock import first_at_or_after
from bot.errors import UserError

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
WORKING_DAYS = (0, 1, 2, 3, 4)
_MOST_APART = 1000
"""Periods between two of a rule."""
_MOST_TRIED = 500
"""Days that are looked at before a rule is said to come no more: a 29 February comes within 8 years, a fifth Monday within months."""
_CRON_MONTHS = 12 * 41
"""… and months: a 29 February that is a Monday comes within 40 years."""


class Frequency(StrEnum):
    """How often a rule comes."""

    HOURLY = "HOURLY"
    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    YEARLY = "YEARLY"
    CRON = "CRON"


class NotARecurrence(ValueError):
    """The text is no rule that we know; `str()` is the text."""


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A rule. `str()` is its canonical text: RRULE parts (RFC 5545, 3.3.10) and DTSTART in one line, or `CRON=` and five fields.

    `every`: so many periods apart, counted from `start`, the first day on which it may come; for HOURLY from `since`, an instant in UTC.
    `weekdays`: WEEKLY, or the one of MONTHLY, 0 is Monday; `nth`: the how manieth of the month, -1 the last.
    `month_day`: MONTHLY and YEARLY, -1 the last. `clock`: local; None if no hour was said yet, and for HOURLY and CRON.
    """

    frequency: Frequency
    every: int = 1
    start: date | None = None
    since: datetime | None = None
    weekdays: tuple[int, ...] = ()
    nth: int | None = None
    month_day: int | None = None
    month: int | None = None
    clock: time | None = None
    fields: Cron | None = None

    def __post_init__(self) -> None:
        if not _is_whole(self):
            raise NotARecurrence(repr(self))

    def __str__(self) -> str:
        return f"CRON={self.fields.text}" if self.fields else ";".join(f"{name}={value}" for name, value in _parts(self))

    @classmethod
    def parse(cls, text: str) -> "Recurrence":
        """Read the canonical text: `FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0`, `CRON=0 9 * * 1-5`. Raises `NotARecurrence`."""
        try:
            rule = cls.cron(text[5:]) if text.startswith("CRON=") else cls(**_attributes(text))
        except (KeyError, ValueError, UserError) as error:
            raise NotARecurrence(text) from error
        if str(rule) != text:
            raise NotARecurrence(text)
        return rule

    @classmethod
    def cron(cls, fields: str) -> "Recurrence":
        """Read cron's five fields. Raises `UserError`, also for what never happens or happens more often than every 15 minutes."""
        return cls(Frequency.CRON, fields=read_cron(fields))

    def at(self, hour: time) -> "Recurrence":
        """Return the same rule at that local time; one that has hours of its own (HOURLY, CRON) stays as it is."""
        own_hours = self.frequency in (Frequency.HOURLY, Frequency.CRON)
        return self if own_hours else replace(self, clock=hour)

    @property
    def has_hour(self) -> bool:
        """Whether it says at which hours; without, `at` has to."""
        return self.clock is not None or self.frequency in (Frequency.HOURLY, Frequency.CRON)

    def next_after(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """Return when it is next, strictly after `moment` (aware), in `zone`; None if it never is.

        A local time that clocks skip comes at the first instant after the gap, one that they show twice the first time.
        Raises `ValueError` if the rule has no hour yet.
        """
        if self.frequency is Frequency.HOURLY:
            return self._next_hours(moment, zone)
        if self.clock is None and self.fields is None:
            raise ValueError(str(self))
        times = self.fields.times if self.fields else (self.clock,) if self.clock else ()
        try:
            # One day earlier: what a zone skips of a day comes on the next.
            earliest = max(moment.astimezone(zone).date() - timedelta(days=1), self.start or date.min)
            for day in self._days(earliest):
                for at in times:
                    instant = first_at_or_after(day, at, zone)
                    if instant.astimezone(UTC) > moment:
                        return instant
        except OverflowError:  # the calendar ends
            return None
        return None

    def _next_hours(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        since = self.since
        if since is None:
            return None
        step = timedelta(hours=self.every)
        passed = max((moment - since) // step + 1, 0)
        try:
            return (since + passed * step).astimezone(zone)
        except OverflowError:
            return None

    def _days(self, earliest: date) -> Iterator[date]:
        """Return the days of the rule from `earliest` on; a bounded number of them."""
        match self.frequency:
            case Frequency.DAILY:
                return _daily(self, earliest)
            case Frequency.WEEKLY:
                return _weekly(self, earliest)
            case Frequency.CRON if self.fields:
                return _by_cron(self.fields, earliest)
            case _:
                return _by_month(self, earliest)


def _daily(rule: Recurrence, earliest: date) -> Iterator[date]:
    late = (earliest - (rule.start or earliest)).days % rule.every
    day = earliest + timedelta(days=-late % rule.every)
    for _ in range(_MOST_TRIED):
        yield day
        day += timedelta(days=rule.every)


def _weekly(rule: Recurrence, earliest: date) -> Iterator[date]:
    monday = earliest - timedelta(days=earliest.weekday())
    start = rule.start or monday
    weeks = (monday - start + timedelta(days=start.weekday())).days // 7
    monday += timedelta(weeks=-weeks % rule.every)
    for _ in range(_MOST_TRIED):
        for weekday in rule.weekdays:
            day = monday + timedelta(days=weekday)
            if day >= earliest:
                yield day
        monday += timedelta(weeks=rule.every)


def _by_month(rule: Recurrence, earliest: date) -> Iterator[date]:
    months = rule.every if rule.frequency is Frequency.MONTHLY else 12 * rule.every
    current = earliest.year * 12 + earliest.month - 1
    start = _first_month(rule, current)
    index = start + -(-(current - start) // months) * months
    for _ in range(_MOST_TRIED):
        year, month = divmod(index, 12)
        if year > date.max.year:
            return
        day = _day_of_month(rule, year, month + 1)
        if day and day >= earliest:
            yield day
        index += months


def _first_month(rule: Recurrence, current: int) -> int:
    """Return the month from which periods are counted, as years * 12 + months."""
    first = rule.start.year * 12 + rule.start.month - 1 if rule.start else current
    return first if rule.month is None else first // 12 * 12 + rule.month - 1


def _day_of_month(rule: Recurrence, year: int, month: int) -> date | None:
    length = calendar.monthrange(year, month)[1]
    if rule.month_day is not None:
        number = length if rule.month_day == -1 else rule.month_day
    elif rule.nth == -1:
        number = length - (date(year, month, length).weekday() - rule.weekdays[0]) % 7
    else:
        number = 1 + (rule.weekdays[0] - date(year, month, 1).weekday()) % 7 + 7 * ((rule.nth or 1) - 1)
    return date(year, month, number) if number <= length else None


def _by_cron(cron: Cron, earliest: date) -> Iterator[date]:
    year, month = earliest.year, earliest.month
    for _ in range(_CRON_MONTHS):
        if month in cron.months:
            for number in range(1, calendar.monthrange(year, month)[1] + 1):
                day = date(year, month, number)
                if day >= earliest and cron.is_on(day):
                    yield day
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)  # noqa: PLR2004  (months)
        if year > date.max.year:
            return


# The text of a rule


def _parts(rule: Recurrence) -> Iterator[tuple[str, object]]:
    yield "FREQ", rule.frequency
    if rule.every > 1:
        yield "INTERVAL", rule.every
    if rule.month is not None:
        yield "BYMONTH", rule.month
    if rule.month_day is not None:
        yield "BYMONTHDAY", rule.month_day
    if rule.weekdays:
        yield "BYDAY", ",".join(f"{rule.nth or ''}{WEEKDAYS[weekday]}" for weekday in rule.weekdays)
    if rule.clock:
        yield "BYHOUR", rule.clock.hour
        yield "BYMINUTE", rule.clock.minute
    if rule.since:
        yield "DTSTART", f"{rule.since:%Y%m%dT%H%M%SZ}"
    elif rule.start:
        yield "DTSTART", f"{rule.start:%Y%m%d}"


def _attributes(text: str) -> dict[str, Any]:
    """Return what a text says. Raises `ValueError` or `KeyError` for what is no rule."""
    said = dict(part.split("=", 1) for part in text.split(";"))
    found: dict[str, Any] = {"frequency": Frequency(said["FREQ"]), "every": int(said.get("INTERVAL", "1"))}
    for name, attribute in (("BYMONTH", "month"), ("BYMONTHDAY", "month_day")):
        if name in said:
            found[attribute] = int(said[name])
    if "BYDAY" in said:
        found |= _by_day(said["BYDAY"])
    if "BYHOUR" in said:
        found["clock"] = time(int(said["BYHOUR"]), int(said["BYMINUTE"]))
    if "DTSTART" in said:
        found |= _start(said["DTSTART"])
    return found


def _by_day(typed: str) -> dict[str, Any]:
    numbered = re.fullmatch(r"(-1|[1-5])([A-Z]{2})", typed)
    if numbered:
        return {"nth": int(numbered[1]), "weekdays": (WEEKDAYS.index(numbered[2]),)}
    return {"weekdays": tuple(WEEKDAYS.index(day) for day in typed.split(","))}


def _start(typed: str) -> dict[str, Any]:
    if typed.endswith("Z"):
        return {"since": datetime.strptime(typed, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)}
    return {"start": datetime.strptime(typed, "%Y%m%d").replace(tzinfo=UTC).date()}


def _is_whole(rule: Recurrence) -> bool:  # noqa: PLR0911  (one line per frequency)
    """Whether a rule has what its frequency needs, nothing else, and can ever come."""
    if not 1 <= rule.every <= _MOST_APART or (rule.every > 1 and rule.start is None and rule.since is None):
        return False
    has = {name for name in ("since", "start", "weekdays", "nth", "month_day", "month", "clock", "fields") if _is_given(rule, name)}
    match rule.frequency:
        case Frequency.HOURLY:
            return has == {"since"}
        case Frequency.CRON:
            return has == {"fields"} and rule.every == 1
        case Frequency.DAILY:
            return has <= {"start", "clock"}
        case Frequency.WEEKLY:
            return has - {"start", "clock"} == {"weekdays"} and _are_weekdays(rule.weekdays)
        case Frequency.MONTHLY:
            return has - {"start", "clock"} in ({"month_day"}, {"weekdays", "nth"}) and _is_day_of_month(rule, 31)
        case Frequency.YEARLY:
            return has - {"start", "clock"} == {"month", "month_day"} and _is_day_of_year(rule)


def _is_given(rule: Recurrence, name: str) -> bool:
    return getattr(rule, name) not in (None, ())


def _are_weekdays(weekdays: tuple[int, ...]) -> bool:
    return list(weekdays) == sorted(set(weekdays)) and set(weekdays) <= set(range(7))


def _is_day_of_month(rule: Recurrence, longest: int) -> bool:
    if rule.month_day is not None:
        return rule.month_day == -1 or 1 <= rule.month_day <= longest
    return rule.nth in (-1, 1, 2, 3, 4, 5) and len(rule.weekdays) == 1 and _are_weekdays(rule.weekdays)


def _is_day_of_year(rule: Recurrence) -> bool:
    leap = 2024
    return rule.month in range(1, 13) and _is_day_of_month(rule, calendar.monthrange(leap, rule.month or 1)[1])
