"""Somebody asks to be reminded: once, again and again, or until it is done. It comes in the room where it was asked for."""

from bot.command import Context, Reply, command
from bot.domain.roles import Role
from bot.errors import text
from commands._own_reminders import WishWords, set_reminder

_EXAMPLES = [
    text("morgen 10 Uhr Protokoll schicken"),
    text("in 3 Tagen nachfragen"),
    text("jeden Montag 9 Uhr Runde vorbereiten"),
    text("am ersten Dienstag im Monat 10 Uhr Abrechnung"),
    text("am 30.10. um 9 Uhr bis erledigt alle 2 Stunden Bericht abgeben"),
    text('cron "0 9 * * 1-5" Post holen'),
]


@command("erinnern", "remind", "erinnere", needs=Role.MEMBER, examples=_EXAMPLES, asks_named=True, asks_power=True)
async def remind(ctx: Context, words: WishWords) -> Reply:
    """Erinnert hier in diesem Raum an etwas: einmal, immer wieder oder bis es erledigt ist. Wen: dich, @room, @person."""
    return await set_reminder(ctx, words)
