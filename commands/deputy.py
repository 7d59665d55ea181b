"""The deputy of a lab's contact: whom reminders mention while the contact is away."""

from bot.command import Context, Reply, command
from bot.domain.contacts import ContactRole
from bot.domain.roles import Role
from commands._contacts import Whom, contacts_of


@command(
    "vertretung",
    "deputy",
    needs=Role.LAB | Role.RESEARCH | Role.COORDINATOR,
    examples=["@bernd:example.org", "bremen @bernd:example.org", ""],
    asks_named=True,
)
async def deputy(ctx: Context, whom: Whom | None = None) -> Reply:
    """Zeigt, wen ich erwähne, wenn der Kontakt des Labors abwesend ist, oder trägt jemanden aus seinem Raum dafür ein."""
    return await contacts_of(ctx, whom, ContactRole.DEPUTY)
