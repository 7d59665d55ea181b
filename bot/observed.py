"""The running bot as whoever operates it sees it: how it is, and what is counted when the figures are asked for."""

import contextlib
from collections import Counter
from collections.abc import AsyncGenerator

import sqlalchemy as sa
import structlog

from bot import metrics
from bot.clock import Clock
from bot.db import deliveries
from bot.db.engine import Database, Unavailable
from bot.matrix.journal import Journal
from bot.matrix.sync import SyncLoop
from bot.network_rooms import NetworkRooms
from bot.web.server import CannotListen, Readiness, WebServer

log = structlog.get_logger(__name__)

_SILENT_FOR = 120.0
"""Seconds without a sync after which the bot is not ready: a long poll takes 30."""


class Observed:
    """The pages of the running bot. `listen`: "host:port", empty for none."""

    def __init__(
        self, listen: str, database: Database, journal: Journal, rooms: NetworkRooms, sync: SyncLoop, clock: Clock
    ) -> None:
        self._listen = listen
        self._database = database
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
            yield

    async def _readiness(self) -> Readiness:
        silent = self._sync.silent_for()
        if silent is None:
            sync = "no sync yet"
        else:
            sync = None if silent < _SILENT_FOR else "no sync for two minutes"
        try:
            async with self._database.begin() as session:
                await session.execute(sa.select(sa.literal(1)))
            database = None
        except Unavailable:
            database = "not reachable"
        return Readiness({"sync": sync, "database": database})

    async def _count(self) -> None:
        """Set the figures that have to be counted."""
        keys = {room_id: key for key, room_id in self._rooms.resolved().items()}
        unreadable: Counter[str] = Counter(dict.fromkeys(keys.values(), 0))
        for room_id, events in self._journal.unreadable_rooms().items():
            unreadable[keys.get(room_id, "other")] += events
        for room, events in unreadable.items():
            metrics.unreadable_events.labels(room).set(events)
        try:
            async with self._database.begin() as session:
                metrics.pending_deliveries.set(await deliveries.pending(session))
        except Unavailable:
            metrics.pending_deliveries.set(float("nan"))  # what it was before is not what it is
