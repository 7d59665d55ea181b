"""Deliveries: everything that is to be said in a room, once, and what became of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.engine import insert_new
from bot.db.tables import attachments, deliveries, devices

_NO_RETRY_IS_LATER = timedelta(minutes=15)
SENT, DROPPED, FAILED, CARRIED = "sent", "dropped", "failed", "carried"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One row. `room` is a key of a configured room or a room id; `content` the Matrix event content, ready to send."""

    id: int
    key: str
    room: str
    event_type: str
    content: dict[str, Any]
    annotates: str | None
    policy: str | None
    carries: bool
    created_at: datetime
    due_at: datetime
    attempts: int
    claimed_by: str | None
    claimed_at: datetime | None
    look_first: bool
    outcome: str | None
    event_id: str | None
    done_at: datetime | None
    note: str | None


_COLUMNS = [deliveries.c[name] for name in Delivery.__dataclass_fields__]


def _from_row(row: sa.Row[Any]) -> Delivery:
    return Delivery(*row)


async def add(
    session: AsyncSession,
    *,
    key: str,
    room: str,
    content: Mapping[str, object],
    now: datetime,
    event_type: str = "m.room.message",
    annotates: str | None = None,
    policy: str | None = None,
    carries: bool = False,
) -> bool:
    """Write down something to be said. Return False if it was written down before under the same key."""
    return await insert_new(
        session,
        deliveries,
        key=key,
        room=room,
        event_type=event_type,
        content=dict(content),
        annotates=annotates,
        policy=policy,
        carries=carries,
        created_at=now,
        due_at=now,
    )


async def add_carried(session: AsyncSession, key: str, *, by: str, room: str, policy: str, now: datetime) -> bool:
    """Write down that something is said by the row `by`. Return False if it was written down before under the same key."""
    return await insert_new(
        session,
        deliveries,
        key=key,
        room=room,
        event_type="m.room.message",
        content={},
        policy=policy,
        carried_by=by,
        created_at=now,
        due_at=now,
        done_at=now,
        outcome=CARRIED,
    )


async def carried_by(session: AsyncSession, key: str) -> list[str]:
    """Return the keys of what is said by the row `key`, beside its own."""
    found = await session.scalars(sa.select(deliveries.c.key).where(deliveries.c.carried_by == key).order_by(deliveries.c.key))
    return list(found)


async def add_as_past(session: AsyncSession, *, key: str, room: str, policy: str, now: datetime, note: str) -> bool:
    """Write down that something will never be said, so that its key is used up."""
    return await insert_new(
        session,
        deliveries,
        key=key,
        room=room,
        event_type="m.room.message",
        content={},
        policy=policy,
        created_at=now,
        due_at=now,
        done_at=now,
        outcome=DROPPED,
        note=note,
    )


async def known(session: AsyncSession, keys: Sequence[str]) -> set[str]:
    """Return those of `keys` that are written down already, said or not."""
    found = await session.scalars(sa.select(deliveries.c.key).where(deliveries.c.key.in_(keys)))
    return set(found)


async def pending(session: AsyncSession) -> int:
    """Return how many are neither said nor given up."""
    counted = await session.scalar(sa.select(sa.func.count()).where(deliveries.c.done_at.is_(None)))
    return counted or 0


async def claim(
    session: AsyncSession,
    *,
    by: str,
    now: datetime,
    alive: Collection[str],
    gone: Collection[str] = (),
    most: int,
    in_flight: Collection[int] = (),
    reminders: bool = True,
) -> list[Delivery]:
    """Take up to `most` rows to send, at most one a room: the oldest that is not done there. Skips what others are taking.

    A row that another device has taken is left to it while it is among those `alive`, and while it works on this database and is not among
    those `gone`: it may have come after our last look at who is here. A room whose oldest row waits for another try waits
    with it, so that the order in a room is kept. `in_flight`: what the caller is sending already. Without `reminders`, a room whose oldest
    row is one waits. The rows come back as they were before the claim, but for `look_first`.
    """
    others = [device for device in alive if device != by]
    newcomers = sa.select(devices.c.device_id).where(devices.c.device_id.not_in([*alive, *gone, by]))
    waiting = deliveries.alias()
    oldest = sa.select(sa.func.min(waiting.c.id)).where(waiting.c.done_at.is_(None)).group_by(waiting.c.room)
    query = (
        sa.select(*_COLUMNS)
        .where(
            deliveries.c.id.in_(oldest),
            deliveries.c.done_at.is_(None),
            # A time to try again that lies too far ahead was written by a clock that was wrong.
            sa.or_(deliveries.c.retry_at.is_(None), deliveries.c.retry_at <= now, deliveries.c.retry_at > now + _NO_RETRY_IS_LATER),
            deliveries.c.id.not_in(in_flight),
            sa.or_(
                deliveries.c.claimed_at.is_(None),
                deliveries.c.claimed_by.is_(None),
                sa.and_(deliveries.c.claimed_by.not_in(others), deliveries.c.claimed_by.not_in(newcomers)),
            ),
        )
        .where(sa.true() if reminders else deliveries.c.policy.is_(None))
        # What has not failed yet goes first: a room that cannot be sent to must not come before all others again and again.
        .order_by(deliveries.c.retry_at.asc().nulls_first(), deliveries.c.attempts, deliveries.c.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    rows = [_from_row(row) for row in await session.execute(query)]
    if rows:
        taken = deliveries.update().where(deliveries.c.id.in_([row.id for row in rows]))
        begun_elsewhere = sa.and_(deliveries.c.claimed_by.is_not(None), deliveries.c.claimed_by != by)
        look_first = sa.or_(deliveries.c.look_first, begun_elsewhere)  # for good: our own tries may all fail before the look
        await session.execute(
            taken.values(claimed_by=by, claimed_at=now, attempts=deliveries.c.attempts + 1, look_first=look_first)
        )
        rows = [replace(row, look_first=row.look_first or row.claimed_by not in (None, by)) for row in rows]
    return rows


async def renew(session: AsyncSession, delivery_id: int, *, by: str, now: datetime) -> bool:
    """Prolong a claim just before sending. Return False if somebody else has taken it over or done it: then leave it alone."""
    mine = sa.and_(deliveries.c.id == delivery_id, deliveries.c.claimed_by == by, deliveries.c.done_at.is_(None))
    renewed = await session.execute(deliveries.update().where(mine).values(claimed_at=now).returning(deliveries.c.id))
    return renewed.first() is not None


async def mark_sent(session: AsyncSession, delivery_id: int, event_id: str, now: datetime) -> None:
    """Record that it stands in the room as `event_id`."""
    await _finish(session, delivery_id, now, outcome=SENT, event_id=event_id, note=None)


async def mark_dropped(session: AsyncSession, delivery_id: int, note: str, now: datetime) -> None:
    """Record that it is not wanted any more, and why."""
    await _finish(session, delivery_id, now, outcome=DROPPED, note=note)


async def mark_failed(session: AsyncSession, delivery_id: int, note: str, now: datetime, *, by: str) -> bool:
    """Record that it can never be said, and why. Return False if another device has taken it over meanwhile: then it is theirs."""
    if not await renew(session, delivery_id, by=by, now=now):
        return False
    await _finish(session, delivery_id, now, outcome=FAILED, note=note)
    return True


async def release(session: AsyncSession, delivery_id: int, *, by: str, retry_at: datetime, note: str) -> None:
    """Give it back for another try at `retry_at`, unless another device has taken it over meanwhile.

    Who tried stays written: it may have been sent all the same.
    """
    ours = sa.and_(deliveries.c.id == delivery_id, deliveries.c.claimed_by == by, deliveries.c.done_at.is_(None))
    await session.execute(deliveries.update().where(ours).values(claimed_at=None, retry_at=retry_at, note=note))


async def say_instead(session: AsyncSession, delivery_id: int, content: Mapping[str, object]) -> None:
    """Let it say something else than was written down."""
    await _write(session, delivery_id, content=dict(content))


async def say_instead_under(session: AsyncSession, key: str, content: Mapping[str, object]) -> None:
    """Let what is written down under `key` say something else."""
    await session.execute(deliveries.update().where(deliveries.c.key == key).values(content=dict(content)))


async def retry_now(session: AsyncSession, rooms: Collection[str] | None) -> None:
    """Let what waits for another try in these rooms be tried at once. None: in all rooms."""
    waiting = sa.and_(deliveries.c.done_at.is_(None), deliveries.c.retry_at.is_not(None))
    if rooms is not None:
        waiting = sa.and_(waiting, deliveries.c.room.in_(rooms))
    await session.execute(deliveries.update().where(waiting).values(retry_at=None))


async def _finish(session: AsyncSession, delivery_id: int, now: datetime, **values: object) -> None:
    """Write down how it ended. The file that goes with it is not needed any more."""
    await _write(session, delivery_id, done_at=now, **values)
    key = sa.select(deliveries.c.key).where(deliveries.c.id == delivery_id).scalar_subquery()
    await session.execute(attachments.delete().where(attachments.c.key == key))


async def _write(session: AsyncSession, delivery_id: int, **values: object) -> None:
    await session.execute(deliveries.update().where(deliveries.c.id == delivery_id).values(**values))


async def event_of(session: AsyncSession, key: str) -> str | None:
    """Return the event id of what was said under `key`, if it was."""
    return await session.scalar(sa.select(deliveries.c.event_id).where(deliveries.c.key == key))


async def key_of(session: AsyncSession, event_id: str, room: str) -> str | None:
    """Return the key of what stands in `room` as `event_id`, if we said it there."""
    ours = sa.and_(deliveries.c.event_id == event_id, deliveries.c.room == room)
    return await session.scalar(sa.select(deliveries.c.key).where(ours))


async def being_sent(session: AsyncSession, room: str, prefixes: Collection[str], since: datetime) -> bool:
    """Return whether something whose key begins with one of `prefixes`, written down after `since`, was tried and is not done.

    It may stand in the room already, with an event id that we do not know yet.
    """
    tried = sa.and_(
        deliveries.c.room == room,
        deliveries.c.done_at.is_(None),
        deliveries.c.attempts > 0,
        deliveries.c.created_at > since,
        sa.or_(*(deliveries.c.key.startswith(prefix, autoescape=True) for prefix in prefixes)),
    )
    return bool(await session.scalar(sa.select(sa.exists().where(tried))))


async def with_prefix(session: AsyncSession, prefix: str) -> list[Delivery]:
    """Return all deliveries whose key begins with `prefix`, in the order they were written down."""
    query = sa.select(*_COLUMNS).where(deliveries.c.key.startswith(prefix, autoescape=True)).order_by(deliveries.c.id)
    return [_from_row(row) for row in await session.execute(query)]


async def next_retry(session: AsyncSession, now: datetime) -> datetime | None:
    """Return the earliest time after `now` at which a room's oldest row that nobody has taken wants another look.

    What waits behind it in its room does not count: it has no time of its own.
    """
    waiting = deliveries.alias()
    oldest = sa.select(sa.func.min(waiting.c.id)).where(waiting.c.done_at.is_(None)).group_by(waiting.c.room)
    again = sa.func.coalesce(deliveries.c.retry_at, deliveries.c.due_at)
    query = sa.select(sa.func.min(again, type_=deliveries.c.due_at.type))
    return await session.scalar(
        query.where(
            deliveries.c.id.in_(oldest), deliveries.c.claimed_at.is_(None), sa.type_coerce(again, deliveries.c.due_at.type) > now
        )
    )
