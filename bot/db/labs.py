"""Labs, as the chat and the reminders ask for them."""

from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.tables import labs
from bot.domain.labs import Lab, Partner


def lab_from_row(row: sa.Row[Any]) -> Lab:
    """Return the lab that a row of `labs` is."""
    partners = cast("list[dict[str, str]]", row.partners)
    return Lab(
        key=row.key,
        name=row.name,
        state=row.state,
        municipalities=tuple(row.municipalities),
        partners=tuple(Partner(p["name"], p["kind"]) for p in partners),
        topics=tuple(row.topics),
    )


async def every(session: AsyncSession) -> list[Lab]:
    """Return all labs in the order of the data file."""
    return [lab_from_row(row) for row in await session.execute(sa.select(labs).order_by(labs.c.position))]


async def get(session: AsyncSession, key: str) -> Lab | None:
    """Return a lab by its key."""
    row = (await session.execute(sa.select(labs).where(labs.c.key == key))).first()
    return lab_from_row(row) if row else None
