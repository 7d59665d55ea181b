"""From policies to deliveries: said once, late if it was missed, and never a flood."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

import schedules
from bot.clock import FixedClock
from bot.config import RemindersConfig
from bot.db import deliveries, network, reports
from bot.db.engine import Database
from bot.domain.reminders import Reminder
from bot.domain.reports import Debt
from bot.network_file import read_network, read_network_file
from bot.network_rooms import NetworkRooms
from bot.registry import find_policies
from bot.reminder_policy import ReminderPolicy, ReminderSettings
from bot.rendering import template
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


async def test_what_waited_for_its_room_counts_the_days_anew(database: Database, scheduler: Scheduler, clock: FixedClock) -> None:
    """Written down 14 days before, sent 11 days before: "in 14 days" would be wrong, and it is late."""
    await _look(scheduler)
    clock.shown = _at("2020-10-16T08:00")
    await _look(scheduler)
    async with database.begin() as session:
        row = (await deliveries.with_prefix(session, "report-deadline:labor-1:bremen:2020-10-30:14"))[0]
        assert await scheduler.refresh(session, row, _at("2020-10-16T08:59")) is None
        fresh = await scheduler.refresh(session, row, _at("2020-10-19T10:00"))
        assert await scheduler.refresh(session, row, _at("2020-10-23T08:00")) is None, "it is not wanted any more"
    assert fresh is not None
    assert str(fresh["body"]).startswith("Verspätet, weil ich nicht da war: In 11 Tagen ist fällig: Sachstandsbericht 1")
    assert {name for name in fresh if fresh[name] != row.content[name]} == {"body", "formatted_body"}


async def test_what_is_no_reminder_is_never_said_anew(database: Database, scheduler: Scheduler, clock: FixedClock) -> None:
    async with database.begin() as session:
        await deliveries.add(session, key="reply:$1", room="lab:bremen", content={"body": "Ja"}, now=clock.now())
        await deliveries.add(session, key="gone:1", room="lab:bremen", content={"body": "Ja"}, policy="gone", now=clock.now())
        for row in await deliveries.with_prefix(session, ""):
            assert await scheduler.refresh(session, row, clock.now() + timedelta(days=3)) is None


class Watched(ReminderPolicy[None]):
    """Says when it begins to look, and looks no further until it is `opened`."""

    name = "watched"
    template = template("<p>x</p>")

    def __init__(self) -> None:
        self.begun: asyncio.Queue[None] = asyncio.Queue()
        self.opened = asyncio.Event()
        self.opened.set()

    async def begins(self) -> None:
        """Wait until it begins to look once more."""
        async with asyncio.timeout(5):
            await self.begun.get()

    async def facts(self, session: AsyncSession, settings: ReminderSettings, zone: ZoneInfo) -> None:  # noqa: ARG002  (as all have it)
        self.begun.put_nowait(None)
        await self.opened.wait()

    def plan(self, facts: None) -> list[Reminder]:  # noqa: ARG002
        return []


@pytest.fixture
async def watched(database: Database, clock: FixedClock) -> AsyncIterator[tuple[Watched, Scheduler]]:
    """A policy that is awake and has looked once."""
    policy = Watched()
    scheduler = Scheduler(
        database=database,
        policies=[policy],
        settings=RemindersConfig(),
        network_rooms=NetworkRooms({}),
        clock=clock,
        zone=BERLIN,
        language="de",
        prefix="!netz",
        written=lambda: None,
    )
    scheduler.start()
    await policy.begins()
    yield policy, scheduler
    scheduler.stop()


async def test_many_changes_are_one_look(watched: tuple[Watched, Scheduler]) -> None:
    """A broadcast in two minutes must not wait for the look that comes every five; nor may each of many commands cost a look."""
    policy, scheduler = watched
    for _ in range(100):
        scheduler.wake_soon()
        await asyncio.sleep(0.001)
    await policy.begins()
    scheduler.wake_soon()
    await policy.begins()
    assert policy.begun.empty()


async def test_what_changes_during_a_look_is_looked_at_after_it(watched: tuple[Watched, Scheduler]) -> None:
    policy, scheduler = watched
    policy.opened.clear()
    scheduler.wake_all()
    await policy.begins()
    scheduler.wake_all()
    await asyncio.sleep(0.05)
    policy.opened.set()
    await policy.begins()


@pytest.mark.usefixtures("scheduler")
async def test_months_and_open_dates_give_no_reminder(database: Database) -> None:
    """Of twelve reports two have a day; nobody is told "in 14 days" of a month."""
    policy = next(policy for policy in find_policies(schedules) if policy.name == "report-deadline")
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
