"""Our place in the homeserver's stream: how the next sync is asked for, and what if the homeserver does not know the place any more.

A homeserver that was put back to an older state has forgotten what came after it, and gives the same places in the stream to other
events. Asked for what came since a place that it has not reached yet, Synapse 1.163 answers with nothing and goes on from where it is: what
was said up to then never comes. So it is asked, whenever it was away, whether it still has the last event that we have seen.

A place that is lost is given up: the next sync gives everything, and from it, and from the history if need be, is taken what came after
what we have seen. What is taken a second time has its effect once: the shared database knows it by its event id.
"""

import random
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import quote, urlencode

import structlog

from bot.clock import real_time_in
from bot.errors import ChatRefused, ChatUnavailable, Forbidden, HomeserverAway, NeverAccepted, SlowDown
from bot.matrix.client import GuardedClient
from bot.matrix.crypto.values import object_of, objects_of
from bot.matrix.events import own_join, room_path
from bot.matrix.journal import Heard, Journal

log = structlog.get_logger(__name__)

_SLOW, _SLOW_AT_FIRST, _SLOWEST = 5.0, 30.0, 300.0
"""Seconds for which an answer is waited for, beyond what the homeserver was asked to wait; and while it gives everything. Doubled while
the homeserver is there, but does not manage."""

_AT_ONCE = 1.0
_POSITION = re.compile(r"([a-z]?)(\d{1,18})(?=\D|$)")
"""How a place begins with most homeservers: a number that grows with every event (`s1234_…`)."""

_PAGE, _MOST_PAGES, _MOST_CHECKS = 200, 5, 4
_OTHERS_CLOCKS = 10 * 60 * 1000  # milliseconds by which the clocks of homeservers may differ


class PlaceLost(ChatUnavailable):
    """The homeserver does not know our place in its stream any more: the next sync gives everything."""


@dataclass(frozen=True, slots=True)
class News:
    """A sync. `since`: where it goes on from, None for a new device; `told`: what of it is to be taken, in the form of a sync.

    `begins_anew`: our place was lost. `idle`: there is nothing in it, and the homeserver did not wait for something either.
    """

    raw: dict[str, Any]
    since: str | None
    told: dict[str, Any]
    begins_anew: bool = False
    idle: bool = False


class Stream:
    """Asks for syncs. `wanted`: the filter."""

    def __init__(self, client: GuardedClient, journal: Journal, wanted: str) -> None:
        self._client = client
        self._journal = journal
        self._filter = wanted
        self._fresh = True  # the next sync asks for the whole state: nio forgets its rooms with the process
        self._away = False
        self._in_doubt = True  # whether the homeserver is still the one that told us of our place
        self._unchecked = 0  # how often it could not say whether it is
        self._lost = False
        self._different = count(random.randrange(2, 1000))  # noqa: S311  (another one than the last process had)
        self._too_slow = 0  # how often in succession it was there, but did not manage to answer in time

    async def next(self, wait_ms: int) -> News:
        """Return the next sync, to be written by the caller. Raises `ChatUnavailable` and `LoginFailed`."""
        try:
            return await self._next(wait_ms)
        except HomeserverAway:
            self._away = self._in_doubt = True
            raise

    def written(self) -> None:
        """The sync was written: the next one goes on from it."""
        self._fresh = self._lost = False

    async def _next(self, wait_ms: int) -> News:
        if self._away:
            await self._probe()
        since = self._journal.next_batch()
        if self._in_doubt:
            await self._check(since)
        asked_at = time.monotonic()
        raw = await self._sync(since, wait_ms)
        if self._lost:
            return News(raw, since, await self._what_is_new(raw), begins_anew=True)
        if since is not None and (reason := _contradicts(raw, since)):
            self._give_up(reason)
            raise PlaceLost(reason)
        idle = wait_ms / 1000 > _AT_ONCE > time.monotonic() - asked_at and _is_empty(raw)
        return News(raw, since, raw, idle=idle)

    async def _probe(self) -> None:
        """Find out whether the homeserver is there, by what costs it next to nothing. Raises `HomeserverAway` and `SlowDown`."""
        try:
            await self._client.probe()
        except (HomeserverAway, SlowDown):
            raise
        except ChatUnavailable as error:
            log.info("homeserver_answers", answer=str(error))  # something else than we would like, but it is there
        self._away = False

    async def _check(self, since: str | None) -> None:
        """Give up our place if the homeserver does not have the last event that we have seen. Raises `ChatUnavailable`."""
        last = self._journal.last_heard()
        if last is not None and since is not None and not self._lost:
            try:
                await self._client.insist(f"{room_path(last.room_id)}/event/{quote(last.event_id, safe='')}")
            except (HomeserverAway, SlowDown):
                raise
            except (Forbidden, NeverAccepted) as error:  # that is no sign that it is not there
                log.info("last_event_not_shown", room=last.room_id, reason=str(error))
            except ChatRefused:
                self._give_up("the homeserver does not have the last event that it told us of")
            except ChatUnavailable as error:
                self._unchecked += 1
                if self._unchecked < _MOST_CHECKS:  # the sync would bring other events, by which nobody could tell any more
                    raise
                log.warning("last_event_not_looked_at", room=last.room_id, reason=str(error))
        self._in_doubt, self._unchecked = False, 0

    async def _sync(self, since: str | None, wait_ms: int) -> dict[str, Any]:
        everything = self._fresh or self._lost
        if (
            self._lost
        ):  # no two such requests are the same: Synapse answers the second out of its cache, with what was two minutes ago
            wait_ms = next(self._different)
        query = {"timeout": str(wait_ms), "filter": self._filter} | ({"full_state": "true"} if everything else {})
        goes_on = since is not None and not self._lost
        query |= {"since": since} if since is not None and goes_on else {}
        seconds = min(_SLOWEST, (_SLOW_AT_FIRST if everything else _SLOW) * 2.0**self._too_slow)
        try:
            raw = await self._client.insist(f"/sync?{urlencode(query)}", seconds=wait_ms / 1000 + seconds)
        except HomeserverAway as error:
            self._too_slow += isinstance(error.__cause__, TimeoutError)
            raise
        except ChatUnavailable as error:
            if goes_on and (isinstance(error, NeverAccepted) or str(error).startswith("M_UNKNOWN_POS")):
                self._give_up(str(error))
                raise PlaceLost(str(error)) from error
            if isinstance(error, NeverAccepted):  # it gives nothing at all: the place is not what is wrong
                self._lost = False
            raise
        self._too_slow = 0
        return raw

    def _give_up(self, reason: str) -> None:
        log.warning("place_in_stream_lost", reason=reason)
        self._lost = True

    # After the place was lost

    async def _what_is_new(self, raw: dict[str, Any]) -> dict[str, Any]:
        """Return of a sync that gives everything what we have not seen. Rooms that are not in it any more are rooms that we have left.

        Raises `ChatUnavailable`.
        """
        rooms = object_of(raw.get("rooms"))
        joined = object_of(rooms.get("join"))
        told = {room_id: await self._new_in(room_id, object_of(room)) for room_id, room in joined.items()}
        gone: dict[str, Any] = {room_id: {} for room_id in self._journal.rooms() - joined.keys()}
        return {**raw, "rooms": {**rooms, "join": told, "leave": gone | object_of(rooms.get("leave"))}}

    async def _new_in(self, room_id: str, room: dict[str, Any]) -> dict[str, Any]:
        """Return a room of a sync with what is new in it; what the sync has left out is fetched, up to `_MOST_PAGES`."""
        timeline, heard = object_of(room.get("timeline")), self._journal.heard(room_id)
        events, before = objects_of(timeline.get("events")), timeline.get("prev_batch")
        page, pages = events, _MOST_PAGES if timeline.get("limited") and (heard or room_id not in self._journal.rooms()) else 0
        while pages and isinstance(before, str) and self._seen_up_to(events, heard) is None and not _are_old(page, heard):
            query = {"dir": "b", "from": before, "limit": str(_PAGE)}
            try:
                answer = await self._client.insist(f"{room_path(room_id)}/messages?{urlencode(query)}")
            except ChatRefused as error:
                log.warning("history_not_shown", room=room_id, reason=str(error))
                break
            page, before, pages = objects_of(answer.get("chunk")), answer.get("end"), pages - 1
            events = [*reversed(page), *events]
        return {**room, "timeline": {"events": self._unseen(room_id, events, heard), "limited": False}}

    def _unseen(self, room_id: str, events: Sequence[dict[str, Any]], heard: Heard | None) -> list[dict[str, Any]]:
        """Return what came after that which we have seen; if that is not there any more, what is not older than it."""
        seen = self._seen_up_to(events, heard)
        if seen is not None:
            return list(events[seen + 1 :])
        if heard is not None:
            return [event for event in events if not _are_old([event], heard)]
        return list(events) if room_id in self._journal.rooms() else []  # an older Netzwart did not write down what it had seen

    def _seen_up_to(self, events: Sequence[Mapping[str, Any]], heard: Heard | None) -> int | None:
        """Return where the last event stands that we have seen, or our own coming; None if neither is among these events."""
        last = [n for n, event in enumerate(events) if heard is not None and event.get("event_id") == heard.event_id]
        joined_at = own_join(events, self._client.user_id)
        return max([*last, *([] if joined_at is None else [joined_at])], default=None)


def _are_old(events: Sequence[Mapping[str, Any]], heard: Heard | None) -> bool:
    """Whether all these events were sent before that which we have seen last, by more than clocks differ; or before we saw anything."""
    if heard is None:
        return False
    limit = max(heard.began or 0, heard.at - _OTHERS_CLOCKS)
    return bool(events) and all(isinstance(at := event.get("origin_server_ts"), int) and at <= limit for event in events)


def _contradicts(raw: Mapping[str, Any], since: str) -> str | None:
    """Return how a sync contradicts the place from which it was to go on, None if it does not."""
    following = raw.get("next_batch")
    if not isinstance(following, str):
        return None
    if following == since and _events_in(raw):
        return "the homeserver repeats what it has said"
    here, there = _POSITION.match(since), _POSITION.match(following)
    if here and there and here[1] == there[1] and int(there[2]) < int(here[2]):
        return "the homeserver has gone back behind our place"
    return None


def _events_in(raw: Mapping[str, Any]) -> bool:
    joined = object_of(object_of(raw.get("rooms")).get("join")).values()
    events = any(objects_of(object_of(object_of(room).get("timeline")).get("events")) for room in joined)
    return events or bool(objects_of(object_of(raw.get("to_device")).get("events")))


def _is_empty(raw: Mapping[str, Any]) -> bool:
    rooms, lists = object_of(raw.get("rooms")), object_of(raw.get("device_lists"))
    return not (any(rooms.values()) or any(lists.values()) or _events_in(raw))


def heard_in(rooms: Mapping[str, Any]) -> list[Heard]:
    """Return the last event of each room in a sync; when, is by the homeserver's clock, but not later than now by ours."""
    now = int(real_time_in(0).timestamp() * 1000)
    found: list[Heard] = []
    for room_id, room in rooms.items():
        events = objects_of(object_of(object_of(room).get("timeline")).get("events"))
        named = [event for event in events if isinstance(event.get("event_id"), str)]
        if named:
            at: Any = named[-1].get("origin_server_ts")
            found.append(Heard(room_id, named[-1]["event_id"], min(at, now) if isinstance(at, int) else now))
    return found
