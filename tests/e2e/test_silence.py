"""What the bot must not answer, and what must not upset it: edits, notices, other clients' junk, and what is meant to harm."""

import asyncio
import json
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any

import pytest
import pytest_asyncio

from bot.demo.homeserver import Homeserver
from bot.demo.reading import message, reaction
from tests.e2e.conftest import Databases
from tests.e2e.running import BREMEN, COORDINATION, HESSEN, NETWORK, Json, Net, network, send_raw

COMMAND = "!netz labor bremen"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def net(homeserver: Homeserver, databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Net]:
    """The network with its bot at work, on PostgreSQL, which takes fewer characters than SQLite."""
    folder = tmp_path_factory.mktemp("silence")
    async with databases("postgresql", folder) as url, network(homeserver, folder, url) as net:
        await net.bot.start()
        await net.bot_in()
        yield net
        assert await net.bot.stop() == 0


@pytest.fixture(autouse=True)
def after(net: Net) -> dict[str, int]:
    """How much everybody had seen when the test began."""
    return {name: person.last for name, person in net.people.items()}


async def nothing_came(net: Net, after: dict[str, int]) -> None:
    """Show that the bot said nothing in Bremen's room, that it still answers there, and that nothing troubled it."""
    await net.silent("wiebke", BREMEN, after["wiebke"])
    assert net.bot.complaints() == []


async def test_only_texts_are_commands(net: Net, after: dict[str, int]) -> None:
    """Notices are other bots': answering them, two bots could talk for ever. The rest are captions."""
    for msgtype in ("m.notice", "m.emote", "m.image", "m.file", "m.audio", "m.location", "m.text ", "", None, 5, {}):
        await send_raw(net["jonas"], net.rooms[BREMEN], {"msgtype": msgtype, "body": COMMAND, "url": "mxc://netz.example/abc"})

    await nothing_came(net, after)


async def test_an_edit_is_not_a_command_again(net: Net, after: dict[str, int]) -> None:
    """Neither an edit that corrects a command nor one that makes a command out of something else."""
    asked = await net["wiebke"].say(net.rooms[BREMEN], "!netz labor hessen")
    await net.answer("wiebke", asked)
    chat = await net["jonas"].say(net.rooms[BREMEN], "Moin")
    since = net["wiebke"].last
    await net["wiebke"].edit(net.rooms[BREMEN], asked, COMMAND)
    await net["jonas"].edit(net.rooms[BREMEN], chat, COMMAND)
    bare = {"msgtype": "m.text", "body": COMMAND, "m.relates_to": {"rel_type": "m.replace", "event_id": chat}}
    await send_raw(net["jonas"], net.rooms[BREMEN], bare)  # no m.new_content, no asterisk

    await nothing_came(net, after | {"wiebke": since})


async def test_what_was_taken_back_before_it_was_read(net: Net) -> None:
    """A command that its author removed while the bot was away has no effect."""
    assert await net.bot.stop() == 0
    after = net["wiebke"].last
    asked = await net["wiebke"].say(net.rooms[BREMEN], "!netz bericht abgegeben labor-1")
    await net["wiebke"].redact(net.rooms[BREMEN], asked)
    await net.bot.start()

    await net.silent("wiebke", BREMEN, after)
    assert "offen (30. Oktober 2020)" in (await net.ask("wiebke", BREMEN, "!netz bericht labor-1")).body


async def test_reactions_that_decide_nothing(net: Net, after: dict[str, int]) -> None:
    """Under a foreign event, under one that is not there, another emoji, by somebody who does not coordinate."""
    preview = await net.ask("karla", COORDINATION, "!netz rundruf Das geht nicht hinaus")
    await net["karla"].sees(reaction(preview.event_id, "❌"))
    since = net["karla"].last
    chat = await net["karla"].say(net.rooms[COORDINATION], "Passt das so?")
    await net["konrad"].react(net.rooms[COORDINATION], chat, "✅")
    await net["konrad"].react(net.rooms[COORDINATION], preview.event_id, "👍")
    for key in ({"a": 1}, 5, None, ["✅"], "", "✅" * 200):
        related = {"rel_type": "m.annotation", "event_id": preview.event_id, "key": key}
        await send_raw(net["konrad"], net.rooms[COORDINATION], {"m.relates_to": related}, "m.reaction")
    for related in (["m.annotation"], "✅", {"rel_type": "m.annotation", "event_id": 5, "key": "✅"}, {"key": "✅"}, None):
        await send_raw(net["konrad"], net.rooms[COORDINATION], {"m.relates_to": related}, "m.reaction")
    elsewhere = {"rel_type": "m.annotation", "event_id": preview.event_id, "key": "✅"}
    await send_raw(net["wiebke"], net.rooms[BREMEN], {"m.relates_to": elsewhere}, "m.reaction")

    await net.silent("karla", COORDINATION, since)
    await nothing_came(net, after)


JUNK: list[Json] = [
    {},
    {"msgtype": "m.text"},
    *(
        {"msgtype": "m.text", "body": body}
        for body in (5, None, [], {}, True, [COMMAND], {"body": COMMAND}, "", " ", "\n", "!netz\u200b")
    ),
    {"msgtype": "m.text", "body": "Moin", "formatted_body": 5, "format": []},
    {"msgtype": "m.text", "body": "Moin", "formatted_body": {"a": COMMAND}},
    {"msgtype": "m.text", "body": "Moin", "m.new_content": {"msgtype": "m.text", "body": COMMAND}},
    {"msgtype": "m.text", "body": "Moin", "m.mentions": "@room"},
    {"msgtype": "m.text", "body": "Moin", "m.mentions": {"user_ids": {"a": 1}, "room": "yes"}},
    {"msgtype": "m.text", "body": "Moin", "m.mentions": {"user_ids": [5, None, {}, "@x:y"]}},
    {"msgtype": "m.text", "body": "Moin", "m.relates_to": []},
    {"msgtype": "m.text", "body": "Moin", "m.relates_to": "m.replace"},
    {"msgtype": "m.text", "body": "Moin", "m.relates_to": {"m.in_reply_to": []}},
    {"msgtype": "m.text", "body": "Moin", "m.relates_to": {"m.in_reply_to": {"event_id": 5}}},
    {"msgtype": "m.text", "body": "Moin", "m.relates_to": {"rel_type": {}, "event_id": []}},
    {"msgtype": "m.text", "body": "Moin", "info": {"w": "x" * 1000}, "file": [], "url": 5},
    {"msgtype": "m.text", "body": "[" * 20_000, "formatted_body": "<a>" * 10_000, "format": "org.matrix.custom.html"},
    {"msgtype": "m.text", "body": "> " * 20_000, "m.relates_to": {"m.in_reply_to": {"event_id": "$x"}}},
    {"msgtype": "m.text", "body": "\n" * 40_000},
    {"msgtype": "m.text", "body": "x" * 64_000},
    {"msgtype": "m.text", "body": "Moin", "deep": json.loads('{"a":' * 60 + "1" + "}" * 60)},
]


async def test_junk_upsets_nothing(net: Net, after: dict[str, int]) -> None:
    """Whatever the homeserver lets a member send; not all of it, hence `send_raw`."""
    taken = [await send_raw(net["jonas"], net.rooms[BREMEN], content) for content in JUNK]

    assert sum(map(bool, taken)) > 12
    await nothing_came(net, after)


COMMANDS_WITH_JUNK: list[Json] = [
    {"formatted_body": 5},
    {"format": {}, "formatted_body": [COMMAND]},
    {"m.mentions": "@room"},
    {"m.mentions": {"user_ids": {}}},
    {"m.relates_to": []},
    {"m.relates_to": {"m.in_reply_to": {"event_id": "$gibtesnicht"}}},
    {"m.relates_to": {"rel_type": 5, "event_id": {}}},
    {"netzwart.key": "reply:$x"},
    {"formatted_body": "<mx-reply>" * 1000, "format": "org.matrix.custom.html"},
]


@pytest.mark.parametrize("junk", COMMANDS_WITH_JUNK, ids="+".join)
async def test_a_command_with_junk_beside_it_is_a_command(net: Net, junk: Json) -> None:
    asked = await send_raw(net["wiebke"], net.rooms[BREMEN], {"msgtype": "m.text", "body": COMMAND, **junk})

    if asked is not None:  # else the homeserver did not take it
        assert (await net.answer("wiebke", asked)).body.startswith("Bremen und Region")
    assert net.bot.complaints() == []


SPECIAL = {
    "nul": "\x00",
    "controls": "\x01\x07\x1b[31m\x7f\x85",
    "right-to-left": "\u202e\u2066\u200f",
    "zero-width": "\u200b\u200c\u2060\ufeff",
    "combining": "a" + "\u0301" * 2000,
    "astral": "𝕭𝖗𝖊𝖒𝖊𝖓 👩‍👩‍👧‍👦🏳️‍🌈",
    "private": "\ue000\uf8ff\U0010fffd",
    "noncharacters": "\ufffe\uffff\U0001ffff",
    "surrogate": "\ud83d",
    "format": "%s %(word)s {0} {{ 7*7 }} {% raw %}",
    "sql": "'; DROP TABLE deliveries; --",
    "quotes": "»„“\"'‚‘",
    "long": "ä" * 30_000,
    "words": "a " * 20_000,
    "lines": "a\n" * 20_000,
}
ASKING = ["labor {}", "bericht abgegeben labor-1 https://x.example/{}", "suche {}", "{}", "„{}“", "rundruf {}"]


async def test_any_characters_in_any_command(net: Net) -> None:
    """Every command is answered once, by a sentence, a list or a ✅, and none by the sorry sentence with a reference."""
    asked: dict[str, str] = {}
    for name, special in SPECIAL.items():
        for body in ASKING:
            room, person = (net.rooms[COORDINATION], net["karla"]) if "rundruf" in body else (net.rooms[BREMEN], net["wiebke"])
            taken = await send_raw(person, room, {"msgtype": "m.text", "body": "!netz " + body.format(special)})
            asked |= {taken: f"{name}: {body}"} if taken else {}
    await asyncio.gather(net.settled("karla", COORDINATION), net.settled("wiebke", BREMEN))

    answered: list[Any] = [
        seen.reacts_to or seen.relation["m.in_reply_to"]["event_id"]
        for person, room in (("karla", COORDINATION), ("wiebke", BREMEN))
        for seen in net.heard(person, room)
    ]
    assert len(asked) > 70
    assert [what for event_id, what in asked.items() if answered.count(event_id) != 1] == []
    assert net.bot.complaints() == []
    assert [line for line in net.bot.log if line["event"] in {"delivery_postponed", "delivery_failed"}] == []


async def test_junk_as_state_of_a_room(net: Net, after: dict[str, int]) -> None:
    """Who made a room may put nearly anything into its state; the bot goes on."""
    room = net.rooms[HESSEN]
    for kind, content in (
        ("m.room.name", {"name": 5}),
        ("m.room.name", {"name": "<b>\u202e[x](javascript:1) @room " + "x" * 5000}),
        ("m.room.topic", {"topic": []}),
        ("m.room.canonical_alias", {"alias": 5}),
        ("m.room.tombstone", {"replacement_room": 5, "body": None}),
        ("m.room.pinned_events", {"pinned": "x"}),
        ("m.room.avatar", {"url": {}}),
        ("m.room.server_acl", {"allow": 5}),
        ("m.room.message", {"msgtype": "m.text", "body": 5}),
    ):
        try:
            await net["doerte"].set_state(room, kind, content)
        except Exception:  # noqa: BLE001, S112  (what the homeserver does not take is not of interest here)
            continue

    assert (await net.ask("doerte", HESSEN, COMMAND)).body.startswith("Bremen und Region")
    await nothing_came(net, after)


def markup(html: str) -> set[tuple[str, tuple[str, ...]]]:
    """Return the tags that stand in `html`, each with the names of its attributes."""
    found: set[tuple[str, tuple[str, ...]]] = set()
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: found.add((tag, tuple(name for name, _ in attrs)))
    parser.feed(html)
    return found


OURS = {(tag, ()) for tag in ("p", "ul", "li", "code", "strong", "br")}
"""The tags of our own templates: no link among them."""

# What people typed, shown in another room's message, never becomes a tag, a link or a mention.

NASTY = [
    "https://x.example/<b>fett</b>",
    'https://x.example/"onmouseover="alert(1)',
    "https://x.example/[klick](javascript:alert(1))",
    "https://matrix.to/#/@karla:netz.example",
    "https://x.example/@room",
    "https://x.example/</code></li><h1>groß</h1>",
]


@pytest.mark.parametrize("link", NASTY)
async def test_a_labs_link_is_shown_to_coordination_as_it_was_typed(net: Net, link: str) -> None:
    await net.ask_or_done("doerte", HESSEN, f"!netz bericht abgegeben labor-1 {link}")

    for command in ("!netz bericht labor-1", "!netz bericht labor-1:bergstrasse"):
        seen = await net.ask("karla", COORDINATION, command)
        assert seen.content["m.mentions"] == {}
        assert markup(seen.content["formatted_body"]) <= OURS


@pytest.mark.parametrize(
    "said", ["<b>x</b>", "[x](https://evil.example)", "@room", "https://matrix.to/#/@karla:netz.example", "<img src=x onerror=1>"]
)
async def test_an_answer_that_repeats_words_gives_them_no_life(net: Net, said: str) -> None:
    """`m.mentions` stays empty, so that nobody is rung up by a guess; nothing becomes a tag or a link."""
    for command in (f"labor „{said}“", f"suche „{said}“", f"„{said}“"):
        seen = await net.ask("wiebke", BREMEN, f"!netz {command}")
        assert seen.content["m.mentions"] == {}
        assert markup(seen.content["formatted_body"]) <= OURS


async def test_a_coordinators_markdown_is_formatted_and_harmless(net: Net) -> None:
    words = (
        "**Bitte** [anmelden](https://netz.example/a)\n\n1. eins\n2. zwei\n\n"
        "[nein](javascript:alert(1)) <script>alert(1)</script> <b onclick=x()>roh</b> ![Bild](https://x.example/b.png)"
        " <mx-reply>alt</mx-reply> @room"
    )
    preview = await net.ask("karla", COORDINATION, f"!netz rundruf an bremen {words}")
    await net["karla"].react(net.rooms[COORDINATION], preview.event_id, "✅")
    notice = await net["wiebke"].sees(net.says(BREMEN, "anmelden"))

    for seen in (preview, notice):
        html = seen.content["formatted_body"]
        assert '<strong>Bitte</strong> <a href="https://netz.example/a">anmelden</a>' in html
        assert markup(html) <= OURS | {("ol", ()), ("blockquote", ()), ("a", ("href",))}
        assert html.count("<a ") == 1
        assert "<li>eins</li>" in html
        assert seen.content["m.mentions"] == {}


async def test_a_name_with_markup_is_only_a_name(net: Net) -> None:
    """Display names are chosen by their owners and shown to everybody."""
    name = "<b>Karla</b> @room [x](https://evil.example)"
    path = f"/_matrix/client/v3/profile/{net['jonas'].user_id}/displayname"
    await net["jonas"].api.request("PUT", path, {"displayname": name})
    for command in ("!netz ich", "!netz bericht labor-1"):
        seen = await net.ask("jonas", BREMEN, command)
        assert markup(seen.content["formatted_body"]) <= OURS
        assert seen.content["m.mentions"] == {}


async def test_in_a_room_of_the_network_nobody_is_overheard(net: Net) -> None:
    """Ordinary messages beside the commands give no answer."""
    after = net["fatma"].last
    for number in range(20):
        await net["fatma"].say(net.rooms[NETWORK], f"Nachricht {number}, kein Befehl")

    await net.silent("fatma", NETWORK, after)
    assert net["fatma"].saw(message(room=net.rooms[NETWORK], sender=net.user_id), after=after) != []
