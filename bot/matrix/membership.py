"""Who is in a room, asked of the homeserver now; and whether being in it means anything."""

import asyncio
from collections.abc import Iterable
from typing import Any, cast

from bot.errors import ChatRefused, ChatUnavailable, LoginFailed, MembershipUnknown
from bot.matrix.client import OPEN_JOIN_RULES, GuardedClient
from bot.matrix.events import room_path

_AT_ONCE = 8


class HomeserverMembership:
    """Asks `joined_members`: it refuses where a plain state read would answer with what was true before we were thrown out."""

    def __init__(self, client: GuardedClient) -> None:
        self._client = client
        self._open: set[str] = set()

    async def joined(self, room_id: str) -> frozenset[str]:
        """Return the user ids joined to a room now; empty if we are not in it. Raises `MembershipUnknown` without an answer."""
        try:
            answer = await self._client.call("GET", f"{room_path(room_id)}/joined_members", seconds=10)
        except ChatRefused:
            return frozenset()
        except (ChatUnavailable, LoginFailed) as error:
            raise MembershipUnknown(room_id, str(error)) from error
        joined: Any = answer.get("joined")
        if not isinstance(joined, dict):
            raise MembershipUnknown(room_id, "no list of members in the answer")
        return frozenset(cast("dict[str, object]", joined))

    def is_open(self, room_id: str) -> bool:
        """Whether the room is public, knockable or world-readable, by the last sync or by the last look."""
        room: Any = self._client.rooms.get(room_id)
        by_sync = room is not None and (room.join_rule in OPEN_JOIN_RULES or room.history_visibility == "world_readable")
        return by_sync or room_id in self._open

    async def look(self, room_ids: Iterable[str]) -> None:
        """Ask whether these rooms are open. Raises `ChatUnavailable` and `LoginFailed`.

        A sync alone may say the wrong thing: after two events at the same moment, Synapse shows the state before one of them as if it
        had come since.
        """
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def look(room_id: str) -> None:
            async with at_once:
                opened = await self._client.is_open(room_id)
            (self._open.add if opened else self._open.discard)(room_id)

        answers = await asyncio.gather(*map(look, room_ids), return_exceptions=True)
        for trouble in answers:
            if trouble is not None:
                raise trouble
