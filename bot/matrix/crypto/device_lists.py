"""Whose devices there are, with which keys, and which of them their owner has cross-signed.

nio asks for the keys of those whom it sees in rooms; with lazily loaded members that is hardly anybody, and one malformed device makes it
drop the answer about all others. So the lists are kept here: who is tracked and whose list is out of date is written in the same
transaction as the sync that said so (specification v1.18, 11.12.3 "Tracking the device list for a user").
"""

import asyncio
import time
from collections.abc import Collection, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import structlog
from nio.crypto import OlmDevice

from bot.matrix.crypto.server import Server
from bot.matrix.crypto.signing import from_unpadded, is_signed
from bot.matrix.crypto.store import Dropped, Rows
from bot.matrix.crypto.values import object_of

log = structlog.get_logger(__name__)

_USERS_AT_ONCE = 50
_DEVICES_AT_ONCE = 20
"""Devices in one transaction: whoever has more has them in one all the same. Nothing else goes on meanwhile."""

_KEY_BYTES = 32
_MOST_DEVICES = 200
"""Of one person. Whoever has more has them to keep others busy."""

_ASK_AGAIN_AFTER = 60.0
"""Seconds until a homeserver that did not answer for its users is asked again."""


Address = tuple[str, str, str]
"""User id, device id and Curve25519 key: what a room key was encrypted for."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device and its public keys, as unpadded base64. `signed`: its owner has cross-signed it."""

    user_id: str
    device_id: str
    ed25519: str
    curve25519: str
    signed: bool

    @property
    def address(self) -> Address:
        """What a key is sent to. Being signed or not makes no other device of it."""
        return self.user_id, self.device_id, self.curve25519


class DeviceLists(Rows):
    """The devices of everybody who is in an encrypted room with us, ourselves included."""

    schema = """
    CREATE TABLE IF NOT EXISTS crypto_device_list (user_id TEXT PRIMARY KEY, outdated_since INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS crypto_device (
        user_id TEXT NOT NULL, device_id TEXT NOT NULL, ed25519 TEXT NOT NULL, curve25519 TEXT NOT NULL,
        signed INTEGER NOT NULL, gone INTEGER NOT NULL, PRIMARY KEY (user_id, device_id)
    )
    """

    def __init__(self, database: object, server: Server, olm: Any, dropped: Dropped) -> None:
        super().__init__(database)
        self._server = server
        self._olm = olm
        self._dropped = dropped
        self._asking = asyncio.Lock()
        self._silent_until: dict[str, float] = {}
        self._outdated: dict[str, int] = dict(
            cast("list[tuple[str, int]]", self._all("SELECT user_id, outdated_since FROM crypto_device_list"))
        )
        self._present: dict[str, dict[str, Device]] = {}
        self._gone: dict[str, dict[str, Device]] = {}
        for user_id, device_id, ed25519, curve25519, signed, gone in self._all("SELECT * FROM crypto_device"):
            device = Device(user_id, device_id, ed25519, curve25519, bool(signed))
            (self._gone if gone else self._present).setdefault(user_id, {})[device_id] = device
            self._let_nio_know(device, gone=bool(gone))

    # What a sync says; called within its transaction.

    def changed(self, user_ids: Iterable[str], batch: int) -> None:
        """Remember that the lists of these users are out of date since batch `batch` (1 or more)."""
        for user_id in user_ids:
            if user_id in self._outdated:
                self._mark(user_id, batch)

    def all_changed(self, batch: int) -> None:
        """Remember that every list may be out of date since batch `batch`."""
        self.changed(list(self._outdated), batch)

    def left(self, user_ids: Iterable[str]) -> None:
        """Track no longer who shares no encrypted room with us. What is known of their devices stays, for what they said before."""
        for user_id in user_ids:
            if self._outdated.pop(user_id, None) is not None:
                self._run("DELETE FROM crypto_device_list WHERE user_id = ?", user_id)

    # What is known

    def devices(self, user_id: str) -> tuple[Device, ...]:
        """Return the devices that somebody has now, as far as we know."""
        return tuple(self._present.get(user_id, {}).values())

    def owner(self, user_id: str, curve25519: str) -> Device | None:
        """Return the device of `user_id` with this key, also one that is gone by now."""
        for devices in (self._present, self._gone):
            for device in devices.get(user_id, {}).values():
                if device.curve25519 == curve25519:
                    return device
        return None

    def standing(self, curve25519: str) -> bool | None:
        """Whether somebody has a device with this key now; False if somebody had one, None if we know of nobody."""
        if any(device.curve25519 == curve25519 for devices in self._present.values() for device in devices.values()):
            return True
        gone = any(device.curve25519 == curve25519 for devices in self._gone.values() for device in devices.values())
        return False if gone else None

    def is_current(self, user_id: str) -> bool:
        """Whether the list of a user is known and not out of date."""
        return self._outdated.get(user_id) == 0

    def outdated(self) -> set[str]:
        """Return who is tracked and out of date."""
        return {user_id for user_id, since in self._outdated.items() if since}

    # Asking

    async def refresh(self, user_ids: Collection[str]) -> None:
        """Ask for the devices of those whose list is not current. Raises as `Server.call`."""
        if not self._wanted(user_ids):
            return  # a room whose people are known does not wait for those of another
        async with self._asking:
            wanted = self._wanted(user_ids)
            for start in range(0, len(wanted), _USERS_AT_ONCE):
                await self._ask(wanted[start : start + _USERS_AT_ONCE])

    def _wanted(self, user_ids: Collection[str]) -> list[str]:
        now = time.monotonic()
        return sorted(u for u in set(user_ids) if not self.is_current(u) and self._silent_until.get(u, 0) <= now)

    async def _ask(self, user_ids: list[str]) -> None:
        with self.transaction():
            for user_id in user_ids:
                if user_id not in self._outdated:
                    self._mark(user_id, 1)
        asked_at = {user_id: self._outdated[user_id] for user_id in user_ids}
        everything: dict[str, list[str]] = {user_id: [] for user_id in user_ids}
        answer = await self._server.call("POST", "/keys/query", {"device_keys": everything, "timeout": 10_000}, seconds=60)
        failed = set(object_of(answer.get("failures")))
        silent = [user_id for user_id in user_ids if user_id.partition(":")[2] in failed]
        for user_id in silent:
            self._silent_until[user_id] = time.monotonic() + _ASK_AGAIN_AFTER
            log.warning("devices_not_known", user_id=user_id, reason="their homeserver does not answer")
        for portion in _portions([user_id for user_id in user_ids if user_id not in silent], answer):
            with self.transaction():
                for user_id in portion:
                    self._take(user_id, answer)
                    if self._outdated.get(user_id) == asked_at[user_id]:  # otherwise it has changed again meanwhile
                        self._mark(user_id, 0)
            await asyncio.sleep(0)  # between portions, others have their turn

    def _take(self, user_id: str, answer: dict[str, Any]) -> None:
        """Replace what is known of somebody's devices by what the homeserver says."""
        signing = _self_signing_key(user_id, answer)
        before = self._present.pop(user_id, {})
        found: dict[str, Device] = {}
        described = sorted(object_of(object_of(answer.get("device_keys")).get(user_id)).items())
        if len(described) > _MOST_DEVICES:
            self._dropped("device_keys", "too_many", user_id)
        for device_id, payload in described[:_MOST_DEVICES]:
            if user_id == self._olm.user_id and device_id == self._olm.device_id:
                continue
            device = device_of(user_id, device_id, payload, signing)
            known = before.get(device_id)  # not one that was gone: some name their devices themselves, and the same again
            if device is None:
                self._dropped("device_keys", "malformed", user_id)
            elif known is not None and known.ed25519 != device.ed25519:
                self._dropped("device_keys", "changed", user_id)  # a device never changes its identity: somebody poses as it
                found[device_id] = known
            else:
                found[device_id] = device
        self._present[user_id] = found
        self._remember(user_id, found, before)

    def _remember(self, user_id: str, found: dict[str, Device], before: dict[str, Device]) -> None:
        gone = {device_id: device for device_id, device in before.items() if device_id not in found}
        before_that = self._gone.setdefault(user_id, {})
        before_that.update(gone)
        for device_id, device in (found | gone).items():
            if device != before.get(device_id) or device_id in gone:
                self._save(device, gone=device_id in gone)
        while len(before_that) > _MOST_DEVICES:  # a homeserver can make up any number
            oldest = next(iter(before_that))
            del before_that[oldest]
            self._run("DELETE FROM crypto_device WHERE user_id = ? AND device_id = ? AND gone = 1", user_id, oldest)

    def _save(self, device: Device, *, gone: bool) -> None:
        self._run(
            "INSERT OR REPLACE INTO crypto_device (user_id, device_id, ed25519, curve25519, signed, gone) VALUES (?, ?, ?, ?, ?, ?)",
            device.user_id,
            device.device_id,
            device.ed25519,
            device.curve25519,
            int(device.signed),
            int(gone),
        )
        self._let_nio_know(device, gone=gone)

    def _let_nio_know(self, device: Device, *, gone: bool) -> None:
        """Put a device where nio looks for whom a broken Olm session is with: in memory; its own table would take the most of the time.

        Not by its `add`, which compares a device with all that are there.
        """
        keys = {"ed25519": device.ed25519, "curve25519": device.curve25519}
        self._olm.device_store[device.user_id][device.device_id] = OlmDevice(device.user_id, device.device_id, keys, deleted=gone)

    def _mark(self, user_id: str, since: int) -> None:
        self._outdated[user_id] = since
        self._run("INSERT OR REPLACE INTO crypto_device_list (user_id, outdated_since) VALUES (?, ?)", user_id, since)


def _portions(user_ids: Sequence[str], answer: dict[str, Any]) -> Generator[list[str]]:
    """Give the users in order, as many at once as have few enough devices together, and one at least."""
    portion: list[str] = []
    devices = 0
    for user_id in user_ids:
        count = len(object_of(object_of(answer.get("device_keys")).get(user_id)))
        if portion and devices + count > _DEVICES_AT_ONCE:
            yield portion
            portion, devices = [], 0
        portion.append(user_id)
        devices += count
    if portion:
        yield portion


def device_of(user_id: str, device_id: str, payload: object, signing: str | None) -> Device | None:
    """Return the device that a homeserver describes, or None if it is not described as the specification wants it."""
    keys = object_of(object_of(payload).get("keys"))
    ed25519, curve25519 = keys.get(f"ed25519:{device_id}"), keys.get(f"curve25519:{device_id}")
    described = cast("dict[str, Any]", payload)
    if not (is_key(ed25519) and is_key(curve25519)) or (described.get("user_id"), described.get("device_id")) != (
        user_id,
        device_id,
    ):
        return None
    if not is_signed(described, by=str(ed25519), user_id=user_id, key_id=device_id):
        return None
    signed = signing is not None and is_signed(described, by=signing, user_id=user_id, key_id=signing)
    return Device(user_id, device_id, str(ed25519), str(curve25519), signed)


def _self_signing_key(user_id: str, answer: dict[str, Any]) -> str | None:
    """Return the public key with which somebody signs their devices, if their master key vouches for it."""
    master = _public_key(object_of(object_of(answer.get("master_keys")).get(user_id)), user_id, "master")
    described = object_of(object_of(answer.get("self_signing_keys")).get(user_id))
    signing = _public_key(described, user_id, "self_signing")
    if master is None or signing is None or not is_signed(described, by=master, user_id=user_id, key_id=master):
        return None
    return signing


def _public_key(described: dict[str, Any], user_id: str, usage: str) -> str | None:
    keys, usages = object_of(described.get("keys")), described.get("usage")
    if described.get("user_id") != user_id or not isinstance(usages, list) or usage not in usages or len(keys) != 1:
        return None
    name, key = next(iter(keys.items()))
    return str(key) if is_key(key) and name == f"ed25519:{key}" else None


def is_key(key: object) -> bool:
    """Whether it is a public key, of either kind, as base64."""
    try:
        return isinstance(key, str) and len(from_unpadded(key)) == _KEY_BYTES
    except ValueError:
        return False
