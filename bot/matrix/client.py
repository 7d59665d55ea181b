"""matrix-nio's client with guards: nothing that arrives can stop it, and one sync is one transaction.

What nio does not type is narrowed here, so that the rest of the package works with plain values.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import aiohttp
from nio import AsyncClient, AsyncClientConfig, SyncResponse
from nio.store import SqliteStore

from bot.errors import ChatRefused, ChatUnavailable, HomeserverAway, LoginFailed, NetzwartError, SlowDown
from bot.matrix.crypto.guards import guard
from bot.matrix.crypto.server import API, AWAY, LOGGED_OUT, errcode, refusal, wait_of, with_wait
from bot.matrix.events import room_path
from bot.matrix.reachability import Reachability

OPEN_JOIN_RULES = {"public", "knock", "knock_restricted"}
_JSON = "application/json"
_MEDIA = "/_matrix/media/v3"
_UPLOAD_SECONDS = 120
_VERSIONS = "/_matrix/client/versions"
_PROBE_SECONDS = 5.0
_LONGEST_NUMBER = 20
_SAYS_NOTHING_OF_OTHERS = {400, 403, 413, 414, 431}
"""Statuses with which what stands before a homeserver refuses a single request: too large, too long, suspicious."""


def _number(digits: str) -> float:
    """Return a number of JSON. One that is longer than any in Matrix is no reason to read nothing at all."""
    return int(digits) if len(digits) < _LONGEST_NUMBER else float(digits)


class JournalDiverged(NetzwartError):
    """A sync could not be written: what is in memory and what is on disk disagree. The process must end and start anew."""


def store_name(device_id: str) -> str:
    """Return the name of a device's file in the state folder."""
    return f"{quote(device_id, safe='')}.sqlite"


class GuardedClient(AsyncClient):
    """nio's client for one device.

    With a `reachability`, the homeserver is left in peace while it is away; somebody has to `insist`, or it stays away for long.
    `renew` is awaited when the homeserver has let our token expire, and gets a new one by `log_in_again`.
    """

    def __init__(
        self, homeserver: str, user_id: str, device_id: str, store_dir: Path, reachability: Reachability | None = None
    ) -> None:
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
        self.reachability = reachability
        self.renew: Callable[[], Awaitable[None]] | None = None
        self.shut_out = asyncio.Event()  # set when the homeserver does not know our token any more, for good
        self._renewing, self._probing = asyncio.Lock(), asyncio.Lock()
        self._probed_at = 0.0
        self._hung_up = False
        self._under_way: dict[asyncio.Timeout, float] = {}  # requests, with the moment when each had begun

    def resume(self, access_token: str) -> object:
        """Load the device's store and return its database."""
        self.restore_login(self.user, self.device_id or "", access_token)
        self._hung_up = False
        guard(self.olm)
        store: Any = self.store
        return store.database

    async def close(self) -> None:
        """Hang up. What is asked afterwards is not answered: the process ends, and somebody was in the middle of something."""
        self._hung_up = True
        await super().close()

    def digest(self, sync: SyncResponse) -> None:
        """Let nio take from a sync what it needs: its rooms, and the keys that were sent to us. Within the caller's transaction."""
        self.next_batch = ""  # nio would silently ignore a sync that it believes to have seen
        _without_waiting(self._handle_sync(sync))

    async def call(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, api: str = API, seconds: float = 30
    ) -> dict[str, Any]:
        """Call the homeserver and return its JSON. Raises `ChatUnavailable`, `ChatRefused` or `LoginFailed`."""
        status, answer = await self.ask(method, path, body, api=api, seconds=seconds)
        return _good(status, answer)

    async def ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, api: str = API, seconds: float = 30
    ) -> tuple[int, dict[str, Any]]:
        """Call the homeserver and return the HTTP status and its JSON object, whatever it says (a 401 may ask for a password).

        Raises `ChatUnavailable` if there is no sensible answer within `seconds`, and `LoginFailed` if it does not know our token.
        """
        return await self._ask(method, f"{api}{path}", _json_of(body), seconds=seconds)

    async def insist(self, path: str, *, seconds: float = 30) -> dict[str, Any]:
        """Get something, even while the homeserver is away: for the sync loop, which finds out when it is back. Raises as `call`."""
        status, answer = await self._ask("GET", f"{API}{path}", None, seconds=seconds, always=True)
        return _good(status, answer)

    async def upload_media(self, data: bytes, mimetype: str) -> str:
        """Upload bytes and return their `mxc://` address. Raises as `call`."""
        answer = _good(*await self._ask("POST", f"{_MEDIA}/upload", data, seconds=_UPLOAD_SECONDS, mimetype=mimetype))
        uri = answer.get("content_uri")
        if not isinstance(uri, str):
            raise ChatUnavailable("no address in the answer to an upload")
        return uri

    async def log_in_again(self, password: str) -> None:
        """Get a new token for our device. Raises `LoginFailed` or `ChatUnavailable`."""
        login = _json_of(_login(self.user, password, self.device_id))
        device_id, token = _logged_in(*await self._exchange("POST", f"{API}/login", login, token=None, seconds=30, always=True))
        if device_id != self.device_id:
            raise LoginFailed(f"the homeserver made us the device {device_id} when we came back as {self.device_id}")
        self.access_token = token

    def let_go(self, older_than: float) -> None:
        """Let requests fail that have waited for more than so many seconds: they began before an outage, and nobody will answer them."""
        for request, begun in self._under_way.items():
            if begun < time.monotonic() - older_than and not request.expired():
                request.reschedule(asyncio.get_running_loop().time())

    async def _ask(
        self, method: str, path: str, data: bytes | None, *, seconds: float, mimetype: str = _JSON, always: bool = False
    ) -> tuple[int, dict[str, Any]]:
        """Exchange a request for an answer; once more if the homeserver has let our token expire, and we have a new one."""
        for _ in range(2):
            token = self.access_token
            answered = await self._exchange(method, path, data, token=token, seconds=seconds, mimetype=mimetype, always=always)
            status, answer = answered
            if errcode(answer) not in LOGGED_OUT:
                return answered
            try:
                await self._come_back(token, refusal(answer, status), soft=answer.get("soft_logout") is True)
            except LoginFailed:
                self.shut_out.set()
                raise
        raise ChatUnavailable("the homeserver does not take the token that it has just given us")

    async def _come_back(self, token: str, reason: NetzwartError, *, soft: bool) -> None:
        """Get a new token in place of the one that was refused, once for all who wait for it. Raises `reason` if that is no use."""
        async with self._renewing:
            if self.access_token != token:
                return
            if not soft or self.renew is None:
                raise reason
            await self.renew()

    async def _exchange(
        self,
        method: str,
        path: str,
        data: bytes | None,
        *,
        token: str | None,
        seconds: float,
        mimetype: str = _JSON,
        always: bool = False,
    ) -> tuple[int, dict[str, Any]]:
        headers = {"Content-Type": mimetype} | ({"Authorization": f"Bearer {token}"} if token else {})
        if self._hung_up:
            raise HomeserverAway("we have hung up")
        reachability = self.reachability
        if reachability is None:
            return await _exchange(self, method, path, data, headers, seconds)
        reachability.begin(always=always)
        try:
            with self._noted() as request:
                async with request:
                    status, answer = await _exchange(self, method, path, data, headers, seconds)
        except TimeoutError as error:  # by `let_go`
            raise HomeserverAway("no answer since before the homeserver was away") from error
        except HomeserverAway:
            await self._look_whether_it_is_there()
            raise
        if _says_it_is_away(status, answer):
            await self._look_whether_it_is_there()
        else:
            reachability.answered()
        return status, answer

    async def probe(self) -> None:
        """Find out whether the homeserver is there, by what costs it next to nothing. Raises as `call`."""
        try:
            status, answer = await self._versions()
        except HomeserverAway as error:
            if self.reachability:
                self.reachability.failed(error)
            raise
        if self.reachability:
            self.reachability.answered()
        _good(status, answer)

    async def _versions(self) -> tuple[int, dict[str, Any]]:
        status, answer = await _exchange(self, "GET", _VERSIONS, None, {}, _PROBE_SECONDS)
        if _says_it_is_away(status, answer):
            raise HomeserverAway(f"HTTP {status}")
        return status, answer

    async def _look_whether_it_is_there(self) -> None:
        """Get a second opinion on what looks as if the homeserver were away: that may be so with one sort of requests only."""
        reachability, failed_at = self.reachability, time.monotonic()
        async with self._probing:
            if reachability is None or not reachability.is_there() or self._probed_at > failed_at or self._hung_up:
                return  # others have found out meanwhile, or nobody wants to know
            with suppress(ChatUnavailable, LoginFailed):
                await self.probe()
            self._probed_at = time.monotonic()

    @contextmanager
    def _noted(self) -> Generator[asyncio.Timeout]:
        """Give a deadline that `let_go` can set."""
        request = asyncio.timeout(None)
        self._under_way[request] = time.monotonic()
        try:
            yield request
        finally:
            del self._under_way[request]

    async def resolve(self, room: str) -> str:
        """Return the room id of an alias; a room id is returned as it is. Raises `ChatUnavailable`."""
        if room.startswith("!"):
            return room
        answer = await self._call_through("GET", f"/directory/room/{quote(room, safe='')}")
        room_id = answer.get("room_id")
        if not isinstance(room_id, str):
            raise ChatUnavailable("no room id in the answer")
        return room_id

    async def enter(self, room_id: str) -> None:
        """Join a room. Raises `ChatRefused` if we are not invited, `ChatUnavailable` if it did not work now."""
        await self._call_through("POST", f"/join/{quote(room_id, safe='')}", {})

    async def _call_through(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        """Call the homeserver for what it may have to ask another one: if that is away, it says so as if it were away itself."""
        status, answer = await self.ask(method, path, body)
        if status in AWAY and not _says_it_is_away(status, answer):
            raise ChatUnavailable(str(refusal(answer, status)))
        return _good(status, answer)

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
    client = AsyncClient(homeserver, user_id, store_path=None, config=AsyncClientConfig(encryption_enabled=False))
    try:
        headers = {"Content-Type": _JSON}
        return _logged_in(*await _exchange(client, "POST", f"{API}/login", _json_of(_login(user_id, password)), headers, 30))
    finally:
        await client.close()


def _login(user_id: str, password: str, device_id: str | None = None) -> dict[str, object]:
    """Return the body of a login (v1.18, 5.7.1): on a device that there is, or a new one."""
    device = {"device_id": device_id} if device_id else {"initial_device_display_name": "Netzwart"}
    return {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": user_id}, "password": password, **device}


def _logged_in(status: int, answer: dict[str, Any]) -> tuple[str, str]:
    """Return device id and token of the answer to a login. Raises `LoginFailed` if we are refused, `ChatUnavailable` if it did not work."""
    if status != HTTPStatus.OK:
        error = refusal(answer, status)
        refused = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, SlowDown)
        raise LoginFailed(str(error)) if refused else error
    device_id, token = answer.get("device_id"), answer.get("access_token")
    if not isinstance(device_id, str) or not isinstance(token, str):
        raise ChatUnavailable("no token in the answer to the login")
    return device_id, token


async def _exchange(
    client: AsyncClient, method: str, path: str, data: bytes | None, headers: Mapping[str, str], seconds: float
) -> tuple[int, dict[str, Any]]:
    """Return the status and the JSON object of an answer.

    Raises `HomeserverAway`, or `ChatUnavailable` if it is about this request only.
    """
    try:
        async with asyncio.timeout(seconds):
            response = await client.send(method, path, data, dict(headers), timeout=seconds)
            body = await response.read()
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:  # ValueError: an address or a header that is none
        raise HomeserverAway(f"{type(error).__name__}: {error}") from error
    retry_after = response.headers.get("Retry-After")
    try:
        answer: Any = json.loads(body.decode(), parse_int=_number)
    except RecursionError as error:  # somebody's event, perhaps: it came, but it cannot be read
        raise ChatUnavailable(f"HTTP {response.status}, and JSON that is nested too deep") from error
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        return response.status, with_wait(cast("dict[str, Any]", answer), retry_after)
    if response.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_ENTITY_TOO_LARGE):
        return response.status, with_wait({}, retry_after)  # the status says it all
    reason = f"HTTP {response.status}, and no JSON object"
    if response.status in _SAYS_NOTHING_OF_OTHERS:
        raise ChatUnavailable(reason)
    raise HomeserverAway(reason, wait_of(retry_after))


def _says_it_is_away(status: int, answer: dict[str, Any]) -> bool:
    """Whether it is the homeserver that is away. It may say so itself of another one that it had to ask."""
    return status == HTTPStatus.SERVICE_UNAVAILABLE or (status in AWAY and errcode(answer) is None)


def _good(status: int, answer: dict[str, Any]) -> dict[str, Any]:
    if status == HTTPStatus.OK:
        return answer
    raise refusal(answer, status)


def _json_of(body: Mapping[str, object] | None) -> bytes | None:
    return None if body is None else json.dumps(body).encode()


def _without_waiting(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never really waits, so that no other task can step into the transaction."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise JournalDiverged("nio waited for something in the middle of a sync")
