"""When people work: office hours in the network's zone, and the days off of their state."""

from collections.abc import Callable
from datetime import date, time
from functools import cache
from zoneinfo import ZoneInfo

import holidays

from bot.domain.reminders import Calendar

_NOBODY_WORKS = {(12, 24), (12, 31)}
"""Month and day. No public holidays, but municipalities are closed (TVöD, § 6 (3)), and who is not does not look for reminders then."""


def calendar_of(state: str | None, office_hours: tuple[time, time], zone: ZoneInfo) -> Calendar:
    """Return the working time in a state (ISO 3166-2), or in all of Germany: None, with the holidays that every state has."""
    opens, closes = office_hours
    return Calendar(zone, opens, _day_off(state), closes)


@cache
def _day_off(state: str | None) -> Callable[[date], bool]:
    """Return what tells days off. Years are filled in when they are asked for."""
    public_holidays = holidays.country_holidays("DE", subdiv=state.removeprefix("DE-") if state else None)
    return lambda day: (day.month, day.day) in _NOBODY_WORKS or day in public_holidays
