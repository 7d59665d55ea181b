"""What a person sees: the events of their rooms, in the order in which they arrived.

`Reader` is the whole reading side. A client that can decrypt replaces it by something of the same shape (`Reading`).
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol, TypeAlias, cast

from bot.demo.api import Api, Json, client
from bot.demo.errors import Missing, Unreachable
from bot.demo.texts import _

LONG_POLL = 30_000  # milliseconds
TIMELINE = 100  # events of a room in one sync; a longer gap is filled from /messages
RETRY_AFTER = 0.2  # seconds, while the homeserver does not answer (a test restarts it)
NOTHING = {"not_types": ["*"]}
FILTER = json.dumps(
    {
        "presence": NOTHING,
        "account_data": NOTHING,
        "room": {"ephemeral": NOTHING, "account_data": NOTHING, "timeline": {"limit": TIMELINE}},
    }
)


@dataclass(frozen=True, slots=True)
class Seen:
    """An event as one person's client got it. `number` counts what this client has seen; later is higher.

    An invite, of which only a part is shown to the invited, has no event id and the time 0. `encrypted`: it came encrypted.
    """

    number: int
    room_id: str
    event_id: str
    sender: str
    type: str
    content: Json
    state_key: str | None
    unsigned: Json
    at: datetime
    encrypted: bool = False

    @property
    def body(self) -> str:
        """The text of a message; empty for anything else."""
        return str(self.content.get("body", "")) if self.type == "m.room.message" else ""

    @property
    def msgtype(self) -> str:
        """`m.text`, `m.notice`, … of a message; empty for anything else."""
        return str(self.content.get("msgtype", ""))

    @property
    def relation(self) -> Json:
        """What `m.relates_to` says; empty if nothing."""
        found: object = self.content.get("m.relates_to")
        return cast("Json", found) if isinstance(found, dict) else {}

    @property
    def replies_to(self) -> str | None:
        """The event id that a message replies to. The fallback that a message in a thread carries is none."""
        reply: object = self.relation.get("m.in_reply_to")
        if not isinstance(reply, dict) or self.relation.get("is_falling_back"):
            return None
        return str(cast("Json", reply).get("event_id"))

    @property
    def thread(self) -> str | None:
        """The event id of the root of the thread that a message is in."""
        return self._related_by("m.thread")

    @property
    def replaces(self) -> str | None:
        """The event id of the message that this one is an edit of."""
        return self._related_by("m.replace")

    @property
    def reacts_to(self) -> str | None:
        """The event id that a reaction is about."""
        return self._related_by("m.annotation")

    @property
    def key(self) -> str:
        """The emoji of a reaction; empty for anything else."""
        return str(self.relation.get("key", "")) if self.type == "m.reaction" else ""

    @property
    def membership(self) -> str:
        """`invite`, `join`, `leave`, `ban` or `knock` of `state_key`; empty if this is no such event."""
        return str(self.content.get("membership", "")) if self.type == "m.room.member" else ""

    @property
    def membership_before(self) -> str:
        """The membership that this event ends, as far as the homeserver says; empty if there was none."""
        return str(self.unsigned.get("prev_content", {}).get("membership", ""))

    @property
    def reason(self) -> str:
        """Why somebody was invited, kicked, or left; empty if nobody said."""
        return str(self.content.get("reason", ""))

    def _related_by(self, kind: str) -> str | None:
        return str(self.relation.get("event_id")) if self.relation.get("rel_type") == kind else None


Predicate: TypeAlias = Callable[[Seen], bool]


def event(event_id: str) -> Predicate:
    """Return whether it is the event `event_id`."""
    return lambda seen: seen.event_id == event_id


def message(
    *,
    room: str | None = None,
    sender: str | None = None,
    containing: str = "",
    answers: str | None = None,
    msgtype: str | None = None,
) -> Predicate:
    """Return whether it is a message, no edit, and all that is given holds; `answers`: the event id it replies to."""

    def fits(seen: Seen) -> bool:
        wanted = [(room, seen.room_id), (sender, seen.sender), (msgtype, seen.msgtype), (answers, seen.replies_to)]
        is_message = seen.type == "m.room.message" and seen.replaces is None and bool(seen.content)
        return is_message and containing in seen.body and all(want in (None, have) for want, have in wanted)

    return fits


def reaction(to: str, key: str | None = None, *, sender: str | None = None) -> Predicate:
    """Return whether it is a reaction to the event `to`, with the emoji `key` and by `sender` if these are given."""
    return lambda seen: (
        seen.type == "m.reaction" and seen.reacts_to == to and key in (None, seen.key) and sender in (None, seen.sender)
    )


def member(room: str, user_id: str, membership: str) -> Predicate:
    """Return whether it is the event by which `user_id` becomes `membership` in `room`."""
    return lambda seen: (seen.room_id, seen.state_key, seen.membership) == (room, user_id, membership)


class Reading(Protocol):
    """What a person needs of a reading side."""

    @property
    def seen(self) -> Sequence[Seen]:
        """All that has arrived, oldest first."""
        ...

    async def start(self) -> None:
        """Read what there is, then go on reading until `stop()`."""
        ...

    async def stop(self) -> None:
        """Stop reading."""
        ...

    async def first(self, predicate: Predicate, after: int = 0) -> Seen:
        """Return the first event with a number above `after` that fits; wait until there is one."""
        ...


class Crypto(Protocol):
    """What a reading side needs to read encrypted rooms."""

    def learn(self, sync: Json) -> None:
        """Take the keys out of a sync."""
        ...

    async def ask(self) -> None:
        """Ask for the keys that are missing."""
        ...

    def read(self, room_id: str, raw: Json) -> Json | None:
        """Return an event in clear, None if it cannot be read (yet)."""
        ...


class Reader:
    """Reads by a `/sync` task of its own, encrypted rooms too if it has the `crypto` for them.

    Goes on where it was when the homeserver comes back.
    """

    def __init__(self, api: Api, crypto: Crypto | None = None) -> None:
        self._api = api
        self._crypto = crypto
        self._unread: list[tuple[str, Json]] = []  # what could not be decrypted yet
        self._seen: list[Seen] = []
        self._known: set[str] = set()
        self._news = asyncio.Event()
        self._since: str | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def seen(self) -> Sequence[Seen]:
        """All that has arrived, oldest first."""
        return self._seen

    async def start(self) -> None:
        """Read what there is, then go on reading in the background."""
        await self._sync(wait=0)
        self._task = asyncio.create_task(self._read(), name=f"reading at {self._api.url}")
        self._task.add_done_callback(lambda _task: self._wake())  # whoever waits learns that nothing more will come

    async def stop(self) -> None:
        """Stop reading."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def first(self, predicate: Predicate, after: int = 0) -> Seen:
        """Return the first event with a number above `after` that fits; wait until there is one.

        Raises what ended the reading, if it has ended (`Refused` when the account was logged out).
        """
        while True:
            news, arrived = self._news, self._seen[after:]
            for seen in arrived:
                if predicate(seen):
                    return seen
            after += len(arrived)
            if self._task is not None and self._task.done():
                self._task.result()
            await news.wait()

    async def _read(self) -> None:
        while True:
            try:
                await self._sync(wait=LONG_POLL)
            except Unreachable:
                await asyncio.sleep(RETRY_AFTER)

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _sync(self, *, wait: int) -> None:
        query = {"timeout": str(wait), "filter": FILTER} | ({"since": self._since} if self._since else {})
        answer = await self._api.request("GET", client("sync"), query=query, within=wait / 1000 + 30)
        if self._crypto is not None:
            self._crypto.learn(answer)
        rooms: Json = answer.get("rooms", {})
        for section in ("join", "leave"):
            for room_id, room in rooms.get(section, {}).items():
                await self._take_timeline(room_id, room.get("timeline", {}))
        for room_id, room in rooms.get("invite", {}).items():
            self._take(room_id, room["invite_state"]["events"])
        self._since = str(answer["next_batch"])
        if self._crypto is not None:
            await self._crypto.ask()
            self._read_again()
        self._wake()

    async def _take_timeline(self, room_id: str, timeline: Json) -> None:
        if timeline.get("limited") and self._since is not None:
            await self._fill_gap(room_id, self._since, str(timeline["prev_batch"]))
        self._take(room_id, timeline.get("events", []))

    async def _fill_gap(self, room_id: str, since: str, until: str) -> None:
        """Read what a limited timeline left out: spec, client-server API, "Syncing"."""
        position: str | None = since
        while position is not None:
            query = {"dir": "f", "from": position, "to": until, "limit": str(TIMELINE)}
            page = await self._api.request("GET", client("rooms", room_id, "messages"), query=query)
            self._take(room_id, page["chunk"])
            position = page.get("end") if page["chunk"] else None

    def _take(self, room_id: str, events: Iterable[Json]) -> None:
        for raw in events:
            event_id = str(raw.get("event_id", ""))
            if event_id not in self._known or not event_id:
                self._known.add(event_id)
                self._see(room_id, raw)

    def _see(self, room_id: str, raw: Json) -> None:
        if self._crypto is None or raw.get("type") != "m.room.encrypted":
            self._seen.append(_seen(len(self._seen) + 1, room_id, raw))
        elif (clear := self._crypto.read(room_id, raw)) is not None:
            self._seen.append(replace(_seen(len(self._seen) + 1, room_id, clear), encrypted=True))
        else:
            self._unread.append((room_id, raw))

    def _read_again(self) -> None:
        """Read what could not be read before: its key may have come meanwhile."""
        unread, self._unread = self._unread, []
        for room_id, raw in unread:
            self._see(room_id, raw)


def _seen(number: int, room_id: str, raw: Json) -> Seen:
    return Seen(
        number=number,
        room_id=room_id,
        event_id=str(raw.get("event_id", "")),
        sender=str(raw["sender"]),
        type=str(raw["type"]),
        content=raw.get("content", {}),
        state_key=raw.get("state_key"),
        unsigned=raw.get("unsigned", {}),
        at=datetime.fromtimestamp(raw.get("origin_server_ts", 0) / 1000, tz=UTC),
    )


async def first_within(reading: Reading, predicate: Predicate, within: float, after: int, what: str) -> Seen:
    """Return `reading.first(predicate, after)`; raise `Missing` (`what`) after `within` seconds."""
    try:
        async with asyncio.timeout(within):
            return await reading.first(predicate, after)
    except TimeoutError:
        raise Missing(_("In %(seconds)g Sekunden nicht angekommen: %(what)s", seconds=within, what=what)) from None
