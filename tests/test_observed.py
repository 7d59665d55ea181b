"""Readiness of the running bot: whether what people ask of it could be written down now, and if not, why."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import sqlalchemy as sa
from peewee import SqliteDatabase
from prometheus_client import generate_latest

from bot import metrics, observed
from bot.clock import SystemClock
from bot.db import devices
from bot.db.engine import Database, connect
from bot.matrix.journal import Journal
from bot.network_rooms import NetworkRooms
from bot.observed import Asking, Observed

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Sync:
    """A sync loop, as far as it is looked at."""

    silence: float | None = 1.0

    def silent_for(self) -> float | None:
        return self.silence


@pytest.fixture
def sync() -> Sync:
    return Sync()


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(SqliteDatabase(str(tmp_path / "device.sqlite")))


@pytest_asyncio.fixture(loop_scope="session")
async def watched(database_url: str, sync: Sync, journal: Journal) -> AsyncIterator[Observed]:
    """What is shown of a bot; SQLite's lock is waited for half a second."""
    patience = "?timeout=0.5" if database_url.startswith("sqlite") else ""
    database = connect(database_url + patience)
    pages = Observed("", database, "DEVICE", journal, NetworkRooms({}), sync, SystemClock())  # pyright: ignore[reportArgumentType]  (a part of it)
    async with pages.page():
        yield pages
    await database.close()


async def wrong(watched: Observed) -> dict[str, str | None]:
    return {name: reason for name, reason in (await watched._readiness()).parts.items() if reason is not None}


async def test_all_is_well(watched: Observed, database: Database) -> None:
    """It writes, as whatever people ask for does."""
    assert (await watched._readiness()).parts == {"sync": None, "database": None, "state_dir": None}
    async with database.begin() as session:
        assert list(await devices.signs(session)) == ["DEVICE"]


async def test_the_sync_is_late(watched: Observed, sync: Sync) -> None:
    sync.silence = None
    assert await wrong(watched) == {"sync": "no sync yet"}
    sync.silence = 121
    assert await wrong(watched) == {"sync": "no sync for two minutes"}


@on_sqlite
async def test_a_database_that_cannot_be_written(watched: Observed) -> None:
    """Reading alone would find nothing wrong."""
    async with watched._database.begin() as session:
        await session.execute(sa.text("PRAGMA query_only = ON"))
    assert await wrong(watched) == {"database": "read-only"}


@on_sqlite
async def test_a_lock_is_not_waited_for(watched: Observed, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks has no time; the question stands, and is one, however many ask."""
    monkeypatch.setattr(observed, "_ANSWERS_WITHIN", 0.1)
    other = sqlite3.connect(str(sa.make_url(database_url).database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    assert await asyncio.gather(*(wrong(watched) for _ in range(5))) == [{"database": "locked"}] * 5
    assert time.monotonic() - began < 3  # SQLite itself would wait for longer
    await asyncio.sleep(0.6)  # the question of before is answered meanwhile, in vain
    assert await wrong(watched) == {"database": "locked"}
    other.execute("ROLLBACK")
    other.close()
    monkeypatch.setattr(observed, "_ANSWERS_WITHIN", 3.0)
    assert await wrong(watched) == {}


@on_sqlite
async def test_figures_that_cannot_be_asked_for_are_none(watched: Observed, database: Database) -> None:
    """What they were before is not what they are."""
    await watched._count()
    assert b"netzwart_pending_deliveries 0.0" in generate_latest(metrics.registry)
    async with database.begin() as session:
        await session.execute(sa.text("DROP TABLE deliveries"))
    await watched._count()
    assert b"netzwart_pending_deliveries NaN" in generate_latest(metrics.registry)


async def test_a_journal_that_cannot_be_written(watched: Observed, journal: Journal) -> None:
    journal._run("PRAGMA query_only = ON")
    assert await wrong(watched) == {"state_dir": "read-only"}
    journal._run("PRAGMA query_only = OFF")
    assert await wrong(watched) == {}


async def test_a_question_stands_until_it_is_answered() -> None:
    answered, asked = asyncio.Event(), 0

    async def ask() -> int:
        nonlocal asked
        asked += 1
        await answered.wait()
        return asked

    asking = Asking(ask)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await asking.answer(0.01)
    answered.set()
    assert [await asking.answer(1), await asking.answer(1)] == [1, 2], "the next question is a new one"
    answered.clear()
    with pytest.raises(TimeoutError):
        await asking.answer(0.01)
    await asking.close()
    assert asked == 3
