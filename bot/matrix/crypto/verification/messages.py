"""What is read and said: to-device messages and events in a room, one like the other.

In a room a verification is known by the event that asked for it, and what follows refers to that event; between devices it has a
`transaction_id` (Client-Server API v1.18, "Key verification framework"). Everything that arrives may be wrong or hostile.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard, cast

from bot.matrix.crypto.verification.reasons import MALFORMED, Stopped

SAS = "m.sas.v1"
REQUEST, READY, START, ACCEPT, KEY, MAC, DONE, CANCEL = "request", "ready", "start", "accept", "key", "mac", "done", "cancel"
ALL_DEVICES = "*"
_PREFIX = "m.key.verification."
_KINDS = (REQUEST, READY, START, ACCEPT, KEY, MAC, DONE, CANCEL)
_LONGEST = 1000
_MOST_WORDS = 100


@dataclass(frozen=True, slots=True)
class Incoming:
    """An event as it came, decrypted if it was encrypted. Without a `room_id` it was sent to this device.

    `origin_server_ts`: milliseconds since 1970. The content of an event in a room has its `m.relates_to`, also if only the
    encrypted event around it had one.
    """

    sender: object
    type: object
    content: object
    room_id: object = None
    event_id: object = None
    origin_server_ts: object = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to send: into `room_id`, or to `device_id` of `user_id` (`*`: all devices), there without encryption as others do."""

    user_id: str
    device_id: str | None
    room_id: str | None
    type: str
    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Channel:
    """Where a verification takes place and with which device. `transaction_id` is in a room the id of the event that asked for it."""

    user_id: str
    device_id: str
    room_id: str | None
    transaction_id: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what no two verifications share, whatever ids people invent."""
        return _key(self.room_id, self.user_id, self.transaction_id)

    def placed(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """Return a content that says which verification it belongs to."""
        if self.room_id is None:
            return {**content, "transaction_id": self.transaction_id}
        return {**content, "m.relates_to": {"rel_type": "m.reference", "event_id": self.transaction_id}}

    def say(self, kind: str, content: Mapping[str, Any]) -> Outgoing:
        """Return a message of this verification, e.g. of kind `ready`."""
        device = self.device_id if self.room_id is None else None
        return Outgoing(self.user_id, device, self.room_id, f"{_PREFIX}{kind}", self.placed(content))


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a verification. Its content may still be anything. `sent_at`: milliseconds since 1970, as far as it says so."""

    sender: str
    kind: str
    content: Mapping[str, Any]
    room_id: str | None
    transaction_id: str
    event_id: str | None
    sent_at: object

    @property
    def key(self) -> tuple[str, str, str]:
        """Return the key of the `Channel` it belongs to."""
        return _key(self.room_id, self.sender, self.transaction_id)

    @property
    def channel(self) -> Channel:
        """Return where to answer: to the device that it says it is from, else to all of the sender's."""
        device: object = self.content.get("from_device")
        return Channel(self.sender, device if is_word(device) else ALL_DEVICES, self.room_id, self.transaction_id)


def _key(room_id: str | None, user_id: str, transaction_id: str) -> tuple[str, str, str]:
    return ("to-device", user_id, transaction_id) if room_id is None else ("room", room_id, transaction_id)


def read(event: Incoming, own_user_id: str) -> Message | None:
    """Return the verification message that an event is; None for everything else, and for what cannot be answered."""
    if not (is_word(event.sender) and is_word(event.type) and isinstance(event.content, dict)):
        return None
    content = cast("dict[str, Any]", event.content)
    if event.room_id is None:
        return _to_device(event.sender, event.type, content)
    if not (is_word(event.room_id) and is_word(event.event_id)):
        return None
    if event.type == "m.room.message":
        asks_us = content.get("msgtype") == f"{_PREFIX}{REQUEST}" and content.get("to") == own_user_id
        kind, about = REQUEST if asks_us else None, event.event_id
    else:
        kind, about = _kind(event.type), _reference(content)
    if kind is None or about is None or (kind == REQUEST) != (event.type == "m.room.message"):
        return None
    return Message(event.sender, kind, content, event.room_id, about, event.event_id, event.origin_server_ts)


def _to_device(sender: str, kind: str, content: Mapping[str, Any]) -> Message | None:
    known, transaction_id = _kind(kind), content.get("transaction_id")
    if known is None or not is_word(transaction_id):
        return None
    return Message(sender, known, content, None, transaction_id, None, content.get("timestamp"))


def _kind(event_type: str) -> str | None:
    kind = event_type.removeprefix(_PREFIX)
    return kind if event_type.startswith(_PREFIX) and kind in _KINDS else None


def _reference(content: Mapping[str, Any]) -> str | None:
    relation: object = content.get("m.relates_to")
    if not isinstance(relation, dict):
        return None
    relation = cast("dict[str, Any]", relation)
    event_id: object = relation.get("event_id")
    return event_id if relation.get("rel_type") == "m.reference" and is_word(event_id) else None


def is_word(value: object) -> TypeGuard[str]:
    """Whether it is a text that can stand in a log and on a terminal: not empty, not long, nothing but printable characters."""
    return isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isprintable()


def word(content: Mapping[str, Any], name: str) -> str:
    """Return a text of a content. Raises `Stopped` if it is none."""
    value: object = content.get(name)
    if not is_word(value):
        raise Stopped(MALFORMED)
    return value


def words(content: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return a list of texts of a content. Raises `Stopped` if it is none."""
    value: object = content.get(name)
    if not isinstance(value, list) or len(cast("list[object]", value)) > _MOST_WORDS:
        raise Stopped(MALFORMED)
    given = [each for each in cast("list[object]", value) if is_word(each)]
    if len(given) < len(cast("list[object]", value)):
        raise Stopped(MALFORMED)
    return tuple(given)


def table(content: Mapping[str, Any], name: str) -> dict[str, str]:
    """Return an object of texts of a content. Raises `Stopped` if it is none."""
    value: object = content.get(name)
    if not isinstance(value, dict) or len(cast("dict[str, object]", value)) > _MOST_WORDS:
        raise Stopped(MALFORMED)
    given = {key: each for key, each in cast("dict[str, object]", value).items() if is_word(key) and is_word(each)}
    if len(given) < len(cast("dict[str, object]", value)):
        raise Stopped(MALFORMED)
    return given
