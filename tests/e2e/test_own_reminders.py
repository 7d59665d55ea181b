"""Own reminders as people get them in their encrypted room: in time, put off, done, and after an outage late, once."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.demo.api import client
from bot.demo.homeserver import Homeserver
from bot.demo.reading import Seen, reaction
from tests.e2e.conftest import Databases
from tests.e2e.running import BREMEN, WITHIN, Net, network

HINT = "💤 eine Stunde später · ✅ erledigt"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def net(homeserver: Homeserver, databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Net]:
    """The network on 12 October 2020, 9:00. One story."""
    folder = tmp_path_factory.mktemp("own-reminders")
    async with databases("postgresql", folder) as url, network(homeserver, folder, url) as net:
        await net.bot.start()
        await net.bot_in()
        yield net
        assert net.bot.complaints() == []
        assert await net.bot.stop() == 0


def reminded(net: Net, containing: str) -> list[Seen]:
    """Return the reminders of something that Bremen's room has got."""
    return [seen for seen in net.heard("wiebke", BREMEN) if seen.msgtype == "m.text" and containing in seen.body]


async def reminds(net: Net, containing: str, *, room: str = BREMEN) -> Seen:
    """Wait until the bot reminds of something."""
    return await net["wiebke"].sees(net.says(room, containing), WITHIN)


async def test_it_comes_at_its_time_with_what_can_be_done(net: Net) -> None:
    answer = await net.ask("wiebke", BREMEN, "!netz erinnern um 14 Uhr Protokoll schicken")
    assert answer.body.startswith("⏰ Erinnerung 1: Montag, 12. Oktober 2020, 14:00.")

    assert await net.bot.jump() == "2020-10-12T12:00:00+00:00"

    reminder = await reminds(net, "Protokoll")
    assert reminder.body == f"⏰ {net['wiebke'].user_id}: Protokoll schicken\n\n{HINT}"
    assert reminder.content["m.mentions"] == {"user_ids": [net["wiebke"].user_id]}
    for symbol in "💤✅":
        await net["wiebke"].sees(reaction(reminder.event_id, symbol, sender=net.user_id), WITHIN, what=f"the button {symbol}")


async def test_put_off_by_one_and_done_by_another(net: Net) -> None:
    """It is the room's: anybody in there may."""
    (reminder,) = reminded(net, "Protokoll")
    await net["jonas"].react(net.rooms[BREMEN], reminder.event_id, "💤")
    await net["wiebke"].sees(net.says(BREMEN, "💤 Erinnerung 1 kommt Montag, 12. Oktober 2020, 15:", "m.notice"), WITHIN)

    await net.bot.jump()

    await net.bot.says("delivered", key="own-reminder:1:1:reaction-1")
    await net.settled("wiebke", BREMEN)
    _, again = reminded(net, "Protokoll")
    await net["wiebke"].react(net.rooms[BREMEN], again.event_id, "✅")
    await net["wiebke"].sees(net.says(BREMEN, "Erinnerung 1 ist erledigt.", "m.notice"), WITHIN)


async def test_reactions_in_a_direct_chat(net: Net) -> None:
    room = await net.direct_chat("wiebke")
    await net.ask("wiebke", room, "wecker in 15 Minuten Tee")
    await net.bot.jump()
    rings = await net["wiebke"].sees(net.says(room, "Tee"), WITHIN)
    await net["wiebke"].react(room, rings.event_id, "✅")
    await net["wiebke"].sees(net.says(room, "Erinnerung 2 ist erledigt.", "m.notice"), WITHIN)


async def test_others_are_pinged_only_by_who_may(net: Net) -> None:
    """Wiebke made the room, so the power is hers; Jonas has none."""
    refused = await net.ask("jonas", BREMEN, "!netz erinnern @room in 20 Minuten Pause")
    assert "Außer dir erwähne ich niemanden" in refused.body
    answer = await net.ask("wiebke", BREMEN, "!netz erinnern @room jede Stunde Feierabend")
    assert "Erwähnt wird: @room" in answer.body
    assert "Noch darf ich in diesem Raum nicht alle benachrichtigen" in answer.body
    await net.bot.jump()
    assert (await reminds(net, "Pause")).content["m.mentions"] == {"user_ids": [net["jonas"].user_id]}
    await net.bot.jump()
    powerless = await reminds(net, "Feierabend")
    assert powerless.content["m.mentions"] == {"user_ids": [net["wiebke"].user_id]}
    assert "Alle benachrichtigen darf ich in diesem Raum nicht (mehr)" in powerless.body

    levels = await net["wiebke"].api.request("GET", client("rooms", net.rooms[BREMEN], "state", "m.room.power_levels", ""))
    powers = {**levels, "users": {**levels.get("users", {}), net.user_id: 50}}
    mark = await net["wiebke"].set_state(net.rooms[BREMEN], "m.room.power_levels", powers)
    await net["wiebke"].sees(lambda seen: seen.event_id == mark, WITHIN)
    before = net["wiebke"].last
    await net.bot.jump()
    again = await net["wiebke"].sees(net.says(BREMEN, "Feierabend"), WITHIN, after=before)
    assert again.content["m.mentions"] == {"room": True}
    await net.ask("wiebke", BREMEN, "!netz erinnerung löschen 4")


async def test_down_over_its_time_it_comes_late_and_once(net: Net) -> None:
    """Also of what comes every day, and also after another start."""
    await net.ask("wiebke", BREMEN, "!netz erinnern morgen 10 Uhr Einmaliges")
    await net.ask("wiebke", BREMEN, "!netz erinnern jeden Tag 11 Uhr Tägliches")
    assert await net.bot.stop() == 0

    await net.bot.start("2020-10-15T12:30")

    once, daily = await reminds(net, "Einmaliges"), await reminds(net, "Tägliches")
    assert "Verspätet; geplant war Dienstag, 13. Oktober 2020, 10:00." in once.body
    assert "Verspätet; geplant war Donnerstag, 15. Oktober 2020, 11:00." in daily.body
    assert f"Wieder am Freitag, 16. Oktober 2020, 11:00. {HINT}" in daily.body
    assert await net.bot.stop() == 0
    await net.bot.start("2020-10-15T12:40")
    await net.bot.says("policy_looked", policy="own-reminder", new=0)
    await net.settled("wiebke", BREMEN)
    assert [len(reminded(net, what)) for what in ("Einmaliges", "Tägliches")] == [1, 1]
