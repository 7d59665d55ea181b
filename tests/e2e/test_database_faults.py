"""The database is gone, locked, full or read-only while people talk to the bot. It says so, lives on, and catches up: all is done once."""

import asyncio
import json
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal

import aiohttp
import pytest
import pytest_asyncio
import sqlalchemy as sa

from bot.db.tables import submissions
from bot.demo.children import start_leashed
from bot.demo.homeserver import Homeserver
from tests.e2e.database_server import DatabaseServer, Wire
from tests.e2e.running import BREMEN, LABS, PEOPLE, RESEARCH, WITHIN, Bot, Net, network
from tests.e2e.small_disk import SmallDisk, SmallDisks, small_disks

MAKERS = {room: PEOPLE[room][0] for room in LABS}
LOCKED_FOR = 1
"""Seconds for which the bot of these tests waits for SQLite's lock."""

TERMINATE_ALL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
HOLD_THE_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def disks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisks]:
    """One for the shared database, one for the device's own files."""
    with small_disks(tmp_path_factory.mktemp("disks"), {"database": "16m", "state": "40m"}) as disks:
        yield disks


class BotOnDisks(Bot):
    """A bot that runs where its disks are."""

    inside: tuple[str, ...] = ()

    async def _spawn(self, *arguments: str) -> Process:
        self.write_configuration()
        command = [*self.inside, sys.executable, "-m", "bot", *arguments, "--config", str(self.config)]
        return await start_leashed(command, folder=self.folder, output=PIPE)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def on_disks(homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory, disks: SmallDisks) -> AsyncIterator[Net]:
    """The network with its bot at work on SQLite, on disks of its own."""
    folder = tmp_path_factory.mktemp("on-disks")
    url = f"sqlite+aiosqlite:///{disks['database'].seen}/netzwart.sqlite"
    async with network(homeserver, folder, url) as net:
        net.bot = BotOnDisks(folder, net.bot.settings)
        net.bot.inside = tuple(disks.inside)
        net.bot.settings["database"]["url"] = f"sqlite+aiosqlite:///{disks['database'].path}/netzwart.sqlite?timeout={LOCKED_FOR}"
        net.bot.settings["matrix"]["state_dir"] = str(disks["state"].path / "state")
        await net.bot.start()
        await net.bot_in()
        try:
            yield net
        finally:
            await net.bot.kill()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DatabaseServer]:
    """A PostgreSQL that may be killed."""
    async with DatabaseServer(tmp_path_factory.mktemp("postgresql-of-its-own")) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def wire(server: DatabaseServer) -> AsyncIterator[Wire]:
    """What the bot takes for its PostgreSQL."""
    async with Wire(server.socket) as wire:
        yield wire


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def on_wire(homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory, wire: Wire) -> AsyncIterator[Net]:
    """The network with its bot at work on PostgreSQL."""
    async with network(homeserver, tmp_path_factory.mktemp("on-wire"), wire.address) as net:
        await net.bot.start()
        await net.bot_in()
        yield net


# What is looked at each time


async def readiness(net: Net) -> tuple[int, dict[str, str]]:
    """Return the status of `/readyz`, and what is wrong with which part."""
    url = (await net.bot.says("listening"))["url"]
    async with aiohttp.ClientSession() as session, session.get(f"{url}/readyz") as answer:
        parts: dict[str, dict[str, Any]] = json.loads(await answer.read())["parts"]
        return answer.status, {name: part["reason"] for name, part in parts.items() if not part["well"]}


async def until_ready_is(net: Net, status: int, wrong: Mapping[str, str]) -> None:
    """Wait until `/readyz` says just this."""
    found: object = None
    try:
        async with asyncio.timeout(WITHIN):
            while (found := await readiness(net)) != (status, wrong):  # noqa: ASYNC110  (it is asked of another process)
                await asyncio.sleep(0.1)
    except TimeoutError:
        pytest.fail(f"/readyz says {found}, not {status} {wrong}")


class Talk:
    """Commands given in the labs' rooms while something is wrong, some of them with effects."""

    def __init__(self, net: Net) -> None:
        self._net = net
        self._marks = {room: net[name].last for room, name in MAKERS.items()}
        self._asked: dict[str, list[str]] = {room: [] for room in LABS}
        self._links = 0

    async def go_on(self) -> None:
        """Give one command of each kind in each room."""
        self._links += 1
        link = f"https://lab.example/{self._marks[BREMEN]}/{self._links}"
        for body in (f"!netz bericht abgegeben labor-1 {link}", f"!netz hilfe {self._links}"):
            for room, name in MAKERS.items():
                self._asked[room].append(await self._net[name].say(self._net.rooms[room], body))
        self._last_link = link

    async def all_done_once(self) -> None:
        """Each command was answered once, in order, and the last link stands."""
        for room, name in MAKERS.items():
            await self._net.answer(name, self._asked[room][-1])
            await self._net.settled(name, room)
            heard = self._net.heard(name, room, self._marks[room])
            replies = [seen.reacts_to or seen.relation.get("m.in_reply_to", {}).get("event_id") for seen in heard]
            ours = [event_id for event_id in replies if event_id in self._asked[room]]
            assert ours == self._asked[room], Counter(ours)
        database = self._net.database
        async with database.begin() as session:
            stands = (await session.execute(sa.select(submissions.c.debtor, submissions.c.link))).all()
        await database.close()
        assert sorted(stands) == sorted((room.removeprefix("lab:"), self._last_link) for room in LABS)


@asynccontextmanager
async def trouble(net: Net) -> AsyncGenerator[Talk]:
    """Something is made wrong and well again inside. Then all that was said is done once, by the same process, and readiness says so."""
    pid, before = net.bot.pid, len(net.bot.log)
    talk = Talk(net)
    yield talk
    await talk.all_done_once()
    await until_ready_is(net, 200, {})
    assert net.bot.pid == pid
    assert [line for line in net.bot.complaints() if line in net.bot.log[before:]] == []
    said = Counter(line["event"] for line in net.bot.log[before:] if line["level"] in ("warning", "error"))
    assert said["database_unavailable"] + said["journal_not_written"] <= 4, said


# PostgreSQL


async def test_postgresql_is_killed_and_comes_back(on_wire: Net, server: DatabaseServer) -> None:
    """Killed as by a power cut, away for some seconds, while people give commands."""
    async with trouble(on_wire) as talk:
        await talk.go_on()
        await server.kill()
        await talk.go_on()
        await on_wire.bot.says("database_unavailable", reason="not reachable")
        await until_ready_is(on_wire, 503, {"database": "not reachable"})
        await talk.go_on()
        await server.start()
        await on_wire.bot.says("database_back")


async def test_connections_are_terminated_again_and_again(on_wire: Net, server: DatabaseServer) -> None:
    """In the middle of whatever they are at, for two seconds."""
    async with trouble(on_wire) as talk:

        async def terminate() -> None:
            for _ in range(40):
                await server.execute(TERMINATE_ALL)
                await asyncio.sleep(0.05)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(terminate())
            tasks.create_task(talk.go_on())
        await talk.go_on()


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_the_wire_is_cut_while_a_commit_is_under_way(on_wire: Net, wire: Wire, cut: Literal["before", "after"]) -> None:
    """Nobody knows whether the effect is there: cut before the server got the COMMIT, it is not; after that, it is. Either way, once."""
    async with trouble(on_wire) as talk:
        before = len(on_wire.bot.log)
        wire.cut_at, wire.cuts = cut, 4
        await talk.go_on()
        await on_wire.bot.says("entry_postponed", after=before)
    assert wire.cuts == 0
    done = [line["event_id"] for line in on_wire.bot.log[before:] if line["event"] == "command"]
    postponed = {line["event_id"] for line in on_wire.bot.log[before:] if line["event"] == "entry_postponed"}
    assert postponed
    assert postponed.isdisjoint(done) == (cut == "after"), "what was committed was not done again, what was not was"


async def test_postgresql_can_only_be_read(on_wire: Net, server: DatabaseServer) -> None:
    """As after a failover to a server that only follows."""
    async with trouble(on_wire) as talk:
        await server.execute("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
        await until_ready_is(on_wire, 503, {"database": "read-only"})
        await talk.go_on()
        await on_wire.bot.says("database_unavailable", reason="read-only")
        await server.execute("ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")


async def test_postgresql_stands_still(on_wire: Net, wire: Wire) -> None:
    """Connected, and nothing comes any more. Readiness does not wait for it."""
    async with trouble(on_wire) as talk:
        wire.flows.clear()
        await talk.go_on()
        await until_ready_is(on_wire, 503, {"database": "no answer in time"})
        wire.flows.set()


# SQLite


async def test_sqlite_is_locked_by_another_process(on_disks: Net, disks: SmallDisks) -> None:
    """A backup that takes its time, or somebody's forgotten shell: longer than a writer waits."""
    async with trouble(on_disks) as talk:
        file = str(disks["database"].seen / "netzwart.sqlite")
        holding = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLD_THE_LOCK, file, stdin=PIPE, stdout=PIPE)
        assert holding.stdout is not None
        assert await holding.stdout.readline() == b"held\n"
        await talk.go_on()
        await until_ready_is(on_disks, 503, {"database": "locked"})
        await on_disks.bot.says("database_unavailable", reason="locked")
        await talk.go_on()
        await holding.communicate(b"")
        await on_disks.bot.says("database_back")


async def test_the_disk_of_the_database_is_full(on_disks: Net, disks: SmallDisks) -> None:
    async with trouble(on_disks) as talk:
        _empty_the_log(disks["database"])
        disks["database"].fill()
        await talk.go_on()
        await until_ready_is(on_disks, 503, {"database": "disk full"})
        await on_disks.bot.says("database_unavailable", reason="disk full")
        await talk.go_on()
        disks["database"].free()
        await on_disks.bot.says("database_back")


async def test_the_disk_of_the_device_is_full(on_disks: Net, disks: SmallDisks) -> None:
    """Its keys and its journal could not be written: nothing is taken from the homeserver, and nothing said, until there is room."""
    async with trouble(on_disks) as talk:
        mark = on_disks["fatma"].last
        disks["state"].fill(leave=4 * 2**20)  # a sync that is being written still finds its place
        await until_ready_is(on_disks, 503, {"state_dir": "disk full"})
        disks["state"].fill()
        await on_disks.bot.says("journal_not_written", reason="disk full")
        await talk.go_on()
        await on_disks.bot.jump()
        await on_disks.bot.says("delivery_postponed", room=RESEARCH, reason="state_dir: disk full")
        disks["state"].free()
        await on_disks.bot.says("journal_written_again")
        reminder = on_disks.says(RESEARCH, "30. Oktober")
        await on_disks["fatma"].sees(reminder, WITHIN, after=mark)
    assert len(on_disks["fatma"].saw(reminder, after=mark)) == 1


async def test_a_disk_is_read_only_when_it_starts(on_disks: Net, disks: SmallDisks) -> None:
    """One line, and the status with which a service is started again: somebody else will mend it."""
    await on_disks.bot.stop()
    talk = Talk(on_disks)
    for disk in ("database", "state"):
        disks[disk].remount("ro")
        await talk.go_on()
        status, said = await on_disks.bot.do("run")
        disks[disk].remount("rw")
        assert status == 1, said
        assert len([line for line in said.splitlines() if not line.startswith("{")]) == 1, said
    await on_disks.bot.start()
    await talk.all_done_once()


def _empty_the_log(disk: SmallDisk) -> None:
    """What SQLite's write-ahead log holds of the disk already, it would go on with for a while."""
    connection = sqlite3.connect(disk.seen / "netzwart.sqlite", timeout=10)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
