"""Sharing the keys of encrypted rooms, and encrypting with them.

nio shares a room's key in a way that a bot cannot live with: a cut-off sharing blocks the room for ever, one member's malformed key makes
it fail for all, a failed sending counts as done, and 200 devices block the event loop for seconds. Here: before every event it is worked
out which devices have to have the key (those in the room now, by the homeserver's word) and which have it; what is missing is sent, in
small portions with pauses; if one of those who have it is no longer to have it, a new key begins.
"""

import asyncio
import json
import re
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast
from urllib.parse import quote
from uuid import uuid4

import structlog
from nio.crypto import OutboundGroupSession, OutboundSession
from nio.store import OlmSessions

from bot import metrics
from bot.matrix.crypto.decryption import ENCRYPTED, MEGOLM
from bot.matrix.crypto.device_lists import Address, Device, DeviceLists
from bot.matrix.crypto.guards import whatever_it_raises
from bot.matrix.crypto.server import Server
from bot.matrix.crypto.signing import is_signed, unpadded
from bot.matrix.crypto.store import Dropped, Rows
from bot.matrix.crypto.values import object_of

log = structlog.get_logger(__name__)

_OLM = "m.olm.v1.curve25519-aes-sha2"

_AT_ONCE = 10
"""Devices in one portion: what is encrypted and saved for them takes some milliseconds, in which nothing else goes on."""

_CLAIM_AGAIN_AFTER = 300.0
"""Seconds until a device that had no one-time key is asked for one again."""

_MOST_SESSIONS = 20
"""Olm sessions with one device. It uses one; others come about when both begin at once, or when one loses its store."""

_MOST_MESSAGES, _LONGEST = 100, timedelta(days=7)

_HALVES = re.compile("[\ud800-\udfff]")

Recipients = Collection[str]


@dataclass(slots=True)
class _RoomKey:
    """The key with which a room's events are encrypted now. `shared_with`: who has it; `told_no`: who was told that they will not."""

    session: Any
    shared_with: set[Address] = field(default_factory=set[Address])
    told_no: set[Address] = field(default_factory=set[Address])

    def expired(self) -> bool:
        return bool(self.session.expired)


class RoomKeys(Rows):
    """Encrypts for rooms. `olm` is nio's machine; `only_signed`: devices that their owner has not cross-signed get no keys (MSC4153).

    Anybody can say that another's Curve25519 key is theirs. So it is remembered with whose one-time key an Olm session was begun: what is
    for one device is never encrypted in a session that was begun with another.
    """

    schema = """
    CREATE TABLE IF NOT EXISTS crypto_olm_session (
        session_id TEXT PRIMARY KEY, user_id TEXT NOT NULL, device_id TEXT NOT NULL, curve25519 TEXT NOT NULL
    ) WITHOUT ROWID
    """

    def __init__(
        self, database: object, server: Server, olm: Any, devices: DeviceLists, dropped: Dropped, *, only_signed: bool
    ) -> None:
        super().__init__(database)
        self._server = server
        self._olm = olm
        account = "SELECT id FROM accounts WHERE user_id = ? AND device_id = ?"
        self._account: int = self._all(account, olm.user_id, olm.device_id)[0][0]
        self._devices = devices
        self._dropped = dropped
        self._only_signed = only_signed
        self._keys: dict[str, _RoomKey] = {}
        self._keyless_until: dict[Address, float] = {}
        self._begun_with: dict[str, Address] = {row[0]: row[1:] for row in self._all("SELECT * FROM crypto_olm_session")}

    async def encrypt(
        self, room_id: str, event_type: str, content: Mapping[str, Any], *, settings: Mapping[str, Any], recipients: Recipients
    ) -> tuple[str, dict[str, Any]]:
        """Return type and content of the encrypted event, once every device that may read it has the key.

        `settings`: content of the room's `m.room.encryption`; `recipients`: user ids. Raises as `Server.call`: nothing is lost then,
        what was shared stays shared.
        """
        key = await self._shared(room_id, settings, recipients)
        plaintext = _as_json({"type": event_type, "content": content, "room_id": room_id})
        encrypted: dict[str, Any] = {
            "algorithm": MEGOLM,
            "sender_key": self._olm.account.identity_keys["curve25519"],
            "ciphertext": key.session.encrypt(plaintext),
            "session_id": key.session.id,
            "device_id": self._olm.device_id,
        }
        if "m.relates_to" in content:  # the homeserver needs to see what belongs together (v1.18, 11.12.4.3)
            encrypted["m.relates_to"] = content["m.relates_to"]
        return ENCRYPTED, encrypted

    async def _shared(self, room_id: str, settings: Mapping[str, Any], recipients: Recipients) -> _RoomKey:
        await self._devices.refresh(recipients)
        present = [d for user_id in sorted(recipients) for d in self._devices.devices(user_id) if not self._is_own(d)]
        wanted = [device for device in present if device.signed or not self._only_signed]
        key = self._keys.get(room_id)
        if key is None or key.expired() or key.shared_with - {device.address for device in wanted}:
            key = self._keys[room_id] = self._new_key(room_id, settings)
        missing = [device for device in wanted if device.address not in key.shared_with]
        if missing:
            await self._share(room_id, key, missing)
        kept_out = set(present) - set(wanted)
        refused = [device for device in present if device in kept_out and device.address not in key.told_no]
        if refused:
            await self._withhold(room_id, key, refused, "m.unverified", "The owner of this device has not verified it.")
        return key

    def _is_own(self, device: Device) -> bool:
        return (device.user_id, device.device_id) == (self._olm.user_id, self._olm.device_id)

    def _new_key(self, room_id: str, settings: Mapping[str, Any]) -> _RoomKey:
        session = OutboundGroupSession()
        session.max_messages = _within(settings.get("rotation_period_msgs"), 1, _MOST_MESSAGES)
        most_ms = int(_LONGEST.total_seconds() * 1000)
        session.max_age = timedelta(milliseconds=_within(settings.get("rotation_period_ms"), 60_000, most_ms))
        session.shared = True  # nio's own mark; who has the key is written down here
        keys = self._olm.account.identity_keys
        self._olm.create_group_session(keys["curve25519"], keys["ed25519"], room_id, session.id, session.session_key)
        log.info("room_key_made", room=room_id)
        return _RoomKey(session)

    async def _share(self, room_id: str, key: _RoomKey, missing: Sequence[Device]) -> None:
        """Send the key to these devices, those without a one-time key left out."""
        await self._claim(device for device in missing if not self._olm_session(device))
        reachable = [device for device in missing if self._olm_session(device)]
        content = {"algorithm": MEGOLM, "room_id": room_id, "session_id": key.session.id, "session_key": key.session.session_key}
        for start in range(0, len(reachable), _AT_ONCE):
            portion = reachable[start : start + _AT_ONCE]
            sent = await self._send_to(portion, "m.room_key", content)
            key.shared_with.update(device.address for device in sent)
            metrics.room_keys_shared.inc(len(sent))
        left_out = set(missing) - set(reachable)
        unreachable = [device for device in missing if device in left_out and device.address not in key.told_no]
        if unreachable:
            await self._withhold(room_id, key, unreachable, "m.no_olm", "No one-time key could be had for this device.")

    async def _send_to(self, devices: Sequence[Device], event_type: str, content: Mapping[str, Any]) -> list[Device]:
        """Encrypt and send something to devices that we have Olm sessions with. Return for which it worked out."""
        messages: dict[str, dict[str, Any]] = {}
        sent: list[Device] = []
        with self.transaction():  # one write for all instead of one each: that is what takes the time
            for device in devices:
                with whatever_it_raises(lambda error, device=device: self._dropped("olm", error, device.user_id)):
                    messages.setdefault(device.user_id, {})[device.device_id] = self._olm_message(device, event_type, content)
                    sent.append(device)
        await self._to_device(ENCRYPTED, messages)
        return sent

    def _olm_message(self, device: Device, event_type: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Return the content of an Olm message (v1.18, 11.12.5.1); the session is saved as it is then, before the message goes out."""
        session, keys = self._olm_session(device), self._olm.account.identity_keys
        payload: dict[str, Any] = {
            "sender": self._olm.user_id,
            "sender_device": self._olm.device_id,
            "keys": {"ed25519": keys["ed25519"]},
            "recipient": device.user_id,
            "recipient_keys": {"ed25519": device.ed25519},
            "type": event_type,
            "content": content,
        }
        kind, ciphertext = session.encrypt(_as_json(payload)).to_parts()
        self._save_session(device, session)
        body = {"type": kind, "body": unpadded(ciphertext)}
        return {"algorithm": _OLM, "sender_key": keys["curve25519"], "ciphertext": {device.curve25519: body}}

    async def _withhold(self, room_id: str, key: _RoomKey, devices: Sequence[Device], code: str, reason: str) -> None:
        """Tell devices that they get no key, and why, so that their people see more than a riddle (v1.18, 11.12.4.4)."""
        content: dict[str, Any] = {
            "algorithm": MEGOLM,
            "sender_key": self._olm.account.identity_keys["curve25519"],
            "code": code,
            "reason": reason,
        }
        if code != "m.no_olm":
            content |= {"room_id": room_id, "session_id": key.session.id}
        messages: dict[str, dict[str, Any]] = {}
        for device in devices:
            messages.setdefault(device.user_id, {})[device.device_id] = content
        await self._to_device("m.room_key.withheld", messages)
        key.told_no.update(device.address for device in devices)

    async def _to_device(self, event_type: str, messages: Mapping[str, Mapping[str, Any]]) -> None:
        if messages:
            await self._server.call("PUT", f"/sendToDevice/{quote(event_type)}/{uuid4()}", {"messages": messages})

    # Olm sessions

    def _olm_session(self, device: Device) -> Any:
        """Return the newest Olm session with a device, None if there is none. What others began, only the owner of the key can have."""
        sessions = self._olm.session_store[device.curve25519]
        return next((each for each in sessions if self._begun_with.get(each.id, device.address) == device.address), None)

    async def _claim(self, devices: Iterable[Device]) -> None:
        """Begin Olm sessions with these devices, as far as they have one-time keys."""
        wanted = [device for device in devices if not self._is_keyless(device) and not self._olm_session(device)]
        for start in range(0, len(wanted), _AT_ONCE * 5):
            await self._claim_portion(wanted[start : start + _AT_ONCE * 5])

    def _is_keyless(self, device: Device) -> bool:
        """Whether it had no one-time key a short while ago."""
        return self._keyless_until.get(device.address, 0) > time.monotonic()

    async def _claim_portion(self, devices: Sequence[Device]) -> None:
        asked: dict[str, dict[str, str]] = {}
        for device in devices:
            asked.setdefault(device.user_id, {})[device.device_id] = "signed_curve25519"
        answer = await self._server.call("POST", "/keys/claim", {"one_time_keys": asked, "timeout": 10_000}, seconds=60)
        for start in range(0, len(devices), _AT_ONCE):
            with self.transaction():
                for device in devices[start : start + _AT_ONCE]:
                    if not self._begin_session(device, answer.get("one_time_keys")):
                        self._keyless_until[device.address] = time.monotonic() + _CLAIM_AGAIN_AFTER
            await asyncio.sleep(0)  # between portions, others have their turn

    def _begin_session(self, device: Device, claimed: object) -> bool:
        key: Any = next(iter(object_of(object_of(object_of(claimed).get(device.user_id)).get(device.device_id)).values()), None)
        if key is None:
            return False
        if not isinstance(key, dict) or not is_signed(
            cast("dict[str, Any]", key), by=device.ed25519, user_id=device.user_id, key_id=device.device_id
        ):
            self._dropped("one_time_key", "not_signed", device.user_id)
            return False
        begun: list[object] = []
        with whatever_it_raises(lambda error: self._dropped("one_time_key", error, device.user_id)):
            session = OutboundSession(self._olm.account, device.curve25519, cast("dict[str, Any]", key)["key"])
            self._olm.session_store.add(device.curve25519, session)
            self._save_session(device, session)
            self._begun_with[session.id] = device.address
            self._run("INSERT OR REPLACE INTO crypto_olm_session VALUES (?, ?, ?, ?)", session.id, *device.address)
            begun.append(session)
        return bool(begun)

    def _save_session(self, device: Device, session: Any) -> None:
        """Write a session into nio's table. nio itself would bind all its tables and look for the account anew each time."""
        sessions: Any = OlmSessions
        row = sessions.replace(
            account=self._account,
            sender_key=device.curve25519,
            session=session.pickle(self._olm.store.pickle_key),
            session_id=session.id,
            creation_time=session.creation_time,
            last_usage_date=session.use_time,
        )
        row.execute(self._database)

    def keep_few_sessions(self, curve25519: str) -> None:
        """Let go of the oldest Olm sessions of a key: every message is tried with each, and anybody can begin as many as they like."""
        sessions = self._olm.session_store[curve25519]
        for session in sessions[_MOST_SESSIONS:]:
            self._run("DELETE FROM olmsessions WHERE session_id = ?", session.id)
        del sessions[_MOST_SESSIONS:]

    def send_again(self, user_id: str, curve25519: str) -> None:
        """Hand the rooms' keys once more to a device that has begun a new Olm session: it could not read what came in the old one."""
        for key in self._keys.values():
            key.shared_with -= {address for address in key.shared_with if (address[0], address[2]) == (user_id, curve25519)}

    def begin_anew(self) -> None:
        """Let a new key begin in every room."""
        self._keys.clear()

    async def mend_sessions(self) -> None:
        """Begin anew the Olm sessions that broke, and let the others know by an empty message. Raises as `Server.call`."""
        broken: list[Any] = self._olm.wedged_devices
        portion = broken[: _AT_ONCE * 2]  # those of a sync at the most: the others wait for the next
        owners = [self._devices.owner(known.user_id, known.curve25519) for known in portion]
        devices = [device for device in owners if device is not None and not self._is_keyless(device)]
        if devices:
            await self._claim_portion(devices)
            await self._send_to([device for device in devices if not self._is_keyless(device)], "m.dummy", {})
        del broken[: len(portion)]


def _as_json(event: Mapping[str, Any]) -> str:
    """Return JSON that can be encoded: half a surrogate pair, which is no Unicode, is escaped as it came."""
    said = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return json.dumps(event, separators=(",", ":")) if _HALVES.search(said) else said


def _within(value: object, least: int, most: int) -> int:
    """Return a number that a room's settings give, within reason; the most if they give none."""
    return min(max(value, least), most) if isinstance(value, int) and not isinstance(value, bool) else most
