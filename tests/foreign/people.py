"""People at foreign clients, as the tests call them in."""

import secrets
from contextlib import AsyncExitStack

from bot.demo.homeserver import Homeserver
from tests.foreign.client import ForeignClient, Isolation, new_device


async def opened(
    stack: AsyncExitStack, homeserver: Homeserver, name: str, *, signs: bool = True, isolation: Isolation = "only_signed"
) -> ForeignClient:  # fmt: skip
    """Return somebody new, reading along."""
    account = await homeserver.register(f"{name}-{secrets.token_hex(3)}")
    return await stack.enter_async_context(ForeignClient(homeserver.url, account, signs=signs, isolation=isolation))


async def another_device(
    stack: AsyncExitStack, homeserver: Homeserver, first: ForeignClient, *, isolation: Isolation = "only_signed"
) -> ForeignClient:  # fmt: skip
    """Return a second device of the same person, reading along, not signed."""
    account = await new_device(homeserver.url, first.account)
    return await stack.enter_async_context(ForeignClient(homeserver.url, account, signs=False, isolation=isolation))
