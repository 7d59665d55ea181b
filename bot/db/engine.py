"""The way to the shared database, SQLite or PostgreSQL by the same code."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, InterfaceError, InternalError, OperationalError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import ORMExecuteState, Session

from bot.trouble import Trouble

Unavailable = (OperationalError, InterfaceError, InternalError, PoolTimeout)
"""What `Database.begin()` raises when the database is gone, locked, full, busy, damaged or read-only: worth another try later.

If that happens while it commits, nobody knows whether it did: whatever is done twice then must have its effect once.
"""

NOT_REACHABLE, NO_ANSWER, LOCKED, BUSY = "not reachable", "no answer in time", "locked", "busy"
DISK_FULL, READ_ONLY, DISK_ERROR, DAMAGED, NOT_USABLE = "disk full", "read-only", "disk error", "damaged", "not usable"
"""What can be wrong with a database, in words for whoever operates it; see `trouble_of`."""

_ONLY_WRITERS_MEET = {DISK_FULL, READ_ONLY, DISK_ERROR}

_SQLITE_TROUBLES = {
    sqlite3.SQLITE_BUSY: LOCKED,
    sqlite3.SQLITE_LOCKED: LOCKED,
    sqlite3.SQLITE_FULL: DISK_FULL,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_IOERR: DISK_ERROR,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_CANTOPEN: NOT_REACHABLE,
}
"""By primary result code, https://www.sqlite.org/rescode.html."""

_POSTGRESQL_TROUBLES = {
    "53100": DISK_FULL,
    "25006": READ_ONLY,
    "58030": DISK_ERROR,
    "XX001": DAMAGED,
    "XX002": DAMAGED,
    "53": BUSY,  # out of connections, or of memory
    "40": BUSY,  # deadlocks
    "55": BUSY,  # locks that are not to be had
    "57014": BUSY,  # a statement that took too long
    "25P03": NO_ANSWER,  # we said nothing for too long
    "57": NOT_REACHABLE,  # shutting down, starting up, or the connection was terminated
    "08": NOT_REACHABLE,
}
"""By SQLSTATE, or its class, https://www.postgresql.org/docs/current/errcodes-appendix.html."""

# Sixteen sends, eight rooms and a few chores at a time; none of them holds a connection while it waits for the network.
_POOL: dict[str, Any] = {"pool_size": 20, "max_overflow": 10, "pool_timeout": 10}

_LOCKED_FOR = 10
"""Seconds that a writer waits for SQLite's lock; the address may say otherwise (`?timeout=2`)."""

_TURN = 2.0
"""Seconds for which transactions of one process wait for one another, where only one can write; then they ask the database."""

_DEADLINE = 60.0
"""Seconds for a whole transaction. PostgreSQL ends statements after 30, but a server that stands still ends nothing."""

_LAST_SECONDS = 5.0
"""The same when we are told to end. What is not done then is done after the next start."""

# A host that is gone without a word is missed after some twelve seconds: the server's by us, and ours by the server, so that what we held
# there is free for others. Nor does the server wait longer for us in the middle of a transaction than we are ever busy with one.
_KEEPALIVES = {"keepalives_idle": 5, "keepalives_interval": 3, "keepalives_count": 2}
_GONE_AFTER_MS = 12_000
_SERVER_SETTINGS = {
    **{f"tcp_{name}": value for name, value in _KEEPALIVES.items()},
    "tcp_user_timeout": _GONE_AFTER_MS,
    "idle_in_transaction_session_timeout": 15_000,
    "statement_timeout": 30_000,
}
POSTGRESQL_CONNECTION: dict[str, Any] = {"connect_timeout": 10, "tcp_user_timeout": _GONE_AFTER_MS, **_KEEPALIVES}
"""For every connection to a PostgreSQL (https://www.postgresql.org/docs/current/libpq-connect.html)."""

_POSTGRESQL: dict[str, Any] = {
    **POSTGRESQL_CONNECTION,
    "options": " ".join(f"-c {name}={value}" for name, value in _SERVER_SETTINGS.items()),
    "prepare_threshold": None,  # prepared statements would not survive a PgBouncer in transaction mode; without, a query takes 8 % longer
}


def reason_of(error: BaseException) -> str:
    """Return what the database said, on one line and without what was to be written."""
    said = str(getattr(error, "orig", None) or error)
    return next(iter(said.splitlines()), type(error).__name__)


def trouble_of(error: BaseException) -> str:
    """Return in a word or two what is wrong with a database that raised this: one of the constants above."""
    if isinstance(error, PoolTimeout):
        return BUSY
    said = getattr(error, "orig", None) or error
    if isinstance(said, TimeoutError):
        return NO_ANSWER
    if isinstance(said, sqlite3.Error):
        code: int | None = getattr(said, "sqlite_errorcode", None)  # of errors of the module's own, there is none
        return NOT_USABLE if code is None else _SQLITE_TROUBLES.get(code & 0xFF, NOT_USABLE)
    state: str | None = getattr(said, "sqlstate", None)
    if state is None:
        return NOT_REACHABLE
    return _POSTGRESQL_TROUBLES.get(state) or _POSTGRESQL_TROUBLES.get(state[:2], NOT_USABLE)


class Database:
    """One shared database. `begin()` is the only way in: returning commits, raising rolls back."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._sessions = async_sessionmaker(engine, expire_on_commit=False, sync_session_class=_NotingWrites)
        self._trouble = Trouble("database_unavailable", "database_back")
        self._patience = _DEADLINE
        self._open: set[asyncio.Timeout] = set()
        self._turn = asyncio.Lock() if engine.dialect.name == "sqlite" else None

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[AsyncSession]:
        """Give a session in one transaction. Never hold it while the network is waited for.

        Raises one of `Unavailable` if the database cannot be used now; that is logged, too, in a rhythm that fills no log.
        """
        try:
            async with self._deadline(), _known_troubles(), self._in_turn(), self._sessions.begin() as session:
                yield session
        except Unavailable as error:
            self._trouble.failed(trouble_of(error), said=reason_of(error))
            raise
        if self._trouble.reason not in _ONLY_WRITERS_MEET or _WROTE in session.info:
            self._trouble.worked()

    @asynccontextmanager
    async def _in_turn(self) -> AsyncGenerator[None]:
        """Wait until no other transaction of this process has SQLite's lock. Whoever waits for that itself asks again and again, and sleeps
        meanwhile: that takes twice as long, and whoever comes later may be sooner."""
        taken = False
        if self._turn is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_TURN):
                    taken = await self._turn.acquire()
        try:
            yield
        finally:
            if taken and self._turn is not None:
                self._turn.release()

    @asynccontextmanager
    async def _deadline(self) -> AsyncGenerator[None]:
        """Let what takes too long be one of `Unavailable`."""
        deadline = asyncio.timeout(self._patience)
        self._open.add(deadline)
        try:
            async with deadline:
                yield
        except TimeoutError as error:
            if not deadline.expired():
                raise  # somebody's own
            raise OperationalError(None, None, TimeoutError("the transaction took too long")) from error
        finally:
            self._open.discard(deadline)

    def hurry(self) -> None:
        """Give every transaction a few seconds, also those that are open now: we are to end, and it may be the database that hangs."""
        self._patience = _LAST_SECONDS
        at = asyncio.get_running_loop().time() + _LAST_SECONDS
        for deadline in self._open:
            if not deadline.expired():
                deadline.reschedule(min(at, deadline.when() or at))

    @property
    def when_silent(self) -> str:
        """What is probably wrong while it gives no answer, neither good nor bad."""
        return LOCKED if self.engine.dialect.name == "sqlite" else NO_ANSWER

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


_WROTE = "wrote"


class _NotingWrites(Session):
    """A session that knows whether anything was written in it."""


@event.listens_for(_NotingWrites, "do_orm_execute")
def _note_writes(statement: ORMExecuteState) -> None:
    if statement.is_insert or statement.is_update or statement.is_delete:
        statement.session.info[_WROTE] = True


@asynccontextmanager
async def _known_troubles() -> AsyncGenerator[None]:
    """Let whatever becomes of a dying connection be one of `Unavailable`."""
    try:
        yield
    except PendingRollbackError as error:  # the connection went, somebody caught that, and went on
        raise OperationalError(None, None, error) from error
    except DatabaseError as error:
        if type(error) is not DatabaseError:  # its subclasses say what they mean; the class itself stands for a damaged file
            raise
        raise OperationalError(None, None, error.orig or error) from error


def connect(url: str) -> Database:
    """Return the database at `url` (`sqlite+aiosqlite:///…` or `postgresql+psycopg://…`); connects at first use.

    For SQLite: the folder is made, WAL mode, foreign keys on, writers wait up to 10 s, and every transaction takes the write
    lock when it begins, so that what it read still holds when it writes. What the address says of timeouts goes before what we say.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        connect_args = {name: value for name, value in _POSTGRESQL.items() if name not in parsed.query}
        return Database(create_async_engine(parsed, pool_pre_ping=True, hide_parameters=True, connect_args=connect_args, **_POOL))
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    patience = {} if "timeout" in parsed.query else {"timeout": _LOCKED_FOR}
    engine = create_async_engine(
        parsed, hide_parameters=True, connect_args=patience, **(_POOL if parsed.database != ":memory:" else {})
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


async def insert_new_rows(session: AsyncSession, table: sa.Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert those of `rows` (at least one) whose unique key does not stand there yet, in one statement."""
    dialect = session.get_bind().dialect.name
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    await session.execute(insert(table).values([dict(row) for row in rows]).on_conflict_do_nothing())
