"""What the bot can do for the one who asks, in the room where it is asked."""

from typing import Annotated

from bot.command import Command, Context, Reply, command
from bot.converters import name
from bot.domain.matching import close_matches, fold
from bot.domain.places import EVERYONE, NETWORK, PlaceKind
from bot.domain.roles import Role, granting_rooms
from bot.errors import Denied, Text, UserError, text
from bot.rendering import catalogue, template

CommandName = Annotated[str, name(text("befehl"))]

_COMMANDS = template(
    "<p>{% if direct %}{% trans %}Das kannst du mir schreiben:{% endtrans %}"
    "{% else %}{% trans prefix=prefix %}Das kannst du mir schreiben, jeweils mit <code>{{ prefix }}</code> davor:{% endtrans %}"
    "{% endif %}</p>"
    "<ul>{% for usage, help in commands %}<li><code>{{ usage }}</code> – {{ help }}</li>{% endfor %}</ul>"
    "{% if more_in %}<p>{% trans room=more_in %}Mehr darf, wer in »{{ room }}« oder im Raum eines Labors ist,"
    " und zwar dort oder im Direktchat.{% endtrans %}</p>{% endif %}"
)
_COMMAND = template(
    "<p><code>{{ usage }}</code><br/>{{ help }}</p>"
    "{% if examples %}<p>{% trans %}Zum Beispiel:{% endtrans %}"
    "{% for example in examples %}<br/><code>{{ example }}</code>{% endfor %}</p>{% endif %}"
    "<p>{% trans %}Wer darf:{% endtrans %} {% for room in who %}{{ room }}{{ ' · ' if not loop.last }}{% endfor %}"
    "{% if names %}<br/>{% trans names=names %}Auch: {{ names }}{% endtrans %}{% endif %}</p>"
)


@command("hilfe", "help", needs=Role.GUEST, examples=["", text("labore")], asks_all=True)
async def help_(ctx: Context, name: CommandName | None = None) -> Reply:
    """Zeigt, was du hier von mir haben kannst, oder erklärt einen Befehl."""
    return _one(ctx, _meant(ctx, name)) if name else _list(ctx)


def _list(ctx: Context) -> Reply:
    say = catalogue(ctx.language).say
    mine = sorted((c for c in ctx.commands if _may(ctx, c)), key=lambda c: c.name(ctx.language))
    commands = [(c.usage(ctx.language, say), Text(c.help)) for c in mine]
    outside = not ctx.roles.member or ctx.place.kind is PlaceKind.UNKNOWN
    data = {
        "commands": commands,
        "direct": ctx.place.kind is PlaceKind.DIRECT,
        "more_in": ctx.rooms.label(NETWORK) if outside else None,
        "prefix": ctx.prefix,
    }
    return Reply(_COMMANDS, data, audience=EVERYONE)


def _may(ctx: Context, wanted: Command) -> bool:
    """Return whether the one who asks may run it here."""
    if wanted.needs & Role.GUEST:
        return True
    return ctx.place.kind is not PlaceKind.UNKNOWN and ctx.roles.satisfy(wanted.needs, ctx.place)


def _meant(ctx: Context, words: str) -> Command:
    """Return the command called `words`, with or without our prefix. Raises `UserError` with near misses."""
    wanted = fold(words).removeprefix(fold(ctx.prefix)).strip()
    by_name = {fold(name): found for found in ctx.commands for name in found.names}
    if wanted in by_name:
        return by_name[wanted]
    guesses = close_matches(wanted, [name for found in ctx.commands for name in found.names])
    if guesses:
        raise UserError("»%(word)s« kenne ich nicht. Meintest du %(guess)s?", word=words, guess=" · ".join(guesses))
    raise UserError("»%(word)s« kenne ich nicht. Was ich kann, sagt dir: %(prefix)s hilfe", word=words, prefix=ctx.prefix)


def _one(ctx: Context, meant: Command) -> Reply:
    if not ctx.roles.member and not _may(ctx, meant):
        raise Denied("Das darf nur, wer in »%(room)s« oder im Raum eines Labors ist.", room=ctx.rooms.label(NETWORK))
    name, say = meant.name(ctx.language), catalogue(ctx.language).say
    data = {
        "usage": f"{ctx.prefix} {meant.usage(ctx.language, say)}",
        "help": Text(meant.help),
        "examples": [f"{ctx.prefix} {name} {example}".rstrip() for example in meant.shown(say)],
        "who": _who(ctx, meant),
        "names": " · ".join(other for other in dict.fromkeys(meant.names) if other != name),
    }
    return Reply(_COMMAND, data, audience=EVERYONE)


def _who(ctx: Context, meant: Command) -> list[Text]:
    """Return who may run it: the rooms that grant it."""
    if meant.needs & Role.GUEST:
        return [text("alle")]
    rooms = granting_rooms(meant.needs, ctx.place)
    return [text("wer in »%(room)s« ist", room=ctx.rooms.label(r)) if r else text("wer im Raum seines Labors ist") for r in rooms]
