"""What processes on one PostgreSQL tell each other, and what becomes of it when the connection is cut."""

import asyncio

import pytest
import sqlalchemy as sa

from bot.db.engine import Database, connect
from bot.db.wakeups import DELIVERIES, EVERYTHING, FACTS, Wakeups, tell


class Heard:
    """What came, and a way to wait for it."""

    def __init__(self) -> None:
        self.words: asyncio.Queue[str] = asyncio.Queue()

    async def next(self) -> str:
        """Return the next word; a failure if none comes."""
        async with asyncio.timeout(15):
            return await self.words.get()


async def test_what_is_told_is_heard_and_a_cut_connection_is_made_again(database: Database, database_url: str) -> None:
    """Whoever could not hear for a while is told to look at everything. On SQLite there is nobody to hear."""
    heard = Heard()
    wakeups = Wakeups(database_url, heard.words.put_nowait)
    listening = asyncio.create_task(wakeups.run())
    if database.engine.dialect.name == "sqlite":
        async with database.begin() as session:
            await tell(session, FACTS)
        await asyncio.wait_for(listening, 5)
        assert heard.words.empty()
        return
    assert await heard.next() == EVERYTHING
    async with database.begin() as session:
        for topic in (DELIVERIES, FACTS, DELIVERIES):
            await tell(session, topic)
        await asyncio.sleep(0)
        assert heard.words.empty(), "nothing is told before the commit"
    assert sorted([await heard.next(), await heard.next()]) == sorted([DELIVERIES, FACTS])

    async with database.begin() as session:
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
        await session.execute(sa.text(cut))
    assert await heard.next() == EVERYTHING
    wakeups.stop()
    await asyncio.wait_for(listening, 5)


@pytest.mark.parametrize("gone", ["nothing listens there", "no such host"])
async def test_without_a_way_to_listen_it_tries_again_and_can_be_stopped(gone: str) -> None:
    """It is only a wake-up: that it cannot be had ends nothing."""
    host = "127.0.0.1:1" if gone.startswith("nothing") else "no.such.host.invalid:5432"
    wakeups = Wakeups(f"postgresql+psycopg://somebody@{host}/netzwart", pytest.fail)
    listening = asyncio.create_task(wakeups.run())
    done, _ = await asyncio.wait({listening}, timeout=1.5)
    assert not done
    wakeups.stop()
    await asyncio.wait_for(listening, 15)


async def test_a_program_without_prepared_statements(database_url: str) -> None:
    """Behind a PgBouncer in transaction mode, a prepared statement is another connection's."""
    database = connect(database_url)
    if database.engine.dialect.name == "postgresql":
        for _ in range(8):  # psycopg would prepare at the sixth
            async with database.begin() as session:
                await session.execute(sa.text("SELECT count(*) FROM devices"))
        async with database.begin() as session:
            assert await session.scalar(sa.text("SELECT count(*) FROM pg_prepared_statements")) == 0
    await database.close()
