"""When nothing is left to do, and everybody has got what there is: what stands in the rooms then is all that will ever stand there."""

import asyncio
import json
import sqlite3
from collections.abc import Collection
from contextlib import closing

from bot.db import deliveries
from bot.demo.reading import event
from bot.matrix.client import store_name
from tests.e2e.running import Bot, Json, Net

_TABLES = ("journal_inbox", "journal_gap", "journal_unreadable")


def session_of(bot: Bot) -> Json:
    """Return a bot's login."""
    return json.loads((bot.state / "session.json").read_text("utf-8"))


def waiting(bot: Bot) -> dict[str, int]:
    """Return how much stands in a bot's journal, by table."""
    file = bot.state / store_name(session_of(bot)["device_id"])
    with closing(sqlite3.connect(file, timeout=10)) as journal:
        return {table: journal.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in _TABLES}  # noqa: S608  (constants)


async def quiet(net: Net, bots: Collection[Bot], within: float) -> None:
    """Wait until everything that has come to these bots is done with, and everything is said. Raises `TimeoutError`."""
    database = net.database
    try:
        async with asyncio.timeout(within):
            while True:
                async with database.begin() as session:
                    pending = await deliveries.pending(session)
                if not pending and not any(count for bot in bots for count in waiting(bot).values()):
                    return
                await asyncio.sleep(0.02)  # nobody tells us when
    finally:
        await database.close()


async def caught_up(net: Net, name: str, room: str) -> None:
    """Wait until somebody has got all that stands in a room now."""
    barrier = await net[name].send_in_clear(net.room(room), "example.barrier", {})
    await net[name].sees(event(barrier), what="one's own word")
