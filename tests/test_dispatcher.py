"""What the dispatcher promises whatever the command: once, at the moment, and nothing half done."""

import asyncio
from typing import Any

import pytest

from bot.command import Message, Reaction
from bot.db import broadcasts, deliveries, tables
from bot.db.engine import Database
from bot.errors import HomeserverAway, LoginFailed, MembershipUnknown, NetzwartError, NotYet
from tests.conversation import Conversation, room_id, user_id

PEOPLE = {"coordination": ["karla"], "network": ["karla", "lena"], "lab:bremen": ["lena"], "lab:wuerzburg": ["malte"]}


@pytest.fixture
async def network(database: Database) -> Conversation:
    return await Conversation.begin(database, PEOPLE)


async def _keys(network: Conversation) -> list[str]:
    async with network.database.begin() as session:
        return [row.key for row in await deliveries.with_prefix(session, "")]


async def test_the_same_event_again_has_no_effect(network: Conversation) -> None:
    """After a crash the journal hands over again what was done already; and replicas see every event."""
    message = Message("$once", room_id("lab:bremen"), user_id("lena"), "!netz bericht abgegeben labor-1")
    for _ in range(3):
        await network.dispatcher.handle(message)
    assert await _keys(network) == ["reply:$once"]


async def test_the_same_event_at_the_same_moment_has_one_effect(network: Conversation) -> None:
    """Three replicas take the same command at once."""
    message = Message("$once", room_id("lab:bremen"), user_id("lena"), "!netz programm")
    await asyncio.gather(*(network.dispatcher.handle(message) for _ in range(3)))
    assert await _keys(network) == ["reply:$once"]


async def test_without_an_answer_about_members_a_command_is_refused_and_says_so(network: Conversation) -> None:
    network.members.silent.add(room_id("lab:bremen"))
    assert await network.say("lena", "lab:bremen", "!netz bericht abgegeben labor-1") == [
        (
            "lab:bremen",
            "notice",
            "Ich kann gerade nicht prüfen, in welchen Räumen du bist. Bitte versuch es in ein paar Minuten noch einmal.",
        )
    ]


@pytest.mark.parametrize("trouble", [HomeserverAway("restarting"), LoginFailed("M_UNKNOWN_TOKEN")])
async def test_while_the_homeserver_cannot_even_be_asked_a_command_waits(network: Conversation, trouble: NetzwartError) -> None:
    """A refusal could not be said either. Afterwards it is obeyed."""
    message = Message("$1", room_id("lab:bremen"), user_id("lena"), "!netz bericht abgegeben labor-1")
    joined = network.members.joined

    async def away(room_id: str) -> frozenset[str]:
        del room_id
        raise trouble

    network.members.joined = away
    with pytest.raises(type(trouble)):
        await network.dispatcher.handle(message)
    assert await _keys(network) == []

    network.members.joined = joined
    await network.dispatcher.handle(message)
    assert await _keys(network) == ["reply:$1"]


async def test_a_plain_word_in_a_room_that_cannot_be_looked_at_is_tried_again(network: Conversation) -> None:
    """It may be a direct chat, where every word is for us: it must not be lost."""
    network.members.silent.add(room_id("direct"))
    message = Message("$1", room_id("direct"), user_id("lena"), "programm")
    with pytest.raises(MembershipUnknown):
        await network.dispatcher.handle(message)
    assert await _keys(network) == []


async def test_a_room_that_is_open_to_all_grants_nothing(network: Conversation) -> None:
    network.members.open.add(room_id("coordination"))
    assert await network.say("karla", "coordination", "!netz rundruf Hallo") == [
        ("coordination", "notice", "Das darf nur, wer in »Koordination« ist.")
    ]


async def test_a_reaction_that_is_quicker_than_the_homeservers_word_waits(network: Conversation) -> None:
    """The preview stands in the room, and somebody clicks, before we know its event id."""
    async with network.database.begin() as session:
        await deliveries.add(session, key="broadcast-preview:1", room="coordination", content={}, now=network.clock.now())
        await deliveries.claim(session, by="D", now=network.clock.now(), alive=(), most=1)
    click = Reaction("$click", room_id("coordination"), user_id("karla"), "$preview", "✅")
    with pytest.raises(NotYet):
        await network.dispatcher.handle_reaction(click)
    other = Reaction("$thumb", room_id("coordination"), user_id("karla"), "$preview", "👍")
    await network.dispatcher.handle_reaction(other)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_reaction_while_the_homeservers_word_arrives_is_not_lost(
    network: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the two questions whether it belongs to something that was sent, and whether something is being sent, the latter was done."""
    await network.say("karla", "coordination", "!netz rundruf Hallo")
    being_sent = deliveries.being_sent
    async with network.database.begin() as session:
        preview, *_ = await deliveries.with_prefix(session, "broadcast-preview:1")
        await session.execute(
            tables.deliveries.update().where(tables.deliveries.c.id == preview.id).values(done_at=None, event_id=None)
        )

    async def sent_meanwhile(*asked: Any) -> bool:
        async with network.database.begin() as other:
            await deliveries.mark_sent(other, preview.id, "$preview", network.clock.now())
        return await being_sent(*asked)

    monkeypatch.setattr(deliveries, "being_sent", sent_meanwhile)
    await network.dispatcher.handle_reaction(Reaction("$click", room_id("coordination"), user_id("karla"), "$preview", "✅"))
    assert any(said.words.startswith("Rundruf 1 ist unterwegs") for said in await network.what_was_said())


async def test_a_room_that_is_open_to_others_hears_nothing_of_a_lab(database: Database) -> None:
    """Not only does it grant nothing: what is for a lab or for coordination is not said where anybody can read it."""
    network = await Conversation.begin(database, {**PEOPLE, "coordination": ["karla", "lena"], "lab:bremen": ["lena", "karla"]})
    network.members.open |= {room_id("coordination"), room_id("lab:bremen")}
    for person, place, words in (
        ("lena", "coordination", "!netz bericht labor-1"),
        ("karla", "lab:bremen", "!netz berichte"),
        ("lena", "network", "!netz berichte"),
    ):
        said = await network.say(person, place, words)
        assert said, words
        assert not any("Sachstandsbericht" in line.words for line in said), words


async def test_a_direct_chat_that_others_can_read_is_none(network: Conversation) -> None:
    """Its member opened it after the bot had come: plain words are no commands there, and nothing of a lab is said."""
    network.members.open.add(room_id("direct-lena"))
    assert await network.say("lena", "direct", "berichte") == []
    said = await network.say("lena", "direct", "!netz berichte")
    assert [line.words for line in said] == [
        "Dieser Raum gehört nicht zum Netzwerk. Frag mich bitte im Raum »Netzwerk« oder schreib mir direkt."
    ]


async def test_an_effect_that_counts_happens_once(network: Conversation) -> None:
    """Answers have a key that makes them one; what a command counts up or adds is one only because its event was taken."""
    message = Message("$once", room_id("coordination"), user_id("karla"), "!netz rundruf Hallo")
    await network.dispatcher.handle(message)
    await asyncio.gather(*(network.dispatcher.handle(message) for _ in range(3)))
    async with network.database.begin() as session:
        assert [each.text for each in await broadcasts.newest(session, 5)] == ["Hallo"]
