"""Who somebody is to the bot: roles, and which room grants each."""

from bot.command import Context, Reply, command
from bot.db import labs
from bot.domain.places import COORDINATION, EVERYONE, MEMBERS, NETWORK, RESEARCH, lab_of_room
from bot.domain.roles import Role
from bot.errors import Text, text
from bot.rendering import template

_ROLES = template(
    "<p>{% trans %}Deine Rollen:{% endtrans %}</p><ul>"
    "{% for role, room in roles %}<li>{{ role }}, {% trans room=room %}weil du in »{{ room }}« bist{% endtrans %}</li>"
    "{% endfor %}</ul>"
    "<p>{% trans prefix=prefix %}Was du hier darfst: <code>{{ prefix }} hilfe</code>{% endtrans %}</p>"
)
_GUEST = template(
    "<p>{% trans room=room %}Du bist in keinem Raum des Netzwerks, deshalb kann ich dir nichts sagen."
    " Zugang gibt »{{ room }}« oder der Raum eines Labors.{% endtrans %}</p>"
)


@command("ich", "whoami", needs=Role.GUEST, asks_all=True)
async def whoami(ctx: Context) -> Reply:
    """Sagt, welche Rollen du hast und welcher Raum sie dir gibt."""
    if not ctx.roles.member:
        return Reply(_GUEST, {"room": ctx.rooms.label(NETWORK)}, audience=EVERYONE)
    names = {lab.key: lab.name for lab in await labs.every(ctx.session)}
    roles = [(_role(room, names), ctx.rooms.label(room)) for room in ctx.rooms.keys() if room in ctx.roles.rooms]
    return Reply(_ROLES, {"roles": roles, "prefix": ctx.prefix}, audience=MEMBERS)


def _role(room: str, names: dict[str, str]) -> Text:
    lab = lab_of_room(room)
    if lab is not None:
        return text("Labor %(lab)s", lab=names.get(lab, lab))
    return {COORDINATION: text("Koordination"), RESEARCH: text("Forschung")}.get(room, text("Mitglied des Netzwerks"))
