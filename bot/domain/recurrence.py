"""What comes again and again, at the same local time: rules as RFC 5545 writes them, and cron's five fields."""

from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A rule. `str()` is its canonical text, an RRULE (RFC 5545, 3.3.10) with its DTSTART, or `CRON=` and five fields."""

    def __str__(self) -> str:
        raise NotImplementedError

    @classmethod
    def parse(cls, text: str) -> "Recurrence":
        """Read the canonical text. Raises `NotARecurrence`."""
        raise NotImplementedError

    @classmethod
    def cron(cls, fields: str) -> "Recurrence":
        """Read cron's five fields. Raises `UserError`, also for what never happens or happens more often than every 15 minutes."""
        raise NotImplementedError

    def at(self, hour: time) -> "Recurrence":
        """Return the same rule at that time of day."""
        raise NotImplementedError

    def next_after(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """Return when it is next, strictly after `moment`, in `zone`; None if never."""
        raise NotImplementedError


class NotARecurrence(ValueError):
    """The text is no rule that we know; `str()` is the text."""
