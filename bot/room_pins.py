"""Which room each key of the configuration is: looked up once, written down for all devices, and changed when a room moves."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping

import structlog

from bot.clock import Clock
from bot.db import rooms
from bot.db.engine import Database
from bot.network_rooms import NetworkRooms

log = structlog.get_logger(__name__)

Find = Callable[[Collection[str]], Awaitable[Mapping[str, str]]]
"""Finds the room ids of keys at the homeserver, as far as it knows them."""


class RoomPins:
    """Keeps `network_rooms` as the database says. `moved(keys)` is awaited when rooms have become others."""

    def __init__(
        self,
        *,
        database: Database,
        network_rooms: NetworkRooms,
        clock: Clock,
        find: Find,
        moved: Callable[[Collection[str]], Awaitable[None]],
    ) -> None:
        self._database = database
        self._rooms = network_rooms
        self._clock = clock
        self._find = find
        self._moved = moved
        self._doubled: frozenset[str] = frozenset()
        self._reading = asyncio.Lock()  # what was read first must not be taken last

    async def settle(self) -> None:
        """Take what is written down, and look for the rest. Raises as the database does."""
        pinned = await self._pinned()
        unknown = [key for key in self._rooms.keys() if key not in pinned]
        fresh = dict(await self._find(unknown)) if unknown else dict[str, str]()
        meanings = Counter([*pinned.values(), *fresh.values()])
        self._doubled = frozenset(key for key, room_id in {**pinned, **fresh}.items() if meanings[room_id] > 1)
        for key in sorted(self._doubled):  # a room with two meanings would give one role the other's rights
            log.error("room_named_twice", room=key, configured=self._rooms.configured(key), effect="it grants nothing")
        async with self._database.begin() as session:
            for key in fresh.keys() - self._doubled:
                configured = self._rooms.configured(key)
                await rooms.pin(session, key=key, configured=configured, room_id=fresh[key], now=self._clock.now())
        await self.take()

    async def take(self) -> None:
        """Take what is written down, at once. Raises as the database does."""
        async with self._reading:
            pinned = await self._pinned()
            moved = self._rooms.take({key: room_id for key, room_id in pinned.items() if key not in self._doubled})
        if moved:
            log.info("rooms_moved", rooms=sorted(moved))
            await self._moved(moved)

    async def _pinned(self) -> dict[str, str]:
        """Return the room ids that are written down for what is configured now."""
        async with self._database.begin() as session:
            pinned = await rooms.pinned(session)
        return {
            key: pinned[key][1] for key in self._rooms.keys() if key in pinned and pinned[key][0] == self._rooms.configured(key)
        }
