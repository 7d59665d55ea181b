"""When people work: office hours in the network's zone, and the public holidays of their state."""

from datetime import time
from functools import cache
from zoneinfo import ZoneInfo

import holidays

from bot.domain.reminders import Calendar


def calendar_of(state: str | None, office_hours: tuple[time, time], zone: ZoneInfo) -> Calendar:
    """Return the working time in a state (ISO 3166-2), or in all of Germany: None, with the holidays that every state has."""
    opens, closes = office_hours
    return Calendar(zone, opens, _public_holidays(state).__contains__, closes)


@cache
def _public_holidays(state: str | None) -> holidays.HolidayBase:
    """Return the days off. Years are filled in when they are asked for."""
    return holidays.country_holidays("DE", subdiv=state.removeprefix("DE-") if state else None)
