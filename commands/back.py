"""Somebody who was away is back."""

from bot.command import Context, Reply, command
from bot.db import contacts
from bot.domain.roles import Role
from bot.rendering import template

_BACK = template(
    "<p>{% if was_away %}{% trans %}Schön, dass du wieder da bist.{% endtrans %}"
    "{% else %}{% trans %}Du warst nicht als abwesend vermerkt.{% endtrans %}{% endif %}</p>"
)


@command("wieder da", "back", needs=Role.MEMBER)
async def back(ctx: Context) -> Reply:
    """Vermerkt, dass du nicht mehr abwesend bist."""
    return Reply(_BACK, {"was_away": await contacts.come_back(ctx.session, ctx.sender, ctx.now.date())})
