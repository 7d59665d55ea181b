"""Rooms that are to be other rooms from now on: what was noticed, and what became of it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import rooms
from bot.db.engine import insert_new
from bot.db.tables import deliveries, room_languages, room_moves
from bot.domain.room_moves import WANTED, Reason, State


@dataclass(frozen=True, slots=True)
class Move:
    """One configured room that is to be another one. `key`: of the room; `decided_by`: None if nobody was asked."""

    id: int
    key: str
    old_room_id: str
    new_room_id: str
    reason: Reason
    state: State
    noticed_at: datetime
    decided_by: str | None
    decided_at: datetime | None


def _from_row(row: sa.Row[Any]) -> Move:
    return Move(
        row.id,
        row.key,
        row.old_room_id,
        row.new_room_id,
        Reason(row.reason),
        State(row.state),
        row.noticed_at,
        row.decided_by,
        row.decided_at,
    )


async def add(session: AsyncSession, *, key: str, old: str, new: str, reason: Reason, state: State, now: datetime) -> bool:
    """Write down that a room is to be another one. Return False if that is known already."""
    values = {"key": key, "old_room_id": old, "new_room_id": new, "reason": reason, "state": state, "noticed_at": now}
    return await insert_new(session, room_moves, **values)


async def every(session: AsyncSession) -> list[Move]:
    """Return all moves, oldest first."""
    return [_from_row(row) for row in await session.execute(sa.select(room_moves).order_by(room_moves.c.id))]


async def get(session: AsyncSession, number: int) -> Move | None:
    """Return a move by its number; in this transaction nobody else can decide on it."""
    row = (await session.execute(sa.select(room_moves).where(room_moves.c.id == number).with_for_update())).first()
    return _from_row(row) if row else None


async def into(session: AsyncSession, room_id: str) -> list[Move]:
    """Return the moves by which something is to become this room."""
    return [_from_row(row) for row in await session.execute(sa.select(room_moves).where(room_moves.c.new_room_id == room_id))]


async def set_state(session: AsyncSession, move: Move, state: State) -> bool:
    """Record what becomes of a move. Return False if somebody else has done something about it meanwhile."""
    unchanged = sa.and_(room_moves.c.id == move.id, room_moves.c.state == move.state)
    changed = await session.execute(room_moves.update().where(unchanged).values(state=state).returning(room_moves.c.id))
    return changed.first() is not None


async def forget(session: AsyncSession, move: Move) -> None:
    """Forget a claim that was none; made again, it is looked at again."""
    await session.execute(room_moves.delete().where(room_moves.c.id == move.id, room_moves.c.state == State.CLAIMED))


async def decline(session: AsyncSession, move: Move, *, by: str, now: datetime) -> None:
    """Record that somebody does not want it."""
    await _decide(session, move, State.DECLINED, by, now)


async def carry_out(session: AsyncSession, move: Move, *, by: str | None, now: datetime) -> bool:
    """Let the new room be what the old one was. Return False, and do nothing, if the old one is not that any more, or the new one is
    another of the network's rooms already."""
    if not await rooms.move(session, move.key, old=move.old_room_id, new=move.new_room_id, now=now):
        return False
    await _decide(session, move, State.DONE, by, now)
    await carry_language(session, move.old_room_id, move.new_room_id)
    return True


async def _decide(session: AsyncSession, move: Move, state: State, by: str | None, now: datetime) -> None:
    decided = room_moves.update().where(room_moves.c.id == move.id)
    await session.execute(decided.values(state=state, decided_by=by, decided_at=now))


# What goes along


async def carry_language(session: AsyncSession, old: str, new: str) -> None:
    """Speak the old room's language in the new one, if none is chosen there."""
    language = await rooms.language_of(session, old)
    if language is not None:
        await insert_new(session, room_languages, room_id=new, language=language)


async def with_something_left(session: AsyncSession, replaced: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return those pairs of a room and its replacement of which the first has something that the second has not: words that wait, or a
    language."""
    old_rooms, new_rooms = [old for old, _ in replaced], [new for _, new in replaced]
    waiting = set(await session.scalars(sa.select(deliveries.c.room).where(_waits(old_rooms)).distinct()))
    of_both = sa.select(room_languages.c.room_id).where(room_languages.c.room_id.in_([*old_rooms, *new_rooms]))
    spoken = set(await session.scalars(of_both))
    return [(old, new) for old, new in replaced if old in waiting or (old in spoken and new not in spoken)]


async def carry(session: AsyncSession, old: str, new: str) -> int:
    """Let what waits for a room that is not configured go to another, and its language too. Return how much it was.

    What somebody is sending at this moment stays where it is.
    """
    await carry_language(session, old, new)
    moved = deliveries.update().where(_waits([old]), deliveries.c.claimed_at.is_(None))
    return len((await session.execute(moved.values(room=new, retry_at=None).returning(deliveries.c.id))).all())


async def is_awaited(session: AsyncSession, room_id: str) -> bool:
    """Whether something waits to be said in a room that is not configured."""
    return bool(await session.scalar(sa.select(sa.exists().where(_waits([room_id])))))


def _waits(room_ids: Collection[str]) -> sa.ColumnElement[bool]:
    return sa.and_(deliveries.c.room.in_(room_ids), deliveries.c.done_at.is_(None))


def wants(moves: Collection[Move]) -> bool:
    """Whether the bot is to be in a room, given all moves into it."""
    return any(move.state in WANTED for move in moves)
