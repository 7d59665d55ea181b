"""The time zone in which a room tells the time, for reminders that are set there."""

from typing import Annotated

from bot.command import Context, Reply, command
from bot.converters import name
from bot.db import rooms
from bot.domain.matching import fold
from bot.domain.roles import Role
from bot.domain.time_zones import read_zone
from bot.errors import text
from bot.rendering import template
from commands._own_reminders import here, network_zone, zone_of

_THE_NETWORKS = ("netz", "netzwerk", "network", "standard", "default")

ZoneName = Annotated[str, name(text("name"), usage=text("[<name>|netzwerk]"))]

_ZONE = template(
    "<p>{% trans zone=zone, time=time %}Uhrzeiten gelten hier in der Zeitzone {{ zone }}; dort ist es jetzt {{ time }}.{% endtrans %}"
    "{% if changed %}<br/>{% trans %}Erinnerungen, die schon gesetzt sind, kommen weiter zu ihrer Zeit.{% endtrans %}{% endif %}</p>"
)


@command("zeitzone", "timezone", needs=Role.MEMBER, examples=["Europe/London", text("netzwerk")])
async def timezone(ctx: Context, zone: ZoneName | None = None) -> Reply:
    """Zeigt oder wählt die Zeitzone dieses Raums für Erinnerungen; »netzwerk« ist wieder die des Netzwerks."""
    room = here(ctx)
    if zone is not None:
        chosen = network_zone(ctx) if fold(zone) in _THE_NETWORKS else read_zone(zone)
        await rooms.set_timezone(ctx.session, room, None if chosen.key == network_zone(ctx).key else chosen.key)
    now_here = await zone_of(ctx, room)
    data = {"zone": now_here.key, "time": f"{ctx.now.astimezone(now_here):%H:%M}", "changed": zone is not None}
    return Reply(_ZONE, data)
