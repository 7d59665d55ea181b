"""A homeserver that answers what a test tells it to, byte for byte."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came. `path` without `/_matrix/client/v3`."""

    method: str
    path: str
    query: dict[str, str]
    token: str
    body: Json


Reply = Callable[[Asked], Awaitable[bytes | None]]
"""Returns the bytes of an answer; none: the connection is closed without one."""


def said(answer: object, status: int = 200, **headers: str) -> bytes:
    """Return an answer of the API."""
    return _http(json.dumps(answer).encode(), status, headers)


def raw(body: bytes, status: int = 200, *, length: int | None = None, **headers: str) -> bytes:
    """Return an answer with any body at all; `length` is what it says of itself."""
    return _http(body, status, {"Content-Length": str(len(body) if length is None else length), **headers})


def _http(body: bytes, status: int, headers: Mapping[str, str]) -> bytes:
    lines = {"Content-Length": str(len(body)), "Connection": "close"}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "\r\n".join([f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in lines.items())])
    return head.encode() + b"\r\n\r\n" + body


def brief(value: object) -> str | None:
    """Return an answer in short, as the name of a test."""
    if not isinstance(value, bytes):
        return None
    head, _, body = value.partition(b"\r\n\r\n")
    return f"{head[9:12].decode()} {body[:60].decode(errors='replace')}"


@asynccontextmanager
async def answering(reply: Reply) -> AsyncGenerator[str]:
    """Listen, and give the address. Each connection is for one request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answer = await reply(await _request(reader))
            if answer is not None:
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the other side did not wait for it
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def _request(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines if line)
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    method, target, _ = first.split(" ")
    url = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    path = unquote(url.path).removeprefix("/_matrix/client/v3")
    token = next((line.split("Bearer ")[1] for line in lines if "Bearer " in line), "")
    return Asked(method, path, query, token, json.loads(body) if body[:1] == b"{" else {})
