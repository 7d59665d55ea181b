"""Commands that the bot gets to much too late: not carried out, and the room is told so once for each absence."""

import asyncio
from datetime import datetime, timedelta

import pytest

from bot.clock import SystemClock
from bot.command import Message
from bot.db.engine import Database
from bot.rendering.durations import format_duration
from tests.conversation import Conversation, notice, room_id, user_id

PEOPLE = {"coordination": ["karla"], "network": ["karla", "lena"], "lab:bremen": ["lena"], "lab:wuerzburg": ["malte"]}
AWAY = (
    "Ich war eine Weile nicht zu erreichen. Was mir vor mehr als 1 Tag gesagt wurde, führe ich nicht mehr aus. Wird etwas davon noch"
    " gebraucht, schickt es mir bitte noch einmal."
)


def ago(**age: float) -> datetime:
    """Return the homeserver's time so long ago; what the bot's clock shows is something else."""
    return SystemClock().now() - timedelta(**age)


@pytest.fixture
async def netz(database: Database) -> Conversation:
    return await Conversation.begin(database, PEOPLE)


async def test_several_in_a_room_give_one_line_and_no_effect(netz: Conversation) -> None:
    said = await netz.say("lena", "lab:bremen", "!netz bericht abgegeben labor-1", sent_at=ago(days=3))
    assert said == [notice("lab:bremen", AWAY)]
    assert netz.written[0].content["m.mentions"] == {}
    assert "m.relates_to" not in netz.written[0].content
    assert await netz.say("lena", "lab:bremen", "!netz hilfe", sent_at=ago(days=2)) == []
    assert await netz.say("lena", "lab:bremen", "!netz gibtsnicht", sent_at=ago(hours=25)) == []
    (status,) = await netz.say("lena", "lab:bremen", "!netz bericht labor-1", sent_at=ago(hours=23))
    assert "✅" not in status.words


async def test_each_room_is_told(netz: Conversation) -> None:
    await netz.hear("lena", "lab:bremen", "!netz hilfe", sent_at=ago(days=3))
    await netz.hear("malte", "lab:wuerzburg", "!netz hilfe", sent_at=ago(days=3))
    await netz.hear("lena", "direct", "hilfe", sent_at=ago(days=3))
    assert await netz.what_was_said() == [notice(room, AWAY) for room in ("lab:bremen", "lab:wuerzburg", "direct")]


async def test_what_is_not_for_the_bot_is_not_answered(netz: Conversation) -> None:
    for place in ("lab:bremen", "unknown"):
        assert await netz.say("lena", place, "bericht abgegeben labor-1", sent_at=ago(days=3)) == []


async def test_the_next_absence_is_said_again(netz: Conversation) -> None:
    """What was sent after the line was said has come during another absence; what was sent before it, during the same one."""
    assert len(await netz.say("lena", "lab:bremen", "!netz hilfe", sent_at=ago(days=3))) == 1
    netz.clock.shown += timedelta(days=4)
    assert await netz.say("lena", "lab:bremen", "!netz hilfe", sent_at=ago(days=5)) == []
    assert await netz.say("lena", "lab:bremen", "!netz hilfe", sent_at=ago(days=3)) == [notice("lab:bremen", AWAY)]
    assert await netz.say("lena", "lab:bremen", "!netz hilfe", sent_at=ago(days=2)) == []


@pytest.mark.parametrize("sent_at", [None, ago(days=-3), ago(hours=23)], ids=["not said", "in the future", "in time"])
async def test_without_a_time_or_with_one_to_come_it_is_fresh(netz: Conversation, sent_at: datetime | None) -> None:
    said = await netz.say("lena", "lab:bremen", "!netz hilfe sprache", sent_at=sent_at)
    assert said[0].words.startswith("!netz sprache")


async def test_three_devices_say_it_once(netz: Conversation) -> None:
    """Each handles another message of the room at the same moment."""
    room, lena = room_id("lab:bremen"), user_id("lena")
    old = [Message(f"$old{n % 3}", room, lena, "!netz hilfe", sent_at=ago(days=2)) for n in range(9)]
    await asyncio.gather(*map(netz.dispatcher.handle, old))
    assert await netz.what_was_said() == [notice("lab:bremen", AWAY)]


async def test_what_another_device_has_done_in_time_is_no_reason_to_speak(netz: Conversation) -> None:
    """A device that was away for long sees again what the others have answered."""
    await netz.say("lena", "lab:bremen", "!netz hilfe")
    late = Message(netz.last_event, room_id("lab:bremen"), user_id("lena"), "!netz hilfe", sent_at=ago(days=2))
    await netz.dispatcher.handle(late)
    assert await netz.what_was_said() == []


async def test_a_room_is_told_in_its_language(netz: Conversation) -> None:
    await netz.say("lena", "lab:bremen", "!netz sprache en")
    (told,) = await netz.say("lena", "lab:bremen", "!netz hilfe", sent_at=ago(days=3))
    assert "1 day" in told.words


async def test_a_flawed_one_is_no_more_than_stale(netz: Conversation) -> None:
    """Three days of messages in clear do not make as many answers."""
    for _ in range(2):
        await netz.hear("lena", "lab:bremen", "!netz hilfe", sent_at=ago(days=3), flaw="plaintext")
    assert await netz.what_was_said() == [notice("lab:bremen", AWAY)]


@pytest.mark.parametrize(
    ("length", "german", "english"),
    [
        (timedelta(days=1), "1 Tag", "1 day"),
        (timedelta(hours=36), "36 Stunden", "36 hours"),
        (timedelta(minutes=90), "90 Minuten", "90 minutes"),
        (timedelta(seconds=2), "2 Sekunden", "2 seconds"),
    ],
)
def test_lengths_of_time(length: timedelta, german: str, english: str) -> None:
    assert (format_duration(length, "de"), format_duration(length, "en")) == (german, english)
