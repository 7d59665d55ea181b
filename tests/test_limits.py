"""Limits: whoever asks too much is told so once, politely, and nobody else notices."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from bot import metrics
from bot.command import Message, Reaction
from bot.db import deliveries, handled
from bot.db.engine import Database
from bot.errors import MembershipUnknown
from bot.limits import Limits
from tests.conversation import MORNING, Conversation, Said, notice, room_id, user_id

PEOPLE = {"coordination": ["karla"], "network": ["karla", "lena"], "lab:bremen": ["lena", "jonas"]}
AT_ONCE = 3
TOO_MUCH = (
    "Das war sehr viel auf einmal; was darüber hinausgeht, führe ich nicht aus. Bitte warte eine Minute und schick dann noch einmal, was"
    " ohne Antwort geblieben ist."
)


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limits(clock: Clock) -> Limits:
    return Limits(AT_ONCE, 60, clock)


def taken(limits: Limits, person: str, times: int) -> int:
    return sum(limits.take(person) for _ in range(times))


def test_what_is_used_up_comes_back(limits: Limits, clock: Clock) -> None:
    assert taken(limits, "@a:x", 10) == AT_ONCE
    clock.seconds += 0.9
    assert taken(limits, "@a:x", 10) == 0
    clock.seconds += 1.2
    assert taken(limits, "@a:x", 10) == 2
    clock.seconds += 3600
    assert taken(limits, "@a:x", 10) == AT_ONCE


def test_each_has_an_allowance_of_their_own(limits: Limits) -> None:
    assert taken(limits, "@a:x", 10) == AT_ONCE
    assert taken(limits, "@b:x", 10) == AT_ONCE


def test_what_was_given_back_is_there_again_and_no_more(limits: Limits) -> None:
    limits.take("@a:x")
    for _ in range(5):
        limits.give_back("@a:x")
    assert taken(limits, "@a:x", 10) == AT_ONCE


def test_told_once_until_all_is_back(limits: Limits, clock: Clock) -> None:
    """Somebody who goes on and on, a little slower, is not told again and again."""
    assert not limits.is_silenced("@a:x")
    taken(limits, "@a:x", AT_ONCE)
    assert not limits.is_silenced("@a:x")  # nobody has told them
    limits.told("@a:x")
    for _ in range(20):
        assert limits.is_silenced("@a:x")
        clock.seconds += 1.1
        assert not limits.is_silenced("@a:x")
        taken(limits, "@a:x", AT_ONCE)
    clock.seconds += AT_ONCE
    taken(limits, "@a:x", AT_ONCE)
    assert not limits.is_silenced("@a:x")


def test_logged_once_a_minute(limits: Limits, clock: Clock) -> None:
    logged: list[int] = []
    for _ in range(180):
        logged.append(limits.leave_undone("@a:x"))
        clock.seconds += 1
    assert [each for each in logged if each] == [1, 60, 60]
    assert limits.leave_undone("@b:x") == 1


def test_memory_is_bounded(clock: Clock) -> None:
    """Those who were heard last are remembered: a flood of new accounts gives nobody their allowance back who goes on asking."""
    limits = Limits(1, 1, clock, most=10)
    limits.take("@a:x")
    for number in range(1000):
        limits.take(f"@{number}:x")
        assert not limits.take("@a:x")
        assert not limits.is_silenced(f"@nobody{number}:x")
    assert len(limits) == 10


# In the dispatcher


@pytest.fixture
async def network(database: Database, limits: Limits) -> Conversation:
    return await Conversation.begin(database, PEOPLE, limits=limits)


def asked(network: Conversation) -> Counter[str]:
    """Count from now on how often the homeserver is asked who is in a room."""
    counted: Counter[str] = Counter()
    joined = network.members.joined

    async def counting(room_id: str) -> frozenset[str]:
        counted[room_id] += 1
        return await joined(room_id)

    network.members.joined = counting
    return counted


def undone() -> float:
    return metrics.registry.get_sample_value("netzwart_messages_refused_total", {"reason": "too_many"}) or 0.0


async def flood(network: Conversation, count: int, body: str = "!netz hilfe", place: str = "lab:bremen") -> list[Said]:
    for _ in range(count):
        await network.hear("lena", place, body)
    return await network.what_was_said()


async def test_what_is_too_much_is_not_done_and_told_once(network: Conversation) -> None:
    before = undone()
    said = await flood(network, 50)
    assert (len(said), said[AT_ONCE:]) == (AT_ONCE + 1, [notice("lab:bremen", TOO_MUCH)])
    assert undone() - before == 50 - AT_ONCE


async def test_what_is_too_much_asks_nobody(network: Conversation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the homeserver nor, once they are told, the database."""
    asking = asked(network)
    await flood(network, AT_ONCE)
    assert asking
    asking.clear()
    await flood(network, 1)
    monkeypatch.setattr(network.database, "begin", None)  # whoever begins a transaction now fails
    for _ in range(10):
        await network.hear("lena", "lab:bremen", "!netz hilfe")
        assert network.dispatcher.passes_over(Message("$x", room_id("lab:bremen"), user_id("lena"), "!netz hilfe"))
    assert not asking


async def test_nobody_else_notices(network: Conversation) -> None:
    """In the same room, at the same moment, and in others."""
    await flood(network, 50)
    assert [line.room for line in await network.say("jonas", "lab:bremen", "!netz hilfe")] == ["lab:bremen"]
    assert [line.room for line in await network.say("karla", "coordination", "!netz hilfe")] == ["coordination"]


async def test_after_a_pause_all_is_well(network: Conversation, clock: Clock) -> None:
    await flood(network, 50)
    clock.seconds += AT_ONCE
    said = await network.say("lena", "lab:bremen", "!netz hilfe")
    assert [line.words for line in said] != [TOO_MUCH]
    assert len(said) == 1


async def test_what_is_said_to_others_does_not_count(network: Conversation) -> None:
    assert await flood(network, 50, "Moin") == []
    assert len(await flood(network, AT_ONCE)) == AT_ONCE


async def test_a_room_of_others_does_not_count(network: Conversation) -> None:
    """What was a direct chat and is none any more: its people talk to one another there, and are not told to be quiet."""
    assert await flood(network, 50, "hilfe", place="unknown") == []
    assert TOO_MUCH not in [line.words for line in await flood(network, AT_ONCE)]
    assert await flood(network, 50, "hilfe", place="unknown") == []


async def test_in_a_direct_chat_every_word_counts(network: Conversation) -> None:
    said = await flood(network, 50, "hilfe", place="direct")
    assert (len(said), said[-1]) == (AT_ONCE + 1, notice("direct", TOO_MUCH))


async def test_one_limit_for_all_rooms_and_one_word(network: Conversation) -> None:
    await flood(network, AT_ONCE, place="network")
    assert await flood(network, 1) == [notice("lab:bremen", TOO_MUCH)]
    assert await flood(network, 5, place="direct") == []


async def test_clicks_count_as_well(network: Conversation) -> None:
    """Those that mean something: under an answer of ours, with a symbol that we act on."""
    [preview, *_] = await network.say("karla", "coordination", "!netz rundruf Hallo")
    assert preview.room == "coordination"
    async with network.database.begin() as session:
        [row, *_] = await deliveries.with_prefix(session, "broadcast-preview:")
    room, karla = room_id("coordination"), user_id("karla")
    for number in range(20):
        await network.dispatcher.handle_reaction(Reaction(f"$a{number}", room, karla, "$elsewhere", "❌"))
        await network.dispatcher.handle_reaction(Reaction(f"$b{number}", room, karla, str(row.event_id), "👍"))
    assert await network.what_was_said() == []
    assert TOO_MUCH not in [line.words for line in await network.say("karla", "coordination", "!netz hilfe")]
    clicks = [Reaction(f"$c{number}", room, karla, str(row.event_id), "❌") for number in range(10)]
    for click in clicks:
        await network.dispatcher.handle_reaction(click)
    said = await network.what_was_said()
    assert said[-1] == notice("coordination", TOO_MUCH)
    assert [line.words for line in said].count(TOO_MUCH) == 1
    assert network.dispatcher.passes_over(clicks[0])


async def test_what_has_to_be_tried_again_counts_once(network: Conversation) -> None:
    network.members.silent.add("!direct-lena:example.org")
    for _ in range(20):
        with pytest.raises(MembershipUnknown):
            await network.hear("lena", "direct", "hilfe")
    network.members.silent.clear()
    assert len(await flood(network, AT_ONCE, "hilfe", place="direct")) == AT_ONCE


async def test_what_was_too_much_stays_undone(network: Conversation) -> None:
    """The first that is too much is answered with the word about it: handed over again after a crash, it is not carried out either."""
    await flood(network, AT_ONCE + 1)
    async with network.database.begin() as session:
        assert await handled.is_taken(session, network.last_event)
    fresh = await Conversation.begin(network.database, PEOPLE)
    assert await fresh.dispatcher.handle(Message(network.last_event, room_id("lab:bremen"), user_id("lena"), "!netz hilfe")) is None
    assert await network.what_was_said() == []


async def test_two_devices_say_it_once(database: Database, clock: Clock) -> None:
    """Each counts for itself, and sees everything."""
    both = [await Conversation.begin(database, PEOPLE, limits=Limits(AT_ONCE, 60, clock)) for _ in range(2)]
    messages = [Message(f"${number}", room_id("lab:bremen"), user_id("lena"), "!netz hilfe") for number in range(20)]
    for message in messages:
        await asyncio.gather(*(each.dispatcher.handle(message) for each in both))
    said = await both[0].what_was_said()
    assert [line.words for line in said].count(TOO_MUCH) == 1
    assert len(said) == AT_ONCE + 1


async def test_two_devices_say_it_once_across_a_minute(database: Database, clock: Clock) -> None:
    """Not quite at the same moment, for one has allowed a little more than the other."""
    first, second = [
        await Conversation.begin(database, PEOPLE, limits=Limits(at_once, 60, clock)) for at_once in (AT_ONCE, AT_ONCE + 1)
    ]
    second.clock.shown = MORNING + timedelta(seconds=1)
    first.clock.shown = MORNING - timedelta(seconds=1)
    for number in range(20):
        message = Message(f"${number}", room_id("lab:bremen"), user_id("lena"), "!netz hilfe")
        await first.dispatcher.handle(message)
        await second.dispatcher.handle(message)
    assert [line.words for line in await first.what_was_said()].count(TOO_MUCH) == 1
