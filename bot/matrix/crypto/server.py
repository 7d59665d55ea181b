"""The homeserver, as this package needs it."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Protocol, cast

from bot.errors import ChatRefused, ChatUnavailable, Forbidden, LoginFailed, NetzwartError, NeverAccepted

API = "/_matrix/client/v3"
_REFUSALS = {"M_NOT_FOUND", "M_GUEST_ACCESS_FORBIDDEN"}
_NEVER = {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
_LONGEST_RETRY_AFTER = 300.0


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
        """Return HTTP status and JSON of a call, whatever they are. Raises `ChatUnavailable` if there is no sensible answer."""
        ...


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
