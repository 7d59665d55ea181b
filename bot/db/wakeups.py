"""What the processes on one PostgreSQL tell each other: that there is something to look at. LISTEN and NOTIFY, and nothing relies on them.

What is told is lost while the connection is cut: everybody looks by themselves from time to time as well. Behind a PgBouncer in transaction
mode nothing is heard at all.
"""

import asyncio
import random
from collections.abc import Callable

import psycopg
import sqlalchemy as sa
import structlog
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.engine import POSTGRESQL_CONNECTION, reason_of
from bot.waiting import pause, unless

log = structlog.get_logger(__name__)

CHANNEL = "netzwart"
DELIVERIES, FACTS = "deliveries", "facts"
"""There is something to send; what reminders follow from has changed, or which rooms are which."""

EVERYTHING = "everything"
"""Heard after a time in which we could not hear."""

_LONGEST_PAUSE = 10.0
_SILENCE = 60.0
"""Seconds after which a silent connection is tried: a server that is gone without a word would never be missed."""


async def tell(session: AsyncSession, topic: str) -> None:
    """Tell the others when this transaction commits. Does nothing on SQLite, where there are none."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(sa.select(sa.func.pg_notify(CHANNEL, topic)))


class Wakeups:
    """Hears what the others tell. `url`: of the database; `heard(topic)` is called for each word, often for our own."""

    def __init__(self, url: str, heard: Callable[[str], None]) -> None:
        parsed = make_url(url)
        self._address = None
        if parsed.get_backend_name() == "postgresql":
            self._address = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
        self._heard = heard
        self._failures = 0
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End `run`."""
        self._stopping.set()

    async def run(self) -> None:
        """Listen until `stop()`; on SQLite, there is nothing to hear."""
        while self._address is not None and not self._stopping.is_set():
            try:
                await unless(self._stopping, self._listen(self._address))
            except (psycopg.Error, OSError) as error:
                if self._failures == 0:
                    log.warning("not_listening", reason=reason_of(error), effect="others are heard with some delay")
                self._failures += 1
                seconds = min(_LONGEST_PAUSE, 0.5 * 2.0 ** min(self._failures, 6)) * random.uniform(0.5, 1.0)  # noqa: S311  (spreads retries)
                await pause(seconds, self._stopping)

    async def _listen(self, address: str) -> None:
        async with await psycopg.AsyncConnection.connect(address, autocommit=True, **POSTGRESQL_CONNECTION) as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            self._failures = 0
            self._heard(EVERYTHING)
            while True:
                async for said in connection.notifies(timeout=_SILENCE):
                    self._heard(said.payload)
                await connection.execute("SELECT 1")
