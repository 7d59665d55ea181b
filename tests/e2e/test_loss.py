"""Nothing that is said to the bot is lost, and nothing has its effect twice: while it is away, and when it is killed in the middle."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import sqlalchemy as sa
from aiohttp import web

from bot.db.tables import broadcasts, submissions
from bot.demo.homeserver import Homeserver
from bot.demo.reading import reaction
from tests.conftest import BACKENDS
from tests.e2e.between import Between, nothing
from tests.e2e.conftest import Databases
from tests.e2e.running import BAYERN, BREMEN, COORDINATION, HESSEN, LABS, PEOPLE, WITHIN, Net, network

HISTORY = 55
"""Events in Bremen's room from before the bot: more than one sync shows."""


on_each_backend = pytest.mark.parametrize("net", BACKENDS, indirect=True, scope="module")
on_sqlite = pytest.mark.parametrize("net", ["sqlite"], indirect=True, scope="module")
on_postgresql = pytest.mark.parametrize("net", ["postgresql"], indirect=True, scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def between(homeserver: Homeserver) -> AsyncIterator[Between]:
    """What the bot takes for its homeserver."""
    async with Between(homeserver.url) as between:
        await between.open()
        yield between


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def net(
    request: pytest.FixtureRequest,
    homeserver: Homeserver,
    databases: Databases,
    tmp_path_factory: pytest.TempPathFactory,
    between: Between,
) -> AsyncIterator[Net]:
    """The network with its bot at work, on the backend that the test asks for."""
    folder = tmp_path_factory.mktemp("loss")
    in_between = request.param == "sqlite"  # only some tests want it, and it costs time
    async with databases(request.param, folder) as url, network(homeserver, folder, url, furnish=_talk_before) as net:
        if in_between:
            net.bot.settings["matrix"]["homeserver"] = between.url
        await net.bot.start()
        await net.bot_in()
        yield net
        assert await net.bot.stop() == 0


async def _talk_before(net: Net) -> None:
    if net.bot.settings["database"]["url"].startswith("sqlite"):
        return
    for number in range(HISTORY):
        await net["wiebke"].say(net.rooms[BREMEN], f"!netz labor bremen {number}")


async def says_many(net: Net, name: str, room: str, bodies: list[str]) -> list[str]:
    """Let somebody say one thing after the other; return the event ids."""
    return [await net[name].say(net.rooms[room], body) for body in bodies]


def answered(net: Net, name: str, room: str, after: int) -> list[str]:
    """Return the event ids that the bot has answered or put a reaction under, in the order of its answers."""
    heard = (seen.reacts_to or seen.relation.get("m.in_reply_to", {}).get("event_id") for seen in net.heard(name, room, after))
    return [event_id for event_id in heard if event_id]


@on_postgresql
async def test_what_was_said_before_it_came_is_none_of_its_business(net: Net) -> None:
    """There are more old commands than one sync shows, so that some have to be read from the history."""
    await net.silent("wiebke", BREMEN, 0)


@on_postgresql
async def test_a_burst_while_it_is_away_is_answered_once_and_in_order(net: Net) -> None:
    """80 commands in two rooms and two bursts: more than any sync gives at once."""
    rooms = {BREMEN: "wiebke", HESSEN: "doerte"}
    marks = {room: net[name].last for room, name in rooms.items()}
    asked: dict[str, list[str]] = {room: [] for room in rooms}
    assert await net.bot.stop() == 0
    for burst in range(2):
        bodies = [f"!netz hilfe {burst} {number}" for number in range(20)]
        said = await asyncio.gather(*(says_many(net, name, room, bodies) for room, name in rooms.items()))
        for room, events in zip(rooms, said, strict=True):
            asked[room] += events
        await says_many(net, "jonas", BREMEN, [f"Moin {number}" for number in range(10)])

    await net.bot.start()

    for room, name in rooms.items():
        await net.answer(name, asked[room][-1])
        await net.settled(name, room)
        assert answered(net, name, room, marks[room])[:-1] == asked[room]
    assert net.bot.complaints() == []


@on_each_backend
async def test_killed_in_the_middle_of_a_burst(net: Net) -> None:
    """Each of 60 commands is answered once; each had its effect once: there is no preview too many, and the last link stands."""
    marks = {name: net[name].last for name in ("karla", "wiebke")}
    previews = asyncio.create_task(says_many(net, "karla", COORDINATION, [f"!netz rundruf Nummer {n}" for n in range(12)]))
    links = [f"!netz bericht abgegeben labor-1 https://bremen.example/{n}" for n in range(48)]
    reports = asyncio.create_task(says_many(net, "wiebke", BREMEN, links))
    for killed_after in (3, 20):
        while len(answered(net, "wiebke", BREMEN, marks["wiebke"])) < killed_after:
            await net["wiebke"].sees(lambda seen: seen.sender == net.user_id, after=net["wiebke"].last)
        await net.bot.kill()
        await net.bot.start()

    asked, reported = await previews, await reports
    last = await net.answer("karla", asked[-1])
    await net["karla"].sees(reaction(last.event_id, "❌"))
    await net["wiebke"].sees(reaction(reported[-1]))
    await net.settled("karla", COORDINATION)
    await net.settled("wiebke", BREMEN)
    assert answered(net, "wiebke", BREMEN, marks["wiebke"])[:-1] == reported
    in_coordination = net.heard("karla", COORDINATION, marks["karla"])
    assert [seen.replies_to for seen in in_coordination if seen.replies_to][:-1] == asked
    offered = Counter((seen.reacts_to, seen.key) for seen in in_coordination if seen.reacts_to)
    assert (set(offered.values()), len(offered)) == ({1}, 24)
    database = net.database
    async with database.begin() as session:
        numbers = list(await session.scalars(sa.select(broadcasts.c.id).order_by(broadcasts.c.id)))
        stands = (await session.execute(sa.select(submissions.c.report, submissions.c.debtor, submissions.c.link))).all()
    await database.close()
    assert len(numbers) == 12
    assert stands == [("labor-1", "bremen", "https://bremen.example/47")]
    assert net.bot.complaints() == []


@on_postgresql
@pytest.mark.parametrize("moment", ["confirmed", "first", "second"])
async def test_killed_while_a_broadcast_goes_out(net: Net, moment: str) -> None:
    """Confirmed at the very moment of the end, or with the notice in one or two of the rooms: in the end once in each."""
    makers = {room: PEOPLE[room][0] for room in LABS}
    marks = {room: net[name].last for room, name in makers.items()}
    text = f"Genau einmal, {moment}"
    preview = await net.ask("karla", COORDINATION, f"!netz rundruf {text}")
    await net["konrad"].react(net.rooms[COORDINATION], preview.event_id, "✅")
    if moment != "confirmed":
        arriving = [asyncio.ensure_future(net[name].sees(net.says(room, text), after=marks[room])) for room, name in makers.items()]
        when = asyncio.as_completed(arriving)
        for _ in range(1 if moment == "first" else 2):
            await next(when)
    await net.bot.kill()

    await net.bot.start()

    for room, name in makers.items():
        await net[name].sees(net.says(room, text), after=marks[room])
    await asyncio.gather(*(net.settled(name, room) for room, name in makers.items()))
    for room, name in makers.items():
        assert len(net[name].saw(net.says(room, text), after=marks[room])) == 1
    status = await net.ask("karla", COORDINATION, "!netz rundruf status")
    assert "In 3 von 3 Räumen angekommen." in status.body


@on_sqlite
@pytest.mark.parametrize("killed", ["", "killed"])
async def test_a_preview_is_confirmed_before_the_bot_knows_that_it_stands_there(net: Net, between: Between, killed: str) -> None:
    """The homeserver's answer to the preview is late, or the bot is killed before it comes. Whoever was quick is not ignored."""
    words = f"Schnell geklickt {killed}".strip()
    late = asyncio.Event()

    async def hold_back(request: web.Request) -> web.Response | None:
        if f"{net.rooms[COORDINATION]}/send/m.room.encrypted/" in request.path:
            await late.wait()
        return None

    between.after = hold_back
    asked = await net["karla"].say(net.rooms[COORDINATION], f"!netz rundruf an wuerzburg {words}")
    preview = await net.answer("karla", asked)
    clicked = await net["konrad"].react(net.rooms[COORDINATION], preview.event_id, "✅")
    if killed:
        await net.bot.kill()
    else:
        await net.bot.says("entry_postponed", event_id=clicked)
    between.after = nothing
    late.set()
    if killed:
        await net.bot.start()

    await net["thea"].sees(net.says(BAYERN, words), WITHIN)
    await net.settled("karla", COORDINATION)
    await net.settled("thea", BAYERN)
    assert len(net["thea"].saw(net.says(BAYERN, words))) == 1
