"""Rules that come again and again: as text, at their local time across changes of the clock, and never for ever."""

import calendar
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.recurrence import WEEKDAYS, NotARecurrence, Recurrence
from tests.effort import calls

UNHURRIED = settings(deadline=None)  # a busy machine is no error; how long things take is tested by itself

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)

# A zone and three weeks or more in which its clocks change, forwards and back: by an hour at night, by half an hour, at midnight.
CHANGES = [
    ("Europe/Berlin", date(2021, 3, 1), date(2021, 4, 20)),
    ("Europe/Berlin", date(2021, 10, 15), date(2021, 11, 15)),
    ("America/New_York", date(2021, 3, 1), date(2021, 3, 25)),
    ("Australia/Lord_Howe", date(2021, 9, 20), date(2021, 10, 15)),
    ("Australia/Lord_Howe", date(2021, 3, 25), date(2021, 4, 15)),
    ("America/Sao_Paulo", date(2018, 10, 25), date(2018, 11, 15)),
    ("America/Sao_Paulo", date(2018, 2, 10), date(2018, 2, 28)),
]
CANONICAL = [
    "FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0",
    "FREQ=WEEKLY;BYDAY=MO",
    "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=8;BYMINUTE=30",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR;BYHOUR=10;BYMINUTE=0;DTSTART=20210917",
    "FREQ=DAILY;BYHOUR=0;BYMINUTE=0",
    "FREQ=DAILY;INTERVAL=3;BYHOUR=9;BYMINUTE=0;DTSTART=20210915",
    "FREQ=MONTHLY;BYDAY=1TU;BYHOUR=9;BYMINUTE=0",
    "FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=9;BYMINUTE=0",
    "FREQ=MONTHLY;BYMONTHDAY=15;BYHOUR=9;BYMINUTE=0",
    "FREQ=MONTHLY;BYMONTHDAY=-1",
    "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=15;BYHOUR=9;BYMINUTE=0;DTSTART=20210915",
    "FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=1;BYHOUR=9;BYMINUTE=0",
    "FREQ=HOURLY;INTERVAL=2;DTSTART=20210915T071300Z",
    "CRON=0 9 * * 1-5",
]


@pytest.mark.parametrize("text", CANONICAL)
def test_the_text_of_a_rule_is_read_as_the_same_rule(text: str) -> None:
    assert str(Recurrence.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "FREQ", "FREQ=", "FREQ=MINUTELY", "FREQ=WEEKLY", "FREQ=MONTHLY", "FREQ=YEARLY", "FREQ=HOURLY", "FREQ=CRON", "DAILY"),
        "FREQ=DAILY;INTERVAL=2",  # no phase
        "FREQ=DAILY;INTERVAL=0;DTSTART=20210915",
        "FREQ=DAILY;INTERVAL=-1;DTSTART=20210915",
        "FREQ=DAILY;INTERVAL=99999;DTSTART=20210915",
        "FREQ=DAILY;BYHOUR=24;BYMINUTE=0",
        "FREQ=DAILY;BYHOUR=9",
        "FREQ=DAILY;BYDAY=MO",
        "FREQ=DAILY;COUNT=3",
        "FREQ=WEEKLY;BYDAY=",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=WEEKLY;BYDAY=TU,MO",
        "FREQ=WEEKLY;BYDAY=1MO",
        "FREQ=MONTHLY;BYDAY=6MO",
        "FREQ=MONTHLY;BYDAY=0MO",
        "FREQ=MONTHLY;BYMONTHDAY=32",
        "FREQ=MONTHLY;BYMONTHDAY=0",
        "FREQ=MONTHLY;BYMONTHDAY=-2",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;BYHOUR=9;BYMINUTE=0",
        "FREQ=YEARLY;BYMONTH=13;BYMONTHDAY=1",
        "FREQ=HOURLY;INTERVAL=2;DTSTART=20210915",
        "FREQ=DAILY;BYHOUR=٩;BYMINUTE=0",
        "FREQ=DAILY;BYHOUR=9;BYMINUTE=0;",
        "freq=daily",
        "CRON=",
        "CRON=0 0 30 2 *",
        "CRON=0  9 * * 1-5",
        "CRON=0 9 * * MON-FRI",
    ],
)
def test_what_is_no_rule(text: str) -> None:
    """A rule comes out of a database years later: what is not exactly what was written there is not guessed at."""
    with pytest.raises(NotARecurrence):
        Recurrence.parse(text)


@given(st.text(max_size=60) | st.lists(st.sampled_from(CANONICAL)).map(lambda texts: ";".join(texts)[:80]))
@UNHURRIED
def test_any_text_is_a_rule_or_none(text: str) -> None:
    try:
        rule = Recurrence.parse(text)
    except NotARecurrence:
        return
    assert str(rule) == text


def test_an_hour_is_given_to_a_rule_without_one() -> None:
    assert str(Recurrence.parse("FREQ=WEEKLY;BYDAY=MO").at(time(9, 30))) == "FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=30"
    assert str(Recurrence.parse("CRON=0 9 * * *").at(time(10))) == "CRON=0 9 * * *"
    with pytest.raises(ValueError, match="FREQ=WEEKLY;BYDAY=MO"):
        Recurrence.parse("FREQ=WEEKLY;BYDAY=MO").next_after(datetime(2021, 9, 15, tzinfo=UTC), BERLIN)


def _comes(text: str, after: str, count: int, zone: ZoneInfo = BERLIN) -> list[str]:
    moment, found = datetime.fromisoformat(after).replace(tzinfo=zone), list[str]()
    while len(found) < count and (following := Recurrence.parse(text).next_after(moment, zone)):
        found.append(following.isoformat(timespec="minutes"))
        moment = following
    return found


@pytest.mark.parametrize(
    ("text", "after", "comes"),
    [
        ("FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0", "2021-09-20T08:59", ["2021-09-20T09:00+02:00", "2021-09-27T09:00+02:00"]),
        ("FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0", "2021-09-20T09:00", ["2021-09-27T09:00+02:00"]),
        ("FREQ=WEEKLY;BYDAY=SU;BYHOUR=9;BYMINUTE=0", "2021-10-25T09:00", ["2021-10-31T09:00+01:00", "2021-11-07T09:00+01:00"]),
        (CANONICAL[3], "2021-01-01T00:00", ["2021-09-17T10:00+02:00", "2021-10-01T10:00+02:00", "2021-10-15T10:00+02:00"]),
        ("FREQ=DAILY;BYHOUR=2;BYMINUTE=30", "2021-03-27T03:00", ["2021-03-28T03:00+02:00", "2021-03-29T02:30+02:00"]),
        ("FREQ=DAILY;BYHOUR=3;BYMINUTE=0", "2021-03-28T00:00", ["2021-03-28T03:00+02:00", "2021-03-29T03:00+02:00"]),
        ("FREQ=DAILY;BYHOUR=2;BYMINUTE=30", "2021-10-31T00:00", ["2021-10-31T02:30+02:00", "2021-11-01T02:30+01:00"]),
        (
            "FREQ=MONTHLY;BYMONTHDAY=31;BYHOUR=9;BYMINUTE=0",
            "2021-01-31T09:00",
            ["2021-03-31T09:00+02:00", "2021-05-31T09:00+02:00"],
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=-1;BYHOUR=9;BYMINUTE=0",
            "2024-02-01T00:00",
            ["2024-02-29T09:00+01:00", "2024-03-31T09:00+02:00"],
        ),
        ("FREQ=MONTHLY;BYDAY=5MO;BYHOUR=9;BYMINUTE=0", "2021-09-01T00:00", ["2021-11-29T09:00+01:00", "2022-01-31T09:00+01:00"]),
        ("FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=9;BYMINUTE=0", "2021-09-24T09:00", ["2021-10-29T09:00+02:00"]),
        (CANONICAL[10], "2021-09-15T09:00", ["2021-11-15T09:00+01:00", "2022-01-15T09:00+01:00"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYHOUR=9;BYMINUTE=0", "2096-03-01T00:00", ["2104-02-29T09:00+01:00"]),
        (CANONICAL[12], "2021-10-31T01:00", ["2021-10-31T01:13+02:00", "2021-10-31T02:13+01:00", "2021-10-31T04:13+01:00"]),
        (CANONICAL[12], "2020-01-01T00:00", ["2021-09-15T09:13+02:00"]),
        ("CRON=0 9 * * 1-5", "2021-09-17T09:00", ["2021-09-20T09:00+02:00", "2021-09-21T09:00+02:00"]),
        ("CRON=0 9 13 * 5", "2021-09-11T00:00", ["2021-09-13T09:00+02:00", "2021-09-17T09:00+02:00"]),
        ("CRON=0 9 */2 * 5", "2021-09-15T10:00", ["2021-09-17T09:00+02:00", "2021-10-01T09:00+02:00"]),
        ("CRON=0,30 2 * 3 *", "2021-03-27T03:00", ["2021-03-28T03:00+02:00", "2021-03-29T02:00+02:00"]),
        ("CRON=0 0 29 2 *", "2021-01-01T00:00", ["2024-02-29T00:00+01:00", "2028-02-29T00:00+01:00"]),
        ("CRON=0 0 */28 2 1", "2021-02-02T00:00", ["2027-02-01T00:00+01:00", "2032-02-01T00:00+01:00"][:1]),
    ],
)
def test_when_it_comes(text: str, after: str, comes: list[str]) -> None:
    assert _comes(text, after, len(comes)) == comes


def test_a_day_that_a_zone_leaves_out() -> None:
    """Samoa went from 29 to 31 December 2011: what was due on the 30th comes as soon as it can, once."""
    assert _comes("FREQ=DAILY;BYHOUR=0;BYMINUTE=0", "2011-12-29T12:00", 2, ZoneInfo("Pacific/Apia")) == [
        "2011-12-31T00:00+14:00",
        "2012-01-01T00:00+14:00",
    ]


def test_what_comes_never() -> None:
    """A year apart, from February on: there is no 31st of it. And the calendar ends."""
    assert _comes("FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=31;BYHOUR=9;BYMINUTE=0;DTSTART=20210201", "2021-01-01T00:00", 1) == []
    for text in ("FREQ=DAILY;BYHOUR=9;BYMINUTE=0", "FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=1;BYHOUR=9;BYMINUTE=0", "CRON=0 9 * * *"):
        assert _comes(text, "9999-12-31T10:00", 1) == []
    assert Recurrence.parse(CANONICAL[12]).next_after(datetime.max.replace(tzinfo=UTC), UTC_ZONE) is None


UTC_ZONE = ZoneInfo("UTC")


@pytest.mark.parametrize("text", [text for text in CANONICAL if text not in (CANONICAL[1], CANONICAL[9])])
def test_it_is_quick(text: str) -> None:
    """The bot asks this of every rule, again and again."""
    rule, moment = Recurrence.parse(text), datetime(2021, 9, 15, tzinfo=UTC)
    rule.next_after(moment, BERLIN)
    with calls() as made:
        rule.next_after(moment, BERLIN)
    assert made.count < 400  # measured: 37 at most


# By brute force


@dataclass(frozen=True, slots=True)
class _Minute:
    """A minute of a day as clocks show it the first time, and when that is; for a skipped one, when the gap ends."""

    instant: datetime
    day: date


@cache
def _minutes(zone_name: str, first: date, last: date) -> dict[tuple[int, int], list[_Minute]]:
    """Return every minute that clocks show or skip from `first` to `last`, by walking through UTC minute by minute."""
    zone, found = ZoneInfo(zone_name), defaultdict[tuple[int, int], list[_Minute]](list)
    instant = datetime.combine(first, time(0), UTC) - timedelta(days=1)
    shown: set[datetime] = set()
    previous = instant.astimezone(zone).replace(tzinfo=None)
    while previous.date() <= last:
        instant += MINUTE
        local = instant.astimezone(zone).replace(tzinfo=None, fold=0)
        wall = previous + MINUTE
        while wall <= local:  # more than one step: clocks were put forward over the others
            if wall not in shown and first <= wall.date() <= last:
                found[wall.hour, wall.minute].append(_Minute(instant, wall.date()))
            shown.add(wall)
            wall += MINUTE
        previous = local
    return found


def _is_on(rule: Recurrence, day: date) -> bool:
    """Whether a rule without an interval, or one counted from its start, is on that day: said once more, in other words."""
    if rule.start and day < rule.start:
        return False
    month_end = calendar.monthrange(day.year, day.month)[1]
    match str(rule.frequency):
        case "DAILY":
            return not rule.start or (day.toordinal() - rule.start.toordinal()) % rule.every == 0
        case "WEEKLY":
            weeks = (day.toordinal() - 1) // 7 - (rule.start.toordinal() - 1) // 7 if rule.start else 0
            return day.weekday() in rule.weekdays and weeks % rule.every == 0
        case "MONTHLY" if rule.month_day:
            return day.day == (month_end if rule.month_day == -1 else rule.month_day)
        case "MONTHLY":
            place = -1 if rule.nth == -1 and day.day > month_end - 7 else (day.day + 6) // 7
            return day.weekday() == rule.weekdays[0] and place == rule.nth
        case _:
            return (day.month, day.day) == (rule.month, month_end if rule.month_day == -1 else rule.month_day)


CLOCKS = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 29, 30, 59])) | st.builds(
    time, st.integers(0, 3), st.integers(0, 59)
)
STARTS = st.dates(date(2018, 1, 1), date(2021, 10, 20))
DAY_SETS = st.sets(st.sampled_from(WEEKDAYS), min_size=1).map(lambda days: ",".join(sorted(days, key=WEEKDAYS.index)))
SCHEDULES = st.one_of(
    st.just("FREQ=DAILY"),
    st.builds("FREQ=DAILY;INTERVAL={};DTSTART={:%Y%m%d}".format, st.integers(2, 20), STARTS),
    st.builds("FREQ=WEEKLY;BYDAY={}".format, DAY_SETS),
    st.builds("FREQ=WEEKLY;INTERVAL={};BYDAY={};DTSTART={:%Y%m%d}".format, st.integers(2, 4), DAY_SETS, STARTS),
    st.builds("FREQ=MONTHLY;BYMONTHDAY={}".format, st.sampled_from([-1, *range(1, 32)])),
    st.builds("FREQ=MONTHLY;BYDAY={}{}".format, st.sampled_from([-1, 1, 2, 3, 4, 5]), st.sampled_from(WEEKDAYS)),
    st.builds("FREQ=YEARLY;BYMONTH={};BYMONTHDAY={}".format, st.integers(1, 12), st.integers(1, 28)),
)


@given(st.sampled_from(CHANGES), SCHEDULES, CLOCKS)
@UNHURRIED
def test_it_comes_whenever_clocks_show_its_time(change: tuple[str, date, date], schedule: str, clock: time) -> None:
    """Walked minute by minute through weeks in which clocks change: nothing is missed, nothing comes twice."""
    zone_name, first, last = change
    zone, rule = ZoneInfo(zone_name), Recurrence.parse(schedule).at(clock)
    expected = sorted({minute.instant for minute in _minutes(*change)[clock.hour, clock.minute] if _is_on(rule, minute.day)})
    moment = datetime.combine(first, time(0), zone).astimezone(UTC) - timedelta(seconds=1)
    assert _all_after(rule, moment, zone, last) == expected


def _all_after(rule: Recurrence, moment: datetime, zone: ZoneInfo, last: date) -> list[datetime]:
    found: list[datetime] = []
    while (following := rule.next_after(moment, zone)) and following.date() <= last:
        assert following.astimezone(UTC) > moment.astimezone(UTC)
        assert following.tzinfo is zone
        found.append(following.astimezone(UTC))
        moment = following
    return found


FIELDS = st.tuples(
    st.sampled_from([{0}, {30}, {0, 30}, {0, 15, 30, 45}, {59}, {7, 37}]),
    st.sets(st.integers(0, 23), min_size=1, max_size=4) | st.just(set(range(24))) | st.just({1, 2, 3}),
    st.none() | st.sets(st.integers(1, 31), min_size=1, max_size=5),
    st.none() | st.sets(st.integers(1, 12), min_size=1, max_size=6),
    st.none() | st.sets(st.integers(0, 6), min_size=1, max_size=4),
)


def _written(numbers: set[int] | None) -> str:
    return "*" if numbers is None else ",".join(str(number) for number in sorted(numbers))


@given(st.sampled_from(CHANGES), FIELDS)
@UNHURRIED
def test_cron_comes_whenever_clocks_show_its_times(
    change: tuple[str, date, date], fields: tuple[set[int], set[int], set[int] | None, set[int] | None, set[int] | None]
) -> None:
    """The same for cron. Both days given: either is enough (crontab(5)); none given: every day."""
    minutes, hours, days, months, weekdays = fields
    if days and months and not weekdays and not any(min(days) <= calendar.monthrange(2024, month)[1] for month in months):
        return  # refused: never
    if len(minutes) > 1 and min(minutes) + 60 - max(minutes) < 15:
        return  # refused: too often
    zone_name, first, last = change

    def is_on(day: date) -> bool:
        in_month, in_week = days is None or day.day in days, weekdays is None or day.isoweekday() % 7 in weekdays
        either = in_month or in_week if days and weekdays else in_month and in_week
        return either and (months is None or day.month in months)

    expected = sorted(
        {each.instant for hour in hours for minute in minutes for each in _minutes(*change)[hour, minute] if is_on(each.day)}
    )
    zone = ZoneInfo(zone_name)
    moment = datetime.combine(first, time(0), zone).astimezone(UTC) - timedelta(seconds=1)
    rule = Recurrence.cron(" ".join(map(_written, fields)))
    assert _all_after(rule, moment, zone, last) == expected


@given(st.integers(1, 23), st.dates(date(2021, 1, 1), date(2022, 1, 1)), st.times(), st.integers(0, 10_000_000))
@UNHURRIED
def test_hours_pass_as_they_do_whatever_clocks_show(every: int, day: date, clock: time, seconds: int) -> None:
    start = datetime.combine(day, clock.replace(microsecond=0), UTC)
    interval = f";INTERVAL={every}" if every > 1 else ""
    rule = Recurrence.parse(f"FREQ=HOURLY{interval};DTSTART={start:%Y%m%dT%H%M%SZ}")
    moment = start + timedelta(seconds=seconds)
    following = rule.next_after(moment, BERLIN)
    assert following is not None
    assert timedelta(0) < following - moment <= timedelta(hours=every)
    assert (following - start) % timedelta(hours=every) == timedelta(0)
