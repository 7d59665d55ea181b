"""Own reminders: what people asked to be reminded of. Looking for what is due costs the same however much is to come."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.tables import deliveries, own_reminders
from bot.domain.own_reminders import POLICY, OwnReminder, Wish
from bot.domain.recurrence import Recurrence

_MINUTE = timedelta(minutes=1)
_OPEN = own_reminders.c.due_at.is_not(None)


def _from_row(row: sa.Row[Any]) -> OwnReminder:
    return OwnReminder(
        id=row.id,
        room=row.room,
        author=row.author,
        text=row.text,
        mentions=tuple(row.mentions),
        zone=ZoneInfo(row.timezone),
        rule=Recurrence.parse(row.rule) if row.rule else None,
        every=row.every_minutes * _MINUTE if row.every_minutes else None,
        due_at=row.due_at,
        stands_for=row.stands_for,
        occurrence=row.occurrence,
        rings=row.rings,
        said_for=row.said_for,
        done=row.done_at is not None,
    )


async def add(
    session: AsyncSession, wish: Wish, *, room: str, author: str, mentions: tuple[str, ...], zone: ZoneInfo, now: datetime
) -> int:
    """Write down a reminder. Return its number."""
    values = own_reminders.insert().values(
        room=room,
        author=author,
        text=wish.text,
        mentions=list(mentions),
        timezone=zone.key,
        rule=str(wish.rule) if wish.rule else None,
        every_minutes=wish.every // _MINUTE if wish.every else None,
        created_at=now,
        due_at=wish.due_at,
        stands_for=wish.due_at if wish.rule else None,
    )
    return (await session.execute(values.returning(own_reminders.c.id))).scalar_one()


async def count_open(session: AsyncSession, *, author: str, room: str) -> tuple[int, int]:
    """Return how many that are to come a person has set, and how many a room has."""
    counted = sa.select(sa.func.count()).select_from(own_reminders).where(_OPEN)
    of_person = await session.scalar(counted.where(own_reminders.c.author == author))
    in_room = await session.scalar(counted.where(own_reminders.c.room == room))
    return of_person or 0, in_room or 0


async def open_in(session: AsyncSession, room: str) -> list[OwnReminder]:
    """Return what is to come in a room, in the order of time."""
    query = sa.select(own_reminders).where(_OPEN, own_reminders.c.room == room).order_by(own_reminders.c.due_at, own_reminders.c.id)
    return [_from_row(row) for row in await session.execute(query)]


async def get(session: AsyncSession, number: int, *, hold: bool = False) -> OwnReminder | None:
    """Return a reminder by its number. With `hold`, nobody else can change it in this transaction."""
    query = sa.select(own_reminders).where(own_reminders.c.id == number)
    row = (await session.execute(query.with_for_update() if hold else query)).first()
    return _from_row(row) if row else None


async def due(session: AsyncSession, now: datetime, most: int) -> list[OwnReminder]:
    """Return up to `most` that are due, the longest first. Nobody else can change them in this transaction.

    Whoever is changing one now is waited for: passed over, it would come only with the next look.
    """
    query = sa.select(own_reminders).where(own_reminders.c.due_at <= now)
    query = query.order_by(own_reminders.c.due_at, own_reminders.c.id).limit(most).with_for_update()
    return [_from_row(row) for row in await session.execute(query)]


async def next_due(session: AsyncSession, now: datetime) -> datetime | None:
    """Return when the next one after `now` is due."""
    return await session.scalar(sa.select(sa.func.min(own_reminders.c.due_at)).where(own_reminders.c.due_at > now))


async def keep(session: AsyncSession, reminder: OwnReminder, now: datetime) -> None:
    """Write down what has become of a reminder."""
    values = {
        "due_at": reminder.due_at,
        "stands_for": reminder.stands_for,
        "occurrence": reminder.occurrence,
        "rings": reminder.rings,
        "said_for": reminder.said_for,
        "done_at": now if reminder.done else None,
    }
    await session.execute(own_reminders.update().where(own_reminders.c.id == reminder.id).values(values))


async def delete(session: AsyncSession, number: int) -> None:
    """Forget a reminder. Its number is not given again."""
    await session.execute(own_reminders.delete().where(own_reminders.c.id == number))


async def refused_rooms(session: AsyncSession) -> dict[str, str]:
    """Return the rooms (ids) of no configured room that refuse what is to be said in them now, and who set what waits there first."""
    waiting = sa.and_(
        deliveries.c.done_at.is_(None),
        deliveries.c.policy == POLICY,
        deliveries.c.room.startswith("!"),
        sa.or_(deliveries.c.note.startswith("M_FORBIDDEN"), deliveries.c.note == "we are not in this room"),
    )
    rooms = list(await session.scalars(sa.select(deliveries.c.room).where(waiting).distinct()))
    query = sa.select(own_reminders.c.room, own_reminders.c.author).where(own_reminders.c.room.in_(rooms))
    found = await session.execute(query.order_by(own_reminders.c.id.desc())) if rooms else ()
    return {row.room: row.author for row in found}
