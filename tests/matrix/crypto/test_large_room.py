"""A room with thousands of people: nobody in another room waits until all of them have the key."""

import asyncio
import sys
from types import TracebackType
from typing import Any, Self

from vodozemac import Account

from bot.matrix.crypto.signing import canonical
from tests.effort import Calls, calls
from tests.matrix.crypto.exchange import KIND, ROOM, Answer, Asked, Exchange, Json, Machine, encrypted

MEMBERS, WITH_DEVICES = 5000, 3000
LONGEST = 300_000
"""Calls in one turn. Measured: 150,000 at worst, of six million for the first words."""


class LongestTurn:
    """Measures, as an async context manager: `calls` is how many calls were made at worst while other tasks had no turn."""

    def __init__(self) -> None:
        self.calls = 0
        self._made = Calls()
        self._ticking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._ticking = asyncio.create_task(self._tick())
        await asyncio.sleep(0)
        sys.setprofile(self._made.note)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        sys.setprofile(None)
        self._end_turn()
        assert self._ticking is not None
        self._ticking.cancel()

    async def _tick(self) -> None:
        while True:
            self._end_turn()
            await asyncio.sleep(0)

    def _end_turn(self) -> None:
        self.calls, self._made.count = max(self.calls, self._made.count), 0


def add_device(exchange: Exchange, user_id: str, device_id: str = "PHONE") -> None:
    """Give somebody a device with real keys, one of them for one use."""
    account: Any = Account()
    account.generate_one_time_keys(1)

    def signed(value: Json) -> Json:
        return {**value, "signatures": {user_id: {f"ed25519:{device_id}": account.sign(canonical(value)).to_base64()}}}

    keys = {
        f"curve25519:{device_id}": account.curve25519_key.to_base64(),
        f"ed25519:{device_id}": account.ed25519_key.to_base64(),
    }
    exchange.device_keys[user_id][device_id] = signed({"user_id": user_id, "device_id": device_id, "algorithms": [], "keys": keys})
    exchange.one_time_keys[user_id, device_id] = {
        f"{KIND}:{key_id}": signed({"key": key.to_base64()}) for key_id, key in account.one_time_keys.items()
    }


async def over_the_wire(_asked: Asked) -> Answer | None:
    """Whoever asks a homeserver lets others have their turn."""
    await asyncio.sleep(0)
    return None


def has_left(exchange: Exchange, bot: Machine, user_id: str) -> None:
    exchange.joined[ROOM].remove(user_id)
    event = {"type": "m.room.member", "state_key": user_id, "content": {"membership": "leave"}}
    bot.learn(rooms={ROOM: {"timeline": {"events": [event]}}})


async def test_the_first_words_in_a_large_room(exchange: Exchange, bot: Machine) -> None:
    """Everybody gets the key, in portions. What is said next costs nothing, and who leaves makes a new key, again in portions."""
    people = [f"@u{number}:example.org" for number in range(MEMBERS)]
    for user_id in people[:WITH_DEVICES]:
        add_device(exchange, user_id)
    encrypted(exchange, bot.user_id, *people)
    exchange.instead = over_the_wire

    async with LongestTurn() as first:
        await bot.says("Moin")
    assert len(exchange.inboxes) == WITH_DEVICES + 1  # and our own, empty
    assert bot.dropped == []
    requests = len(exchange.asked)

    async with LongestTurn() as second:
        await bot.says("Tschüs")
    assert len(exchange.asked) == requests

    has_left(exchange, bot, people[0])
    async with LongestTurn() as third:
        await bot.says("Moin noch mal")
    received = [len(events) for (user_id, _), events in exchange.inboxes.items() if user_id != bot.user_id]
    assert (min(received), max(received), sum(received)) == (1, 2, 2 * WITH_DEVICES - 1)

    async with LongestTurn() as fourth:
        bot.learn(changed=tuple(people))
        await bot.encryption.chores()
    longest = [turn.calls for turn in (first, second, third, fourth)]
    assert max(longest) < LONGEST, longest


async def test_beginning_again_with_a_large_room(exchange: Exchange, bot: Machine) -> None:
    """What is kept of thousands of devices is read once each; it took the square of their number when nio's own `add` was used."""
    people = [f"@u{number}:example.org" for number in range(2000)]
    for user_id in people:
        add_device(exchange, user_id)

    await bot.encryption.devices.refresh(people[:500])
    with calls() as few:
        bot.restart()
    await bot.encryption.devices.refresh(people)
    with calls() as many:
        bot.restart()

    assert many.count < 6 * few.count  # four times as many devices
    assert all(bot.encryption.devices.devices(user_id) for user_id in people)
