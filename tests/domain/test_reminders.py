"""Ladders: which step falls on which day, and until when it makes sense."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.reminders import Calendar, Reminder, due, ladder, next_at, overdue_ladder

BERLIN = ZoneInfo("Europe/Berlin")
WEEKDAYS = Calendar(BERLIN, time(8))
STEPS = [timedelta(days=days) for days in (30, 14, 7, 2, 0)]


def _rungs(deadline: date, calendar: Calendar = WEEKDAYS) -> list[tuple[int, str, str]]:
    return [(r.days, f"{r.at:%a %Y-%m-%d %H:%M%z}", f"{r.until:%Y-%m-%d %H:%M}") for r in ladder(deadline, STEPS, calendar)]


def test_the_first_deadline_of_the_network() -> None:
    """30 October 2020; 25 October ends summer time, and 08:00 stays 08:00."""
    assert _rungs(date(2020, 10, 30)) == [
        (30, "Wed 2020-09-30 08:00+0200", "2020-10-16 08:00"),
        (14, "Fri 2020-10-16 08:00+0200", "2020-10-23 08:00"),
        (7, "Fri 2020-10-23 08:00+0200", "2020-10-28 08:00"),
        (2, "Wed 2020-10-28 08:00+0100", "2020-10-30 08:00"),
        (0, "Fri 2020-10-30 08:00+0100", "2020-10-31 00:00"),
    ]


def test_days_off_move_steps_earlier_and_the_nearer_of_two_on_one_day_is_said() -> None:
    """A Sunday deadline: the steps "2 days before" and "today" both fall on the Friday before."""
    assert [(days, at) for days, at, _ in _rungs(date(2020, 11, 1))] == [
        (30, "Fri 2020-10-02 08:00+0200"),
        (14, "Fri 2020-10-16 08:00+0200"),
        (7, "Fri 2020-10-23 08:00+0200"),
        (0, "Fri 2020-10-30 08:00+0100"),
    ]


def test_a_public_holiday_is_a_day_off() -> None:
    reformation_day = Calendar(BERLIN, time(8), lambda day: day == date(2020, 10, 30))
    assert _rungs(date(2020, 10, 30), reformation_day)[-1][:2] == (0, "Thu 2020-10-29 08:00+0100")


def _reminder(step: int, at: datetime, until: datetime) -> Reminder:
    return Reminder(f"p:s:{step}", "p", "s", str(step), "lab:bremen", at, until)


@given(
    st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    st.lists(st.integers(0, 400), min_size=1, max_size=8),
    st.integers(0, 500 * 24),
)
def test_at_most_one_step_of_a_ladder_is_due(deadline: date, days: list[int], hours: int) -> None:
    """However late somebody looks, one subject gives one message; and what comes next is never in the past."""
    rungs = ladder(deadline, [timedelta(days=d) for d in days], WEEKDAYS)
    reminders = [_reminder(rung.days, rung.at, rung.until) for rung in rungs]
    now = datetime.combine(deadline, time(12), BERLIN) + timedelta(days=30) - timedelta(hours=hours)
    assert len(due(reminders, now)) <= 1
    coming = next_at(reminders, now)
    assert coming is None or coming > now
    assert all(rung.at < rung.until and rung.at.hour == 8 and rung.at.weekday() < 5 for rung in rungs)


@pytest.mark.parametrize(
    ("steps", "asked"),
    [
        ([3, 10, 17], [*range(3, 26 * 7 + 1, 7)]),
        ([3, 10, 17, 45], [3, 10, 17, 45, 73, 101, 129, 157]),
        ([5], [5]),
        ([], []),
    ],
)
def test_what_is_overdue_is_asked_for_again_and_again(steps: list[int], asked: list[int]) -> None:
    """At the distance of the last two steps, for half a year. One step is not repeated."""
    rungs = overdue_ladder(date(2020, 10, 30), [timedelta(days=days) for days in steps], WEEKDAYS)
    on_working_days = {WEEKDAYS.working_day_from(date(2020, 10, 30) + timedelta(days=days)) for days in asked}
    assert [rung.at.date() for rung in rungs] == sorted(on_working_days)
    assert {rung.days for rung in rungs} <= set(asked)
