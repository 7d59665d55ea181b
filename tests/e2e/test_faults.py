"""Between the bot and its homeserver everything goes wrong that can. In the end, each command is answered once, and in order."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from bot.demo.homeserver import Homeserver
from tests.e2e.between import Between, Fault
from tests.e2e.conftest import Databases
from tests.e2e.faults import (
    HTML,
    BlackHole,
    Counting,
    CutOff,
    Late,
    Only,
    PlaceForgotten,
    Repeating,
    Says,
    TokenRefused,
    Truncated,
    in_a_moment,
)
from tests.e2e.running import BREMEN, COORDINATION, HESSEN, LABS, PEOPLE, Json, Net, network
from tests.e2e.test_loss import answered, says_many

ROOMS = {BREMEN: "wiebke", HESSEN: "doerte"}
OUTAGE = 1.2  # seconds
RECOVERED_WITHIN = 30.0
"""Seconds, for everything that is to be said then, on a busy machine. After a black hole: it is noticed when a long poll gets no answer."""

MOST_A_SECOND, AT_THE_START = 5, 12
"""Requests while nothing works; and those that are under way when it begins."""

ERROR: Json = {"errcode": "M_UNKNOWN", "error": "Internal server error"}
LIMITED: Json = {"errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests"}


class Refusing(Counting):
    """Nobody listens. (The test closes and opens the door.)"""


FAULTS: dict[str, Callable[[], Counting]] = {
    "late": lambda: Late(0.3),
    "cut off": CutOff,
    "refusing": Refusing,
    "black hole": BlackHole,
    "429, told when in the body": lambda: Says(429, {**LIMITED, "retry_after_ms": 700}),
    "429, told a date in the header": lambda: Says(429, HTML, Retry_After=in_a_moment()),
    "429, not told when": lambda: Says(429, LIMITED),
    "500": lambda: Says(500, ERROR),
    "500 after it acted": lambda: Says(500, ERROR, acted=True),
    "502": lambda: Says(502, HTML),
    "504 after it acted": lambda: Says(504, HTML, acted=True),
    "HTML": lambda: Says(200, HTML),
    "truncated": Truncated,
    "repeating": Repeating,
    "place forgotten": lambda: PlaceForgotten(400, "M_UNKNOWN_POS"),
    "logged out softly": lambda: TokenRefused(soft=True),
}
AWAY = ("homeserver_away", "homeserver_back", "sync_failed")
IN_THE_LOG: dict[str, tuple[str, ...]] = {
    "late": (),
    **dict.fromkeys(("cut off", "refusing", "502", "504 after it acted", "HTML", "truncated"), AWAY),
    **dict.fromkeys(("repeating", "place forgotten"), ("sync_failed", "place_in_stream_lost")),
    "logged out softly": ("logged_in_again",),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def between(homeserver: Homeserver) -> AsyncIterator[Between]:
    """What the bot takes for its homeserver."""
    async with Between(homeserver.url) as between:
        await between.open()
        yield between


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def net(
    homeserver: Homeserver, databases: Databases, tmp_path_factory: pytest.TempPathFactory, between: Between
) -> AsyncIterator[Net]:
    """The network with its bot at work; its rooms are encrypted."""
    folder = tmp_path_factory.mktemp("faults")
    async with databases("sqlite", folder) as url, network(homeserver, folder, url) as net:
        net.bot.settings["matrix"]["homeserver"] = between.url
        await net.bot.start()
        await net.bot_in()
        yield net
        assert await net.bot.stop() == 0


@pytest.fixture(autouse=True)
def well_again(between: Between) -> Iterator[None]:
    """Nothing goes wrong after a test."""
    yield
    between.fault = Fault()


@dataclass
class Outage:
    """How long nothing worked, and how many requests came meanwhile."""

    seconds: float = 0.0
    requests: int = 0

    async def of(self, between: Between, fault: Counting) -> None:
        """Let `fault` strike everything: for a while, or for as long as it lasts."""
        asked, begun = len(between.asked), time.monotonic()
        between.fault = fault
        if isinstance(fault, Refusing):
            await between.close()
        await asyncio.sleep(OUTAGE)  # that is how long it is
        self.seconds, self.requests = time.monotonic() - begun, len(between.asked) - asked
        if not fault.lasts:
            between.fault = Fault()
        if isinstance(fault, Refusing):
            await between.open()


@dataclass
class Conversation:
    """What people ask in two rooms, and a broadcast that goes to all labs."""

    net: Net
    words: str

    def __post_init__(self) -> None:
        self.marks = {name: person.last for name, person in self.net.people.items()}
        self.asked: dict[str, list[str]] = {room: [] for room in ROOMS}

    async def goes_on(self, *bodies: str) -> None:
        """Let people ask these in each room."""
        for room, person in ROOMS.items():
            self.asked[room] += await says_many(self.net, person, room, list(bodies))

    async def is_answered(self) -> None:
        """Wait until the last has its answer in each room, and the broadcast is everywhere."""
        for room, person in ROOMS.items():
            await self.net.answer(person, self.asked[room][-1])
        for room in LABS:
            person = PEOPLE[room][0]
            await self.net[person].sees(self.net.says(room, self.words), after=self.marks[person])

    async def was_answered_once(self) -> None:
        """Show that each was answered once and in order, and that the broadcast came once."""
        net, marks = self.net, self.marks
        await asyncio.gather(*(net.settled(PEOPLE[room][0], room) for room in LABS))
        for room in LABS:
            person = PEOPLE[room][0]
            assert answered(net, person, room, marks[person])[:-1] == self.asked.get(room, [])
            assert len(net[person].saw(net.says(room, self.words), after=marks[person])) == 1


@pytest.mark.parametrize("name", FAULTS)
async def test_everything_is_answered_once_and_in_order(net: Net, between: Between, name: str) -> None:
    """Commands are given, and a broadcast is confirmed, while answers cannot be sent; more commands while nothing works at all."""
    fault, outage, lines = FAULTS[name](), Outage(), len(net.bot.log)
    conversation = Conversation(net, f"Trotz allem: {name}")
    preview = await net.ask("karla", COORDINATION, f"!netz rundruf {conversation.words}")

    if not (fault.lasts or isinstance(fault, Refusing)):
        between.fault = Only(fault, "/send/")
    await conversation.goes_on("!netz hilfe eins", "!netz hilfe zwei")
    clicked = await net["konrad"].react(net.rooms[COORDINATION], preview.event_id, "✅")
    if isinstance(between.fault, Only):
        await fault.has_struck()
        await net.bot.says("command", event_id=clicked)  # who may do this, it could still ask
    going_wrong = asyncio.create_task(outage.of(between, fault))
    await conversation.goes_on("!netz hilfe drei", "!netz hilfe vier")
    await going_wrong

    async with asyncio.timeout(RECOVERED_WITHIN):
        await conversation.is_answered()
    if not (fault.lasts or isinstance(fault, Late)):
        assert outage.requests <= outage.seconds * MOST_A_SECOND + AT_THE_START
    await conversation.was_answered_once()
    assert net.bot.complaints() == []
    for event in IN_THE_LOG.get(name, ("sync_failed",)):
        await net.bot.says(event, after=lines)
    session = json.loads((net.bot.state / "session.json").read_text("utf-8"))
    assert session["access_token"] not in (net.bot.folder / "netzwart.log").read_text("utf-8")


async def test_a_place_is_not_given_up_for_other_troubles(net: Net, between: Between) -> None:
    """A sync that fails again and again goes on from where it was, and nothing is read twice."""
    before = len(net.bot.log)
    fault = Says(500, ERROR)
    between.fault = Only(fault, "/sync")
    await fault.has_struck(3)
    between.fault = Fault()
    await net.settled("wiebke", BREMEN)

    assert "place_in_stream_lost" not in {line["event"] for line in net.bot.log[before:]}


async def test_a_homeserver_that_is_down_for_longer_is_asked_less_and_less(net: Net, between: Between) -> None:
    """While much waits to be said and to be found out: in two seconds, a while after it has gone, the requests are a handful."""
    asked = [asyncio.create_task(says_many(net, person, room, ["!netz hilfe"] * 4)) for room, person in ROOMS.items()]
    between.fault = Says(502, HTML)
    await asyncio.sleep(2)
    before = len(between.asked)
    await asyncio.sleep(2)
    assert len(between.asked) - before <= 6

    between.fault = Fault()
    for (room, person), events in zip(ROOMS.items(), [await task for task in asked], strict=True):
        for event_id in events:
            await net.answer(person, event_id)
        await net.settled(person, room)


@pytest.mark.parametrize("path", ["/sync", "/send/"])
async def test_a_revoked_token_ends_it_with_one_line(net: Net, between: Between, path: str) -> None:
    """Found out in the long poll, or while sending. What was under way is done after the next start, with a token that is known."""
    mark = net["wiebke"].last
    between.fault = TokenRefused(soft=False, path=path)
    asked = await says_many(net, "wiebke", BREMEN, ["!netz bericht abgegeben labor-1", "!netz hilfe"])

    assert await net.bot.ended() == 2
    *before, last = net.bot.log
    assert last["event"] == "Der Homeserver lässt mich nicht hinein: M_UNKNOWN_TOKEN Token has expired"
    assert [line for line in net.bot.complaints() if line is not last] == []
    assert {line["level"] for line in before} <= {"info", "warning"}

    between.fault = Fault()
    await net.bot.kill()
    await net.bot.start()
    await net.settled("wiebke", BREMEN)
    assert answered(net, "wiebke", BREMEN, mark)[:-1] == asked


async def test_a_revoked_token_ends_it_at_its_start(net: Net, between: Between) -> None:
    assert await net.bot.stop() == 0
    between.fault = TokenRefused(soft=False)
    await net.bot.launch()

    assert await net.bot.ended() == 2
    assert net.bot.log[-1]["event"] == "Der Homeserver lässt mich nicht hinein: M_UNKNOWN_TOKEN Token has expired"
    assert [line for line in net.bot.complaints() if line is not net.bot.log[-1]] == []
    between.fault = Fault()
    await net.bot.kill()
    await net.bot.start()


async def test_an_issued_token_that_expired_is_one_line_that_says_what_to_do(net: Net, between: Between) -> None:
    """Nobody but its issuer can issue another."""
    assert await net.bot.stop() == 0
    session = json.loads((net.bot.state / "session.json").read_text("utf-8"))
    (net.bot.folder / "token").write_text(session["access_token"])
    with_password = dict(net.bot.settings["matrix"])
    net.bot.settings["matrix"] |= {"access_token_file": str(net.bot.folder / "token"), "device_id": session["device_id"]}
    del net.bot.settings["matrix"]["password_file"]
    await net.bot.start()
    between.fault = TokenRefused(soft=True)

    assert await net.bot.ended() == 2
    said = net.bot.log[-1]["event"]
    assert said.startswith(f"Das Zugriffstoken des Geräts {session['device_id']} ist abgelaufen.")
    assert [line for line in net.bot.complaints() if line is not net.bot.log[-1]] == []
    between.fault = Fault()
    net.bot.settings["matrix"] = with_password
    await net.bot.kill()
    await net.bot.start()
    await net.settled("wiebke", BREMEN)
