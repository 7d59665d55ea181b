"""matrix-nio's client with guards: nothing that arrives can stop it, and one sync is one transaction.

What nio does not type is narrowed here, so that the rest of the package works with plain values.
"""

import asyncio
import json
import math
from collections.abc import Callable, Coroutine, Mapping
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

from bot.errors import ChatRefused, ChatUnavailable, Forbidden, LoginFailed, NetzwartError, NeverAccepted
from bot.matrix.events import READ_TYPES, room_path

log = structlog.get_logger(__name__)

API = "/_matrix/client/v3"
_REFUSALS = {"M_NOT_FOUND", "M_GUEST_ACCESS_FORBIDDEN"}
_NEVER = {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
NetworkTrouble = (aiohttp.ClientError, TimeoutError, OSError, json.JSONDecodeError, UnicodeDecodeError)
_LONGEST_RETRY_AFTER = 300.0

RecordSync = Callable[[SyncResponse], None]


class JournalDiverged(NetzwartError):
    """A sync could not be written: what is in memory and what is on disk disagree. The process must end and start anew."""


class GuardedClient(AsyncClient):
    """nio's client for one device. `record` writes a sync into the journal, inside the transaction that `journal` opens."""

    def __init__(self, homeserver: str, user_id: str, device_id: str, store_dir: Path) -> None:
        config = AsyncClientConfig(
            store=SqliteStore,
            store_name=f"{quote(device_id, safe='')}.sqlite",
            encryption_enabled=True,
            pickle_key="netzwart",  # the file's own protection is its mode; seeds and tokens are not in it
            store_sync_tokens=False,  # nio stores the token before it has handled the sync; ours goes with it
            max_limit_exceeded=0,
            max_timeouts=0,
            request_timeout=30,
        )
        super().__init__(homeserver, user_id, device_id, store_path=str(store_dir), config=config)
        self._transaction: Callable[[], Any] | None = None
        self._record: RecordSync | None = None

    def resume(self, access_token: str) -> object:
        """Load the device's store and return its database. nio's guards are put around the encryption at once."""
        self.restore_login(self.user, self.device_id or "", access_token)
        olm: Any = self.olm
        olm.handle_to_device_event = _dropping(olm.handle_to_device_event, "to_device")
        olm._decrypt_megolm_no_error = _only_messages(_dropping(olm._decrypt_megolm_no_error, "megolm"))  # noqa: SLF001  (nio's only hook)
        store: Any = self.store
        return store.database

    def write_syncs_with(self, transaction: Callable[[], Any], record: RecordSync) -> None:
        """Say how a sync is written down: `record` is called inside `transaction()`."""
        self._transaction = transaction
        self._record = record

    async def _handle_sync(self, response: SyncResponse) -> None:
        if self._transaction is None or self._record is None:
            raise JournalDiverged("a sync arrived before the journal was opened")
        self.next_batch = ""  # nio would silently ignore a sync that it believes to have seen
        try:
            with self._transaction():
                _without_waiting(super()._handle_sync(response))
                if response.device_key_count.signed_curve25519 == 0 and self.olm is not None:
                    self.olm.uploaded_key_count = 0  # nio takes an explicit 0 for "unknown" and never refills
                self._record(response)
        except Exception as error:  # whatever it was, memory and disk disagree now: raised on, never hidden
            log.exception("sync_not_written")
            raise JournalDiverged(str(error)) from error

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
                response = await self.send(method, f"{api}{path}", json.dumps(body) if body is not None else None, headers)
                answer: Any = await response.json(content_type=None)
        except NetworkTrouble as error:
            raise ChatUnavailable(f"{type(error).__name__}: {error}") from error
        if not isinstance(answer, dict):
            raise ChatUnavailable(f"HTTP {response.status}, and no JSON object")
        return response.status, cast("dict[str, Any]", answer)

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

    async def leave(self, room_id: str, reason: str) -> None:
        """Leave a room or decline its invite, saying why. Raises as `call` does."""
        await self.call("POST", f"{room_path(room_id)}/leave", {"reason": reason})


def refusal(answer: Any, status: int) -> NetzwartError:
    """Return the exception for an error that the homeserver answered (Client-Server API v1.18, 2.5 "Standard error response")."""
    fields = cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}
    code, retry_after_ms = fields.get("errcode"), fields.get("retry_after_ms")
    reason = f"{code} {fields.get('error', '')}".strip() if code else f"HTTP {status}"
    if code in ("M_UNKNOWN_TOKEN", "M_MISSING_TOKEN"):
        return LoginFailed(reason)
    if code == "M_LIMIT_EXCEEDED":
        return ChatUnavailable(reason, _seconds(retry_after_ms))
    if code == "M_FORBIDDEN":
        return Forbidden(reason)
    if code in _REFUSALS:
        return ChatRefused(reason)
    if status in _NEVER:
        return NeverAccepted(reason)
    return ChatUnavailable(reason, _seconds(retry_after_ms))


def _seconds(retry_after_ms: object) -> float | None:
    """Return how long the homeserver asks us to wait, within reason; it may say anything."""
    if not isinstance(retry_after_ms, int | float) or not math.isfinite(retry_after_ms):
        return None
    return min(max(retry_after_ms / 1000, 0.0), _LONGEST_RETRY_AFTER)


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


def _dropping(handle: Callable[..., Any], kind: str) -> Callable[..., Any]:
    """Return `handle` such that an event it cannot bear is dropped, and nothing else: anybody can send one."""

    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return handle(*args, **kwargs)
        except Exception as error:  # noqa: BLE001  (nio raises whatever its parsers meet; each is logged)
            log.warning("undecipherable_event_dropped", kind=kind, reason=type(error).__name__)
            return None

    return guarded


def _only_messages(decrypt: Callable[..., Any]) -> Callable[..., Any]:
    """Return `decrypt` such that nothing but a message comes out of it: nio would take a decrypted `m.room.join_rules` for the room's."""

    def guarded(*args: Any, **kwargs: Any) -> Any:
        event = decrypt(*args, **kwargs)
        source = cast("dict[str, Any]", getattr(event, "source", None) or {})
        if source and ("state_key" in source or source.get("type") not in READ_TYPES):
            log.warning("undecipherable_event_dropped", kind="megolm", reason="no message inside")
            return None
        return event

    return guarded


def _without_waiting(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never really waits, so that no other task can step into the transaction."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise JournalDiverged("nio waited for something in the middle of a sync")
