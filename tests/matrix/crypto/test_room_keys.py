"""Whoever is in the room can read what the bot says, whatever befalls the sharing of its key; and nobody else can."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from vodozemac import Account, Curve25519SecretKey

from bot.errors import ChatUnavailable
from bot.matrix.crypto.decryption import Undecryptable
from bot.matrix.crypto.signing import unpadded
from tests.matrix.crypto.conftest import People
from tests.matrix.crypto.exchange import KIND, OTHER_ROOM, ROOM, Answer, Asked, Exchange, Machine, away, encrypted, sign_devices

OLM = "m.olm.v1.curve25519-aes-sha2"
BOT, KARLA, WIEBKE, MALLORY = (f"@{name}:example.org" for name in ("bot", "karla", "wiebke", "mallory"))


@asynccontextmanager
async def held_back(exchange: Exchange, path: str, *, after: bool = False) -> AsyncGenerator[asyncio.Event]:
    """Let requests under a path wait, the homeserver having done what they want (`after`) or not; give what is set once one waits."""
    waits, goes_on = asyncio.Event(), asyncio.Event()

    async def instead(asked: Asked) -> Answer | None:
        if not asked.path.startswith(path):
            return None
        if after:
            exchange.instead = None
            await exchange.answer(asked)
            exchange.instead = instead
        waits.set()
        await goes_on.wait()
        return None

    exchange.instead = instead
    try:
        yield waits
    finally:
        exchange.instead = None
        goes_on.set()


async def unreadable(machine: Machine, event: dict[str, object]) -> bool:
    """Whether somebody cannot read an event, for lack of its key."""
    try:
        await machine.reads(event)
    except Undecryptable:
        return True
    return False


def withheld(exchange: Exchange, machine: Machine) -> list[str]:
    """Return the codes with which a device was told that it gets no key."""
    sent = exchange.paths("/sendToDevice/m.room_key.withheld")
    messages = (each.body["messages"].get(machine.user_id, {}).get(machine.device_id) for each in sent)
    return [message["code"] for message in messages if message is not None]


async def test_everybody_reads_and_the_key_is_sent_once(exchange: Exchange, bot: Machine, person: People) -> None:
    karla, phone, wiebke = await person("karla"), await person("karla", "LAPTOP"), await person("wiebke")
    encrypted(exchange, BOT, KARLA, WIEBKE)

    for words in ("Moin", "Tschüs"):
        event = await bot.says(words)
        assert [await each.reads(event) for each in (karla, phone, wiebke)] == [words] * 3

    assert len(exchange.paths("/sendToDevice/", bot.line)) == 1


@pytest.mark.parametrize(
    ("path", "after"), [("/keys/claim", False), ("/keys/claim", True), ("/sendToDevice/", False), ("/sendToDevice/", True)]
)
async def test_a_sending_that_was_cut_off_does_not_block_the_room(
    exchange: Exchange, bot: Machine, person: People, path: str, *, after: bool
) -> None:
    """In the middle of a claim, or of the handing out, before or after the homeserver did it: nio would hang at the next for ever."""
    karla, wiebke = await person("karla"), await person("wiebke")
    encrypted(exchange, BOT, KARLA, WIEBKE)
    async with held_back(exchange, path, after=after) as waits:
        sending = asyncio.create_task(bot.says("Moin"))
        await waits.wait()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

    event = await asyncio.wait_for(bot.says("Moin"), 5)

    assert [await each.reads(event) for each in (karla, wiebke)] == ["Moin", "Moin"]


@pytest.mark.parametrize("path", ["/keys/query", "/keys/claim", "/sendToDevice/", "/rooms/"])
async def test_what_the_homeserver_does_not_take_is_not_said(exchange: Exchange, bot: Machine, person: People, path: str) -> None:
    """An event whose key could not be handed out could be read by nobody: better said later."""
    karla = await person("karla")
    encrypted(exchange, BOT, KARLA)

    async def broken(asked: Asked) -> Answer | None:
        return (500, {"errcode": "M_UNKNOWN"}) if asked.path.startswith(path) else None

    exchange.instead = broken
    with pytest.raises(ChatUnavailable):
        await bot.says("Moin")
    exchange.instead = away
    with pytest.raises(ChatUnavailable):
        await bot.says("Moin")
    exchange.instead = None

    assert await karla.reads(await bot.says("Moin")) == "Moin"


@pytest.mark.parametrize("bad", ["none", "unsigned", "signed by another", "junk"])
async def test_a_device_without_a_good_one_time_key_keeps_nobody_else_from_reading(
    exchange: Exchange, bot: Machine, person: People, bad: str
) -> None:
    """It is told once that it gets no key; the others read."""
    karla, mallory, wiebke = await person("karla"), await person("mallory"), await person("wiebke")
    exchange.fallback_keys.pop(mallory.device)
    theirs = exchange.one_time_keys[mallory.device]
    if bad == "none":
        theirs.clear()
    elif bad == "unsigned":
        theirs |= {name: {"key": key["key"]} for name, key in theirs.items()}
    elif bad == "signed by another":
        theirs |= dict(zip(theirs, exchange.one_time_keys[karla.device].values(), strict=False))
    else:
        junk = {"key": "A" * 7}
        signature = mallory.olm.sign_json(junk)
        theirs |= {name: {**junk, "signatures": {MALLORY: {"ed25519:PHONE": signature}}} for name in theirs}
    encrypted(exchange, BOT, KARLA, MALLORY, WIEBKE)

    events = [await bot.says("Moin"), await bot.says("Tschüs")]

    for each in (karla, wiebke):
        assert [await each.reads(event) for event in events] == ["Moin", "Tschüs"]
    assert withheld(exchange, mallory) == ["m.no_olm"]
    assert len(exchange.paths("/keys/claim")) == 1


@pytest.mark.parametrize("poser", ["mallory", "zoe"])
@pytest.mark.parametrize("first", ["alone", "together"])
async def test_whoever_poses_with_anothers_key_takes_nothing_from_them(
    exchange: Exchange, bot: Machine, person: People, poser: str, first: str
) -> None:
    """Somebody's device says that Wiebke's Curve25519 key is its own. A session begun for it is none that Wiebke could read by."""
    wiebke, posing = await person("wiebke"), await person(poser)
    exchange.device_keys[posing.user_id]["PHONE"] = posing_as(wiebke, posing, exchange.device_keys[posing.user_id]["PHONE"])
    encrypted(exchange, BOT, posing.user_id, *([] if first == "alone" else [WIEBKE]))
    await bot.says("Moin")
    encrypted(exchange, BOT, posing.user_id, WIEBKE)
    bot.encryption.rooms.forget_readers(ROOM)

    assert await wiebke.reads(await bot.says("Tschüs")) == "Tschüs"
    bot.restart()
    assert await wiebke.reads(await bot.says("Guten Morgen")) == "Guten Morgen"


def posing_as(victim: Machine, poser: Machine, keys: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of a device, well signed, with somebody else's Curve25519 key in them."""
    theirs = victim.olm.account.identity_keys["curve25519"]
    posing = {**keys, "keys": {**keys["keys"], f"curve25519:{poser.device_id}": theirs}}
    del posing["signatures"]
    return {**posing, "signatures": {poser.user_id: {f"ed25519:{poser.device_id}": poser.olm.sign_json(posing)}}}


async def test_a_new_key_when_somebody_leaves(exchange: Exchange, bot: Machine, person: People) -> None:
    karla, wiebke = await person("karla"), await person("wiebke")
    encrypted(exchange, BOT, KARLA, WIEBKE)
    first = await bot.says("zu dritt")
    encrypted(exchange, BOT, KARLA)
    bot.learn(
        rooms={ROOM: {"timeline": {"events": [{"type": "m.room.member", "state_key": WIEBKE, "content": {"membership": "leave"}}]}}}
    )

    second = await bot.says("zu zweit")

    assert first["content"]["session_id"] != second["content"]["session_id"]
    assert await karla.reads(second) == "zu zweit"
    assert await unreadable(wiebke, second)


async def test_a_new_key_when_a_device_disappears(exchange: Exchange, bot: Machine, person: People) -> None:
    """A lost phone, logged out by its owner, reads no more."""
    karla, lost = await person("karla"), await person("karla", "LOST")
    encrypted(exchange, BOT, KARLA)
    first = await bot.says("Moin")
    del exchange.device_keys[KARLA]["LOST"]
    await bot.sync(changed=(KARLA,))

    second = await bot.says("Tschüs")

    assert first["content"]["session_id"] != second["content"]["session_id"]
    assert await karla.reads(second) == "Tschüs"
    assert await unreadable(lost, second)


async def test_a_new_key_after_as_many_messages_as_the_room_wants(exchange: Exchange, bot: Machine, person: People) -> None:
    karla = await person("karla")
    encrypted(exchange, BOT, KARLA, rotation_period_msgs=3)

    events = [await bot.says(str(number)) for number in range(7)]

    sessions = [event["content"]["session_id"] for event in events]
    assert [sessions.index(each) for each in sessions] == [0, 0, 0, 3, 3, 3, 6]
    assert [await karla.reads(event) for event in events] == [str(number) for number in range(7)]


@pytest.mark.parametrize("wrong", [0, -5, 2**53, "100", None, True, 1.5, []])
async def test_no_room_sets_a_period_that_harms(exchange: Exchange, bot: Machine, person: People, wrong: object) -> None:
    """Neither a new key for each message of a burst by junk, nor one key for ever."""
    karla = await person("karla")
    encrypted(exchange, BOT, KARLA, rotation_period_msgs=wrong, rotation_period_ms=wrong)

    assert await karla.reads(await bot.says("Moin")) == "Moin"
    assert len({(await bot.says("Moin"))["content"]["session_id"] for _ in range(101)}) > 1


async def test_a_new_device_gets_the_key_there_is(exchange: Exchange, bot: Machine, person: People) -> None:
    """From where it stands: what was said before stays unread."""
    karla = await person("karla")
    encrypted(exchange, BOT, KARLA)
    before = await bot.says("Moin")
    laptop = await person("karla", "LAPTOP")
    await bot.sync(changed=(KARLA,))

    after = await bot.says("Tschüs")

    assert before["content"]["session_id"] == after["content"]["session_id"]
    assert [await each.reads(after) for each in (karla, laptop)] == ["Tschüs", "Tschüs"]
    with pytest.raises(Exception, match="index"):
        await laptop.reads(before)


async def test_only_signed_devices_get_keys_where_that_is_wanted(exchange: Exchange, bot: Machine, person: People) -> None:
    """The others are told once for each key, and read as soon as they are signed."""
    bot.only_signed = True
    bot.restart()
    karla, wiebke = await person("karla"), await person("wiebke")
    sign_devices(exchange, KARLA, "PHONE")
    encrypted(exchange, BOT, KARLA, WIEBKE)

    events = [await bot.says("Moin"), await bot.says("Tschüs")]

    assert [await karla.reads(event) for event in events] == ["Moin", "Tschüs"]
    assert await unreadable(wiebke, events[0])
    assert (withheld(exchange, karla), withheld(exchange, wiebke)) == ([], ["m.unverified"])
    sign_devices(exchange, WIEBKE, "PHONE")
    await bot.sync(changed=(WIEBKE,))
    assert await wiebke.reads(await bot.says("Guten Morgen")) == "Guten Morgen"


@pytest.mark.parametrize("path", ["/keys/claim", "/keys/query", "/sendToDevice/"])
async def test_one_room_that_waits_lets_the_others_go_on(exchange: Exchange, bot: Machine, person: People, path: str) -> None:
    """A homeserver of somebody in one room may take a minute to answer; the other rooms do not wait for it."""
    karla = await person("karla")
    await person("wiebke")
    encrypted(exchange, BOT, KARLA, room_id=OTHER_ROOM)
    encrypted(exchange, BOT, WIEBKE)
    await bot.says("Moin", OTHER_ROOM)
    async with held_back(exchange, path) as waits:
        sending = asyncio.create_task(bot.says("Moin"))
        await waits.wait()
        event = await asyncio.wait_for(bot.says("Tschüs", OTHER_ROOM), 5)
    await sending

    assert await karla.reads(event, OTHER_ROOM) == "Tschüs"


def stray_message() -> tuple[int, bytes]:
    """Return an Olm message of a session that nobody here has, not its first."""
    ours, theirs = Account(), Account()
    theirs.generate_one_time_keys(1)
    (once,) = theirs.one_time_keys.values()
    first = ours.create_outbound_session(theirs.curve25519_key, once).encrypt(b"{}").to_pre_key()
    assert first is not None
    return theirs.create_inbound_session(ours.curve25519_key, first)[0].encrypt(b"{}").to_parts()


def broken_message(sender: Machine, receiver: Machine, which: str) -> dict[str, Any]:
    """Return what cannot be decrypted if one of two stores was rolled back: the first message of a session, or a later one."""
    own, theirs = (machine.olm.account.identity_keys["curve25519"] for machine in (sender, receiver))
    gone = Curve25519SecretKey().public_key().to_base64()
    first = sender.olm.account.create_outbound_session(theirs, gone).encrypt(b"{}").to_parts()
    kind, body = first if which == "first" else stray_message()
    ciphertext = {theirs: {"type": kind, "body": unpadded(body)}}
    content = {"algorithm": OLM, "sender_key": own, "ciphertext": ciphertext}
    return {"type": "m.room.encrypted", "sender": sender.user_id, "content": content}


def hours_later(machine: Machine) -> None:
    """Let the Olm sessions that there are be old: younger ones are not begun anew."""
    for session in machine.olm.session_store:
        session.creation_time -= timedelta(hours=2)


@pytest.mark.parametrize("which", ["first", "next"])
async def test_an_olm_session_that_broke_is_begun_anew(exchange: Exchange, bot: Machine, person: People, which: str) -> None:
    """What Karla's device sends cannot be decrypted any more. The bot begins a new session, in which its keys reach her again."""
    karla = await person("karla")
    encrypted(exchange, BOT, KARLA)
    assert await karla.reads(await bot.says("Moin")) == "Moin"
    hours_later(bot)
    exchange.inboxes[bot.device].append(broken_message(karla, bot, which))
    await bot.sync()

    assert len(exchange.paths("/keys/claim", bot.line)) == 2
    assert await karla.reads(await bot.says("Tschüs")) == "Tschüs"
    assert await bot.reads(await karla.says("Tschüs")) == "Tschüs"


@pytest.mark.parametrize("which", ["first", "next"])
async def test_whoever_could_not_read_the_key_gets_it_again(exchange: Exchange, bot: Machine, person: People, which: str) -> None:
    """The key went out in an Olm session that Karla's device had lost. It says so by an empty message in a new one."""
    karla, _ = await person("karla"), await person("wiebke")
    encrypted(exchange, BOT, KARLA, WIEBKE)
    first = await bot.says("Moin")
    exchange.inboxes[karla.device] = [broken_message(bot, karla, which)]
    await karla.encryption.devices.refresh([BOT])
    await karla.sync()
    await bot.sync()

    second = await bot.says("Tschüs")

    assert first["content"]["session_id"] == second["content"]["session_id"]
    assert await karla.reads(second) == "Tschüs"
    assert set(exchange.paths("/sendToDevice/", bot.line)[-1].body["messages"]) == {KARLA}


async def test_sessions_begun_without_end_are_let_go(exchange: Exchange, bot: Machine, person: People) -> None:
    """The fallback key serves as often as one likes; each message would be tried with each session, longer and longer, for ever."""
    karla = await person("karla")
    encrypted(exchange, BOT, KARLA)
    own, theirs = (machine.olm.account.identity_keys["curve25519"] for machine in (karla, bot))
    (fallback,) = exchange.fallback_keys[bot.device].values()
    for _ in range(100):
        kind, body = karla.olm.account.create_outbound_session(theirs, fallback["key"]).encrypt(b"{}").to_parts()
        content = {"algorithm": OLM, "sender_key": own, "ciphertext": {theirs: {"type": kind, "body": unpadded(body)}}}
        exchange.inboxes[bot.device].append({"type": "m.room.encrypted", "sender": "@stella:example.org", "content": content})
    await bot.sync()
    assert len(bot.olm.session_store[own]) <= 20
    bot.restart()
    assert len(bot.olm.session_store[own]) <= 20

    assert await bot.reads(await karla.says("Moin")) == "Moin"
    assert await karla.reads(await bot.says("Moin")) == "Moin"


async def test_the_homeservers_claim_may_be_junk(exchange: Exchange, bot: Machine, person: People) -> None:
    """A homeserver far away answers for its users, and may answer anything."""
    karla = await person("karla")
    encrypted(exchange, BOT, KARLA)
    for junk in (None, [], 5, {KARLA: 5}, {KARLA: {"PHONE": []}}, {KARLA: {"PHONE": {f"{KIND}:A": 5}}}, {KARLA: {"PHONE": {}}}):
        bot.encryption._room_keys._keyless_until.clear()

        async def answers(asked: Asked, junk: object = junk) -> Answer | None:
            return (200, {"one_time_keys": junk}) if asked.path.startswith("/keys/claim") else None

        exchange.instead = answers
        await bot.says("Moin")
    exchange.instead = None
    bot.encryption._room_keys._keyless_until.clear()

    assert await karla.reads(await bot.says("Tschüs")) == "Tschüs"
