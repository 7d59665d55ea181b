"""`kill -9` while a new device comes to be, and at work on PostgreSQL. One network; its tests follow each other."""

from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import sqlalchemy as sa

from bot.db.tables import rooms
from bot.demo.api import client
from tests.crashes.conftest import Stories
from tests.crashes.story import Act, Story, broadcast, conversation, reminders
from tests.e2e.running import PEOPLE

ON_THE_WAY = (
    "logged-in",
    "login-kept",
    "keys-not-uploaded",
    "keys-uploaded",
    "identity-made",
    "identity-uploaded",
    "device-signed",
    "rooms-half-pinned:3",
    "rooms-pinned",
    "room-joined:3",
    "sync-begun",
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def story(stories: Stories, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Story]:
    """The network, on PostgreSQL, with a bot that was killed eleven times before it was ready."""
    async with stories("postgresql", tmp_path_factory.mktemp("first-start")) as story:
        await story.begin(ON_THE_WAY)
        yield story


async def test_killed_on_the_way_to_its_first_word(story: Story) -> None:
    """It is one device, signed by one identity, once in each of its rooms."""
    net = story.net
    await net.bot_in()
    joined = Counter(
        key
        for key, room_id in net.rooms.items()
        for seen in net[PEOPLE[key][0]].saw(lambda seen: seen.sender == net.user_id and seen.membership == "join")
        if seen.room_id == room_id
    )
    assert joined == dict.fromkeys(PEOPLE, 1)
    keys = await net["wiebke"].api.request("POST", client("keys", "query"), {"device_keys": {net.user_id: []}})
    (device,) = keys["device_keys"][net.user_id].values()
    (signing_key,) = keys["self_signing_keys"][net.user_id]["keys"]
    assert signing_key in device["signatures"][net.user_id]
    database = net.database
    async with database.begin() as session:
        pinned = {row.key: row.room_id for row in await session.execute(sa.select(rooms))}
    await database.close()
    assert pinned == net.rooms
    assert [line["event"] for line in net.bot.log if line.get("level") not in ("info", "debug")] == []


@pytest.mark.parametrize(
    ("order", "act"),
    [
        ("effects-not-committed", conversation),
        ("effects-committed", conversation),
        ("claim-not-committed", conversation),
        ("claimed", conversation),
        ("sent", conversation),
        ("mark-not-committed", conversation),
        ("marked", conversation),
        ("decided", broadcast),
    ],
)
async def test_killed_at_work_on_postgresql(story: Story, order: str, act: Act) -> None:
    """What the other backend promises about a transaction, this one keeps as well."""
    left, uncrashed = await story.killed(order, act)
    assert left == uncrashed


async def test_killed_at_reminders_on_postgresql(story: Story) -> None:
    """In the middle of writing them down."""
    left, uncrashed = await story.killed("reminder-half-written:2", reminders, away=True)
    assert left == uncrashed
