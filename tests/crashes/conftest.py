"""What the crash tests share: a nursery, and a story on the backend that a module asks for."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from bot.demo.homeserver import Homeserver
from tests.crashes.story import Story
from tests.e2e.conftest import Databases, databases, quick_starts
from tests.e2e.running import network
from tests.nursery.nursery import Nursery

__all__ = ["databases", "quick_starts"]  # fixtures

Stories: TypeAlias = Callable[[str, Path], AbstractAsyncContextManager[Story]]


@pytest.fixture(scope="session")
def stories(homeserver: Homeserver, nursery: Nursery, databases: Databases) -> Stories:
    """Give `stories(backend, folder)`, a context with a story whose bot has not been started yet."""

    @asynccontextmanager
    async def story(backend: str, folder: Path) -> AsyncGenerator[Story]:
        async with databases(backend, folder) as url, network(homeserver, folder, url) as net:
            yield Story(net, nursery)

    return story
