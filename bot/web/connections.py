"""HTTP below the pages: one short request on each connection, so that nobody can hold the server or make it talk.

aiohttp by itself waits an hour for half a request, logs a traceback for a malformed one and shows in the answer what was wrong with it, and
names itself in every answer.
"""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import structlog
from aiohttp import hdrs, web

log = structlog.get_logger(__name__)

_MOST_CONNECTIONS = 64
_LONGEST_LINE = 4096
_MOST_HEADERS = 64
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

PLAIN = "text/plain; charset=utf-8"

Handler = Callable[[web.BaseRequest], Awaitable[web.Response]]


class Answer(web.Response):
    """An answer that tells no browser and no cache more than it has to. The connection ends with it."""

    def __init__(self, status: HTTPStatus, body: bytes = b"", content_type: str = PLAIN) -> None:
        super().__init__(status=status, body=body, headers={**_HEADERS, hdrs.CONTENT_TYPE: content_type})
        self.force_close()

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self.headers.pop(hdrs.SERVER, None)


class Server(web.Server):
    """Hands requests to `handler`. A connection that is not done after `patience` seconds is cut off.

    Bodies are neither read nor unpacked. When there are too many connections, the oldest is cut off: an honest one takes milliseconds.
    """

    def __init__(self, handler: Handler, patience: float) -> None:
        super().__init__(handler, handler_cancellation=True)
        self._patience = patience
        self._open: dict[web.RequestHandler, tuple[asyncio.Transport, asyncio.TimerHandle]] = {}

    def __call__(self) -> web.RequestHandler:
        """Return what reads the next connection."""
        return _Connection(
            self,
            loop=self._loop,
            access_log=None,  # pyright: ignore[reportArgumentType]  (aiohttp's own runner hands it None as well)
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
            max_headers=_MOST_HEADERS,
            lingering_time=0.0,
            auto_decompress=False,
        )

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Give the connection its time, and make room for it."""
        super().connection_made(handler, transport)
        if len(self._open) >= _MOST_CONNECTIONS:
            oldest, (its_transport, _) = next(iter(self._open.items()))
            self._let_go(oldest)
            its_transport.abort()
        self._open[handler] = transport, self._loop.call_later(self._patience, transport.abort)

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """Forget the connection."""
        super().connection_lost(handler, exc)
        self._let_go(handler)

    def _let_go(self, handler: web.RequestHandler) -> None:
        _, deadline = self._open.pop(handler, (None, None))
        if deadline is not None:
            deadline.cancel()


class _Connection(web.RequestHandler):
    """Answers what is no HTTP with a bare 400."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  (it repeats what was sent)
    ) -> web.StreamResponse:
        log.debug("bad_request", reason=type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError
        return Answer(HTTPStatus(status))
