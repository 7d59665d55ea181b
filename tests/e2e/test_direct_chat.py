"""Who may have the bot to themselves, what it says when they may not, and who somebody is at this very moment."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web

from bot.demo.homeserver import Homeserver
from bot.demo.reading import member, message
from tests.e2e.between import Between, nothing, refuse
from tests.e2e.conftest import Databases
from tests.e2e.running import BAYERN, BREMEN, COORDINATION, HESSEN, NETWORK, RESEARCH, WITHIN, Net, network


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def between(homeserver: Homeserver) -> AsyncIterator[Between]:
    """What the bot takes for its homeserver."""
    async with Between(homeserver.url) as between:
        await between.open()
        yield between


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def net(
    homeserver: Homeserver, databases: Databases, tmp_path_factory: pytest.TempPathFactory, between: Between
) -> AsyncIterator[Net]:
    """The network with its bot at work."""
    folder = tmp_path_factory.mktemp("direct")
    async with databases("sqlite", folder) as url, network(homeserver, folder, url) as net:
        net.bot.settings["matrix"]["homeserver"] = between.url
        await net.bot.start()
        await net.bot_in()
        yield net
        assert net.bot.complaints() == []
        assert await net.bot.stop() == 0


async def hears_nothing(net: Net, name: str, room: str, after: int) -> None:
    """Show that the bot answers nothing in a room that is not its business: an answer to a guest's question is the only one."""
    asked = await net[name].say(room, "!netz hilfe sprache")
    await net.answer(name, asked)
    assert [seen.relation["m.in_reply_to"]["event_id"] for seen in net.heard(name, room, after)] == [asked]


async def test_a_member_is_answered_without_a_prefix(net: Net) -> None:
    room = await net.direct_chat("jonas")

    assert (await net.ask("jonas", room, "labor bremen")).body.startswith("Bremen und Region")
    assert "jonas" not in (await net.ask("jonas", room, "berichte")).content["m.mentions"]
    await net.done("jonas", room, "bericht abgegeben labor-1 https://bremen.example/direkt")
    assert "https://bremen.example/direkt" in (await net.ask("wiebke", BREMEN, "!netz bericht labor-1")).body
    await net.done("jonas", room, "!netz bericht zurück labor-1")


async def test_unknown_words_in_a_direct_chat_get_a_guess(net: Net) -> None:
    room = await net.direct_chat("thea")

    assert "Meintest du" in (await net.ask("thea", room, "programmm")).body


async def test_a_stranger_is_declined_with_the_room_that_would_help(net: Net) -> None:
    room = await net["xaver"].direct_chat(net.user_id)

    declined = await net.declined("xaver", room)

    assert declined.membership_before == "invite"
    assert declined.reason == (
        "Ich antworte nur Menschen aus dem Netzwerk »Regionale Labore«, im Direktchat zu zweit."
        f" Zugang gibt der Raum »Netzwerk ({net.alias(NETWORK)})«."
    )


async def test_being_invited_is_not_being_in(net: Net) -> None:
    """An invite to the network's room grants nothing before it is accepted; then it does."""
    new = await net.more("ulla")
    await net["karla"].invite(net.rooms[NETWORK], new.user_id)
    await net.declined("ulla", await new.direct_chat(net.user_id))

    await new.join(net.rooms[NETWORK])

    room = await net.direct_chat("ulla")
    assert (await net.ask("ulla", room, "labor bremen")).body.startswith("Bremen und Region")


@pytest.mark.parametrize(
    "options",
    [
        {"preset": "public_chat", "is_direct": True},
        {"preset": "public_chat"},
        {"initial_state": [{"type": "m.room.join_rules", "content": {"join_rule": "knock"}}], "is_direct": True},
        {"initial_state": [{"type": "m.room.history_visibility", "content": {"history_visibility": "world_readable"}}]},
    ],
)
async def test_a_room_that_others_can_see_into_is_declined(net: Net, options: dict[str, object]) -> None:
    """Also when a member invites, and whether it calls itself direct or not."""
    room = await net["jonas"].create_room("Marktplatz", invite=[net.user_id], options=options)

    assert "zu zweit" in (await net.declined("jonas", room)).reason


async def test_a_group_is_left_again(net: Net) -> None:
    """Three in a room are no direct chat, be the third joined or only invited."""
    for invited in (True, False):
        room = await net["jonas"].create_room("Zu dritt", invite=[net["xaver"].user_id])
        if not invited:
            await net["xaver"].join(room)
        await net["jonas"].invite(room, net.user_id)

        assert "zu zweit" in (await net.declined("jonas", room)).reason
        assert net.heard("jonas", room) == []


async def test_a_third_person_ends_the_privacy(net: Net) -> None:
    """Somebody who is added to a direct chat does not get to see a lab's business, and plain words are not commands any more."""
    room = await net.direct_chat("doerte")
    await net.ask("doerte", room, "berichte")
    await net["doerte"].invite(room, net["xaver"].user_id)
    await net["xaver"].join(room)
    after = net["doerte"].last

    await net["doerte"].say(room, "berichte")
    await net["doerte"].say(room, "labor bremen")
    await hears_nothing(net, "doerte", room, after)
    for command in ("berichte", "bericht labor-1", "labor bremen", "programm", "ich"):
        for name in ("doerte", "xaver"):
            said = (await net.ask(name, room, f"!netz {command}")).body
            assert "Bergstraße" not in said.replace("Labor Bergstraße (#", ""), said
            assert "Bremen und Region" not in said
            assert "Workshop" not in said


async def test_a_direct_chat_with_a_stranger_who_was_a_member(net: Net) -> None:
    """Somebody who left every room is told which one would help, whatever they ask, and by plain words too."""
    new = await net.more("volker")
    await net.enter("volker", NETWORK)
    room = await net.direct_chat("volker")
    assert (await net.ask("volker", room, "labor bremen")).body.startswith("Bremen und Region")
    await new.leave(net.rooms[NETWORK])

    for words in ("labor bremen", "programm", "irgendwas"):
        assert f"Netzwerk ({net.alias(NETWORK)})" in (await net.ask("volker", room, words)).body


async def test_in_somebody_elses_room_nothing_is_said_unasked(net: Net) -> None:
    """A room that became one of many after the bot was in it: prefixes are answered by a refusal, other words not at all."""
    room = await net.direct_chat("thea")
    await net["thea"].invite(room, net["doerte"].user_id)
    await net["doerte"].join(room)
    after = net["doerte"].last

    for body in ("programm", "hilfe", f"{net['thea'].user_id}: labor bremen", "netz programm"):
        await net["doerte"].say(room, body)

    await hears_nothing(net, "doerte", room, after)


async def test_invites_upon_invites(net: Net) -> None:
    """A stranger who insists is declined each time, and nobody else has to wait for it."""
    for _ in range(5):
        room = await net["xaver"].direct_chat(net.user_id)
        await net.declined("xaver", room)
        after = net["xaver"].last
        await net["xaver"].invite(room, net.user_id)
        await net["xaver"].sees(member(room, net.user_id, "leave"), WITHIN, after=after)


async def test_kicked_from_coordination_between_preview_and_click(net: Net, between: Between) -> None:
    """What counts is who is in the room now: the click of somebody who is out by then decides nothing."""
    new = await net.more("kirsten")
    await net.enter("kirsten", COORDINATION)
    preview = await net.ask("kirsten", COORDINATION, "!netz rundruf an bayern Zu spät geklickt")
    waiting = asyncio.Event()
    asking = asyncio.Event()

    async def hold_joined_members(request: web.Request) -> web.Response | None:
        if "joined_members" in request.path and net.rooms[COORDINATION].removeprefix("!") in request.path:
            asking.set()
            await waiting.wait()
        return None

    between.before = hold_joined_members
    after = net["karla"].last
    await new.react(net.rooms[COORDINATION], preview.event_id, "✅")
    await asking.wait()  # the click was in time; the question who is in the room comes after the kick
    await net["karla"].kick(net.rooms[COORDINATION], new.user_id)
    between.before = nothing
    waiting.set()

    denial = message(room=net.rooms[COORDINATION], sender=net.user_id, containing="Das darf nur")
    refused = await net["karla"].sees(denial, WITHIN, after=after)
    assert refused.body == f"Das darf nur, wer in »Koordination ({net.alias(COORDINATION)})« ist."
    await net.settled("thea", BAYERN)
    assert net["thea"].saw(net.says(BAYERN, "Zu spät geklickt")) == []
    await net["karla"].react(net.rooms[COORDINATION], preview.event_id, "✅")
    await net["thea"].sees(net.says(BAYERN, "Zu spät geklickt"))


@pytest.mark.parametrize("status", [500, 429])
async def test_without_the_homeservers_word_nothing_is_granted(net: Net, between: Between, status: int) -> None:
    """Nobody is let in, and nobody told that they are not in the room, because the homeserver could not say."""
    between.before = refuse(status, path="joined_members")
    try:
        for room, command in ((BREMEN, "bericht abgegeben labor-1"), (COORDINATION, "rundruf Hallo"), (BREMEN, "berichte")):
            name = "karla" if room == COORDINATION else "wiebke"
            said = (await net.ask(name, room, f"!netz {command}")).body
            assert said.startswith("Ich kann gerade nicht prüfen, in welchen Räumen du bist.")
    finally:
        between.before = nothing
    assert "offen (30. Oktober 2020)" in (await net.ask("wiebke", BREMEN, "!netz bericht labor-1")).body


async def test_a_room_that_the_bot_was_thrown_out_of_grants_nothing(net: Net) -> None:
    """It cannot see who is in there any more. Invited again it goes back, and everything is as before."""
    room = await net.direct_chat("fatma")
    await net["fatma"].kick(net.rooms[RESEARCH], net.user_id)

    assert "✅" not in (await net.ask_or_done("fatma", room, "bericht abgegeben forschung-1")).content.get("m.relates_to", {})
    assert "Forschung" in (await net.ask("fatma", room, "bericht abgegeben forschung-1")).body

    after = net["fatma"].last
    await net["fatma"].invite(net.rooms[RESEARCH], net.user_id)
    await net["fatma"].sees(member(net.rooms[RESEARCH], net.user_id, "join"), WITHIN, after=after)
    await net.done("fatma", room, "bericht abgegeben forschung-1")


@pytest.mark.parametrize(
    ("kind", "opened", "closed"),
    [
        ("m.room.join_rules", {"join_rule": "public"}, {"join_rule": "invite"}),
        ("m.room.join_rules", {"join_rule": "knock"}, {"join_rule": "invite"}),
        ("m.room.history_visibility", {"history_visibility": "world_readable"}, {"history_visibility": "shared"}),
    ],
)
async def test_an_open_room_grants_nothing(net: Net, kind: str, opened: dict[str, str], closed: dict[str, str]) -> None:
    """Anybody could come in; so being in it proves nothing. The coordinators are told, once a day, and closing it helps at once."""
    room = net.rooms[HESSEN]
    await net["doerte"].set_state(room, kind, opened)
    await net["doerte"].say(room, "so offen")
    try:
        assert "Das darf nur" in (await net.ask("doerte", HESSEN, "!netz bericht abgegeben labor-1")).body
        told = f"Der Raum »Labor Bergstraße ({net.alias(HESSEN)})« ist öffentlich"
        await net["karla"].sees(net.says(COORDINATION, told), WITHIN)
        await net.settled("karla", COORDINATION)
        assert len(net["karla"].saw(net.says(COORDINATION, told))) == 1
    finally:
        await net["doerte"].set_state(room, kind, closed)
    await net.done("doerte", HESSEN, "!netz bericht abgegeben labor-1")
    await net.done("doerte", HESSEN, "!netz bericht zurück labor-1")


async def test_an_open_coordination_room_lets_nobody_broadcast(net: Net) -> None:
    """The most powerful room, opened between preview and click."""
    preview = await net.ask("karla", COORDINATION, "!netz rundruf Offene Tür")
    await net["karla"].set_state(net.rooms[COORDINATION], "m.room.join_rules", {"join_rule": "public"})
    await net["xaver"].join(net.rooms[COORDINATION])
    after = net["xaver"].last
    try:
        await net["xaver"].react(net.rooms[COORDINATION], preview.event_id, "✅")
        await net["xaver"].sees(message(room=net.rooms[COORDINATION], sender=net.user_id, containing="Das darf nur"), after=after)
        assert "Das darf nur" in (await net.ask("xaver", COORDINATION, "!netz rundruf Hallo")).body
    finally:
        await net["karla"].set_state(net.rooms[COORDINATION], "m.room.join_rules", {"join_rule": "invite"})
        await net["karla"].kick(net.rooms[COORDINATION], net["xaver"].user_id)
    for name, room in (("wiebke", BREMEN), ("thea", BAYERN), ("doerte", HESSEN)):
        await net.settled(name, room)
        assert net[name].saw(net.says(room, "Offene Tür")) == []


async def test_a_coordinator_in_a_labs_room_shows_it_nothing_of_the_others(net: Net) -> None:
    """The answer goes where it belongs; the lab learns only where that is."""
    await net.enter("konrad", HESSEN)
    await net.done("wiebke", BREMEN, "!netz bericht abgegeben labor-1 https://bremen.example/geheim")
    after = net["doerte"].last

    for command in ("berichte", "bericht labor-1:bremen", "rundruf status", "rundruf Vertraulich"):
        await net.ask("konrad", HESSEN, f"!netz {command}")

    await net.settled("doerte", HESSEN)
    heard = "\n".join(seen.body for seen in net.heard("doerte", HESSEN, after))
    assert "bremen.example" not in heard
    assert "Vertraulich" not in heard
    await net["konrad"].leave(net.rooms[HESSEN])
    await net.done("wiebke", BREMEN, "!netz bericht zurück labor-1")
