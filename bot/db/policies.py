"""What the reminder policies have seen."""

from collections.abc import Collection
from collections.abc import Set as AbstractSet
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.engine import insert_new_rows
from bot.db.tables import policy_subjects

_AT_ONCE = 200
"""Rows in one statement: some hundred parameters."""


async def first_seen(session: AsyncSession, policy: str, subjects: Collection[str]) -> dict[str, datetime]:
    """Return when a policy saw these subjects for the first time; those that it has not seen are left out."""
    seen = sa.select(policy_subjects.c.subject, policy_subjects.c.first_seen_at)
    query = seen.where(policy_subjects.c.policy == policy, policy_subjects.c.subject.in_(subjects))
    return {row.subject: row.first_seen_at for row in await session.execute(query)}


async def note_subjects(session: AsyncSession, policy: str, subjects: AbstractSet[str], now: datetime) -> set[str]:
    """Remember which subjects a policy has seen. Return those that it sees for the first time."""
    found = await session.scalars(sa.select(policy_subjects.c.subject).where(policy_subjects.c.policy == policy))
    fresh = set(subjects) - set(found)
    rows = [{"policy": policy, "subject": subject, "first_seen_at": now} for subject in sorted(fresh)]
    for start in range(0, len(rows), _AT_ONCE):
        await insert_new_rows(session, policy_subjects, rows[start : start + _AT_ONCE])
    return fresh
