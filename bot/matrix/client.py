"""matrix-nio's client with guards: nothing that arrives can stop it, and one sync is one transaction.

What nio does not type is narrowed here, so that the rest of the package works with plain values.
"""

import asyncio
import json
from collections.abc import Coroutine, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import aiohttp
import structlog
from nio import (
    AsyncClient,
    AsyncClientConfig,
    JoinError,
    LoginError,
    RoomResolveAliasResponse,
    SyncResponse,
)
from nio.store import SqliteStore

from bot.errors import ChatRefused, ChatUnavailable, LoginFailed, NetzwartError
from bot.matrix.crypto.guards import guard
from bot.matrix.crypto.server import API, refusal
from bot.matrix.crypto.values import object_of
from bot.matrix.events import room_path

log = structlog.get_logger(__name__)

OPEN_JOIN_RULES = {"public", "knock", "knock_restricted"}
_MEDIA = "/_matrix/media/v3"
_UPLOAD_SECONDS = 120
_LONGEST_NUMBER = 20
NetworkTrouble = (aiohttp.ClientError, TimeoutError, OSError, ValueError, RecursionError)  # the last two: what is no JSON for us


def _loads(text: str) -> Any:
    """Parse JSON. A number that is longer than any in Matrix is no reason to read nothing at all."""
    return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) < _LONGEST_NUMBER else float(digits))


class JournalDiverged(NetzwartError):
    """A sync could not be written: what is in memory and what is on disk disagree. The process must end and start anew."""


def store_name(device_id: str) -> str:
    """Return the name of a device's file in the state folder."""
    return f"{quote(device_id, safe='')}.sqlite"


class GuardedClient(AsyncClient):
    """nio's client for one device."""

    def __init__(self, homeserver: str, user_id: str, device_id: str, store_dir: Path) -> None:
        config = AsyncClientConfig(
            store=SqliteStore,
            store_name=store_name(device_id),
            encryption_enabled=True,
            pickle_key="netzwart",  # the file's own protection is its mode; seeds and tokens are not in it
            store_sync_tokens=False,  # nio stores the token before it has handled the sync; ours goes with it
            max_limit_exceeded=0,
            max_timeouts=0,
            request_timeout=30,
        )
        super().__init__(homeserver, user_id, device_id, store_path=str(store_dir), config=config)

    def resume(self, access_token: str) -> object:
        """Load the device's store and return its database."""
        self.restore_login(self.user, self.device_id or "", access_token)
        guard(self.olm)
        store: Any = self.store
        return store.database

    def digest(self, sync: SyncResponse) -> None:
        """Let nio take from a sync what it needs: its rooms, and the keys that were sent to us. Within the caller's transaction."""
        self.next_batch = ""  # nio would silently ignore a sync that it believes to have seen
        _without_waiting(self._handle_sync(sync))

    async def call(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, api: str = API, seconds: float = 30
    ) -> dict[str, Any]:
        """Call the homeserver and return its JSON. Raises `ChatUnavailable`, `ChatRefused` or `LoginFailed`."""
        status, answer = await self.ask(method, path, body, api=api, seconds=seconds)
        if status == HTTPStatus.OK:
            return answer
        raise refusal(answer, status)

    async def ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, api: str = API, seconds: float = 30
    ) -> tuple[int, dict[str, Any]]:
        """Call the homeserver and return the HTTP status and its JSON object, whatever it says (a 401 may ask for a password).

        Raises `ChatUnavailable` if there is no sensible answer within `seconds`.
        """
        headers = {"Authorization": f"Bearer {self.access_token}", "Content-Type": "application/json"}
        try:
            async with asyncio.timeout(seconds):
                said = json.dumps(body) if body is not None else None
                response = await self.send(method, f"{api}{path}", said, headers, timeout=seconds)
                answer: Any = await response.json(content_type=None, loads=_loads)
        except NetworkTrouble as error:
            raise ChatUnavailable(f"{type(error).__name__}: {error}") from error
        if not isinstance(answer, dict):
            raise ChatUnavailable(f"HTTP {response.status}, and no JSON object")
        return response.status, cast("dict[str, Any]", answer)

    async def upload_media(self, data: bytes, mimetype: str) -> str:
        """Upload bytes and return their `mxc://` address. Raises as `call`."""
        headers = {"Authorization": f"Bearer {self.access_token}", "Content-Type": mimetype}
        try:
            async with asyncio.timeout(_UPLOAD_SECONDS):
                response = await self.send("POST", f"{_MEDIA}/upload", data, headers, timeout=_UPLOAD_SECONDS)
                answer: Any = await response.json(content_type=None, loads=_loads)
        except NetworkTrouble as error:
            raise ChatUnavailable(f"{type(error).__name__}: {error}") from error
        uri = object_of(answer).get("content_uri")
        if response.status != HTTPStatus.OK or not isinstance(uri, str):
            raise refusal(answer, response.status)
        return uri

    async def resolve(self, room: str) -> str:
        """Return the room id of an alias; a room id is returned as it is. Raises `ChatUnavailable`."""
        if room.startswith("!"):
            return room
        try:
            answer = await self.room_resolve_alias(room)
        except NetworkTrouble as error:
            raise ChatUnavailable(f"{type(error).__name__}: {error}") from error
        if not isinstance(answer, RoomResolveAliasResponse):
            raise ChatUnavailable(str(answer))
        return answer.room_id

    async def enter(self, room_id: str) -> None:
        """Join a room. Raises `ChatRefused` if we are not invited, `ChatUnavailable` if it did not work now."""
        try:
            answer = await self.join(room_id)
        except NetworkTrouble as error:
            raise ChatUnavailable(f"{type(error).__name__}: {error}") from error
        if isinstance(answer, JoinError):
            raise refusal({"errcode": answer.status_code, "error": answer.message, "retry_after_ms": answer.retry_after_ms}, 0)

    async def state_of(self, room_id: str, kind: str) -> dict[str, Any]:
        """Return the content of a state event (with an empty key) of a room that we are in; empty if there is none. Raises as `call`."""
        try:
            return await self.call("GET", f"{room_path(room_id)}/state/{quote(kind)}/")
        except ChatRefused:
            return {}

    async def is_open(self, room_id: str) -> bool:
        """Whether anybody may come into a room or read along, as of now. Raises as `call`."""
        join = await self.state_of(room_id, "m.room.join_rules")
        history = await self.state_of(room_id, "m.room.history_visibility")
        return join.get("join_rule") in OPEN_JOIN_RULES or history.get("history_visibility") == "world_readable"

    async def leave(self, room_id: str, reason: str) -> None:
        """Leave a room or decline its invite, saying why. Raises as `call` does."""
        await self.call("POST", f"{room_path(room_id)}/leave", {"reason": reason})


async def log_in(homeserver: str, user_id: str, password: str) -> tuple[str, str]:
    """Log in as a new device. Return device id and access token. Raises `LoginFailed` or `ChatUnavailable`."""
    client = AsyncClient(homeserver, user_id, store_path=None, config=AsyncClientConfig(encryption_enabled=False, max_timeouts=0))
    try:
        answer = await client.login(password, device_name="Netzwart")
    except NetworkTrouble as error:
        raise ChatUnavailable(f"{type(error).__name__}: {error}") from error
    finally:
        await client.close()
    if isinstance(answer, LoginError):
        if answer.status_code == "M_LIMIT_EXCEEDED" or answer.status_code is None:
            raise ChatUnavailable(str(answer.message))
        raise LoginFailed(f"{answer.status_code} {answer.message}")
    return answer.device_id, answer.access_token


def _without_waiting(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never really waits, so that no other task can step into the transaction."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise JournalDiverged("nio waited for something in the middle of a sync")
