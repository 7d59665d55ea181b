"""Events and phases, as the chat asks for them."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.tables import events, phases
from bot.domain.dates import PartialDate
from bot.domain.programme import Event, Phase, in_order


def event_from_row(row: sa.Row[Any]) -> Event:
    """Return the event that a row of `events` is."""
    return Event(
        key=row.key,
        kind=row.kind,
        title=row.title,
        when=PartialDate.parse(row.when),
        number=row.number,
        place=row.place,
        online=row.online,
        cancelled=row.cancelled,
        register_by=row.register_by,
    )


async def every_event(session: AsyncSession) -> list[Event]:
    """Return all events by date."""
    return in_order(event_from_row(row) for row in await session.execute(sa.select(events)))


async def every_phase(session: AsyncSession) -> list[Phase]:
    """Return all phases by number."""
    found = await session.execute(sa.select(phases).order_by(phases.c.number))
    return [Phase(row.number, row.after, row.before) for row in found]


async def set_when(session: AsyncSession, event: Event, when: PartialDate) -> None:
    """Change when an event is."""
    await session.execute(events.update().where(events.c.key == event.key).values(when=when.edtf))


async def cancel(session: AsyncSession, event: Event) -> None:
    """Record that an event will not be."""
    await session.execute(events.update().where(events.c.key == event.key).values(cancelled=True))
