"""Which of the devices on this database are alive: each says so once a second, and watches whether the others go on saying so.

Nobody compares clocks. A device counts as dead when what it writes has not changed for a while in which *we* could read and write all
the time: if the database itself stands still, nobody dies of it. What is taken from a device that only seemed dead is looked for in the
room first, and whoever sends asks the database once more just before (`bot.posting`).
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from bot.db import devices
from bot.db.engine import Database, Unavailable
from bot.waiting import pause

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a device says that it is alive, and after how long a silence it counts as dead; both in seconds."""

    every: float
    dead_after: float
    looks: int = 3
    """How often we have to have looked in that time."""


TOGETHER = Rhythm(every=0.75, dead_after=2.5)
"""Several devices on one PostgreSQL."""

ALONE = Rhythm(every=10.0, dead_after=25.0)
"""SQLite has one device at a time. Another that stands there is the one before `device recover`."""


@dataclass(frozen=True, slots=True)
class _Seen:
    sign: object
    since: float
    looks: int


class Presence:
    """Says that `device_id` is alive, and knows who else is. `monotonic` returns seconds."""

    def __init__(
        self, database: Database, device_id: str, rhythm: Rhythm, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._device_id = device_id
        self._rhythm = rhythm
        self._monotonic = monotonic
        self._seen: dict[str, _Seen] = {}
        self._gone: set[str] = set()
        self._looked_at: float | None = None
        self._in_good_order = False
        self._stopping = asyncio.Event()

    def alive(self) -> frozenset[str]:
        """Return the ids of the devices that are not known to be dead; ours is always one of them. Not before the first `beat`."""
        return frozenset(self._seen.keys() - self._gone) | {self._device_id}

    def gone(self) -> frozenset[str]:
        """Return the ids of the devices that have died without a word."""
        return frozenset(self._gone)

    @property
    def alone(self) -> bool:
        """Whether nobody else works on this database now."""
        return len(self.alive()) == 1

    async def beat(self) -> None:
        """Say that we are alive, and look at the others. Raises as the database does."""
        async with self._database.begin() as session:
            await devices.beat(session, self._device_id)
            signs = await devices.signs(session)
        self._look(signs)

    def _look(self, signs: Mapping[str, object]) -> None:
        """Take in what each device has written last. After a time in which we could not look, everybody has their time anew."""
        now = self._monotonic()
        blind = self._looked_at is None or now - self._looked_at > self._rhythm.dead_after
        self._looked_at = now
        before, self._seen = self._seen, {}
        for device, sign in signs.items():
            known = before.get(device)
            goes_on = known is not None and known.sign == sign and not blind
            self._seen[device] = _Seen(sign, known.since, known.looks + 1) if known and goes_on else _Seen(sign, now, 1)
        still_gone = {device for device in self._gone & signs.keys() if before[device].sign == signs[device]}
        gone = still_gone | {device for device, seen in self._seen.items() if self._is_silent(seen, now)} - {self._device_id}
        for device in gone - self._gone:
            log.warning("device_gone", device_id=device, effect="what it had begun, others finish")
        self._gone = gone

    def _is_silent(self, seen: _Seen, now: float) -> bool:
        return seen.looks >= self._rhythm.looks and now - seen.since >= self._rhythm.dead_after

    @asynccontextmanager
    async def said(self) -> AsyncGenerator[None]:
        """Go on saying it as long as this is entered; then say that we are gone, so that nobody has to wait for us. Raises as the database
        does on entering."""
        await self.beat()
        saying = asyncio.create_task(self._go_on(), name="presence")
        try:
            yield
            self._in_good_order = (
                True  # else something of ours may still be on its way: others notice after a while that we are gone
            )
        finally:
            self._stopping.set()
            await saying

    async def _go_on(self) -> None:
        last = 0.0
        while not self._stopping.is_set():
            await pause(max(0.05, self._rhythm.every - last), self._stopping)
            begun = self._monotonic()
            try:
                if not self._stopping.is_set():
                    await self.beat()
                elif self._in_good_order:
                    await self._sign_off()
            except Unavailable:  # logged where it came from; the next beat comes soon
                pass
            except Exception:  # without its signs of life, everybody would take us for dead; logged whole
                log.exception("presence_failed")
            last = self._monotonic() - begun

    async def _sign_off(self) -> None:
        async with self._database.begin() as session:
            await devices.retire(session, self._device_id)
