"""Coordinators are asked to fix what has no day: months 60 and 30 days before, open dates monthly."""

from datetime import date

import pytest
import sqlalchemy as sa

from bot.config import RemindersConfig
from bot.db import reports, rooms, tables
from bot.db.engine import Database
from bot.domain.dates import PartialDate
from bot.domain.reminders import Calendar
from bot.working_time import calendar_of
from schedules.date_to_be_fixed import Facts, Vague, policy
from tests.conversation import ZONE
from tests.schedules.policies import Reminded, example, moment, text

CALENDAR: Calendar = calendar_of(None, RemindersConfig(), ZONE)


def asked(when: str, noun: str = "report") -> list[tuple[str, str]]:
    """Return when a date is asked about, and under which name."""
    facts = Facts([Vague(noun, "labor-2", "Bericht", PartialDate.parse(when))], CALENDAR)
    return [(f"{r.at:%Y-%m-%d %H:%M}", r.key.split(":", 4)[-1]) for r in policy.plan(facts)]


@pytest.mark.parametrize(
    ("when", "steps"),
    [
        # 60 days before the first of April is a Sunday before: the Friday; 30 days before a Tuesday.
        ("2021-04", [("2021-01-29 08:00", "P60D"), ("2021-03-02 08:00", "P30D")]),
        # A quarter and a season by their first possible day; 2 August 2022 and 2 July (a Saturday).
        ("2022-35", [("2022-05-02 08:00", "P60D"), ("2022-06-01 08:00", "P30D")]),
        ("2022-23", [("2022-07-01 08:00", "P60D"), ("2022-08-02 08:00", "P30D")]),
    ],
)
def test_sixty_and_thirty_days_before_it_can_begin(when: str, steps: list[tuple[str, str]]) -> None:
    """On working days, at the opening of office hours."""
    assert asked(when) == steps


@pytest.mark.parametrize(("when", "after"), [("2021-XX-XX", 6), ("2021", 0)])
def test_a_year_is_asked_about_monthly(when: str, after: int) -> None:
    """On the first working day of each month: not on New Year's Day or Labour Day, not on a Sunday.

    Until the year is over; what is still open then is never overdue, so it is asked about for half a year more.
    """
    steps = {name: at for at, name in asked(when)}
    in_the_year = [f"{year}-{month:02d}" for year in (2019, 2020, 2021) for month in range(1, 13)]
    assert list(steps) == in_the_year + [f"2022-{month:02d}" for month in range(1, after + 1)]
    assert [steps[f"2021-{month}"][8:] for month in ("01", "02", "05", "08")] == ["04 08:00", "01 08:00", "03 08:00", "02 08:00"]


def test_keys_stay_the_same_for_as_long_as_the_date_does() -> None:
    """They are what was asked about, when it was said to be, and when it was asked; an event is not taken for a report."""
    facts = Facts([Vague("report", "labor-2", "B", PartialDate.parse("2021-XX-XX"))], CALENDAR)
    keys = [reminder.key for reminder in policy.plan(facts)]
    assert len(set(keys)) == len(keys)
    assert "date-to-be-fixed:report:labor-2:2021-XX-XX:2021-01" in keys
    vague = [Vague(noun, "x", "X", PartialDate.parse("2022-02")) for noun in ("report", "event")]
    assert len({reminder.key for reminder in policy.plan(Facts(vague, CALENDAR))}) == 4


def test_each_question_makes_sense_until_the_next_and_the_last_until_the_date_is_past() -> None:
    facts = Facts([Vague("event", "w", "W", PartialDate.parse("2022-02"))], CALENDAR)
    first, second = policy.plan(facts)
    assert (first.until, second.until) == (second.at, CALENDAR.end_of(date(2022, 2, 28)))
    for when, last_day in (("2021", date(2021, 12, 31)), ("2021-XX-XX", date(2022, 6, 30))):
        assert policy.plan(Facts([Vague("report", "r", "R", PartialDate.parse(when))], CALENDAR))[-1].until == CALENDAR.end_of(
            last_day
        )


async def test_several_are_one_message_and_it_says_what_to_do(database: Database) -> None:
    """A report of a month and one whose date is open, on the same morning; what the bot has just learnt of was not missed."""
    reminded = await Reminded.begin(database, policy, "2021-03-03T09:00", example())
    assert await reminded.at("2021-04-01T08:00") == [
        text(
            "coordination",
            "Diese Termine stehen noch nicht fest:",
            "",
            "• Zwischenbericht zum Ende des 2. NAP (forschung-zwischen): Juni 2021",
            "• Sachstandsbericht 2 (labor-2): 2021, Termin noch offen",
            "• Bilanzierender Projektbericht (labor-projekt): 2022, Termin noch offen",
            "",
            "Ist von einem der Tag jetzt bekannt? Dann schreib: !netz termin forschung-zwischen <datum>",
        )
    ]
    assert await reminded.at("2021-04-30T08:00") != []


async def test_more_time_without_a_day(database: Database) -> None:
    """A lab that has time until some month would hear nothing before that is over: coordinators are asked for the day."""
    reminded = await Reminded.begin(database, policy, "2020-10-12T09:00", example())
    await reminded.now_has(example(lambda d: d.replace("2021-XX-XX", "2021-03-01").replace("2022-XX-XX", "2022-03-01")))
    async with database.begin() as session:
        (report,) = [report for report in await reports.every(session) if report.key == "labor-1"]
        debt = await reports.held_debt(session, report, "bremen")
        assert debt is not None
        await reports.extend(session, debt, PartialDate.parse("2021-02"), by="@karla:example.org", now=moment("2020-10-13T09:00"))
    await reminded.at("2020-11-30T08:00")
    assert await reminded.at("2020-12-03T08:00") == [
        text(
            "coordination",
            "Dieser Termin steht noch nicht fest:",
            "",
            "• Sachstandsbericht 1, Bremen und Region (labor-1:bremen): Februar 2021",
            "",
            "Ist der Tag jetzt bekannt? Dann schreib: !netz aufschub labor-1:bremen <datum>",
        )
    ]
    assert await reminded.still_wanted("date-to-be-fixed:extension:labor-1:bremen:2021-02:P60D")
    async with database.begin() as session:
        await reports.extend(
            session, debt, PartialDate.parse("2021-02-15"), by="@karla:example.org", now=moment("2020-12-03T09:00")
        )
    assert not await reminded.still_wanted("date-to-be-fixed:extension:labor-1:bremen:2021-02:P60D")


async def test_a_single_event_in_german_and_english(database: Database) -> None:
    reminded = await Reminded.begin(database, policy, "2021-12-02T09:00", example())
    assert await reminded.at("2021-12-03T08:00") == [
        text(
            "coordination",
            "Dieser Termin steht noch nicht fest:",
            "",
            "• 5. Netzwerk-Workshop (workshop-5): Februar 2022",
            "",
            "Ist der Tag jetzt bekannt? Dann schreib: !netz termin workshop-5 <datum>",
        )
    ]
    async with database.begin() as session:
        await rooms.set_language(session, "coordination", "en")
    assert await reminded.at("2021-12-31T12:00") == [
        text(
            "coordination",
            "Late, because I was away.",
            "",
            "This date is not fixed yet:",
            "",
            "• 5. Netzwerk-Workshop (workshop-5): February 2022",
            "",
            "Is the day known now? Then write: !netz date workshop-5 <date>",
        )
    ]


async def test_fixed_cancelled_and_handed_in_nobody_is_asked(database: Database) -> None:
    """Fixed after it was written down: dropped. A cancelled event and a report that all have handed in need no date."""
    reminded = await Reminded.begin(database, policy, "2021-12-02T09:00", example())
    assert await reminded.at("2021-12-03T08:00") != []
    assert await reminded.still_wanted("date-to-be-fixed:event:workshop-5:2022-02:P60D")
    await reminded.now_has(example(lambda d: d.replace('when = "2022-02"', 'when = "2022-02-10"')))
    assert not await reminded.still_wanted("date-to-be-fixed:event:workshop-5:2022-02:P60D")
    async with database.begin() as session:
        await session.execute(sa.update(tables.events).values(cancelled=True))
        for debt in await reports.debts(session):
            await reports.submit(session, debt, by="@a:example.org", link=None, now=moment("2021-12-03T09:00"))
    assert await reminded.next_after("2021-12-03T09:00") is None


async def test_an_open_date_becomes_a_month(database: Database) -> None:
    """The new date is asked about anew; what would have been said of it before anybody knew of it was not missed."""
    reminded = await Reminded.begin(database, policy, "2021-03-02T07:00", example())
    assert await reminded.at("2021-06-01T08:00") != []
    await reminded.now_has(example(lambda d: d.replace("2021-XX-XX", "2021-08").replace("2022-XX-XX", "2022-08")))
    assert await reminded.at("2021-06-20T10:00") == []
    (said,) = await reminded.at("2021-07-02T08:00")
    assert "• Sachstandsbericht 2 (labor-2): August 2021" in said.words
