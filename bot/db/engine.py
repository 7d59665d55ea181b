"""The way to the shared database, SQLite or PostgreSQL by the same code."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

Unavailable = (OperationalError, InterfaceError, InternalError, PoolTimeout)
"""What SQLAlchemy raises when the database is gone, locked, full, busy or read-only: worth another try later."""


# Sixteen sends, eight rooms and a few chores at a time; none of them holds a connection while it waits for the network.
_POOL: dict[str, Any] = {"pool_size": 20, "max_overflow": 10, "pool_timeout": 10}
_POSTGRESQL: dict[str, Any] = {
    "connect_timeout": 10,
    "options": "-c statement_timeout=30000",
    "prepare_threshold": None,  # prepared statements would not survive a PgBouncer in transaction mode; without, a query takes 8 % longer
}


def reason_of(error: BaseException) -> str:
    """Return what the database said, on one line and without what was to be written."""
    said = str(getattr(error, "orig", None) or error)
    return next(iter(said.splitlines()), type(error).__name__)


class Database:
    """One shared database. `begin()` is the only way in: returning commits, raising rolls back."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._sessions = async_sessionmaker(engine, expire_on_commit=False)

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[AsyncSession]:
        """Give a session in one transaction. Never hold it while the network is waited for."""
        async with self._sessions.begin() as session:
            yield session

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


def connect(url: str) -> Database:
    """Return the database at `url` (`sqlite+aiosqlite:///…` or `postgresql+psycopg://…`); connects at first use.

    For SQLite: the folder is made, WAL mode, foreign keys on, writers wait up to 10 s, and every transaction takes the write
    lock when it begins, so that what it read still holds when it writes.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return Database(create_async_engine(parsed, pool_pre_ping=True, hide_parameters=True, connect_args=_POSTGRESQL, **_POOL))
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(
        parsed, hide_parameters=True, connect_args={"timeout": 10}, **(_POOL if parsed.database != ":memory:" else {})
    )
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_immediate)
    return Database(engine)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see below
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=NORMAL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def is_there(url: str) -> bool:
    """Return False for a SQLite database whose file does not exist: connecting would make it."""
    parsed = make_url(url)
    return parsed.get_backend_name() != "sqlite" or not parsed.database or Path(parsed.database).exists()


async def insert_new(session: AsyncSession, table: sa.Table, **values: object) -> bool:
    """Insert a row unless one with the same unique key stands there. Return whether it was inserted."""
    dialect = session.get_bind().dialect.name
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    inserted = insert(table).values(**values).on_conflict_do_nothing().returning(sa.literal(1))
    return (await session.execute(inserted)).first() is not None
