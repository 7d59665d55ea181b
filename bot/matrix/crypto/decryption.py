"""From an encrypted event to what was said, and by whose device.

nio takes a decrypted event for true without looking whether its key came from a device of the sender, remembers message indices only as
long as it runs, and lets any kind of event come out. Here: the session must belong to a device of the sender; an index is used for one
event, for ever; what was said must have been said in this room; and nothing but the kinds that the caller asked for comes out.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, cast

from bot.matrix.crypto.device_lists import Device, DeviceLists, is_key
from bot.matrix.crypto.guards import whatever_it_raises
from bot.matrix.crypto.store import Rows

ENCRYPTED = "m.room.encrypted"
MEGOLM = "m.megolm.v1.aes-sha2"


@dataclass(frozen=True, slots=True)
class Plain:
    """What was said: the event as it would have come without encryption. `device`: whose key it was said with."""

    source: dict[str, Any]
    device: Device


class Undecryptable(Exception):
    """It cannot be decrypted now. `session_id`: the key that is missing; `sender`: whose devices are to be asked for first, if any."""

    def __init__(self, reason: str, session_id: str, unknown_sender: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.session_id = session_id
        self.unknown_sender = unknown_sender


class Worthless(Exception):
    """It will never be worth anything: malformed, replayed, forged. `reason` is a word of ours or an exception."""

    def __init__(self, reason: BaseException | str) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Decryption(Rows):
    """Decrypts Megolm events with the keys that nio's machine has. `kinds`: what may come out; None: any kind of message."""

    schema = """
    CREATE TABLE IF NOT EXISTS crypto_heard (
        sender_key TEXT NOT NULL, session_id TEXT NOT NULL, message_index INTEGER NOT NULL, event_id TEXT NOT NULL,
        PRIMARY KEY (sender_key, session_id, message_index)
    ) WITHOUT ROWID
    """

    def __init__(self, database: object, olm: Any, devices: DeviceLists, kinds: Collection[str] | None) -> None:
        super().__init__(database)
        self._olm = olm
        self._devices = devices
        self._kinds = kinds if kinds is None else frozenset(kinds)

    def decrypt(self, source: Mapping[str, Any], room_id: str) -> Plain:
        """Return what an `m.room.encrypted` event says. Raises `Undecryptable` and `Worthless`."""
        content: Any = source.get("content")
        ciphertext, session_id, sender, event_id = _parts(content, source)
        session = self._session(room_id, session_id, sender)
        failures: list[BaseException] = []
        found: list[tuple[str, int]] = []
        with whatever_it_raises(failures.append):
            found.append(session.decrypt(ciphertext))
        if failures:
            raise Worthless(failures[0])
        text, index = found[0]
        device = self._device(session, sender, session_id)
        said = self._checked(text, room_id)
        if not self._first_use(device, session_id, index, event_id):
            raise Worthless("replayed")
        related = content.get("m.relates_to")
        said_content = (
            said["content"]
            if related is None or "m.relates_to" in said["content"]
            else {**said["content"], "m.relates_to": related}
        )
        kept = {name: source[name] for name in ("event_id", "sender", "origin_server_ts", "unsigned") if name in source}
        return Plain({**kept, "type": said["type"], "content": said_content}, device)

    def has_key(self, room_id: str, sender_key: str, session_id: str) -> bool:
        """Whether we have the key of a session that this device made: what was sent as one may be anything."""
        return session_id in self._by_sender_key(room_id).get(sender_key, {})

    def _by_sender_key(self, room_id: str) -> Mapping[str, Mapping[str, Any]]:
        """Return the sessions of a room: sender key → session id → session."""
        rooms: Any = self._olm.inbound_group_store._entries  # noqa: SLF001  (nio looks only under a `sender_key` that need not be there)
        return rooms.get(room_id, {})

    def _session(self, room_id: str, session_id: str, sender: str) -> Any:
        """Return the session with this id that a device of the sender made. (The event's own `sender_key` proves nothing.)"""
        sessions = [by_id[session_id] for by_id in self._by_sender_key(room_id).values() if session_id in by_id]
        own = [session for session in sessions if self._belongs(session, sender)]
        if own:
            return own[0]
        if not sessions:
            raise Undecryptable("no key", session_id)
        if self._devices.is_current(sender):
            raise Undecryptable("the key is of no device of the sender", session_id)
        raise Undecryptable("the sender's devices are not known", session_id, sender)

    def _belongs(self, session: Any, sender: str) -> bool:
        if sender == self._olm.user_id and session.sender_key == self._olm.account.identity_keys["curve25519"]:
            return True
        device = self._devices.owner(sender, session.sender_key)
        return device is not None and device.ed25519 == session.ed25519

    def _device(self, session: Any, sender: str, session_id: str) -> Device:
        keys = self._olm.account.identity_keys
        if session.sender_key == keys["curve25519"]:
            return Device(sender, self._olm.device_id, keys["ed25519"], keys["curve25519"], signed=True)
        device = self._devices.owner(sender, session.sender_key)
        if device is None:
            raise Undecryptable("the sender's devices are not known", session_id, sender)
        return device

    def _checked(self, text: str, room_id: str) -> dict[str, Any]:
        try:
            said: Any = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Worthless(error) from error
        if not isinstance(said, dict):
            raise Worthless("no_object")
        event = cast("dict[str, Any]", said)
        if event.get("room_id") != room_id:
            raise Worthless("other_room")
        kind = event.get("type")
        wanted = isinstance(kind, str) and (self._kinds is None or kind in self._kinds)
        if not isinstance(event.get("content"), dict) or not wanted or "state_key" in event:
            raise Worthless("no_message")
        return event

    def _first_use(self, device: Device, session_id: str, index: int, event_id: str) -> bool:
        """Whether this index of the device's session has been used for this event only."""
        use = (device.curve25519, session_id, index)
        self._run("INSERT INTO crypto_heard VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", *use, event_id)
        before = self._one("SELECT event_id FROM crypto_heard WHERE (sender_key, session_id, message_index) = (?, ?, ?)", *use)
        return before == (event_id,)


def _parts(content: Any, source: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Return ciphertext, session id, sender and event id. Raises `Worthless` if one of them is not there."""
    if not isinstance(content, dict) or cast("dict[str, Any]", content).get("algorithm") != MEGOLM:
        raise Worthless("not_megolm")
    fields = cast("dict[str, Any]", content)
    session_id = fields.get("session_id")
    parts = (fields.get("ciphertext"), session_id, source.get("sender"), source.get("event_id"))
    if not all(isinstance(part, str) for part in parts) or not is_key(session_id):
        raise Worthless("malformed")
    return cast("tuple[str, str, str, str]", parts)
