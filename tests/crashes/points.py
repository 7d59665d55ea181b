"""The points at which the tests kill the bot: moments on the way from the homeserver through the databases into a room, and back.

A point names a function of the bot and a moment of it. Nothing of this is in the bot itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Moment(Enum):
    """When, of a call: before it, after it has returned, or after the transaction is committed in whose session it was made."""

    BEFORE = "before"
    AFTER = "after"
    COMMITTED = "committed"


BEFORE, AFTER, COMMITTED = Moment


def _always(*_arguments: Any, **_named: Any) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Point:
    """A moment of calls of `function` (`module:name`, a method with its class).

    `inside`: only while this function runs; `provided`: only for calls (of `inside`, if there is one) with such arguments; `finding`:
    only for calls that return something that is not empty.
    """

    moment: Moment
    function: str
    inside: str | None = None
    provided: Callable[..., bool] = _always
    finding: bool = False


def _encrypts(_self: object, _room_id: str, event_type: str, *_more: object) -> bool:
    return event_type == "m.room.message"


def _brings_events(_self: object, sync: Any, *_more: object, **_named: object) -> bool:
    raw = getattr(sync, "raw", sync)
    return any(room["timeline"]["events"] for room in raw.get("rooms", {}).get("join", {}).values())


_CALL = "bot.matrix.client:GuardedClient.ask"
_WRITE = "bot.matrix.sync:SyncLoop._write"
_PAGE = "bot.matrix.sync:SyncLoop._fill_page"
_UPLOAD_KEYS = "bot.matrix.crypto.one_time_keys:KeyUploads._post"
_TO_DEVICE = "bot.matrix.crypto.room_keys:RoomKeys._to_device"
_SHARE = "bot.matrix.crypto.room_keys:RoomKeys._share"
_SAVE_LOGIN = "bot.matrix.session:save"
_IDENTITY = "bot.matrix.crypto.identity:Identity"
_SEND = "bot.matrix.sender:RoomSender.send"
_UPLOAD = "bot.matrix.sender:RoomSender.upload"
_COMMIT = "bot.dispatcher:Dispatcher._commit"
_LOOK = "bot.scheduler:Scheduler.look"
_ADD = "bot.db.deliveries:add"
_CLAIM = "bot.db.deliveries:claim"
_MARK = "bot.db.deliveries:mark_sent"
_DECIDE = "bot.db.broadcasts:decide"

POINTS = {
    # A device comes to be
    "logged-in": Point(BEFORE, _SAVE_LOGIN),
    "login-kept": Point(AFTER, _SAVE_LOGIN),
    "keys-not-uploaded": Point(BEFORE, _CALL, inside=_UPLOAD_KEYS),
    "keys-uploaded": Point(AFTER, _CALL, inside=_UPLOAD_KEYS),  # the homeserver has them, and we do not know that it has
    "identity-made": Point(AFTER, "bot.matrix.crypto.identity_file:IdentityFile.create"),
    "identity-uploaded": Point(AFTER, f"{_IDENTITY}.upload"),
    "device-signed": Point(AFTER, f"{_IDENTITY}.sign_device"),
    "rooms-half-pinned": Point(AFTER, "bot.db.rooms:pin"),
    "rooms-pinned": Point(COMMITTED, "bot.db.rooms:pin"),
    "room-joined": Point(AFTER, "bot.matrix.client:GuardedClient.enter"),
    # A sync is written down
    "sync-begun": Point(AFTER, "bot.matrix.journal:Journal.advance", inside=_WRITE, provided=_brings_events),
    "sync-half-written": Point(AFTER, "bot.matrix.journal:Journal.add", inside=_WRITE),
    "sync-not-committed": Point(AFTER, "bot.matrix.sync:SyncLoop._record", provided=_brings_events),
    "room-keys-not-committed": Point(AFTER, "bot.matrix.crypto.encryption:Encryption.learn"),
    "sync-written": Point(AFTER, _WRITE, provided=_brings_events),
    "doors-looked-at": Point(AFTER, "bot.matrix.membership:HomeserverMembership.look"),
    # A gap is filled
    "gap-open": Point(BEFORE, _PAGE),
    "gap-page-fetched": Point(AFTER, _CALL, inside=_PAGE),
    "gap-page-half-written": Point(AFTER, "bot.matrix.journal:Journal.add", inside=_PAGE),
    "gap-page-not-committed": Point(AFTER, "bot.matrix.journal:Journal.close_gap", inside=_PAGE),
    "gap-page-written": Point(AFTER, _PAGE),
    # An entry has its effect
    "event-taken": Point(AFTER, "bot.db.handled:take"),
    "effects-not-committed": Point(AFTER, "bot.answering:Answering.write", inside=_COMMIT),
    "effects-committed": Point(COMMITTED, "bot.db.handled:take"),
    "not-struck-out": Point(BEFORE, "bot.matrix.journal:Journal.done"),
    "struck-out": Point(AFTER, "bot.matrix.journal:Journal.done"),
    "decided": Point(AFTER, _DECIDE),
    "decision-committed": Point(COMMITTED, _DECIDE),
    "invite-accepted": Point(AFTER, "bot.matrix.client:GuardedClient.enter"),
    "invite-handled": Point(AFTER, "bot.matrix.rooms:RoomKeeper.handle_invite"),
    # A delivery goes out
    "claim-not-committed": Point(AFTER, _CLAIM, finding=True),
    "claimed": Point(COMMITTED, _CLAIM, finding=True),
    "key-not-shared": Point(BEFORE, _TO_DEVICE, inside=_SHARE),
    "key-shared": Point(AFTER, _TO_DEVICE, inside=_SHARE),
    "encrypted": Point(AFTER, "bot.matrix.crypto.encryption:Encryption.encrypt", provided=_encrypts),
    "sent": Point(AFTER, _SEND),
    "mark-not-committed": Point(AFTER, _MARK),
    "marked": Point(COMMITTED, _MARK),
    "file-not-uploaded": Point(BEFORE, _UPLOAD),
    "file-uploaded": Point(AFTER, _UPLOAD),
    # A reminder is written down
    "reminder-half-written": Point(AFTER, _ADD, inside=_LOOK),
    "reminders-committed": Point(COMMITTED, _ADD, inside=_LOOK),
    # A data file is imported, the tables are brought to a new version
    "import-half-done": Point(AFTER, "bot.db.network:_follow"),
    "import-not-committed": Point(AFTER, "bot.db.network:_delete_others"),
    "import-committed": Point(COMMITTED, "bot.db.network:_delete_others"),
    "migration-half-done": Point(AFTER, "alembic.ddl.impl:DefaultImpl._exec"),
    "migration-not-committed": Point(AFTER, "alembic.command:upgrade"),
    "migrated": Point(BEFORE, "bot.db.schema:version_of"),  # for the second time: it says then which one it has come to
}
