"""The version of the tables: migrations forward and back, and the check that code and tables belong together."""

import asyncio
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from bot.db.engine import Database
from bot.errors import DatabaseNotReady, text

_MIGRATIONS = Path(__file__).parent / "migrations"


def _alembic(connection: sa.Connection | None = None) -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def newest_version() -> str:
    """Return the version that the code expects."""
    return str(ScriptDirectory.from_config(_alembic()).get_current_head())


async def version_of(database: Database) -> str | None:
    """Return the version that the tables have, None for an empty database."""
    async with database.engine.connect() as connection:
        return await connection.run_sync(lambda c: MigrationContext.configure(c).get_current_revision())


async def migrate(database: Database, target: str = "head") -> tuple[str | None, str | None]:
    """Bring the tables to a version (`head`: the newest; `base`: none). Return the versions before and after.

    Everything in one transaction: after a crash the tables are as they were.
    """
    before = await version_of(database)
    downwards = target == "base" or (before is not None and await asyncio.to_thread(_is_older, target, before))
    move = command.downgrade if downwards else command.upgrade
    async with database.engine.begin() as connection:
        await connection.run_sync(lambda c: move(_alembic(c), target))
    return before, await version_of(database)


def _is_older(target: str, than: str) -> bool:
    scripts = ScriptDirectory.from_config(_alembic())
    if target == "head":
        return False
    return target in {script.revision for script in scripts.iterate_revisions(than, "base")}


async def check_schema(database: Database) -> None:
    """Raise `DatabaseNotReady` unless the tables are of the version that the code expects. An empty database is set up."""
    found, expected = await version_of(database), newest_version()
    if found is None:
        await migrate(database)
    elif found != expected:
        raise DatabaseNotReady(
            text(
                "Die Datenbank hat den Stand %(found)s, dieses Netzwart braucht %(expected)s. Sichere sie und rufe »netzwart migrate« auf.",
                found=found,
                expected=expected,
            )
        )
