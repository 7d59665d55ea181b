"""A reminder is not to come any more: deleted by who set it, or by anybody in its room."""

from bot.command import Context, Reply, command
from bot.converters import Number
from bot.db import own_reminders
from bot.domain.chat_words import one_line
from bot.domain.roles import Role
from bot.rendering import template
from commands._own_reminders import meant

_DELETED = template("<p>{% trans number=number, text=text %}Erinnerung {{ number }} ist gelöscht: {{ text }}{% endtrans %}</p>")


@command("erinnerung löschen", "reminder delete", "reminder cancel", needs=Role.MEMBER, examples=["7"])
async def reminder_delete(ctx: Context, number: Number) -> Reply:
    """Löscht eine Erinnerung dieses Raums; die Nummern zeigt »erinnerungen«."""
    found = await meant(ctx, number)
    await own_reminders.delete(ctx.session, found.id)
    return Reply(_DELETED, {"number": found.id, "text": one_line(found.text, 80)})
