"""From raw events to what the bot can act on. Everything in an event may be wrong or hostile; what does not fit is nothing."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import unescape
from typing import Any, cast
from urllib.parse import quote, unquote

from bot.command import Message, Reaction
from bot.domain.chat_words import without_reply_fallback
from bot.matrix.crypto.values import object_of

READ_TYPES = ("m.room.message", "m.reaction")
VERIFICATION_TYPES = tuple(
    f"m.key.verification.{step}" for step in ("request", "ready", "start", "accept", "key", "mac", "done", "cancel")
)
_PILL = re.compile(r'<a href="https://matrix\.to/#/([^"]{1,300})">([^<]{1,300})</a>')
_LAST_MOMENT = 253_402_300_799_000
"""The end of the year 9999, in milliseconds since 1970."""

_VARIATION_SELECTORS = str.maketrans("", "", "\ufe0e\ufe0f")


def readable(source: Mapping[str, Any], own_user_id: str) -> bool:
    """Whether a timeline event may be of interest: a message or reaction of somebody else, with an id."""
    return (
        source.get("type") in READ_TYPES
        and isinstance(source.get("event_id"), str)
        and isinstance(source.get("sender"), str)
        and source.get("sender") != own_user_id
        and isinstance(source.get("content"), dict)
    )


def own_join(sources: Sequence[Mapping[str, Any]], user_id: str) -> int | None:
    """Return where our own join stands, or None. A change of our name is a join as well, but follows one."""
    for position, source in enumerate(sources):
        if source.get("type") != "m.room.member" or source.get("state_key") != user_id:
            continue
        before = object_of(object_of(source.get("unsigned")).get("prev_content"))
        if object_of(source.get("content")).get("membership") == "join" and before.get("membership") != "join":
            return position
    return None


def verifies(source: Mapping[str, Any]) -> bool:
    """Whether an event belongs to an emoji verification."""
    if source.get("type") == "m.room.message":
        return object_of(source.get("content")).get("msgtype") == "m.key.verification.request"
    return source.get("type") in VERIFICATION_TYPES


def parse(source: Mapping[str, Any], room_id: str, own_user_id: str, flaw: str | None = None) -> Message | Reaction | None:
    """Return the message or reaction that an event is, or None for everything that is not for a bot to act on.

    Notices (other bots, ourselves), edits, redacted events, messages without a text and reactions with a flaw are None.
    """
    if not readable(source, own_user_id):
        return None
    content = cast("dict[str, Any]", source["content"])
    relation = object_of(content.get("m.relates_to"))
    if source["type"] == "m.reaction":
        return None if flaw else _reaction(source, room_id, relation)
    body = content.get("body")
    if content.get("msgtype") != "m.text" or not isinstance(body, str) or relation.get("rel_type") == "m.replace":
        return None
    replied = object_of(relation.get("m.in_reply_to"))
    return Message(
        event_id=source["event_id"],
        room_id=room_id,
        sender=source["sender"],
        body=without_reply_fallback(body) if replied else body,
        thread=_text(relation.get("event_id")) if relation.get("rel_type") == "m.thread" else None,
        mentions=_mentions(content),
        pill=_pill_at_start(content.get("formatted_body"), own_user_id),
        flaw=flaw,
        sent_at=_moment(source.get("origin_server_ts")),
        reply_to=None if relation.get("is_falling_back") is True else _text(replied.get("event_id")),
        pills=_pills(content.get("formatted_body")),
    )


def _reaction(source: Mapping[str, Any], room_id: str, relation: Mapping[str, Any]) -> Reaction | None:
    target, symbol = relation.get("event_id"), relation.get("key")
    if relation.get("rel_type") != "m.annotation" or not isinstance(target, str) or not isinstance(symbol, str):
        return None
    return Reaction(source["event_id"], room_id, source["sender"], target, symbol.translate(_VARIATION_SELECTORS))


def _mentions(content: Mapping[str, Any]) -> frozenset[str]:
    user_ids = object_of(content.get("m.mentions")).get("user_ids")
    return frozenset(u for u in cast("list[object]", user_ids) if isinstance(u, str)) if isinstance(user_ids, list) else frozenset()


def _pill_at_start(formatted: object, own_user_id: str) -> str | None:
    """Return the label of a pill that points to us, if the formatted body begins with one."""
    if not isinstance(formatted, str):
        return None
    before, marker, after = formatted.partition("</mx-reply>")
    start = (after if marker else before).lstrip().removeprefix("<p>").lstrip()
    match = _PILL.match(start)
    if match is None or unquote(match[1]) != own_user_id:
        return None
    return unescape(match[2])


def _pills(formatted: object) -> dict[str, str]:
    """Return what the pills in a formatted body show, and to whom they point. Where two people are called the same, neither is there."""
    if not isinstance(formatted, str):
        return {}
    *_, said = formatted.rpartition("</mx-reply>")
    found = {(unescape(label), unquote(person)) for person, label in _PILL.findall(said)}
    labels = [label for label, _ in found]
    return {label: person for label, person in found if labels.count(label) == 1}


def _moment(milliseconds: object) -> datetime | None:
    """Return the time that is so many milliseconds after 1970, None if that is none."""
    if not isinstance(milliseconds, int) or isinstance(milliseconds, bool) or not 0 <= milliseconds <= _LAST_MOMENT:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def room_path(room_id: str) -> str:
    """Return the path of a room in the client-server API."""
    return f"/rooms/{quote(room_id, safe='')}"
