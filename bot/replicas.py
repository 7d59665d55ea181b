"""This process among others on the same database: who is alive, and the word that there is something to do. SQLite has one process."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import structlog

from bot.db import unreadable
from bot.db.engine import Database, Unavailable, reason_of
from bot.db.wakeups import Wakeups, tell
from bot.presence import ALONE, TOGETHER, Presence

log = structlog.get_logger(__name__)

_LOOK_TOGETHER, _LOOK_ALONE = 1.0, 30.0


class Replicas:
    """The devices of one network. `heard(topic)` is called when another has said that there is something (`bot.db.wakeups`)."""

    def __init__(self, database: Database, url: str, device_id: str, heard: Callable[[str], None]) -> None:
        self._database = database
        self._device_id = device_id
        self._possible = database.engine.dialect.name == "postgresql"
        self._wakeups = Wakeups(url, heard)
        self._to_tell: set[str] = set()
        self._telling: asyncio.Task[None] | None = None
        self.presence = Presence(database, device_id, TOGETHER if self._possible else ALONE)

    @property
    def look_every(self) -> float:
        """Seconds after which to look for what others have left, whether or not anybody has said so."""
        return _LOOK_TOGETHER if self._possible else _LOOK_ALONE

    @asynccontextmanager
    async def joined(self) -> AsyncGenerator[None]:
        """Be one of them as long as this is entered. Raises as the database does on entering."""
        async with self.presence.said():
            listening = asyncio.create_task(self._wakeups.run(), name="wakeups")
            try:
                yield
            finally:
                self._wakeups.stop()
                await listening
                if self._telling is not None:
                    await self._telling

    async def none_can_read(self, event_ids: Sequence[str], now: datetime) -> list[str]:
        """Say that we cannot read these events; return those of which all devices have said so. The last to say it gets them, perhaps
        several do."""
        if self.presence.alone:
            return list(event_ids)
        async with self._database.begin() as session:
            await unreadable.report(session, event_ids, device_id=self._device_id, now=now)
        async with self._database.begin() as session:  # after the commit: of two at the same moment, at least one sees both
            said = await unreadable.reporters(session, event_ids)
        return [event_id for event_id in event_ids if said[event_id] >= self.presence.alive()]

    def tell(self, topic: str) -> None:
        """Let the others know that there is something to look at; soon, and once for all that is told meanwhile."""
        if not self._possible or self.presence.alone:
            return
        self._to_tell.add(topic)
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell(), name="telling others")

    async def _tell(self) -> None:
        while self._to_tell:
            topic = self._to_tell.pop()
            try:
                async with self._database.begin() as session:
                    await tell(session, topic)
            except Unavailable as error:  # they look by themselves, a little later
                log.info("others_not_told", topic=topic, reason=reason_of(error))
