"""Broadcasts: notices of coordinators to the labs, from preview to the last room."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.tables import broadcasts
from bot.domain.broadcasts import State


@dataclass(frozen=True, slots=True)
class Broadcast:
    """One broadcast. `labs`: the keys of the labs that it goes to, as they were previewed; `send_at`: None if it goes out at once."""

    id: int
    author: str
    text: str
    labs: tuple[str, ...]
    state: State
    created_at: datetime
    expires_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    send_at: datetime | None


def _from_row(row: sa.Row[Any]) -> Broadcast:
    return Broadcast(
        id=row.id,
        author=row.author,
        text=row.text,
        labs=tuple(row.labs),
        state=State(row.state),
        created_at=row.created_at,
        expires_at=row.expires_at,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        send_at=row.send_at,
    )


async def add(
    session: AsyncSession,
    *,
    author: str,
    text: str,
    labs: Sequence[str],
    now: datetime,
    expires_at: datetime,
    send_at: datetime | None = None,
) -> int:
    """Write down a broadcast that waits for confirmation. Return its number."""
    waiting = broadcasts.insert().values(
        author=author, text=text, labs=list(labs), state=State.PREVIEW, created_at=now, expires_at=expires_at, send_at=send_at
    )
    return (await session.execute(waiting.returning(broadcasts.c.id))).scalar_one()


async def get(session: AsyncSession, number: int) -> Broadcast | None:
    """Return a broadcast by its number; in this transaction nobody else can decide on it."""
    row = (await session.execute(sa.select(broadcasts).where(broadcasts.c.id == number).with_for_update())).first()
    return _from_row(row) if row else None


async def newest(session: AsyncSession, most: int = 1) -> list[Broadcast]:
    """Return the newest broadcasts, newest first."""
    found = await session.execute(sa.select(broadcasts).order_by(broadcasts.c.id.desc()).limit(most))
    return [_from_row(row) for row in found]


async def scheduled(session: AsyncSession) -> list[Broadcast]:
    """Return the confirmed broadcasts that have a time, past or to come. In this transaction none of them can be withdrawn."""
    found = sa.and_(broadcasts.c.state == State.CONFIRMED, broadcasts.c.send_at.is_not(None))
    query = sa.select(broadcasts).where(found).order_by(broadcasts.c.id).with_for_update(read=True)
    return [_from_row(row) for row in await session.execute(query)]


async def decide(session: AsyncSession, number: int, *, state: State, by: str, now: datetime) -> None:
    """Record what became of a broadcast's preview."""
    decided = broadcasts.update().where(broadcasts.c.id == number)
    await session.execute(decided.values(state=state, decided_by=by, decided_at=now))
