"""Whatever a dying, locked, full or read-only database raises, the bot knows it, and knows a word for it."""

import asyncio
import os
import socket
import sqlite3
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
import structlog
from sqlalchemy.exc import OperationalError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import devices, engine
from bot.db.engine import Database, Unavailable, connect, trouble_of
from tests.e2e.database_server import Wire

Work = Callable[[AsyncSession], Awaitable[object]]
OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


async def beat(session: AsyncSession) -> None:
    await devices.beat(session, "DEVICE")


async def trouble(database: Database, work: Work = beat) -> str:
    """Return the word for what becomes of some work in a transaction."""
    with pytest.raises(Unavailable) as caught:
        async with database.begin() as session:
            await work(session)
    return trouble_of(caught.value)


def file_of(url: str) -> Path:
    return Path(str(sa.make_url(url).database))


# SQLite


@on_sqlite
async def test_sqlite_locked(database_url: str) -> None:
    """As long as the address says, or ten seconds."""
    database = connect(f"{database_url}?timeout=0.1")
    other = sqlite3.connect(file_of(database_url), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert await trouble(database) == "locked"
    other.execute("ROLLBACK")
    other.close()
    async with database.begin() as session:
        await beat(session)
    await database.close()


@on_sqlite
async def test_transactions_come_in_the_order_in_which_they_were_begun(database: Database) -> None:
    """Only one can write. Whoever asked SQLite again and again for its turn would get it by chance, after a sleep."""
    done: list[int] = []

    async def work(number: int) -> None:
        async with database.begin() as session:
            await beat(session)
            done.append(number)

    async with database.begin() as session:
        await beat(session)
        waiting = [asyncio.create_task(work(number)) for number in range(20)]
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    assert done == list(range(20))


@on_sqlite
async def test_a_transaction_that_does_not_end_holds_up_no_other_for_good(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is then as if another process had the lock: the others are told so."""
    monkeypatch.setattr(engine, "_TURN", 0.1)
    impatient = connect(f"{database_url}?timeout=0.1")
    async with impatient.begin() as session:
        await beat(session)
        assert await asyncio.gather(*(trouble(impatient) for _ in range(3))) == ["locked"] * 3
    async with impatient.begin() as session:
        await beat(session)
    await impatient.close()


@on_sqlite
async def test_sqlite_is_full(database: Database) -> None:
    """Reading works still: that does not mean that the trouble is over."""

    async def fill(session: AsyncSession) -> None:
        await session.execute(sa.text("PRAGMA max_page_count = 1"))
        await session.execute(sa.text("CREATE TABLE ballast AS SELECT zeroblob(100000)"))

    with structlog.testing.capture_logs() as lines:
        assert await trouble(database, fill) == "disk full"
        async with database.begin() as session:
            await devices.signs(session)
        assert [line["event"] for line in lines] == ["database_unavailable"]
        async with database.begin() as session:
            await session.execute(sa.text("PRAGMA max_page_count = 100000"))
            await beat(session)
    assert [(line["event"], line.get("reason")) for line in lines] == [
        ("database_unavailable", "disk full"),
        ("database_back", None),
    ]


@on_sqlite
async def test_sqlite_read_only(database: Database) -> None:
    """Every transaction takes the lock for writing when it begins: nothing can even be read."""

    async def forbid(session: AsyncSession) -> None:
        await session.execute(sa.text("PRAGMA query_only = ON"))
        await beat(session)

    assert await trouble(database, forbid) == "read-only"
    assert await trouble(database) == "read-only"


@on_sqlite
async def test_sqlite_damaged(database_url: str) -> None:
    """sqlite3 raises no `OperationalError` then; nobody must take it for a mistake of ours about the event at hand."""
    file_of(database_url).write_bytes(b"no database at all " * 1000)
    database = connect(database_url)
    assert await trouble(database) == "damaged"
    await database.close()


async def test_sqlite_gone(tmp_path: Path) -> None:
    database = connect(f"sqlite+aiosqlite:///{tmp_path}/folder/netzwart.sqlite")
    (tmp_path / "folder").rmdir()
    assert await trouble(database) == "not reachable"
    await database.close()


# PostgreSQL


async def _terminate(database_url: str) -> None:
    """End all connections to a database but our own."""
    address = database_url.replace("+psycopg", "")
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
        await connection.execute(OTHERS.encode())


@on_postgresql
async def test_postgresql_ends_the_connection(database_url: str, database: Database) -> None:
    """In the middle, before the commit, and where somebody has caught it and gone on, whom SQLAlchemy tells something else."""

    async def in_the_middle(session: AsyncSession) -> None:
        await beat(session)
        await _terminate(database_url)
        await beat(session)

    async def before_the_commit(session: AsyncSession) -> None:
        await beat(session)
        await _terminate(database_url)

    async def gone_on(session: AsyncSession) -> None:
        await beat(session)
        await _terminate(database_url)
        with pytest.raises(OperationalError):
            await beat(session)
        with pytest.raises(PendingRollbackError):
            await beat(session)
        await beat(session)

    for work in (in_the_middle, before_the_commit, gone_on):
        assert await trouble(database, work) == "not reachable"
    async with database.begin() as session:
        await beat(session)


@on_postgresql
async def test_postgresql_takes_nothing(database: Database) -> None:
    """Read-only, busy, impatient: what each is called."""

    async def read_only(session: AsyncSession) -> None:
        await session.execute(sa.text("SET TRANSACTION READ ONLY"))
        await beat(session)

    async def too_slow(session: AsyncSession) -> None:
        await session.execute(sa.text("SET LOCAL statement_timeout = 20"))
        await session.execute(sa.text("SELECT pg_sleep(1)"))

    async def silent_for_too_long(session: AsyncSession) -> None:
        await session.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 20"))
        await asyncio.sleep(0.2)  # time is what it is about

    async def full(session: AsyncSession) -> None:
        await session.execute(sa.text("DO $$ BEGIN RAISE EXCEPTION 'full' USING ERRCODE = 'disk_full'; END $$"))

    assert await trouble(database, read_only) == "read-only"
    assert await trouble(database, too_slow) == "busy"
    assert await trouble(database, silent_for_too_long) == "no answer in time"
    assert await trouble(database, full) == "disk full"


async def test_postgresql_is_not_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        database = connect(f"postgresql+psycopg://nobody@127.0.0.1:{taken.getsockname()[1]}/none")
        assert await trouble(database) == "not reachable"
        await database.close()


@on_postgresql
async def test_postgresql_stands_still(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction has its time, whatever the server does about it."""
    monkeypatch.setattr(database, "_patience", 0.2)

    async def waits(session: AsyncSession) -> None:
        await session.execute(sa.text("SELECT pg_sleep(10)"))

    assert await trouble(database, waits) == "no answer in time"


@on_postgresql
async def test_whoever_has_to_end_does_not_wait_for_a_database(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither with what is open, nor with what comes after that; what is quick is done."""
    monkeypatch.setattr(engine, "_LAST_SECONDS", 0.3)
    began = asyncio.Event()

    async def waits(session: AsyncSession) -> None:
        await beat(session)
        began.set()
        await session.execute(sa.text("SELECT pg_sleep(10)"))

    started = time.monotonic()
    waiting = asyncio.create_task(trouble(database, waits))
    await began.wait()
    database.hurry()
    assert await waiting == "no answer in time"
    assert await trouble(database, waits) == "no answer in time"
    async with database.begin() as session:
        await beat(session)
    assert time.monotonic() - started < 3


async def test_somebodys_own_deadline_is_no_trouble_of_the_database(database: Database) -> None:
    async def impatient() -> None:
        async with database.begin() as session:
            await beat(session)
            async with asyncio.timeout(0):
                await asyncio.Event().wait()

    with structlog.testing.capture_logs() as lines, pytest.raises(TimeoutError):
        await impatient()
    assert lines == []


def test_the_pool_is_empty() -> None:
    """Everybody holds a connection."""
    assert trouble_of(PoolTimeout("QueuePool limit")) == "busy"


async def test_our_kernel_misses_a_host_that_is_gone(postgresql: str) -> None:
    """Within about twelve seconds: whether we wait for it to say something, or to have heard us."""
    async with Wire(Path(postgresql.split("host=")[1]) / ".s.PGSQL.5432") as wire:
        database = connect(wire.address)
        async with database.begin() as session:
            raw = await (await session.connection()).get_raw_connection()
            assert isinstance(raw.driver_connection, psycopg.AsyncConnection)
            with socket.socket(fileno=os.dup(raw.driver_connection.fileno())) as connected:
                options = [socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT]
                assert [connected.getsockopt(socket.IPPROTO_TCP, option) for option in options] == [5, 3, 2, 12_000]
                assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        await database.close()


@on_postgresql
async def test_a_server_misses_us_if_our_host_is_gone(database: Database) -> None:
    """Within the same time; and it does not wait for us for ever in the middle of a transaction."""
    wanted = {
        "tcp_keepalives_idle": "5",
        "tcp_keepalives_interval": "3",
        "tcp_keepalives_count": "2",
        "tcp_user_timeout": "12s",
        "idle_in_transaction_session_timeout": "15s",
        "statement_timeout": "30s",
    }
    async with database.begin() as session:
        names = sa.text("SELECT name, setting FROM pg_settings WHERE name = ANY(:names) AND source = 'client'")
        set_by_us = {row.name for row in await session.execute(names, {"names": list(wanted)})}
    assert set_by_us == wanted.keys()
