"""A homeserver in memory: rooms, transaction ids that it remembers for a day, and everything that can go wrong with a send."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from itertools import count
from typing import Any

from bot.errors import ChatRefused, ChatUnavailable, Forbidden, HomeserverAway, NeverAccepted, SlowDown
from bot.rendering.content import KEY_FIELD

DAY = timedelta(days=1).total_seconds()


class Trouble(Enum):
    """What becomes of one call: the error, and whether the homeserver acted all the same."""

    REFUSED = (ChatRefused("not found"), False)
    FORBIDDEN = (Forbidden("not now"), False)
    NEVER = (NeverAccepted("cannot be related"), False)
    AWAY = (HomeserverAway("connection refused"), False)
    BROKEN = (ChatUnavailable("HTTP 500"), False)
    SLOW_DOWN = (SlowDown("too many requests", 40), False)
    TIMED_OUT = (HomeserverAway("HTTP 504"), True)
    ANSWER_LOST = (ChatUnavailable("connection reset"), True)

    @property
    def error(self) -> ChatUnavailable:
        """The error that our side sees."""
        return self.value[0]

    @property
    def acts(self) -> bool:
        """Whether it is done all the same."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Event:
    """An event in a room. `device`, `transaction`: by which of our devices it was sent, and under which id; `at`: when, in seconds."""

    event_id: str
    room_id: str
    sender: str
    type: str
    content: Mapping[str, Any]
    device: str | None
    transaction: str | None
    at: float

    @property
    def key(self) -> str | None:
        """The key of the delivery that it is, if it is ours."""
        return self.content.get(KEY_FIELD)

    @property
    def words(self) -> str:
        """What it says, or the symbol of a reaction."""
        return str(self.content.get("body") or self.content["m.relates_to"]["key"])

    def source(self) -> dict[str, Any]:
        """Return it as it comes with a sync."""
        return {"event_id": self.event_id, "sender": self.sender, "type": self.type, "content": dict(self.content)}


@dataclass
class Homeserver:
    """`now`: seconds on its own clock, which only runs forward; `stream`: all events in the order in which they came."""

    now: float = 0.0
    stream: list[Event] = field(default_factory=list[Event])
    troubles: deque[Trouble] = field(default_factory=deque[Trouble])
    """What the next calls meet."""
    powerless: set[str] = field(default_factory=set[str])
    left: set[str] = field(default_factory=set[str])
    _sent: dict[tuple[str, str, str], Event] = field(default_factory=dict[tuple[str, str, str], Event])
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def timeline(self, room_id: str) -> list[Event]:
        """Return the events of a room, oldest first."""
        return [event for event in self.stream if event.room_id == room_id]

    def next_trouble(self, room_id: str, *, sends: bool) -> Trouble | None:
        """Return what the call that is made now meets. Raises `ChatRefused` where we may not be, or not speak.

        Whoever does not send but looks is not told that something will never be accepted.
        """
        if room_id in self.left:
            raise ChatRefused("we are not in this room")
        if room_id in self.powerless and sends:
            raise Forbidden("you may not")
        if not self.troubles or (self.troubles[0] is Trouble.NEVER and not sends):
            return None
        return self.troubles.popleft()

    def new_id(self) -> str:
        """Return an event id that there has never been."""
        return f"$e{next(self._numbers)}"

    def say(self, sender: str, room_id: str, event_type: str, content: Mapping[str, Any]) -> Event:
        """Let a person say something."""
        return self.add(Event(self.new_id(), room_id, sender, event_type, content, None, None, self.now))

    def remembered(self, device: str, room_id: str, transaction: str) -> Event | None:
        """Return what a device has sent under this transaction id; after a day that is forgotten."""
        event = self._sent.get((device, room_id, transaction))
        return event if event and self.now - event.at <= DAY else None

    def add(self, event: Event) -> Event:
        """Let an event stand in its room."""
        self.stream.append(event)
        if event.device is not None and event.transaction is not None:
            self._sent[event.device, event.room_id, event.transaction] = event
        return event
