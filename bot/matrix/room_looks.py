"""What the homeserver says about rooms when it is asked now: which we are in, what an alias stands for, whether one replaces another.

Everything raises `ChatUnavailable` without an answer. A room that we cannot look into says nothing: that is `ChatRefused`.
"""

import time
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import quote

from bot.errors import ChatRefused, Forbidden
from bot.matrix.client import GuardedClient
from bot.matrix.crypto.values import object_of, objects_of, strings_of
from bot.matrix.events import room_path
from bot.matrix.journal import Journal
from bot.matrix.room_changes import RoomChanges

_SYNC_COMES_WITHIN = 3.0
"""Seconds that a sync gets to tell itself, and better, that we are out of a room."""

_BOT_AND_ONE = 2
_ALIAS_SECONDS = 10  # it may be on another server


class RoomLooks:
    """Asks. `encrypted` returns the rooms that are known to be encrypted."""

    def __init__(
        self, client: GuardedClient, journal: Journal, changes: RoomChanges, encrypted: Callable[[], Collection[str]]
    ) -> None:
        self._client = client
        self._journal = journal
        self._changes = changes
        self._encrypted = encrypted
        self._missing: dict[str, float] = {}

    def is_in(self, room_id: str) -> bool:
        """Whether we are in a room, as of the last sync."""
        return room_id in self._client.rooms

    async def find_missing(self) -> None:
        """Find out which rooms we are not in any more, though no sync has said so: Synapse deletes rooms without a word."""
        known = self._journal.rooms()
        answer = await self._client.call("GET", "/joined_rooms")
        missing = known.difference(strings_of(answer["joined_rooms"])) if "joined_rooms" in answer else set[str]()
        now = time.monotonic()
        self._missing = {room_id: self._missing.get(room_id, now) for room_id in missing}

    def missing(self) -> frozenset[str]:
        """Return the rooms that may be lost; a sync may be about to say so."""
        return frozenset(self._missing)

    def lost(self) -> list[str]:
        """Return the rooms that are lost without a word."""
        now = time.monotonic()
        still_in = self._journal.rooms()
        return [room_id for room_id, since in self._missing.items() if now - since >= _SYNC_COMES_WITHIN and room_id in still_in]

    async def stands_for(self, alias: str) -> str | None:
        """Return the room id of an alias, None if it is no room's any more."""
        try:
            found = (await self._client.call("GET", f"/directory/room/{quote(alias, safe='')}", seconds=_ALIAS_SECONDS)).get(
                "room_id"
            )
        except ChatRefused:
            return None
        return found if isinstance(found, str) else None

    async def predecessor(self, room_id: str) -> str | None:
        """Return the room that a room says it replaces; that can be read from inside only."""
        content = await self._state(room_id, "m.room.create")
        found = object_of(content.get("predecessor")).get("room_id")
        return found if isinstance(found, str) else None

    async def replacement(self, room_id: str) -> str | None:
        """Return the room that takes the place of another, as that one says."""
        found = (await self._state(room_id, "m.room.tombstone")).get("replacement_room")
        return found if isinstance(found, str) else None

    async def is_open(self, room_id: str) -> bool:
        """Whether anybody may come into a room or read along."""
        return await self._client.is_open(room_id)

    async def is_in_clear(self, new: str, old: str) -> bool:
        """Whether what is said in the new room would be in clear, and in the old one it was not."""
        return old in self._encrypted() and not await self._state(new, "m.room.encryption")

    async def may_speak(self, room_id: str) -> bool:
        """Whether we have the power to say something in a room."""
        levels = await self._state(room_id, "m.room.power_levels")
        return self._changes.have_power(room_id, levels, encrypted=room_id in self._encrypted())

    def seems_to_speak(self, room_id: str) -> bool:
        """Whether we have that power as far as the syncs tell. After two changes at the same moment they may tell the wrong thing."""
        return self._changes.may_speak(room_id, encrypted=room_id in self._encrypted())

    async def enter(self, room_id: str) -> None:
        """Come into a room. Raises `ChatRefused` if we are not invited."""
        await self._client.enter(room_id)

    async def leave(self, room_id: str, reason: str) -> None:
        """Leave a room."""
        await self._client.leave(room_id, reason)

    async def are_same_two(self, old: str, new: str) -> bool:
        """Whether both rooms are chats of the same person with us: nobody else was ever in the old one, or may come into the new one.

        And whether what is said in the new one is as safe.
        """
        ever = await self._people(old, "")
        now = await self._people(new, "?not_membership=leave&not_membership=ban")
        if len(now) != _BOT_AND_ONE or ever != now:
            return False
        return not await self.is_open(new) and not await self.is_in_clear(new, old)

    async def _people(self, room_id: str, query: str) -> set[str]:
        chunk = objects_of((await self._client.call("GET", f"{room_path(room_id)}/members{query}")).get("chunk"))
        return {str(event.get("state_key")) for event in chunk}

    async def _state(self, room_id: str, kind: str) -> dict[str, Any]:
        """Return the content of a state event; empty if the room has none."""
        try:
            return await self._client.call("GET", f"{room_path(room_id)}/state/{quote(kind)}/")
        except Forbidden:
            raise
        except ChatRefused:
            return {}
