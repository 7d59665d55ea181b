"""When a room was told that the bot had been away."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.tables import deliveries


async def told_at(session: AsyncSession, key: str) -> datetime | None:
    """Return when the delivery with this key was written down, None if it was not."""
    return await session.scalar(sa.select(deliveries.c.created_at).where(deliveries.c.key == key))
