"""The devices that the bot knows are those that there are: whatever changes meanwhile, and whatever else is in the answer."""

import asyncio
import copy
from pathlib import Path
from typing import Any

import pytest

from bot.errors import ChatUnavailable
from tests.matrix.crypto.conftest import People
from tests.matrix.crypto.exchange import Answer, Asked, Exchange, Machine, away, encrypted, sign_devices

BOT, KARLA, WIEBKE = (f"@{name}:example.org" for name in ("bot", "karla", "wiebke"))
Json = dict[str, Any]


def known(bot: Machine, user_id: str) -> set[str]:
    return {device.device_id for device in bot.encryption.devices.devices(user_id)}


async def test_a_list_is_asked_for_once(exchange: Exchange, bot: Machine, person: People) -> None:
    """And for those who are asked for together, together."""
    await person("karla")
    await person("karla", "LAPTOP")
    await person("wiebke")
    before = len(exchange.paths("/keys/query", bot.line))

    for _ in range(2):
        await bot.encryption.devices.refresh([KARLA, WIEBKE])

    assert (known(bot, KARLA), known(bot, WIEBKE)) == ({"PHONE", "LAPTOP"}, {"PHONE"})
    assert len(exchange.paths("/keys/query", bot.line)) == before + 1


async def test_who_changes_while_being_asked_about_is_asked_about_again(exchange: Exchange, bot: Machine, person: People) -> None:
    """The answer may be older than the change, and nobody will tell of it a second time."""
    await person("karla")
    waits, goes_on = asyncio.Event(), asyncio.Event()

    async def late(asked: Asked) -> Answer | None:
        exchange.instead = None
        answer = await exchange.answer(asked)
        waits.set()
        await goes_on.wait()
        return answer

    exchange.instead = late
    asking = asyncio.create_task(bot.encryption.devices.refresh([KARLA]))
    await waits.wait()
    await person("karla", "LAPTOP")
    bot.learn(changed=(KARLA,))
    goes_on.set()
    await asking

    assert (known(bot, KARLA), bot.encryption.devices.is_current(KARLA)) == ({"PHONE"}, False)
    await bot.encryption.chores()
    assert (known(bot, KARLA), bot.encryption.devices.is_current(KARLA)) == ({"PHONE", "LAPTOP"}, True)


async def test_who_leaves_while_being_asked_about_is_tracked_no_longer(exchange: Exchange, bot: Machine, person: People) -> None:
    await person("karla")

    async def meanwhile(asked: Asked) -> Answer | None:
        exchange.instead = None
        bot.learn(left=(KARLA,))
        return await exchange.answer(asked)

    exchange.instead = meanwhile
    await bot.encryption.devices.refresh([KARLA])

    assert not bot.encryption.devices.is_current(KARLA)
    assert bot.encryption.devices.outdated() == set()


async def test_a_change_outlives_a_crash(bot: Machine, person: People) -> None:
    """It is written with the sync that told of it."""
    await person("karla")
    await bot.encryption.devices.refresh([KARLA])
    await person("karla", "LAPTOP")
    bot.learn(changed=(KARLA,))

    bot.restart()

    assert bot.encryption.devices.outdated() == {KARLA}
    await bot.encryption.chores()
    bot.restart()
    assert (known(bot, KARLA), bot.encryption.devices.outdated()) == ({"PHONE", "LAPTOP"}, set())


@pytest.mark.parametrize("status", [500, 429, 200, None])
async def test_an_answer_that_does_not_come_leaves_the_list_out_of_date(
    exchange: Exchange, bot: Machine, person: People, status: int | None
) -> None:
    """What was known stays known."""
    await person("karla")
    await bot.encryption.devices.refresh([KARLA])
    bot.learn(changed=(KARLA,))

    async def broken(_asked: Asked) -> Answer | None:
        if status == 200:
            raise ChatUnavailable("no JSON")
        return (status or 500), {"errcode": "M_LIMIT_EXCEEDED" if status == 429 else "M_UNKNOWN"}

    exchange.instead = broken if status else away
    with pytest.raises(ChatUnavailable):
        await bot.encryption.devices.refresh([KARLA])

    assert (known(bot, KARLA), bot.encryption.devices.outdated()) == ({"PHONE"}, {KARLA})


async def test_a_homeserver_that_is_away_keeps_nobody_elses_list(exchange: Exchange, bot: Machine, person: People) -> None:
    """Its own users are asked for again after a while, not with every message; what was known of them holds until then."""
    far = Machine(exchange, bot._folder.parent / "far", "@far:far.example", "FAR")
    await far.sync()
    await bot.encryption.devices.refresh([far.user_id])
    await person("wiebke")
    exchange.failures.append("far.example")
    bot.learn(changed=(far.user_id,))

    await bot.encryption.devices.refresh([far.user_id, WIEBKE])
    before = len(exchange.paths("/keys/query", bot.line))
    await bot.encryption.devices.refresh([far.user_id, WIEBKE])

    assert (known(bot, far.user_id), known(bot, WIEBKE)) == ({"FAR"}, {"PHONE"})
    assert (bot.encryption.devices.is_current(far.user_id), bot.encryption.devices.is_current(WIEBKE)) == (False, True)
    assert len(exchange.paths("/keys/query", bot.line)) == before
    exchange.failures.clear()
    bot.encryption.devices._silent_until[far.user_id] = 0.0
    await bot.encryption.devices.refresh([far.user_id])
    assert bot.encryption.devices.is_current(far.user_id)


async def test_who_leaves_and_comes_back_is_asked_about_again(exchange: Exchange, bot: Machine, person: People) -> None:
    """Of what happened in between nobody has told us. What they said before can still be told to be theirs."""
    karla = await person("karla")
    await bot.encryption.devices.refresh([KARLA])
    (phone,) = bot.encryption.devices.devices(KARLA)
    bot.learn(left=(KARLA,))
    bot.learn(changed=(KARLA,))
    assert (bot.encryption.devices.is_current(KARLA), bot.encryption.devices.outdated()) == (False, set())
    assert bot.encryption.devices.owner(KARLA, phone.curve25519) == phone
    await person("karla", "LAPTOP")
    del exchange.device_keys[KARLA]["PHONE"]

    await bot.encryption.devices.refresh([KARLA])

    assert known(bot, KARLA) == {"LAPTOP"}
    assert bot.encryption.devices.owner(KARLA, karla.olm.account.identity_keys["curve25519"]) == phone


MALFORMED: dict[str, Any] = {
    "not there": None,
    "a number": 5,
    "a list": [],
    "empty": {},
    "keys are a list": {"keys": []},
    "no signature": {"signatures": None},
    "signatures are a list": {"signatures": []},
    "another's signature": {"signatures": {"@x:y": {"ed25519:BAD": "A" * 86}}},
    "a signature of junk": {"signatures": {KARLA: {"ed25519:BAD": "junk"}}},
    "a signature that is a number": {"signatures": {KARLA: {"ed25519:BAD": 5}}},
    "another device's name": {"device_id": "PHONE"},
    "another's name": {"user_id": WIEBKE},
    "a name that is a list": {"device_id": []},
    "junk for keys": {"keys": {"ed25519:BAD": "junk", "curve25519:BAD": "junk"}},
    "numbers for keys": {"keys": {"ed25519:BAD": 5, "curve25519:BAD": {}}},
    "short keys": {"keys": {"ed25519:BAD": "AAAA", "curve25519:BAD": "AAAA"}},
    "half a character": {"keys": {"ed25519:BAD": "\ud83d", "curve25519:BAD": "\ud83d"}},
    "not a number": {"unheard": float("nan")},
    "half a character beside": {"unheard": "\ud83d"},
}


@pytest.mark.parametrize("wrong", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_device_keeps_no_other_from_being_known(
    exchange: Exchange, bot: Machine, person: People, wrong: object
) -> None:
    """It is left out, and said to be; in nio, it takes all others in the answer with it."""
    await person("karla")
    await person("karla", "BAD")
    await person("wiebke")
    good = exchange.device_keys[KARLA]["BAD"]

    async def answers(asked: Asked) -> Answer | None:
        if asked.path != "/keys/query":
            return None
        exchange.instead = None
        status, answer = await exchange.answer(asked)
        answer["device_keys"][KARLA]["BAD"] = {**copy.deepcopy(good), **wrong} if isinstance(wrong, dict) and wrong else wrong
        return status, answer

    exchange.instead = answers
    await bot.encryption.devices.refresh([KARLA, WIEBKE])

    assert (known(bot, KARLA), known(bot, WIEBKE)) == ({"PHONE"}, {"PHONE"})
    assert bot.dropped == [("device_keys", "malformed", KARLA)]


@pytest.mark.parametrize("junk", [{}, {"device_keys": 5}, {"device_keys": {KARLA: []}}, {"failures": [5]}, {"master_keys": []}])
async def test_the_whole_answer_may_be_junk(exchange: Exchange, bot: Machine, person: People, junk: Json) -> None:
    await person("karla")

    async def answers(_asked: Asked) -> Answer | None:
        return 200, junk

    exchange.instead = answers
    await bot.encryption.devices.refresh([KARLA])

    assert known(bot, KARLA) == set()


async def test_a_device_never_changes_its_identity(exchange: Exchange, bot: Machine, person: People, tmp_path: Any) -> None:
    """Somebody, the homeserver maybe, shows another key under a name that is known: it stays what it was, and is said."""
    await person("karla")
    await bot.encryption.devices.refresh([KARLA])
    before = bot.encryption.devices.devices(KARLA)
    impostor = Machine(Exchange(), tmp_path / "impostor", KARLA, "PHONE")
    await impostor.sync()
    exchange.device_keys[KARLA]["PHONE"] = impostor.exchange.device_keys[KARLA]["PHONE"]

    await bot.sync(changed=(KARLA,))

    assert bot.encryption.devices.devices(KARLA) == before
    assert bot.dropped == [("device_keys", "changed", KARLA)]


async def test_which_devices_their_owner_has_signed(exchange: Exchange, bot: Machine, person: People) -> None:
    await person("karla")
    await person("karla", "LAPTOP")
    sign_devices(exchange, KARLA, "PHONE")

    await bot.encryption.devices.refresh([KARLA])

    assert {device.device_id: device.signed for device in bot.encryption.devices.devices(KARLA)} == {"PHONE": True, "LAPTOP": False}
    bot.restart()
    assert {device.device_id: device.signed for device in bot.encryption.devices.devices(KARLA)} == {"PHONE": True, "LAPTOP": False}


@pytest.mark.parametrize("wrong", ["no master", "another master", "not signed by it", "another usage", "two keys", "junk"])
async def test_a_signature_counts_only_if_the_master_key_vouches_for_it(
    exchange: Exchange, bot: Machine, person: People, wrong: str
) -> None:
    """Else the homeserver could sign whom it likes."""
    await person("karla")
    await person("wiebke")
    sign_devices(exchange, KARLA, "PHONE")
    master, signing = exchange.master_keys[KARLA], exchange.self_signing_keys[KARLA]
    if wrong == "no master":
        del exchange.master_keys[KARLA]
    elif wrong == "another master":
        master["keys"] = {f"ed25519:{'A' * 43}": "A" * 43}
    elif wrong == "not signed by it":
        del signing["signatures"]
    elif wrong == "another usage":
        signing["usage"] = ["user_signing"]
    elif wrong == "two keys":
        signing["keys"] |= {"ed25519:x": "x"}
    else:
        exchange.self_signing_keys[KARLA] = {"keys": 5, "usage": 5}

    await bot.encryption.devices.refresh([KARLA, WIEBKE])

    assert [device.signed for device in bot.encryption.devices.devices(KARLA)] == [False]


async def test_strangers_are_not_tracked(exchange: Exchange, bot: Machine, person: People) -> None:
    """A homeserver that tells of changes of people whom we have not asked about makes no work."""
    await person("karla")
    before = len(exchange.paths("/keys/query", bot.line))

    await bot.sync(changed=(KARLA, "@x:y", "\ud83d"), left=("@z:z", "\ud83d"))

    assert len(exchange.paths("/keys/query", bot.line)) == before


async def test_a_device_made_anew_under_its_old_name_is_another(
    exchange: Exchange, bot: Machine, person: People, tmp_path: Path
) -> None:
    """Bots name their devices themselves: deleted and logged in again, it has the same name and new keys, and gets what is said."""
    old = await person("karla")
    await bot.encryption.devices.refresh([KARLA])
    exchange.delete_device(KARLA, "PHONE")
    await bot.sync(changed=(KARLA,))
    assert known(bot, KARLA) == set()

    new = Machine(exchange, tmp_path / "anew", KARLA, "PHONE")
    await new.sync()
    await bot.sync(changed=(KARLA,))

    (device,) = bot.encryption.devices.devices(KARLA)
    assert device.ed25519 == new.olm.account.identity_keys["ed25519"] != old.olm.account.identity_keys["ed25519"]


async def test_whom_a_broken_session_is_with_is_known_after_a_crash(exchange: Exchange, bot: Machine, person: People) -> None:
    """nio looks among its own devices; without the sender's there, the session would stay broken."""
    karla = await person("karla")
    encrypted(exchange, bot.user_id, karla.user_id)
    await bot.says("Moin")
    curve25519 = karla.olm.account.identity_keys["curve25519"]

    bot.restart()

    assert bot.olm.device_store.device_from_sender_key(karla.user_id, curve25519).device_id == karla.device_id
    del exchange.device_keys[karla.user_id][karla.device_id]
    bot.encryption.devices.changed([karla.user_id], 5)
    await bot.encryption.devices.refresh([karla.user_id])
    for _ in range(2):
        assert bot.olm.device_store.device_from_sender_key(karla.user_id, curve25519) is None  # who is gone needs none
        bot.restart()


async def test_devices_that_come_and_go_are_bounded(
    exchange: Exchange, bot: Machine, person: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A homeserver can make up any number for its people. The latest are remembered, for what they said before they went."""
    monkeypatch.setattr("bot.matrix.crypto.device_lists._MOST_DEVICES", 2)
    keys: list[str] = []
    await bot.encryption.devices.refresh([KARLA])
    for number in range(4):
        device = await person("karla", f"D{number}")
        keys.append(device.olm.account.identity_keys["curve25519"])
        await bot.sync(changed=(KARLA,))
        exchange.delete_device(KARLA, f"D{number}")
        await bot.sync(changed=(KARLA,))

    for _ in range(2):
        assert [bot.encryption.devices.owner(KARLA, key) is not None for key in keys] == [False, False, True, True]
        bot.restart()
