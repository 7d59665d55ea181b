"""The client-server API over aiohttp, as thin as it gets. No nio: demo and tests look at the bot from outside."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TypeAlias
from urllib.parse import quote

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from bot.demo.errors import Refused, Unreachable

Json: TypeAlias = dict[str, Any]

BROKEN = 500  # HTTP statuses from here on are the server's fault
REFUSING = 400


class Api:
    """One client of the homeserver at `url`; `token` is its access token, if it has one. An async context manager."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        self.token = token
        self._session: ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections. A later request opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        within: float = 30.0,
    ) -> Json:
        """Send a request and return the JSON object that comes back.

        Raises `Refused` for an error of the API, `Unreachable` if there is no sensible answer within `within` seconds.
        """
        if self._session is None:
            self._session = ClientSession(connector=TCPConnector(limit=0))
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        limit = ClientTimeout(total=within)
        try:
            async with self._session.request(
                method, self.url + path, json=body, params=query, headers=headers, timeout=limit
            ) as response:
                status, answer = response.status, await response.json()
        except (ClientError, TimeoutError, ValueError) as error:
            raise Unreachable(f"{method} {path}: {error!r}") from error
        return _checked(status, answer)


def _checked(status: int, answer: Json) -> Json:
    if status >= BROKEN:
        raise Unreachable(f"{status} {answer}")
    if status >= REFUSING:
        raise Refused(status, str(answer.get("errcode", "M_UNKNOWN")), str(answer.get("error", "")))
    return answer


def client(*parts: str) -> str:
    """Return the path of the client-server API (v3) whose segments are `parts`, each of them quoted."""
    return "/_matrix/client/v3/" + "/".join(quote(part, safe="") for part in parts)
