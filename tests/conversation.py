"""Conversations with the bot: people say something in a room, and what the bot writes down comes back as plain values.

The dispatcher, the commands and the database are real. Replaced are the three seams: the rooms' members, the clock, and the chat, for
which `say` and `react` mark everything as sent under an event id of its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import sqlalchemy as sa

import commands
from bot.authorising import Authoriser
from bot.clock import FixedClock
from bot.command import Message, Reaction
from bot.db import attachments, deliveries, network
from bot.db.attachments import StoredFile
from bot.db.engine import Database
from bot.db.tables import deliveries as table
from bot.dispatcher import Dispatcher, Identity
from bot.domain.network import Network
from bot.errors import MembershipUnknown
from bot.limits import Limits
from bot.network_file import read_network
from bot.network_rooms import NetworkRooms
from bot.registry import Registry, find_commands

BOT = "@netzwart:example.org"
ZONE = ZoneInfo("Europe/Berlin")
MORNING = datetime(2020, 10, 12, 9, 0, tzinfo=ZONE)
"""A Monday in phase 1, 18 days before the first reports are due."""

EXAMPLE = Path(__file__).parent.parent / "examples" / "regogl.toml"


@cache
def example_network() -> Network:
    """Return the network of the example file."""
    return read_network(EXAMPLE.read_text("utf-8"))


@cache
def registry() -> Registry:
    """Return all commands."""
    return find_commands(commands)


class Said(NamedTuple):
    """What the bot says. `room`: a room's key, `direct` or `unknown`; `how`: `notice`, `text`, `reaction`, `image` or `file`."""

    room: str
    how: str
    words: str


class Written(NamedTuple):
    """A row of `deliveries`, as far as tests look at it."""

    id: int
    key: str
    room: str
    event_type: str
    content: dict[str, Any]


class Members:
    """The look-up of members. `rooms`: room id → user ids; `silent`: rooms about which the homeserver does not answer.

    `notifiers`: who may notify everybody in a room; `no_power_known`: it does not answer about that.
    """

    def __init__(self, rooms: dict[str, set[str]]) -> None:
        self.rooms = rooms
        self.silent: set[str] = set()
        self.open: set[str] = set()
        self.notifiers: set[str] = set()
        self.no_power_known = False

    async def joined(self, room_id: str) -> frozenset[str]:
        """Return who is joined."""
        if room_id in self.silent:
            raise MembershipUnknown(room_id, "no answer")
        return frozenset(self.rooms.get(room_id, ()))

    async def may_notify(self, room_id: str, user_id: str) -> bool:
        """Whether somebody may notify everybody in a room."""
        if self.no_power_known:
            raise MembershipUnknown(room_id, "no answer")
        return user_id in self.notifiers

    async def reached(self, room_id: str) -> frozenset[str]:
        """Whom a mention of the bot reaches."""
        joined = await self.joined(room_id)
        return joined | {"@room"} if await self.may_notify(room_id, BOT) else joined

    def is_open(self, room_id: str) -> bool:
        """Whether being in the room proves nothing."""
        return room_id in self.open


def user_id(person: str) -> str:
    """Return the user id of somebody by first name."""
    return f"@{person}:example.org"


def room_id(key: str) -> str:
    """Return the id of the room `key`."""
    return f"!{key.replace(':', '-')}:example.org"


class Conversation:
    """The bot among people. `rooms`: room key → first names of those in it.

    Besides the network's rooms there is a direct chat with everybody (`direct`), and a room of strangers (`unknown`). `written`: what
    was written down last, in full; `files`: what goes with it, by its key; `last_event`: the id of what was said or reacted last;
    `changes`: how often facts have changed; `posted`: room id and event id → content of what people may reply to.
    """

    def __init__(self, database: Database, rooms: Mapping[str, Iterable[str]], data: Network, limits: Limits | None = None) -> None:
        self.database = database
        self.clock = FixedClock(MORNING)
        self.members = Members({room_id(key): {BOT, *map(user_id, people)} for key, people in rooms.items()})
        self.network_rooms = _network_rooms(rooms, {lab.key: lab.name for lab in data.labs})
        self._events = count(1)
        self._shown = 0
        self.last_event = ""
        self.changes = 0
        self.posted: dict[tuple[str, str], dict[str, Any]] = {}
        self.written: list[Written] = []
        self.files: dict[str, StoredFile] = {}
        self.dispatcher = Dispatcher(
            database=database,
            registry=registry(),
            authoriser=Authoriser(self.members, self.network_rooms, BOT),
            network_rooms=self.network_rooms,
            identity=Identity(BOT, ("!netz", "!nw"), ("Netzwart", "netzwart", "netzwart:example.org")),
            clock=self.clock,
            zone=ZONE,
            language="de",
            limits=Limits(1_000_000, 1) if limits is None else limits,
            stale_after=timedelta(days=1),
            written=lambda: None,
            changed=self._note_change,
            content_of=self._content_of,
        )

    @classmethod
    async def begin(
        cls, database: Database, rooms: Mapping[str, Iterable[str]], data: Network | None = None, *, limits: Limits | None = None
    ) -> "Conversation":
        """Begin with a network (that of the example, unless another is given) in the database; without limits, unless some are given."""
        data = data or example_network()
        async with database.begin() as session:
            await network.replace(session, data)
        return cls(database, rooms, data, limits)

    async def _content_of(self, room_id: str, event_id: str) -> Mapping[str, Any] | None:
        return self.posted.get((room_id, event_id))

    def _note_change(self) -> None:
        self.changes += 1

    async def say(self, person: str, place: str, body: str, **more: Any) -> list[Said]:
        """Let somebody say something; return what the bot says to it. `more`: further fields of the `Message`."""
        await self.hear(person, place, body, **more)
        return await self.what_was_said()

    async def hear(self, person: str, place: str, body: str, **more: Any) -> None:
        """Let somebody say something; what the bot says to it comes with `what_was_said`."""
        self.last_event = event = f"$said{next(self._events)}"
        await self.dispatcher.handle(replace(Message(event, self._room(person, place), user_id(person), body), **more))

    async def react(self, person: str, place: str, key: str, symbol: str) -> list[Said]:
        """Let somebody react to what the bot said under `key`; return what the bot says to that."""
        await self.click(person, place, key, symbol)
        return await self.what_was_said()

    async def click(self, person: str, place: str, key: str, symbol: str) -> None:
        """Let somebody react; what the bot says to it comes with `what_was_said`."""
        async with self.database.begin() as session:
            target = await deliveries.event_of(session, key)
        assert target is not None, f"nothing was said under {key}"
        self.last_event = f"$said{next(self._events)}"
        reaction = Reaction(self.last_event, self._room(person, place), user_id(person), target, symbol)
        await self.dispatcher.handle_reaction(reaction)

    async def again(self, person: str, place: str, body: str) -> list[Said]:
        """Let the event that was handled last come a second time."""
        await self.dispatcher.handle(Message(self.last_event, self._room(person, place), user_id(person), body))
        return await self.what_was_said()

    def _room(self, person: str, place: str) -> str:
        if place == "direct":
            room = f"!direct-{person}:example.org"
            self.members.rooms.setdefault(room, {BOT, user_id(person)})
            return room
        if place == "unknown":
            self.members.rooms.setdefault(room_id("unknown"), {BOT, user_id(person), user_id("somebody")})
        return room_id(place)

    async def what_was_said(self) -> list[Said]:
        """Return what is written down since the last time, and mark it as sent."""
        async with self.database.begin() as session:
            columns = (table.c.id, table.c.key, table.c.room, table.c.event_type, table.c.content)
            waiting = sa.and_(table.c.id > self._shown, table.c.done_at.is_(None))
            found = await session.execute(sa.select(*columns).where(waiting).order_by(table.c.id))
            self.written = [Written(*row) for row in found]
            stored = {row.key: await attachments.of(session, row.key) for row in self.written}
            self.files = {key: file for key, file in stored.items() if file is not None}
            for row in self.written:
                await deliveries.mark_sent(session, row.id, f"$bot{row.id}", self.clock.now())
        self._shown = max((row.id for row in self.written), default=self._shown)
        return [_said(row) for row in self.written]


def _said(row: Written) -> Said:
    if row.event_type == "m.reaction":
        return Said(_place(row.room), "reaction", row.content["m.relates_to"]["key"])
    return Said(_place(row.room), row.content["msgtype"].removeprefix("m."), row.content["body"])


def _place(room: str) -> str:
    if not room.startswith("!"):
        return room
    return "direct" if room.startswith("!direct-") else "unknown"


def _network_rooms(keys: Iterable[str], labs: Mapping[str, str]) -> NetworkRooms:
    names = {"coordination": "Koordination", "network": "Netzwerk", "research": "Forschung"}
    names |= {f"lab:{key}": f"Labor {name}" for key, name in labs.items()}
    found = NetworkRooms({key: room_id(key) for key in keys})
    for key in found.keys():
        found.set_room_id(key, room_id(key))
        found.set_name(room_id(key), names[key])
    return found


def notice(room: str, *lines: str) -> Said:
    """Return an answer in a room."""
    return Said(room, "notice", "\n".join(lines))
