"""A reminder that rings every five minutes until somebody says that it is done."""

from bot.command import Context, Reply, command
from bot.domain.roles import Role
from bot.errors import text
from commands._own_reminders import WishWords, set_reminder


@command(
    "wecker",
    "alarm",
    needs=Role.MEMBER,
    examples=[text("um 14 Uhr Videokonferenz"), text("jeden Freitag 15 Uhr Fenster zu")],
    asks_named=True,
    asks_power=True,
)
async def alarm(ctx: Context, words: WishWords) -> Reply:
    """Erinnert wie »erinnern«, aber alle fünf Minuten wieder, bis jemand ✅ darunter setzt."""
    return await set_reminder(ctx, words, alarm=True)
