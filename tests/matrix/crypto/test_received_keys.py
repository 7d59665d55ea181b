"""Whose key it is that came, and that it stays theirs."""

from typing import Any

import pytest

from bot.matrix.crypto.decryption import MEGOLM, Undecryptable
from tests.matrix.crypto.conftest import People
from tests.matrix.crypto.exchange import ROOM, Exchange, Machine, encrypted


def began(machine: Machine) -> tuple[Any, dict[str, Any]]:
    """Let a device begin a key for the room; return it, and what is sent of it to those who are to have it."""
    key = machine.encryption._room_keys._new_key(ROOM, {})
    machine.encryption._room_keys._keys[ROOM] = key
    sent = {"algorithm": MEGOLM, "room_id": ROOM, "session_id": key.session.id, "session_key": key.session.session_key}
    return key, sent


async def send_on(machine: Machine, bot: Machine, content: dict[str, Any]) -> None:
    """Send somebody's key to the bot as one's own."""
    keys = machine.encryption._room_keys
    await machine.encryption.devices.refresh([bot.user_id])
    devices = machine.encryption.devices.devices(bot.user_id)
    await keys._claim(devices)
    await keys._send_to(devices, "m.room_key", content)


@pytest.mark.parametrize("first", ["mallory", "karla"])
async def test_nobody_takes_anothers_key_over(exchange: Exchange, bot: Machine, person: People, first: str) -> None:
    """Everybody in the room has it, and can send it on. Its owner is heard all the same, also after a restart."""
    karla, mallory = await person("karla"), await person("mallory")
    encrypted(exchange, bot.user_id, karla.user_id, mallory.user_id)
    _key, content = began(karla)
    event = await karla.says("Moin") if first == "karla" else None
    await send_on(mallory, bot, content)
    event = event or await karla.says("Moin")
    await bot.sync()
    assert await bot.reads(event) == "Moin"

    bot.restart()

    assert await bot.reads(event) == "Moin"
    assert await bot.reads(await karla.says("Noch einmal")) == "Noch einmal"


async def test_a_later_copy_of_a_key_replaces_no_earlier_one(exchange: Exchange, bot: Machine, person: People) -> None:
    """It opens less. Sent again after a broken session, it must not close what came before, which may still be to be read."""
    karla = await person("karla")
    encrypted(exchange, bot.user_id, karla.user_id)
    event = await karla.says("Moin")
    await bot.sync()
    session = karla.encryption._room_keys._keys[ROOM].session
    again = {"algorithm": MEGOLM, "room_id": ROOM, "session_id": session.id, "session_key": session.session_key}
    await send_on(karla, bot, again)
    await bot.sync()

    for _ in range(2):
        assert await bot.reads(event) == "Moin"
        bot.restart()


async def test_a_device_that_was_signed_out_makes_no_more_keys(exchange: Exchange, bot: Machine, person: People) -> None:
    """Whoever stole it has its keys still, and with a homeserver's help could speak for ever. What it said before stays readable."""
    karla = await person("karla")
    encrypted(exchange, bot.user_id, karla.user_id)
    before = await karla.says("Moin")
    assert await bot.reads(before) == "Moin"
    exchange.delete_device(karla.user_id, karla.device_id)
    await bot.sync(changed=(karla.user_id,))

    _key, content = began(karla)
    await send_on(karla, bot, content)
    event = await karla.says("Rundruf")
    await bot.sync()

    assert await bot.reads(before) == "Moin"
    with pytest.raises(Undecryptable):
        await bot.reads(event)
    assert ("room_key", "device_gone", karla.user_id) in bot.dropped


async def test_keys_of_strangers_are_bounded(
    exchange: Exchange, bot: Machine, person: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is kept on disk and in memory. Those of people whom we know, for rooms that we know, are taken all the same."""
    monkeypatch.setattr("bot.matrix.crypto.received_keys._MOST_OF_STRANGERS", 3)
    stranger, karla = await person("stranger"), await person("karla")
    encrypted(exchange, bot.user_id, karla.user_id)
    await bot.says("Moin")
    for number in range(5):
        _key, content = began(stranger)
        await send_on(stranger, bot, {**content, "room_id": f"!{number}:example.org"})
    await bot.sync()

    kept = sum(1 for session in bot.olm.inbound_group_store if session.room_id != ROOM)
    assert (kept, bot.dropped.count(("room_key", "too_many", stranger.user_id))) == (3, 2)
    event = await karla.says("Moin")
    bot.learn(rooms={"join": {ROOM: {"state": {"events": [
        {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": MEGOLM}, "origin_server_ts": 1}
    ]}}}})  # fmt: skip
    assert await bot.reads(event) == "Moin"
