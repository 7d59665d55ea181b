"""The pages of whoever operates the bot, asked for by an honest client and by others."""

import asyncio
import json
import re
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest
import pytest_asyncio
import structlog
from aiohttp import ClientSession, TCPConnector

from bot import metrics
from bot.web.server import CannotListen, Readiness, WebServer

PATIENCE = 0.5
READY = b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"
WELL = Readiness({"sync": None, "database": None, "drain": None})


class Asked:
    """What the server asks the bot: answers as it is told to, and counts."""

    def __init__(self) -> None:
        self.answer: Readiness | Exception = WELL
        self.wait = asyncio.Event()
        self.wait.set()
        self.times = 0
        self._reached = asyncio.Event()
        self.refreshed = 0
        self.refreshing: Exception | None = None

    async def readiness(self) -> Readiness:
        self.times += 1
        self._reached.set()
        await self.wait.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def reached(self) -> None:
        """Wait until the server has asked."""
        async with asyncio.timeout(5):
            await self._reached.wait()

    async def refresh(self) -> None:
        self.refreshed += 1
        if self.refreshing is not None:
            raise self.refreshing


@pytest_asyncio.fixture(loop_scope="session")
async def asked() -> AsyncIterator[Asked]:
    yield Asked()


@pytest_asyncio.fixture(loop_scope="session")
async def server(asked: Asked) -> AsyncIterator[WebServer]:
    limits = {"connection_ends_after": PATIENCE, "page_takes_at_most": PATIENCE / 2}
    async with WebServer("127.0.0.1:0", asked.readiness, asked.refresh, **limits) as server:
        yield server


Get = Callable[..., Coroutine[Any, Any, tuple[int, bytes, dict[str, str]]]]


@pytest_asyncio.fixture(loop_scope="session")
async def get(server: WebServer) -> AsyncIterator[Get]:
    async with ClientSession(connector=TCPConnector(limit=0)) as session:

        async def get(path: str, method: str = "GET", **more: object) -> tuple[int, bytes, dict[str, str]]:
            async with session.request(method, server.url + path, **more) as answer:  # pyright: ignore[reportArgumentType]
                return answer.status, await answer.read(), dict(answer.headers)

        yield get


async def connected(server: WebServer, limit: int = 65536) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection of its own."""
    return await asyncio.open_connection(*server.url.removeprefix("http://").rsplit(":", 1), limit=limit)


async def raw(server: WebServer, sent: bytes, *, ends: bool = False) -> bytes:
    """Send bytes on a connection of their own; return all that comes until the server ends it."""
    reader, writer = await connected(server)
    try:
        writer.write(sent)
        if ends:
            writer.write_eof()
        async with asyncio.timeout(PATIENCE * 6):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def open_connections(server: WebServer) -> list[object]:
    """Return those that the server deals with now."""
    assert server._runner is not None
    assert server._runner.server is not None
    return [*server._runner.server.connections]


def status_of(answer: bytes) -> int | None:
    return int(answer.split()[1]) if answer else None


# Whoever is honest


async def test_it_lives(get: Get) -> None:
    status, body, headers = await get("/healthz")
    assert (status, body) == (200, b"ok\n")
    headers.pop("Date")
    assert headers == {
        "Cache-Control": "no-store",
        "Connection": "close",
        "Content-Length": "3",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Content-Type": "text/plain; charset=utf-8",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


async def test_ready(get: Get) -> None:
    status, body, headers = await get("/readyz")
    well = {"well": True}
    assert (status, json.loads(body)) == (200, {"ready": True, "parts": {"sync": well, "database": well, "drain": well}})
    assert headers["Content-Type"] == "application/json"


async def test_not_ready(get: Get, asked: Asked) -> None:
    asked.answer = Readiness({"sync": "seit 130 s nichts", "database": None})
    status, body, _ = await get("/readyz")
    parts = {"sync": {"well": False, "reason": "seit 130 s nichts"}, "database": {"well": True}}
    assert (status, json.loads(body)) == (503, {"ready": False, "parts": parts})


async def test_not_to_know_is_not_to_be_ready(get: Get, asked: Asked) -> None:
    """What the error says stays in the log: it may hold an address or a password."""
    asked.answer = RuntimeError("postgresql://netz:geheim@db")
    with structlog.testing.capture_logs() as lines:
        status, body, _ = await get("/readyz")
    assert (status, json.loads(body)) == (503, {"ready": False, "parts": {"readiness": {"well": False, "reason": "RuntimeError"}}})
    assert [line["event"] for line in lines] == ["readiness_unknown"]


async def test_a_bot_that_hangs_is_not_ready_but_lives(get: Get, asked: Asked) -> None:
    asked.wait.clear()
    ready = asyncio.create_task(get("/readyz"))
    assert (await get("/healthz"))[0] == 200
    status, body, _ = await ready
    assert (status, json.loads(body)["parts"]) == (503, {"readiness": {"well": False, "reason": "no answer in time"}})


async def test_many_who_ask_at_once_cost_one_question(get: Get, asked: Asked) -> None:
    answers = await asyncio.gather(*(get("/readyz") for _ in range(50)))
    assert {status for status, *_ in answers} == {200}
    assert asked.times <= 2
    await asyncio.sleep(0.25)
    asked.answer = Readiness({"sync": "away"})
    assert (await get("/readyz"))[0] == 503, "nobody gets an old answer"


async def test_who_goes_away_does_not_end_the_question_for_others(get: Get, asked: Asked, server: WebServer) -> None:
    asked.wait.clear()
    going = asyncio.create_task(raw(server, READY))
    await asked.reached()
    staying = asyncio.create_task(get("/readyz"))
    await asyncio.sleep(0.05)
    going.cancel()
    await asyncio.sleep(0.05)
    assert len(open_connections(server)) == 1, "nobody waits for who has gone"
    asked.wait.set()
    assert (await staying)[0] == 200
    assert asked.times == 1


async def test_metrics(get: Get, asked: Asked) -> None:
    metrics.one_time_keys.set(47)
    status, body, headers = await get("/metrics")
    assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert b"\nnetzwart_one_time_keys 47.0\n" in body
    assert asked.refreshed == 1


async def test_metrics_are_shown_though_some_cannot_be_asked_for(get: Get, asked: Asked) -> None:
    asked.refreshing = OSError("the database is away")
    with structlog.testing.capture_logs() as lines:
        status, body, _ = await get("/metrics")
    assert (status, b"netzwart_one_time_keys" in body) == (200, True)
    assert [line["event"] for line in lines] == ["metrics_not_refreshed"]


async def test_a_gauge_that_breaks_ends_nothing(get: Get) -> None:
    def broken() -> float:
        raise LookupError("geheim")

    metrics.pending_deliveries.set_function(broken)
    try:
        with structlog.testing.capture_logs() as lines:
            assert (await get("/metrics"))[:2] == (500, b"")
    finally:
        metrics.pending_deliveries.set_function(lambda: 0)
    assert [line["event"] for line in lines] == ["page_failed"]
    assert (await get("/healthz"))[0] == 200


@pytest.mark.parametrize(("path", "status"), [("/healthz", 200), ("/readyz", 200), ("/metrics", 200), ("/", 404)])
async def test_head_is_get_without_a_body(get: Get, path: str, status: int) -> None:
    got = await get(path)
    head = await get(path, "HEAD")
    assert (head[0], head[1]) == (status, b"")
    assert set(got[2]) - {"Content-Length"} == set(head[2]) - {"Content-Length"}
    assert head[2].get("Content-Length", "0") == got[2]["Content-Length"] or path == "/metrics", "figures change"


async def test_a_query_and_a_body_change_nothing(get: Get) -> None:
    assert (await get("/healthz?verbose=1"))[:2] == (200, b"ok\n")
    assert (await get("/healthz", data=b"x" * 100))[:2] == (200, b"ok\n")


# Where it listens


async def test_ipv6(asked: Asked) -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with WebServer("[::1]:0", asked.readiness) as server, ClientSession() as session:
        assert server.url.startswith("http://[::1]:")
        async with session.get(f"{server.url}/healthz") as answer:
            assert answer.status == 200


async def test_an_address_that_is_taken(server: WebServer, asked: Asked) -> None:
    listen = server.url.removeprefix("http://")
    with pytest.raises(CannotListen, match=rf"^{listen}: .*address already in use$"):
        await WebServer(listen, asked.readiness).__aenter__()


@pytest.mark.parametrize(
    "listen",
    ["192.0.2.1:80", "no-such-host.invalid:80", "127.0.0.1:70000", "127.0.0.1", ":80", "x" * 80 + ".de:80", "a\0b:80", "h:¹"],
)
async def test_an_address_that_cannot_be_listened_on(asked: Asked, listen: str) -> None:
    with pytest.raises(CannotListen) as caught:
        await WebServer(listen, asked.readiness).__aenter__()
    assert str(caught.value).startswith(f"{listen}: ")
    assert len(str(caught.value)) > len(listen) + 4
    assert "\n" not in str(caught.value)


async def test_it_ends_at_once_though_somebody_waits(asked: Asked) -> None:
    """The port is free again, and what it was asking is not left behind."""
    asked.wait.clear()
    async with WebServer("127.0.0.1:0", asked.readiness) as server:
        holding = [asyncio.create_task(raw(server, sent)) for sent in (b"GET /heal", READY, b"")]
        await asked.reached()
        began = time.monotonic()
    assert time.monotonic() - began < 3.5
    assert [status_of(answer) for answer in await asyncio.gather(*holding)] == [None, None, None]
    async with WebServer(server.url.removeprefix("http://"), asked.readiness):
        pass
    assert not [task for task in asyncio.all_tasks() if "readiness" in repr(task.get_coro())]


# Whoever is not honest


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/favicon.ico", "/healthz/", "//healthz", "/Healthz", "/%68ealthz", "/healthz%00", "/x/../healthz", "/./healthz"),
        *("/../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/metrics;a", "/<script>", "/ä", "*", "http://x", "healthz", "?", ""),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_any_other_path_says_nothing(server: WebServer, method: str, path: str) -> None:
    answer = await raw(server, f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert status_of(head) in (400, 404)
    assert (body, b"\r\nServer:" in head, b"nosniff" in head) == (b"", False, True)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "get", "PROPFIND", "BREW", "CONNECT"])
async def test_only_get_and_head(server: WebServer, method: str) -> None:
    answer = await raw(server, f"{method} /healthz HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert status_of(answer) in ((400, 404) if method == "CONNECT" else (400, 405))
    assert answer.endswith(b"\r\n\r\n"), "no body"
    assert b"\r\nServer:" not in answer


NO_HTTP = {
    "bad method": b"G\0T /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": bytes.fromhex("1603010200010001fc0303") + bytes(100) + b"\r\n\r\n",
    "no HTTP at all": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "a version of the future": b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n",
    "a huge line": b"GET /healthz?" + b"x" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a huge header": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 5000 + b"\r\n\r\n",
    "a huge name of a header": b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"x" * 5000 + b": y\r\n\r\n",
    "very many headers": b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(200)) + b"\r\n",
    "a megabyte of headers": b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
    + b"".join(b"X-%d: y\r\n" % n for n in range(100_000))
    + b"\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "a header without a colon": b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost\r\n\r\n",
    "a header with control characters": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
    "a length that is none": b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "a length and chunks": b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("sent", NO_HTTP.values(), ids=NO_HTTP)
async def test_what_is_no_http_is_refused_without_a_word(server: WebServer, get: Get, sent: bytes) -> None:
    with structlog.testing.capture_logs() as lines:
        answer = await raw(server, sent)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert status_of(head) == 400 or (head == b"" and len(sent) > 65536), "what is not even read to its end may be cut off"
    assert (body, b"\r\nServer:" in head) == (b"", False)
    assert {(line["event"], line["log_level"]) for line in lines} <= {("bad_request", "debug")}
    assert (await get("/healthz"))[0] == 200


async def test_nothing_of_it_reaches_the_log(server: WebServer, caplog: pytest.LogCaptureFixture) -> None:
    """`aiohttp` by itself writes a traceback for each of them, with what was sent."""
    for sent in NO_HTTP.values():
        await raw(server, sent)
    await raw(server, b"POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    assert [record for record in caplog.records if record.levelname != "DEBUG" and record.name != "bot.web.connections"] == []


@pytest.mark.parametrize("sent", [b"", b"G", b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"\r\n\r\n\r\n"])
@pytest.mark.parametrize("ends", [False, True])
async def test_half_a_request_is_cut_off(server: WebServer, sent: bytes, ends: bool) -> None:  # noqa: FBT001  (a parameter of pytest)
    began = time.monotonic()
    answer = await raw(server, sent, ends=ends)
    assert time.monotonic() - began < PATIENCE * 3
    assert status_of(answer) in (400, None)


async def test_a_request_byte_by_byte_is_cut_off(server: WebServer) -> None:
    """However lively it is, a connection has its time, and no more."""
    _, writer = await connected(server)

    async def drip() -> None:
        for byte in b"GET /healthz HTTP/1.1\r\nX: " + b"y" * 1000:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.01)

    began = time.monotonic()
    with pytest.raises(ConnectionError):
        await drip()
    assert time.monotonic() - began < PATIENCE * 3
    writer.close()


async def test_who_does_not_read_is_cut_off(server: WebServer) -> None:
    """The answer is larger than what the kernel holds for somebody who does not take it."""
    for number in range(4000):
        metrics.unreadable_events.labels("x" * 5000 + str(number)).set(1)
    try:
        reader, writer = await connected(server, limit=1024)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(PATIENCE * 2)
        got = 0
        with suppress(ConnectionResetError):
            while chunk := await reader.read(65536):
                got += len(chunk)
        length = re.search(rb"Content-Length: (\d+)", head)
        assert length is not None
        assert got < int(length[1])
        writer.close()
    finally:
        metrics.unreadable_events.clear()


async def test_many_who_hold_their_connections_do_not_keep_others_out(server: WebServer, get: Get) -> None:
    began = time.monotonic()
    held = [await connected(server) for _ in range(200)]
    assert (await get("/healthz"))[0] == 200
    with suppress(ConnectionResetError):
        assert await held[0][0].read() == b""
    assert time.monotonic() - began < PATIENCE, "the first was cut off to make room, and not because its time was over"
    assert len(open_connections(server)) <= 64
    for _, writer in held:
        writer.close()


async def test_one_connection_is_one_request(server: WebServer) -> None:
    """Whatever follows, smuggled or not, is not read."""
    answer = await raw(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n" * 100)
    assert answer.count(b"HTTP/1.1") == 1
    smuggled = b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcdeGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = await raw(server, smuggled)
    assert (answer.count(b"HTTP/1.1"), status_of(answer)) == (1, 405)


async def test_old_http(server: WebServer) -> None:
    answer = await raw(server, b"GET /healthz HTTP/1.0\r\n\r\n")
    assert (status_of(answer), answer.endswith(b"\r\n\r\nok\n")) == (200, True)
    assert b"Server:" not in answer
    assert status_of(await raw(server, b"GET /healthz\r\n\r\n", ends=True)) in (400, None)


@pytest.mark.parametrize(
    "more", [b"Connection: Upgrade\r\nUpgrade: websocket\r\n", b"Expect: 100-continue\r\n", b"Content-Encoding: gzip\r\n"]
)
async def test_whatever_is_wished_for_beside_the_page(server: WebServer, more: bytes) -> None:
    answer = await raw(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + more + b"\r\n")
    assert (status_of(answer), answer.endswith(b"\r\n\r\nok\n")) == (200, True)


async def test_a_large_body_is_not_waited_for(server: WebServer) -> None:
    began = time.monotonic()
    await raw(server, b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * 1_000_000)
    assert time.monotonic() - began < PATIENCE
