"""When reminders come: ladders of steps before a deadline, on working days, in office hours."""

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Reminder:
    """One step of one subject, for one debtor.

    `room`: key of a configured room, or a room id. `at`: when it is to be said. `until`: when it has lost its sense (the next step, or the
    deadline itself). `key` makes it one for ever. `ladder` names what is reminded of, whatever its date: something new has missed nothing.
    `in_place_of`: keys of others; it is only said if none of them was. `hours`: the working time outside of which it waits, None if it
    comes at any hour. `timing` names what its time follows from, if that may change: what was set only after that time is not late.
    `mentions`: whom to mention, the first of them who is in the room. `calls`: whom it mentions all of, people or `@room`.
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
    hours: "Calendar | None" = None
    timing: str = ""
    mentions: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Calendar:
    """Working time of one place, from `opens` to `closes`. `day_off` tells public holidays; Saturdays and Sundays are always off."""

    zone: ZoneInfo
    opens: time
    day_off: Callable[[date], bool] = lambda _: False
    closes: time = time.max

    def works_on(self, day: date) -> bool:
        """Whether `day` is a working day."""
        return day.weekday() < 5 and not self.day_off(day)  # noqa: PLR2004  (Saturday is 5)

    def working_day(self, day: date) -> date:
        """Return `day`, or the working day before it."""
        while not self.works_on(day):
            day -= timedelta(days=1)
        return day

    def working_day_from(self, day: date) -> date:
        """Return `day`, or the working day after it."""
        while not self.works_on(day):
            day += timedelta(days=1)
        return day

    def is_open(self, moment: datetime) -> bool:
        """Whether `moment` lies in working time."""
        here = moment.astimezone(self.zone)
        return self.works_on(here.date()) and self.opens <= here.time() < self.closes

    def next_opening(self, moment: datetime) -> datetime:
        """Return `moment` if it lies in working time, else when that begins next."""
        if self.is_open(moment):
            return moment
        here = moment.astimezone(self.zone)
        day = here.date() if here.time() < self.opens else here.date() + timedelta(days=1)
        return self.opening(self.working_day_from(day))

    def opening(self, day: date) -> datetime:
        """Return the time, aware, at which office hours begin on `day`."""
        return datetime.combine(day, self.opens, self.zone)

    def end_of(self, day: date) -> datetime:
        """Return the time, aware, at which `day` is over."""
        return datetime.combine(day + timedelta(days=1), time(0), self.zone)


@dataclass(frozen=True, slots=True)
class Ladder:
    """When reminders of a deadline come: so long before it, so long after it, and after how long coordinators hear of it."""

    steps: tuple[timedelta, ...]
    overdue_steps: tuple[timedelta, ...]
    escalate_after: timedelta


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of a ladder as it falls in the calendar: `days` before (or after) the deadline, said at `at`, pointless from `until` on."""

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


_REPEATED_FOR = timedelta(weeks=26)


def overdue_ladder(deadline: date, steps: Iterable[timedelta], calendar: Calendar) -> list[Rung]:
    """Return the steps after `deadline`, in the order of time; after the last, more of them at the same distance, for half a year.

    A step that falls on a day off moves to the working day after it. Each lasts until the next one comes, the last for a week.
    """
    days = sorted({step.days for step in steps if step.days > 0})
    if len(days) > 1:
        distance = days[-1] - days[-2]
        days += range(days[-1] + distance, _REPEATED_FOR.days + 1, distance)
    at_days = {calendar.working_day_from(deadline + timedelta(days=step)): step for step in reversed(days)}
    ordered = sorted(at_days.items())
    ends = [calendar.opening(day) for day, _ in ordered[1:]]
    if ordered:
        ends.append(calendar.end_of(ordered[-1][0] + timedelta(days=6)))
    return [Rung(step, calendar.opening(day), end) for (day, step), end in zip(ordered, ends, strict=True)]


def unsaid(reminders: Iterable[Reminder], said: Container[str]) -> list[Reminder]:
    """Return those that are still to be said. `said`: the keys of what was said."""
    return [r for r in reminders if r.key not in said and not any(key in said for key in r.in_place_of)]


def wanted(reminders: Iterable[Reminder], now: datetime) -> list[Reminder]:
    """Return what ought to have been said by `now` and still makes sense, in the order of time."""
    return sorted((r for r in reminders if r.at <= now < r.until), key=lambda r: (r.at, r.key))


def due(reminders: Iterable[Reminder], now: datetime) -> list[Reminder]:
    """Return what is `wanted` and may be said at this hour. What was missed while nobody was here does not come at night."""
    return [r for r in wanted(reminders, now) if r.hours is None or r.hours.is_open(now)]


def next_at(reminders: Iterable[Reminder], now: datetime) -> datetime | None:
    """Return the time of the first reminder after `now`; one that waits for working time comes when that begins."""
    return min(filter(None, (_coming(r, now) for r in reminders)), default=None)


def _coming(reminder: Reminder, now: datetime) -> datetime | None:
    if reminder.at > now:
        return reminder.at
    if reminder.hours is None or reminder.until <= now or reminder.hours.is_open(now):
        return None
    opening = reminder.hours.next_opening(now)
    return opening if opening < reminder.until else None
