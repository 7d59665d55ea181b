"""The devices that work on the database: who is alive, by the database's own clock; and the secret that they share."""

import secrets
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.engine import insert_new
from bot.db.tables import UTCDateTime, devices, installation

_SECRET_BYTES = 32


async def beat(session: AsyncSession, device_id: str) -> None:
    """Write down that a device is alive now."""
    now = sa.func.now()
    if not await insert_new(session, devices, device_id=device_id, seen_at=now):
        await session.execute(devices.update().where(devices.c.device_id == device_id).values(seen_at=now))


async def alive(session: AsyncSession, within: timedelta) -> frozenset[str]:
    """Return the devices that were alive `within` this time."""
    rows = (await session.execute(sa.select(devices, sa.type_coerce(sa.func.now(), UTCDateTime).label("now")))).all()
    return frozenset(row.device_id for row in rows if row.now - row.seen_at <= within)


async def retire(session: AsyncSession, device_id: str) -> None:
    """Write down that a device has ended: what it had taken, others may take at once."""
    await session.execute(devices.delete().where(devices.c.device_id == device_id))


async def shared_secret(session: AsyncSession) -> bytes:
    """Return the secret of this network, made at the first call."""
    await insert_new(session, installation, id=1, secret=secrets.token_bytes(_SECRET_BYTES))
    found = await session.scalar(sa.select(installation.c.secret))
    if found is None:
        raise LookupError("the installation's secret was deleted meanwhile")
    return found
