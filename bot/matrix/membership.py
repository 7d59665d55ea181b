"""Who is in a room, asked of the homeserver now; and whether being in it means anything."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any, cast

from bot.errors import ChatRefused, ChatUnavailable, HomeserverAway, MembershipUnknown
from bot.matrix.client import OPEN_JOIN_RULES, GuardedClient
from bot.matrix.crypto.values import object_of
from bot.matrix.events import room_path
from bot.matrix.reachability import Backoff, NotAsked
from bot.matrix.room_changes import creators_with_power

_AT_ONCE = 8
_WITHIN = _PATIENCE = 10.0
_BACK_WITHIN = 60.0
"""Seconds for which a question waits for a homeserver that is away, before it is put off."""


class HomeserverMembership:
    """Asks `joined_members`: it refuses where a plain state read would answer with what was true before we were thrown out."""

    def __init__(self, client: GuardedClient) -> None:
        self._client = client
        self._open: set[str] = set()

    async def joined(self, room_id: str) -> frozenset[str]:
        """Return the user ids joined to a room now; empty if we are not in it.

        Raises `MembershipUnknown` without an answer; `HomeserverAway` and `LoginFailed` if it could not even be asked, so that it is to be
        asked again.
        """
        try:
            answer = await self._ask(f"{room_path(room_id)}/joined_members")
        except ChatRefused:
            return frozenset()
        except NotAsked:
            raise
        except ChatUnavailable as error:
            raise MembershipUnknown(room_id, str(error)) from error
        joined: Any = answer.get("joined")
        if not isinstance(joined, dict):
            raise MembershipUnknown(room_id, "no list of members in the answer")
        return frozenset(cast("dict[str, object]", joined))

    async def may_notify(self, room_id: str, user_id: str) -> bool:
        """Whether somebody has the power for `notifications.room` (Client-Server API v1.18, 11.37 and 11.7, "m.room.power_levels").

        Raises as `joined` does.
        """
        try:
            levels = await self._ask(f"{room_path(room_id)}/state/m.room.power_levels/")
            if _has_power(levels, user_id):
                return True
            created = await self._ask(f"{room_path(room_id)}/state/m.room.create/?format=event")
        except ChatRefused:
            return False
        except NotAsked:
            raise
        except ChatUnavailable as error:
            raise MembershipUnknown(room_id, str(error)) from error
        return user_id in creators_with_power(created)

    async def _ask(self, question: str) -> dict[str, Any]:
        """Ask; if the homeserver is away, again when it is back. Raises `NotAsked` if it is not back for long."""
        reachability = self._client.reachability
        backoff, until = Backoff(), time.monotonic() + _PATIENCE
        while True:
            try:
                return await self._client.call("GET", question, seconds=_WITHIN)
            except HomeserverAway as error:
                if reachability is None or (time.monotonic() >= until and not isinstance(error, NotAsked)):
                    raise
            if not await reachability.there(after=backoff.failed(), within=_BACK_WITHIN):
                raise NotAsked("the homeserver is away")

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


_NOTIFIES_FROM = 50
"""The power for `notifications.room` where a room says nothing of it."""


def _has_power(levels: Mapping[str, Any], user_id: str) -> bool:
    """Whether these power levels let somebody notify everybody. What is no number is nothing."""
    has = object_of(levels.get("users")).get(user_id, levels.get("users_default", 0))
    needs = object_of(levels.get("notifications")).get("room", _NOTIFIES_FROM)
    return isinstance(has, int) and isinstance(needs, int) and has >= needs
