"""The sync loop: what comes from the homeserver is in the journal before anything is done with it.

Each turn, in this order: sync (one transaction: keys, inbox, gaps, place in the stream), key chores, filling of gaps, another look at what
could not be decrypted. Effects and sends are other tasks' work. No callbacks, no `sync_forever`.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import structlog
from nio import SyncResponse

from bot import metrics
from bot.db.engine import reason_of
from bot.errors import ChatRefused, ChatUnavailable
from bot.matrix.client import GuardedClient, JournalDiverged
from bot.matrix.crypto.decryption import ENCRYPTED, Undecryptable, Worthless
from bot.matrix.crypto.encryption import Encryption
from bot.matrix.crypto.guards import parsed_sync
from bot.matrix.crypto.rooms import KIND as ENCRYPTION
from bot.matrix.crypto.store import StoreTrouble
from bot.matrix.crypto.values import object_of, objects_of
from bot.matrix.events import own_join, readable, room_path, verifies
from bot.matrix.journal import INVITES, Gap, Journal, Unreadable
from bot.matrix.reachability import Backoff, asked_to_wait
from bot.matrix.room_changes import RoomChanges, departure
from bot.matrix.stream import News, PlaceLost, Stream, heard_in
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
_NOBODY_WHO_COMES_AND_GOES = json.dumps({"not_types": ["m.room.member"]})
"""Filter for what fills a gap: ten thousand people who join would be fifty pages of nothing to do."""

_DOORS = {"m.room.join_rules", "m.room.history_visibility"}
_LONG_POLL_MS = 10_000  # short, because it is also how we notice that nobody is listening any more
_HOPELESS_AFTER = 5.0
_DISK_PAUSE = 2.0
_VERY_HEAVY = 64 * 2**20
_PAGE, _MOST_EMPTY_PAGES = 200, 50
TO_DEVICE = "to_device"
"""Not a room, but worked off in order as one: whatever strangers send takes one place among those that are worked off at once."""

_MOST_VERIFICATIONS = 200
"""How many events of verifications may wait to be handled. What comes beyond is dropped: anybody can send it."""

_MOST_INVITES, _MOST_INVITES_OF_ONE = 1000, 100
"""How many invites may wait to be answered, in all and of one person. What comes beyond is dropped: anybody can send any number."""

_LOGGED_OF_A_ROOM = 50
"""While more is kept of a room than that, each further event is counted only: anybody there can send any number."""

_KEPT_FOR = 7 * 24 * 3600.0
"""Seconds for which an event is kept that cannot be decrypted: keys that have not come in a week will not come."""


class SyncLoop:
    """Keeps the journal up to date. `arrived` is called when there is something new in it.

    `recovered` is called when a sync works after one or more that failed.
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
        recovered: Callable[[], None] = lambda: None,
        changes: RoomChanges | None = None,
    ) -> None:
        self._client = client
        self._journal = journal
        self._encryption = encryption
        self._arrived = arrived
        self._changes = changes or RoomChanges(client.user_id)
        self._look = look
        self._doubtful: set[str] = set()
        self._dropped = encryption.dropped
        self._patience = patience
        self._now = now
        self._recovered = recovered
        self._stream = Stream(client, journal, _FILTER)
        self._backoff, self._losses, self._idleness = Backoff(), Backoff(), Backoff()
        self._failing = False
        self._pause = 0.0  # seconds until the next turn
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
        while not self._stopping.is_set():
            self._client.shut_out.clear()  # if it was set, this turn finds out for certain, and at once
            turn = unless(self._client.shut_out, self.turn(wait_ms=_LONG_POLL_MS))
            await unless(self._stopping, turn)
            await pause(self._pause, self._stopping)

    async def once(self) -> None:
        """Sync until it has worked once. Raises as `turn`."""
        while not await self.turn(wait_ms=1):
            await pause(self._pause, self._stopping)

    async def turn(self, wait_ms: int) -> bool:
        """Sync once and do the chores. Return whether it worked. Raises `LoginFailed`, `JournalDiverged` and `StoreLost`."""
        try:
            return await self._turn(wait_ms)
        except StoreTrouble as error:  # after the disk was looked at: the last resort is to begin anew from what stands on it
            log.exception("journal_not_written")
            raise JournalDiverged(reason_of(error)) from error

    async def _turn(self, wait_ms: int) -> bool:
        if self._journal.in_trouble and not self._can_keep():
            return False
        try:
            news = await self._stream.next(1 if self._failing else wait_ms)  # to know at once whether it is well again
            parsed = self._parsed(news.raw)
        except ChatUnavailable as error:
            self._failed(error)
            return False
        if not self._can_keep(news):
            return False
        self._write(news, parsed)
        self._stream.written()
        self._worked(news)
        self._synced_at = time.monotonic()
        metrics.last_sync.set(self._now())
        await self._look_at_doors()
        await self._learn()
        self._arrived()  # what fills a gap of one room can take long, and the others do not wait for it
        await self._fill_gaps()
        if self._journal.holds():
            await self._learn()
        self._look_after_unreadable()
        self._arrived()
        return True

    def _can_keep(self, news: News | None = None) -> bool:
        """Whether what comes can be written down: nothing is taken from the homeserver that could be lost here."""
        trouble = self._journal.trouble(lambda: _weight(news.raw) if news else 0)
        if trouble is not None:
            self._pause = _DISK_PAUSE
        return trouble is None

    def _parsed(self, raw: dict[str, Any]) -> SyncResponse:
        parsed = parsed_sync(raw, self._dropped)
        if parsed is None:
            raise ChatUnavailable("what the homeserver answered is not a sync")
        return parsed

    def _failed(self, error: ChatUnavailable) -> None:
        self._failing = True
        backoff = self._losses if isinstance(error, PlaceLost) else self._backoff
        self._pause = backoff.failed(asked_to_wait(error))
        log.warning("sync_failed", reason=str(error), seconds=round(self._pause, 1))
        metrics.sync_failures.inc()

    def _worked(self, news: News) -> None:
        self._backoff.worked()
        if not news.begins_anew:  # that alone does not show that it goes on from there
            self._losses.worked()
        if not news.idle:
            self._idleness.worked()
        self._pause = self._idleness.failed() if news.idle else 0.0
        if self._failing:
            self._failing = False
            self._client.let_go(_HOPELESS_AFTER)
            self._recovered()

    async def _look_at_doors(self) -> None:
        try:
            await self._look(self._doubtful)
            self._doubtful = set()
        except ChatUnavailable as error:
            log.warning("rooms_not_looked_at", reason=str(error))

    # What is written down of a sync

    def _write(self, news: News, parsed: SyncResponse) -> None:
        """Write all that a sync says, or end the process: what nio has in memory and what stands on disk must not disagree."""
        try:
            with self._journal.transaction():
                batch = self._journal.advance(parsed.next_batch)
                encrypted = self._encryption.rooms.encrypted()
                self._client.digest(parsed)
                if news.begins_anew:
                    self._encryption.begin_anew(batch)
                came = self._encryption.learn(news.raw, batch)
                self._record_to_device(objects_of(object_of(news.raw.get("to_device")).get("events")), batch)
                self._record(news.told, news.since, batch, encrypted)
                for heard in heard_in(object_of(object_of(news.raw.get("rooms")).get("join"))):
                    self._journal.hear(heard, batch)
                self._read_again(came)
        except Exception as error:  # whatever it was, memory and disk disagree now: raised on, never hidden
            log.exception("sync_not_written")
            raise JournalDiverged(str(error)) from error

    def _record(self, raw: Mapping[str, Any], since: str | None, batch: int, encrypted: Collection[str]) -> None:
        rooms = object_of(raw.get("rooms"))
        for room_id, room in object_of(rooms.get("join")).items():
            if any(event.get("type") in _DOORS for part in ("state", "timeline") for event in _events(room, part)):
                self._doubtful.add(room_id)
            self._changes.joined(room_id, _events(room, "state"), _events(room, "timeline"))
            switched_on = any(map(_switches_on, _events(room, "state")))  # before what stands in the timeline
            timeline = object_of(object_of(room).get("timeline"))
            self._record_room(room_id, timeline, since, batch, encrypted=switched_on or room_id in encrypted)
        self._record_invites(object_of(rooms.get("invite")), batch)
        left = object_of(rooms.get("leave"))
        before = self._journal.rooms() if left else set[str]()
        for room_id, room in left.items():
            events = [*_events(room, "state"), *_events(room, "timeline")]
            self._leave(room_id, departure(events, self._client.user_id, was_in=room_id in before), batch)

    def _leave(self, room_id: str, how: dict[str, object], batch: int) -> None:
        self._client.rooms.pop(room_id, None)  # nio keeps rooms that it was thrown out of
        self._journal.leave_room(room_id)
        self._journal.add(event_id=f"left:{room_id}:{batch}", room_id=room_id, kind="left", source=how, batch=batch)
        self._changes.left(room_id)
        log.info("room_left", room=room_id)

    def lose(self, room_id: str) -> None:
        """Write down that we are not in a room any more, though no sync has said so."""
        with self._journal.transaction():
            self._leave(room_id, departure([], self._client.user_id, was_in=True), 0)
        self._arrived()

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
        joined_at = None if known else own_join(sources, self._client.user_id)
        previous = timeline.get("prev_batch")
        if timeline.get("limited") and joined_at is None and isinstance(previous, str):
            self._journal.open_gap(Gap(room_id, batch, since, previous, awaits_join=not known, encrypted=encrypted))
        for source in sources[joined_at + 1 if joined_at is not None else 0 :]:
            encrypted = encrypted or _switches_on(source)
            self._take(room_id, source, batch, encrypted=encrypted)

    def _record_invites(self, rooms: Mapping[str, Any], batch: int) -> None:
        """Write down who invites us. All wait in one lane; what is too much stays without an answer: anybody can invite us to anything."""
        invited = {room_id: inviter for room_id, room in rooms.items() if (inviter := _inviter(room, self._client.user_id))}
        waiting = Counter(self._journal.inviters() if invited else ())
        number = waiting.total()
        for room_id, inviter in invited.items():
            if number >= _MOST_INVITES or waiting[inviter] >= _MOST_INVITES_OF_ONE:
                self._dropped("invite", "too_many", inviter)
                continue
            number, waiting[inviter] = number + 1, waiting[inviter] + 1
            source = {"inviter": inviter, "room_id": room_id}
            self._journal.add(event_id=f"invite:{room_id}:{batch}", room_id=INVITES, kind="invite", source=source, batch=batch)

    def _take(
        self,
        room_id: str,
        source: Mapping[str, Any],
        batch: int,
        *,
        encrypted: bool = True,
        fills_gap: bool = False,
        place: int | None = None,
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
            kept = self._journal.keep(
                source,
                room_id,
                session_id=error.session_id,
                batch=batch,
                now=self._now(),
                fills_gap=fills_gap,
                holds=error.unknown_sender is not None,
            )
            if kept <= _LOGGED_OF_A_ROOM:
                log.info("event_kept", event_id=source["event_id"], reason=error.reason, session=error.session_id)
        except Worthless as error:
            self._dropped("megolm", error.reason, str(source.get("sender")))
        else:
            heard = plain.device.signed or not self._encryption.only_signed
            self._add(room_id, plain.source, "event" if heard else "event:unsigned", batch, fills_gap=fills_gap, place=place)

    def _add(
        self, room_id: str, source: Mapping[str, Any], kind: str, batch: int, *, fills_gap: bool, place: int | None = None
    ) -> None:
        if verifies(source) and isinstance(source.get("event_id"), str):  # our other devices' words matter as well
            kind = "verification"
        if kind == "verification" or readable(source, self._client.user_id):
            self._journal.add(
                event_id=source["event_id"],
                room_id=room_id,
                kind=kind,
                source=dict(source),
                batch=batch,
                fills_gap=fills_gap,
                place=place,
            )

    # What could not be decrypted

    async def _learn(self) -> None:
        """Do the chores. What waited for a list of devices is read, if they brought it, and holds up nobody any more."""
        if self._journal.holds():
            self._read_again(None)  # whose devices are to be asked for is not remembered over a crash
        if await self._encryption.chores():
            self._read_again(None)
        self._journal.release()

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
                        self._take(event.room_id, event.source, event.batch, fills_gap=event.fills_gap, place=event.place)

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
            try:
                await self._fill_gap(gap)
            except ChatRefused as error:
                log.error("gap_lost", room=gap.room_id, reason=str(error))
                self._journal.close_gap(gap)
            except ChatUnavailable as error:
                log.warning("gap_not_filled", room=gap.room_id, reason=str(error))  # the other rooms do not wait for this one

    async def _fill_gap(self, gap: Gap) -> None:
        current: Gap | None = gap
        empty = 0
        while current is not None and not self._stopping.is_set():
            current, events = await self._fill_page(current)
            empty = 0 if events else empty + 1
            if empty >= _MOST_EMPTY_PAGES and current is not None:
                raise ChatRefused("the homeserver gives empty pages without an end")

    async def _fill_page(self, gap: Gap) -> tuple[Gap | None, int]:
        """Fetch a page; return what is left of the gap, None if nothing, and how many events were on the page."""
        query = {"dir": "f", "from": gap.start, "to": gap.stop, "limit": str(_PAGE)}
        query |= {} if gap.awaits_join else {"filter": _NOBODY_WHO_COMES_AND_GOES}
        page = await self._client.call("GET", f"{room_path(gap.room_id)}/messages?{urlencode(query)}")
        sources, end = objects_of(page.get("chunk")), page.get("end")
        joined_at = own_join(sources, self._client.user_id) if gap.awaits_join else -1
        with self._journal.transaction():
            if joined_at is not None:
                for source in sources[joined_at + 1 :]:
                    encrypted = gap.encrypted or self._encryption.rooms.encrypted_at(gap.room_id, source.get("origin_server_ts"))
                    self._take(gap.room_id, source, gap.batch, encrypted=encrypted, fills_gap=True)
            if not isinstance(end, str) or end in (gap.start, gap.stop):  # an empty page need not be the last
                self._journal.close_gap(gap)
                return None, len(sources)
            rest = replace(gap, start=end, awaits_join=gap.awaits_join and joined_at is None)
            self._journal.open_gap(rest)
            return rest, len(sources)


def _inviter(room: object, user_id: str) -> str | None:
    """Return who has invited us into a room, as its invite says; None if it does not say so."""
    for event in objects_of(object_of(object_of(room).get("invite_state")).get("events")):
        invites = object_of(event.get("content")).get("membership") == "invite"
        if invites and event.get("type") == "m.room.member" and event.get("state_key") == user_id:
            return str(event.get("sender"))
    return None


def _weight(raw: Mapping[str, Any]) -> int:
    """Return about how many bytes a sync had on its way."""
    try:
        return len(json.dumps(raw))
    except RecursionError:  # somebody's event, perhaps
        return _VERY_HEAVY


def _switches_on(event: Mapping[str, Any]) -> bool:
    return event.get("type") == ENCRYPTION and event.get("state_key") == ""


def _events(room: object, part: str) -> list[dict[str, Any]]:
    return objects_of(object_of(object_of(room).get(part)).get("events"))
