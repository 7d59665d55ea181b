"""`kill -9` in the middle of an import and of a migration: all of it or nothing, and the next try does it."""

import signal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.db import deliveries
from bot.db.engine import connect
from bot.db.network import load, replace
from bot.db.schema import migrate, newest_version, version_of
from bot.db.tables import handled_events, metadata
from bot.domain.network import Network
from bot.network_file import read_network
from tests.conftest import BACKENDS
from tests.conversation import EXAMPLE, MORNING, example_network
from tests.e2e.conftest import Databases
from tests.e2e.running import Bot
from tests.nursery.nursery import Nursery

OLDEST = "0001"


def administrator(nursery: Nursery, folder: Path, database_url: str) -> Bot:
    """Return a bot that is given orders on a terminal. No homeserver is needed for these."""
    secret = folder / "password"
    secret.touch(mode=0o600)
    secret.write_text("secret", "utf-8")
    names = {name: f"#{name}:netz.example" for name in ("coordination_room", "network_room", "research_room")}
    matrix = {"homeserver": "http://127.0.0.1:9", "user_id": "@netzwart:netz.example", "password_file": str(secret)}
    settings: dict[str, dict[str, Any]] = {
        "matrix": {**matrix, "state_dir": str(folder / "state")},
        "database": {"url": database_url},
        "network": {"name": "Netz", **names},
    }
    return Bot(folder, settings, nursery.launch)


async def killed(bot: Bot, nursery: Nursery, order: str, *arguments: str) -> None:
    """Give an order and see the process die at a point."""
    bot.launcher = nursery.trapped(order)
    status, said = await bot.do(*arguments)
    assert (status, "crash_point" in said) == (-signal.SIGKILL, True), said
    bot.launcher = nursery.launch


async def network_in(database_url: str) -> Network | None:
    """Return what stands in the database."""
    database = connect(database_url)
    async with database.begin() as session:
        found = await load(session)
    await database.close()
    return found


async def test_killed_in_an_import(nursery: Nursery, tmp_path: Path, database_url: str) -> None:
    """Never some labs of the one network and some reports of the other."""
    new = EXAMPLE.read_text("utf-8").replace("2020-10-30", "2020-11-05").replace("Bremen", "Bremerhaven")
    file = tmp_path / "new.toml"
    file.write_text(new, "utf-8")
    database = connect(database_url)
    async with database.begin() as session:
        await replace(session, example_network())
    await database.close()
    bot = administrator(nursery, tmp_path, database_url)

    for order in ("import-half-done", "import-half-done:2", "import-not-committed:4"):
        await killed(bot, nursery, order, "import", str(file), "--yes")
        assert await network_in(database_url) == example_network()

    await killed(bot, nursery, "import-committed", "import", str(file), "--yes")
    assert await network_in(database_url) == read_network(new) != example_network()
    status, said = await bot.do("import", str(file), "--yes")
    assert (status, "Nichts zu ändern" in said) == (0, True)


async def tables_and_rows(database_url: str) -> tuple[str | None, dict[str, set[str]], int, list[Any]]:
    """Return the version, the columns of each table, and what stands in two of them."""
    database = connect(database_url)

    def columns(connection: sa.Connection) -> dict[str, set[str]]:
        inspector = sa.inspect(connection)
        return {table: {column["name"] for column in inspector.get_columns(table)} for table in inspector.get_table_names()}

    async with database.engine.connect() as connection:
        found = await connection.run_sync(columns)
    async with database.begin() as session:
        waiting = await deliveries.pending(session)
        events = list(await session.scalars(sa.select(handled_events.c.event_id)))
    version = await version_of(database)
    await database.close()
    return version, found, waiting, events


@pytest.mark.parametrize("backend", BACKENDS)
async def test_killed_in_a_migration(nursery: Nursery, databases: Databases, tmp_path: Path, backend: str) -> None:
    """The tables are the old ones, with what stood in them, or the new ones; never something in between."""
    async with databases(backend, tmp_path) as url:
        database = connect(url)
        await migrate(database, OLDEST)
        async with database.begin() as session:
            said = {"key": "reply:$1", "room": "network", "event_type": "m.room.message", "content": '{"body": "Moin"}'}
            columns = sa.table(
                "deliveries", *(sa.column(name) for name in (*said, "created_at", "due_at"))
            )  # as the oldest has them
            await session.execute(columns.insert().values(**said, created_at=MORNING, due_at=MORNING))
            row = {"event_id": "$1", "room_id": "!1", "sender": "@a:b", "command": "hilfe", "handled_at": MORNING}
            await session.execute(handled_events.insert().values(**row))
        await database.close()
        before = await tables_and_rows(url)
        bot = administrator(nursery, tmp_path, url)

        for order in ("migration-half-done:2", "migration-half-done:5", "migration-not-committed"):
            await killed(bot, nursery, order, "migrate")
            assert await tables_and_rows(url) == before

        await killed(bot, nursery, "migrated:2", "migrate")
        version, columns, waiting, events = await tables_and_rows(url)
        assert (version, waiting, events) == (newest_version(), 1, ["$1"])
        del columns["alembic_version"]
        assert columns == {table.name: set(table.columns.keys()) for table in metadata.tables.values()}
        status, _said = await bot.do("migrate")
        assert status == 0
