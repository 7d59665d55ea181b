"""The homeserver, as this package needs it."""

import math
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Protocol, cast

from bot.clock import real_time_in
from bot.errors import ChatRefused, ChatUnavailable, Forbidden, HomeserverAway, LoginFailed, NetzwartError, NeverAccepted, SlowDown

API = "/_matrix/client/v3"
_REFUSALS = {"M_NOT_FOUND", "M_GUEST_ACCESS_FORBIDDEN"}
LOGGED_OUT = frozenset({"M_UNKNOWN_TOKEN", "M_MISSING_TOKEN"})
_NEVER = {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
AWAY = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})
"""What stands before a homeserver says so when there is none behind it; a homeserver, when it cannot work at all."""

_SHORTEST_RETRY_AFTER, _LONGEST_RETRY_AFTER = 0.2, 300.0
_LONGEST_NUMBER = 10


class Server(Protocol):
    """Calls of one logged-in device. `GuardedClient` is one."""

    async def call(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, api: str = API, seconds: float = 30
    ) -> dict[str, Any]:
        """Return the JSON of a call that went well. Raises `ChatUnavailable`, `ChatRefused` or `LoginFailed`."""
        ...

    async def ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, api: str = API, seconds: float = 30
    ) -> tuple[int, dict[str, Any]]:
        """Return HTTP status and JSON of a call, whatever they are; how long to wait stands in `retry_after_ms`, wherever it was said.

        Raises `ChatUnavailable` if there is no sensible answer.
        """
        ...


def refusal(answer: Any, status: int) -> NetzwartError:
    """Return the exception for an error that the homeserver answered (Client-Server API v1.18, 2.5 "Standard error response")."""
    fields = cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}
    code, wait = errcode(fields), _seconds(fields.get("retry_after_ms"))
    reason = f"{code} {fields.get('error', '')}".strip() if code else f"HTTP {status}"
    if code in LOGGED_OUT:
        return LoginFailed(reason)
    if code == "M_LIMIT_EXCEEDED" or status == HTTPStatus.TOO_MANY_REQUESTS:
        return SlowDown(reason, wait)
    if code == "M_FORBIDDEN":
        return Forbidden(reason)
    if code in _REFUSALS or status in _NEVER:
        return ChatRefused(reason) if code in _REFUSALS else NeverAccepted(reason)
    return HomeserverAway(reason, wait) if status in AWAY else ChatUnavailable(reason, wait)


def errcode(answer: Mapping[str, Any]) -> str | None:
    """Return the code of an error, None if the answer has none."""
    code = answer.get("errcode")
    return code if isinstance(code, str) else None


def with_wait(answer: dict[str, Any], retry_after: str | None) -> dict[str, Any]:
    """Return an answer with the wait that its header `Retry-After` asks for, unless it says itself how long (v1.18, "Rate limiting")."""
    seconds = wait_of(retry_after)
    if seconds is None or _seconds(answer.get("retry_after_ms")) is not None:
        return answer
    return {**answer, "retry_after_ms": seconds * 1000}


def wait_of(retry_after: str | None) -> float | None:
    """Return the seconds that a header `Retry-After` means: a number of them, or a date (RFC 9110, 10.2.3). None if it makes no sense."""
    said = (retry_after or "").strip()
    if said.isascii() and said.isdigit() and len(said) < _LONGEST_NUMBER:
        return _within_reason(float(said))
    try:
        then = parsedate_to_datetime(said)
    except ValueError:
        return None
    return _within_reason((then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp() - real_time_in(0).timestamp())


def _seconds(retry_after_ms: object) -> float | None:
    """Return how long the homeserver asks us to wait; it may say anything."""
    if not isinstance(retry_after_ms, int | float) or not math.isfinite(retry_after_ms):
        return None
    return _within_reason(retry_after_ms / 1000)


def _within_reason(seconds: float) -> float | None:
    """Return for how long we wait when asked to wait for so long; None if that is not at all: then it is for us to say."""
    return min(max(seconds, _SHORTEST_RETRY_AFTER), _LONGEST_RETRY_AFTER) if seconds > 0 else None
