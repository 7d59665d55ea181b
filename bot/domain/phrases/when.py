"""What a phrase can say about when: a moment, a day without an hour, or something that comes again and again."""

from dataclasses import dataclass
from datetime import date, datetime

from bot.domain.recurrence import Recurrence


@dataclass(frozen=True, slots=True)
class Moment:
    """A time on a day. `at`: aware, in the network's zone, still to come."""

    at: datetime


@dataclass(frozen=True, slots=True)
class DayOnly:
    """A day, no hour said: whoever needs one decides on it, and says so."""

    day: date


@dataclass(frozen=True, slots=True)
class Recurring:
    """Again and again. `hour_said`: False if the rule has no hour yet; `rule.at(time)` gives it one."""

    rule: Recurrence
    hour_said: bool


When = Moment | DayOnly | Recurring
