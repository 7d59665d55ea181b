"""Between the bot and its homeserver: an address that can be away, refuse, hold back an answer, or spoil it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector, web

from tests.e2e.running import free_port

Interference = Callable[[web.Request], Awaitable[web.Response | None]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the homeserver has answered."""

    status: int
    body: bytes


class Fault:
    """Something that goes wrong on the way. This one does not; others take its place."""

    async def before(self, _request: web.Request, /) -> web.StreamResponse | None:
        """Answer in the homeserver's place, which never hears of the request; or None."""

    async def after(self, _request: web.Request, _answer: Answer, /) -> web.StreamResponse | None:
        """Answer otherwise than the homeserver did, which has done what it was asked to; or None."""


class Between:
    """Hands requests on to the homeserver at `url`. An async context manager; it listens from `open()` on.

    `before(request)` may answer in the homeserver's place; `after(request)` is awaited once the homeserver has answered, and may
    answer otherwise. While it waits, the bot waits. `fault` does the same, and knows the answer. `asked` has the moment of each request.
    """

    def __init__(self, url: str) -> None:
        self.port = free_port()
        self.before: Interference = nothing
        self.after: Interference = nothing
        self.fault = Fault()
        self.asked: list[float] = []
        self._homeserver = url
        self._runner: web.AppRunner | None = None
        self._session: ClientSession | None = None

    @property
    def url(self) -> str:
        """What the bot takes for its homeserver."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._session = ClientSession(connector=TCPConnector(limit=0), timeout=ClientTimeout(total=90), auto_decompress=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
        if self._session is not None:
            await self._session.close()

    async def open(self) -> None:
        """Listen."""
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._hand_on)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def close(self) -> None:
        """Be away: connections that are open end, new ones are refused."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _hand_on(self, request: web.Request) -> web.StreamResponse:
        assert self._session is not None
        self.asked.append(time.monotonic())
        instead = await self.before(request) or await self.fault.before(request)
        if instead is not None:
            return instead
        headers = {name: request.headers[name] for name in ("Authorization", "Content-Type") if name in request.headers}
        try:
            async with self._session.request(
                request.method, self._homeserver + request.raw_path, data=await request.read(), headers=headers
            ) as answer:
                body, status, kind = await answer.read(), answer.status, answer.headers.get("Content-Type", "application/json")
        except (ClientError, TimeoutError, asyncio.CancelledError):
            return web.Response(status=502)
        instead = await self.after(request) or await self.fault.after(request, Answer(status, body))
        return instead or web.Response(body=body, status=status, headers={"Content-Type": kind})


async def nothing(_request: web.Request) -> web.Response | None:
    """Do not interfere."""
    return None


def refuse(status: int, *, path: str) -> Interference:
    """Return what answers requests with `path` in their path with an error of the homeserver's own."""

    async def interfere(request: web.Request) -> web.Response | None:
        if path not in request.path:
            return None
        return web.json_response({"errcode": "M_UNKNOWN", "error": "not now"}, status=status)

    return interfere
