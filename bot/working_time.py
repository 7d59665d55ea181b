"""When people work: office hours in the network's zone, the public holidays of their state, and the days off of the network."""

from datetime import date, time
from functools import cache
from typing import Protocol
from zoneinfo import ZoneInfo

import holidays

from bot.domain.reminders import Calendar


class WorkingTime(Protocol):
    """What the configuration says about it."""

    @property
    def office_hours(self) -> tuple[time, time]:
        """When they open and close."""
        ...

    @property
    def days_off(self) -> tuple[str, ...]:
        """Days off beside weekends and public holidays: `12-24` is one of every year, `2026-05-15` a single one."""
        ...


def calendar_of(state: str | None, settings: WorkingTime, zone: ZoneInfo) -> Calendar:
    """Return the working time in a state (ISO 3166-2), or in all of Germany: None, with the holidays that every state has."""
    opens, closes = settings.office_hours
    public_holidays, days_off = _public_holidays(state), frozenset(settings.days_off)

    def day_off(day: date) -> bool:
        return day in public_holidays or f"{day:%m-%d}" in days_off or day.isoformat() in days_off

    return Calendar(zone, opens, day_off, closes)


@cache
def _public_holidays(state: str | None) -> holidays.HolidayBase:
    """Return the public holidays. Years are filled in when they are asked for."""
    return holidays.country_holidays("DE", subdiv=state.removeprefix("DE-") if state else None)
