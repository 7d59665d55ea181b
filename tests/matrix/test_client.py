"""What the homeserver answers, and what that means: for one room, for all, for a while, for ever."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import formatdate
from pathlib import Path
from time import time

import pytest
import pytest_asyncio

from bot.errors import (
    ChatRefused,
    ChatUnavailable,
    Forbidden,
    HomeserverAway,
    LoginFailed,
    NetzwartError,
    NeverAccepted,
    SlowDown,
)
from bot.matrix.client import GuardedClient, log_in
from bot.matrix.reachability import NotAsked, Reachability
from tests.matrix.homeserver import Asked, answering, brief, raw, said

HTML = b"<html><body>502 Bad Gateway</body></html>"
ERROR = {"errcode": "M_UNKNOWN", "error": "Internal server error"}
LIMITED = {"errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests"}
EXPIRED = {"errcode": "M_UNKNOWN_TOKEN", "error": "Access token has expired", "soft_logout": True}


class Homeserver:
    """Answers `answer`, or what `reply` makes of a request."""

    def __init__(self) -> None:
        self.answer: bytes | None = said({})
        self.reply: Callable[[Asked], Awaitable[bytes | None]] | None = None
        self.asked: list[Asked] = []

    async def __call__(self, asked: Asked) -> bytes | None:
        self.asked.append(asked)
        return self.answer if self.reply is None else await self.reply(asked)


@pytest.fixture
def homeserver() -> Homeserver:
    return Homeserver()


@pytest_asyncio.fixture(loop_scope="session")
async def url(homeserver: Homeserver) -> AsyncIterator[str]:
    async with answering(homeserver) as url:
        yield url


@pytest_asyncio.fixture(loop_scope="session")
async def client(url: str, tmp_path: Path) -> AsyncIterator[GuardedClient]:
    client = GuardedClient(url, "@bot:x", "BOT", tmp_path, Reachability())
    client.access_token = "old"
    yield client
    await client.close()


async def outcome(client: GuardedClient) -> tuple[type[NetzwartError], float | None]:
    """Return what a call raises, and for how long it is to be waited."""
    with pytest.raises(NetzwartError) as caught:
        await client.call("GET", "/x", seconds=5)
    error = caught.value
    return type(error), error.retry_after if isinstance(error, ChatUnavailable) else None


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (None, HomeserverAway),
        (raw(b'{"a": 1', length=100), HomeserverAway),
        (raw(b'{"event_id": "$1'), HomeserverAway),
        (raw(b""), HomeserverAway),
        (raw(HTML), HomeserverAway),
        (raw(HTML, 404), HomeserverAway),
        (raw(HTML, 502), HomeserverAway),
        (raw(b"[]"), HomeserverAway),
        (raw(b'{"a": "\xff"}'), HomeserverAway),
        (said(ERROR, 502), HomeserverAway),
        (said(ERROR, 503), HomeserverAway),
        (said(ERROR, 504), HomeserverAway),
        (b"HTTP/1.1 200 OK\r\nno header\r\n\r\n", HomeserverAway),
        (raw(b'{"a":' * 50_000 + b"1" + b"}" * 50_000), ChatUnavailable),
        (raw(HTML, 403), ChatUnavailable),
        (raw(HTML, 400), ChatUnavailable),
        (raw(HTML, 413), NeverAccepted),
        (said(ERROR, 500), ChatUnavailable),
        (said({"errcode": {"a": 1}}, 500), ChatUnavailable),
        (said({"errcode": "M_NOT_FOUND"}, 404), ChatRefused),
        (said({"errcode": "M_UNRECOGNIZED"}, 404), ChatUnavailable),
        (said({"errcode": "M_FORBIDDEN"}, 403), Forbidden),
        (said({"errcode": "M_TOO_LARGE"}, 413), NeverAccepted),
        (said({"errcode": "M_BAD_JSON"}, 400), NeverAccepted),
        (said({"errcode": "M_UNKNOWN_TOKEN"}, 401), LoginFailed),
        (said({"errcode": "M_MISSING_TOKEN"}, 401), LoginFailed),
        (said(LIMITED, 429), SlowDown),
        (raw(HTML, 429), SlowDown),
    ],
    ids=brief,
)
async def test_what_an_answer_means(
    homeserver: Homeserver, client: GuardedClient, answer: bytes | None, kind: type[NetzwartError]
) -> None:
    homeserver.answer = answer
    assert (await outcome(client))[0] is kind


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (said({**LIMITED, "retry_after_ms": 1500}, 429), 1.5),
        (said({**LIMITED, "retry_after_ms": 1500}, 429, Retry_After="7"), 1.5),
        (said(LIMITED, 429, Retry_After="7"), 7),
        (said({**LIMITED, "retry_after_ms": "soon"}, 429, Retry_After="7"), 7),
        (raw(HTML, 429, Retry_After="7"), 7),
        (raw(HTML, 503, Retry_After="7"), 7),
        (said(ERROR, 503, Retry_After="7"), 7),
        (said(LIMITED, 429, Retry_After="99999999"), 300),
        (said({**LIMITED, "retry_after_ms": 1e300}, 429), 300),
        (said({**LIMITED, "retry_after_ms": -5}, 429), None),
        (said({**LIMITED, "retry_after_ms": 0}, 429), None),
        (said({**LIMITED, "retry_after_ms": 1}, 429), 0.2),
        (said(LIMITED, 429, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"), None),
        (said(LIMITED, 429, Retry_After="Fri, 31 Dec 9999 23:59:59 GMT"), 300),
        (said(LIMITED, 429, Retry_After="a while"), None),
        (said(LIMITED, 429, Retry_After="-3"), None),
        (raw(b'{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": Infinity}', 429), None),
        (said(LIMITED, 429), None),
    ],
    ids=brief,
)
async def test_how_long_to_wait(homeserver: Homeserver, client: GuardedClient, answer: bytes, seconds: float | None) -> None:
    """In the body or in the header, as seconds or as a date; not without a pause, and not longer than five minutes."""
    homeserver.answer = answer
    assert (await outcome(client))[1] == seconds


async def test_a_date_to_wait_for(homeserver: Homeserver, client: GuardedClient) -> None:
    homeserver.answer = said(LIMITED, 429, Retry_After=formatdate(time() + 60, usegmt=True))
    seconds = (await outcome(client))[1]
    assert seconds is not None
    assert 55 < seconds <= 60


@pytest.mark.parametrize("answer", [None, raw(HTML), said(ERROR, 503)], ids=brief)
async def test_away_for_one_is_away_for_all(homeserver: Homeserver, client: GuardedClient, answer: bytes | None) -> None:
    """Who waits is not let through; who insists, is; and an answer opens it for everybody."""
    homeserver.answer = answer
    assert (await outcome(client))[0] is HomeserverAway
    asked = len(homeserver.asked)
    assert [(await outcome(client))[0] for _ in range(20)] == [NotAsked] * 20
    with pytest.raises(NotAsked):
        await client.upload_media(b"x", "text/plain")
    with pytest.raises(NotAsked):
        await client.enter("!r:x")
    assert len(homeserver.asked) == asked

    homeserver.answer = said({})
    await client.probe()
    await client.call("GET", "/x")


@pytest.mark.parametrize("answer", [None, raw(HTML), raw(HTML, 502), said(ERROR, 503)], ids=brief)
async def test_away_for_one_sort_of_requests_is_not_away(
    homeserver: Homeserver, client: GuardedClient, answer: bytes | None
) -> None:
    """What stands before a homeserver can spoil one thing and let others through. All that fail together ask once whether it is there."""

    async def reply(asked: Asked) -> bytes | None:
        return answer if asked.path == "/x" else said({})

    homeserver.reply = reply
    failed = await asyncio.gather(*(outcome(client) for _ in range(8)))

    assert [kind for kind, _ in failed] == [HomeserverAway] * 8
    assert 1 <= [asked.path for asked in homeserver.asked].count("/_matrix/client/versions") <= 4
    await client.call("GET", "/y")


@pytest.mark.parametrize(
    "answer", [said(ERROR, 500), said(LIMITED, 429), raw(HTML, 413), said({"errcode": "M_FORBIDDEN"}, 403)], ids=brief
)
async def test_refused_for_one_is_no_matter_of_the_others(homeserver: Homeserver, client: GuardedClient, answer: bytes) -> None:
    homeserver.answer = answer
    await outcome(client)
    homeserver.answer = said({})
    await client.call("GET", "/y")


async def test_another_homeserver_that_is_away_is_not_ours(homeserver: Homeserver, client: GuardedClient) -> None:
    """Synapse says 502 itself when it cannot reach the one that an alias or a room is of."""
    homeserver.answer = said({"errcode": "M_UNKNOWN", "error": "Failed to fetch alias"}, 502)
    for ask in (client.resolve("#room:elsewhere"), client.enter("!room:elsewhere")):
        with pytest.raises(ChatUnavailable) as caught:
            await ask
        assert type(caught.value) is ChatUnavailable
    homeserver.answer = said({})
    await client.call("GET", "/x")


async def test_nobody_waits_for_what_went_into_a_black_hole(homeserver: Homeserver, client: GuardedClient) -> None:
    """When the homeserver is there again, requests from before are let go; that they fail is not taken for news."""
    came, nothing = asyncio.Event(), asyncio.Event()

    async def hold(asked: Asked) -> bytes | None:
        if asked.path == "/held":
            came.set()
            await nothing.wait()
        return said({})

    homeserver.reply = hold
    waiting = asyncio.create_task(client.call("GET", "/held"))
    await came.wait()
    client.let_go(older_than=5)
    await client.call("GET", "/x")
    assert not waiting.done()

    client.let_go(older_than=0)

    with pytest.raises(HomeserverAway):
        await waiting
    await client.call("GET", "/x")
    nothing.set()


async def test_what_is_asked_after_we_have_hung_up_is_not_answered(client: GuardedClient) -> None:
    """While the process ends. It must not look like a mistake of ours."""
    await client.call("GET", "/x")
    await client.close()
    with pytest.raises(HomeserverAway):
        await client.call("GET", "/x")


async def test_a_token_that_expired_is_renewed_once_for_all(homeserver: Homeserver, client: GuardedClient) -> None:
    """Ten requests find out at once. All are answered in the end, and the device stays the same."""

    async def expired(asked: Asked) -> bytes | None:
        if asked.path == "/login":
            assert (asked.body["device_id"], asked.body["password"], asked.token) == ("BOT", "geheim", "")
            return said({"access_token": "new", "device_id": "BOT"})
        return said(EXPIRED, 401) if asked.token == "old" else said({"token": asked.token})

    async def renew() -> None:
        await client.log_in_again("geheim")

    homeserver.reply, client.renew = expired, renew
    answers = await asyncio.gather(*(client.call("GET", f"/{number}") for number in range(10)))

    assert answers == [{"token": "new"}] * 10
    assert [asked.path for asked in homeserver.asked].count("/login") == 1
    assert not client.shut_out.is_set()


@pytest.mark.parametrize(
    ("login", "kind", "final"),
    [
        (said({"errcode": "M_FORBIDDEN", "error": "Invalid username or password"}, 403), LoginFailed, True),
        (said({"errcode": "M_USER_DEACTIVATED"}, 403), LoginFailed, True),
        (said({"access_token": "new", "device_id": "OTHER"}), LoginFailed, True),
        (said({**LIMITED, "retry_after_ms": 1500}, 429), SlowDown, False),
        (said(ERROR, 500), ChatUnavailable, False),
        (raw(HTML, 502), HomeserverAway, False),
    ],
    ids=brief,
)
async def test_when_it_cannot_be_renewed(
    homeserver: Homeserver, client: GuardedClient, login: bytes, kind: type[NetzwartError], *, final: bool
) -> None:
    """Refused: that is the end, and everybody hears of it. Otherwise whoever asked tries again."""

    async def expired(asked: Asked) -> bytes | None:
        return login if asked.path == "/login" else said(EXPIRED, 401)

    async def renew() -> None:
        await client.log_in_again("geheim")

    homeserver.reply, client.renew = expired, renew
    assert (await outcome(client))[0] is kind
    assert client.shut_out.is_set() == final


async def test_a_token_that_was_revoked_is_the_end(homeserver: Homeserver, client: GuardedClient) -> None:
    """A password would bring a new one; but somebody has logged this device out."""

    async def renew() -> None:
        pytest.fail("nobody asked for that")

    client.renew = renew
    homeserver.answer = said({"errcode": "M_UNKNOWN_TOKEN", "error": "Unrecognised access token", "soft_logout": False}, 401)
    assert (await outcome(client))[0] is LoginFailed
    assert client.shut_out.is_set()


async def test_logging_in_for_the_first_time(homeserver: Homeserver, url: str) -> None:
    """A homeserver that cannot do it now is waited for; one that refuses is not."""
    homeserver.answer = said({"access_token": "t", "device_id": "D"})
    assert await log_in(url, "@bot:x", "geheim") == ("D", "t")
    for answer, kind in ((said(ERROR, 500), ChatUnavailable), (raw(HTML), HomeserverAway), (said(LIMITED, 429), SlowDown)):
        homeserver.answer = answer
        with pytest.raises(kind):
            await log_in(url, "@bot:x", "geheim")
    homeserver.answer = said({"errcode": "M_FORBIDDEN", "error": "no"}, 403)
    with pytest.raises(LoginFailed, match="M_FORBIDDEN no"):
        await log_in(url, "@bot:x", "geheim")
