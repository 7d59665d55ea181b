"""No plaintext into an encrypted room, ever: what reaches the homeserver is looked at, whatever the bot knows or is told of the room."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import pytest_asyncio
from aiohttp import ClientSession, web

from bot.demo.homeserver import Homeserver
from bot.demo.people import ENCRYPTION, Person
from bot.demo.reading import Seen, member
from tests.e2e.between import Between, nothing
from tests.e2e.conftest import Databases
from tests.e2e.running import BREMEN, COORDINATION, HESSEN, WITHIN, Net, network

COMMAND, WORDS = "!netz labor bremen", "Bremen und Region"
"""The answer's words are said in encrypted rooms only."""

HARMLESS = "!netz hilfe sprache"
STATE = "/state/m.room.encryption/"


@dataclass
class Request:
    """A request of the bot that went through to the homeserver, or was answered in its place."""

    method: str
    path: str
    body: bytes

    @property
    def room(self) -> str:
        return unquote(self.path.split("/rooms/")[1].split("/")[0])

    @property
    def kind(self) -> str:
        return unquote(self.path.split("/send/")[1].split("/")[0])


@dataclass
class Observer:
    """Sees all that the bot asks for, then lets `instead` interfere."""

    between: Between
    url: str
    seen: list[Request] = field(default_factory=list[Request])
    instead: Callable[[web.Request], Awaitable[web.Response | None]] = nothing

    async def before(self, request: web.Request) -> web.Response | None:
        self.seen.append(Request(request.method, request.raw_path, await request.read()))
        return await self.instead(request)

    def sends(self, room_id: str | None = None) -> list[Request]:
        """Return what the bot sent into a room, or anywhere."""
        found = [each for each in self.seen if each.method == "PUT" and "/send/" in each.path and "/rooms/" in each.path]
        return [each for each in found if room_id in (None, each.room)]

    async def changed(self, request: web.Request, change: Callable[[Any], None]) -> web.Response:
        """Return the homeserver's answer with something changed in it."""
        headers = {name: request.headers[name] for name in ("Authorization", "Content-Type") if name in request.headers}
        async with (
            ClientSession() as session,
            session.request(request.method, self.url + request.raw_path, data=await request.read(), headers=headers) as answer,
        ):
            said = await answer.json()
            change(said)
            return web.json_response(said, status=answer.status)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def observer(homeserver: Homeserver) -> AsyncIterator[Observer]:
    async with Between(homeserver.url) as between:
        await between.open()
        observer = Observer(between, homeserver.url)
        between.before = observer.before
        yield observer


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def net(
    homeserver: Homeserver, databases: Databases, tmp_path_factory: pytest.TempPathFactory, observer: Observer
) -> AsyncIterator[Net]:
    folder = tmp_path_factory.mktemp("no-plaintext")
    async with databases("sqlite", folder) as url, network(homeserver, folder, url) as net:
        net.bot.settings["matrix"]["homeserver"] = observer.between.url
        await net.bot.start()
        await net.bot_in()
        yield net
        assert await net.bot.stop() == 0


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def never_in_clear(net: Net, observer: Observer) -> AsyncIterator[None]:
    """After each test: no request has the answer's words in it, and into the network's rooms only reactions went as they are."""
    yield
    observer.instead = nothing
    assert [each.path for each in observer.seen if WORDS.encode() in each.body or COMMAND.encode() in each.body] == []
    in_rooms = {each.kind for each in observer.sends() if each.room in net.rooms.values()}
    assert in_rooms <= {"m.room.encrypted", "m.reaction"}
    assert net.bot.complaints() == []


async def clear_chat(net: Net, person: Person) -> str:
    """Let somebody begin a direct chat that is not encrypted, in which the bot has said something; return its room id."""
    room = await person.direct_chat(net.user_id, encrypted=False)
    await person.sees(member(room, net.user_id, "join"), WITHIN)
    asked = await person.say(room, HARMLESS)
    assert not (await person.sees(net.replies(asked), WITHIN)).encrypted
    return room


async def encrypt(person: Person, room: str) -> None:
    await person.set_state(room, "m.room.encryption", {"algorithm": ENCRYPTION["content"]["algorithm"]})


async def encrypted_answer(net: Net, person: Person, asked: str) -> Seen:
    """Return the bot's answer to an event, which came encrypted."""
    answer = await person.sees(net.replies(asked), WITHIN, what="an encrypted answer")
    assert WORDS in answer.body
    assert answer.encrypted
    return answer


class SyncsHeld:
    """Holds back the answers to syncs, those under way too, while it is entered."""

    def __init__(self, between: Between) -> None:
        self._between = between
        self._released = asyncio.Event()

    async def __aenter__(self) -> None:
        self._between.after = self._hold

    async def __aexit__(self, *_: object) -> None:
        self._between.after = nothing
        self._released.set()

    async def _hold(self, request: web.Request) -> web.Response | None:
        if request.path.endswith("/sync"):
            await self._released.wait()
        return None


async def test_what_is_said_in_the_networks_rooms_is_encrypted(net: Net, observer: Observer) -> None:
    """An answer, a ✅ and a broadcast; only the reactions are to be read on the way."""
    answer = await net.ask("wiebke", BREMEN, COMMAND)
    assert WORDS in answer.body
    preview = await net.ask("karla", COORDINATION, f"!netz rundruf an bergstrasse {WORDS}")
    await net["konrad"].react(net.rooms[COORDINATION], preview.event_id, "✅")
    notice = await net["doerte"].sees(net.says(HESSEN, WORDS))

    assert all(seen.encrypted for seen in (answer, preview, notice))
    assert {each.kind for each in observer.sends()} == {"m.room.encrypted", "m.reaction"}


WRONG: dict[str, Callable[[], web.Response]] = {
    "500": lambda: web.json_response({"errcode": "M_UNKNOWN", "error": "no"}, status=500),
    "502 of a proxy": lambda: web.Response(text="<html>", status=502),
    "200 and no JSON": lambda: web.Response(text="<html>"),
    "200 and nothing": web.Response,
    "200 and a list": lambda: web.json_response([]),
    "200 and {}": lambda: web.json_response({}),
    "200 and an odd algorithm": lambda: web.json_response({"algorithm": 5}),
    "404 of a proxy": lambda: web.json_response({"error": "no such page"}, status=404),
    "404, not known": lambda: web.json_response({"errcode": "M_UNRECOGNIZED", "error": "no"}, status=404),
    "cut off": web.Response,
    "429": lambda: web.json_response({"errcode": "M_LIMIT_EXCEEDED", "error": "slow", "retry_after_ms": 500}, status=429),
}


async def test_encryption_that_no_sync_has_told_of(net: Net, observer: Observer) -> None:
    """It is switched on while the answer is being made; asked for the room's state, the homeserver first answers all kinds of things.

    In one room at the first question it answers as it should.
    """
    wrong = {"": None, **WRONG}
    people = [net["wiebke"], net["jonas"], net["doerte"], net["thea"], net["fatma"], net["konrad"], net["karla"]]
    rooms = {name: (people[number % len(people)], "") for number, name in enumerate(wrong)}
    for name, (person, _) in rooms.items():
        rooms[name] = (person, await clear_chat(net, person))
    names = {room: name for name, (_, room) in rooms.items()}
    waiting, all_wait, go_on = set[str](), asyncio.Event(), asyncio.Event()
    answered: dict[str, int] = {}

    async def instead(request: web.Request) -> web.Response | None:
        if STATE not in request.path:
            return None
        room = Request("", request.raw_path, b"").room
        if room not in names:
            return None
        waiting.add(room)
        if waiting == set(names):
            all_wait.set()
        await go_on.wait()
        answered[room] = answered.get(room, 0) + 1
        if answered[room] > 1 or not names[room]:
            return None
        if names[room] == "cut off" and request.transport is not None:
            request.transport.close()
        return WRONG[names[room]]()

    observer.instead = instead
    asked = {name: await person.say(room, COMMAND) for name, (person, room) in rooms.items()}
    await asyncio.wait_for(all_wait.wait(), WITHIN)
    async with SyncsHeld(observer.between):
        await asyncio.gather(*(encrypt(person, room) for person, room in rooms.values()))
        go_on.set()

        await asyncio.gather(*(encrypted_answer(net, person, asked[name]) for name, (person, _) in rooms.items()))

    for name, (_, room) in rooms.items():
        assert [each.kind for each in observer.sends(room)] == ["m.room.message", "m.room.encrypted"], name
        assert answered[room] == (2 if name else 1), name


@pytest.mark.parametrize("content", [{}, {"algorithm": "m.none"}, {"algorithm": 5}])
async def test_an_encryption_that_is_taken_back(net: Net, content: dict[str, object]) -> None:
    """Whoever made the room may overwrite the event. What was encrypted stays so."""
    await net["wiebke"].set_state(net.rooms[BREMEN], "m.room.encryption", content)

    answer = await net.answer("wiebke", await net["wiebke"].say(net.rooms[BREMEN], COMMAND))

    assert answer.encrypted


def without_encryption(sync: Any) -> None:
    """Take out of a sync what it says of rooms' encryption."""
    for room in sync.get("rooms", {}).get("join", {}).values():
        for part in ("state", "timeline"):
            events = room.get(part, {}).get("events", [])
            events[:] = [event for event in events if event["type"] != "m.room.encryption"]


def denying(observer: Observer, *, failing: int = 0) -> Callable[[web.Request], Awaitable[web.Response | None]]:
    """Return what keeps encryption out of every sync, after so many that fail."""
    left = failing

    async def instead(request: web.Request) -> web.Response | None:
        nonlocal left
        if not request.path.endswith("/sync"):
            return None
        if left:
            left -= 1
            return web.json_response({"errcode": "M_UNKNOWN", "error": "no"}, status=500)
        return await observer.changed(request, without_encryption)

    return instead


async def test_a_homeserver_that_claims_later_that_nothing_is_encrypted(net: Net, observer: Observer) -> None:
    """After a restart, by sync and by state: the bot has it in its own books."""
    assert await net.bot.stop() == 0
    syncs = denying(observer)

    async def instead(request: web.Request) -> web.Response | None:
        if STATE in request.path:
            return web.json_response({"errcode": "M_NOT_FOUND", "error": "Event not found."}, status=404)
        return await syncs(request)

    observer.instead = instead
    await net.bot.start()

    assert (await net.ask("wiebke", BREMEN, COMMAND)).encrypted


async def test_a_room_of_whose_encryption_no_sync_ever_told(net: Net, observer: Observer) -> None:
    """The bot comes into an encrypted room, and only the room's state, asked for, says what it is."""
    observer.instead = denying(observer)
    room = await net.direct_chat("thea")

    await encrypted_answer(net, net["thea"], await net["thea"].say(room, COMMAND))


async def test_what_was_left_to_say_when_it_starts_with_failing_syncs(net: Net, observer: Observer) -> None:
    """Killed before its answer is out; then the first syncs fail, and those that come leave out the rooms' encryption."""
    stopped = asyncio.Event()

    async def away(request: web.Request) -> web.Response | None:
        if "/send/" not in request.path:
            return None
        stopped.set()
        return web.json_response({"errcode": "M_UNKNOWN", "error": "no"}, status=500)

    observer.instead = away
    asked = await net["doerte"].say(net.rooms[HESSEN], COMMAND)
    await stopped.wait()
    await net.bot.kill()
    observer.instead = denying(observer, failing=2)
    await net.bot.launch()
    await net.bot.says("sync_failed")
    await net.bot.says("ready")

    await encrypted_answer(net, net["doerte"], asked)


async def test_a_lost_store(net: Net, observer: Observer, tmp_path: Path) -> None:
    """The login is there, the keys are gone: nobody would read what this device says. It ends, says what to do, and has said nothing."""
    assert await net.bot.stop() == 0
    asked = await net["wiebke"].say(net.rooms[BREMEN], COMMAND)
    kept = list(net.bot.state.glob("*.sqlite*"))
    for path in kept:
        shutil.move(path, tmp_path / path.name)
    before = len(observer.seen)

    await net.bot.launch()
    status = await net.bot.ended()

    said = json.dumps(net.bot.log, ensure_ascii=False)
    assert status == 2
    assert "netzwart device recover" in said
    since = observer.seen[before:]
    assert [each.path for each in since if each.method == "PUT" or "/keys/upload" in each.path] == []
    for path in net.bot.state.glob("*.sqlite*"):
        path.unlink()
    for path in kept:
        shutil.move(tmp_path / path.name, path)
    await net.bot.start()
    await encrypted_answer(net, net["wiebke"], asked)


async def test_nothing_is_sent_but_by_the_sender() -> None:
    """nio's own ways of sending go out in clear when it has no store, or has not seen the room's state."""
    bot = Path(__file__).parents[2] / "bot"
    sources = {path.name: path.read_text("utf-8") for path in bot.rglob("*.py")}
    ways = ("room_send(", "room_redact(", "room_put_state(", "to_device(", "upload(lambda", "share_group_session")

    assert [(name, way) for name, source in sources.items() for way in ways if f".{way}" in source] == []
    assert [name for name, source in sources.items() if "/send/" in source and name not in {"sender.py", "people.py"}] == []
