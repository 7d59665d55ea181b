"""From policies to deliveries: said once, late if it was missed, and never a flood."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import schedules
from bot.clock import FixedClock
from bot.config import RemindersConfig
from bot.db import deliveries, network, reports
from bot.db.engine import Database
from bot.domain.reports import Debt
from bot.network_file import read_network, read_network_file
from bot.network_rooms import NetworkRooms
from bot.registry import find_policies
from bot.scheduler import Scheduler

BERLIN = ZoneInfo("Europe/Berlin")
EXAMPLE = Path(__file__).parent.parent / "examples" / "regogl.toml"
LABS = ("bremen", "wuerzburg")


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(_at("2020-10-12T09:00"))


@pytest.fixture
async def scheduler(database: Database, clock: FixedClock) -> Scheduler:
    async with database.begin() as session:
        await network.replace(session, read_network_file(EXAMPLE))
    configured = {"network": "!n", "research": "!r"} | {f"lab:{lab}": f"!{lab}" for lab in LABS}
    return Scheduler(
        database=database,
        policies=find_policies(schedules),
        settings=RemindersConfig(),
        network_rooms=NetworkRooms(configured),
        clock=clock,
        zone=BERLIN,
        language="de",
        prefix="!netz",
        written=lambda: None,
    )


async def _look(scheduler: Scheduler) -> None:
    for policy in find_policies(schedules):
        await scheduler.look(policy)


async def _said(database: Database) -> list[tuple[str, str]]:
    """What is to be said: room and first line."""
    async with database.begin() as session:
        rows = await deliveries.with_prefix(session, "")
    return sorted((row.room, row.content["body"].split("\n")[0]) for row in rows if row.outcome is None)


async def _submit(database: Database, report: str, lab: str, clock: FixedClock) -> None:
    async with database.begin() as session:
        debts: list[Debt] = await reports.debts(session, [lab])
        debt = next(d for d in debts if d.report.key == report)
        await reports.submit(session, debt, by="@lena:netz.example", link=None, now=clock.now())


async def test_fourteen_days_before_in_the_rooms_that_owe(database: Database, scheduler: Scheduler, clock: FixedClock) -> None:
    await _submit(database, "labor-1", "wuerzburg", clock)
    await _look(scheduler)
    assert await _said(database) == []
    clock.shown = _at("2020-10-16T08:00")
    await _look(scheduler)
    await _look(scheduler)
    assert await _said(database) == [
        ("lab:bremen", "In 14 Tagen ist fällig: Sachstandsbericht 1 (30. Oktober 2020)."),
        ("research", "In 14 Tagen ist fällig: Sachstandsbericht 1 (30. Oktober 2020)."),
    ]


async def test_missed_while_away_is_said_once_and_marked_as_late(
    database: Database, scheduler: Scheduler, clock: FixedClock
) -> None:
    await _look(scheduler)
    clock.shown = _at("2020-10-19T10:00")
    await _look(scheduler)
    await _look(scheduler)
    late = "Verspätet, weil ich nicht da war: In 11 Tagen ist fällig: Sachstandsbericht 1 (30. Oktober 2020)."
    assert await _said(database) == [("lab:bremen", late), ("lab:wuerzburg", late), ("research", late)]


async def test_away_over_several_steps_only_the_nearest_is_said(
    database: Database, scheduler: Scheduler, clock: FixedClock
) -> None:
    await _look(scheduler)
    clock.shown = _at("2020-10-28T08:30")
    await _look(scheduler)
    assert {line for _, line in await _said(database)} == {"In 2 Tagen ist fällig: Sachstandsbericht 1 (30. Oktober 2020)."}


async def test_away_until_after_the_deadline_nothing_is_said(database: Database, scheduler: Scheduler, clock: FixedClock) -> None:
    await _look(scheduler)
    clock.shown = _at("2020-10-31T08:00")
    await _look(scheduler)
    assert await _said(database) == []


async def test_a_network_imported_in_the_middle_begins_without_a_flood(
    database: Database, scheduler: Scheduler, clock: FixedClock
) -> None:
    """On 19 October the step of the 16th was not missed: nobody was there to say it. The next one comes in time."""
    clock.shown = _at("2020-10-19T10:00")
    await _look(scheduler)
    assert await _said(database) == []
    clock.shown = _at("2020-10-23T08:00")
    await _look(scheduler)
    assert {line for _, line in await _said(database)} == {"In 7 Tagen ist fällig: Sachstandsbericht 1 (30. Oktober 2020)."}


async def test_submitted_after_it_was_written_down(database: Database, scheduler: Scheduler, clock: FixedClock) -> None:
    await _look(scheduler)
    clock.shown = _at("2020-10-16T08:00")
    await _look(scheduler)
    await _submit(database, "labor-1", "bremen", clock)
    async with database.begin() as session:
        rows = await deliveries.with_prefix(session, "report-deadline:labor-1:")
        wanted = {row.room: await scheduler.still_wanted(session, row, clock.now()) for row in rows if row.outcome is None}
    assert wanted == {"lab:bremen": "no longer due", "lab:wuerzburg": None}


@pytest.mark.usefixtures("scheduler")
async def test_months_and_open_dates_give_no_reminder(database: Database) -> None:
    """Of twelve reports two have a day; nobody is told "in 14 days" of a month."""
    (policy,) = find_policies(schedules)
    async with database.begin() as session:
        facts = await policy.facts(session, RemindersConfig(), BERLIN)
        every = await reports.every(session)
    assert {r.subject for r in policy.plan(facts)} == {"labor-1", "forschung-1"}
    assert {r.key for r in every if r.due.exact} == {"labor-1", "forschung-1"}


async def test_the_day_changes_the_reminder_follows(database: Database, scheduler: Scheduler, clock: FixedClock) -> None:
    """When a date becomes exact, its reminders follow by themselves, each step once."""
    await _look(scheduler)
    data = EXAMPLE.read_text("utf-8").replace('due = "2021-XX-XX"', 'due = "2020-11-13"')
    async with database.begin() as session:
        await network.replace(session, read_network(data))
    clock.shown = _at("2020-10-30T08:00")
    await _look(scheduler)
    lines = {line for room, line in await _said(database) if room == "lab:bremen"}
    assert lines == {
        "Heute ist fällig: Sachstandsbericht 1 (30. Oktober 2020).",
        "In 14 Tagen ist fällig: Sachstandsbericht 2 (13. November 2020).",
    }


async def test_a_lab_without_a_room_stops_nobody(database: Database, scheduler: Scheduler, clock: FixedClock) -> None:
    """Eleven of the thirteen labs have no room in this configuration."""
    await _look(scheduler)
    clock.shown = _at("2020-10-16T08:00") + timedelta(minutes=1)
    await _look(scheduler)
    assert {room for room, _ in await _said(database)} == {"lab:bremen", "lab:wuerzburg", "research"}


async def test_a_moved_deadline_is_reminded_of(database: Database, scheduler: Scheduler, clock: FixedClock) -> None:
    """The steps of the old day are said already; the new day has steps of its own, and the old ones lose their sense."""
    await _look(scheduler)
    clock.shown = _at("2020-10-16T08:00")
    await _look(scheduler)
    data = EXAMPLE.read_text("utf-8").replace(
        'title = "Sachstandsbericht 1", due = "2020-10-30"', 'title = "Sachstandsbericht 1", due = "2020-12-15"'
    )
    async with database.begin() as session:
        await network.replace(session, read_network(data))
        old = await deliveries.with_prefix(session, "report-deadline:labor-1:bremen:")
        assert await scheduler.still_wanted(session, old[0], clock.now()) == "no longer due"
    clock.shown = _at("2020-12-01T08:00")
    await _look(scheduler)
    assert ("lab:bremen", "In 14 Tagen ist fällig: Sachstandsbericht 1 (15. Dezember 2020).") in await _said(database)
