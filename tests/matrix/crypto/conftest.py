"""A bot and people at a homeserver in memory."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest
import pytest_asyncio

from tests.matrix.crypto.exchange import Exchange, Machine

People: TypeAlias = Callable[..., Awaitable[Machine]]


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


@pytest_asyncio.fixture(loop_scope="session")
async def bot(exchange: Exchange, tmp_path: Path) -> Machine:
    """The bot's device, with its keys uploaded."""
    machine = Machine(exchange, tmp_path / "bot")
    await machine.sync()
    return machine


@pytest.fixture
def person(exchange: Exchange, tmp_path: Path) -> People:
    """Give `person("karla", "PHONE")`: a device with its keys uploaded."""

    async def made(name: str, device_id: str = "PHONE") -> Machine:
        machine = Machine(exchange, tmp_path / f"{name}-{device_id}", f"@{name}:example.org", device_id)
        await machine.sync()
        return machine

    return made
