"""The language in which the bot answers in a room."""

from bot.command import Context, Reply, command
from bot.converters import LanguageCode
from bot.db import rooms
from bot.domain.roles import Role
from bot.errors import Denied, text
from bot.rendering import catalogue, template

_CHANGED = template("<p>{{ sentence }}</p>")


@command("sprache", "language", needs=Role.MEMBER, examples=["en"])
async def language(ctx: Context, code: LanguageCode) -> Reply:
    """Wählt die Sprache, in der ich in diesem Raum antworte: de oder en."""
    if ctx.place.key is not None and ctx.place.key not in ctx.roles.rooms:
        raise Denied("Das darf nur, wer in »%(room)s« ist; bitte schreib es dort.", room=ctx.rooms.label(ctx.place.key))
    await rooms.set_language(ctx.session, ctx.place.room_id, code)
    return Reply(_CHANGED, {"sentence": catalogue(code).say(text("Hier antworte ich ab jetzt auf Deutsch."))})
