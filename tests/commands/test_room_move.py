"""A coordinator decides whether another room takes the place of one of the network's."""

import asyncio

import pytest
import sqlalchemy as sa

from bot.db import deliveries, room_moves, rooms
from bot.db.room_moves import Move
from bot.db.tables import rooms as pins
from bot.domain.room_moves import QUESTION, Reason, State, question_key
from tests.conversation import MORNING, Conversation, notice, room_id, user_id

OLD, NEW = room_id("lab:bremen"), room_id("new")
LABEL = "Labor Bremen und Region"
MOVED = notice("coordination", f"Für »{LABEL}« gilt ab jetzt der neue Raum.")
KEPT = notice("coordination", f"Für »{LABEL}« bleibt es beim alten Raum.")


async def asked(netz: Conversation, key: str = "lab:bremen", old: str = OLD, *, where: str = "coordination") -> str:
    """Ask coordinators about a move; return the question's key."""
    async with netz.database.begin() as session:
        for each, pinned in netz.network_rooms.resolved().items():
            await rooms.pin(session, key=each, configured=pinned, room_id=pinned, now=MORNING)
        await room_moves.add(session, key=key, old=old, new=NEW, reason=Reason.UPGRADED, state=State.ASKED, now=MORNING)
        (move,) = await room_moves.into(session, NEW)
        question = question_key(move.id, where)
        await deliveries.add(session, key=question, room=where, content={"msgtype": "m.text", "body": "?"}, now=MORNING)
    assert [said.words for said in await netz.what_was_said()] == ["?"]
    return question


async def stands(netz: Conversation, key: str = "lab:bremen") -> tuple[str | None, Move]:
    """Return which room is pinned for a key, and what became of the move."""
    async with netz.database.begin() as session:
        pinned = await session.scalar(sa.select(pins.c.room_id).where(pins.c.key == key))
        (move,) = await room_moves.every(session)
        return pinned, move


async def test_yes(netz: Conversation) -> None:
    """The new room is pinned, and speaks the language that the old one spoke."""
    question = await asked(netz)
    async with netz.database.begin() as session:
        await rooms.set_language(session, OLD, "en")

    assert await netz.react("karla", "coordination", question, "✅") == [MOVED]

    pinned, move = await stands(netz)
    assert (pinned, move.state, move.decided_by) == (NEW, State.DONE, user_id("karla"))
    async with netz.database.begin() as session:
        assert await rooms.language_of(session, NEW) == "en"


async def test_no(netz: Conversation) -> None:
    question = await asked(netz)
    assert await netz.react("karla", "coordination", question, "❌") == [KEPT]
    pinned, move = await stands(netz)
    assert (pinned, move.state) == (OLD, State.DECLINED)


@pytest.mark.parametrize(
    ("first", "told"),
    [
        ("✅", f"Der neue Raum für »{LABEL}« gilt schon; das hat {user_id('karla')} entschieden."),
        ("❌", f"Für »{LABEL}« bleibt es beim alten Raum; das hat {user_id('karla')} entschieden."),
    ],
)
async def test_what_is_decided_stays(netz: Conversation, first: str, told: str) -> None:
    question = await asked(netz)
    await netz.react("karla", "coordination", question, first)
    before = await stands(netz)
    for symbol in ("✅", "❌"):
        assert await netz.react("konrad", "coordination", question, symbol) == [notice("coordination", told)]
    assert await stands(netz) == before


async def test_two_at_the_same_moment(netz: Conversation) -> None:
    """One decides; the other is told so."""
    question = await asked(netz)
    clicks = (netz.click("karla", "coordination", question, "✅"), netz.click("konrad", "coordination", question, "❌"))
    await asyncio.gather(*clicks)
    said = await netz.what_was_said()
    assert len([each for each in said if each in (MOVED, KEPT)]) == 1
    assert len(said) == 2


async def test_who_may(netz: Conversation) -> None:
    """Somebody who just left the coordination room does not decide any more, nor does a member of the lab."""
    question = await asked(netz)
    for person in ("anke", "nora", "xaver"):
        (refused,) = await netz.react(person, "coordination", question, "✅")
        assert refused.words == "Das darf nur, wer in »Koordination« ist."
    assert (await stands(netz))[0] == OLD


async def test_a_room_that_has_become_another_meanwhile(netz: Conversation) -> None:
    """The administrator has configured another room: the question is void."""
    question = await asked(netz)
    async with netz.database.begin() as session:
        await rooms.pin(session, key="lab:bremen", configured="!other:x", room_id="!other:x", now=MORNING)
    refused = notice("coordination", f"Das gilt nicht mehr: »{LABEL}« ist inzwischen ein anderer Raum.")
    assert await netz.react("karla", "coordination", question, "✅") == [refused]
    pinned, move = await stands(netz)
    assert (pinned, move.state) == ("!other:x", State.ASKED)


async def test_a_room_that_is_another_of_the_networks_meanwhile(netz: Conversation) -> None:
    """A room with two meanings would give one role the other's rights."""
    question = await asked(netz)
    async with netz.database.begin() as session:
        await rooms.pin(session, key="research", configured=NEW, room_id=NEW, now=MORNING)
    (refused,) = await netz.react("karla", "coordination", question, "✅")
    assert refused.words.startswith("Das gilt nicht mehr")
    assert (await stands(netz))[0] == OLD


async def test_asked_in_the_room_that_is_to_be_the_coordination_room(netz: Conversation) -> None:
    """Who is in there is nobody; who is in the old one decides, from there."""
    netz.network_rooms.set_asking([NEW])
    netz.members.rooms[NEW] = {user_id("xaver"), user_id("karla")}
    question = await asked(netz, "coordination", room_id("coordination"), where=NEW)

    (refused,) = await netz.react("xaver", "new", question, "✅")
    assert refused == notice("unknown", "Das darf nur, wer in »Koordination« ist.")
    assert (await stands(netz, "coordination"))[0] == room_id("coordination")
    (done,) = await netz.react("karla", "new", question, "✅")
    assert done == notice("unknown", "Für »Koordination« gilt ab jetzt der neue Raum.")
    assert (await stands(netz, "coordination"))[0] == NEW


async def test_a_room_that_asks_is_no_place_for_anything_else(netz: Conversation) -> None:
    """A preview that somebody could have got into it is not confirmed there; and commands there are those of strangers."""
    netz.network_rooms.set_asking([NEW])
    netz.members.rooms[NEW] = {user_id("xaver"), user_id("karla")}
    await netz.say("karla", "coordination", "!netz rundruf Hallo")
    assert await netz.react("karla", "new", "broadcast-preview:1", "✅") == []
    (refused,) = await netz.say("karla", "new", "!netz rundruf status")
    assert refused.words.startswith("Dieser Raum gehört nicht zum Netzwerk.")


@pytest.mark.parametrize("key", [QUESTION, f"{QUESTION}x:!r", f"{QUESTION}99:!r", f"{QUESTION}²:!r"])
async def test_a_key_that_is_no_question(netz: Conversation, key: str) -> None:
    async with netz.database.begin() as session:
        await deliveries.add(session, key=key, room="coordination", content={"msgtype": "m.text", "body": "?"}, now=MORNING)
    await netz.what_was_said()
    assert await netz.react("karla", "coordination", key, "✅") == [notice("coordination", "Diese Frage kenne ich nicht mehr.")]
