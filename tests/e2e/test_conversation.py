"""A day of the network with the real bot: what people ask, report and announce, in the rooms of a real homeserver."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.demo.homeserver import Homeserver
from bot.demo.reading import Seen, message, reaction
from tests.conftest import BACKENDS
from tests.conversation import EXAMPLE
from tests.e2e.conftest import Databases
from tests.e2e.running import BAYERN, BREMEN, COORDINATION, HESSEN, LABS, NETWORK, PEOPLE, RESEARCH, Net, network

KEY = "netzwart.key"
NOTICE = ("m.notice", "org.matrix.custom.html")


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=BACKENDS)
async def net(
    request: pytest.FixtureRequest, homeserver: Homeserver, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Net]:
    """The network with its bot at work; once on each backend: on SQLite in encrypted rooms, on PostgreSQL in plain ones, and set up
    as an administrator does it."""
    folder = tmp_path_factory.mktemp("conversation")
    by_hand = request.param == "postgresql"
    async with (
        databases(request.param, folder) as url,
        network(homeserver, folder, url, filled=not by_hand, encrypted=not by_hand) as net,
    ):
        if by_hand:
            assert (await net.bot.do("migrate"))[0] == 0
            status, said = await net.bot.do("import", str(EXAMPLE), "--yes")
            assert status == 0, said
        await net.bot.start()
        await net.bot_in()
        yield net
        assert net.bot.complaints() == []
        assert await net.bot.stop() == 0


def as_answer(seen: Seen) -> tuple[str, str | None, object]:
    """Return what every answer has: that it does not notify, its formatted body, whom it mentions."""
    return seen.msgtype, seen.content["format"], seen.content["m.mentions"]


async def test_the_programme(net: Net) -> None:
    seen = await net.ask("wiebke", BREMEN, "!netz programm")

    assert "Als Nächstes: 2. Netzwerk-Workshop, 24.–27. November 2020" in seen.body
    assert "6. Netzwerk-Workshop, September 2022" in seen.body
    assert "<strong>2. Netzwerk-Workshop</strong>" in seen.content["formatted_body"]
    assert as_answer(seen) == (*NOTICE, {})
    assert seen.relation == {"m.in_reply_to": {"event_id": seen.replies_to}}
    assert seen.content[KEY] == f"reply:{seen.replies_to}"
    assert seen.encrypted == net.encrypted


async def test_another_lab(net: Net) -> None:
    seen = await net.ask("jonas", BREMEN, "!netz labor Würzburg")

    assert seen.body.startswith("Würzburg und Gerbrunn")


async def test_the_older_prefix_and_capitals(net: Net) -> None:
    """A phone capitalises the first letter of a message."""
    assert (await net.ask("wiebke", BREMEN, "!Netz Labor Bremen")).body.startswith("Bremen und Region")
    assert (await net.ask("wiebke", BREMEN, "!nw labor bremen")).body.startswith("Bremen und Region")


async def test_a_report_is_submitted_and_withdrawn(net: Net) -> None:
    submitted = await net.done("thea", BAYERN, "!netz bericht abgegeben labor-1 https://wuerzburg.example/b.pdf")
    listed = await net.ask("thea", BAYERN, "!netz berichte")
    seen_by_coordination = await net.ask("karla", COORDINATION, "!netz bericht labor-1")
    await net.done("thea", BAYERN, "!netz bericht zurück labor-1")
    after = await net.ask("karla", COORDINATION, "!netz bericht labor-1")

    done = await net["thea"].sees(reaction(submitted, "✅"))
    assert done.content[KEY] == f"reply:{submitted}"
    assert "✅ Sachstandsbericht 1 (labor-1), abgegeben am 12. Oktober 2020" in listed.body
    assert "✅ Würzburg und Gerbrunn, abgegeben am 12. Oktober 2020: https://wuerzburg.example/b.pdf" in seen_by_coordination.body
    assert "wuerzburg.example" not in after.body


async def test_the_research_team_reports_in_its_room(net: Net) -> None:
    await net.done("fatma", RESEARCH, "!netz bericht abgegeben forschung-1")

    assert "✅ Sachstandsbericht 1 (forschung-1)" in (await net.ask("fatma", RESEARCH, "!netz berichte")).body


async def test_a_lab_cannot_broadcast(net: Net) -> None:
    """The refusal names the room that would grant it, and no preview stands in the coordination room."""
    after = net["karla"].last

    seen = await net.ask("wiebke", BREMEN, "!netz rundruf Hallo zusammen")

    assert seen.body == f"Das darf nur, wer in »Koordination ({net.alias(COORDINATION)})« ist."
    await net.silent("karla", COORDINATION, after)


async def test_a_broadcast_from_preview_to_status(net: Net) -> None:
    """Both coordinators see the preview; the one who did not write it confirms; every lab's room gets it once, the others nothing."""
    marks = {room: net[PEOPLE[room][0]].last for room in PEOPLE}
    preview = await net.ask(
        "karla", COORDINATION, "!netz rundruf **Einladung** zum Workshop\n\n- Anmeldung: https://netz.example/anmeldung"
    )
    for symbol in ("✅", "❌"):
        offered = await net["konrad"].sees(reaction(preview.event_id, symbol, sender=net.user_id))
        assert offered.content[KEY].startswith(f"{preview.content[KEY]}:reaction-")
    assert as_answer(preview) == (*NOTICE, {})

    await net["konrad"].react(net.rooms[COORDINATION], preview.event_id, "✅")

    for room in LABS:
        maker = net[PEOPLE[room][0]]
        notice = await maker.sees(net.says(room, "Einladung"), after=marks[room])
        assert as_answer(notice) == ("m.text", NOTICE[1], {})
        assert "<strong>Einladung</strong> zum Workshop" in notice.content["formatted_body"]
        assert "**" not in notice.body
        assert notice.relation == {}
    confirmed = await net["karla"].sees(message(room=net.rooms[COORDINATION], containing="ist unterwegs"))
    assert confirmed.replies_to == preview.event_id
    await asyncio.gather(*(net.settled(PEOPLE[room][0], room) for room in LABS))
    for room in LABS:
        person = PEOPLE[room][0]
        assert len(net[person].saw(net.says(room, "Einladung"), after=marks[room])) == 1
    for room in (NETWORK, RESEARCH):
        await net.silent(PEOPLE[room][0], room, marks[room])
    status = await net.ask("karla", COORDINATION, "!netz rundruf status")
    assert "In 3 von 3 Räumen angekommen." in status.body


async def test_a_broadcast_is_decided_once(net: Net) -> None:
    """A second ✅, a ❌ after it, and the same person's other client do not send or recall anything."""
    preview = await net.ask("karla", COORDINATION, "!netz rundruf an bremen Nur einmal")
    await net["karla"].react(net.rooms[COORDINATION], preview.event_id, "✅")
    await net["wiebke"].sees(net.says(BREMEN, "Nur einmal"))
    for symbol in ("✅\ufe0f", "❌"):
        after = net["konrad"].last
        await net["konrad"].react(net.rooms[COORDINATION], preview.event_id, symbol)
        await net["konrad"].sees(message(sender=net.user_id, containing="schon verschickt"), after=after)

    await net.settled("wiebke", BREMEN)
    assert len(net["wiebke"].saw(net.says(BREMEN, "Nur einmal"))) == 1
    await net.settled("doerte", HESSEN)
    assert net["doerte"].saw(net.says(HESSEN, "Nur einmal")) == []


async def test_a_discarded_broadcast_goes_nowhere(net: Net) -> None:
    preview = await net.ask("konrad", COORDINATION, "!netz rundruf Lieber doch nicht")
    await net["konrad"].react(net.rooms[COORDINATION], preview.event_id, "❌")

    await net["konrad"].sees(message(room=net.rooms[COORDINATION], containing="ist verworfen"))
    await asyncio.gather(*(net.settled(PEOPLE[room][0], room) for room in LABS))
    for room in LABS:
        person = PEOPLE[room][0]
        assert net[person].saw(net.says(room, "Lieber doch nicht")) == []


async def test_a_room_speaks_english_and_the_others_do_not(net: Net) -> None:
    await net.ask("doerte", HESSEN, "!netz sprache en")
    english = await net.ask("doerte", HESSEN, "!netz programme")
    german = await net.ask("wiebke", BREMEN, "!netz programme")
    await net.ask("doerte", HESSEN, "!netz language de")

    assert "24–27 November 2020" in english.body
    assert "24.–27. November 2020" in german.body


async def test_mentioned_by_pill(net: Net) -> None:
    """What Element sends: the label in the body, a link in the formatted body, and m.mentions."""
    content = {
        "msgtype": "m.text",
        "body": "Netzwart: labor bremen",
        "format": "org.matrix.custom.html",
        "formatted_body": f'<a href="https://matrix.to/#/{net.user_id}">Netzwart</a>: labor bremen',
        "m.mentions": {"user_ids": [net.user_id]},
    }

    asked = await net["wiebke"].send(net.rooms[BREMEN], "m.room.message", content)

    assert (await net.answer("wiebke", asked)).body.startswith("Bremen und Region")


async def test_mentioned_by_name(net: Net) -> None:
    for body in ("Netzwart: labor bremen", "netzwart, labor bremen", f"{net.user_id}: labor bremen"):
        assert (await net.ask("wiebke", BREMEN, body)).body.startswith("Bremen und Region"), body
    mentioned = await net.ask("wiebke", BREMEN, "Netzwart labor bremen", mentions=[net.user_id])
    assert mentioned.body.startswith("Bremen und Region")


async def test_spoken_of_is_not_spoken_to(net: Net) -> None:
    """The bot's name in a sentence, or a mention in its middle, is no question."""
    after = net["wiebke"].last
    await net["wiebke"].say(net.rooms[BREMEN], "Netzwart ist ganz nützlich")
    await net["wiebke"].say(net.rooms[BREMEN], "Fragt doch mal Netzwart", mentions=[net.user_id])
    await net["wiebke"].say(net.rooms[BREMEN], "!netzwerk programm")
    await net["wiebke"].say(net.rooms[BREMEN], "programm")

    await net.silent("wiebke", BREMEN, after)


async def test_asked_in_a_thread_it_answers_there(net: Net) -> None:
    root = await net["wiebke"].say(net.rooms[BREMEN], "Vorbereitung des Workshops")

    seen = await net.ask("jonas", BREMEN, "!netz workshop 2", thread=root)

    asked = seen.relation["m.in_reply_to"]["event_id"]
    assert seen.relation == {
        "rel_type": "m.thread",
        "event_id": root,
        "is_falling_back": True,
        "m.in_reply_to": {"event_id": asked},
    }


async def test_a_reply_that_quotes_is_read_without_the_quotation(net: Net) -> None:
    """Older clients put what they reply to into the body. That it contains a command gives no second answer."""
    first = await net["wiebke"].say(net.rooms[BREMEN], "!netz workshop 2")
    await net.answer("wiebke", first)

    quoting = f"> <{net['wiebke'].user_id}> !netz workshop 2\n\n!netz labor bremen"
    seen = await net.ask("jonas", BREMEN, quoting, reply_to=first)

    assert seen.body.startswith("Bremen und Region")


async def test_an_unknown_word_with_our_prefix_gets_a_guess(net: Net) -> None:
    assert (await net.ask("wiebke", BREMEN, "!netz programmm")).body.startswith(
        "»programmm« kenne ich nicht. Meintest du !netz programm"
    )
