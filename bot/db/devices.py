"""The devices that work on the database, the sign that each gives of itself, and the secret that they share."""

import secrets

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.engine import insert_new
from bot.db.tables import devices, installation

_SECRET_BYTES = 32


async def beat(session: AsyncSession, device_id: str) -> None:
    """Write down that a device is alive now, by the database's clock."""
    now = sa.func.now() if session.get_bind().dialect.name == "postgresql" else sa.func.strftime("%Y-%m-%d %H:%M:%f", "now")
    written = devices.update().where(devices.c.device_id == device_id).values(seen_at=now).returning(sa.literal(1))
    if (await session.execute(written)).first() is None:
        await insert_new(session, devices, device_id=device_id, seen_at=now)


async def signs(session: AsyncSession) -> dict[str, object]:
    """Return what each device has written of itself: whoever is alive writes something new."""
    return {row.device_id: row.seen_at for row in await session.execute(sa.select(devices))}


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
