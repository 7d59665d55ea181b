"""From raw events to messages and reactions; everything in an event may be wrong."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.command import Message, Reaction
from bot.matrix.events import parse

BOT = "@netzwart:netz.example"
ROOM = "!raum:netz.example"


def _event(content: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "m.room.message", "event_id": "$1", "sender": "@lena:netz.example", "content": content} | fields


def _text(body: Any, **content: Any) -> dict[str, Any]:
    return _event({"msgtype": "m.text", "body": body} | content)


def test_a_plain_message() -> None:
    assert parse(_text("!netz hilfe"), ROOM, BOT) == Message("$1", ROOM, "@lena:netz.example", "!netz hilfe")


@pytest.mark.parametrize(
    ("claimed", "sent_at"),
    [
        (1_602_489_600_000, datetime(2020, 10, 12, 8, tzinfo=UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (253_402_300_799_000, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (253_402_300_800_000, None),
        (-1, None),
        (2**70, None),
        (1.5e12, None),
        ("1602489600000", None),
        (True, None),
        ({}, None),
        (None, None),
    ],
)
def test_when_it_was_sent_as_far_as_that_is_a_time(claimed: object, sent_at: datetime | None) -> None:
    message = parse(_text("!netz hilfe") | {"origin_server_ts": claimed}, ROOM, BOT)
    assert isinstance(message, Message)
    assert message.sent_at == sent_at


def test_a_reply_loses_its_quotation() -> None:
    reply = _text("> <@karla:netz.example> Wer kommt?\n\n!netz hilfe", **{"m.relates_to": {"m.in_reply_to": {"event_id": "$0"}}})
    assert parse(reply, ROOM, BOT) == Message("$1", ROOM, "@lena:netz.example", "!netz hilfe", reply_to="$0")


def test_a_message_in_a_thread_knows_its_thread() -> None:
    relation = {"rel_type": "m.thread", "event_id": "$root", "is_falling_back": True, "m.in_reply_to": {"event_id": "$0"}}
    message = parse(_text("!netz hilfe", **{"m.relates_to": relation}), ROOM, BOT)
    assert isinstance(message, Message)
    assert message.thread == "$root"


def test_whom_pills_mean() -> None:
    """Clients write a name into the text, and only the formatted body says whose it is."""

    def pill(user_id: str, label: str) -> str:
        return f'<a href="https://matrix.to/#/{user_id}">{label}</a>'

    quoted = f"<mx-reply>{pill('@xaver:example.org', 'Xaver')}</mx-reply>"
    people = [("@anke:example.org", "Anke &amp; Co"), ("%40bernd:example.org", "Bernd"), ("@one:a", "Eva"), ("@other:a", "Eva")]
    formatted = quoted + " ".join(pill(*person) for person in people)
    message = parse(_text("Anke & Co Bernd Eva Eva", formatted_body=formatted), ROOM, BOT)
    assert isinstance(message, Message)
    assert message.pills == {"Anke & Co": "@anke:example.org", "Bernd": "@bernd:example.org"}


def test_mentions_and_a_pill_at_the_start() -> None:
    pill = f'<a href="https://matrix.to/#/{BOT}">Der &amp; Wart</a>: hilfe'
    message = parse(_text("Der & Wart: hilfe", formatted_body=pill, **{"m.mentions": {"user_ids": [BOT, 7]}}), ROOM, BOT)
    assert isinstance(message, Message)
    assert (message.pill, message.mentions) == ("Der & Wart", frozenset({BOT}))


def test_a_reaction_loses_its_variation_selector() -> None:
    """Clients send the same emoji with and without U+FE0F."""
    relation = {"rel_type": "m.annotation", "event_id": "$0", "key": "✅\ufe0f"}
    event = _event({"m.relates_to": relation}, type="m.reaction")
    assert parse(event, ROOM, BOT) == Reaction("$1", ROOM, "@lena:netz.example", "$0", "✅")


@pytest.mark.parametrize(
    "event",
    [
        _text("* !netz hilfe", **{"m.relates_to": {"rel_type": "m.replace", "event_id": "$0"}}),
        _event({"msgtype": "m.notice", "body": "!netz hilfe"}),
        _event({"msgtype": "m.emote", "body": "!netz hilfe"}),
        _event({}),
        _text(7),
        _text("!netz hilfe") | {"sender": BOT},
        _text("!netz hilfe") | {"event_id": None},
        _text("!netz hilfe") | {"type": "m.room.encrypted"},
        _event({"m.relates_to": {"rel_type": "m.annotation", "event_id": "$0", "key": {}}}, type="m.reaction"),
        _event({"m.relates_to": ["m.annotation"]}, type="m.reaction"),
        _event(["m.text"]),
    ],
    ids=[
        "edit",
        "notice",
        "emote",
        "redacted",
        "body",
        "own",
        "no id",
        "encrypted",
        "reaction key",
        "reaction relation",
        "content",
    ],
)
def test_what_is_not_for_a_bot_is_nothing(event: dict[str, Any]) -> None:
    assert parse(event, ROOM, BOT) is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {
            "m.relates_to": _JSON,
            "m.mentions": _JSON,
            "formatted_body": _JSON,
            "body": _JSON,
            "msgtype": st.sampled_from(["m.text", 7, None]),
        }
    )
)
def test_no_content_raises(content: dict[str, Any]) -> None:
    for kind in ("m.room.message", "m.reaction"):
        assert isinstance(parse(_event(content, type=kind), ROOM, BOT), Message | Reaction | None)


def test_a_long_hostile_formatted_body_takes_no_time() -> None:
    """64 KiB of spaces: a careless pattern needs minutes for them (the suite's time limit would end it)."""
    message = parse(_text("!netz hilfe", formatted_body=" " * 65_000 + "<p>" + " " * 65_000 + "x"), ROOM, BOT)
    assert isinstance(message, Message)
    assert message.pill is None
