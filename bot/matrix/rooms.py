"""Which rooms the bot is in: the configured ones, direct chats with people of the network, and no others."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import structlog

from bot.errors import ChatRefused, ChatUnavailable
from bot.matrix.client import GuardedClient
from bot.matrix.events import room_path
from bot.matrix.journal import Entry
from bot.network_rooms import NetworkRooms

log = structlog.get_logger(__name__)

HasRole = Callable[[str], Awaitable[bool]]
"""Whether a person is in any of the network's rooms now. Raises `MembershipUnknown`."""

_MOST_IN_DIRECT_CHAT = 2


class RoomKeeper:
    """Joins what is to be joined and declines the rest."""

    def __init__(self, client: GuardedClient, rooms: NetworkRooms, has_role: HasRole, why_not: Callable[[], str]) -> None:
        self._client = client
        self._rooms = rooms
        self._has_role = has_role
        self._why_not = why_not

    async def resolve(self, pinned: dict[str, tuple[str, str]]) -> dict[str, str]:
        """Find the room ids of all configured rooms: pinned ones as they are, new or changed ones from the homeserver.

        `pinned`: key → (as configured then, room id). Returns what is new: key → room id.
        """
        fresh: dict[str, str] = {}
        found: dict[str, str] = {}
        for key in self._rooms.keys():
            configured = self._rooms.configured(key)
            then, room_id = pinned.get(key, (None, None))
            if room_id is None or then != configured:
                try:
                    room_id = fresh[key] = await self._client.resolve(configured)
                except ChatUnavailable as error:
                    log.warning("room_not_found", room=key, configured=configured, reason=str(error))
                    continue
            found[key] = room_id
        for key, room_id in found.items():
            if list(found.values()).count(room_id) == 1:
                self._rooms.set_room_id(key, room_id)
            else:  # a room with two meanings would give one role the other's rights
                fresh.pop(key, None)
                log.error("room_named_twice", room=key, configured=self._rooms.configured(key), effect="it grants nothing")
        return fresh

    async def join_configured(self) -> list[str]:
        """Join the configured rooms that we are not in. Return the keys of those that we still are not in."""
        outside: list[str] = []
        for key, room_id in self._rooms.resolved().items():
            if room_id in self._client.rooms:
                continue
            try:
                await self._client.enter(room_id)
                log.info("room_joined", room=key)
            except ChatUnavailable as error:
                outside.append(key)
                log.warning("room_not_joined", room=key, reason=str(error), hint="invite the bot into this room")
        return outside

    def learn_names(self) -> None:
        """Take over what the rooms are called now."""
        for room_id in self._rooms.resolved().values():
            room: Any = self._client.rooms.get(room_id)
            if room is not None and room.name:
                self._rooms.set_name(room_id, str(room.name))

    async def handle_invite(self, entry: Entry) -> None:
        """Accept or decline an invite. Raises `ChatUnavailable` or `MembershipUnknown` if that is to be tried again."""
        room_id, inviter = entry.room_id, str(entry.source.get("inviter"))
        try:
            if self._rooms.place(room_id) is not None:
                await self._client.enter(room_id)
                log.info("invite_accepted", room=room_id, reason="configured")
            elif not await self._has_role(inviter):
                await self._client.leave(room_id, self._why_not())
                log.info("invite_declined", room=room_id, inviter=inviter)
            else:
                await self._enter_direct(room_id, inviter)
        except ChatRefused as error:
            log.info("invite_gone", room=room_id, reason=str(error))

    async def _enter_direct(self, room_id: str, inviter: str) -> None:
        """Join what a person of the network says is a direct chat, and leave it if it is more than that.

        It can only be seen from inside: nio keeps nothing of what an invite tells about the room.
        """
        await self._client.enter(room_id)
        too_many = await self._members(room_id) > _MOST_IN_DIRECT_CHAT
        if not too_many and not await self._client.is_open(room_id):
            log.info("invite_accepted", room=room_id, inviter=inviter, reason="direct chat")
            return
        await self._client.leave(room_id, self._why_not())
        log.info("invite_declined", room=room_id, inviter=inviter, reason="more than two people" if too_many else "open to others")

    async def _members(self, room_id: str) -> int:
        """Return how many are in a room, or may come into it at any time because they are invited."""
        answer = await self._client.call("GET", f"{room_path(room_id)}/members?not_membership=leave&not_membership=ban")
        chunk: Any = answer.get("chunk")
        return len(cast("list[object]", chunk)) if isinstance(chunk, list) else _MOST_IN_DIRECT_CHAT + 1
