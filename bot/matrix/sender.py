"""Sends events, and finds again what was sent. Only the drain calls it."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from nio import LocalProtocolError, MessageDirection, RoomMessagesResponse, RoomSendResponse, SendRetryError

from bot.errors import ChatRefused, ChatUnavailable, LoginFailed
from bot.matrix.client import GuardedClient, NetworkTrouble, refusal
from bot.rendering.content import KEY_FIELD

_PAGES = 20
_PAGE = 100


class RoomSender:
    """The chat, as the drain sees it."""

    def __init__(self, client: GuardedClient) -> None:
        self._client = client
        self._encrypting = asyncio.Lock()  # nio's key sharing is not made for two at once

    async def send(self, room_id: str, event_type: str, content: Mapping[str, object], transaction_id: str) -> str:
        """Send an event and return its id. Raises `ChatUnavailable`, or `ChatRefused` if another try is pointless for now."""
        room: Any = self._client.rooms.get(room_id)
        if room is None:
            raise ChatRefused("we are not in this room")
        if self._client.olm is None:
            raise ChatRefused("the encryption store is not loaded: nio would send clear text")
        if not room.encrypted:
            return await self._send(room_id, event_type, content, transaction_id)
        async with self._encrypting:
            return await self._send(room_id, event_type, content, transaction_id)

    async def _send(self, room_id: str, event_type: str, content: Mapping[str, object], transaction_id: str) -> str:
        try:
            answer = await self._client.room_send(
                room_id, event_type, dict(content), tx_id=transaction_id, ignore_unverified_devices=True
            )
        except (*NetworkTrouble, LocalProtocolError, SendRetryError) as error:
            raise ChatUnavailable(f"{type(error).__name__}: {error}") from error
        finally:
            self._client.sharing_session.pop(room_id, None)  # a sharing that was cut off would block the room for ever
        if isinstance(answer, RoomSendResponse):
            return answer.event_id
        status: int = getattr(answer.transport_response, "status", 0)
        error = refusal({"errcode": answer.status_code, "error": answer.message, "retry_after_ms": answer.retry_after_ms}, status)
        if isinstance(error, LoginFailed):
            raise ChatUnavailable(str(error)) from error  # the sync loop finds out as well, and ends the process
        raise error

    async def find(self, room_id: str, key: str) -> str | None:
        """Return the id of our own event that carries `key`, looking back through the newest 2,000 events of the room."""
        token: str | None = None
        for _ in range(_PAGES):
            page = await self._page(room_id, token)
            for event in page.chunk:
                source = event.source
                content: Any = source.get("content")
                ours = source.get("sender") == self._client.user_id and isinstance(content, dict)
                if ours and cast("dict[str, Any]", content).get(KEY_FIELD) == key:
                    return source["event_id"]
            token = page.end
            if not token or not page.chunk:
                return None
        return None

    async def _page(self, room_id: str, token: str | None) -> RoomMessagesResponse:
        try:
            page = await self._client.room_messages(room_id, start=token or "", direction=MessageDirection.back, limit=_PAGE)
        except NetworkTrouble as error:
            raise ChatUnavailable(f"{type(error).__name__}: {error}") from error
        if not isinstance(page, RoomMessagesResponse):
            raise ChatUnavailable(str(page))
        return page
