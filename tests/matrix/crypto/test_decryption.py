"""What comes out of an encrypted event is what a device of its sender said in this room, once; everything else is left out."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from vodozemac import GroupSession

from bot.matrix.crypto.decryption import MEGOLM, Decryption, Plain, Undecryptable, Worthless
from bot.matrix.journal import Journal
from tests.matrix.crypto.conftest import People
from tests.matrix.crypto.exchange import OTHER_ROOM, ROOM, Exchange, Machine, encrypted

BOT, KARLA, MALLORY = (f"@{name}:example.org" for name in ("bot", "karla", "mallory"))
Json = dict[str, Any]


def plain(**instead: object) -> bytes:
    return json.dumps({"type": "m.room.message", "content": {"body": "Moin"}, "room_id": ROOM, **instead}).encode()


class Speaker:
    """Somebody's device with a Megolm session in which anything can be said."""

    def __init__(self, machine: Machine, megolm: GroupSession | None = None) -> None:
        self.machine = machine
        self.megolm = megolm or GroupSession()
        self._said = 0

    async def share(self, bot: Machine, room_id: str = ROOM, megolm: GroupSession | None = None) -> set[str]:
        """Let the bot have the key; return the sessions of which it says that their keys came."""
        session = megolm or self.megolm
        key = {
            "algorithm": MEGOLM,
            "room_id": room_id,
            "session_id": session.session_id,
            "session_key": session.session_key.to_base64(),
        }
        keys = self.machine.encryption._room_keys
        await self.machine.encryption.devices.refresh([BOT])
        (device,) = self.machine.encryption.devices.devices(BOT)
        await keys._claim([device])
        await keys._send_to([device], "m.room_key", key)
        return await bot.sync()

    def event(self, plaintext: bytes, **content: object) -> Json:
        """Return an event with this said in it; `content`: what stands beside it, or instead."""
        self._said += 1
        said = {
            "algorithm": MEGOLM,
            "session_id": self.megolm.session_id,
            "ciphertext": self.megolm.encrypt(plaintext).to_base64(),
            **content,
        }
        return {
            "type": "m.room.encrypted",
            "content": said,
            "sender": self.machine.user_id,
            "event_id": f"${self.machine.user_id}{self._said}",
        }


@pytest.fixture
async def karla(exchange: Exchange, bot: Machine, person: People) -> Speaker:
    """Karla, whose devices and session the bot knows."""
    speaker = Speaker(await person("karla"))
    encrypted(exchange, BOT, KARLA, MALLORY)
    await speaker.share(bot)
    await bot.encryption.devices.refresh([KARLA])
    return speaker


@pytest.fixture
async def mallory(bot: Machine, person: People, karla: Speaker) -> Speaker:
    """Mallory, known as well."""
    del karla
    speaker = Speaker(await person("mallory"))
    await speaker.share(bot)
    await bot.encryption.devices.refresh([MALLORY])
    return speaker


def why_worthless(bot: Machine, event: Json, room_id: str = ROOM) -> str:
    """Return for what reason an event is never worth anything."""
    with pytest.raises(Worthless) as caught:
        bot.encryption.decrypt(event, room_id)
    reason = caught.value.reason
    return reason if isinstance(reason, str) else type(reason).__name__


def why_not(bot: Machine, event: Json, room_id: str = ROOM) -> str:
    """Return for what reason an event cannot be decrypted now."""
    with pytest.raises(Undecryptable) as caught:
        bot.encryption.decrypt(event, room_id)
    return caught.value.reason


def test_what_was_said_and_by_whose_device(bot: Machine, karla: Speaker) -> None:
    """What stands outside and was not encrypted is left out, but for what says where and when."""
    event = karla.event(plain(), sender_key="x", device_id="y") | {"event_id": "$1", "origin_server_ts": 5, "z": 1}

    said = bot.encryption.decrypt(event, ROOM)

    source = {"type": "m.room.message", "content": {"body": "Moin"}, "sender": KARLA, "event_id": "$1", "origin_server_ts": 5}
    (device,) = bot.encryption.devices.devices(KARLA)
    assert said == Plain(source, device)


def test_what_it_relates_to_stands_outside(bot: Machine, karla: Speaker) -> None:
    """The homeserver has to see it. Where both are there, what was encrypted holds."""
    outside, inside = {"rel_type": "m.thread", "event_id": "$out"}, {"rel_type": "m.thread", "event_id": "$in"}
    both = {"body": "Moin", "m.relates_to": inside}

    one = bot.encryption.decrypt(karla.event(plain(), **{"m.relates_to": outside}), ROOM)
    two = bot.encryption.decrypt(karla.event(plain(content=both), **{"m.relates_to": outside}), ROOM)

    assert [said.source["content"]["m.relates_to"] for said in (one, two)] == [outside, inside]


WORTHLESS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "JSONDecodeError"),
    "no UTF-8": (b"\xff\xfe\xfd", "UnicodeDecodeError"),
    "no JSON": (b"{", "JSONDecodeError"),
    "100,000 brackets": (b"[" * 100_000, "RecursionError"),
    "100,000 brackets, closed": (b"[" * 100_000 + b"]" * 100_000, "RecursionError"),
    "100,000 objects": (b'{"a":' * 100_000, "RecursionError"),
    "a number of 100,000 digits": (b"9" * 100_000, "ValueError"),
    "a list": (b"[]", "no_object"),
    "a number": (b"5", "no_object"),
    "null": (b"null", "no_object"),
    "a string": (b'"x"', "no_object"),
    "another room's": (plain(room_id=OTHER_ROOM), "other_room"),
    "no room's": (plain(room_id=None), "other_room"),
    "no type": (plain(type=None), "no_message"),
    "content that is none": (plain(content=[]), "no_message"),
    "a state event": (plain(type="m.room.join_rules", content={"join_rule": "public"}, state_key=""), "no_message"),
    "a message with a state key": (plain(state_key=None), "no_message"),
}


@pytest.mark.parametrize(("plaintext", "reason"), WORTHLESS.values(), ids=WORTHLESS)
def test_what_is_no_message(bot: Machine, karla: Speaker, plaintext: bytes, reason: str) -> None:
    assert why_worthless(bot, karla.event(plaintext)) == reason
    assert bot.encryption.decrypt(karla.event(plain()), ROOM).source["content"] == {"body": "Moin"}


@pytest.mark.parametrize("kind", ["m.room.join_rules", "m.room.encrypted", "m.room.redaction", "m.room_key", "x"])
def test_only_the_kinds_asked_for_come_out(bot: Machine, karla: Speaker, kind: str) -> None:
    """Also without a state key: whoever handles events by their type must not be handed one that no homeserver would have let pass."""
    decryption = Decryption(bot.database, bot.olm, bot.encryption.devices, ("m.room.message", "m.reaction"))

    with pytest.raises(Worthless):
        decryption.decrypt(karla.event(plain(type=kind)), ROOM)
    assert decryption.decrypt(karla.event(plain()), ROOM).source["type"] == "m.room.message"


JUNK: list[object] = [None, 5, True, "", "x", [], {}, "ä", "A" * 43, "=" * 43, "\ud83d", "x" * 100_000]


@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: repr(junk)[:12])
@pytest.mark.parametrize("field", ["algorithm", "ciphertext", "session_id"])
def test_junk_outside(bot: Machine, karla: Speaker, field: str, junk: object) -> None:
    """Never an exception of another kind, and nothing that the journal could not write."""
    event = karla.event(plain(), **{field: junk})
    try:
        bot.encryption.decrypt(event, ROOM)
    except Worthless:
        return
    except Undecryptable as error:
        keep(bot, event, error.session_id)
        return
    raise AssertionError


def keep(bot: Machine, event: Json, session_id: str) -> None:
    journal = Journal(bot.database)
    journal.keep(event, ROOM, session_id=session_id, batch=1, now=0.0)
    assert [kept.event_id for kept in journal.unreadable(session_id)] == [event["event_id"]]


@pytest.mark.parametrize("content", [None, 5, [], {}, "x"])
def test_no_content(bot: Machine, content: object) -> None:
    """As a redacted event has it."""
    assert why_worthless(bot, {"type": "m.room.encrypted", "content": content, "sender": KARLA, "event_id": "$1"}) == "not_megolm"


@pytest.mark.parametrize("where", ["beside", "in the content"])
def test_what_is_nested_deep_is_left_out_or_can_be_written_down(bot: Machine, karla: Speaker, where: str) -> None:
    """Python reads JSON to some depth and writes it to another: an event in between could be read, and would then end the process,
    each time that it starts."""
    journal = Journal(bot.database)
    written = 0
    for depth in range(850, 1000):
        deep = json.loads("[" * 50 + "]" * 50)
        text = plain(content={"body": "x", "a": deep}) if where == "in the content" else plain(a=deep)
        event = karla.event(text.replace(b"[" * 50 + b"]" * 50, b"[" * depth + b"]" * depth))
        try:
            source = bot.encryption.decrypt(event, ROOM).source
        except Worthless:
            continue
        journal.add(event_id=event["event_id"], room_id=ROOM, kind="event", source=source, batch=1)
        written += 1

    assert written < 150
    entry = journal.next_in(ROOM)
    assert entry is None or entry.kind == "event"


@pytest.mark.parametrize("left_out", [[], ["sender_key"], ["device_id"], ["sender_key", "device_id"]], ids="+".join)
def test_an_event_need_not_say_whose_device_it_is_from(bot: Machine, karla: Speaker, left_out: Collection[str]) -> None:
    """Newer clients leave both fields out; they prove nothing."""
    fields = {"sender_key": karla.machine.olm.account.identity_keys["curve25519"], "device_id": "PHONE"}
    event = karla.event(plain(), **{name: value for name, value in fields.items() if name not in left_out})

    assert bot.encryption.decrypt(event, ROOM).device.device_id == "PHONE"


def test_an_index_is_for_one_event_for_ever(bot: Machine, karla: Speaker) -> None:
    """The same event again is the same event; the same ciphertext in another is not."""
    event = karla.event(plain()) | {"event_id": "$1"}
    first = bot.encryption.decrypt(event, ROOM)

    assert bot.encryption.decrypt(event, ROOM) == first
    assert why_worthless(bot, event | {"event_id": "$2"}) == "replayed"
    bot.restart()
    assert why_worthless(bot, event | {"event_id": "$3"}) == "replayed"
    assert bot.encryption.decrypt(event, ROOM) == first


def test_a_message_that_is_none_uses_up_no_index(bot: Machine, karla: Speaker) -> None:
    """Else whoever runs the homeserver could use up an index with an event for another room."""
    event = karla.event(plain())
    assert why_not(bot, event, OTHER_ROOM) == "no key"

    assert bot.encryption.decrypt(event | {"event_id": "$2"}, ROOM).source["event_id"] == "$2"


def test_anothers_ciphertext_is_not_heard(bot: Machine, karla: Speaker, mallory: Speaker) -> None:
    """Mallory sends as her own event what Karla has said, with Karla's sender key in it."""
    del mallory
    theirs = karla.machine.olm.account.identity_keys["curve25519"]

    event = karla.event(plain(), sender_key=theirs, device_id="PHONE") | {"sender": MALLORY}

    assert why_not(bot, event) == "the key is of no device of the sender"


async def test_anothers_key_claimed_as_ones_own(bot: Machine, karla: Speaker, mallory: Speaker) -> None:
    """Every member has Karla's key and can hand it on as theirs. What Mallory sends is Mallory's; what Karla sends stays Karla's."""
    await mallory.share(bot, megolm=karla.megolm)

    by_mallory = bot.encryption.decrypt(karla.event(plain()) | {"sender": MALLORY}, ROOM)
    by_karla = bot.encryption.decrypt(karla.event(plain()), ROOM)

    assert [(said.source["sender"], said.device.user_id) for said in (by_mallory, by_karla)] == [(MALLORY, MALLORY), (KARLA, KARLA)]


async def test_a_key_from_another_alone_makes_nobody_heard(bot: Machine, karla: Speaker, mallory: Speaker) -> None:
    """Mallory makes a session and lets the bot have it. What comes in it under Karla's name is not Karla's."""
    del karla
    assert why_not(bot, mallory.event(plain()) | {"sender": KARLA}) == "the key is of no device of the sender"


async def test_a_key_is_for_its_room(bot: Machine, karla: Speaker) -> None:
    assert why_not(bot, karla.event(plain(room_id=OTHER_ROOM)), OTHER_ROOM) == "no key"


async def test_a_sender_of_whom_nothing_is_known_is_asked_about(exchange: Exchange, bot: Machine, person: People) -> None:
    """Lazily loaded members: the first that is heard of somebody is what they say."""
    wiebke = Speaker(await person("wiebke"))
    encrypted(exchange, BOT, wiebke.machine.user_id)
    await wiebke.share(bot)
    event = wiebke.event(plain())

    assert why_not(bot, event) == "the sender's devices are not known"
    await bot.encryption.chores()
    assert bot.encryption.decrypt(event, ROOM).device.user_id == wiebke.machine.user_id


async def test_a_device_that_is_gone_is_still_heard(exchange: Exchange, bot: Machine, karla: Speaker) -> None:
    """Karla said something and logged out before the bot came to read it."""
    event = karla.event(plain())
    exchange.device_keys[KARLA].clear()
    await bot.sync(changed=(KARLA,))

    assert bot.encryption.devices.devices(KARLA) == ()
    assert bot.encryption.decrypt(event, ROOM).device.device_id == "PHONE"


async def test_our_own_words_can_be_read(exchange: Exchange, bot: Machine, karla: Speaker) -> None:
    """The sender looks for them in the room. Under another's name they are not ours."""
    del exchange, karla
    event = await bot.says("Moin")

    said = bot.encryption.decrypt(event, ROOM)

    assert (said.source["content"]["body"], said.device.device_id, said.device.signed) == ("Moin", "BOT", True)
    assert why_not(bot, event | {"sender": KARLA, "event_id": "$2"}) == "the key is of no device of the sender"


async def test_a_junk_key_does_not_replace_a_good_one(bot: Machine, karla: Speaker, tmp_path: Path) -> None:
    """And it is not said to have come."""
    del tmp_path
    keys = karla.machine.encryption._room_keys
    (device,) = karla.machine.encryption.devices.devices(BOT)
    good = {"algorithm": MEGOLM, "room_id": ROOM, "session_id": karla.megolm.session_id}
    for junk in (
        {**good, "session_key": "junk"},
        {**good, "session_key": GroupSession().session_key.to_base64()},
        {**good, "session_id": "\ud83d", "session_key": karla.megolm.session_key.to_base64()},
        {**good, "session_id": "x", "session_key": karla.megolm.session_key.to_base64()},
        {**good, "room_id": 5, "session_key": karla.megolm.session_key.to_base64()},
    ):
        await keys._send_to([device], "m.room_key", junk)

    came = await bot.sync()

    assert came <= {karla.megolm.session_id}
    assert bot.encryption.decrypt(karla.event(plain()), ROOM).source["content"] == {"body": "Moin"}
