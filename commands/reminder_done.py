"""Something that the bot reminds of is done: by command, or by a ✅ under the reminder. It rings no more; a rule goes on."""

from bot.command import Context, Reply, command, on_reaction
from bot.converters import Number
from bot.db import own_reminders
from bot.domain.own_reminders import POLICY, OwnReminder, done
from bot.domain.roles import Role
from bot.errors import UserError
from bot.rendering import template
from commands._own_reminders import meant, meant_by_reaction

_DONE = template(
    "<p>{% if again %}{% trans number=number, at=again|day_and_time %}Erinnerung {{ number }} ist für dieses Mal erledigt; wieder kommt sie"
    " am {{ at }}.{% endtrans %}"
    "{% elif before %}{% trans number=number %}Erinnerung {{ number }} war schon erledigt.{% endtrans %}"
    "{% else %}{% trans number=number %}Erinnerung {{ number }} ist erledigt.{% endtrans %}{% endif %}</p>"
)


@command("erinnerung erledigt", "reminder done", "erledigt", "done", needs=Role.MEMBER, examples=["7"])
async def reminder_done(ctx: Context, number: Number) -> Reply:
    """Vermerkt, woran ich erinnere, als erledigt; dasselbe tut ein ✅ unter der Erinnerung."""
    found = await meant(ctx, number)
    if found.rule is not None and found.said_for is None and found.rings == 0 and found.due_at is not None:
        raise UserError(
            "Erinnerung %(number)s war noch nicht dran. Soll sie gar nicht mehr kommen: %(prefix)s erinnerung löschen %(number)s",
            number=found.id,
            prefix=ctx.prefix,
        )
    return await _settle(ctx, found)


@on_reaction(f"{POLICY}:", "✅", needs=Role.MEMBER)
async def reminder_checked(ctx: Context, key: str, _symbol: str) -> Reply:
    """Take a ✅ under a reminder for "done"."""
    return await _settle(ctx, await meant_by_reaction(ctx, key))


async def _settle(ctx: Context, found: OwnReminder) -> Reply:
    settled = done(found, ctx.now)
    await own_reminders.keep(ctx.session, settled, ctx.now)
    again = settled.due_at.astimezone(settled.zone) if settled.due_at else None
    return Reply(_DONE, {"number": found.id, "again": again, "before": found.done})
