"""The bot as a process of its own, in a small network of the example's labs on a real homeserver."""

import asyncio
import json
import os
import secrets
import signal
import socket
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from bot.clock import ShiftedClock
from bot.db import network as networks
from bot.db.engine import Database, connect
from bot.db.schema import migrate
from bot.demo.children import start_leashed
from bot.demo.errors import Refused, Unreachable
from bot.demo.homeserver import Account, Homeserver
from bot.demo.people import Person
from bot.demo.reading import Predicate, Seen, member, message, reaction
from tests.conversation import ZONE, example_network

Json: TypeAlias = dict[str, Any]
CLOCK_AT = "2020-10-12T09:00"
"""A Monday, 18 days before the first reports are due."""

WITHIN = 30.0  # seconds
COORDINATION, NETWORK, RESEARCH = "coordination", "network", "research"
BREMEN, HESSEN, BAYERN = "lab:bremen", "lab:bergstrasse", "lab:wuerzburg"
LABS = (BREMEN, HESSEN, BAYERN)
PEOPLE: dict[str, tuple[str, ...]] = {
    COORDINATION: ("karla", "konrad"),
    NETWORK: ("karla", "konrad", "fatma", "wiebke", "doerte", "thea"),
    RESEARCH: ("fatma",),
    BREMEN: ("wiebke", "jonas"),
    HESSEN: ("doerte",),
    BAYERN: ("thea",),
}
"""Who is in which room; the first makes it. Xaver is in none."""

NAMES = {
    COORDINATION: "Koordination",
    NETWORK: "Netzwerk",
    RESEARCH: "Forschung",
    BREMEN: "Labor Bremen",
    HESSEN: "Labor Bergstraße",
    BAYERN: "Labor Würzburg",
}
COMPLAINTS = {"command_failed", "entry_dropped", "inbox_task_failed", "delivery_task_failed", "sync_not_written"}


class Child(Protocol):
    """What is needed of a process; those of `asyncio` are such."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    @property
    def stdout(self) -> asyncio.StreamReader | None: ...
    async def wait(self) -> int: ...
    def terminate(self) -> None: ...
    def send_signal(self, signal: int) -> None: ...


Launcher: TypeAlias = Callable[[Sequence[str], Path], Awaitable[Child]]
"""Starts `netzwart` with these arguments in this folder, as the leader of a process group of its own."""


async def launched(arguments: Sequence[str], folder: Path) -> Child:
    """Start `python -m bot`, as anybody would."""
    return await start_leashed([sys.executable, "-m", "bot", *arguments], folder=folder, output=PIPE)


class Launching:
    """How a bot is started unless its test says otherwise. Within pytest that is a nursery's way: half of a start is imports."""

    launcher: Launcher = staticmethod(launched)


class Bot:
    """`netzwart` with its configuration in `folder`. Everything that `run` says is in `log`, one object a line.

    `settings` are the tables of the configuration; change them, or the `launcher`, before a start.
    """

    def __init__(self, folder: Path, settings: dict[str, Json], launcher: Launcher | None = None) -> None:
        self.folder = folder
        self.settings = settings
        self.config = folder / "config.toml"
        self.state = folder / "state"
        self.log: list[Json] = []
        self.launcher = launcher or Launching.launcher
        self._process: Child | None = None
        self._reading: asyncio.Task[None] | None = None
        self._news = asyncio.Condition()
        self._clock = ShiftedClock(datetime.fromisoformat(CLOCK_AT).replace(tzinfo=ZONE))

    @property
    def pid(self) -> int:
        """The process id while it runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    async def do(self, *arguments: str, within: float = WITHIN) -> tuple[int, str]:
        """Run `netzwart` with `arguments` to its end. Return its exit status and all that it said."""
        process = await self._spawn(*arguments)
        assert process.stdout is not None
        try:
            async with asyncio.timeout(within):
                said = await process.stdout.read()
                return await process.wait(), said.decode()
        finally:
            await _kill(process)

    async def start(self, clock_at: str | None = None) -> None:
        """Start `netzwart run` and wait until it says that it is ready. Its clock goes on where it was, if no time is given."""
        await self.launch(clock_at)
        await self.says("ready")

    async def launch(self, clock_at: str | None = None) -> None:
        """Start `netzwart run`, ready or not. Its log begins anew."""
        self.log = []
        if clock_at is not None:
            self._clock = ShiftedClock(datetime.fromisoformat(clock_at).replace(tzinfo=ZONE))
        self._process = await self._spawn("run", "--clock-at", self._clock.now().isoformat())
        self._reading = asyncio.create_task(self._read(self._process), name="the bot's log")

    async def stop(self) -> int:
        """Ask it to end; return its exit status. Killed, and a failure, if it does not end in time."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            return await self.ended()
        finally:
            await self.kill()

    async def kill(self) -> None:
        """End it at once, as `kill -9` does."""
        process, self._process = self._process, None
        if process is not None:
            await _kill(process)
        if self._reading is not None:
            await self._reading

    async def ended(self, within: float = WITHIN) -> int:
        """Wait until it has ended by itself, and return its exit status."""
        assert self._process is not None
        async with asyncio.timeout(within):
            status = await self._process.wait()
            assert self._reading is not None
            await self._reading
            return status

    async def jump(self) -> str | None:
        """Let the clock jump to the next reminder; return what it shows then."""
        assert self._process is not None
        before = len(self.log)
        self._process.send_signal(signal.SIGUSR1)
        to = (await self.says("clock_jumped", after=before))["to"]
        if to is not None:
            self._clock.jump_to(datetime.fromisoformat(to))
        return to

    async def says(self, event: str, *, after: int = 0, within: float = WITHIN, **fields: object) -> Json:
        """Return the first line of the log, of those after number `after`, with this event and these fields; wait for it."""

        def found() -> Json | None:
            wanted = {"event": event, **fields}
            return next((line for line in self.log[after:] if wanted.items() <= line.items()), None)

        def done() -> bool:
            return found() is not None or self._reading is None or self._reading.done()

        try:
            async with asyncio.timeout(within), self._news:
                await self._news.wait_for(done)
        except TimeoutError:
            pass
        line = found()
        assert line is not None, "\n".join([f"it never said {event} {fields}; its last words:", *map(str, self.log[-25:])])
        return line

    def complaints(self) -> list[Json]:
        """Return the lines of the log that no message of anybody may cause."""
        return [line for line in self.log if line["event"] in COMPLAINTS or "exception" in line or line.get("level") == "critical"]

    def write_configuration(self) -> None:
        """Write the settings as they are now."""
        self.config.write_text("\n".join(_toml(name, table) for name, table in self.settings.items()), encoding="utf-8")

    async def _spawn(self, *arguments: str) -> Child:
        self.write_configuration()
        return await self.launcher([*arguments, "--config", str(self.config)], self.folder)

    async def _read(self, process: Child) -> None:
        assert process.stdout is not None
        rest = b""
        try:
            with (self.folder / "netzwart.log").open("ab") as copy:
                while chunk := await process.stdout.read(65536):
                    copy.write(chunk)
                    *lines, rest = (rest + chunk).split(b"\n")
                    await self._take(lines)
        finally:
            await self._take([rest] if rest else [])

    async def _take(self, lines: Iterable[bytes]) -> None:
        async with self._news:
            self.log += map(_line, lines)
            self._news.notify_all()


async def _kill(process: Child) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
            os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _line(raw: bytes) -> Json:
    """Return a line of the log. One that is no JSON was not logged: somebody printed it, or Python died with it."""
    try:
        return json.loads(raw)
    except ValueError:
        return {"event": raw.decode(), "level": "critical"}


def _toml(name: str, table: Mapping[str, object]) -> str:
    return "\n".join([f"[{name}]", *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()), ""])


@dataclass
class Net:
    """The people, the rooms (by key) and the bot. Names and aliases end in `mark`, which makes them unique."""

    homeserver: Homeserver
    bot: Bot
    account: Account
    mark: str
    people: dict[str, Person]
    rooms: dict[str, str] = field(default_factory=dict[str, str])
    encrypted: bool = True

    @property
    def user_id(self) -> str:
        """The bot's."""
        return self.account.user_id

    def __getitem__(self, name: str) -> Person:
        return self.people[name]

    def alias(self, key: str) -> str:
        """Return the alias of the room `key`."""
        return f"#{alias_name(key, self.mark)}:{self.homeserver.server_name}"

    @property
    def database(self) -> Database:
        """The bot's database, to look into. To be closed."""
        return connect(self.bot.settings["database"]["url"])

    async def ask(self, name: str, room: str, body: str, **more: Any) -> Seen:
        """Let somebody say something in a room (a key or an id); return the bot's reply to it."""
        return await self.answer(name, await self[name].say(self.room(room), body, **more))

    async def answer(self, name: str, event_id: str) -> Seen:
        """Return the bot's reply to an event, as somebody gets it."""
        said = (line for line in reversed(self.bot.log[-5:]))
        return await self[name].sees(self.replies(event_id), WITHIN, what=f"an answer; the log: {list(said)}")

    async def done(self, name: str, room: str, body: str) -> str:
        """Let somebody say something; wait for the bot's ✅ and return the event's id."""
        said = await self[name].say(self.room(room), body)
        await self[name].sees(reaction(said, "✅", sender=self.user_id), WITHIN, what=f"the ✅ to {body}")
        return said

    async def ask_or_done(self, name: str, room: str, body: str) -> Seen:
        """Let somebody say something; return the bot's reply or its ✅."""
        said = await self[name].say(self.room(room), body)
        done, reply = reaction(said, "✅", sender=self.user_id), self.replies(said)
        return await self[name].sees(lambda seen: done(seen) or reply(seen), WITHIN, what=f"an answer to {body}")

    async def settled(self, name: str, room: str) -> Seen:
        """Ask something, and return the answer once it is there.

        What the bot hears and says in a room keeps its order: everything before it is done with, and seen.
        """
        return await self.ask(name, room, "!netz hilfe sprache")

    async def silent(self, name: str, room: str, after: int) -> None:
        """Show that the bot has said nothing in a room since somebody had seen `after` events, beside the answer to this question."""
        answer = await self.settled(name, room)
        assert self.heard(name, room, after) == [answer]

    def heard(self, name: str, room: str, after: int = 0) -> list[Seen]:
        """Return all that the bot has said or reacted in a room, as somebody got it."""
        room_id = self.room(room)
        kinds = {"m.room.message", "m.reaction"}
        return self[name].saw(
            lambda seen: seen.room_id == room_id and seen.sender == self.user_id and seen.type in kinds, after=after
        )

    def replies(self, event_id: str) -> Predicate:
        """Return whether an event is the bot's reply to `event_id`, in its thread too."""

        def fits(seen: Seen) -> bool:
            replied: object = seen.relation.get("m.in_reply_to")
            return seen.sender == self.user_id and isinstance(replied, dict) and replied.get("event_id") == event_id

        return fits

    def says(self, room: str, containing: str, msgtype: str = "m.text") -> Predicate:
        """Return whether an event is a message of the bot in a room."""
        return message(room=self.room(room), sender=self.user_id, containing=containing, msgtype=msgtype)

    def room(self, room: str) -> str:
        """Return the id of a room given by its key or its id."""
        return self.rooms.get(room, room)

    async def direct_chat(self, name: str) -> str:
        """Let somebody begin a direct chat with the bot; return its room id once the bot has joined."""
        room = await self[name].direct_chat(self.user_id)
        await self[name].sees(member(room, self.user_id, "join"), WITHIN, what="the bot in a direct chat")
        return room

    async def declined(self, name: str, room: str) -> Seen:
        """Return how the bot declined, or left, a room."""
        return await self[name].sees(member(room, self.user_id, "leave"), WITHIN, what="the bot declining")

    async def bot_in(self, *rooms: str) -> None:
        """Wait until the bot is in these rooms (keys; all if none is named)."""
        for key in rooms or PEOPLE:
            await self[PEOPLE[key][0]].sees(member(self.rooms[key], self.user_id, "join"), WITHIN, what=f"the bot in {key}")

    async def enter(self, name: str, key: str) -> None:
        """Let the maker of a room invite somebody, who joins."""
        await self[PEOPLE[key][0]].invite(self.rooms[key], self[name].user_id)
        await self[name].join(self.rooms[key])

    async def more(self, name: str) -> Person:
        """Add somebody who is in no room, under a name of the test's own. They read along until the end."""
        folder = self.bot.folder / "people" if self.encrypted else None
        person = self.people[name] = await self._opened.enter_async_context(await _person(self.homeserver, name, self.mark, folder))
        return person

    _opened: AsyncExitStack = field(default_factory=AsyncExitStack)


def alias_name(key: str, mark: str) -> str:
    """Return the local part of a room's alias."""
    return f"{key.replace(':', '-')}-{mark}"


async def _person(homeserver: Homeserver, name: str, mark: str, folder: Path | None) -> Person:
    account = await homeserver.register(f"{name}-{mark}")
    return Person(homeserver.url, account, displayname=name.capitalize(), folder=None if folder is None else folder / account.name)


@asynccontextmanager
async def network(
    homeserver: Homeserver,
    folder: Path,
    database_url: str,
    *,
    absent: Iterable[str] = (),
    filled: bool = True,
    encrypted: bool = True,
    password: str | None = None,
    furnish: Callable[[Net], Any] | None = None,
) -> AsyncGenerator[Net]:
    """Give a network whose people read along, with the bot invited into all rooms but the `absent`, and not started.

    With `filled`, the database has its tables and the example's data; else it is as it is. `furnish(net)` is awaited before the
    bot is invited: what happened in the rooms before its time.
    """
    mark = secrets.token_hex(3)
    account = await homeserver.register(f"netzwart-{mark}", password, displayname="Netzwart")
    bot = Bot(folder, _settings(homeserver, account, folder, database_url, mark))
    secret = folder / "password"
    secret.touch(mode=0o600)
    secret.write_text(f"{account.password}\n", "utf-8")
    if filled:
        await fill(database_url)
    names = list(dict.fromkeys(name for people in PEOPLE.values() for name in people))
    async with AsyncExitStack() as opened:
        net = Net(homeserver, bot, account, mark, {}, encrypted=encrypted, _opened=opened)
        await asyncio.gather(*(net.more(name) for name in [*names, "xaver"]))
        await asyncio.gather(*(_make_room(net, key) for key in PEOPLE))
        if furnish is not None:
            await furnish(net)
        await asyncio.gather(*(net[PEOPLE[key][0]].invite(net.rooms[key], net.user_id) for key in PEOPLE if key not in absent))
        try:
            yield net
        finally:
            await bot.kill()


async def _make_room(net: Net, key: str) -> None:
    maker, *others = (net[name] for name in PEOPLE[key])
    invited = [other.user_id for other in others]
    net.rooms[key] = await maker.create_room(NAMES[key], alias=alias_name(key, net.mark), invite=invited, encrypted=net.encrypted)
    await asyncio.gather(*(other.join(net.rooms[key]) for other in others))


async def fill(database_url: str) -> None:
    """Make the tables and put the example network in, as `migrate` and `import` do."""
    database = connect(database_url)
    await migrate(database)
    async with database.begin() as session:
        await networks.replace(session, example_network())
    await database.close()


def _settings(homeserver: Homeserver, account: Account, folder: Path, database_url: str, mark: str) -> dict[str, Json]:
    def alias(key: str) -> str:
        return f"#{alias_name(key, mark)}:{homeserver.server_name}"

    return {
        "matrix": {
            "homeserver": homeserver.url,
            "user_id": account.user_id,
            "password_file": str(folder / "password"),
            "state_dir": str(folder / "state"),
            "identity_file": str(folder / "identity.json"),
            "identity_key_file": str(folder / "identity.key"),
        },
        "database": {"url": database_url},
        "network": {
            "name": "Regionale Labore",
            "coordination_room": alias(COORDINATION),
            "network_room": alias(NETWORK),
            "research_room": alias(RESEARCH),
        },
        "network.lab_rooms": {key.removeprefix("lab:"): alias(key) for key in LABS},
        "web": {"listen": "127.0.0.1:0"},
        "log": {"level": "info", "format": "json"},
    }


def free_port() -> int:
    """Return a port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def send_raw(person: Person, room: str, content: Mapping[str, object], kind: str = "m.room.message") -> str | None:
    """Send an event with any content at all; return its id, or None if the homeserver does not take it."""
    with suppress(Refused, Unreachable):
        return await person.send(room, kind, content)
    return None
