"""Nothing lost, nothing doubled: any order of what people, time and misfortune may do, against a model of what ought to be said.

`NETZWART_EXAMPLES=2000 .venv/bin/pytest tests/model` goes on for longer, every time in other ways.
"""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiosqlite
import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from bot.db import network
from bot.db.engine import connect
from bot.db.tables import metadata
from bot.network_file import read_network
from tests.conftest import async_url
from tests.conversation import room_id
from tests.model.devices import POINTS, TRANSACTION, Doom, InTurn
from tests.model.homeserver import Trouble
from tests.model.world import DEVICES, DIRECT, DONE, LABS, NETWORK, NO, OWED_BY, PEOPLE, World

MORE = int(os.environ.get("NETZWART_EXAMPLES", "0"))

LABS_REPORTS = ("labor-1", "labor-2")
TIMES = [
    timedelta(minutes=1),
    timedelta(minutes=7),
    timedelta(hours=1),
    timedelta(hours=9),
    timedelta(hours=22),  # longer than we rely on the homeserver to remember a transaction id
    timedelta(hours=26),  # longer than it does
    timedelta(days=3),
]
QUESTIONS = [("lab:nord", "!netz hilfe"), ("network", "!netz programm"), ("direct", "hilfe"), ("lab:sued", "!netz gibtsnicht")]
WORK = [("work",), ("send",), ("work", "send"), ("work", "send", "work", "send"), ("look", "send")]

names = st.sampled_from(DEVICES)
who = st.sampled_from([("ONE",), ("TWO",), DEVICES])
works = st.sampled_from(WORK)
hops = st.lists(st.integers(0, 3), min_size=1, max_size=5)
rooms = st.sampled_from([*map(room_id, PEOPLE), DIRECT])
nth = st.sampled_from([0, 0, 1, 2, 4])
dooms = st.builds(Doom, st.sampled_from(POINTS), nth)
absences = st.builds(Doom, st.sampled_from(TRANSACTION), nth, away=st.just(True))
sayings = st.one_of(
    st.tuples(st.sampled_from(["hand_in", "hand_in_with_link", "take_back"]), st.sampled_from(LABS), st.sampled_from(LABS_REPORTS)),
    st.sampled_from(QUESTIONS).map(lambda question: ("ask", *question)),
)
notices = st.one_of(
    st.tuples(st.just("broadcast"), st.sampled_from([None, None, 1, 30])),
    st.tuples(st.just("click"), st.integers(0, 2), st.sampled_from([DONE, DONE, NO])),
)


class Machine(RuleBasedStateMachine):
    """What may happen. A rule's arguments never depend on what has happened before, so that every run can be repeated."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self.world = world
        self.sound = True

    def happens(self, what: Callable[[], Awaitable[None] | None], hops: Sequence[int] = (0,)) -> None:
        """Let something happen, and look whether all is as it must be."""

        async def run() -> None:
            await self.world.rule(what, hops)

        try:
            self.runner.run(run())
        except BaseException:
            self.sound = False
            raise

    @initialize(both=st.sampled_from([True, True, False]))
    def begins(self, *, both: bool) -> None:
        self.world.begin(DEVICES if both else DEVICES[:1])

    @rule(said=st.lists(sayings, min_size=1, max_size=4))
    def people_say(self, said: list[tuple[Any, ...]]) -> None:
        def speak() -> None:
            for what, *details in said:
                getattr(self.world, what)(*details)

        self.happens(speak)

    @rule(said=st.lists(notices, min_size=1, max_size=2), works=who)
    def coordination_says(self, said: list[tuple[Any, ...]], works: tuple[str, ...]) -> None:
        self.people_say(said)
        self.happens(lambda: self.world.work(works, "work", "send"))

    @rule(how_long=st.sampled_from(TIMES), looks=who)
    def time_passes(self, how_long: timedelta, looks: tuple[str, ...]) -> None:
        self.happens(lambda: self.world.pass_time(how_long))
        self.happens(lambda: self.world.work(looks, "look"))

    @rule(minutes=st.integers(1, 5))
    def the_clock_goes_back(self, minutes: int) -> None:
        self.happens(lambda: self.world.turn_back(timedelta(minutes=minutes)))

    @rule(report=st.sampled_from([*OWED_BY]), days=st.sampled_from([None, 0, 1, 2, 5, 7, 8, 14, 20, 31]), looks=who)
    def a_report_is_due_in(self, report: str, days: int | None, looks: tuple[str, ...]) -> None:
        self.happens(lambda: self.world.move(report, days))
        self.happens(lambda: self.world.work(looks, "look"))

    @rule(done=st.booleans())
    def research_hands_in(self, *, done: bool) -> None:
        self.happens(lambda: self.world.research(done=done))

    @rule(who=who, what=works, hops=hops)
    def devices_work(self, who: tuple[str, ...], what: tuple[str, ...], hops: list[int]) -> None:
        self.happens(lambda: self.world.work(who, *what), hops)

    @rule(hops=hops)
    def devices_do_everything_at_once(self, hops: list[int]) -> None:
        self.happens(self.world.all_at_once, hops)

    @rule(name=names, doom=st.one_of(dooms, dooms, absences), who=who, what=works, hops=hops)
    def a_device_dies_at_work(self, name: str, doom: Doom, who: tuple[str, ...], what: tuple[str, ...], hops: list[int]) -> None:
        self.world.meets(name, doom)
        self.happens(lambda: self.world.work({*who, name}, *what), hops)

    @rule(name=names, doom=dooms, hops=hops)
    def a_device_dies_at_everything(self, name: str, doom: Doom, hops: list[int]) -> None:
        self.world.meets(name, doom)
        self.happens(self.world.all_at_once, hops)

    @rule(name=names, meanwhile=st.sampled_from(["overtaken", "slow", "late"]), hops=hops)
    def a_device_is_held_up(self, name: str, meanwhile: str, hops: list[int]) -> None:
        self.world.hold_up(name, meanwhile)
        self.happens(lambda: self.world.work([name], "work", "send"), hops)

    @rule(name=names)
    def a_device_starts(self, name: str) -> None:
        self.world.start(name)

    @rule(name=names, dead=st.booleans())
    def a_device_is_believed_dead(self, name: str, *, dead: bool) -> None:
        self.world.believe(name, dead=dead)

    @rule(troubles=st.lists(st.sampled_from(Trouble), min_size=1, max_size=4), who=who, what=works, hops=hops)
    def the_homeserver_fails(self, troubles: list[Trouble], who: tuple[str, ...], what: tuple[str, ...], hops: list[int]) -> None:
        self.world.homeserver.troubles.extend(troubles)
        self.happens(lambda: self.world.work(who, *what), hops)

    @rule(room=rooms, put_out=st.booleans())
    def a_room_closes(self, room: str, *, put_out: bool) -> None:
        (self.world.homeserver.left if put_out else self.world.homeserver.powerless).add(room)

    @rule(room=rooms)
    def a_room_opens(self, room: str) -> None:
        self.happens(lambda: self.world.let_in(room))

    @rule(room=st.sampled_from([DIRECT, room_id("network")]), silent=st.booleans())
    def members_are_unknown(self, room: str, *, silent: bool) -> None:
        (self.world.members.silent.add if silent else self.world.members.silent.discard)(room)

    @rule()
    def all_is_well(self) -> None:
        self.happens(self.world.heal)
        self.happens(self.world.check_complete)

    def teardown(self) -> None:
        """See that nothing is missing, and that nothing comes twice when the dead come back."""
        try:
            if self.sound:
                self.all_is_well()
                for name in DEVICES:
                    self.world.start(name)
                self.all_is_well()
        finally:
            self.runner.run(self.world.close())
            self.runner.close()


class AtOnce:
    """Stands for the thread that waits for SQLite, and its queue: does at once what it is told. So every run goes the same way again."""

    daemon = True

    def start(self) -> None:
        """Begin, as a thread."""

    def put_nowait(self, job: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        """Do a job."""
        future, function = job
        try:
            result = function()
        except sqlite3.Error as error:
            if future is None:
                raise
            future.set_exception(error)
        else:
            if future is not None:
                future.set_result(result)

    @classmethod
    def connect(cls, database: str, **more: Any) -> aiosqlite.Connection:
        """Do as `aiosqlite.connect`."""
        connection: Any = aiosqlite.Connection(lambda: sqlite3.connect(database, **more), 64)
        connection._thread = connection._tx = cls()
        return connection


async def _fill(url: str) -> None:
    """Let a database know the network, and nothing of what has happened in it."""
    database = connect(url)
    async with database.begin() as session:
        for table in reversed(metadata.sorted_tables):
            await session.execute(table.delete())
        await network.replace(session, read_network(NETWORK))
    await database.close()


def _empty(folder: Path) -> Path:
    """Return a folder with nothing in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _machine(make: Callable[[], World]) -> type[Machine]:
    """Return the machine in worlds such as `make` returns."""

    class InWorld(Machine):
        def __init__(self) -> None:
            super().__init__(make())

    return InWorld


def _settings(examples: int, steps: int) -> settings:
    return settings(
        max_examples=MORE or examples,
        stateful_step_count=steps,
        derandomize=not MORE,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )


def _aside(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(work)


@pytest.mark.timeout(0 if MORE else 900)  # what is found is made smaller for up to five minutes
def test_on_sqlite(migrated_sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One transaction after the other, in an order that can be repeated."""
    monkeypatch.setattr(aiosqlite, "connect", AtOnce.connect)
    template = tmp_path / "network.sqlite"
    shutil.copy(migrated_sqlite, template)
    _aside(_fill(f"sqlite+aiosqlite:///{template}"))

    def make() -> World:
        folder = _empty(tmp_path / "example")
        shutil.copy(template, folder / "netzwart.sqlite")
        database = connect(f"sqlite+aiosqlite:///{folder / 'netzwart.sqlite'}")
        return World(InTurn(database.engine, asyncio.Lock()), folder, exact=True)

    run_state_machine_as_test(_machine(make), settings=_settings(25, 50))


@pytest.mark.timeout(0 if MORE else 900)  # what is found is made smaller for up to five minutes
def test_on_postgresql(postgresql: str, migrated_postgresql: str, tmp_path: Path) -> None:
    """Several transactions at a time, as they come."""
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE model TEMPLATE {migrated_postgresql}".encode())
    url = async_url(postgresql, "model")

    def make() -> World:
        _aside(_fill(url))
        return World(InTurn(connect(url).engine, nullcontext()), _empty(tmp_path / "example"), exact=False)

    run_state_machine_as_test(_machine(make), settings=_settings(8, 40))
