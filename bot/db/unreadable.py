"""Which devices could not decrypt which events: only what none of them could is asked for again."""

from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.engine import insert_new
from bot.db.tables import unreadable_events

_KEPT_FOR = timedelta(days=8)


async def report(session: AsyncSession, *, event_id: str, device_id: str, now: datetime) -> None:
    """Write down that a device could not read an event. Reports of last week are let go of."""
    await session.execute(unreadable_events.delete().where(unreadable_events.c.reported_at < now - _KEPT_FOR))
    await insert_new(session, unreadable_events, event_id=event_id, device_id=device_id, reported_at=now)


async def reporters(session: AsyncSession, event_id: str) -> AbstractSet[str]:
    """Return the devices that could not read an event."""
    found = await session.scalars(sa.select(unreadable_events.c.device_id).where(unreadable_events.c.event_id == event_id))
    return set(found)
