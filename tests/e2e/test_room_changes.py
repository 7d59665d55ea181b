"""Rooms change under the bot: it is thrown out, muted, its rooms are replaced or deleted. Coordinators hear of it once, what waits arrives
once and in order, and rights follow the room that is confirmed.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from bot.demo.api import client
from bot.demo.homeserver import Homeserver
from bot.demo.people import Person
from bot.demo.reading import Seen, member, message
from tests.e2e.conftest import Databases
from tests.e2e.running import BAYERN, BREMEN, COORDINATION, HESSEN, NETWORK, WITHIN, Net, network

LAB = {BREMEN: "bremen", HESSEN: "bergstrasse", BAYERN: "wuerzburg"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def net(homeserver: Homeserver, databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Net]:
    """The network with its bot at work."""
    folder = tmp_path_factory.mktemp("rooms")
    async with databases("sqlite", folder) as url, network(homeserver, folder, url) as net:
        await net.bot.start()
        await net.bot_in()
        yield net
        assert net.bot.complaints() == []
        assert await net.bot.stop() == 0


async def broadcast(net: Net, *texts: str, to: str) -> None:
    """Let Karla send notices to a lab, one after the other."""
    for text in texts:
        preview = await net.ask("karla", COORDINATION, f"!netz rundruf an {LAB[to]} {text}")
        await net["karla"].react(net.rooms[COORDINATION], preview.event_id, "✅")
        await net["karla"].sees(net.says(COORDINATION, "ist unterwegs", "m.notice"), WITHIN, after=net["karla"].last - 5)


async def arrived(net: Net, name: str, room: str, *texts: str, after: int = 0) -> None:
    """Show that these notices, and no other, have come into a room, each once and in this order."""
    await net[name].sees(net.says(room, texts[-1]), WITHIN, after=after, what=f"{texts[-1]} in {room}")
    await net.settled(name, room)
    notices = net[name].saw(net.says(room, "Rundruf der Koordination"), after=after)
    assert [seen.body.splitlines()[-1] for seen in notices] == list(texts)


async def told(net: Net, *containing: str, after: int, room: str = COORDINATION) -> Seen:
    """Show that coordinators are told this, and nothing else, since Karla had seen `after` events. Return it."""
    seen = await net["karla"].sees(net.says(room, containing[0]), WITHIN, after=after, what=containing[0])
    await net.settled("karla", room)
    assert net["karla"].saw(net.says(room, ""), after=after) == [seen]
    assert all(words in seen.body for words in containing), seen.body
    return seen


async def upgrade(person: Person, room: str) -> str:
    """Let somebody upgrade a room; return the new one."""
    answer = await person.api.request("POST", client("rooms", room, "upgrade"), {"new_version": "12"})
    return str(answer["replacement_room"])


async def somebody_new(net: Net, name: str, room: str, inviter: str) -> None:
    """Let somebody who was in no room come into one that the bot does not go by."""
    new = await net.more(name)
    await net[inviter].invite(room, new.user_id)
    await new.join(room)


async def test_kicked_and_invited_again(net: Net) -> None:
    """What is to be said meanwhile waits, and comes in its order as soon as the bot is back."""
    before, in_lab = net["karla"].last, net["wiebke"].last
    await net["wiebke"].kick(net.rooms[BREMEN], net.user_id)
    person = net["wiebke"].user_id
    await told(net, f"{person} hat mich aus dem Raum »Labor Bremen", "ladet mich wieder ein", after=before)
    await broadcast(net, "Erstens", "Zweitens", to=BREMEN)

    await net["wiebke"].invite(net.rooms[BREMEN], net.user_id)

    await arrived(net, "wiebke", BREMEN, "Erstens", "Zweitens", after=in_lab)
    await net.bot.says("room_lost", room=BREMEN, how="kicked")
    await net.bot.says("room_back", room=BREMEN)


async def test_banned(net: Net) -> None:
    """Somebody who is kicked first and banned then has to be let in twice; each is told."""
    before, in_lab = net["karla"].last, net["doerte"].last
    await net["doerte"].ban(net.rooms[HESSEN], net.user_id)
    await told(net, "hat mich im Raum »Labor Bergstraße", "hebt bitte die Sperre auf", after=before)
    await broadcast(net, "Trotz Sperre", to=HESSEN)

    await net["doerte"].unban(net.rooms[HESSEN], net.user_id)
    await net["doerte"].invite(net.rooms[HESSEN], net.user_id)

    await arrived(net, "doerte", HESSEN, "Trotz Sperre", after=in_lab)


async def test_power_lost_and_regained(net: Net) -> None:
    """Told once though the power levels change again meanwhile, and though the bot starts anew."""
    before, in_lab = net["karla"].last, net["thea"].last
    for needed in (50, 60):
        await net["thea"].set_state(net.rooms[BAYERN], "m.room.power_levels", {"events_default": needed})
        await net.bot.says("room_mute", room=BAYERN)
    await broadcast(net, "Stumm", to=BAYERN)
    await net.bot.says("delivery_postponed", room=BAYERN)
    assert await net.bot.stop() == 0
    await net.bot.start()
    await told(net, "Ich darf im Raum »Labor Würzburg", "das Recht, Nachrichten zu senden", after=before)

    await net["thea"].set_state(net.rooms[BAYERN], "m.room.power_levels", {})

    await arrived(net, "thea", BAYERN, "Stumm", after=in_lab)


async def test_the_networks_room_is_upgraded(net: Net) -> None:
    """It grants membership only: the bot follows by itself, says so once, and answers those who are in the new room only."""
    before = net["karla"].last
    await net["karla"].set_state(net.rooms[NETWORK], "m.room.name", {"name": "Alle zusammen"})
    new = await upgrade(net["karla"], net.rooms[NETWORK])
    await net["karla"].invite(new, net.user_id)

    await told(net, "»Alle zusammen", "ich bin mitgegangen", after=before)
    net.rooms[NETWORK] = new
    await somebody_new(net, "nele", new, "karla")
    assert (await net.ask("nele", NETWORK, "!netz labor bremen")).body.startswith("Bremen und Region")


async def test_a_labs_room_is_upgraded(net: Net) -> None:
    """The bot asks to be let in, then for a yes; only with that, being in the new room means anything. What waits goes there."""
    old, before = net.rooms[BREMEN], net["karla"].last
    new = await upgrade(net["wiebke"], old)
    await told(net, "»Labor Bremen", "ich komme nicht hinein", after=before)
    await broadcast(net, "Nach dem Umzug", to=BREMEN)
    await somebody_new(net, "stine", new, "wiebke")
    before = net["karla"].last
    await net["wiebke"].invite(new, net.user_id)
    question = await told(net, "»Labor Bremen", "Soll ab jetzt der neue gelten?", after=before)
    for command in ("bericht abgegeben labor-1", "programm"):
        assert "Das darf nur" in (await net.ask("stine", new, f"!netz {command}")).body
    assert net["stine"].saw(net.says(new, "Nach dem Umzug")) == []

    await net["konrad"].react(net.rooms[COORDINATION], question.event_id, "✅")

    await net["karla"].sees(net.says(COORDINATION, "gilt ab jetzt der neue Raum", "m.notice"), WITHIN, after=before)
    net.rooms[BREMEN] = new
    await net["stine"].sees(net.says(new, "Nach dem Umzug"), WITHIN)
    await net.done("stine", BREMEN, "!netz bericht abgegeben labor-1")
    await net.done("stine", BREMEN, "!netz bericht zurück labor-1")
    assert len(net["stine"].saw(net.says(new, "Nach dem Umzug"))) == 1


async def test_a_direct_chat_is_upgraded(net: Net) -> None:
    """What waits goes to the new one, and so does what is asked in the old one later on, in the language that was chosen."""
    room = await net["doerte"].create_room("Zu zweit", invite=[net.user_id])
    await net["doerte"].sees(member(room, net.user_id, "join"), WITHIN)
    await net.ask("doerte", room, "sprache en")
    assert await net.bot.stop() == 0
    asked = [await net["doerte"].say(room, "labor bremen")]
    new = await upgrade(net["doerte"], room)
    await net["doerte"].invite(new, net.user_id)
    await net.bot.start()
    await net.answer("doerte", asked[0])

    asked.append(await net["doerte"].say(room, "labor wuerzburg"))
    await net.answer("doerte", asked[1])

    assert (await net.ask("doerte", new, "hilfe sprache")).body.startswith("!netz language")
    answers = [seen for seen in net.heard("doerte", new) if seen.replies_to in asked]
    assert [seen.replies_to for seen in answers] == asked
    assert net.heard("doerte", room)[1:] == []


async def test_an_alias_is_moved(net: Net) -> None:
    """Asked once; a no is a no, also after another start. An alias that is gone changes nothing."""
    before = net["karla"].last
    other = await net["doerte"].create_room("Ganz woanders", invite=[net.user_id], encrypted=True)
    alias = client("directory", "room", net.alias(HESSEN))
    await net["doerte"].api.request("DELETE", alias)
    await net["doerte"].api.request("PUT", alias, {"room_id": other})
    await net["fatma"].api.request("DELETE", client("directory", "room", net.alias("research")))
    await net.bot.kill()
    await net.bot.start()
    question = await told(net, f"Die Adresse {net.alias(HESSEN)} (»Labor Bergstraße«)", after=before)
    await net.bot.says("alias_gone", room="research")

    await net["karla"].react(net.rooms[COORDINATION], question.event_id, "❌")
    await net["karla"].sees(net.says(COORDINATION, "bleibt es beim alten Raum", "m.notice"), WITHIN, after=before)
    await net.bot.kill()
    await net.bot.start()

    await told(net, f"Die Adresse {net.alias(HESSEN)}", after=before)
    await net["doerte"].sees(member(other, net.user_id, "leave"), WITHIN)
    await net.done("doerte", HESSEN, "!netz bericht abgegeben labor-1")
    await net.ask("fatma", "research", "!netz berichte")


async def test_a_room_is_deleted(net: Net) -> None:
    """Synapse says nothing of it in a sync. A new room that gets the alias becomes the lab's, once a coordinator says so."""
    before = net["karla"].last
    async with admin(net) as root:
        room = net.rooms[BAYERN]
        await root.api.request("DELETE", f"/_synapse/admin/v2/rooms/{room}", {"purge": True})
        await net["thea"].sees(member(room, net["thea"].user_id, "leave"), WITHIN)
    await broadcast(net, "Ohne Raum", to=BAYERN)
    await told(net, "Ich bin nicht mehr im Raum", "vielleicht ist er gelöscht", after=before)

    before = net["karla"].last
    new = net.rooms[BAYERN] = await net["thea"].create_room("Neues Labor", invite=[net.user_id], encrypted=True)
    alias = client("directory", "room", net.alias(BAYERN))
    await net["thea"].api.request("PUT", alias, {"room_id": new})
    await net.bot.kill()
    await net.bot.start()
    question = await told(net, f"Die Adresse {net.alias(BAYERN)}", after=before)
    await net["konrad"].react(net.rooms[COORDINATION], question.event_id, "✅")

    await arrived(net, "thea", BAYERN, "Ohne Raum")


@asynccontextmanager
async def admin(net: Net) -> AsyncGenerator[Person]:
    """The homeserver's administrator."""
    account = await net.homeserver.register(f"root-{net.mark}", admin=True)
    async with Person(net.homeserver.url, account) as root:
        yield root


async def test_the_coordination_room_is_upgraded(net: Net) -> None:
    """Nobody may speak in the old one any more: asked is in the new one, and only those who are in the old one have a say."""
    new = await upgrade(net["karla"], net.rooms[COORDINATION])
    await somebody_new(net, "xenia", new, "karla")
    await net["karla"].invite(new, net["konrad"].user_id)
    await net["konrad"].join(new)
    await net["karla"].invite(new, net.user_id)
    question = await net["karla"].sees(net.says(new, "Soll ab jetzt der neue gelten?"), WITHIN)
    await net["doerte"].kick(net.rooms[HESSEN], net.user_id)  # who would hear of it now?
    await net.bot.says("room_lost", room=HESSEN)
    refused = message(room=new, sender=net.user_id, containing="Das darf nur")
    await net["xenia"].react(new, question.event_id, "✅")
    await net["xenia"].sees(refused, WITHIN)
    assert "gehört nicht zum Netzwerk" in (await net.ask("karla", new, "!netz rundruf status")).body

    await net["konrad"].react(new, question.event_id, "✅")

    await net["karla"].sees(net.says(new, "gilt ab jetzt der neue Raum", "m.notice"), WITHIN)
    net.rooms[COORDINATION] = new
    assert "Rundruf" in (await net.ask("xenia", COORDINATION, "!netz rundruf status")).body
    said = net["karla"].saw(net.says(new, ""))
    assert [seen.body.split("»")[0] for seen in said] == ["Der Raum ", f"{net['doerte'].user_id} hat mich aus dem Raum "]
