"""All of it for one device: what the sync loop tells it, what the sender asks of it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import structlog
from nio import DummyEvent, RoomKeyEvent, ToDeviceEvent
from vodozemac import SessionCreationException

from bot import metrics
from bot.errors import ChatRefused, ChatUnavailable
from bot.matrix.crypto.decryption import ENCRYPTED, MEGOLM, Decryption, Plain, Undecryptable
from bot.matrix.crypto.device_lists import DeviceLists, is_key
from bot.matrix.crypto.guards import whatever_it_raises
from bot.matrix.crypto.one_time_keys import KeyUploads
from bot.matrix.crypto.received_keys import NotTaken, ReceivedKeys
from bot.matrix.crypto.room_keys import RoomKeys
from bot.matrix.crypto.rooms import SETTLES, EncryptedRooms
from bot.matrix.crypto.server import Server
from bot.matrix.crypto.store import Dropped
from bot.matrix.crypto.values import object_of, objects_of, strings_of

log = structlog.get_logger(__name__)


class Encryption:
    """Encrypts and decrypts for one device. `olm`: nio's machine with its store loaded; `database`: that of the store.

    `kinds`: the event types that may come out of an encrypted event (None: any); `only_signed`: keys go only to devices that their owner
    has cross-signed; `settles`: seconds before something is said in a room that is new to us.
    """

    def __init__(
        self,
        server: Server,
        olm: Any,
        database: object,
        dropped: Dropped,
        *,
        kinds: Collection[str] | None,
        only_signed: bool = False,
        settles: float = SETTLES,
    ) -> None:
        self.rooms = EncryptedRooms(database, server, olm.user_id, settles)
        self.devices = DeviceLists(database, server, olm, dropped)
        self.only_signed = only_signed
        self.dropped = dropped
        self.own_keys_changed = False  # the homeserver says so: whoever looks after our identity looks again, and sets it back
        self._olm = olm
        self._decryption = Decryption(database, olm, self.devices, kinds)
        self._received = ReceivedKeys(database, olm, self.devices, self.rooms)
        self._uploads = KeyUploads(server, olm)
        self._room_keys = RoomKeys(database, server, olm, self.devices, dropped, only_signed=only_signed)
        self._counts: Mapping[str, int] | None = None
        self._unused_fallbacks: Collection[str] | None = None
        self._unknown: set[str] = set()  # senders whose devices we have to ask for before their words can be read

    # For the sync loop

    def learn(self, raw: Mapping[str, Any], batch: int) -> set[str]:
        """Take from a sync what it says about keys and rooms. Return the ids of the sessions whose keys came with it.

        Called within its transaction; `batch`: its number, 1 or more.
        """
        self.rooms.heard()
        lists = object_of(raw.get("device_lists"))
        self.devices.changed(strings_of(lists.get("changed")), batch)
        self.own_keys_changed = self.own_keys_changed or self._olm.user_id in strings_of(lists.get("changed"))
        self.devices.left(strings_of(lists.get("left")))
        counts = object_of(raw.get("device_one_time_keys_count"))
        self._counts = {kind: count for kind, count in counts.items() if isinstance(count, int)}
        if "signed_curve25519" in self._counts:
            metrics.one_time_keys.set(self._counts["signed_curve25519"])
        unused = raw.get("device_unused_fallback_key_types")
        self._unused_fallbacks = None if unused is None else strings_of(unused)
        for room_id, room in object_of(object_of(raw.get("rooms")).get("join")).items():
            timeline = object_of(object_of(room).get("timeline"))
            if timeline.get("limited"):
                self.rooms.forget_readers(room_id)
            for event in objects_of(object_of(object_of(room).get("state")).get("events")):
                self.rooms.learn(room_id, event, just_now=False)
            for event in objects_of(timeline.get("events")):
                self.rooms.learn(room_id, event, just_now=True)
        return self._receive(objects_of(object_of(raw.get("to_device")).get("events")))

    def begin_anew(self, batch: int) -> None:
        """Rely on nothing that the homeserver has said or taken: it has forgotten some of it.

        Called within the transaction of the sync that tells everything anew. Keys that we had sent may never arrive, changes of others'
        devices are not told again, and our own keys may be gone: all that is done once more, by the chores and with the next event.
        """
        self.devices.all_changed(batch)
        self.rooms.forget_all_readers()
        self._room_keys.begin_anew()
        self._olm.account.shared = False
        self.own_keys_changed = True

    def _receive(self, to_device: Sequence[dict[str, Any]]) -> set[str]:
        """Take the keys out of what was sent to our device. Anybody on any homeserver can send to it."""
        came: set[str] = set()
        for raw in to_device:
            if raw.get("type") != ENCRYPTED:
                continue  # nio would hoard the requests for keys that anybody can send; nobody answers them
            sender = str(raw.get("sender"))
            with whatever_it_raises(lambda error, sender=sender: self._not_taken(error, sender)):
                event = self._opened(raw)
                if isinstance(event, RoomKeyEvent) and self._decryption.has_key(event.room_id, event.sender_key, event.session_id):
                    came.add(event.session_id)
                elif isinstance(event, DummyEvent):
                    self._room_keys.send_again(event.sender, event.sender_key)
                else:
                    self.dropped("to_device", "worthless", sender)
        return came

    def _not_taken(self, error: BaseException, sender: str) -> None:
        if isinstance(error, NotTaken):
            self.dropped("room_key", str(error), sender)
        else:
            self.dropped("to_device", error, sender)

    def _opened(self, raw: dict[str, Any]) -> Any:
        """Return what is in an Olm message, as nio sees it, or None."""
        sender_key: Any = object_of(raw.get("content")).get("sender_key")
        if not is_key(sender_key):
            return None  # nio remembers every sender's key, of any length
        parsed: Any = ToDeviceEvent.parse_event(raw)  # pyright: ignore[reportUnknownMemberType]  (nio leaves its dict open)
        try:
            return self._olm.handle_to_device_event(parsed)
        except SessionCreationException:  # a key of ours that is gone; nio takes only what fails otherwise for a broken session
            self._olm._mark_device_for_unwedging(raw.get("sender"), sender_key)  # noqa: SLF001  (the list that it keeps of them)
            raise
        finally:
            self._room_keys.keep_few_sessions(sender_key)

    def decrypt(self, source: Mapping[str, Any], room_id: str) -> Plain:
        """Return what an encrypted event says. Raises `Undecryptable` (what it needs is asked for by the chores) and `Worthless`."""
        try:
            plain = self._decryption.decrypt(source, room_id)
            self._check_standing(plain, str(source["content"]["session_id"]))
        except Undecryptable as error:
            if error.unknown_sender is not None:
                self._unknown.add(error.unknown_sender)
            raise
        return plain

    def _check_standing(self, plain: Plain, session_id: str) -> None:
        """Where it matters whether a device is signed, take nobody's word by a list that is out of date: it may be, or be no longer."""
        sender = plain.device.user_id
        if self.only_signed and sender != self._olm.user_id and not self.devices.is_current(sender):
            raise Undecryptable("the sender's devices may have changed", session_id, sender)

    async def chores(self) -> bool:
        """Upload and ask for keys, as far as it is due. Return whether we learned of devices that we needed.

        What the homeserver does not take or give now is due again after the next sync. Raises `StoreLost` and `LoginFailed`.
        """
        learned = False
        try:
            await self._uploads.upload(self._counts, self._unused_fallbacks)
            self._counts = self._unused_fallbacks = None
            asked = self._unknown | self.devices.outdated()
            if asked:
                await self.devices.refresh(asked)
                learned = True
                self._unknown -= asked
            await self._room_keys.mend_sessions()
        except ChatUnavailable as error:
            log.warning("key_chores_failed", reason=str(error))
        self._olm.outgoing_to_device_messages.clear()  # nio's own: key requests, which nobody answers to other people's devices
        return learned

    @property
    def uploaded(self) -> bool:
        """Whether the homeserver has this device's keys."""
        return bool(self._olm.account.shared)

    # For the sender

    async def encrypt(self, room_id: str, event_type: str, content: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        """Return type and content of an event as it may be sent to the room: encrypted if the room is.

        Reactions stay as they are, in every client. Raises as `Server.call`, and `ChatRefused` for an encryption that nobody knows.
        """
        settings = await self.rooms.settings(room_id)
        if settings is None or event_type == "m.reaction":
            return event_type, content
        if settings.get("algorithm") != MEGOLM:
            raise ChatRefused("the room is encrypted in a way that we do not know: nothing is said there in clear text")
        self.check_settled(room_id)
        while True:
            recipients, version = await self.rooms.recipients(room_id), self.rooms.version(room_id)
            encrypted = await self._room_keys.encrypt(room_id, event_type, content, settings=settings, recipients=recipients)
            if version == self.rooms.version(room_id):  # otherwise somebody has come or gone while the key was shared
                return encrypted

    def check_settled(self, room_id: str) -> None:
        """Raise `ChatUnavailable` while the others in a room have to learn of our device first, or it of theirs."""
        if (seconds := self.rooms.settles_in(room_id)) > 0:
            raise ChatUnavailable("the others' clients have to learn of our device first", seconds)
