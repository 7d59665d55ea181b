"""The demo's words for people. The German sentence is the message id."""

from bot.errors import Text
from bot.rendering import catalogue


def _(msgid: str, **data: object) -> str:
    """Return `msgid` for people, its `%(name)s` placeholders filled from `data`."""
    return catalogue("de").say(Text(msgid, data))
