"""The pages for whoever operates the bot: `/healthz`, `/readyz`, `/metrics`."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import structlog
from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from bot import metrics
from bot.web.connections import PLAIN, Answer, Server

log = structlog.get_logger(__name__)

_CONNECTION_ENDS_AFTER = 10.0
_PAGE_TAKES_AT_MOST = 5.0
_SAME_FOR = 0.2


class CannotListen(OSError):
    """The address cannot be listened on. `str()` says which and why, in one line."""

    def __init__(self, listen: str, reason: str) -> None:
        super().__init__(f"{listen}: {reason}")


@dataclass(frozen=True, slots=True)
class Readiness:
    """How the parts of the bot are. `parts`: name → None if it is well, else why not; anybody may read that, so no secrets."""

    parts: Mapping[str, str | None]

    @property
    def ready(self) -> bool:
        """All parts are well."""
        return all(reason is None for reason in self.parts.values())

    def as_json(self) -> bytes:
        """Return `{"ready": …, "parts": {name: {"well": …, "reason": …}}}`."""
        parts = {name: {"well": True} if why is None else {"well": False, "reason": why} for name, why in self.parts.items()}
        return json.dumps({"ready": self.ready, "parts": parts}, ensure_ascii=False).encode(errors="replace")


@dataclass(frozen=True, slots=True)
class _Page:
    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    content_type: str = PLAIN


async def nothing() -> None:
    """Nothing has to be asked before the metrics are shown."""


class WebServer:
    """Listens while it is entered. `listen`: "host:port" (`[::1]:8480`; port 0 is any). Raises `CannotListen` on entering.

    `readiness()` is asked for `/readyz`; `refresh()` is awaited before `/metrics`, to set gauges that have to be asked for. Both get five
    seconds, and run once for all who ask at the same time.
    """

    def __init__(
        self,
        listen: str,
        readiness: Callable[[], Awaitable[Readiness]],
        refresh: Callable[[], Awaitable[None]] = nothing,
        *,
        connection_ends_after: float = _CONNECTION_ENDS_AFTER,
        page_takes_at_most: float = _PAGE_TAKES_AT_MOST,
    ) -> None:
        self._listen = listen
        self._readiness = readiness
        self._refresh = refresh
        self._connection_ends_after = connection_ends_after
        self._page_takes_at_most = page_takes_at_most
        self._pages = {"/healthz": _Shared(_lives), "/readyz": _Shared(self._ready), "/metrics": _Shared(self._metrics)}
        self._runner: web.ServerRunner | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end (`http://127.0.0.1:8480`); empty before it does."""
        return self._url

    async def __aenter__(self) -> Self:
        runner = web.ServerRunner(Server(self._handle, self._connection_ends_after), shutdown_timeout=1.0)
        await runner.setup()
        try:
            host, port = _address(self._listen)
            await web.TCPSite(runner, host, port).start()
        except (OSError, ValueError, OverflowError) as error:  # taken, no such host; no host's name at all; no TCP port
            await runner.cleanup()
            raise CannotListen(self._listen, (isinstance(error, OSError) and error.strerror) or str(error)) from error
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        address, port = runner.addresses[0][:2]
        self._url = f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
        for page in self._pages.values():
            await page.close()

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        found = self._pages.get(request.rel_url.raw_path)
        if found is None:
            return Answer(HTTPStatus.NOT_FOUND)
        if request.method not in ("GET", "HEAD"):
            refusal = Answer(HTTPStatus.METHOD_NOT_ALLOWED)
            refusal.headers["Allow"] = "GET, HEAD"
            return refusal
        page = await found.get()
        return Answer(page.status, page.body, page.content_type)

    async def _ready(self) -> _Page:
        try:
            async with asyncio.timeout(self._page_takes_at_most):
                readiness = await self._readiness()
        except TimeoutError:
            readiness = Readiness({"readiness": "no answer in time"})
        except Exception as error:  # not to know is not to be ready
            log.exception("readiness_unknown")
            readiness = Readiness({"readiness": type(error).__name__})
        status = HTTPStatus.OK if readiness.ready else HTTPStatus.SERVICE_UNAVAILABLE
        return _Page(readiness.as_json(), status, "application/json")

    async def _metrics(self) -> _Page:
        try:
            async with asyncio.timeout(self._page_takes_at_most):
                await self._refresh()
        except TimeoutError:
            log.warning("metrics_not_refreshed", reason="no answer in time")
        except Exception:  # the other figures are worth having
            log.exception("metrics_not_refreshed")
        return _Page(generate_latest(metrics.registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


async def _lives() -> _Page:
    return _Page(b"ok\n")


class _Shared:
    """A page that is made once for all who ask for it within a moment: to ask often costs the database nothing."""

    def __init__(self, make: Callable[[], Coroutine[Any, Any, _Page]]) -> None:
        self._make = make
        self._making: asyncio.Task[_Page] | None = None
        self._made_at = 0.0

    async def get(self) -> _Page:
        """Return the page. Who goes away meanwhile does not end the making of it."""
        making = self._making
        if making is None or (making.done() and asyncio.get_running_loop().time() - self._made_at >= _SAME_FOR):
            making = self._making = asyncio.create_task(self._do())
        return await asyncio.shield(making)

    async def close(self) -> None:
        """End the making of it."""
        if self._making is not None:
            self._making.cancel()
            await asyncio.wait((self._making,))

    async def _do(self) -> _Page:
        try:
            return await self._make()
        except Exception:  # whatever is wrong with a page, the bot goes on
            log.exception("page_failed", page=self._make.__qualname__)
            return _Page(b"", HTTPStatus.INTERNAL_SERVER_ERROR)
        finally:
            self._made_at = asyncio.get_running_loop().time()


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()):
        raise ValueError("not host:port")
    return host.removeprefix("[").removesuffix("]"), int(port)
