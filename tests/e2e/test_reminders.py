"""Reminders as the rooms get them: in time, late after an outage, and never twice."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from bot.db import reports
from bot.demo.homeserver import Homeserver
from bot.demo.reading import Seen
from tests.e2e.conftest import Databases
from tests.e2e.running import BAYERN, BREMEN, COORDINATION, HESSEN, LABS, NETWORK, PEOPLE, RESEARCH, WITHIN, Net, network

REPORT = "Sachstandsbericht 1"
LATE = "Verspätet, weil ich nicht da war:"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def net(homeserver: Homeserver, databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Net]:
    """The network; the bot starts on 12 October 2020 and is not yet invited into the lab's room in Würzburg. One story."""
    folder = tmp_path_factory.mktemp("reminders")
    async with databases("sqlite", folder) as url, network(homeserver, folder, url, absent=[BAYERN]) as net:
        await net.bot.start()
        await net.bot_in(*(room for room in PEOPLE if room != BAYERN))
        yield net
        assert net.bot.complaints() == []
        assert await net.bot.stop() == 0


def reminded(net: Net, room: str, after: int = 0) -> list[Seen]:
    """Return the reminders that a room has got: everything there that the bot said as a `m.text`."""
    return [seen for seen in net.heard(PEOPLE[room][0], room, after) if seen.msgtype == "m.text"]


async def all_settled(net: Net, *rooms: str) -> None:
    """Let everything be said that is to be said in these rooms."""
    await asyncio.gather(*(net.settled(PEOPLE[room][0], room) for room in rooms))


async def test_on_12_october_nothing_is_due(net: Net) -> None:
    """The step 30 days before is past; but to a network that has just begun it is no omission."""
    await all_settled(net, BREMEN, HESSEN, RESEARCH)

    assert [seen for room in (BREMEN, HESSEN, RESEARCH) for seen in reminded(net, room)] == []


async def test_fourteen_days_before_in_the_rooms_that_owe(net: Net) -> None:
    """Bremen has submitted; Würzburg's room cannot be reached yet; reports of which only a month or year is known give none."""
    await net.done("wiebke", BREMEN, "!netz bericht abgegeben labor-1")

    jumped = await net.bot.jump()

    assert jumped == "2020-10-16T08:00:00+02:00"
    for room in (HESSEN, RESEARCH):
        await net[PEOPLE[room][0]].sees(net.says(room, REPORT), WITHIN)
    await all_settled(net, BREMEN, HESSEN, RESEARCH, NETWORK, COORDINATION)
    assert {room: len(reminded(net, room)) for room in PEOPLE if room != BAYERN} == {
        HESSEN: 1,
        RESEARCH: 1,
        BREMEN: 0,
        NETWORK: 0,
        COORDINATION: 0,
    }
    (reminder,) = reminded(net, HESSEN)
    assert reminder.body.startswith(f"In 14 Tagen ist fällig: {REPORT} (30. Oktober 2020).")
    assert reminder.content["m.mentions"] == {}
    assert reminder.content["netzwart.key"] == "report-deadline:labor-1:bergstrasse:2020-10-30:14"
    assert reminder.relation == {}


async def test_what_waits_for_a_room_comes_when_the_bot_is_let_in(net: Net) -> None:
    """At once, not at the next try in five minutes."""
    await net.bot.says("delivery_postponed", key="report-deadline:labor-1:wuerzburg:2020-10-30:14")
    await net["thea"].invite(net.rooms[BAYERN], net.user_id)

    reminder = await net["thea"].sees(net.says(BAYERN, REPORT), WITHIN)

    assert reminder.body.startswith("In 14 Tagen")
    await net.settled("thea", BAYERN)
    assert len(reminded(net, BAYERN)) == 1


async def test_a_reminder_that_lost_its_sense_while_it_waited(net: Net) -> None:
    """The bot is thrown out, the next step comes, the lab reports meanwhile, the bot is let in again: nothing is said any more."""
    room = await net.direct_chat("thea")
    await net["thea"].kick(net.rooms[BAYERN], net.user_id)
    assert await net.bot.jump() == "2020-10-23T08:00:00+02:00"
    await net.bot.says("delivery_postponed", key="report-deadline:labor-1:wuerzburg:2020-10-30:7")
    await net["doerte"].sees(net.says(HESSEN, "In 7 Tagen"), WITHIN)
    before = len(reminded(net, BAYERN))
    assert await net.bot.stop() == 0
    await net["thea"].invite(net.rooms[BAYERN], net.user_id)
    await net["thea"].say(net.rooms[BAYERN], "!netz bericht abgegeben labor-1")  # before the bot is in: none of its business
    await _submit_by_hand(net)

    await net.bot.start()

    await net.bot.says("delivery_dropped", key="report-deadline:labor-1:wuerzburg:2020-10-30:7", reason="no longer due")
    await net.settled("thea", BAYERN)
    assert len(reminded(net, BAYERN)) == before
    assert (await net.ask("thea", room, "bericht labor-1:wuerzburg")).body.startswith("✅")


async def _submit_by_hand(net: Net) -> None:
    """Record Würzburg's report as another replica would."""
    database = net.database
    async with database.begin() as session:
        debt = next(d for d in await reports.debts(session, ["wuerzburg"]) if d.report.key == "labor-1")
        await reports.submit(session, debt, by=net["thea"].user_id, link=None, now=datetime(2020, 10, 23, 12, tzinfo=UTC))
    await database.close()


async def test_after_an_outage_once_and_marked_as_late(net: Net) -> None:
    """Away on the day of a step: said on the next day, once, also after another start; the step before is not made up for."""
    assert await net.bot.stop() == 0

    await net.bot.start("2020-10-29T09:00")

    for room in (HESSEN, RESEARCH):
        late = await net[PEOPLE[room][0]].sees(net.says(room, LATE), WITHIN)
        assert late.body.startswith(f"{LATE} Morgen ist fällig: {REPORT} (30. Oktober 2020).")
    assert await net.bot.stop() == 0
    await net.bot.start("2020-10-29T09:30")
    await net.bot.says("policy_looked", policy="report-deadline", new=0)
    await all_settled(net, *LABS, RESEARCH)
    assert {room: len(reminded(net, room)) for room in (*LABS, RESEARCH)} == {HESSEN: 3, RESEARCH: 3, BREMEN: 0, BAYERN: 1}


async def test_on_the_day_and_after_it(net: Net) -> None:
    """The last step is the day itself; three days after, what has not come is asked for. Months and open dates remind nobody who owes them:
    coordinators are asked to fix them."""
    assert await net.bot.jump() == "2020-10-30T08:00:00+01:00"
    today = await net["doerte"].sees(net.says(HESSEN, "Heute ist fällig"), WITHIN)
    assert LATE not in today.body

    assert await net.bot.jump() == "2020-11-02T08:00:00+01:00"
    await net["karla"].sees(net.says(COORDINATION, "noch nicht fest"), WITHIN)
    await net["doerte"].sees(net.says(HESSEN, "Noch nicht da"), WITHIN)
    await all_settled(net, *LABS, RESEARCH)
    assert len(reminded(net, HESSEN)) == 5
