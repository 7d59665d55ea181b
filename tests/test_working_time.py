"""Working days: as calendars have them, and as people work."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from bot.config import RemindersConfig
from bot.working_time import calendar_of

ZONE = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize("state", [None, "DE-BB", "DE-BY"])
def test_days_off_beside_the_public_holidays(state: str | None) -> None:
    """Christmas Eve is none, though municipalities are closed: who wants it off says so, for every year or once."""

    def worked(*days_off: str) -> list[int]:
        calendar = calendar_of(state, RemindersConfig(days_off=days_off), ZONE)
        return [day for day in range(21, 32) if calendar.works_on(date(2020, 12, day))]

    assert worked() == [21, 22, 23, 24, 28, 29, 30, 31]
    assert worked("12-24", "12-31", "2020-12-28", "2021-12-29") == [21, 22, 23, 29, 30]


@pytest.mark.parametrize(
    ("day", "off"),
    [
        (date(2021, 6, 3), {"DE-BW", "DE-BY", "DE-HE", "DE-NW"}),  # Corpus Christi
        (date(2022, 10, 31), {"DE-BB", "DE-HB", "DE-SN", "DE-ST"}),  # Reformation Day
        (date(2022, 11, 1), {"DE-BW", "DE-BY", "DE-NW"}),  # All Saints
        (date(2022, 11, 16), {"DE-SN"}),  # Repentance and Prayer
        (date(2022, 1, 6), {"DE-BW", "DE-BY", "DE-ST"}),  # Epiphany
        (date(2021, 4, 5), {None, "DE-BB", "DE-BW", "DE-BY", "DE-HB", "DE-HE", "DE-NW", "DE-SN", "DE-ST"}),  # Easter Monday
    ],
)
def test_holidays_of_the_states_in_the_network(day: date, off: set[str | None]) -> None:
    """What has no state (coordination, research, the network's room) has the holidays that all of them have."""
    states = [None, "DE-BB", "DE-BW", "DE-BY", "DE-HB", "DE-HE", "DE-NW", "DE-SN", "DE-ST"]
    assert {state for state in states if not calendar_of(state, RemindersConfig(), ZONE).works_on(day)} == off
