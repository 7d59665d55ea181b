"""Days without the bot: what was missed comes late and once, what has lost its sense does not, and nothing old is carried out."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing

import pytest
import pytest_asyncio
from aiohttp import web

from bot.demo.homeserver import Homeserver
from bot.demo.reading import Seen, reaction
from tests.e2e.between import Between, nothing
from tests.e2e.conftest import Databases
from tests.e2e.running import BAYERN, BREMEN, COORDINATION, HESSEN, LABS, NETWORK, PEOPLE, RESEARCH, WITHIN, Net, network

REPORT = "Sachstandsbericht 1"
LATE = "Verspätet, weil ich nicht da war"
AWAY = (
    "Ich war eine Weile nicht zu erreichen. Was mir vor mehr als 2 Sekunden gesagt wurde, führe ich nicht mehr aus. Wird etwas davon noch"
    " gebraucht, schickt es mir bitte noch einmal."
)


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
    """The network; the bot starts eight days before the first reports are due. One story."""
    folder = tmp_path_factory.mktemp("outage")
    async with databases("sqlite", folder) as url, network(homeserver, folder, url) as net:
        net.bot.settings["matrix"]["homeserver"] = between.url
        await net.bot.start("2020-10-22T09:00")
        await net.bot_in()
        yield net
        assert net.bot.complaints() == []
        assert await net.bot.stop() == 0


def told(net: Net, room: str, after: int = 0) -> list[Seen]:
    """Return what a room was told of the bot's own accord: everything that it said there as a `m.text`."""
    return [seen for seen in net.heard(PEOPLE[room][0], room, after) if seen.msgtype == "m.text"]


async def plan(net: Net, words: str) -> str:
    """Let Karla plan a broadcast and Konrad confirm it; return the event id of its preview."""
    preview = await net.ask("karla", COORDINATION, f"!netz rundruf {words}")
    await net["konrad"].react(net.rooms[COORDINATION], preview.event_id, "✅")
    await net["karla"].sees(net.says(COORDINATION, "ist bestätigt, geplant für", "m.notice"), WITHIN, after=preview.number)
    return preview.event_id


async def all_settled(net: Net, *rooms: str) -> None:
    """Let everything be said that is to be said in these rooms."""
    await asyncio.gather(*(net.settled(PEOPLE[room][0], room) for room in rooms))


async def test_a_broadcast_at_its_time(net: Net) -> None:
    """The policy is awake as soon as it is confirmed, and does not find it at its next look in five minutes."""
    preview = await plan(net, "am 22.10.2020 um 18 Uhr Heute Abend")
    await net.bot.says("policy_looked", policy="broadcast", next="2020-10-22T16:00:00+00:00")
    assert [seen.body for room in LABS for seen in told(net, room)] == []

    assert await net.bot.jump() == "2020-10-22T16:00:00+00:00"

    for room in LABS:
        notice = await net[PEOPLE[room][0]].sees(net.says(room, "Heute Abend"), WITHIN)
        assert notice.body == "Rundruf der Koordination\n\nHeute Abend"
    await net["konrad"].react(net.rooms[COORDINATION], preview, "❌")
    await net["karla"].sees(net.says(COORDINATION, "schon verschickt", "m.notice"), WITHIN)


async def test_what_waited_for_its_room(net: Net, between: Between) -> None:
    """Two rooms refuse a reminder, the bot is away for some days, one of the two hands in meanwhile: the other is told the days anew."""

    async def refuse(request: web.Request) -> web.Response | None:
        if any(f"{net.rooms[room]}/send/" in request.path for room in (HESSEN, BAYERN)):
            return web.json_response({"errcode": "M_FORBIDDEN", "error": "not now"}, status=403)
        return None

    before = {room: net[PEOPLE[room][0]].last for room in PEOPLE}
    between.before = refuse
    assert await net.bot.jump() == "2020-10-23T08:00:00+02:00"
    for lab in ("bergstrasse", "wuerzburg"):
        await net.bot.says("delivery_postponed", key=f"report-deadline:labor-1:{lab}:2020-10-30:7")
    assert await net.bot.stop() == 0
    submitted = await net["doerte"].say(net.rooms[HESSEN], "!netz bericht abgegeben labor-1")
    between.before = nothing

    await net.bot.start("2020-10-27T09:00")

    late = await net["thea"].sees(net.says(BAYERN, REPORT), WITHIN, after=before[BAYERN])
    assert late.body.startswith(f"{LATE}: In 3 Tagen ist fällig: {REPORT} (30. Oktober 2020).")
    await net["doerte"].sees(reaction(submitted, "✅"), WITHIN)
    await all_settled(net, *LABS, RESEARCH)
    assert {room: len(told(net, room, before[room])) for room in (*LABS, RESEARCH)} == {
        HESSEN: 0,
        BAYERN: 1,
        BREMEN: 1,
        RESEARCH: 1,
    }


async def test_three_days_away(net: Net) -> None:
    """Over a broadcast, another that is withdrawn meanwhile, the step two days before a deadline, and the day of the deadline."""
    await plan(net, "am 29.10. 9:00 Morgen ist der Bericht fällig")
    withdrawn = await plan(net, "am 29.10. 9:30 Doch nicht")
    before = {room: net[PEOPLE[room][0]].last for room in PEOPLE}
    assert await net.bot.stop() == 0
    await net["konrad"].react(net.rooms[COORDINATION], withdrawn, "❌")
    submitted = await net["wiebke"].say(net.rooms[BREMEN], "!netz bericht abgegeben labor-1")

    await net.bot.start("2020-10-30T17:00")

    for room in (BAYERN, RESEARCH):
        today = await net[PEOPLE[room][0]].sees(net.says(room, REPORT), WITHIN, after=before[room])
        assert today.body.startswith(f"{LATE}: Heute ist fällig: {REPORT} (30. Oktober 2020).")
    for room in LABS:
        notice = await net[PEOPLE[room][0]].sees(net.says(room, "Morgen ist der Bericht fällig"), WITHIN, after=before[room])
        assert notice.body.startswith(f"{LATE}; geplant war Donnerstag, 29. Oktober 2020, 09:00.\n\nRundruf der Koordination")
    await net["wiebke"].sees(reaction(submitted, "✅"), WITHIN)
    await net["karla"].sees(net.says(COORDINATION, "Rundruf 3 ist zurückgezogen; niemand hat ihn bekommen.", "m.notice"), WITHIN)
    await all_settled(net, *PEOPLE)
    assert {room: len(told(net, room, before[room])) for room in PEOPLE} == {
        BAYERN: 2,
        RESEARCH: 1,
        HESSEN: 1,  # only the notice: they have handed in their reports
        BREMEN: 1,
        NETWORK: 0,
        COORDINATION: 1,  # which day in December? (schedules/date_to_be_fixed.py)
    }


async def test_what_is_too_old_is_not_carried_out(net: Net) -> None:
    """The rooms where somebody spoke to the bot are told, once. The deadline is over: nobody is reminded of it, or of anything twice."""
    direct = await net.direct_chat("thea")
    before = {room: net[PEOPLE[room][0]].last for room in PEOPLE}
    assert await net.bot.stop() == 0
    net.bot.settings["limits"] = {"stale_after": "PT2S"}
    await net["wiebke"].say(net.rooms[BREMEN], "!netz bericht zurück labor-1")
    await net["jonas"].say(net.rooms[BREMEN], "!netz hilfe")
    await net["thea"].say(direct, "hilfe")
    await net["doerte"].say(net.rooms[HESSEN], "Moin")
    await asyncio.sleep(2.1)  # it is about real time

    await net.bot.start("2020-11-01T09:00")

    for name, room in (("wiebke", net.rooms[BREMEN]), ("thea", direct)):
        line = await net[name].sees(net.says(room, "Ich war eine Weile", "m.notice"), WITHIN)
        assert (line.body, line.relation, line.content["m.mentions"]) == (AWAY, {}, {})
    del net.bot.settings["limits"]
    assert await net.bot.stop() == 0
    await net.bot.start("2020-11-01T09:10")
    status = await net.ask("wiebke", BREMEN, "!netz bericht labor-1")
    assert status.body.startswith("✅")
    await net.silent("doerte", HESSEN, before[HESSEN])
    await all_settled(net, BAYERN, RESEARCH)
    assert [seen.body for seen in net.heard("wiebke", BREMEN, before[BREMEN])] == [AWAY, status.body]
    assert [seen.body for room in PEOPLE for seen in told(net, room, before[room])] == []


async def test_sent_but_not_marked_and_forgotten_by_the_homeserver(net: Net, homeserver: Homeserver, between: Between) -> None:
    """Killed before the answer to a send, away for a day: the homeserver no longer knows the transaction, and it stands there once."""
    held = asyncio.Event()

    async def hold_back(request: web.Request) -> web.Response | None:
        if f"{net.rooms[HESSEN]}/send/" in request.path:
            await held.wait()
        return None

    preview = await net.ask("karla", COORDINATION, "!netz rundruf an bergstrasse Nur einmal")
    between.after = hold_back
    await net["konrad"].react(net.rooms[COORDINATION], preview.event_id, "✅")
    await net["doerte"].sees(net.says(HESSEN, "Nur einmal"), WITHIN)
    await net.bot.kill()
    between.after = nothing
    held.set()
    await homeserver.stop()
    with closing(sqlite3.connect(homeserver.folder / "homeserver.db")) as its_own, its_own:
        forgotten = its_own.execute("DELETE FROM event_txn_id_device_id").rowcount
    await homeserver.start()

    await net.bot.start("2020-11-02T08:00")

    await net.bot.says("delivery_found", key=f"broadcast:{number(preview)}:lab:bergstrasse")
    await net.settled("doerte", HESSEN)
    assert len(net["doerte"].saw(net.says(HESSEN, "Nur einmal"))) == 1
    assert forgotten > 0


def number(preview: Seen) -> str:
    """Return the number of the broadcast that a preview shows."""
    return preview.content["netzwart.key"].removeprefix("broadcast-preview:")
