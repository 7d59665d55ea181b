"""The running bot as whoever operates it sees it: how it is, and what is counted when the figures are asked for."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, Generic, TypeVar

import structlog

from bot import metrics
from bot.clock import Clock
from bot.db import deliveries, devices
from bot.db.engine import Database, Unavailable, trouble_of
from bot.matrix.journal import Journal
from bot.matrix.sync import SyncLoop
from bot.network_rooms import NetworkRooms
from bot.web.server import CannotListen, Readiness, WebServer

log = structlog.get_logger(__name__)

_SILENT_FOR = 120.0
"""Seconds without a sync after which the bot is not ready: a long poll takes 30."""

_ANSWERS_WITHIN = 3.0
"""Seconds that the database has for an answer before it is said to have none."""

T = TypeVar("T")


class Asking(Generic[T]):
    """A question to the database, asked by one task at a time for whoever wants to know.

    Nobody waits longer for it than they like, and the question stands all the same: to give up waiting for a database takes longer,
    sometimes, than its answer.
    """

    def __init__(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._ask = ask
        self._asking: asyncio.Task[T] | None = None

    async def answer(self, within: float) -> T:
        """Return the answer. Raises `TimeoutError` if there is none in so many seconds, and what the question raises."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        asking = self._asking
        await asyncio.wait((asking,), timeout=within)
        if not asking.done():
            raise TimeoutError
        return asking.result()

    async def close(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait((self._asking,))


class Observed:
    """The pages of the running bot. `listen`: "host:port", empty for none; `device`: ours."""

    def __init__(
        self, listen: str, database: Database, device: str, journal: Journal, rooms: NetworkRooms, sync: SyncLoop, clock: Clock
    ) -> None:
        self._listen = listen
        self._database = database
        self._device = device
        self._writing = Asking(self._write)
        self._counting = Asking(self._count_pending)
        self._journal = journal
        self._rooms = rooms
        self._sync = sync
        self._clock = clock

    @contextlib.asynccontextmanager
    async def page(self) -> AsyncGenerator[None]:
        """Show the pages as long as this is entered. An address that cannot be had is logged: people come first."""
        async with contextlib.AsyncExitStack() as opened:
            if self._listen:
                try:
                    server = await opened.enter_async_context(WebServer(self._listen, self._readiness, self._count))
                    log.info("listening", url=server.url)
                except CannotListen as error:
                    log.error("cannot_listen", reason=str(error))
            opened.push_async_callback(self._writing.close)
            opened.push_async_callback(self._counting.close)
            yield

    async def _readiness(self) -> Readiness:
        silent = self._sync.silent_for()
        if silent is None:
            sync = "no sync yet"
        else:
            sync = None if silent < _SILENT_FOR else "no sync for two minutes"
        try:
            database = await self._writing.answer(_ANSWERS_WITHIN)
        except TimeoutError:
            database = self._database.when_silent
        return Readiness({"sync": sync, "database": database, "state_dir": self._journal.trouble()})

    async def _write(self) -> str | None:
        """Write a little into the database, as everything that people ask of us does. Return what is wrong with it."""
        try:
            async with self._database.begin() as session:
                await devices.beat(session, self._device)
        except Unavailable as error:
            return trouble_of(error)
        return None

    async def _count_pending(self) -> float:
        try:
            async with self._database.begin() as session:
                return await deliveries.pending(session)
        except Unavailable:
            return float("nan")  # what it was before is not what it is

    async def _count(self) -> None:
        """Set the figures that have to be counted."""
        keys = {room_id: key for key, room_id in self._rooms.resolved().items()}
        unreadable: Counter[str] = Counter(dict.fromkeys(keys.values(), 0))
        for room_id, events in self._journal.unreadable_rooms().items():
            unreadable[keys.get(room_id, "other")] += events
        for room, events in unreadable.items():
            metrics.unreadable_events.labels(room).set(events)
        try:
            metrics.pending_deliveries.set(await self._counting.answer(_ANSWERS_WITHIN))
        except TimeoutError:
            metrics.pending_deliveries.set(float("nan"))
