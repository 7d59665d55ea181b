"""Sends events, and finds again what was sent. Only the drain calls it."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from bot.db.engine import DISK_FULL, reason_of
from bot.errors import ChatRefused, ChatUnavailable, HomeserverAway, LoginFailed
from bot.matrix.client import GuardedClient
from bot.matrix.crypto.attachments import encrypted
from bot.matrix.crypto.decryption import ENCRYPTED, Undecryptable, Worthless
from bot.matrix.crypto.encryption import Encryption
from bot.matrix.crypto.store import StoreTrouble
from bot.matrix.crypto.values import object_of, objects_of
from bot.matrix.disk import Disk
from bot.matrix.events import room_path
from bot.rendering.content import KEY_FIELD, TRANSACTION_FIELD

_PAGES = 20
_PAGE = 100
_DISK_PAUSE = 5.0


class NotKept(HomeserverAway):
    """The keys that are needed cannot be written down, for lack of room on our own disk: nothing can be sent, to no room."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"state_dir: {reason}", _DISK_PAUSE)


class RoomSender:
    """The chat, as the drain sees it."""

    def __init__(self, client: GuardedClient, encryption: Encryption) -> None:
        self._client = client
        self._encryption = encryption
        self._disk = Disk(Path(client.store_path or "."))
        self._in_room: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # one sharing of keys at a time

    async def send(
        self,
        room_id: str,
        event_type: str,
        content: Mapping[str, object],
        transaction_id: str,
        still_ours: Callable[[], Awaitable[bool]],
    ) -> str | None:
        """Send an event and return its id, None if it was not ours any more when all was ready.

        It carries its transaction id. Raises `ChatUnavailable`, or `ChatRefused` if another try is pointless for now.
        """
        async with self._ready(room_id, event_type, content) as (kind, body):
            if not await still_ours():  # to hand out keys can take long
                return None
            return await self._put(room_id, kind, {**body, TRANSACTION_FIELD: transaction_id}, transaction_id)

    async def tell(self, room_id: str, event_type: str, content: Mapping[str, object], transaction_id: str) -> None:
        """Send an event exactly as it is. Raises as `send`."""
        async with self._ready(room_id, event_type, content) as (kind, body):
            await self._put(room_id, kind, body, transaction_id)

    @asynccontextmanager
    async def _ready(
        self, room_id: str, event_type: str, content: Mapping[str, object]
    ) -> AsyncGenerator[tuple[str, Mapping[str, Any]]]:
        """Give type and content of an event as it may leave."""
        if room_id not in self._client.rooms:
            raise ChatRefused("we are not in this room")
        if not self._disk.has_room():
            raise NotKept(DISK_FULL)
        try:
            async with self._in_room[room_id]:
                yield await self._encryption.encrypt(room_id, event_type, content)
        except LoginFailed as error:
            raise ChatUnavailable(str(error)) from error  # the sync loop finds out as well, and ends the process
        except StoreTrouble as error:
            raise NotKept(reason_of(error)) from error

    async def _put(self, room_id: str, kind: str, body: Mapping[str, Any], transaction_id: str) -> str:
        path = f"{room_path(room_id)}/send/{quote(kind, safe='')}/{quote(transaction_id, safe='')}"
        event_id = (await self._client.call("PUT", path, body)).get("event_id")
        if not isinstance(event_id, str):
            raise ChatUnavailable("no event id in the answer")
        return event_id

    async def upload(self, room_id: str, name: str, mimetype: str, data: bytes) -> dict[str, object]:
        """Upload a file for a room and return what says in an event where it is: `url`, or `file` if the room is encrypted.

        Raises as `send`. `name` is not told to the homeserver: it stands in the event.
        """
        del name
        if room_id not in self._client.rooms:
            raise ChatRefused("we are not in this room")
        try:
            if await self._encryption.rooms.settings(room_id) is None:
                return {"url": await self._client.upload_media(data, mimetype)}
            self._encryption.check_settled(room_id)  # or it would be uploaded in vain
            ciphertext, file = encrypted(data)
            return {"file": {**file, "url": await self._client.upload_media(ciphertext, "application/octet-stream")}}
        except LoginFailed as error:
            raise ChatUnavailable(str(error)) from error

    async def find(self, room_id: str, key: str, transaction_id: str, not_before: datetime) -> str | None:
        """Return the id of our own event that was sent for a delivery, looking back through the newest 2,000 events of the room.

        It is known by `transaction_id`, which stands in clear beside the ciphertext; what older versions sent, by the `key` in it.
        """
        oldest, token = not_before.timestamp() * 1000, None
        for _ in range(_PAGES):
            page = await self._page(room_id, token)
            events = objects_of(page.get("chunk"))
            for event in events:
                if event.get("sender") == self._client.user_id and self._is_for(event, room_id, key, transaction_id):
                    return str(event["event_id"])
            token = page.get("end")
            if not token or not events or all(_sent_before(event, oldest) for event in events):
                return None
        return None

    async def content_of(self, room_id: str, event_id: str) -> dict[str, Any] | None:
        """Return what an event of a room says, None if there is none, or none that we can read. Raises `ChatUnavailable` for now."""
        try:
            event = await self._client.call("GET", f"{room_path(room_id)}/event/{quote(event_id, safe='')}")
        except ChatRefused:
            return None
        except LoginFailed as error:
            raise ChatUnavailable(str(error)) from error
        return self._content(event, room_id) or None

    def _is_for(self, event: Mapping[str, Any], room_id: str, key: str, transaction_id: str) -> bool:
        if object_of(event.get("content")).get(TRANSACTION_FIELD) == transaction_id:
            return True
        return self._content(event, room_id).get(KEY_FIELD) == key

    def _content(self, event: Mapping[str, Any], room_id: str) -> dict[str, Any]:
        """Return what an event says; nothing if it cannot be read (any more)."""
        if event.get("type") != ENCRYPTED:
            return object_of(event.get("content"))
        try:
            return self._encryption.decrypt(event, room_id).source["content"]
        except (Undecryptable, Worthless):
            return {}

    async def _page(self, room_id: str, token: str | None) -> dict[str, Any]:
        query = {"dir": "b", "limit": str(_PAGE)} | ({"from": token} if token else {})
        try:
            return await self._client.call("GET", f"{room_path(room_id)}/messages?{urlencode(query)}")
        except LoginFailed as error:
            raise ChatUnavailable(str(error)) from error


def _sent_before(event: Mapping[str, Any], moment: float) -> bool:
    """Whether an event came before a moment, in milliseconds since 1970; one that does not say when, did not."""
    sent = event.get("origin_server_ts")
    return isinstance(sent, int) and sent < moment
