"""`kill -9` at each point on the way: after the next start, rooms and databases hold what they would hold without it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.crashes.conftest import Stories
from tests.crashes.points import POINTS
from tests.crashes.story import (
    Act,
    Story,
    broadcast,
    burst,
    conversation,
    elsewhere,
    invite,
    newcomer,
    picture,
    reminders,
    strangers,
)
from tests.e2e.running import BREMEN
from tests.nursery.traps import PointGoneError, function_of


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def story(stories: Stories, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Story]:
    """The network, on SQLite, with its bot at work."""
    async with stories("sqlite", tmp_path_factory.mktemp("points")) as story:
        await story.begin()
        await story.net.bot_in()
        yield story


def test_every_point_names_a_function() -> None:
    """Whoever renames one has to come by here; otherwise a crash would be tried that never happens."""
    for point in POINTS.values():
        function_of(point.function)
        function_of(point.inside or point.function)

    with pytest.raises(PointGoneError):
        function_of("bot.delivery:Drain.no_more")


@pytest.mark.parametrize(
    ("order", "act"),
    [
        ("sync-begun", conversation),
        ("sync-half-written", conversation),
        ("sync-not-committed", conversation),
        ("room-keys-not-committed", conversation),
        ("sync-written", conversation),
        ("doors-looked-at", conversation),
        ("keys-not-uploaded", strangers),
        ("keys-uploaded", strangers),
        ("event-taken", conversation),
        ("effects-not-committed", conversation),
        ("effects-committed:2", conversation),
        ("not-struck-out", conversation),
        ("not-struck-out", broadcast),
        ("struck-out:2", conversation),
        ("claim-not-committed", conversation),
        ("claimed", conversation),
        ("encrypted", conversation),
        ("sent", conversation),
        ("sent:2", conversation),
        ("mark-not-committed", conversation),
        ("marked:3", conversation),
        ("decided", broadcast),
        ("decision-committed", broadcast),
        ("sent:4", broadcast),
        ("file-not-uploaded", picture),
        ("file-uploaded", picture),
        ("invite-accepted", invite),
        ("invite-handled", invite),
    ],
)
async def test_killed_at_work(story: Story, order: str, act: Act) -> None:
    """People do not wait for it: they go on while it is gone."""
    left, uncrashed = await story.killed(order, act)
    assert left == uncrashed


@pytest.mark.parametrize("order", ["key-not-shared", "key-shared"])
async def test_killed_while_it_hands_out_a_new_key(story: Story, order: str) -> None:
    """The first thing that it says in an encrypted room after a start."""
    left, uncrashed = await story.killed(order, elsewhere, away=True)
    assert left == uncrashed


@pytest.mark.parametrize(
    "order", ["gap-open", "gap-page-fetched", "gap-page-half-written", "gap-page-not-committed", "gap-page-written"]
)
async def test_killed_while_it_reads_what_a_sync_left_out(story: Story, order: str) -> None:
    """It was away, and there was more than one sync shows."""
    left, uncrashed = await story.killed(order, burst, away=True)
    assert left == uncrashed


async def test_killed_before_it_has_asked_for_the_devices_of_a_newcomer(story: Story) -> None:
    """Whose devices are asked for is not forgotten: their first word would wait for their second."""
    left, uncrashed = await story.killed("sync-written", newcomer, away=True)
    assert left == uncrashed
    answered = [said["content"]["m.relates_to"]["m.in_reply_to"]["event_id"] for said in left["rooms"][BREMEN]]
    assert answered == ["asked 0", "asked 1", "asked 2"]


@pytest.mark.parametrize("order", ["reminder-half-written:2", "reminders-committed"])
async def test_killed_at_reminders(story: Story, order: str) -> None:
    """Each owed report gives one reminder, in time."""
    left, uncrashed = await story.killed(order, reminders, away=True)
    assert left == uncrashed
