"""The contact of a lab: whom reminders mention."""

from bot.command import Context, Reply, command
from bot.domain.contacts import ContactRole
from bot.domain.roles import Role
from commands._contacts import Whom, contacts_of


@command(
    "kontakt",
    "contact",
    needs=Role.LAB | Role.RESEARCH | Role.COORDINATOR,
    examples=["@anke:example.org", "bremen @anke:example.org", ""],
    asks_named=True,
)
async def contact(ctx: Context, whom: Whom | None = None) -> Reply:
    """Zeigt, wen ich erwähne, wenn ich das Labor erinnere, oder trägt jemanden aus seinem Raum dafür ein."""
    return await contacts_of(ctx, whom, ContactRole.CONTACT)
