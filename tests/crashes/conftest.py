"""What the crash tests share: a nursery, and a story on the backend that a module asks for."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest
import pytest_asyncio

from bot.demo.homeserver import Homeserver
from tests.crashes.nursery import Nursery
from tests.crashes.story import Story
from tests.e2e.conftest import Databases, databases
from tests.e2e.running import network

__all__ = ["databases"]  # a fixture

Stories: TypeAlias = Callable[[str, Path], AbstractAsyncContextManager[Story]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def nursery() -> AsyncIterator[Nursery]:
    """One for all tests."""
    async with Nursery() as nursery:
        yield nursery


@pytest.fixture(scope="session")
def stories(homeserver: Homeserver, nursery: Nursery, databases: Databases) -> Stories:
    """Give `stories(backend, folder)`, a context with a story whose bot has not been started yet."""

    @asynccontextmanager
    async def story(backend: str, folder: Path) -> AsyncGenerator[Story]:
        async with databases(backend, folder) as url, network(homeserver, folder, url) as net:
            net.bot.launcher = nursery.launch
            yield Story(net, nursery)

    return story
