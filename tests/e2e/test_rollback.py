"""The homeserver is put back to an older state: what it forgot is not said again, and what is said to it from then on is not missed."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa

from bot.db.tables import submissions
from bot.demo.homeserver import Homeserver
from bot.demo.reading import message
from tests.e2e.between import Between
from tests.e2e.conftest import Databases
from tests.e2e.running import BREMEN, COORDINATION, LABS, PEOPLE, Net, network
from tests.e2e.test_loss import says_many

PutBack = Callable[[], Awaitable[None]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own_homeserver(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Homeserver]:
    """A Synapse of these tests' own."""
    async with Homeserver(tmp_path_factory.mktemp("rollback")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def between(own_homeserver: Homeserver) -> AsyncIterator[Between]:
    """What the bot takes for its homeserver."""
    async with Between(own_homeserver.url) as between:
        await between.open()
        yield between


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def net(
    own_homeserver: Homeserver, databases: Databases, tmp_path_factory: pytest.TempPathFactory, between: Between
) -> AsyncIterator[Net]:
    """The network with its bot at work; its rooms are encrypted."""
    folder = tmp_path_factory.mktemp("rolled")
    async with databases("sqlite", folder) as url, network(own_homeserver, folder, url) as net:
        net.bot.settings["matrix"]["homeserver"] = between.url
        await net.bot.start()
        await net.bot_in()
        yield net
        assert await net.bot.stop() == 0


@pytest_asyncio.fixture(loop_scope="session")
async def put_back(net: Net, between: Between, tmp_path: Path) -> PutBack:
    """The state of the homeserver is kept as it is now. Gives what puts it back to that, while the bot cannot reach it."""
    copy, folder = tmp_path / "copy", net.homeserver.folder
    await asyncio.gather(*(net.settled(PEOPLE[room][0], room) for room in LABS))
    await net.homeserver.stop()
    shutil.copytree(folder, copy)
    await net.homeserver.start()
    await asyncio.gather(*(net.settled(PEOPLE[room][0], room) for room in LABS))

    async def put_back() -> None:
        await between.close()
        await net.homeserver.stop()
        shutil.rmtree(folder)
        shutil.copytree(copy, folder)
        await net.homeserver.start()
        for person in net.people.values():
            reader: Any = person.reading
            reader._since = None  # people's clients begin anew; they know by its id what they have seen
            assert person.device is not None
            person.device._ready().begin_anew(1)

    return put_back


@pytest.mark.parametrize("said_meanwhile", [2, 40], ids=["little", "more than was forgotten"])
async def test_the_homeserver_is_put_back_to_an_older_state(
    net: Net, between: Between, put_back: PutBack, said_meanwhile: int
) -> None:
    """Synapse does not tell us. Our place is in its future, and what is said until it gets there never comes; or it has got there."""
    words = f"Vergessen {said_meanwhile}"
    preview = await net.ask("karla", COORDINATION, f"!netz rundruf {words}")
    await net["konrad"].react(net.rooms[COORDINATION], preview.event_id, "✅")
    await asyncio.gather(*(net[PEOPLE[room][0]].sees(net.says(room, words)) for room in LABS))
    await net.done("wiebke", BREMEN, f"!netz bericht abgegeben labor-1 https://bremen.example/{said_meanwhile}")
    await net.ask("wiebke", BREMEN, "!netz hilfe")
    await asyncio.gather(*(net.settled(PEOPLE[room][0], room) for room in LABS))
    marks = {name: person.last for name, person in net.people.items()}
    lines = len(net.bot.log)

    await put_back()
    for number in range(said_meanwhile - 2):
        await net["jonas"].say(net.rooms[BREMEN], f"Moin {number}")
    asked = await says_many(net, "wiebke", BREMEN, ["!netz bericht labor-1", "!netz hilfe"])
    await between.open()

    report = await net.answer("wiebke", asked[0])
    assert f"https://bremen.example/{said_meanwhile}" in report.body  # that it was handed in is not forgotten
    await net.answer("wiebke", asked[1])
    await net.bot.says("place_in_stream_lost", after=lines)
    again = await net.done("wiebke", BREMEN, "!netz bericht zurück labor-1")
    await asyncio.gather(*(net.settled(PEOPLE[room][0], room) for room in LABS))
    for room in LABS:
        name = PEOPLE[room][0]
        assert net[name].saw(net.says(room, words), after=marks[name]) == []
    about = [seen.reacts_to or seen.relation["m.in_reply_to"]["event_id"] for seen in net.heard("wiebke", BREMEN, marks["wiebke"])]
    assert about[:-1] == [*asked, again]
    assert net["karla"].saw(message(room=net.rooms[COORDINATION], sender=net.user_id), after=marks["karla"]) == []
    database = net.database
    async with database.begin() as session:
        assert list(await session.scalars(sa.select(submissions.c.link))) == []
    await database.close()
    assert net.bot.complaints() == []
