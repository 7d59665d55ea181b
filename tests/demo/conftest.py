import secrets
from collections.abc import AsyncIterator

import pytest_asyncio

from bot.demo.homeserver import Homeserver
from bot.demo.people import Person


@pytest_asyncio.fixture
async def anke(homeserver: Homeserver) -> AsyncIterator[Person]:
    """Somebody new each time."""
    async with Person(homeserver.url, await homeserver.register(f"anke-{secrets.token_hex(4)}")) as person:
        yield person


@pytest_asyncio.fixture
async def bernd(homeserver: Homeserver) -> AsyncIterator[Person]:
    """Somebody new each time."""
    async with Person(homeserver.url, await homeserver.register(f"bernd-{secrets.token_hex(4)}")) as person:
        yield person


@pytest_asyncio.fixture
async def room(anke: Person, bernd: Person) -> str:
    """A private room that Anke has made and Bernd has joined."""
    room_id = await anke.create_room("Labor Bremen", invite=[bernd.user_id])
    return await bernd.join(room_id)
