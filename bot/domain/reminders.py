"""When reminders come: ladders of steps before a deadline, on working days, in office hours."""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Reminder:
    """One step of one subject, for one debtor.

    `at`: when it is to be said. `until`: when it has lost its sense (the next step, or the deadline itself).
    `key` makes it one for ever. `ladder` names what is reminded of, whatever its date: something new has missed nothing.
    `in_place_of`: keys of others; it is only said if none of them was.
    """

    key: str
    policy: str
    subject: str
    step: str
    room: str
    at: datetime
    until: datetime
    lab: str | None = None
    data: dict[str, object] = field(default_factory=dict[str, object], compare=False)
    ladder: str = ""
    in_place_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Calendar:
    """Working time of one place. `day_off` tells public holidays; Saturdays and Sundays are always off."""

    zone: ZoneInfo
    opens: time
    day_off: Callable[[date], bool] = lambda _: False

    def working_day(self, day: date) -> date:
        """Return `day`, or the working day before it."""
        while day.weekday() >= 5 or self.day_off(day):  # noqa: PLR2004  (Saturday is 5)
            day -= timedelta(days=1)
        return day

    def opening(self, day: date) -> datetime:
        """Return the time, aware, at which office hours begin on `day`."""
        return datetime.combine(day, self.opens, self.zone)

    def end_of(self, day: date) -> datetime:
        """Return the time, aware, at which `day` is over."""
        return datetime.combine(day + timedelta(days=1), time(0), self.zone)


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of a ladder as it falls in the calendar: `days` before the deadline, said at `at`, pointless from `until` on."""

    days: int
    at: datetime
    until: datetime


def ladder(deadline: date, steps: Iterable[timedelta], calendar: Calendar) -> list[Rung]:
    """Return the steps before `deadline`, in the order of time.

    A step that falls on a day off moves to the working day before it. Each lasts until the next one comes, the last until the day
    of the deadline is over. Where two steps fall on one day, the nearer one is said.
    """
    at_days: dict[date, int] = {}
    for days in sorted({step.days for step in steps}, reverse=True):
        at_days[calendar.working_day(deadline - timedelta(days=days))] = days
    ordered = sorted(at_days.items())
    ends = [calendar.opening(day) for day, _ in ordered[1:]] + [calendar.end_of(deadline)]
    return [Rung(days, calendar.opening(day), end) for (day, days), end in zip(ordered, ends, strict=True)]


def unsaid(reminders: Iterable[Reminder], said: Container[str]) -> list[Reminder]:
    """Return those that are still to be said. `said`: the keys of what was said."""
    return [r for r in reminders if r.key not in said and not any(key in said for key in r.in_place_of)]


def due(reminders: Iterable[Reminder], now: datetime) -> list[Reminder]:
    """Return what ought to have been said by `now` and still makes sense, in the order of time."""
    return sorted((r for r in reminders if r.at <= now < r.until), key=lambda r: (r.at, r.key))


def next_at(reminders: Sequence[Reminder], now: datetime) -> datetime | None:
    """Return the time of the first reminder after `now`."""
    return min((r.at for r in reminders if r.at > now), default=None)
