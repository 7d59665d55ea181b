"""The homeserver, as this package needs it."""

from collections.abc import Mapping
from typing import Any, Protocol

API = "/_matrix/client/v3"


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
