"""Which devices could not decrypt which events: only what none of them could is asked for again."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.engine import insert_new
from bot.db.tables import unreadable_events

_KEPT_FOR = timedelta(days=8)


async def report(session: AsyncSession, event_ids: Sequence[str], *, device_id: str, now: datetime) -> None:
    """Write down that a device could not read events. Reports of last week are let go of."""
    await session.execute(unreadable_events.delete().where(unreadable_events.c.reported_at < now - _KEPT_FOR))
    for event_id in event_ids:
        await insert_new(session, unreadable_events, event_id=event_id, device_id=device_id, reported_at=now)


async def reporters(session: AsyncSession, event_ids: Sequence[str]) -> Mapping[str, AbstractSet[str]]:
    """Return for each event the devices that could not read it."""
    found: dict[str, set[str]] = {event_id: set() for event_id in event_ids}
    columns = sa.select(unreadable_events.c.event_id, unreadable_events.c.device_id)
    for event_id, device_id in await session.execute(columns.where(unreadable_events.c.event_id.in_(event_ids))):
        found[event_id].add(device_id)
    return found
