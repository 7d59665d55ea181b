"""Events that had their effect: written in the same transaction as the effect, so that it happens once."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.engine import insert_new
from bot.db.tables import handled_events


async def take(session: AsyncSession, *, event_id: str, room_id: str, sender: str, command: str, now: datetime) -> bool:
    """Claim an event for this transaction. Return False if it had its effect before: then do nothing."""
    return await insert_new(
        session, handled_events, event_id=event_id, room_id=room_id, sender=sender, command=command, handled_at=now
    )


async def is_taken(session: AsyncSession, event_id: str) -> bool:
    """Whether an event had its effect, here or on another device."""
    return await session.scalar(sa.select(handled_events.c.event_id).where(handled_events.c.event_id == event_id)) is not None
