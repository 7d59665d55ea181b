"""A database for a module's bot, empty, on the backend that the module asks for."""

import itertools
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import psycopg
import pytest

from tests.conftest import async_url
from tests.e2e.running import Launching
from tests.nursery.nursery import Nursery

Databases: TypeAlias = Callable[[str, Path], AbstractAsyncContextManager[str]]
_numbers = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def quick_starts(nursery: Nursery) -> Iterator[None]:
    """Bots come from the nursery, unless a test gives them another launcher."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Launching, "launcher", staticmethod(nursery.launch))
        yield


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest) -> Databases:
    """Give `databases(backend, folder)`, a context with the address of an empty database."""

    @asynccontextmanager
    async def empty(backend: str, folder: Path) -> AsyncGenerator[str]:
        if backend == "sqlite":
            yield f"sqlite+aiosqlite:///{folder / 'netzwart.sqlite'}"
            return
        server: str = request.getfixturevalue("postgresql")
        name = f"e2e_{next(_numbers)}"
        await _execute(server, f"CREATE DATABASE {name}")
        yield async_url(server, name)
        await _execute(server, f"DROP DATABASE {name} WITH (FORCE)")

    return empty


async def _execute(server: str, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(server, autocommit=True) as connection:
        await connection.execute(statement.encode())
