"""Attachments: files and pictures on their way to a room. They are gone when their delivery is done (`deliveries.mark_…`)."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.tables import attachments


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file. `name`: what it is saved as."""

    name: str
    mimetype: str
    data: bytes


async def keep(session: AsyncSession, key: str, *, name: str, mimetype: str, data: bytes, now: datetime) -> None:
    """Keep a file for the delivery `key`, which stands there already and has none."""
    await session.execute(attachments.insert().values(key=key, name=name, mimetype=mimetype, data=data, created_at=now))


async def of(session: AsyncSession, key: str) -> StoredFile | None:
    """Return the file that goes with the delivery `key`, if there is one."""
    query = sa.select(attachments.c.name, attachments.c.mimetype, attachments.c.data).where(attachments.c.key == key)
    row = (await session.execute(query)).one_or_none()
    return StoredFile(*row) if row else None
