"""The drain: the only sender. It takes deliveries out of the database, asks once more whether they are wanted, and sends them.

What is sent is at least once under an idempotent transaction id, which in the room is once: the id follows from the delivery's key. A
row that may have been sent longer ago than the homeserver remembers ids, or by another device, is looked for in the room first.

A file is uploaded before the message that it belongs to is sent, and again with each try: what is uploaded in vain is seen by nobody.
"""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot import metrics
from bot.clock import Clock
from bot.db import attachments, deliveries
from bot.db.deliveries import Delivery
from bot.db.engine import Database, Unavailable, reason_of
from bot.errors import ChatRefused, ChatUnavailable, Forbidden, NeverAccepted
from bot.network_rooms import NetworkRooms
from bot.rendering import files

log = structlog.get_logger(__name__)

AT_ONCE = 16
"""Messages in flight: enough to keep a homeserver busy, few enough that each is quick."""

LEASE = timedelta(seconds=120)
"""How long a row that somebody took is left to it; longer than a send may take."""

REMEMBERED_FOR = timedelta(hours=20)
"""Synapse forgets transaction ids after 24 h."""

_FILE_MAY_WAIT = timedelta(minutes=10)
"""How long an upload that fails is tried again, and its room waits; then the words are said without the file."""

_FIRST_PAUSE = timedelta(seconds=2)
_LONGEST_PAUSE = timedelta(minutes=5)
_LOOK_AGAIN = 30.0


class Chat(Protocol):
    """The seam to the rooms."""

    async def send(self, room_id: str, event_type: str, content: Mapping[str, object], transaction_id: str) -> str:
        """Send an event and return its id. Raises `ChatUnavailable`, or `ChatRefused` if another try is pointless."""
        ...

    async def upload(self, room_id: str, name: str, mimetype: str, data: bytes) -> dict[str, object]:
        """Upload a file for a message in this room. Return what the message's content needs to show it: `{"url": "mxc://…"}`, or
        `{"file": EncryptedFile}` where the room is encrypted (Client-Server API v1.18, 11.2.1.8). Raises as `send` does."""
        ...

    async def find(self, room_id: str, key: str) -> str | None:
        """Return the id of our own event that carries the delivery's key in this room, if it stands there."""
        ...


StillWanted = Callable[[AsyncSession, Delivery, datetime], Awaitable[str | None]]
"""Returns None if a delivery is still wanted, else why not."""


def transaction_id(key: str) -> str:
    """Return the transaction id for a delivery: the same key, the same event, however often it is sent."""
    return f"netzwart-{hashlib.sha256(key.encode()).hexdigest()[:40]}"


class Drain:
    """Sends what is due, room by room in order, several rooms at once."""

    def __init__(
        self, *, database: Database, chat: Chat, network_rooms: NetworkRooms, clock: Clock, device: str, still_wanted: StillWanted
    ) -> None:
        self._database = database
        self._chat = chat
        self._rooms = network_rooms
        self._clock = clock
        self._device = device
        self._still_wanted = still_wanted
        self._woken = asyncio.Event()
        self._stopping = False
        self._in_flight: dict[asyncio.Task[None], int] = {}  # each with the id of its row

    def wake(self) -> None:
        """Look now: something was written down."""
        self._woken.set()

    async def try_again(self, rooms: Collection[str]) -> None:
        """Let nothing wait any longer that is for these rooms (keys, or room ids): we have come into them."""
        async with self._database.begin() as session:
            await deliveries.retry_now(session, rooms)
        self.wake()

    def stop(self) -> None:
        """Finish what is being sent, then return from `run`. Nothing is cut off in the middle."""
        self._stopping = True
        self._woken.set()

    async def run(self) -> None:
        """Send until `stop()`."""
        while not self._stopping:
            self._woken.clear()
            try:
                busy = await self.send_due()
            except Unavailable as error:
                log.error("database_unavailable", task="drain", reason=reason_of(error))
                busy = False
            if not busy:
                await self._rest()
        await asyncio.gather(*self._in_flight)

    async def _rest(self) -> None:
        """Wait until something is written down, a room is free again, or the next retry comes."""
        try:
            async with self._database.begin() as session:
                again = await deliveries.next_retry(session, self._clock.now())
        except Unavailable:
            again = None
        pause = _LOOK_AGAIN
        if again is not None:
            pause = min(pause, self._clock.real_seconds_until(again))
        try:
            async with asyncio.timeout(max(pause, 0.05)):
                await self._woken.wait()
        except TimeoutError:
            return

    async def send_due(self) -> bool:
        """Take and start what may be sent now. Return whether anything was taken. Waits while too much is in flight."""
        free = AT_ONCE - len(self._in_flight)
        if free <= 0:
            await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)
            free = AT_ONCE - len(self._in_flight)
        async with self._database.begin() as session:
            now = self._clock.now()
            rows = await deliveries.claim(
                session, by=self._device, now=now, lease=LEASE, most=free, in_flight=self._in_flight.values()
            )
            wanted = [row for row in rows if await self._check(session, row, now)]
        for row in wanted:
            task = asyncio.create_task(self._deliver(row), name=f"deliver {row.key}")
            self._in_flight[task] = row.id
            task.add_done_callback(self._landed)
        return bool(rows)

    async def settle(self) -> None:
        """Send everything that can be sent now, and wait until it is done (for tests and for the end of a run)."""
        while await self.send_due() or self._in_flight:
            if self._in_flight:
                await asyncio.wait(self._in_flight)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._in_flight.pop(task)
        if task.cancelled() or task.exception() is None:
            self._woken.set()
        else:  # not woken: the next look comes by itself, and what cannot be written down must not spin
            log.error("delivery_task_failed", task=task.get_name(), exc_info=task.exception())

    async def _check(self, session: AsyncSession, row: Delivery, now: datetime) -> bool:
        try:
            async with session.begin_nested():
                unwanted = await self._still_wanted(session, row, max(now, row.created_at))  # it may be newer than our look
        except Unavailable:
            raise
        except Exception:  # facts that cannot be read concern this row and no other; logged whole
            log.exception("delivery_not_checked", key=row.key)
            await deliveries.release(session, row.id, retry_at=now + _LONGEST_PAUSE, note="could not be checked")
            return False
        if unwanted is None:
            return True
        await deliveries.mark_dropped(session, row.id, unwanted, now)
        metrics.deliveries.labels("dropped").inc()
        log.info("delivery_dropped", key=row.key, reason=unwanted)
        return False

    async def _deliver(self, row: Delivery) -> None:
        try:
            event_id = await self._place_in_room(row)
        except ChatUnavailable as unavailable:
            await self._not_sent(row, unavailable)
        except Unavailable:
            raise
        except Exception as error:  # a mistake of ours about one row must not hold up the others; logged whole
            log.exception("delivery_broken", key=row.key)
            await self._give_back(row, type(error).__name__, _pause(row.attempts))
        else:
            if event_id is None:
                return
            async with self._database.begin() as session:
                await deliveries.mark_sent(session, row.id, event_id, self._clock.now())
            metrics.deliveries.labels("sent").inc()
            log.info("delivered", key=row.key, room=row.room, event_id=event_id)

    async def _not_sent(self, row: Delivery, error: ChatUnavailable) -> None:
        """Give it up or back. A reaction is not worth holding up a room in which we lack the power for reactions."""
        if isinstance(error, NeverAccepted) or (isinstance(error, Forbidden) and row.event_type == "m.reaction"):
            await self._give_up(row, str(error))
        elif isinstance(error, ChatRefused):
            await self._give_back(row, str(error), _LONGEST_PAUSE)
        else:
            said = timedelta(seconds=error.retry_after) if error.retry_after else None
            await self._give_back(row, str(error), said or _pause(row.attempts))

    async def _place_in_room(self, row: Delivery) -> str | None:
        """Return the event id under which it stands in the room, None if another device has taken it over meanwhile."""
        room_id = self._rooms.room_id(row.room) or row.room
        if not room_id.startswith("!"):
            raise ChatRefused(f"the room {row.room} is not known yet")
        if self._may_stand_there(row) and (found := await self._chat.find(room_id, row.key)):
            return found
        content = await self._content(row)
        if files.carries_file(content):
            content = await self._with_file(row, room_id, content)
        async with self._database.begin() as session:
            if not await deliveries.renew(session, row.id, by=self._device, now=self._clock.now()):
                return None
        return await self._send(row, room_id, content)

    async def _send(self, row: Delivery, room_id: str, content: dict[str, Any]) -> str:
        """Send it; without its relation if the homeserver will not have that one (a thread that cannot be, an answer to nothing)."""
        try:
            return await self._chat.send(room_id, row.event_type, content, transaction_id(row.key))
        except NeverAccepted:
            if row.event_type == "m.reaction" or "m.relates_to" not in content:
                raise
            alone = {name: value for name, value in content.items() if name != "m.relates_to"}
            return await self._chat.send(room_id, row.event_type, alone, transaction_id(row.key))

    def _may_stand_there(self, row: Delivery) -> bool:
        """Whether it may have been sent in a way that the transaction id does not cover."""
        if row.claimed_by is not None and row.claimed_by != self._device:
            return True
        return row.attempts > 0 and self._clock.now() - row.created_at > REMEMBERED_FOR

    async def _content(self, row: Delivery) -> dict[str, Any]:
        if row.annotates is None:
            return row.content
        async with self._database.begin() as session:
            target = await deliveries.event_of(session, row.annotates)
        if target is None:
            raise NeverAccepted(f"{row.annotates}, which it belongs to, was not said")  # it was before it in the same room
        return {**row.content, "m.relates_to": {**row.content["m.relates_to"], "event_id": target}}

    async def _with_file(self, row: Delivery, room_id: str, content: dict[str, Any]) -> dict[str, Any]:
        """Upload the file that goes with it. Where that cannot be, the words have to do: they say the same."""
        async with self._database.begin() as session:
            file = await attachments.of(session, row.key)
        if file is None:
            return files.words_alone(content)
        try:
            return content | await self._chat.upload(room_id, file.name, file.mimetype, file.data)
        except ChatUnavailable as error:
            waits = self._clock.now() - row.created_at < _FILE_MAY_WAIT
            if waits and not isinstance(error, Forbidden | NeverAccepted):
                raise
            log.warning("file_left_out", key=row.key, room=row.room, reason=str(error))
            return files.words_alone(content)

    async def _give_up(self, row: Delivery, reason: str) -> None:
        """Let it go, so that it does not block its room for ever."""
        metrics.deliveries.labels("failed").inc()
        log.error("delivery_failed", key=row.key, room=row.room, reason=reason)
        async with self._database.begin() as session:
            await deliveries.mark_failed(session, row.id, reason, self._clock.now())

    async def _give_back(self, row: Delivery, reason: str, pause: timedelta) -> None:
        metrics.deliveries.labels("postponed").inc()
        log.warning("delivery_postponed", key=row.key, room=row.room, reason=reason, seconds=round(pause.total_seconds()))
        async with self._database.begin() as session:
            await deliveries.release(session, row.id, retry_at=self._clock.now() + pause, note=reason)


def _pause(attempts: int) -> timedelta:
    doubled = _FIRST_PAUSE * (2 ** min(attempts, 10))
    return min(doubled, _LONGEST_PAUSE) * random.uniform(0.75, 1.25)  # noqa: S311  (spreads retries, guards nothing)
