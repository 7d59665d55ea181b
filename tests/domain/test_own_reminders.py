"""When own reminders come again: at their local hour, once for all that was missed, and as often as they ring."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.own_reminders import (
    ALARM_EVERY,
    MOST_RINGS,
    OwnReminder,
    after_saying,
    done,
    key_of,
    last_up_to,
    moved,
    next_of,
    next_times,
    read_key,
    read_wish,
    snoozed,
    time_said,
)
from bot.domain.recurrence import Recurrence
from bot.errors import UserError

BERLIN = ZoneInfo("Europe/Berlin")
UNHURRIED = settings(deadline=None)
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC"]
RULES = [
    "FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR;BYHOUR=10;BYMINUTE=0;DTSTART=20200918",
    "FREQ=DAILY;BYHOUR=2;BYMINUTE=30",
    "FREQ=MONTHLY;BYDAY=1TU;BYHOUR=9;BYMINUTE=0",
    "FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=1;BYHOUR=9;BYMINUTE=0",
    "FREQ=HOURLY;INTERVAL=5;DTSTART=20200915T071300Z",
    "CRON=0,15,30,45 * * * *",
    "CRON=0 9 29 2 *",
]


def local(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def reminder(due: str, rule: str | None = None, every: timedelta | None = None) -> OwnReminder:
    """Return one that has not been said yet."""
    at = local(due).astimezone(UTC)
    return OwnReminder(
        id=7,
        room="lab:bremen",
        author="@anke:x",
        text="Tee",
        mentions=("@anke:x",),
        zone=BERLIN,
        rule=Recurrence.parse(rule) if rule else None,
        every=every,
        due_at=at,
        stands_for=at if rule else None,
    )


def shown(moment: datetime | None) -> str | None:
    """Return a time as clocks in Berlin show it."""
    return f"{moment.astimezone(BERLIN):%Y-%m-%dT%H:%M}" if moment else None


def said_at(found: OwnReminder, *times: str) -> tuple[OwnReminder, list[str | None]]:
    """Say it at these times. Return what has become of it, and for when it was said each time."""
    planned: list[str | None] = []
    for when in times:
        planned.append(shown(time_said(found, local(when))))
        found = after_saying(found, local(when))
    return found, planned


DAILY = "FREQ=DAILY;BYHOUR=9;BYMINUTE=0"


def test_once_and_no_more() -> None:
    found, planned = said_at(reminder("2020-10-13T10:00"), "2020-10-13T09:59", "2020-10-13T10:00")
    assert planned == [None, "2020-10-13T10:00"]
    assert (found.due_at, found.occurrence, shown(found.said_for)) == (None, 1, "2020-10-13T10:00")


@pytest.mark.parametrize("change", ["2020-10-25", "2021-03-28"])
def test_the_local_hour_stays_when_clocks_change(change: str) -> None:
    """A rule that is counted from the last time, in hours, would drift (matrix-reminder-bot, issue 57)."""
    first = date.fromisoformat(change) - timedelta(days=2)
    found = reminder(f"{first}T09:00", DAILY)
    for day in range(5):
        assert shown(found.due_at) == f"{first + timedelta(days=day)}T09:00"
        assert found.due_at is not None
        found = after_saying(found, found.due_at)


def test_a_time_that_clocks_skip_and_one_that_they_show_twice() -> None:
    """Half past two comes after the gap, and the first of two times; each day once."""
    at_night = "FREQ=DAILY;BYHOUR=2;BYMINUTE=30"
    assert [shown(at) for at in next_times(Recurrence.parse(at_night), local("2021-03-27T12:00"), BERLIN, 2)] == [
        "2021-03-28T03:00",
        "2021-03-29T02:30",
    ]
    twice = next_times(Recurrence.parse(at_night), local("2020-10-24T12:00"), BERLIN, 2)
    assert [at.isoformat() for at in twice] == ["2020-10-25T02:30:00+02:00", "2020-10-26T02:30:00+01:00"]


def test_of_what_was_missed_the_last() -> None:
    """Away for three days: one message, not three."""
    found, planned = said_at(reminder("2020-10-13T09:00", DAILY), "2020-10-16T12:00")
    assert planned == ["2020-10-16T09:00"]
    assert (found.occurrence, shown(found.due_at)) == (1, "2020-10-17T09:00")


def test_what_comes_once_is_said_however_late() -> None:
    assert said_at(reminder("2020-10-13T09:00"), "2025-01-01T00:00")[1] == ["2020-10-13T09:00"]


def test_an_alarm_rings_for_four_hours() -> None:
    """Then nobody is there; a room is not to be filled all night."""
    found = reminder("2020-10-12T14:00", every=ALARM_EVERY)
    rings = 0
    while found.due_at is not None:
        found, rings = after_saying(found, found.due_at), rings + 1
    assert (rings, shown(found.said_for)) == (MOST_RINGS, "2020-10-12T17:55")


def test_an_alarm_by_a_rule_begins_anew_each_time() -> None:
    found = reminder("2020-10-13T09:00", DAILY, ALARM_EVERY)
    for _ in range(MOST_RINGS):
        assert found.due_at is not None
        found = after_saying(found, found.due_at)
    assert shown(found.due_at) == "2020-10-14T09:00"
    assert shown(said_at(found, "2020-10-14T09:00")[0].due_at) == "2020-10-14T09:05"


def test_until_it_is_done_at_the_same_local_hour() -> None:
    found = reminder("2020-10-24T09:00", every=timedelta(days=1))
    assert shown(said_at(found, "2020-10-24T09:00", "2020-10-25T09:00", "2020-10-26T09:00")[0].due_at) == "2020-10-27T09:00"


def test_missed_rings_are_not_made_up_for() -> None:
    found, planned = said_at(reminder("2020-10-12T14:00", every=timedelta(hours=2)), "2020-10-12T14:00", "2020-10-13T09:30")
    assert (planned[-1], shown(found.due_at)) == ("2020-10-12T16:00", "2020-10-13T10:00")


def test_done() -> None:
    once, _ = said_at(reminder("2020-10-12T14:00", every=ALARM_EVERY), "2020-10-12T14:00")
    settled = done(once, local("2020-10-12T14:02"))
    assert (settled.due_at, settled.said_for, settled.done) == (None, None, True)
    by_rule, _ = said_at(reminder("2020-10-13T09:00", DAILY, ALARM_EVERY), "2020-10-13T09:00")
    settled = done(by_rule, local("2020-10-13T09:02"))
    assert (shown(settled.due_at), settled.said_for, settled.done) == ("2020-10-14T09:00", None, False)


def test_done_before_it_comes_does_not_touch_what_is_to_come() -> None:
    """A ✅ under yesterday's message says nothing of tomorrow, moved or not."""
    found, _ = said_at(reminder("2020-10-13T09:00", DAILY), "2020-10-13T09:00")
    assert shown(done(found, local("2020-10-13T10:00")).due_at) == "2020-10-14T09:00"
    later = moved(found, local("2020-10-14T11:00"), local("2020-10-13T10:00"))
    assert shown(done(later, local("2020-10-13T10:01")).due_at) == "2020-10-14T11:00"


def test_put_off() -> None:
    found, _ = said_at(reminder("2020-10-12T14:00"), "2020-10-12T14:00")
    later = snoozed(found, local("2020-10-12T15:10"), local("2020-10-12T14:10"))
    assert (shown(later.due_at), later.said_for) == ("2020-10-12T15:10", None)
    assert shown(done(later, local("2020-10-12T14:20")).due_at) is None


def test_put_off_a_rule_goes_on_as_it_was() -> None:
    found, _ = said_at(reminder("2020-10-13T09:00", DAILY), "2020-10-13T09:00")
    later = snoozed(found, local("2020-10-13T10:00"), local("2020-10-13T09:00"))
    assert shown(later.due_at) == "2020-10-13T10:00"
    assert shown(said_at(later, "2020-10-13T10:00")[0].due_at) == "2020-10-14T09:00"
    assert shown(done(later, local("2020-10-13T09:30")).due_at) == "2020-10-14T09:00"


def test_put_off_beyond_the_next_time_it_comes_then() -> None:
    """An hour later than every hour would be never."""
    found, _ = said_at(reminder("2020-10-12T14:00", "CRON=0,30 * * * *"), "2020-10-12T14:00")
    later = snoozed(found, local("2020-10-12T15:05"), local("2020-10-12T14:05"))
    assert shown(later.due_at) == "2020-10-12T14:30"
    assert shown(said_at(later, "2020-10-12T14:30")[0].due_at) == "2020-10-12T15:00"


def test_moved_the_time_that_it_stands_for_is_not_said_too() -> None:
    found = reminder("2020-10-13T09:00", DAILY)
    earlier = moved(found, local("2020-10-12T12:00"), local("2020-10-12T09:00"))
    assert shown(said_at(earlier, "2020-10-12T12:00")[0].due_at) == "2020-10-14T09:00"
    with pytest.raises(UserError):
        moved(found, local("2020-10-14T09:00"), local("2020-10-12T09:00"))


def test_keys() -> None:
    found = replace(reminder("2020-10-13T09:00"), occurrence=3)
    assert key_of(found) == "own-reminder:7:3"
    assert read_key(key_of(found)) == (7, 3)
    assert read_key("own-reminder:7:3:reaction-1") == (7, 3)
    assert [read_key(key) for key in ("own-reminder:7", "own-reminder:x:3", "own-reminder:7:3:x", "broadcast:7:3", "")] == [
        None
    ] * 5


@given(st.sampled_from(RULES), st.sampled_from(ZONES), st.integers(0, 11 * 366 * 24 * 60))
@UNHURRIED
def test_the_last_time_is_the_last(typed: str, zone: str, minutes: int) -> None:
    """Nothing of the rule lies between it and the moment, and it is not after that."""
    rule, now = Recurrence.parse(typed), datetime(2020, 9, 20, tzinfo=UTC) + timedelta(minutes=minutes)
    last = last_up_to(rule, now, ZoneInfo(zone))
    if last is None:
        assert typed.startswith(("CRON=0 9 29", "FREQ=WEEKLY;INTERVAL"))
        return
    assert last <= now
    following = next_of(rule, last, ZoneInfo(zone))
    assert following is None or following > now


@given(
    st.sampled_from(RULES),
    st.sampled_from([None, ALARM_EVERY, timedelta(hours=2), timedelta(days=1)]),
    st.lists(st.tuples(st.sampled_from(["say", "done", "snooze"]), st.integers(0, 3 * 24 * 60)), max_size=15),
)
@settings(UNHURRIED, max_examples=40)
def test_whatever_happens_it_goes_on_after_now(typed: str, every: timedelta | None, steps: list[tuple[str, int]]) -> None:
    """It is never due twice for what was said, a rule never ends, and what is settled does not still stand."""
    now = local("2020-10-24T12:00").astimezone(UTC)
    first = next_of(Recurrence.parse(typed), now, BERLIN)
    assert first is not None
    found = replace(reminder("2020-10-24T12:00", typed, every), due_at=first, stands_for=first)
    for step, minutes in steps:
        now += timedelta(minutes=minutes)
        if step == "say" or (found.due_at is not None and found.due_at <= now):
            before, found = found, after_saying(found, now)
            assert found.occurrence - before.occurrence == (time_said(before, now) is not None)
        elif step == "done":
            found = done(found, now)
            assert (found.said_for, found.rings) == (None, 0)
        elif found.occurrence:
            found = snoozed(found, now + timedelta(hours=1), now)
        assert found.due_at is not None
        assert found.due_at > now


@given(st.text(max_size=80))
@UNHURRIED
def test_whatever_is_typed_is_read_or_refused(words: str) -> None:
    now = local("2020-10-12T09:00")
    for beginning in ("", "morgen 9 Uhr bis erledigt ", 'cron "0 9 * * *" '):
        try:
            wish = read_wish(beginning + words, now, time(8))
        except UserError:
            continue
        assert wish.due_at > now
        assert wish.text.strip()
