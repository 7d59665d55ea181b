"""A homeserver's rooms in memory, as far as `bot.matrix.room_looks` asks about them: for what a real one would hardly do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import unquote

from bot.clock import FixedClock
from bot.db import deliveries, rooms
from bot.db.engine import Database
from bot.errors import ChatRefused, ChatUnavailable, Forbidden
from bot.matrix.journal import Entry
from bot.matrix.room_changes import RoomChanges
from bot.matrix.room_looks import RoomLooks
from bot.network_rooms import NetworkRooms
from bot.notices import Notices
from bot.room_moves import RoomMoves
from bot.room_pins import RoomPins
from bot.room_states import RoomStates
from tests.conversation import BOT, MORNING

Json = dict[str, Any]


@dataclass
class Room:
    """A room. `lets_us_in`: the bot is invited, or may come in by itself; `ever`: who has been in it beside the members."""

    predecessor: str | None = None
    lets_us_in: bool = True
    join_rule: str = "invite"
    history: str = "shared"
    encrypted: bool = False
    levels: Json = field(default_factory=dict[str, Any])
    replacement: str | None = None
    members: set[str] = field(default_factory=set[str])
    ever: set[str] = field(default_factory=set[str])

    def state(self, kind: str) -> Json | None:
        """Return the content of a state event."""
        return {
            "m.room.create": {"room_version": "11"} | ({"predecessor": {"room_id": self.predecessor}} if self.predecessor else {}),
            "m.room.join_rules": {"join_rule": self.join_rule},
            "m.room.history_visibility": {"history_visibility": self.history},
            "m.room.encryption": {"algorithm": "m.megolm.v1.aes-sha2"} if self.encrypted else None,
            "m.room.power_levels": self.levels,
            "m.room.tombstone": {"replacement_room": self.replacement} if self.replacement else None,
        }[kind]


class Homeserver:
    """The rooms, by id, and the aliases. `rooms`, seen as a client's: those that we are in. `away`: it does not answer."""

    def __init__(self) -> None:
        self.all: dict[str, Room] = {}
        self.aliases: dict[str, str] = {}
        self.rooms: dict[str, object] = {}
        self.user_id = BOT
        self.away = False

    def add(self, room_id: str, *, joined: bool = False, **room: Any) -> Room:
        """Make a room."""
        made = self.all[room_id] = Room(**room)
        if joined:
            self.rooms[room_id] = object()
            made.members.add(BOT)
        return made

    async def call(self, _method: str, path: str, _body: Mapping[str, object] | None = None, *, seconds: float = 30) -> Json:
        """Answer as a homeserver does."""
        del seconds
        if self.away:
            raise ChatUnavailable("away")
        path, _, query = path.partition("?")
        match [unquote(part) for part in path.strip("/").split("/")]:
            case ["joined_rooms"]:
                return {"joined_rooms": [room_id for room_id, room in self.all.items() if BOT in room.members]}
            case ["directory", "room", alias]:
                if alias not in self.aliases:
                    raise ChatRefused("M_NOT_FOUND")
                return {"room_id": self.aliases[alias]}
            case ["rooms", room_id, "members"]:
                people = self._inside(room_id).members if query else self._inside(room_id).members | self._inside(room_id).ever
                return {"chunk": [{"state_key": person} for person in people]}
            case ["rooms", room_id, "state", kind]:
                known = self.all.get(room_id)
                room = (
                    known if known and BOT in known.ever else self._inside(room_id)
                )  # Synapse shows it to those who were in there
                content = room.state(kind)
                if content is None:
                    raise ChatRefused("M_NOT_FOUND")
                return content
            case other:
                raise AssertionError(other)

    def _inside(self, room_id: str) -> Room:
        room = self.all.get(room_id)
        if room is None or BOT not in room.members:
            raise Forbidden("M_FORBIDDEN")
        return room

    async def state_of(self, room_id: str, kind: str) -> Json:
        """Return the content of a state event; empty if there is none."""
        try:
            return await self.call("GET", f"/rooms/{room_id}/state/{kind}/")
        except ChatRefused:
            return {}

    async def is_open(self, room_id: str) -> bool:
        """Whether anybody can come in or read along."""
        room = self._inside(room_id)
        return room.join_rule in {"public", "knock"} or room.history == "world_readable"

    async def enter(self, room_id: str) -> None:
        """Come in, if we may. The next sync tells of it, which is now."""
        if self.away:
            raise ChatUnavailable("away")
        room = self.all.get(room_id)
        if room is None or not (room.lets_us_in or room.join_rule == "public"):
            raise Forbidden("M_FORBIDDEN")
        room.members.add(BOT)
        self.rooms[room_id] = object()

    async def leave(self, room_id: str, _reason: str) -> None:
        """Leave a room, or decline an invite."""
        self.all[room_id].members.discard(BOT)
        self.rooms.pop(room_id, None)


class Rooms:
    """What the journal knows of the rooms that we are in."""

    def __init__(self, homeserver: Homeserver) -> None:
        self._homeserver = homeserver

    def rooms(self) -> set[str]:
        """Return those that a sync has told of."""
        return set(self._homeserver.rooms)


class Device:
    """One device of the bot, without its syncs and sends. `configured`: key → alias or room id; `clock` may be set.

    `again`: the rooms for which what waits was tried again; `lost`: those that were written down as lost.
    """

    def __init__(self, database: Database, homeserver: Homeserver, configured: Mapping[str, str]) -> None:
        client: Any = homeserver
        self.database = database
        self.clock = FixedClock(MORNING)
        self.rooms = NetworkRooms(configured)
        self.changes = RoomChanges(BOT)
        self.again: list[set[str]] = []
        self.lost: list[str] = []
        encrypted = lambda: [room_id for room_id, room in homeserver.all.items() if room.encrypted]  # noqa: E731  (short)
        self.looks = RoomLooks(client, cast("Any", Rooms(homeserver)), self.changes, encrypted)
        self.notices = Notices(database=database, network_rooms=self.rooms, clock=self.clock, language="de", written=lambda: None)
        self.pins = RoomPins(database=database, network_rooms=self.rooms, clock=self.clock, find=self._find, moved=self._try_again)
        self._homeserver = homeserver
        for room_id in homeserver.rooms:
            self.changes.joined(room_id, [])
        self.moves = RoomMoves(
            database=database,
            network_rooms=self.rooms,
            clock=self.clock,
            looks=self.looks,
            changes=self.changes,
            notices=self.notices,
            take_pins=self.pins.take,
            changed=lambda: None,
        )
        self.states = RoomStates(
            network_rooms=self.rooms,
            looks=self.looks,
            changes=self.changes,
            notices=self.notices,
            try_again=self._try_again,
            lose=self.lost.append,
        )

    async def settle(self) -> None:
        """Look at everything, as the bot does from time to time."""
        await self.pins.settle()
        await self.moves.settle()
        await self.states.settle()

    def told(self, room_id: str, kind: str, content: Json, sender: str = "@karla:x") -> None:
        """A sync tells of a state event."""
        event = {"type": kind, "state_key": "", "content": content, "sender": sender, "event_id": f"${kind}:{content}"}
        self.changes.joined(room_id, [event])

    def replaced(self, old: str, new: str) -> None:
        """A sync tells of a tombstone."""
        self.told(old, "m.room.tombstone", {"replacement_room": new})

    async def left(self, room_id: str, how: str, event_id: str = "$left", *, was_in: bool = True) -> None:
        """A sync tells that we are out of a room."""
        source = {"how": how, "by": "@karla:x", "event_id": event_id, "was_in": was_in}
        await self.states.handle_left(Entry(1, f"left:{room_id}", room_id, "left", source))

    async def _find(self, keys: Any) -> dict[str, str]:
        found = {key: self.rooms.configured(key) for key in keys}
        return {key: self._homeserver.aliases.get(room, room) for key, room in found.items()}

    async def _try_again(self, room_ids: Any) -> None:
        self.again.append(set(room_ids))


async def said(database: Database) -> list[tuple[str, str]]:
    """Return everything that is written down to be said, by room, in its order; of reactions, the symbol."""
    async with database.begin() as session:
        rows = [row for row in await deliveries.with_prefix(session, "") if row.outcome != deliveries.DROPPED]
    bodies = [row.content.get("body") or row.content["m.relates_to"]["key"] for row in rows]
    return [(row.room, body) for row, body in zip(rows, bodies, strict=True)]


async def pinned(database: Database) -> dict[str, str]:
    """Return which room is written down for each key."""
    async with database.begin() as session:
        return {key: room_id for key, (_, room_id) in (await rooms.pinned(session)).items()}
