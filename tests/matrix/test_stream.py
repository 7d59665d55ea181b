"""Our place in the homeserver's stream: kept over every failure, given up when it leads nowhere, and then nothing is lost or said twice."""

import asyncio
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
import structlog

from bot.config import MatrixConfig
from bot.errors import LoginFailed
from bot.matrix import session as sessions
from bot.matrix.client import GuardedClient
from bot.matrix.crypto.encryption import Encryption
from bot.matrix.journal import Gap, Journal
from bot.matrix.login import TokenExpired, opened
from bot.matrix.session import Session
from bot.matrix.sync import SyncLoop
from tests.matrix.homeserver import Asked, Json, answering, brief, raw, said

BOT, ROOM = "@bot:x", "!room:x"
ERROR = {"errcode": "M_UNKNOWN", "error": "Internal server error"}
NOT_FOUND = {"errcode": "M_NOT_FOUND", "error": "Event not found."}


def text(number: int, *, at: int | None = None) -> Json:
    """Return a message; it is sent in the second `number`, if nothing else is said."""
    return {
        "type": "m.room.message",
        "event_id": f"${number}",
        "sender": "@karla:x",
        "content": {"msgtype": "m.text", "body": "!netz hilfe"},
        "origin_server_ts": number * 1000 if at is None else at,
    }


def joins(number: int) -> Json:
    """Return our own coming."""
    content = {"membership": "join"}
    return {**text(number), "type": "m.room.member", "sender": BOT, "state_key": BOT, "content": content}


def sync(place: str, *events: Json, limited: bool = False, room: str = ROOM, rooms: Json | None = None) -> bytes:
    """Return a sync with these events in a room."""
    timeline = {"events": list(events), "limited": limited, "prev_batch": f"p{place}"}
    joined = rooms if rooms is not None else {room: {"timeline": timeline}} if events else {}
    return said({"next_batch": place, "rooms": {"join": joined}})


@dataclass
class Homeserver:
    """Answers syncs in the order of `syncs`, the last one again and again; and what else is asked as it is told to."""

    syncs: list[bytes] = field(default_factory=list[bytes])
    other: dict[str, list[bytes]] = field(default_factory=dict[str, list[bytes]])
    asked: list[Asked] = field(default_factory=list[Asked])
    hold: asyncio.Event | None = None  # for which a sync waits
    holding: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, asked: Asked) -> bytes | None:
        self.asked.append(asked)
        if asked.path == "/sync":
            if self.hold is not None:
                self.holding.set()
                await self.hold.wait()
            return self.syncs.pop(0) if len(self.syncs) > 1 else self.syncs[0]
        for start, answers in self.other.items():
            if asked.path.startswith(start):
                return answers.pop(0) if len(answers) > 1 else answers[0]
        return said({"one_time_key_counts": {}, "versions": ["v1.11"], "event_id": "$0"})

    def paths(self) -> list[str]:
        """Return what was asked for, keys aside."""
        return [asked.path for asked in self.asked if not asked.path.startswith("/keys/")]

    def places(self) -> list[str | None]:
        """Return from where the syncs were to go on."""
        return [asked.query.get("since") for asked in self.asked if asked.path == "/sync"]


@dataclass
class Device:
    """A sync loop at work on a homeserver."""

    homeserver: Homeserver
    client: GuardedClient
    journal: Journal
    encryption: Encryption
    loop: SyncLoop
    recovered: list[None]

    async def turns(self, *syncs: bytes) -> list[bool]:
        """Let one turn go by for each of these answers; return which of them worked."""
        self.homeserver.syncs = list(syncs)
        return [await self.loop.turn(1) for _ in syncs]

    def waiting(self) -> list[str]:
        """Return what came, and forget it."""
        found: list[str] = []
        for room in self.journal.rooms_with_work():
            while entry := self.journal.next_in(room):
                found += [entry.event_id] if entry.kind == "event" else []
                self.journal.done(entry.seq)
        return found


@pytest_asyncio.fixture(loop_scope="session")
async def url(homeserver: Homeserver) -> AsyncIterator[str]:
    async with answering(homeserver) as url:
        yield url


@pytest.fixture
def homeserver() -> Homeserver:
    return Homeserver()


@pytest.fixture
def matrix(url: str, tmp_path: Path) -> MatrixConfig:
    """A bot that logs in with a password."""
    config = {"homeserver": url, "user_id": BOT, "password": "geheim", "state_dir": tmp_path}
    return MatrixConfig.model_validate(config)


@pytest_asyncio.fixture(loop_scope="session")
async def device(homeserver: Homeserver, matrix: MatrixConfig) -> AsyncIterator[Device]:
    """A device that has seen the event `$5` of a room, and whose place is `s5_1`."""
    async with opened(matrix, Session(BOT, "BOT", "old")) as (client, journal, encryption):
        device = begin(homeserver, client, journal, encryption)
        assert await device.turns(sync("s4_1", text(4)), sync("s5_1", text(5))) == [True, True]
        assert device.waiting() == ["$5"]
        homeserver.asked.clear()
        yield device


def begin(homeserver: Homeserver, client: GuardedClient, journal: Journal, encryption: Encryption) -> Device:
    """Begin to sync, as a process does that has just started."""

    async def look(_rooms: Collection[str]) -> None:
        return None

    recovered: list[None] = []
    loop = SyncLoop(
        client,
        journal,
        encryption,
        lambda: None,
        look=look,
        patience=300,
        now=lambda: 0.0,
        recovered=lambda: recovered.append(None),
    )
    return Device(homeserver, client, journal, encryption, loop, recovered)


async def test_a_homeserver_that_is_away_is_looked_for_with_little(device: Device, homeserver: Homeserver) -> None:
    """Not with a sync, which may take long to fail. When it is back, its memory is tested, and all who wait are told at once, and once."""
    away = raw(b"<html>", 502)
    homeserver.other = {"/_matrix/client/versions": [away, away, raw(b"", 200), said({"versions": []})]}
    homeserver.syncs = [raw(b"<html>", 502), sync("s6_1", text(6)), sync("s7_1")]
    worked = [await device.loop.turn(10_000) for _ in range(5)]

    assert [asked.query["timeout"] for asked in homeserver.asked if asked.path == "/sync"] == ["10000", "1", "10000"]
    assert worked == [False, False, False, True, True]
    assert homeserver.paths() == ["/sync", *["/_matrix/client/versions"] * 4, f"/rooms/{ROOM}/event/$5", "/sync", "/sync"]
    assert homeserver.places() == ["s5_1", "s5_1", "s6_1"]
    assert device.waiting() == ["$6"]
    assert len(device.recovered) == 1


@pytest.mark.parametrize(
    "answer", [said(ERROR, 500), said(ERROR, 403), said({}, 404), said({"rooms": {}}), raw(b"<html>", 502)], ids=brief
)
async def test_other_failures_do_not_cost_our_place(device: Device, homeserver: Homeserver, answer: bytes) -> None:
    """However often they come."""
    with structlog.testing.capture_logs() as log:
        worked = await device.turns(*[answer] * 12, sync("s6_1", text(6)))

    assert worked == [False] * 12 + [True]
    assert set(homeserver.places()) == {"s5_1"}
    assert device.waiting() == ["$6"]
    assert "place_in_stream_lost" not in {line["event"] for line in log}


FORGOTTEN = [
    said({"errcode": "M_UNKNOWN_POS", "error": "Unknown position"}, 400),
    said({"errcode": "M_UNKNOWN_POS", "error": "Unknown position"}, 404),
    said({"errcode": "M_UNKNOWN", "error": "Invalid stream token"}, 400),
    sync("s5_1", text(5)),
    said({"next_batch": "s5_1", "to_device": {"events": [{"type": "m.dummy"}]}}),
    sync("s3_1"),
    sync("s3_1", text(7)),
]


@pytest.mark.parametrize("answer", FORGOTTEN, ids=brief)
async def test_a_place_that_leads_nowhere_is_given_up(device: Device, homeserver: Homeserver, answer: bytes) -> None:
    """Everything is asked for anew; what we have seen is not taken again, what we have not seen is; and then it goes on from there."""
    with structlog.testing.capture_logs() as log:
        worked = await device.turns(answer, sync("s3_1", text(4), text(5), text(6), text(7)), sync("s4_1", text(8)))

    assert worked == [False, True, True]
    assert homeserver.places() == ["s5_1", None, "s3_1"]
    assert device.waiting() == ["$6", "$7", "$8"]
    assert [line["event"] for line in log].count("place_in_stream_lost") == 1
    assert len(device.recovered) == 1


async def test_a_homeserver_that_knows_no_place_at_all_is_not_flooded(device: Device, homeserver: Homeserver) -> None:
    """Every second sync works, and it asks for everything: the pauses grow nevertheless."""
    pauses: list[float] = []
    homeserver.syncs = [FORGOTTEN[0], sync("s6_1", text(6))] * 8
    for _ in range(16):
        await device.loop.turn(1)
        pauses.append(device.loop._pause)

    assert max(pauses) > 4


async def test_no_two_requests_for_everything_are_the_same(device: Device, homeserver: Homeserver) -> None:
    """Synapse answers the second out of its cache, with what there was when the first one came."""
    for _ in range(3):
        await device.turns(FORGOTTEN[0], sync("s6_1", text(6)))

    waits = [asked.query["timeout"] for asked in homeserver.asked if asked.path == "/sync" and "since" not in asked.query]
    assert len({"1", *waits}) == 4


@pytest.mark.parametrize(
    ("answer", "places"),
    [
        (said(NOT_FOUND, 404), [None]),
        (said({"event_id": "$5"}), ["s5_1"]),
        (said({"errcode": "M_FORBIDDEN"}, 403), ["s5_1"]),
        (said({"errcode": "M_UNRECOGNIZED"}, 404), ["s5_1"]),
        (said(ERROR, 500), ["s5_1"]),
    ],
    ids=brief,
)
@pytest.mark.usefixtures("device")
async def test_after_a_start_its_memory_is_tested(
    homeserver: Homeserver, matrix: MatrixConfig, answer: bytes, places: list[str | None]
) -> None:
    """It may have been put back to an older state while nobody was here, and have told of other things at our place since.

    No sync before that is known; but if it can never say so, it has to be believed.
    """
    homeserver.other = {f"/rooms/{ROOM}/event/$5": [answer]}
    homeserver.syncs = [sync("s9_1", text(3), text(8), text(9)), sync("s10_1")]
    async with opened(matrix, Session(BOT, "BOT", "old")) as (client, journal, encryption):
        again = begin(homeserver, client, journal, encryption)
        while not await again.loop.turn(1):
            assert homeserver.places() == []

        assert homeserver.places() == places
        assert again.waiting() == (["$8", "$9"] if places == [None] else ["$3", "$8", "$9"])
        assert await again.loop.turn(1)
        assert homeserver.paths().count(f"/rooms/{ROOM}/event/$5") == homeserver.paths().index("/sync") <= 4


async def test_what_the_new_sync_leaves_out_is_fetched_back_to_what_we_have_seen(device: Device, homeserver: Homeserver) -> None:
    """Page by page, and not further; in the order in which it was said."""
    pages = [[text(9), text(8)], [text(7), text(6), text(5), text(4)], [text(3)]]
    homeserver.other = {f"/rooms/{ROOM}/messages": [said({"chunk": page, "end": f"e{n}"}) for n, page in enumerate(pages)]}
    await device.turns(FORGOTTEN[0], sync("s20_1", text(10), text(11), limited=True))

    assert device.waiting() == ["$6", "$7", "$8", "$9", "$10", "$11"]
    assert [asked.query["from"] for asked in homeserver.asked if asked.path.endswith("/messages")] == ["ps20_1", "e0"]
    assert device.journal.gaps() == []


async def test_if_what_we_have_seen_is_gone_the_time_says_where_to_stop(device: Device, homeserver: Homeserver) -> None:
    """By the homeserver's clock, with ten minutes to spare; an event that claims to be old stops nothing."""
    minute = 60_000
    await device.turns(sync("s6_1", text(6, at=100 * minute)))
    device.waiting()
    pages = [[text(97, at=96 * minute), text(1), text(96, at=95 * minute)], [text(80, at=80 * minute)], [text(70, at=99 * minute)]]
    homeserver.other = {f"/rooms/{ROOM}/messages": [said({"chunk": page, "end": f"e{n}"}) for n, page in enumerate(pages)]}
    await device.turns(FORGOTTEN[0], sync("s20_1", text(98, at=97 * minute), limited=True))

    assert device.waiting() == ["$96", "$97", "$98"]


async def test_a_room_without_an_end_is_not_read_for_ever(device: Device, homeserver: Homeserver) -> None:
    homeserver.other = {f"/rooms/{ROOM}/messages": [said({"chunk": [text(9)], "end": "e"})]}
    await device.turns(FORGOTTEN[0], sync("s20_1", text(10), limited=True))

    assert len([path for path in homeserver.paths() if path.endswith("/messages")]) == 5


async def test_rooms_that_it_does_not_know_any_more_are_left_and_new_ones_entered(device: Device, homeserver: Homeserver) -> None:
    """Of a new one, what came after our own join, as far back as that is; of one whose join is not found, nothing."""
    joined = {
        "!new:x": {"timeline": {"events": [text(7), joins(8), text(9)], "limited": False}},
        "!older:x": {"timeline": {"events": [text(12)], "limited": True, "prev_batch": "p"}},
        "!odd:x": {"timeline": {"events": [text(13)], "limited": False}},
    }
    homeserver.other = {"/rooms/!older:x/messages": [said({"chunk": [{**text(11)}, {**joins(10)}, text(2)], "end": "e"})]}
    await device.turns(FORGOTTEN[0], sync("s20_1", rooms=joined))

    assert sorted(device.waiting()) == ["$11", "$12", "$9"]
    assert device.journal.rooms() == {"!new:x", "!older:x", "!odd:x"}
    assert device.client.rooms.keys() == {"!new:x", "!older:x", "!odd:x"}


async def test_the_place_is_not_given_up_before_everything_is_there(device: Device, homeserver: Homeserver) -> None:
    """The homeserver fails again in the middle of it: nothing was written, and it is asked for once more."""
    homeserver.other = {f"/rooms/{ROOM}/messages": [said(ERROR, 500), said({"chunk": [text(6), text(5)], "end": "e"})]}
    everything = sync("s20_1", text(7), limited=True)
    worked = await device.turns(FORGOTTEN[0], everything, raw(b"<html>", 502), everything)

    assert worked == [False, False, False, True]
    assert homeserver.places() == ["s5_1", None, None, None]
    assert device.waiting() == ["$6", "$7"]


async def test_nothing_that_it_forgot_is_relied_on(device: Device, homeserver: Homeserver) -> None:
    """It may have lost keys that we had sent, our own too, and will not tell again whose devices have changed."""
    device.encryption.devices._mark("@karla:x", 0)
    device.encryption._room_keys._keys[ROOM] = device.encryption._room_keys._new_key(ROOM, {})
    homeserver.other = {"/keys/query": [said({"device_keys": {}})]}
    await device.turns(FORGOTTEN[0], sync("s3_1"))

    uploads = [asked.body for asked in homeserver.asked if asked.path == "/keys/upload"]
    assert uploads[-1]["device_keys"]["device_id"] == "BOT"
    assert any("@karla:x" in asked.body["device_keys"] for asked in homeserver.asked if asked.path == "/keys/query")
    assert device.encryption._room_keys._keys == {}
    assert device.encryption.own_keys_changed


@pytest.mark.parametrize(
    ("answer", "seconds"), [(said({}, 429, Retry_After="60"), 60), (said({}, 503, Retry_After="60"), 30)], ids=brief
)
async def test_it_waits_for_as_long_as_it_is_asked_to(device: Device, answer: bytes, seconds: float) -> None:
    await device.turns(answer)
    assert device.loop._pause == seconds


async def test_pauses_grow_to_eight_seconds(device: Device) -> None:
    pauses: list[float] = []
    for _ in range(9):
        await device.turns(said(ERROR, 500))
        pauses.append(device.loop._pause)

    assert pauses[0] <= 0.5
    assert 6 <= pauses[-1] <= 8


async def test_a_homeserver_that_does_not_wait_is_not_asked_without_end(device: Device, homeserver: Homeserver) -> None:
    """It answers at once that there is nothing, whatever it was asked to wait. What it has then is not delayed by much."""
    homeserver.syncs = [sync("s5_1")]
    pauses: list[float] = []
    for _ in range(9):
        assert await device.loop.turn(10_000)
        pauses.append(device.loop._pause)
    homeserver.syncs = [sync("s6_1", text(6))]
    assert await device.loop.turn(10_000)

    assert 0 < pauses[0] <= 0.5
    assert 6 <= pauses[-1] <= 8
    assert device.loop._pause == 0


async def test_empty_pages_do_not_end_the_filling_of_a_gap(device: Device, homeserver: Homeserver) -> None:
    """There may be what we may not see between what we may. But they do not hold us for ever."""
    device.journal.open_gap(Gap(ROOM, 2, "a", "z", awaits_join=False))
    pages = [said({"chunk": [], "end": f"e{n}"}) for n in range(10)]
    homeserver.other = {f"/rooms/{ROOM}/messages": [*pages, said({"chunk": [text(5)], "end": "z"})]}
    await device.turns(sync("s6_1"))
    assert (device.waiting(), device.journal.gaps()) == (["$5"], [])

    device.journal.open_gap(Gap(ROOM, 2, "a", "z", awaits_join=False))
    homeserver.other = {f"/rooms/{ROOM}/messages": [said({"chunk": [], "end": f"e{n}"}) for n in range(300)]}
    homeserver.asked.clear()
    await device.turns(sync("s7_1"))
    assert device.journal.gaps() == []
    assert 10 < len([path for path in homeserver.paths() if path.endswith("/messages")]) < 100


# Tokens

EXPIRED = said({"errcode": "M_UNKNOWN_TOKEN", "error": "Access token has expired", "soft_logout": True}, 401)


async def test_a_token_that_expired_is_replaced_and_kept(device: Device, homeserver: Homeserver, matrix: MatrixConfig) -> None:
    """Of the same device: its keys, its place and what it has received stay. The next start uses it."""
    homeserver.other = {"/login": [said({"access_token": "new", "device_id": "BOT"})]}
    with structlog.testing.capture_logs() as log:
        homeserver.syncs = [EXPIRED, sync("s6_1", text(6))]
        assert await device.loop.turn(1)

    assert device.waiting() == ["$6"]
    assert set(homeserver.places()) == {"s5_1"}
    assert sessions.load(matrix.state_dir, BOT) == Session(BOT, "BOT", "new")
    assert {"event": "logged_in_again", "user_id": BOT, "device_id": "BOT", "log_level": "info"} in log


async def test_a_homeserver_that_takes_no_token_is_not_flooded_with_logins(device: Device, homeserver: Homeserver) -> None:
    """It lets every one expire at once."""
    homeserver.other = {"/login": [said({"access_token": f"new{n}", "device_id": "BOT"}) for n in range(100)]}

    assert await device.turns(EXPIRED, EXPIRED) == [False, False]

    assert homeserver.paths().count("/login") <= 4


async def test_an_issued_token_that_expired_needs_a_person(url: str, homeserver: Homeserver, tmp_path: Path) -> None:
    config = {"homeserver": url, "user_id": BOT, "access_token": "old", "device_id": "BOT", "state_dir": tmp_path}
    matrix = MatrixConfig.model_validate(config)
    async with opened(matrix, Session(BOT, "BOT", "old")) as (client, journal, encryption):
        homeserver.syncs = [EXPIRED]
        with pytest.raises(TokenExpired) as caught:
            await begin(homeserver, client, journal, encryption).loop.turn(1)
    assert "BOT" in str(caught.value.text.data)


async def test_a_long_poll_does_not_hide_that_we_are_logged_out(device: Device, homeserver: Homeserver) -> None:
    """Somebody else's request is refused while the sync waits: it is cut off, asks again, and hears the same."""
    revoked = said({"errcode": "M_UNKNOWN_TOKEN", "error": "Unrecognised access token"}, 401)
    homeserver.other = {"/x": [revoked]}

    homeserver.syncs, homeserver.hold = [revoked], asyncio.Event()
    running = asyncio.create_task(device.loop.run())
    await homeserver.holding.wait()
    homeserver.hold, held = None, homeserver.hold
    with pytest.raises(LoginFailed):
        await device.client.call("GET", "/x")

    async with asyncio.timeout(5):
        with pytest.raises(LoginFailed):
            await running
    held.set()
