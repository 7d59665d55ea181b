"""What syncs say that changes where we are and what we may do there: rooms are replaced, we are thrown out, lose power, are not heard.

Kept in memory only. After a restart, the first sync tells the whole state again; that we had to leave a room, it does not, and that goes
into the journal.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.errors import Forbidden
from bot.matrix.client import GuardedClient
from bot.matrix.crypto.encryption import Encryption
from bot.matrix.crypto.values import object_of, strings_of
from bot.matrix.events import own_join
from bot.matrix.sender import RoomSender

BANNED, KICKED, GONE = "banned", "kicked", "gone"
"""How we came out of a room. `GONE`: nobody says; an administrator may have deleted it."""

_OF_INTEREST = {"m.room.power_levels", "m.room.create", "m.room.tombstone"}
_CREATOR_IS_ONE_OF_MANY = {str(number) for number in range(1, 12)}
"""Versions of rooms in which a creator has no power but what the power levels say (Client-Server API v1.16, room version 12)."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """What a room's tombstone says: which room takes its place, and who said so."""

    room_id: str
    by: str


class RoomChanges:
    """Learns from each sync, and from each send; `user_id` is ours.

    `news` is set when a sync has brought something to look at; `wake`, which may be replaced, is called when a send has.
    """

    def __init__(self, user_id: str) -> None:
        self._user_id = user_id
        self.wake: Callable[[], None] = lambda: None
        self._levels: dict[str, tuple[str, Mapping[str, Any]]] = {}  # by room: the event's id, and what of it concerns us
        self._created: set[str] = set()  # rooms where we can do anything, because we have made them
        self._known: set[str] = set()
        self._entered: set[str] = set()
        self._refused: set[str] = set()
        self._heard: set[str] = set()
        self._replacements: dict[str, Replacement] = {}
        self._followed: dict[str, str] = {}
        self.news = False

    def joined(self, room_id: str, state: Sequence[Mapping[str, Any]], timeline: Sequence[Mapping[str, Any]] = ()) -> None:
        """Take in what a sync says about a room that we are in. Our membership is in the state of many a sync, and no news there."""
        if room_id not in self._known or own_join(timeline, self._user_id) is not None:
            self._known.add(room_id)
            self._entered.add(room_id)
            self.news = True
        for event in (*state, *timeline):
            if event.get("type") in _OF_INTEREST and event.get("state_key") == "":
                self._learn(room_id, str(event["type"]), event)
                self.news = True

    def left(self, room_id: str) -> None:
        """Forget a room that we are not in any more."""
        for known in (self._levels, self._replacements, self._followed):
            known.pop(room_id, None)
        self._followed = {old: new for old, new in self._followed.items() if new != room_id}
        for rooms in (self._known, self._created, self._entered, self._refused, self._heard):
            rooms.discard(room_id)
        self.news = True

    def _learn(self, room_id: str, kind: str, event: Mapping[str, Any]) -> None:
        content = object_of(event.get("content"))
        if kind == "m.room.power_levels":
            self._levels[room_id] = (str(event.get("event_id")), _of_concern(content, self._user_id))
            self._entered.add(room_id)
            self._refused.discard(room_id)  # that was before
        elif kind == "m.room.create":
            if self._user_id in creators_with_power(event):
                self._created.add(room_id)
        else:
            replacement = content.get("replacement_room")
            self._replacements.pop(room_id, None)
            if isinstance(replacement, str) and replacement.startswith("!") and replacement != room_id:
                self._replacements[room_id] = Replacement(replacement, str(event.get("sender")))

    # What was said of sends

    def refused(self, room_id: str) -> None:
        """The homeserver did not let us say something in a room."""
        is_news = room_id not in self._refused
        self._refused.add(room_id)
        self._heard.discard(room_id)
        if is_news:
            self.wake()

    def heard(self, room_id: str) -> None:
        """What we said stands in a room."""
        is_news = room_id in self._refused
        self._refused.discard(room_id)
        self._heard.add(room_id)
        if is_news:
            self.wake()

    # Direct chats that were replaced

    def follow(self, old: str, new: str) -> None:
        """What is to be said in a room is to be said in another from now on."""
        self._followed[old] = new

    def is_followed(self, old: str, new: str) -> bool:
        """Whether what is to be said in the one room is to be said in the other."""
        return self._followed.get(old) == new

    def now(self, room_id: str) -> str:
        """Return where what is to be said in a room is to be said now."""
        return self._followed.get(room_id, room_id)

    def same_as(self, room_id: str) -> list[str]:
        """Return the rooms where it may stand what was to be said in one: before or after it was replaced."""
        now = self.now(room_id)
        return list(dict.fromkeys([room_id, now, *(old for old, new in self._replacements.items() if new.room_id == now)]))

    # What is known

    def replacements(self) -> dict[str, Replacement]:
        """Return what takes the place of rooms that we are in, by the room that is replaced."""
        return dict(self._replacements)

    def may_speak(self, room_id: str, *, encrypted: bool) -> bool:
        """Whether we have the power to say something, as far as the syncs tell."""
        return self.have_power(room_id, self._levels.get(room_id, ("", {}))[1], encrypted=encrypted)

    def have_power(self, room_id: str, levels: Mapping[str, Any], *, encrypted: bool) -> bool:
        """Whether we have the power to say something in a room with these power levels."""
        return room_id in self._created or _may_speak(levels, self._user_id, encrypted=encrypted)

    def levels_event(self, room_id: str) -> str:
        """Return the id of the event that gave a room the power levels that it has; empty if nobody has."""
        return self._levels.get(room_id, ("", {}))[0]

    def is_refused(self, room_id: str) -> bool:
        """Whether the homeserver has refused what we said last."""
        return room_id in self._refused

    def is_heard(self, room_id: str) -> bool:
        """Whether what we said last in a room stands there."""
        return room_id in self._heard

    def take_entered(self) -> set[str]:
        """Return the rooms, since the last time, that we have come into, or where we may have got power."""
        entered, self._entered = self._entered, set()
        return entered

    def take_news(self) -> bool:
        """Return whether there is something to look at, since the last time."""
        news, self.news = self.news, False
        return news


def creators_with_power(created: Mapping[str, Any]) -> frozenset[str]:
    """Return who has all power in a room because they made it (its `m.room.create` event); nobody, in versions before 12."""
    content = object_of(created.get("content"))
    if str(content.get("room_version", "1")) in _CREATOR_IS_ONE_OF_MANY:
        return frozenset()
    return frozenset((str(created.get("sender")), *strings_of(content.get("additional_creators"))))


def departure(events: Sequence[Mapping[str, Any]], user_id: str, *, was_in: bool) -> dict[str, object]:
    """Return what is to be written down of how we came out of a room. `events`: what the sync says of it; `was_in`: we were joined."""
    ours = [event for event in events if event.get("type") == "m.room.member" and event.get("state_key") == user_id]
    if not ours:
        return {"how": GONE, "by": "", "event_id": "", "was_in": was_in}
    membership = object_of(ours[-1].get("content")).get("membership")
    by = str(ours[-1].get("sender"))
    how = BANNED if membership == "ban" else KICKED if by != user_id else GONE
    return {"how": how, "by": by, "event_id": str(ours[-1].get("event_id", "")), "was_in": was_in}


def _of_concern(levels: Mapping[str, Any], user_id: str) -> dict[str, Any]:
    """Return the part of power levels that says whether we may speak: a room can have thousands of people in it."""
    users, events = object_of(levels.get("users")), object_of(levels.get("events"))
    return {
        "users": {user_id: users[user_id]} if user_id in users else {},
        "events": {kind: events[kind] for kind in ("m.room.message", "m.room.encrypted") if kind in events},
        **{name: levels[name] for name in ("users_default", "events_default") if name in levels},
    }


def _may_speak(levels: Mapping[str, Any], user_id: str, *, encrypted: bool) -> bool:
    ours = _level(object_of(levels.get("users")).get(user_id), _level(levels.get("users_default"), 0))
    kind = "m.room.encrypted" if encrypted else "m.room.message"
    return ours >= _level(object_of(levels.get("events")).get(kind), _level(levels.get("events_default"), 0))


def _level(value: object, default: int) -> int:
    """Return a power level. Old rooms may write it as a string."""
    try:
        return int(value) if isinstance(value, int | str) else default
    except ValueError:
        return default


class HeardSender(RoomSender):
    """The sender, which also notes where the homeserver does not let us say anything, and follows chats that were replaced."""

    def __init__(self, client: GuardedClient, encryption: Encryption, changes: RoomChanges) -> None:
        super().__init__(client, encryption)
        self._changes = changes

    async def send(
        self,
        room_id: str,
        event_type: str,
        content: Mapping[str, object],
        transaction_id: str,
        still_ours: Callable[[], Awaitable[bool]],
    ) -> str | None:
        """Send as `RoomSender` does. What becomes of a reaction says nothing about the rest: it may need a power of its own."""
        room_id = self._changes.now(room_id)
        try:
            event_id = await super().send(room_id, event_type, content, transaction_id, still_ours)
        except Forbidden:
            if event_type != "m.reaction":
                self._changes.refused(room_id)
            raise
        if event_id is not None and event_type != "m.reaction":
            self._changes.heard(room_id)
        return event_id

    async def upload(self, room_id: str, name: str, mimetype: str, data: bytes) -> dict[str, object]:
        """Upload as `RoomSender` does."""
        return await super().upload(self._changes.now(room_id), name, mimetype, data)

    async def find(self, room_id: str, key: str, transaction_id: str, not_before: datetime) -> str | None:
        """Look as `RoomSender` does; in the room that this one has replaced, or that has replaced it, too."""
        for each in self._changes.same_as(room_id):
            if found := await super().find(each, key, transaction_id, not_before):
                return found
        return None
