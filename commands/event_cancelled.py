"""A coordinator cancels an event: every room hears of it, and nobody is reminded of it any more."""

from bot.command import Context, Reply, command
from bot.converters import Name
from bot.db import programme
from bot.domain.places import COORDINATORS
from bot.domain.programme import Event
from bot.domain.roles import Role
from bot.errors import UserError
from bot.rendering import template
from commands._dated import all_rooms, dated_meant

_TOLD = template(
    "<p>{% trans %}Abgesagt:{% endtrans %} <strong>{{ title }}</strong><br/>"
    "{% trans when=when|when %}geplant war: {{ when }}{% endtrans %}</p>"
)
_CANCELLED = template(
    "<p>{% trans title=title %}»{{ title }}« ist abgesagt.{% endtrans %} "
    "{% trans n=rooms %}Ein Raum erfährt es.{% pluralize %}{{ n }} Räume erfahren es.{% endtrans %}</p>"
)


@command("absagen", "cancel", needs=Role.COORDINATOR, examples=["workshop-5"])
async def event_cancelled(ctx: Context, event: Name) -> Reply:
    """Sagt einen Workshop oder eine Tagung ab; alle Räume erfahren es."""
    dated = await dated_meant(ctx, event)
    if not isinstance(dated, Event):
        raise UserError(
            "»%(title)s« ist ein Bericht. Davon befreit: %(prefix)s bericht befreien", title=dated.title, prefix=ctx.prefix
        )
    if dated.cancelled:
        raise UserError("»%(title)s« ist abgesagt.", title=dated.title)
    await programme.cancel(ctx.session, dated)
    told = all_rooms(ctx, _TOLD, dated, title=dated.title, when=dated.when)
    return Reply(_CANCELLED, {"title": dated.title, "rooms": len(told)}, audience=COORDINATORS, also=told)
