"""Somebody says that they are away: reminders mention the deputy meanwhile."""

from datetime import timedelta
from typing import Annotated

from bot.command import Context, Reply, command
from bot.converters import name
from bot.db import contacts
from bot.domain.dates import Precision
from bot.domain.phrases import read_date
from bot.domain.phrases.beginnings import no_single_day
from bot.domain.phrases.moments import check_not_over
from bot.domain.roles import Role
from bot.errors import UserError, text
from bot.rendering import template

_LONGEST = timedelta(days=366)

LastDay = Annotated[str, name(text("datum"))]

_AWAY = template(
    "<p>{% trans day=day|when %}Du bist abwesend bis {{ day }}. In Erinnerungen erwähne ich so lange nicht dich, sondern deine Vertretung."
    "{% endtrans %}"
    "{% if alone %}<br/>{% trans prefix=prefix %}Eingetragen ist keine; bis dahin erwähne ich also niemanden."
    " <code>{{ prefix }} vertretung @person</code>{% endtrans %}{% endif %}<br/>"
    "{% trans prefix=prefix %}Früher zurück? <code>{{ prefix }} wieder da</code>{% endtrans %}</p>"
)


@command(
    "abwesend bis",
    "away until",
    "abwesend bis zum",
    "abwesend",
    "away",
    needs=Role.MEMBER,
    examples=[text("30.10.2020")],
)
async def away_until(ctx: Context, day: LastDay) -> Reply:
    """Vermerkt, dass du bis zu diesem Tag abwesend bist; so lange erwähne ich deine Vertretung."""
    today = ctx.now.date()
    when = read_date(day, today)
    if when.precision is not Precision.DAY:
        raise no_single_day(day)
    check_not_over(when.first, today)
    if when.first > today + _LONGEST:
        raise UserError("Das ist zu weit weg; höchstens ein Jahr geht.")
    await contacts.leave(ctx.session, ctx.sender, until=when.first, by=ctx.sender, now=ctx.now)
    return Reply(_AWAY, {"day": when.first, "alone": await contacts.is_alone(ctx.session, ctx.sender), "prefix": ctx.prefix})
