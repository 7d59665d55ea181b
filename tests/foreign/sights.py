"""What a foreign client shows its person: events with the warning beside them, and how a verification stands."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, TypeAlias, cast

Json: TypeAlias = dict[str, Any]

ENCRYPTED = "m.room.encrypted"
NO_SHIELD = "none"
FINAL = ("done", "cancelled")


@dataclass(frozen=True, slots=True)
class Sight:
    """An event as the client sees it at this moment.

    `type` and `content` are the clear ones. `wire_type` and `wire` are what the homeserver has. `failure` is the sdk's
    `DecryptionFailureCode`; while there is one, `content` is empty. `shield` is the warning's colour: `none`, `grey`, `red`, or
    None where the client cannot say anything (not encrypted, not decrypted), and `shield_reason` the sdk's `EventShieldReason`.
    `sent`: milliseconds since 1970.
    """

    room_id: str
    event_id: str
    sender: str
    state_key: str | None
    sent: int
    type: str
    content: Json
    wire_type: str
    wire: Json
    failure: str | None
    shield: str | None
    shield_reason: str | None
    redacted: bool

    @classmethod
    def of(cls, line: Json) -> Self:
        """Return what a line of the client says."""
        return cls(**{name: line[name] for name in cls.__slots__})

    @property
    def encrypted(self) -> bool:
        """Whether the homeserver has it encrypted."""
        return self.wire_type == ENCRYPTED

    @property
    def unwarned(self) -> bool:
        """Whether it was encrypted, and is shown in clear and without any warning: all that a person wants of a message."""
        return self.encrypted and self.failure is None and self.shield == NO_SHIELD and self.type != ENCRYPTED

    @property
    def body(self) -> str:
        """The text of a message; empty for anything else."""
        return str(self.content.get("body", "")) if self.type == "m.room.message" else ""

    @property
    def msgtype(self) -> str:
        """`m.text`, `m.notice`, … of a message; empty for anything else."""
        return str(self.content.get("msgtype", ""))

    @property
    def relation(self) -> Json:
        """What `m.relates_to` says outside the encryption, where homeservers need it; empty if nothing."""
        found: object = self.wire.get("m.relates_to")
        return cast("Json", found) if isinstance(found, dict) else {}

    @property
    def replies_to(self) -> str | None:
        """The event id that a message replies to. The fallback that a message in a thread carries is none."""
        reply: object = self.relation.get("m.in_reply_to")
        if not isinstance(reply, dict) or self.relation.get("is_falling_back"):
            return None
        return str(cast("Json", reply).get("event_id"))

    @property
    def thread(self) -> str | None:
        """The event id of the root of the thread that a message is in."""
        return self._related_by("m.thread")

    @property
    def replaces(self) -> str | None:
        """The event id of the message that this one is an edit of."""
        return self._related_by("m.replace")

    @property
    def reaction(self) -> tuple[str, str] | None:
        """The event id that a reaction is about, and its emoji."""
        about = self._related_by("m.annotation")
        return None if about is None else (about, str(self.relation.get("key", "")))

    @property
    def raw(self) -> Json:
        """The event as the homeserver has it, to show to a client that did not get it."""
        return {
            "event_id": self.event_id,
            "room_id": self.room_id,
            "sender": self.sender,
            "origin_server_ts": self.sent,
            "type": self.wire_type,
            "content": self.wire,
        }

    def _related_by(self, kind: str) -> str | None:
        return str(self.relation.get("event_id")) if self.relation.get("rel_type") == kind else None


Predicate: TypeAlias = Callable[[Sight], bool]


def event(event_id: str) -> Predicate:
    """Return whether it is the event `event_id`, in whatever state."""
    return lambda sight: sight.event_id == event_id


def readable(event_id: str) -> Predicate:
    """Return whether it is the event `event_id`, in clear."""
    return lambda sight: sight.event_id == event_id and sight.type != ENCRYPTED


def failed(event_id: str) -> Predicate:
    """Return whether it is the event `event_id`, and the client has given it up for now."""
    return lambda sight: sight.event_id == event_id and sight.failure is not None


def message(
    *, room: str | None = None, sender: str | None = None, containing: str = "", answers: str | None = None, msgtype: str | None = None
) -> Predicate:  # fmt: skip
    """Return whether it is a message in clear, no edit, and all that is given holds; `answers`: the event id it replies to."""

    def fits(sight: Sight) -> bool:
        wanted = [(room, sight.room_id), (sender, sight.sender), (msgtype, sight.msgtype), (answers, sight.replies_to)]
        is_message = sight.type == "m.room.message" and sight.replaces is None
        return is_message and containing in sight.body and all(want in (None, have) for want, have in wanted)

    return fits


def reaction(to: str, key: str, *, sender: str) -> Predicate:
    """Return whether it is `sender`'s reaction `key` to the event `to`."""
    return lambda sight: sight.sender == sender and sight.reaction == (to, key)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a verification stands. `phase`: requested, ready, started, cancelled, done; `code`: why it was cancelled.

    `emoji`: the seven that are shown; `error`: what the sdk said when it gave up.
    """

    verification: str
    phase: str = ""
    user_id: str = ""
    device_id: str | None = None
    room_id: str | None = None
    initiated_by_me: bool = False
    chosen: str | None = None
    code: str | None = None
    cancelled_by: str | None = None
    emoji: tuple[str, ...] = ()
    error: str | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.phase in FINAL
