"""The drain: the only sender. It takes deliveries out of the database, asks once more whether they are wanted, and sends them.

Within a room in the order in which they were written down; several rooms at once. Several devices may drain one database: a row is taken by
one of them, and by another only when that one has died.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot import metrics
from bot.clock import Clock
from bot.db import deliveries
from bot.db.deliveries import Delivery
from bot.db.engine import Database, Unavailable
from bot.errors import ChatRefused, ChatUnavailable, Forbidden, HomeserverAway, NeverAccepted, SlowDown
from bot.pace import Pace
from bot.posting import Poster

log = structlog.get_logger(__name__)

AT_ONCE = 16
"""Messages in flight: enough to keep a homeserver busy, few enough that each is quick."""

_FIRST_PAUSE = timedelta(seconds=2)
_LONGEST_PAUSE = timedelta(minutes=5)
_AFTER_A_FAILURE = 2.0


_MAY_HAVE_CHANGED_AFTER = timedelta(minutes=10)
"""How long a row may wait before it is asked whether it would say something else by now."""

StillWanted = Callable[[AsyncSession, Delivery, datetime], Awaitable[str | None]]
"""Returns None if a delivery is still wanted, else why not."""

Refresh = Callable[[AsyncSession, Delivery, datetime], Awaitable[dict[str, Any] | None]]
"""Returns what a delivery has to say now, None if that is what it said when it was written down."""


async def nothing_new(_session: AsyncSession, _row: Delivery, _now: datetime) -> None:
    """What was written down is what is said."""


class Drain:
    """Sends what is due, room by room in order, several rooms at once.

    `alive()` returns the devices, ours among them, whose claims are to be left to them, `gone()` those that died. `look_every`: seconds
    after which it looks even if nobody wakes it; other devices may have left something.
    """

    def __init__(
        self,
        *,
        database: Database,
        poster: Poster,
        clock: Clock,
        device: str,
        still_wanted: StillWanted,
        alive: Callable[[], Collection[str]],
        gone: Callable[[], Collection[str]] = frozenset,
        refresh: Refresh = nothing_new,
        pace: Pace | None = None,
        look_every: float = 30.0,
    ) -> None:
        self._database = database
        self._poster = poster
        self._clock = clock
        self._device = device
        self._still_wanted = still_wanted
        self._alive = alive
        self._gone = gone
        self._refresh = refresh
        self._pace = pace or Pace(AT_ONCE)
        self._look_every = look_every
        self._woken = asyncio.Event()
        self._reminders_wait = False
        self._stopping = False
        self._in_flight: dict[asyncio.Task[None], int] = {}  # each with the id of its row

    def wake(self) -> None:
        """Look now: something was written down."""
        self._woken.set()

    async def try_again(self, rooms: Collection[str] | None) -> None:
        """Let nothing wait any longer that is for these rooms (keys, or room ids): we have come into them. None: the homeserver is back."""
        async with self._database.begin() as session:
            await deliveries.retry_now(session, rooms)
        if rooms is None:
            self._pace.go_on()
        self.wake()

    def hold_reminders(self) -> None:
        """Send no reminders for now: what came while nobody was here may have made them pointless, and is not worked off yet."""
        self._reminders_wait = True

    def let_reminders_go(self) -> None:
        """Send reminders from now on."""
        self._reminders_wait = False
        self.wake()

    def stop(self) -> None:
        """Finish what is being sent, then return from `run`. Nothing is cut off in the middle."""
        self._stopping = True
        self._woken.set()

    async def run(self) -> None:
        """Send until `stop()`."""
        try:
            while not self._stopping:
                self._woken.clear()
                looked_at = self._clock.now()
                try:
                    busy = await self.send_due()
                    pause = 0.0 if busy else await self._until_something_is_due(looked_at)
                except Unavailable:
                    busy, pause = False, _AFTER_A_FAILURE
                if not busy:
                    await self._rest(pause)
        except asyncio.CancelledError:
            for task in self._in_flight:
                task.cancel()
            raise
        finally:  # nobody is to take over what still leaves; `_landed` logs what went wrong
            await asyncio.gather(*self._in_flight, return_exceptions=True)

    async def _until_something_is_due(self, looked_at: datetime) -> float:
        """Return the seconds until the next look. `looked_at`: what has become due since was not seen."""
        if (wait := self._pace.wait()) > 0:
            return wait
        async with self._database.begin() as session:
            again = await deliveries.next_retry(session, looked_at)
        return self._look_every if again is None else min(self._look_every, self._clock.real_seconds_until(again))

    async def _rest(self, seconds: float) -> None:
        """Wait until something is written down or a room is free again, at most so long."""
        try:
            async with asyncio.timeout(max(seconds, 0.05)):
                await self._woken.wait()
        except TimeoutError:
            return

    async def send_due(self) -> bool:
        """Take and start what may be sent now. Return whether anything was taken. Waits while too much is in flight."""
        while len(self._in_flight) >= self._pace.at_once:
            await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)
        if self._stopping or self._pace.wait() > 0:
            return False
        free = self._pace.at_once - len(self._in_flight)
        async with self._database.begin() as session:
            now = self._clock.now()
            rows = await deliveries.claim(
                session,
                by=self._device,
                now=now,
                alive=self._alive(),
                gone=self._gone(),
                most=free,
                in_flight=self._in_flight.values(),
                reminders=not self._reminders_wait,
            )
            wanted = [await self._check(session, row, now) for row in rows]
        for row in filter(None, wanted):
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
        if task.cancelled() or (error := task.exception()) is None:
            self._woken.set()
            return
        if not isinstance(error, Unavailable):  # that one is logged where it comes from
            log.error("delivery_task_failed", task=task.get_name(), exc_info=error)
        asyncio.get_running_loop().call_later(_AFTER_A_FAILURE, self._woken.set)  # what cannot be written down must not spin

    async def _check(self, session: AsyncSession, row: Delivery, now: datetime) -> Delivery | None:
        """Return the row as it is to be said, None if it is not."""
        try:
            async with session.begin_nested():
                now = max(now, row.created_at)  # it may be newer than our look
                unwanted = await self._still_wanted(session, row, now)
                if unwanted is None:
                    return await self._as_of_now(session, row, now)
        except Unavailable:
            raise
        except Exception:  # facts that cannot be read concern this row and no other; logged whole
            log.exception("delivery_not_checked", key=row.key)
            await deliveries.release(session, row.id, by=self._device, retry_at=now + _LONGEST_PAUSE, note="could not be checked")
            return None
        await deliveries.mark_dropped(session, row.id, unwanted, now)
        metrics.deliveries.labels("dropped").inc()
        log.info("delivery_dropped", key=row.key, reason=unwanted)
        return None

    async def _as_of_now(self, session: AsyncSession, row: Delivery, now: datetime) -> Delivery:
        """Return the row with what it has to say now: "in 3 days" becomes wrong while it waits for its room."""
        if now - row.created_at < _MAY_HAVE_CHANGED_AFTER and not row.carries:
            return row
        content = await self._refresh(session, row, now)
        if content is None:
            return row
        await deliveries.say_instead(session, row.id, content)
        return replace(row, content=content)

    async def _deliver(self, row: Delivery) -> None:
        try:
            event_id = await self._poster.post(row)
        except (HomeserverAway, SlowDown) as trouble:
            seconds = self._pace.failed(trouble.retry_after)
            pause = timedelta(seconds=seconds)  # and longer for one that fails again and again: it may be this room alone
            await self._give_back(row, str(trouble), pause if trouble.retry_after else max(pause, _pause(row.attempts)))
        except ChatUnavailable as unavailable:
            await self._not_sent(row, unavailable)
        except Unavailable:
            raise
        except Exception as error:  # a mistake of ours about one row must not hold up the others; logged whole
            log.exception("delivery_broken", key=row.key)
            await self._give_back(row, type(error).__name__, _pause(row.attempts))
        else:
            self._pace.worked()
            if event_id is None:
                log.info("delivery_left_to_another", key=row.key)
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

    async def _give_up(self, row: Delivery, reason: str) -> None:
        """Let it go, so that it does not block its room for ever."""
        async with self._database.begin() as session:
            if not await deliveries.mark_failed(session, row.id, reason, self._clock.now(), by=self._device):
                return
        metrics.deliveries.labels("failed").inc()
        log.error("delivery_failed", key=row.key, room=row.room, reason=reason)

    async def _give_back(self, row: Delivery, reason: str, pause: timedelta) -> None:
        metrics.deliveries.labels("postponed").inc()
        log.warning("delivery_postponed", key=row.key, room=row.room, reason=reason, seconds=round(pause.total_seconds()))
        async with self._database.begin() as session:
            await deliveries.release(session, row.id, by=self._device, retry_at=self._clock.now() + pause, note=reason)


def _pause(attempts: int) -> timedelta:
    doubled = _FIRST_PAUSE * (2 ** min(attempts, 10))
    return min(doubled, _LONGEST_PAUSE) * random.uniform(0.75, 1.25)  # noqa: S311  (spreads retries, guards nothing)
