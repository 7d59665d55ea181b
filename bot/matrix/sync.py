"""The sync loop: what comes from the homeserver is in the journal before anything is done with it.

Each turn, in this order: sync (one transaction: keys, inbox, gaps, place in the stream), key chores, filling of gaps, another look at what
could not be decrypted. Effects and sends are other tasks' work. No callbacks, no `sync_forever`.
"""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import structlog
from nio import SyncResponse

from bot import metrics
from bot.errors import ChatRefused, ChatUnavailable
from bot.matrix.client import GuardedClient, JournalDiverged
from bot.matrix.crypto.decryption import ENCRYPTED, Undecryptable, Worthless
from bot.matrix.crypto.encryption import Encryption
from bot.matrix.crypto.guards import parsed_sync
from bot.matrix.crypto.rooms import KIND as ENCRYPTION
from bot.matrix.crypto.values import object_of, objects_of
from bot.matrix.events import readable, room_path, verifies
from bot.matrix.journal import Gap, Journal, Unreadable
from bot.waiting import pause, unless

log = structlog.get_logger(__name__)

_STATE_TYPES = [
    "m.room.create",
    "m.room.name",
    "m.room.canonical_alias",
    "m.room.join_rules",
    "m.room.history_visibility",
    "m.room.encryption",
    "m.room.power_levels",
    "m.room.member",
    "m.room.tombstone",
]
_FILTER = json.dumps(
    {
        "presence": {"types": []},
        "account_data": {"types": []},
        "room": {
            "timeline": {"limit": 50, "lazy_load_members": True},
            "state": {"types": _STATE_TYPES, "lazy_load_members": True},
            "ephemeral": {"types": []},
            "account_data": {"types": []},
        },
    }
)
_DOORS = {"m.room.join_rules", "m.room.history_visibility"}
_LONG_POLL_MS = 30_000
_DEADLINE = 60.0
_FIRST_DEADLINE = 300.0
_LONGEST_PAUSE = 60.0
_PAGE = 200
TO_DEVICE = "to_device"
"""Not a room, but worked off in order as one: whatever strangers send takes one place among those that are worked off at once."""

_MOST_VERIFICATIONS = 200
"""How many events of verifications may wait to be handled. What comes beyond is dropped: anybody can send it."""

_LOGGED_OF_A_ROOM = 50
"""While more is kept of a room than that, each further event is counted only: anybody there can send any number."""

_KEPT_FOR = 7 * 24 * 3600.0
"""Seconds for which an event is kept that cannot be decrypted: keys that have not come in a week will not come."""


class SyncLoop:
    """Keeps the journal up to date. `arrived` is called when there is something new in it.

    `look` is called with the rooms whose being open or closed a sync has touched, before anything that it brought is handled.
    `patience`: seconds after which somebody is told that an event of theirs could not be decrypted; `now`: seconds since 1970.
    """

    def __init__(
        self,
        client: GuardedClient,
        journal: Journal,
        encryption: Encryption,
        arrived: Callable[[], None],
        *,
        look: Callable[[Collection[str]], Awaitable[None]],
        patience: float,
        now: Callable[[], float],
    ) -> None:
        self._client = client
        self._journal = journal
        self._encryption = encryption
        self._arrived = arrived
        self._look = look
        self._doubtful: set[str] = set()
        self._dropped = encryption.dropped
        self._patience = patience
        self._now = now
        self._fresh = True  # the next sync asks for the whole state: nio forgets its rooms with the process
        self._synced_at: float | None = None
        self._stopping = asyncio.Event()

    def silent_for(self) -> float | None:
        """Return the seconds since the last sync that worked, None if there was none yet."""
        return None if self._synced_at is None else time.monotonic() - self._synced_at

    def stop(self) -> None:
        """End `run` after the turn that is under way; a waiting sync is cut off (it has written nothing yet)."""
        self._stopping.set()

    async def run(self) -> None:
        """Sync until `stop()`. Raises `LoginFailed` when the homeserver does not know us any more."""
        failures = 0
        while not self._stopping.is_set():
            arrived = await unless(self._stopping, self.turn(wait_ms=_LONG_POLL_MS))
            failures = 0 if arrived else failures + 1
            if not arrived:
                seconds = min(_LONGEST_PAUSE, 2.0 ** min(failures, 6)) * random.uniform(0.5, 1.0)  # noqa: S311  (spreads retries)
                await pause(seconds, self._stopping)

    async def turn(self, wait_ms: int) -> bool:
        """Sync once and do the chores. Return whether it worked. Raises `LoginFailed`, `JournalDiverged` and `StoreLost`."""
        since = self._journal.next_batch()
        query = {"timeout": str(wait_ms), "filter": _FILTER} | ({"since": since} if since else {})
        query |= {"full_state": "true"} if self._fresh else {}
        try:
            raw = await self._client.call("GET", f"/sync?{urlencode(query)}", seconds=_FIRST_DEADLINE if self._fresh else _DEADLINE)
        except ChatUnavailable as error:
            log.warning("sync_failed", reason=str(error))
            metrics.sync_failures.inc()
            return False
        parsed = parsed_sync(raw, self._dropped)
        if parsed is None:
            log.warning("sync_failed", reason="what the homeserver answered is not a sync")
            metrics.sync_failures.inc()
            return False
        self._write(raw, parsed, since)
        self._fresh = False
        self._synced_at = time.monotonic()
        metrics.last_sync.set(self._now())
        await self._look_at_doors()
        learned = await self._encryption.chores()
        await self._fill_gaps()
        if learned:
            self._read_again(None)
        self._look_after_unreadable()
        self._arrived()
        return True

    async def _look_at_doors(self) -> None:
        try:
            await self._look(self._doubtful)
            self._doubtful = set()
        except ChatUnavailable as error:
            log.warning("rooms_not_looked_at", reason=str(error))

    # What is written down of a sync

    def _write(self, raw: dict[str, Any], parsed: SyncResponse, since: str | None) -> None:
        """Write all that a sync says, or end the process: what nio has in memory and what stands on disk must not disagree."""
        try:
            with self._journal.transaction():
                batch = self._journal.advance(parsed.next_batch)
                encrypted = self._encryption.rooms.encrypted()
                self._client.digest(parsed)
                came = self._encryption.learn(raw, batch)
                self._record_to_device(objects_of(object_of(raw.get("to_device")).get("events")), batch)
                self._record(raw, since, batch, encrypted)
                self._read_again(came)
        except Exception as error:  # whatever it was, memory and disk disagree now: raised on, never hidden
            log.exception("sync_not_written")
            raise JournalDiverged(str(error)) from error

    def _record(self, raw: Mapping[str, Any], since: str | None, batch: int, encrypted: Collection[str]) -> None:
        rooms = object_of(raw.get("rooms"))
        for room_id, room in object_of(rooms.get("join")).items():
            if any(event.get("type") in _DOORS for part in ("state", "timeline") for event in _events(room, part)):
                self._doubtful.add(room_id)
            switched_on = any(map(_switches_on, _events(room, "state")))  # before what stands in the timeline
            timeline = object_of(object_of(room).get("timeline"))
            self._record_room(room_id, timeline, since, batch, encrypted=switched_on or room_id in encrypted)
        for room_id, room in object_of(rooms.get("invite")).items():
            self._record_invite(room_id, objects_of(object_of(object_of(room).get("invite_state")).get("events")), batch)
        for room_id in object_of(rooms.get("leave")):
            self._client.rooms.pop(room_id, None)  # nio keeps rooms that it was thrown out of
            self._journal.leave_room(room_id)
            log.info("room_left", room=room_id)

    def _record_to_device(self, events: Sequence[Mapping[str, Any]], batch: int) -> None:
        waiting = self._journal.waiting("verification")
        for number, event in enumerate(events):
            if verifies(event) and waiting + number >= _MOST_VERIFICATIONS:
                self._dropped("verification", "too_many", str(event.get("sender")))
            elif verifies(event):
                event_id = f"to_device:{batch}:{number}"
                self._journal.add(event_id=event_id, room_id=TO_DEVICE, kind="verification", source=dict(event), batch=batch)

    def _record_room(self, room_id: str, timeline: Mapping[str, Any], since: str | None, batch: int, *, encrypted: bool) -> None:
        known = self._journal.enter_room(room_id)
        if since is None:
            return  # a new device: what was said before it existed is not for it
        sources = objects_of(timeline.get("events"))
        joined_at = None if known else _own_join(sources, self._client.user_id)
        previous = timeline.get("prev_batch")
        if timeline.get("limited") and joined_at is None and isinstance(previous, str):
            self._journal.open_gap(Gap(room_id, batch, since, previous, awaits_join=not known, encrypted=encrypted))
        for source in sources[joined_at + 1 if joined_at is not None else 0 :]:
            encrypted = encrypted or _switches_on(source)
            self._take(room_id, source, batch, encrypted=encrypted)

    def _record_invite(self, room_id: str, state: Sequence[Mapping[str, Any]], batch: int) -> None:
        for event in state:
            membership = object_of(event.get("content")).get("membership")
            if event.get("type") == "m.room.member" and event.get("state_key") == self._client.user_id and membership == "invite":
                source = {"inviter": event.get("sender")}
                self._journal.add(event_id=f"invite:{room_id}:{batch}", room_id=room_id, kind="invite", source=source, batch=batch)

    def _take(
        self, room_id: str, source: Mapping[str, Any], batch: int, *, encrypted: bool = True, fills_gap: bool = False
    ) -> None:
        """Write an event of a timeline into the inbox, decrypted; or keep it until it can be. `encrypted`: the room was, at that time."""
        if "redacted_because" in object_of(source.get("unsigned")):
            return  # it was taken back
        if source.get("type") != ENCRYPTED:
            in_clear = encrypted and source.get("type") == "m.room.message"
            self._add(room_id, source, "event:plaintext" if in_clear else "event", batch, fills_gap=fills_gap)
            return
        try:
            plain = self._encryption.decrypt(source, room_id)
        except Undecryptable as error:
            if source.get("sender") == self._client.user_id:
                return
            metrics.undecryptable_events.inc()
            kept = self._journal.keep(source, room_id, session_id=error.session_id, batch=batch, now=self._now())
            if kept <= _LOGGED_OF_A_ROOM:
                log.info("event_kept", event_id=source["event_id"], reason=error.reason, session=error.session_id)
        except Worthless as error:
            self._dropped("megolm", error.reason, str(source.get("sender")))
        else:
            heard = plain.device.signed or not self._encryption.only_signed
            self._add(room_id, plain.source, "event" if heard else "event:unsigned", batch, fills_gap=fills_gap)

    def _add(self, room_id: str, source: Mapping[str, Any], kind: str, batch: int, *, fills_gap: bool) -> None:
        if verifies(source) and isinstance(source.get("event_id"), str):  # our other devices' words matter as well
            kind = "verification"
        if kind == "verification" or readable(source, self._client.user_id):
            self._journal.add(
                event_id=source["event_id"], room_id=room_id, kind=kind, source=dict(source), batch=batch, fills_gap=fills_gap
            )

    # What could not be decrypted

    def _read_again(self, session_ids: Collection[str] | None) -> None:
        """Try once more what was kept: that of these sessions, or all. What can be read now goes into the inbox, at its place."""
        kept = self._journal.unreadable() if session_ids is None else [e for s in session_ids for e in self._journal.unreadable(s)]
        for event in kept:
            with self._journal.transaction():
                if self._is_ready(event):
                    self._journal.let_go(event.event_id)
                    if event.told:  # said again, it would have its effect twice
                        log.info("event_came_too_late", event_id=event.event_id)
                    else:
                        self._take(event.room_id, event.source, event.batch)

    def _is_ready(self, event: Unreadable) -> bool:
        try:
            self._encryption.decrypt(event.source, event.room_id)
        except Undecryptable:
            return False
        except Worthless:
            return True
        return True

    def _look_after_unreadable(self) -> None:
        now = self._now()
        told = self._journal.give_word(now - self._patience)
        gone = self._journal.forget(now - _KEPT_FOR)
        if told or gone:
            log.warning("events_unreadable", waiting_too_long=told, given_up=gone)

    # Gaps

    async def _fill_gaps(self) -> None:
        """Fetch what the syncs left out, page by page; each page is written with the token where the next begins."""
        for gap in self._journal.gaps():
            current: Gap | None = gap
            while current is not None and not self._stopping.is_set():
                try:
                    current = await self._fill_page(current)
                except ChatRefused as error:
                    log.error("gap_lost", room=gap.room_id, reason=str(error))
                    self._journal.close_gap(gap)
                    current = None
                except ChatUnavailable as error:
                    log.warning("gap_not_filled", room=gap.room_id, reason=str(error))
                    current = None  # the other rooms do not wait for this one

    async def _fill_page(self, gap: Gap) -> Gap | None:
        query = urlencode({"dir": "f", "from": gap.start, "to": gap.stop, "limit": str(_PAGE)})
        page = await self._client.call("GET", f"{room_path(gap.room_id)}/messages?{query}")
        sources, end = objects_of(page.get("chunk")), page.get("end")
        joined_at = _own_join(sources, self._client.user_id) if gap.awaits_join else -1
        with self._journal.transaction():
            if joined_at is not None:
                for source in sources[joined_at + 1 :]:
                    encrypted = gap.encrypted or self._encryption.rooms.encrypted_at(gap.room_id, source.get("origin_server_ts"))
                    self._take(gap.room_id, source, gap.batch, encrypted=encrypted, fills_gap=True)
            if not isinstance(end, str) or end == gap.stop or not sources:
                self._journal.close_gap(gap)
                return None
            rest = replace(gap, start=end, awaits_join=gap.awaits_join and joined_at is None)
            self._journal.open_gap(rest)
            return rest


def _switches_on(event: Mapping[str, Any]) -> bool:
    return event.get("type") == ENCRYPTION and event.get("state_key") == ""


def _events(room: object, part: str) -> list[dict[str, Any]]:
    return objects_of(object_of(object_of(room).get(part)).get("events"))


def _own_join(sources: Sequence[Mapping[str, Any]], user_id: str) -> int | None:
    """Return where our own join stands, or None. A change of our name is a join as well, but follows one."""
    for position, source in enumerate(sources):
        if source.get("type") != "m.room.member" or source.get("state_key") != user_id:
            continue
        before = object_of(object_of(source.get("unsigned")).get("prev_content"))
        if object_of(source.get("content")).get("membership") == "join" and before.get("membership") != "join":
            return position
    return None
