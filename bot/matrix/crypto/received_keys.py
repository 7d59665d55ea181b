"""The keys of rooms that others' devices send us: which are taken, and how they are kept.

nio keeps a key under its session's id alone. Everybody in a room has everybody's keys and can send them on as their own: then, after a
restart, the session would be the other's, and its owner could not be heard. And it lets a later copy, which opens less, replace an
earlier one.
"""

import time
from typing import Any

from nio.crypto import InboundGroupSession

from bot.matrix.crypto.device_lists import DeviceLists
from bot.matrix.crypto.rooms import EncryptedRooms
from bot.matrix.crypto.store import Rows

_MOST_OF_STRANGERS = 1000
_WITHIN = 3600.0
"""So many keys are taken in so many seconds that are for no room that we know, or of no device that we know: anybody can send them."""


class NotTaken(Exception):
    """A key is not taken. `str()` is a word that says why."""


class ReceivedKeys(Rows):
    """Stands in for nio's `create_group_session`, which is called for every key that comes, and for our own."""

    def __init__(self, database: object, olm: Any, devices: DeviceLists, rooms: EncryptedRooms) -> None:
        super().__init__(database)
        self._olm = olm
        self._devices = devices
        self._rooms = rooms
        self._account: int = self._all("SELECT id FROM accounts WHERE user_id = ? AND device_id = ?", olm.user_id, olm.device_id)[
            0
        ][0]
        self._of_strangers = 0
        self._counted_since = time.monotonic()
        olm.create_group_session = self.take

    def take(self, sender_key: str, ed25519: str, room_id: str, session_id: str, session_key: str) -> None:
        """Keep the key that a device has made for a room. Raises `NotTaken`, and whatever vodozemac says of what is no key."""
        own = sender_key == self._olm.account.identity_keys["curve25519"]
        if not own:
            self._check_device(sender_key, room_id)
        session = InboundGroupSession(session_key, ed25519, sender_key, room_id)
        if session.id != session_id:
            raise NotTaken("other_session")
        known = self._olm.inbound_group_store.get(room_id, sender_key, session_id)
        if known is not None and known.first_known_index <= session.first_known_index:
            return
        self._olm.inbound_group_store.add(session)
        self._run(
            "INSERT OR REPLACE INTO megolminboundsessions (session_id, sender_key, account_id, fp_key, room_id, session)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            f"{room_id}|{sender_key}|{session_id}",  # nio reads the id itself out of the session
            sender_key,
            self._account,
            ed25519,
            room_id,
            session.pickle(self._olm.store.pickle_key),
        )

    def _check_device(self, sender_key: str, room_id: str) -> None:
        """Raise `NotTaken` for a device that was signed out, and for too many keys of strangers."""
        standing = self._devices.standing(sender_key)
        if standing is False:
            raise NotTaken("device_gone")
        if standing is None or room_id not in self._rooms.encrypted():
            now = time.monotonic()
            if now - self._counted_since > _WITHIN:
                self._of_strangers, self._counted_since = 0, now
            self._of_strangers += 1
            if self._of_strangers > _MOST_OF_STRANGERS:
                raise NotTaken("too_many")
