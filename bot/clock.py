"""The time. Nothing else in the house asks the system for it.

`SystemClock` is the real one. `ShiftedClock` shows another time (demo, checks) and can be moved forward. `FixedClock` stands
until it is told otherwise (tests, simulation). All times are aware datetimes in UTC.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What tells the time."""

    def now(self) -> datetime:
        """Return the time now, aware, in UTC."""
        ...

    def real_seconds_until(self, when: datetime) -> float:
        """Return how many real seconds pass until this clock shows `when`; 0 if it already has."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the time now, aware, in UTC."""
        return datetime.now(UTC)

    def real_seconds_until(self, when: datetime) -> float:
        """Return the seconds from now until `when`; 0 if it is past."""
        return max(0.0, (when - self.now()).total_seconds())


def real_time_in(seconds: float) -> datetime:
    """Return the machine's time in `seconds` from now, for alarms that run on the machine's clock."""
    return datetime.now(UTC) + timedelta(seconds=seconds)


class ShiftedClock:
    """A clock that shows `start` when it is made and runs `rate` times as fast as the real one; it can jump forward."""

    def __init__(self, start: datetime, rate: float = 1.0) -> None:
        self._shown = start.astimezone(UTC)
        self._rate = rate
        self._read_at = time.monotonic()

    def now(self) -> datetime:
        """Return the shown time, aware, in UTC."""
        return self._shown + timedelta(seconds=(time.monotonic() - self._read_at) * self._rate)

    def real_seconds_until(self, when: datetime) -> float:
        """Return the real seconds until the shown time is `when`; 0 if it is past."""
        return max(0.0, (when - self.now()).total_seconds() / self._rate)

    def jump_to(self, when: datetime) -> None:
        """Show `when` from now on. Never backwards: an earlier time is ignored."""
        if when > self.now():
            self._shown, self._read_at = when.astimezone(UTC), time.monotonic()


class FixedClock:
    """A clock that stands still at `shown` until somebody sets it."""

    def __init__(self, shown: datetime) -> None:
        self.shown = shown.astimezone(UTC)

    def now(self) -> datetime:
        """Return the time it is set to, aware, in UTC."""
        return self.shown

    def real_seconds_until(self, when: datetime) -> float:
        """Return the seconds between the set time and `when`; 0 if it is past."""
        return max(0.0, (when - self.shown).total_seconds())
