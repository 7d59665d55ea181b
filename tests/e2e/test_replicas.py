"""Three bots on one database, each with a device of its own, all at work at once: whichever dies, everything is done once and said once."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass

import pytest
import pytest_asyncio
import sqlalchemy as sa
from aiohttp import web

from bot.db.tables import reports, submissions
from bot.demo.homeserver import Homeserver
from bot.demo.reading import Seen
from tests.e2e.between import Between, nothing
from tests.e2e.conftest import Databases
from tests.e2e.running import BREMEN, COORDINATION, LABS, PEOPLE, WITHIN, Bot, Net, network

MORE_REPORTS = 6
PATIENCE = 90.0
"""Seconds: whoever speaks into a burst, while one bot of three is always dead or starting, has to wait for all that came before."""

MAKERS = {room: PEOPLE[room][0] for room in LABS}


@dataclass
class Three:
    """The network, its bots, and what stands between each bot and the homeserver."""

    net: Net
    bots: list[Bot]
    between: list[Between]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def three(homeserver: Homeserver, databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Three]:
    """Three bots at work. The first makes the identity, the others find it."""
    folder = tmp_path_factory.mktemp("replicas")
    async with (
        Between(homeserver.url) as one,
        Between(homeserver.url) as two,
        Between(homeserver.url) as three,
        databases("postgresql", folder) as url,
        network(homeserver, folder, url) as net,
    ):
        between = [one, two, three]
        bots = [net.bot]
        for number in (2, 3):
            settings = deepcopy(net.bot.settings)
            home = folder / f"bot-{number}"
            home.mkdir()
            settings["matrix"]["state_dir"] = str(home / "state")
            bots.append(Bot(home, settings))
        for bot, door in zip(bots, between, strict=True):
            bot.settings["matrix"]["homeserver"] = door.url
            await door.open()
            await bot.start()
        await net.bot_in()
        try:
            yield Three(net, bots, between)
        finally:
            for bot in bots[1:]:
                await bot.kill()


@pytest.fixture
def net(three: Three) -> Net:
    """The network."""
    return three.net


def _answered(net: Net, name: str, room: str, asked: Sequence[str], after: int) -> list[str]:
    """Return which of these were answered, by a message or a ✅, as often and in the order as somebody in the room got it."""
    heard = net.heard(name, room, after)
    return [event_id for event_id in map(_answers, heard) if event_id is not None and event_id in asked]


def _answers(seen: Seen) -> str | None:
    """Return the event that this one reacts or replies to."""
    return seen.reacts_to or seen.relation.get("m.in_reply_to", {}).get("event_id")


async def _cut_listeners(net: Net) -> None:
    """Cut every connection that waits for NOTIFY: it is only a wake-up."""
    database = net.database
    async with database.begin() as session:
        cut = sa.text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND pid <> pg_backend_pid()"
        )
        await session.execute(cut)
    await database.close()


@pytest.mark.parametrize("acted", ["sent", "not sent"])
async def test_what_a_dead_device_had_begun_another_finishes(
    three: Three, net: Net, acted: str, record_property: Callable[[str, object], None]
) -> None:
    """Killed in the middle of a send. The others cannot know whether it stands in the room: they look, and then say it or not."""
    held = asyncio.get_running_loop().create_future()
    never = asyncio.Event()

    def hold(number: int) -> None:
        async def wait(request: web.Request) -> web.Response | None:
            if f"{net.rooms[BREMEN]}/send/m.room.encrypted/" in request.path and not held.done():
                held.set_result(number)
                await never.wait()
            return None

        setattr(three.between[number], "after" if acted == "sent" else "before", wait)

    for number in range(3):
        hold(number)
    mark = net["wiebke"].last
    asked = await net["wiebke"].say(net.rooms[BREMEN], f"!netz labor bremen {acted}")
    dead = await asyncio.wait_for(held, WITHIN)
    for door in three.between:
        door.before = door.after = nothing
    await three.bots[dead].kill()
    died_at = time.monotonic()
    others = [bot for number, bot in enumerate(three.bots) if number != dead]

    took_over = {asyncio.ensure_future(bot.says("delivered", room=BREMEN, key=f"reply:{asked}")) for bot in others}
    await asyncio.wait(took_over, return_when=asyncio.FIRST_COMPLETED)
    seconds = time.monotonic() - died_at
    for waiting in took_over:
        waiting.cancel()
    record_property("taken over after seconds", round(seconds, 1))
    found = [line for bot in others for line in bot.log if line["event"] == "delivery_found" and line["key"] == f"reply:{asked}"]
    assert len(found) == (1 if acted == "sent" else 0)
    assert seconds < 10

    await three.bots[dead].start()
    await net.settled("wiebke", BREMEN)
    assert _answered(net, "wiebke", BREMEN, [asked], mark) == [asked]


@pytest.mark.timeout(300)
async def test_one_after_the_other_is_killed(three: Three, net: Net) -> None:
    """Commands with effects, a broadcast, and reminders, while the bots die in turn and the wake-ups are cut: all of it once."""
    marks = {room: net[name].last for room, name in MAKERS.items()}
    await _owe_more(net, MORE_REPORTS)
    async with asyncio.TaskGroup() as tasks:
        dying = tasks.create_task(_die_in_turn(three))
        talks = {room: tasks.create_task(_talk(net, room, name, dying)) for room, name in MAKERS.items()}
        tasks.create_task(_broadcast(net))
    for bot in three.bots:  # the first reminder of each report, in each room
        await bot.jump()
    await three.bots[1].kill()
    await three.bots[1].start()

    for room, name in MAKERS.items():
        for said in [*(f"Bericht {number}" for number in range(MORE_REPORTS)), "Aus dreien einer"]:
            await net[name].sees(net.says(room, said), WITHIN, after=marks[room])
        await net.settled(name, room)
        asked = talks[room].result()
        assert _answered(net, name, room, asked, marks[room]) == asked
        bodies = [seen.body for seen in net[name].saw(net.says(room, ""), after=marks[room])]
        said_once = [*(f": Bericht {number} (" for number in range(MORE_REPORTS)), "Aus dreien einer"]
        assert [sum(words in body for body in bodies) for words in said_once] == [1] * len(said_once)
        assert max(Counter(bodies).values()) == 1
    assert await _links(net) == sorted((room.removeprefix("lab:"), _link(len(talks[room].result()) - 1)) for room in LABS)
    assert [line for bot in three.bots for line in bot.complaints()] == []


async def _owe_more(net: Net, count: int) -> None:
    """Let every lab owe more reports, all due on the day of the first."""
    database = net.database
    async with database.begin() as session:
        first = (await session.execute(sa.select(reports).where(reports.c.key == "labor-1"))).one()._asdict()
        more = [{**first, "key": f"extra-{number}", "title": f"Bericht {number}"} for number in range(count)]
        await session.execute(reports.insert(), more)
    await database.close()


async def _talk(net: Net, room: str, name: str, dying: asyncio.Future[None]) -> list[str]:
    """Ask and hand in, by turns, for as long as bots die; return the events. The last one hands in. The first thirty come in a burst."""
    asked: list[str] = []
    while len(asked) < 30 or len(asked) % 2 or not dying.done():
        hands_in = f"!netz bericht abgegeben labor-2 {_link(len(asked))}"
        asked.append(await net[name].say(net.rooms[room], hands_in if len(asked) % 2 else f"!netz hilfe {len(asked)}"))
        if len(asked) > 30:
            await net[name].sees(lambda seen: _answers(seen) == asked[-1], PATIENCE, what=f"the answer to {asked[-1]}")
    return asked


def _link(number: int) -> str:
    return f"https://lab.example/{number}"


async def _broadcast(net: Net) -> None:
    preview = await net.ask("karla", COORDINATION, "!netz rundruf Aus dreien einer")
    await net["konrad"].react(net.rooms[COORDINATION], preview.event_id, "✅")


async def _die_in_turn(three: Three) -> None:
    for bot in three.bots:
        heard = three.net["wiebke"].last
        await bot.kill()
        await _cut_listeners(three.net)
        await three.net["wiebke"].sees(lambda seen: seen.sender == three.net.user_id, after=heard)
        await bot.start()


async def _links(net: Net) -> list[tuple[str, str]]:
    database = net.database
    async with database.begin() as session:
        stands = (await session.execute(sa.select(submissions.c.debtor, submissions.c.link))).all()
    await database.close()
    return sorted((row.debtor, row.link) for row in stands)
