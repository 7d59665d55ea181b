"""What the reminder policies have seen."""

from collections.abc import Set as AbstractSet
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.engine import insert_new
from bot.db.tables import policy_subjects


async def note_subjects(session: AsyncSession, policy: str, subjects: AbstractSet[str], now: datetime) -> set[str]:
    """Remember which subjects a policy has seen. Return those that it sees for the first time."""
    found = await session.scalars(sa.select(policy_subjects.c.subject).where(policy_subjects.c.policy == policy))
    fresh = set(subjects) - set(found)
    for subject in sorted(fresh):
        await insert_new(session, policy_subjects, policy=policy, subject=subject, first_seen_at=now)
    return fresh
