"""Which rooms the bot is in: the configured ones, direct chats with people of the network, and no others."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Protocol, cast

import structlog

from bot.errors import ChatRefused, ChatUnavailable
from bot.matrix.client import GuardedClient
from bot.matrix.events import room_path
from bot.matrix.journal import Entry
from bot.network_rooms import NetworkRooms

log = structlog.get_logger(__name__)

HasRole = Callable[[str], Awaitable[bool]]
"""Whether a person is in any of the network's rooms now. Raises `MembershipUnknown`."""


class Successors(Protocol):
    """What is known of rooms that take the place of ours. Both raise as the database does."""

    async def expects(self, room_id: str, /) -> bool:
        """Whether a room is to take the place of one of ours, and nobody has said no."""
        ...

    async def claims(self, room_id: str, /) -> bool:
        """Whether a room that we are in says so itself, which is worth staying a while. Raises `ChatUnavailable` too."""
        ...


_MOST_IN_DIRECT_CHAT = 2
_DENIED_FOR, _MOST_DENIED = 30.0, 1000
_BELIEVED_AFTER = 5
"""How often it is asked whether somebody who invites us has a role now: who has none may go and get one at once. Then, that they have none
is believed for `_DENIED_FOR` seconds: a thousand invites do not make sixteen thousand questions. A right is never granted from memory."""


class RoomKeeper:
    """Joins what is to be joined and declines the rest."""

    def __init__(
        self,
        client: GuardedClient,
        rooms: NetworkRooms,
        successors: Successors,
        has_role: HasRole,
        why_not: Callable[[], str],
    ) -> None:
        self._client = client
        self._rooms = rooms
        self._successors = successors
        self._has_role = has_role
        self._why_not = why_not
        self._denied: OrderedDict[str, tuple[float, int]] = (
            OrderedDict()
        )  # who had no role, since when, how often; the oldest first

    async def find(self, keys: Collection[str]) -> dict[str, str]:
        """Return the room ids of configured rooms, by key, as far as the homeserver knows them."""
        found: dict[str, str] = {}
        for key in keys:
            configured = self._rooms.configured(key)
            try:
                found[key] = await self._client.resolve(configured)
            except ChatUnavailable as error:
                log.warning("room_not_found", room=key, configured=configured, reason=str(error))
        return found

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
        room_id, inviter = str(entry.source.get("room_id", entry.room_id)), str(entry.source.get("inviter"))
        try:
            if self._rooms.place(room_id) is not None:
                await self._client.enter(room_id)
                log.info("invite_accepted", room=room_id, reason="configured")
            elif await self._successors.expects(room_id):
                await self._client.enter(room_id)
                log.info("invite_accepted", room=room_id, reason="replaces a configured room")
            elif not await self._may_invite(inviter):
                await self._client.leave(room_id, self._why_not())
                log.info("invite_declined", room=room_id, inviter=inviter)
            else:
                await self._enter_direct(room_id, inviter)
        except ChatRefused as error:
            log.info("invite_gone", room=room_id, reason=str(error))

    async def _may_invite(self, person: str) -> bool:
        """Whether a person has a role now. Of whoever has asked a few times, it is believed for a while that they have none."""
        now = time.monotonic()
        while self._denied and (now - next(iter(self._denied.values()))[0] > _DENIED_FOR or len(self._denied) >= _MOST_DENIED):
            self._denied.popitem(last=False)
        since, times = self._denied.get(person, (now, 0))
        if times >= _BELIEVED_AFTER:
            return False
        if await self._has_role(person):
            return True
        self._denied[person] = since, times + 1
        return False

    async def _enter_direct(self, room_id: str, inviter: str) -> None:
        """Join what a person of the network says is a direct chat, and leave it if it is more than that.

        It can only be seen from inside: nio keeps nothing of what an invite tells about the room.
        """
        await self._client.enter(room_id)
        too_many = await self._members(room_id) > _MOST_IN_DIRECT_CHAT
        if not too_many and not await self._client.is_open(room_id):
            log.info("invite_accepted", room=room_id, inviter=inviter, reason="direct chat")
            return
        if await self._successors.claims(room_id):
            log.info("invite_accepted", room=room_id, inviter=inviter, reason="says that it replaces a configured room")
            return
        await self._client.leave(room_id, self._why_not())
        log.info("invite_declined", room=room_id, inviter=inviter, reason="more than two people" if too_many else "open to others")

    async def _members(self, room_id: str) -> int:
        """Return how many are in a room, or may come into it at any time because they are invited."""
        answer = await self._client.call("GET", f"{room_path(room_id)}/members?not_membership=leave&not_membership=ban")
        chunk: Any = answer.get("chunk")
        return len(cast("list[object]", chunk)) if isinstance(chunk, list) else _MOST_IN_DIRECT_CHAT + 1
