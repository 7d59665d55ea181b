"""Event contents as Matrix wants them (Client-Server API v1.18, 11.2 and 11.19)."""

from collections.abc import Mapping, Sequence

from bot.rendering.templates import EVERYBODY, Rendered

KEY_FIELD = "netzwart.key"
"""Our own field in every event that we send: the delivery's key, by which it is found again in the room."""

TRANSACTION_FIELD = "netzwart.transaction"
"""Our own field beside the ciphertext: the transaction id, by which our other devices find an event that they cannot decrypt."""

MOST_BYTES = 45_000
"""What a content may have, as JSON in UTF-8: an event may have 65,536 bytes with its envelope, and encryption adds a third."""


def message(rendered: Rendered, key: str, *, notifies: bool) -> dict[str, object]:
    """Return a message. `m.text` notifies, `m.notice` (answers) does not and is never taken for a command by other bots."""
    return {
        "msgtype": "m.text" if notifies else "m.notice",
        "body": rendered.body,
        "format": "org.matrix.custom.html",
        "formatted_body": rendered.html,
        "m.mentions": _mentions(rendered.mentions),
        KEY_FIELD: key,
    }


def _mentions(mentioned: Sequence[str]) -> dict[str, object]:
    """Return `m.mentions` (Client-Server API v1.18, 11.37)."""
    user_ids = [user_id for user_id in mentioned if user_id != EVERYBODY]
    mentions: dict[str, object] = {"user_ids": user_ids} if user_ids else {}
    return mentions | {"room": True} if EVERYBODY in mentioned else mentions


def in_reply_to(content: Mapping[str, object], event_id: str, thread: str | None) -> dict[str, object]:
    """Return `content` as an answer to `event_id`, inside its thread if it stands in one."""
    relation: dict[str, object] = {"m.in_reply_to": {"event_id": event_id}}
    if thread is not None:
        relation |= {"rel_type": "m.thread", "event_id": thread, "is_falling_back": True}
    return {**content, "m.relates_to": relation}


def reaction(symbol: str, event_id: str, key: str) -> dict[str, object]:
    """Return a reaction with `symbol` to `event_id` (empty if it is only known when it is sent)."""
    return {"m.relates_to": {"rel_type": "m.annotation", "event_id": event_id, "key": symbol}, KEY_FIELD: key}
