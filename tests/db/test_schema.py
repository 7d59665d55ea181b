"""The migrations give the tables that the code expects, up and down."""

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from bot.db import schema
from bot.db.engine import Database
from bot.db.tables import metadata


def _differences(connection: sa.Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))


async def test_migrated_tables_are_those_of_the_code(database: Database) -> None:
    async with database.engine.connect() as connection:
        assert await connection.run_sync(_differences) == []


async def test_down_to_nothing_and_up_again(database: Database) -> None:
    assert await schema.migrate(database, "base") == (schema.newest_version(), None)
    async with database.engine.connect() as connection:
        left = await connection.run_sync(lambda c: sa.inspect(c).get_table_names())
    assert left == ["alembic_version"]
    assert await schema.migrate(database) == (None, schema.newest_version())
    async with database.engine.connect() as connection:
        assert await connection.run_sync(_differences) == []
