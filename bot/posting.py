"""From a delivery to its place in the room: looked for if it may stand there already, completed, and sent.

What is sent is at least once under an idempotent transaction id, which in the room is once: the id follows from the delivery's key, and
from a secret that the network's devices share, so that a homeserver cannot tell which event is which. A row that may have been sent longer
ago than the homeserver remembers ids, or by another device, is looked for in the room first.

A file is uploaded before the message that it belongs to is sent, and again with each try: what is uploaded in vain is seen by nobody.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from bot.clock import Clock, real_time_in
from bot.db import attachments, deliveries
from bot.db.deliveries import Delivery
from bot.db.engine import Database
from bot.errors import ChatRefused, ChatUnavailable, Forbidden, NeverAccepted
from bot.network_rooms import NetworkRooms
from bot.rendering import files

log = structlog.get_logger(__name__)

REMEMBERED_FOR = timedelta(hours=20)
"""Synapse forgets transaction ids after 24 h."""

_FILE_MAY_WAIT = timedelta(minutes=10)
"""How long an upload that fails is tried again, and its room waits; then the words are said without the file."""

_OTHERS_CLOCKS = timedelta(minutes=10)
"""How far the homeserver's clock, and those of other devices, may differ from ours."""

StillOurs = Callable[[], Awaitable[bool]]
"""Asked just before an event leaves: whether it is still ours to send."""


class Chat(Protocol):
    """The seam to the rooms."""

    async def send(
        self, room_id: str, event_type: str, content: Mapping[str, object], transaction_id: str, still_ours: StillOurs
    ) -> str | None:
        """Send an event and return its id, None if it was not ours any more. Raises `ChatUnavailable`, or `ChatRefused` if another try is
        pointless for now."""
        ...

    async def upload(self, room_id: str, name: str, mimetype: str, data: bytes) -> dict[str, object]:
        """Upload a file for a message in this room. Return what the message's content needs to show it: `{"url": "mxc://…"}`, or
        `{"file": EncryptedFile}` where the room is encrypted (Client-Server API v1.18, 11.2.1.8). Raises as `send` does."""
        ...

    async def find(self, room_id: str, key: str, transaction_id: str, not_before: datetime) -> str | None:
        """Return the id of our own event that was sent for this delivery, by any of our devices, if it stands in the room; nothing older
        than `not_before` (by the homeserver's clock) is looked at. Raises as `send` does."""
        ...


def transaction_id(secret: bytes, key: str) -> str:
    """Return the transaction id for a delivery: the same key, the same event, however often it is sent."""
    return f"netzwart-{hmac.new(secret, key.encode(), hashlib.sha256).hexdigest()[:40]}"


class Poster:
    """Brings rows into their rooms. `device`: ours; `secret`: what the network's devices share."""

    def __init__(
        self, *, database: Database, chat: Chat, network_rooms: NetworkRooms, clock: Clock, device: str, secret: bytes
    ) -> None:
        self._database = database
        self._chat = chat
        self._rooms = network_rooms
        self._clock = clock
        self._device = device
        self._secret = secret

    async def post(self, row: Delivery) -> str | None:
        """Return the event id under which it stands in the room, None if another device has taken it over meanwhile.

        Raises `ChatUnavailable`, and as the database does.
        """
        room_id = self._rooms.room_id(row.room) or row.room
        if not room_id.startswith("!"):
            raise ChatRefused(f"the room {row.room} is not known yet")
        if self._may_stand_there(row) and (found := await self._find(row, room_id)):
            log.info("delivery_found", key=row.key, room=row.room, event_id=found)
            return found
        content = await self._content(row)
        if files.carries_file(content):
            content = await self._with_file(row, room_id, content)
        return await self._send(row, room_id, content)

    async def _find(self, row: Delivery, room_id: str) -> str | None:
        age = max(timedelta(0), self._clock.now() - row.created_at) + _OTHERS_CLOCKS
        not_before = real_time_in(-age.total_seconds())
        return await self._chat.find(room_id, row.key, transaction_id(self._secret, row.key), not_before)

    async def _send(self, row: Delivery, room_id: str, content: dict[str, Any]) -> str | None:
        """Send it; without its relation if the homeserver will not have that one (a thread that cannot be, an answer to nothing)."""

        async def still_ours() -> bool:
            async with self._database.begin() as session:
                return await deliveries.renew(session, row.id, by=self._device, now=self._clock.now())

        sent_as = transaction_id(self._secret, row.key)
        try:
            return await self._chat.send(room_id, row.event_type, content, sent_as, still_ours)
        except NeverAccepted:
            if row.event_type == "m.reaction" or "m.relates_to" not in content:
                raise
            alone = {name: value for name, value in content.items() if name != "m.relates_to"}
            return await self._chat.send(room_id, row.event_type, alone, sent_as, still_ours)

    def _may_stand_there(self, row: Delivery) -> bool:
        """Whether it may have been sent in a way that the transaction id does not cover."""
        return row.look_first or (row.attempts > 0 and self._clock.now() - row.created_at > REMEMBERED_FOR)

    async def _content(self, row: Delivery) -> dict[str, Any]:
        if row.annotates is None:
            return row.content
        async with self._database.begin() as session:
            target = await deliveries.event_of(session, row.annotates)
        if target is None:
            raise NeverAccepted(f"{row.annotates}, which it belongs to, was not said")  # it was before it in the same room
        return {**row.content, "m.relates_to": {**row.content["m.relates_to"], "event_id": target}}

    async def _with_file(self, row: Delivery, room_id: str, content: dict[str, Any]) -> dict[str, Any]:
        """Upload the file that goes with it. Where that cannot be, the words have to do: they say the same."""
        async with self._database.begin() as session:
            file = await attachments.of(session, row.key)
        if file is None:
            return files.words_alone(content)
        try:
            return content | await self._chat.upload(room_id, file.name, file.mimetype, file.data)
        except ChatUnavailable as error:
            waits = self._clock.now() - row.created_at < _FILE_MAY_WAIT
            if waits and not isinstance(error, Forbidden | NeverAccepted):
                raise
            log.warning("file_left_out", key=row.key, room=row.room, reason=str(error))
            return files.words_alone(content)
