"""The configured rooms as they were resolved, and the language and time zone of each room."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.engine import insert_new
from bot.db.tables import room_languages, room_timezones, rooms


async def pinned(session: AsyncSession) -> dict[str, tuple[str, str]]:
    """Return what every room key was resolved to: key → (as configured then, room id)."""
    found = await session.execute(sa.select(rooms.c.key, rooms.c.configured, rooms.c.room_id))
    return {key: (configured, room_id) for key, configured, room_id in found}


async def pin(session: AsyncSession, *, key: str, configured: str, room_id: str, now: datetime) -> None:
    """Remember what a room key resolves to, in place of what it resolved to before."""
    await session.execute(rooms.delete().where(rooms.c.room_id == room_id, rooms.c.key != key))
    values = {"configured": configured, "room_id": room_id, "pinned_at": now}
    if not await insert_new(session, rooms, key=key, **values):
        await session.execute(rooms.update().where(rooms.c.key == key).values(values))


async def move(session: AsyncSession, key: str, *, old: str, new: str, now: datetime) -> bool:
    """Let a room key be another room than before, whatever is configured. Return False if it is not `old` any more, or `new` has a key."""
    if await session.scalar(sa.select(rooms.c.key).where(rooms.c.room_id == new)) is not None:
        return False
    moved = rooms.update().where(rooms.c.key == key, rooms.c.room_id == old)
    return (await session.execute(moved.values(room_id=new, pinned_at=now).returning(rooms.c.key))).first() is not None


async def lock(session: AsyncSession, key: str) -> None:
    """Let nobody else, who asks for it too, say anything about this room before this transaction ends."""
    await session.execute(sa.select(rooms.c.key).where(rooms.c.key == key).with_for_update())


async def language_of(session: AsyncSession, room_id: str) -> str | None:
    """Return the language chosen for a room, if one was."""
    return await session.scalar(sa.select(room_languages.c.language).where(room_languages.c.room_id == room_id))


async def set_language(session: AsyncSession, room_id: str, language: str) -> None:
    """Choose the language of a room."""
    if not await insert_new(session, room_languages, room_id=room_id, language=language):
        await session.execute(room_languages.update().where(room_languages.c.room_id == room_id).values(language=language))


async def timezone_of(session: AsyncSession, room: str) -> str | None:
    """Return the name of the time zone chosen for a room (its key, or its id), if one was."""
    return await session.scalar(sa.select(room_timezones.c.timezone).where(room_timezones.c.room == room))


async def set_timezone(session: AsyncSession, room: str, timezone: str | None) -> None:
    """Choose the time zone of a room (its key, or its id). None: that of the network again."""
    if timezone is None:
        await session.execute(room_timezones.delete().where(room_timezones.c.room == room))
    elif not await insert_new(session, room_timezones, room=room, timezone=timezone):
        await session.execute(room_timezones.update().where(room_timezones.c.room == room).values(timezone=timezone))
