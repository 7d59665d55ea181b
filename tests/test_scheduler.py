"""From policies to deliveries: said once, late if it was missed, and never a flood."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlalchemy import AsyncAdaptedQueuePool
from sqlalchemy.ext.asyncio import AsyncSession

import schedules
from bot.clock import FixedClock
from bot.config import RemindersConfig
from bot.db import deliveries, network, reports, tables
from bot.db.engine import Database
from bot.domain.reminders import Reminder
from bot.domain.reports import Debt
from bot.network_file import read_network, read_network_file
from bot.network_rooms import NetworkRooms
from bot.registry import find_policies
from bot.reminder_policy import ReminderPolicy, ReminderSettings
from bot.rendering import template
from bot.scheduler import Scheduler
from tests.conversation import Members

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
        members=Members({}).joined,
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

    async def facts(self, session: AsyncSession, settings: ReminderSettings, zone: ZoneInfo, now: datetime) -> None:  # noqa: ARG002  (as all have it)
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
        members=Members({}).joined,
        written=lambda: None,
    )
    scheduler.start()
    await policy.begins()
    yield policy, scheduler
    policy.opened.set()
    scheduler.stop()
    await scheduler.ended()


async def test_stopped_in_the_middle_of_a_look_it_leaves_no_connection(
    watched: tuple[Watched, Scheduler], database: Database
) -> None:
    """A connection that comes back after the database was closed stays open, and its thread keeps the process from ending."""
    policy, scheduler = watched
    policy.opened.clear()
    scheduler.wake_all()
    await policy.begins()
    scheduler.stop()
    ending = asyncio.create_task(scheduler.ended())
    await asyncio.sleep(0.05)
    assert not ending.done(), "it is not cut off"
    policy.opened.set()
    await ending
    pool = cast("AsyncAdaptedQueuePool", database.engine.pool)
    assert pool.checkedout() == 0


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
        facts = await policy.facts(session, RemindersConfig(), BERLIN, _at("2020-10-12T09:00"))
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
    assert (await _body(database, "lab:bremen")).split("\n\n")[:2] == [
        "Heute ist fällig: Sachstandsbericht 1 (30. Oktober 2020).",
        "In 14 Tagen ist fällig: Sachstandsbericht 2 (13. November 2020).",
    ]


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


async def _add_report(database: Database, key: str, title: str, due: str) -> None:
    async with database.begin() as session:
        first = (await session.execute(sa.select(tables.reports).where(tables.reports.c.key == "labor-1"))).one()._asdict()
        await session.execute(tables.reports.insert(), [{**first, "key": key, "title": title, "due": due}])


async def _body(database: Database, room: str) -> str:
    """What the one message that waits for a room says."""
    async with database.begin() as session:
        (row,) = [row for row in await deliveries.with_prefix(session, "") if row.room == room and row.outcome is None]
    return row.content["body"]


TWO = (
    "In 14 Tagen ist fällig: Zahlen (30. Oktober 2020).\n\nIn 14 Tagen ist fällig: Sachstandsbericht 1 (30. Oktober 2020).\n\n"
    "Ist einer davon fertig? Dann schreib:\n!netz bericht abgegeben extra\n!netz bericht abgegeben labor-1"
)
ONE = "In 14 Tagen ist fällig: {} (30. Oktober 2020).\n\nIst er fertig? Dann schreib: !netz bericht abgegeben {}"


async def test_several_reports_for_one_room_are_one_message(database: Database, scheduler: Scheduler, clock: FixedClock) -> None:
    """However often and from wherever it is looked at."""
    await _add_report(database, "extra", "Zahlen", "2020-10-30")
    await _look(scheduler)
    clock.shown = _at("2020-10-16T08:00")
    await _look(scheduler)
    await _look(scheduler)
    assert await _body(database, "lab:bremen") == TWO
    assert await _body(database, "research") == ONE.format("Sachstandsbericht 1", "forschung-1")


@pytest.mark.parametrize(("handed_in", "left"), [("extra", "Sachstandsbericht 1 labor-1"), ("labor-1", "Zahlen extra")])
async def test_of_several_reports_one_is_handed_in_before_it_is_said(
    database: Database, scheduler: Scheduler, clock: FixedClock, handed_in: str, left: str
) -> None:
    """Whichever it is, the message says the other one; with both handed in, it is dropped."""
    await _add_report(database, "extra", "Zahlen", "2020-10-30")
    await _look(scheduler)
    clock.shown = _at("2020-10-16T08:00")
    await _look(scheduler)
    await _submit(database, handed_in, "bremen", clock)
    async with database.begin() as session:
        (row,) = [row for row in await deliveries.with_prefix(session, "") if row.room == "lab:bremen" and row.outcome is None]
        assert await scheduler.still_wanted(session, row, clock.now()) is None
        said = await scheduler.refresh(session, row, clock.now())
    assert said is not None
    assert said["body"] == ONE.format(*left.rsplit(maxsplit=1))
    await _submit(database, left.rsplit(maxsplit=1)[-1], "bremen", clock)
    async with database.begin() as session:
        assert await scheduler.still_wanted(session, row, clock.now()) == "no longer due"


async def test_two_devices_that_know_different_reports_say_each_once(
    database: Database, scheduler: Scheduler, clock: FixedClock
) -> None:
    """One has written its message when another finds one report more: that one comes by itself."""
    await _look(scheduler)
    clock.shown = _at("2020-10-16T08:00")
    await _look(scheduler)
    await _add_report(database, "extra", "Zahlen", "2020-10-30")
    clock.shown = _at("2020-10-16T08:01")
    await _look(scheduler)
    assert [line for room, line in await _said(database) if room == "lab:bremen"] == [
        "In 14 Tagen ist fällig: Sachstandsbericht 1 (30. Oktober 2020).",
        "In 14 Tagen ist fällig: Zahlen (30. Oktober 2020).",
    ]


@pytest.mark.parametrize(("back_at", "comes_at"), [("2020-10-16T20:00", "2020-10-19T08:00"), ("2020-10-30T19:00", None)])
async def test_what_was_missed_waits_for_working_time(
    database: Database, scheduler: Scheduler, clock: FixedClock, back_at: str, comes_at: str | None
) -> None:
    """Nobody is reminded on a Friday evening; what has lost its sense by Monday is not said at all."""
    await _look(scheduler)
    clock.shown = _at(back_at)
    policy = next(policy for policy in find_policies(schedules) if policy.name == "report-deadline")
    assert await scheduler.look(policy) == (_at(comes_at) if comes_at else None)
    assert await _said(database) == []
    if comes_at:
        clock.shown = _at(comes_at)
        await _look(scheduler)
        assert ("lab:bremen", "In 11 Tagen ist fällig: Sachstandsbericht 1 (30. Oktober 2020).") in [
            (room, line.removeprefix("Verspätet, weil ich nicht da war: ")) for room, line in await _said(database)
        ]
