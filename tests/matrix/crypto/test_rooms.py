"""Once encrypted, always encrypted; and who is to read is who is joined now."""

import time
from typing import Any

import pytest

from bot.errors import ChatRefused, ChatUnavailable
from bot.matrix.client import GuardedClient
from bot.matrix.crypto.decryption import Undecryptable
from bot.matrix.crypto.encryption import Encryption
from bot.matrix.crypto.rooms import EncryptedRooms
from tests.matrix.crypto.conftest import People
from tests.matrix.crypto.exchange import MEGOLM, ROOM, Answer, Asked, Exchange, Line, Machine, away, encrypted

BOT, KARLA, WIEBKE = (f"@{name}:example.org" for name in ("bot", "karla", "wiebke"))
KIND = "m.room.encryption"
Json = dict[str, Any]


def encryption(content: object, *, state_key: object = "", at: object = 1000) -> Json:
    return {"type": KIND, "state_key": state_key, "content": content, "origin_server_ts": at}


def joined(user_id: str) -> Json:
    return {"type": "m.room.member", "state_key": user_id, "content": {"membership": "join"}}


def learn(bot: Machine, *events: Json) -> None:
    bot.learn(rooms={ROOM: {"timeline": {"events": list(events)}}})


async def sent(bot: Machine, kind: str = "m.room.message") -> str:
    """Return the type of the event as which something would reach the room."""
    return (await bot.says("Moin", kind=kind))["type"]


@pytest.mark.parametrize("later", [{}, {"algorithm": "m.none"}, {"algorithm": 5}, None, [], "x"])
async def test_nothing_turns_it_off(exchange: Exchange, bot: Machine, later: object) -> None:
    """No later event, no denial by the homeserver, no restart."""
    learn(bot, encryption({"algorithm": MEGOLM}))
    learn(bot, encryption(later))
    assert await sent(bot) == "m.room.encrypted"

    bot.restart()
    learn(bot, encryption(later))

    assert await sent(bot) == "m.room.encrypted"
    assert ROOM in bot.encryption.rooms.encrypted()
    assert exchange.state == {}


async def test_a_room_is_asked_about_before_each_message_in_clear(exchange: Exchange, bot: Machine) -> None:
    """Encryption may be switched on at any moment, and the sync that tells of it comes later."""
    assert await sent(bot) == "m.room.message"
    encrypted(exchange, BOT)

    assert await sent(bot) == "m.room.encrypted"

    exchange.state.clear()
    assert await sent(bot) == "m.room.encrypted"


@pytest.mark.parametrize(
    "answer",
    [
        (500, {"errcode": "M_UNKNOWN"}),
        (403, {"errcode": "M_FORBIDDEN"}),
        (404, {}),
        (404, {"errcode": "M_UNRECOGNIZED"}),
        (429, {"errcode": "M_LIMIT_EXCEEDED"}),
        (200, {}),
        (200, {"algorithm": None}),
        (200, {"errcode": "M_NOT_FOUND"}),
        None,
    ],
    ids=repr,
)
async def test_an_answer_that_says_nothing_lets_nothing_out(exchange: Exchange, bot: Machine, answer: Answer | None) -> None:
    """Nor is it remembered: a room in clear is one again as soon as the homeserver says so."""

    async def answers(_asked: Asked) -> Answer | None:
        return answer

    exchange.instead = away if answer is None else answers
    with pytest.raises(ChatUnavailable):
        await bot.says("Moin")
    exchange.instead = None

    assert await sent(bot) == "m.room.message"


@pytest.mark.parametrize("content", [{}, {"algorithm": "m.megolm.v2"}, {"algorithm": 5}, None, []])
async def test_an_encryption_that_nobody_knows_is_none_in_clear(bot: Machine, content: object) -> None:
    learn(bot, encryption(content))

    with pytest.raises(ChatRefused):
        await bot.says("Moin")


async def test_only_reactions_stay_as_they_are(exchange: Exchange, bot: Machine) -> None:
    encrypted(exchange, BOT)

    kinds = ("m.room.message", "m.reaction", "m.sticker", "m.room.topic", "org.example", "m.key.verification.ready")
    assert [await sent(bot, kind) for kind in kinds] == [
        "m.reaction" if kind == "m.reaction" else "m.room.encrypted" for kind in kinds
    ]


@pytest.mark.parametrize("state_key", [None, "x", 5])
async def test_only_the_rooms_own_event_counts(bot: Machine, state_key: object) -> None:
    """An ordinary event of that type, that anybody can send, mutes nobody."""
    learn(bot, {name: value for name, value in encryption({}, state_key=state_key).items() if value is not None})

    assert await sent(bot) == "m.room.message"


def test_what_came_in_clear_after_it_was_switched_on(bot: Machine) -> None:
    """By the homeserver's clock. What was said before is not held against anybody; a time that is none is no excuse."""
    learn(bot, encryption({"algorithm": MEGOLM}, at=1000))
    learn(bot, encryption({"algorithm": MEGOLM, "rotation_period_msgs": 5}, at=9000))

    at = bot.encryption.rooms.encrypted_at
    assert [at(ROOM, each) for each in (999, 1000, 5000, None, "5000")] == [False, True, True, True, True]


async def test_who_comes_while_we_ask_who_is_there_gets_the_key(exchange: Exchange, bot: Machine, person: People) -> None:
    """The homeserver answers with what was; the sync with the newcomer comes before its answer."""
    karla, wiebke = await person("karla"), await person("wiebke")
    encrypted(exchange, BOT, KARLA)
    await bot.encryption.rooms.settings(ROOM)

    async def late(asked: Asked) -> Answer | None:
        if "/members" not in asked.path:
            return None
        exchange.instead = None
        answer = await exchange.answer(asked)
        encrypted(exchange, BOT, KARLA, WIEBKE)
        learn(bot, joined(WIEBKE))
        return answer

    exchange.instead = late
    event = await bot.says("Moin")

    assert [await each.reads(event) for each in (karla, wiebke)] == ["Moin", "Moin"]


async def test_what_a_sync_left_out_may_be_somebody_who_came(exchange: Exchange, bot: Machine, person: People) -> None:
    karla, wiebke = await person("karla"), await person("wiebke")
    encrypted(exchange, BOT, KARLA)
    await bot.says("Moin")
    encrypted(exchange, BOT, KARLA, WIEBKE)
    bot.learn(rooms={ROOM: {"timeline": {"limited": True, "events": []}}})

    event = await bot.says("Tschüs")

    assert [await each.reads(event) for each in (karla, wiebke)] == ["Tschüs", "Tschüs"]


async def test_others_clients_get_time_to_learn_of_us(exchange: Exchange, bot: Machine) -> None:
    """When we come into a room, and when it is encrypted while we are in it."""
    encrypted(exchange, BOT)
    bot.encryption.rooms._settles = 50.0
    with pytest.raises(ChatUnavailable) as caught:
        await bot.says("Moin")
    assert 49 < (caught.value.retry_after or 0) <= 50
    bot.encryption.rooms._settled.clear()
    assert await sent(bot) == "m.room.encrypted"

    learn(bot, joined(BOT))
    with pytest.raises(ChatUnavailable):
        await bot.says("Moin")


JUNK: list[Any] = [None, 5, [], "x", {}, {"timeline": 5}, {"state": []}, {"timeline": {"events": [5, None, "x", [], {}]}}]


@pytest.mark.parametrize("junk", JUNK, ids=repr)
async def test_a_sync_may_say_anything_of_a_room(bot: Machine, junk: Any) -> None:
    bot.learn(rooms={ROOM: junk})
    learn(bot, {"type": 5}, {"type": "m.room.member", "state_key": [], "content": 5}, {"type": KIND, "state_key": {}, "content": 5})

    assert await sent(bot) == "m.room.message"


def nobody_asks(_kind: str, _reason: BaseException | str, _sender: str) -> None:
    """Nothing is dropped here."""


async def test_without_a_store_nothing_can_be_sent(exchange: Exchange, tmp_path: Any) -> None:
    """nio's client would send in clear then. Our sender cannot be made without what encrypts, nor that without a store."""
    client = GuardedClient("http://127.0.0.1:9", BOT, "BOT", tmp_path)
    try:
        assert client.olm is None
        with pytest.raises(AttributeError):
            Encryption(client, client.olm, client.store, nobody_asks, kinds=None)
        with pytest.raises(AttributeError):
            EncryptedRooms(None, client, BOT, 0)
    finally:
        await client.close()
    assert exchange.asked == []


async def test_who_was_thrown_out_while_no_sync_came_gets_nothing(
    exchange: Exchange, bot: Machine, person: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the homeserver's syncs fail, nothing tells us who has left: then it is asked."""
    karla = await person("karla")
    encrypted(exchange, bot.user_id, karla.user_id)
    await bot.says("Moin")
    exchange.joined[ROOM].remove(karla.user_id)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)

    event = await bot.says("Unter uns")

    await karla.sync()
    with pytest.raises(Undecryptable):
        await karla.reads(event)


@pytest.mark.parametrize("chunk", [None, {}, "x", 5])
async def test_members_that_are_no_list_are_no_empty_room(exchange: Exchange, bot: Machine, chunk: object) -> None:
    """Encrypted for nobody, it would be lost without a word."""
    encrypted(exchange, bot.user_id)

    async def odd(asked: Asked) -> Answer | None:
        return (200, {"chunk": chunk}) if "/members" in asked.path else None

    exchange.instead = odd
    with pytest.raises(ChatUnavailable):
        await bot.says("Moin")


async def test_only_who_is_joined_gets_the_key(exchange: Exchange, bot: Machine, person: People) -> None:
    """Not every homeserver looks at what it was asked for."""
    karla = await person("karla")
    encrypted(exchange, bot.user_id, karla.user_id)

    async def everybody(asked: Asked) -> Answer | None:
        left = {"type": "m.room.member", "state_key": karla.user_id, "content": {"membership": "leave"}}
        return (200, {"chunk": [left]}) if "/members" in asked.path else None

    exchange.instead = everybody
    event = await bot.says("Unter uns")

    await karla.sync()
    with pytest.raises(Undecryptable):
        await karla.reads(event)


def test_people_who_come_and_go_do_not_keep_us_silent(exchange: Exchange, bot: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever joins has time to learn of our device; whoever joins all the time has not all of it."""
    rooms = EncryptedRooms(bot.database, Line(exchange, ("@bot:example.org", "BOT")), bot.user_id, settles=3.0)
    now = time.monotonic()
    waited = 0
    for second in range(120):
        monkeypatch.setattr(time, "monotonic", lambda second=second: now + second)
        waited += rooms.settles_in(ROOM) > 0
        joins = {"type": "m.room.member", "state_key": f"@{second}:x", "content": {"membership": "join"}}
        rooms.learn(ROOM, joins, just_now=True)

    assert 10 < waited < 50
