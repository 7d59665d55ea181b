"""Contacts of labs and of the research team, and who is away."""

from collections.abc import Mapping
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.engine import insert_new
from bot.db.tables import contacts, people_away
from bot.domain.contacts import Contact, ContactRole, whom_to_mention


async def every(session: AsyncSession) -> list[Contact]:
    """Return all contacts and deputies, by debtor."""
    found = await session.execute(sa.select(contacts).order_by(contacts.c.debtor, contacts.c.role))
    return [Contact(row.debtor, ContactRole(row.role), row.user_id, row.since) for row in found]


async def of(session: AsyncSession, debtor: str) -> dict[ContactRole, str]:
    """Return the contact and the deputy of a lab (its key) or of `research`, as far as there are any."""
    found = await session.execute(sa.select(contacts.c.role, contacts.c.user_id).where(contacts.c.debtor == debtor))
    return {ContactRole(row.role): row.user_id for row in found}


async def is_alone(session: AsyncSession, user_id: str) -> bool:
    """Return whether somebody is the only one who is ever mentioned for some lab, or for research."""
    other = contacts.alias()
    shared = sa.exists().where(other.c.debtor == contacts.c.debtor, other.c.user_id != user_id)
    return bool(await session.scalar(sa.select(sa.exists().where(contacts.c.user_id == user_id, ~shared))))


async def name(session: AsyncSession, debtor: str, role: ContactRole, user_id: str, *, by: str, now: datetime) -> None:
    """Let somebody be a contact or deputy, in place of who was. Whoever was the other of the two before is that no more."""
    other = sa.and_(contacts.c.debtor == debtor, contacts.c.role != role, contacts.c.user_id == user_id)
    await session.execute(contacts.delete().where(other))
    values = {"user_id": user_id, "since": now, "named_by": by}
    if not await insert_new(session, contacts, debtor=debtor, role=role.value, **values):
        changed = sa.and_(contacts.c.debtor == debtor, contacts.c.role == role, contacts.c.user_id != user_id)
        await session.execute(contacts.update().where(changed).values(values))


async def unname(session: AsyncSession, debtor: str, role: ContactRole) -> None:
    """Let nobody be a contact or deputy."""
    await session.execute(contacts.delete().where(contacts.c.debtor == debtor, contacts.c.role == role))


async def away(session: AsyncSession, today: date) -> dict[str, date]:
    """Return who is away on `today`, and their last day away."""
    found = await session.execute(sa.select(people_away.c.user_id, people_away.c.until).where(people_away.c.until >= today))
    return {row.user_id: row.until for row in found}


async def leave(session: AsyncSession, user_id: str, *, until: date, by: str, now: datetime) -> None:
    """Let somebody be away up to and on a day, in place of what was said before."""
    values = {"until": until, "said_by": by, "said_at": now}
    if not await insert_new(session, people_away, user_id=user_id, **values):
        await session.execute(people_away.update().where(people_away.c.user_id == user_id).values(values))


async def come_back(session: AsyncSession, user_id: str, today: date) -> bool:
    """Let somebody be away no more. Return whether they were, on `today`."""
    gone = people_away.delete().where(people_away.c.user_id == user_id).returning(people_away.c.until)
    until = await session.scalar(gone)
    return until is not None and until >= today


async def mentions(session: AsyncSession, today: date) -> Mapping[str, tuple[str, ...]]:
    """Return whom a reminder of each debtor may mention (`Reminder.mentions`) on `today`; a debtor without anybody is not there.

    `debtor` is a lab key, or `research`.
    """
    named, absences = await every(session), await away(session, today)
    found = {debtor: whom_to_mention(named, absences, debtor, today) for debtor in {contact.debtor for contact in named}}
    return {debtor: people for debtor, people in found.items() if people}
