"""What can go wrong between the bot and its homeserver, to be put into `Between.fault`."""

import asyncio
import json
from collections.abc import Mapping
from email.utils import formatdate
from time import time
from typing import Any

from aiohttp import web

from tests.e2e.between import Answer, Fault

HTML = "<html><body><h1>It is not us, it is what stands before us</h1></body></html>"


class Counting(Fault):
    """A fault that knows how often it has struck. One that `lasts` does not go away by itself: something has to be done about it."""

    lasts = False

    def __init__(self) -> None:
        self.struck = 0
        self._news = asyncio.Condition()

    async def strike(self) -> None:
        """Count."""
        async with self._news:
            self.struck += 1
            self._news.notify_all()

    async def has_struck(self, times: int = 1) -> None:
        """Wait until it has struck so often."""
        async with self._news:
            await self._news.wait_for(lambda: self.struck >= times)


class Says(Counting):
    """An answer in place of the homeserver's: before it hears of the request, or after it has `acted`."""

    def __init__(self, status: int, body: str | Mapping[str, Any], *, acted: bool = False, **headers: str) -> None:
        super().__init__()
        self._status = status
        self._body = body if isinstance(body, str) else json.dumps(body)
        self._acted = acted
        self._headers = {"Content-Type": "text/html" if isinstance(body, str) else "application/json"}
        self._headers |= {name.replace("_", "-"): value for name, value in headers.items()}

    async def before(self, _request: web.Request, /) -> web.StreamResponse | None:
        return None if self._acted else await self._answer()

    async def after(self, _request: web.Request, _answer: Answer, /) -> web.StreamResponse | None:
        return await self._answer()  # also what was under way when it began

    async def _answer(self) -> web.Response:
        await self.strike()
        return web.Response(status=self._status, text=self._body, headers=self._headers)


class Late(Counting):
    """Every answer comes later by some seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def after(self, _request: web.Request, _answer: Answer, /) -> web.StreamResponse | None:
        await self.strike()
        await asyncio.sleep(self._seconds)
        return None


class BlackHole(Counting):
    """Connections are accepted, and no byte ever comes back: not even when all is well again."""

    async def before(self, _request: web.Request, /) -> web.StreamResponse | None:
        await self.strike()
        await asyncio.Event().wait()

    async def after(self, _request: web.Request, _answer: Answer, /) -> web.StreamResponse | None:
        await self.strike()
        await asyncio.Event().wait()


class CutOff(Counting):
    """The connection ends in the middle of the answer."""

    async def after(self, request: web.Request, answer: Answer, /) -> web.StreamResponse | None:
        await self.strike()
        response = web.StreamResponse(status=answer.status, headers={"Content-Length": str(len(answer.body))})
        await response.prepare(request)
        await response.write(answer.body[: len(answer.body) // 2])
        if request.transport is not None:
            request.transport.abort()
        return response


class Truncated(Counting):
    """The answer ends in the middle, as if that were all of it."""

    async def after(self, _request: web.Request, answer: Answer, /) -> web.StreamResponse | None:
        await self.strike()
        body = answer.body[: len(answer.body) // 2]
        return web.Response(status=answer.status, body=body, headers={"Content-Type": "application/json"})


class Repeating(Counting):
    """A sync that brought something comes again and again, for whoever wants to go on from it."""

    lasts = True

    def __init__(self) -> None:
        super().__init__()
        self._said: bytes | None = None
        self._following = ""

    async def before(self, request: web.Request, /) -> web.StreamResponse | None:
        if self._said is None or not _is_sync(request) or request.query.get("since") != self._following:
            return None
        await self.strike()
        return web.Response(body=self._said, headers={"Content-Type": "application/json"})

    async def after(self, request: web.Request, answer: Answer, /) -> web.StreamResponse | None:
        if _is_sync(request) and "since" in request.query and self._said is None:
            said: dict[str, Any] = json.loads(answer.body)
            if said.get("rooms", {}).get("join"):
                self._said, self._following = answer.body, said["next_batch"]
        return None


class PlaceForgotten(Counting):
    """The homeserver does not know any more where in its stream we were."""

    lasts = True

    def __init__(self, status: int, code: str) -> None:
        super().__init__()
        self._status = status
        self._code = code
        self._forgotten: str | None = None

    async def before(self, request: web.Request, /) -> web.StreamResponse | None:
        since = request.query.get("since")
        if not _is_sync(request) or since is None or since != (self._forgotten or since):
            return None
        self._forgotten = since
        await self.strike()
        return web.json_response({"errcode": self._code, "error": "Invalid stream token"}, status=self._status)


class TokenRefused(Counting):
    """The homeserver does not know the token any more, from the first request on that has `path` in its path.

    With `soft`, the next login brings one that it knows.
    """

    lasts = True

    def __init__(self, *, soft: bool, path: str = "") -> None:
        super().__init__()
        self._soft = soft
        self._path = path
        self._refused: str | None = None

    async def before(self, request: web.Request, /) -> web.StreamResponse | None:
        token = request.headers.get("Authorization")
        if self._refused is None and self._path in request.path:
            self._refused = token
        if token is None or token != self._refused:
            return None
        await self.strike()
        said = {"errcode": "M_UNKNOWN_TOKEN", "error": "Token has expired"} | ({"soft_logout": True} if self._soft else {})
        return web.json_response(said, status=401)


class Only(Counting):
    """A fault that strikes only requests with `path` in their path."""

    def __init__(self, fault: Counting, path: str) -> None:
        super().__init__()
        self._fault = fault
        self._path = path

    async def before(self, request: web.Request, /) -> web.StreamResponse | None:
        return await self._fault.before(request) if self._path in request.path else None

    async def after(self, request: web.Request, answer: Answer, /) -> web.StreamResponse | None:
        return await self._fault.after(request, answer) if self._path in request.path else None


def in_a_moment() -> str:
    """Return an HTTP date that is a second away."""
    return formatdate(time() + 1, usegmt=True)


def _is_sync(request: web.Request) -> bool:
    return request.path.endswith("/sync")
