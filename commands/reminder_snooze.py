"""A reminder comes at another time: by command, or, by a 💤 under it, an hour later."""

from datetime import datetime
from typing import Annotated

from bot.command import Context, Reply, command, on_reaction
from bot.converters import Number, rest
from bot.db import own_reminders
from bot.domain.chat_words import without_towards
from bot.domain.own_reminders import POLICY, SNOOZE, OwnReminder, moved, read_moment, snoozed
from bot.domain.roles import Role
from bot.errors import text
from bot.rendering import template
from commands._own_reminders import check_limits, foreign, meant, meant_by_reaction

When = Annotated[str, rest(text("wann"), keeps_quotes=True)]

_PUT_OFF = template(
    "<p>💤 {% trans number=number, at=at|day_and_time %}Erinnerung {{ number }} kommt {{ at }}{% endtrans %}"
    "{% if zone %} ({{ zone }}){% endif %}."
    "{% if instead %}<br/>{% trans at=instead|day_and_time %}Dafür kommt sie nicht am {{ at }}.{% endtrans %}{% endif %}"
    "{% if opens %}<br/>{% trans time=opens %}Ohne Uhrzeit nehme ich den Beginn der Bürozeit, {{ time }}.{% endtrans %}{% endif %}</p>"
)


@command(
    "verschieben", "snooze", "erinnerung verschieben", "reminder snooze", needs=Role.MEMBER, examples=[text("7 morgen 10 Uhr")]
)
async def reminder_snooze(ctx: Context, number: Number, when: When) -> Reply:
    """Verschiebt eine Erinnerung dieses Raums, von einer wiederkehrenden das nächste Mal. Um eine Stunde: 💤 unter der Erinnerung."""
    found = await meant(ctx, number)
    await _check_open_again(ctx, found)
    to, taken = read_moment(without_towards(when), ctx.now.astimezone(found.zone), ctx.opens)
    instead = found.due_at.astimezone(found.zone) if found.rule and found.due_at and not found.rings else None
    return await _put_off(ctx, moved(found, to, ctx.now), f"{taken:%H:%M}" if taken else "", instead)


@on_reaction(f"{POLICY}:", "💤", needs=Role.MEMBER)
async def reminder_put_off(ctx: Context, key: str, _symbol: str) -> Reply:
    """Take a 💤 under a reminder for "in an hour"."""
    found = await meant_by_reaction(ctx, key)
    await _check_open_again(ctx, found)
    return await _put_off(ctx, snoozed(found, ctx.now + SNOOZE, ctx.now))


async def _check_open_again(ctx: Context, found: OwnReminder) -> None:
    """Raise `UserError` if it is not open any more, and no more may be."""
    if found.due_at is None:
        await check_limits(ctx, found.author, found.room)


async def _put_off(ctx: Context, later: OwnReminder, opens: str = "", instead: datetime | None = None) -> Reply:
    """Keep it, and say when it comes. `instead`: the time of its rule that it comes for."""
    await own_reminders.keep(ctx.session, later, ctx.now)
    at = later.due_at.astimezone(later.zone) if later.due_at else ctx.now
    return Reply(_PUT_OFF, {"number": later.id, "at": at, "zone": foreign(ctx, later.zone), "opens": opens, "instead": instead})
