"""Thrown out, muted, back again: told once, whatever comes how often, on how many devices."""

import asyncio

import pytest

from bot.db.engine import Database
from bot.matrix.room_changes import BANNED, GONE, KICKED
from tests.conversation import BOT
from tests.rooms_in_memory import Device, Homeserver, said

COORDINATION, LAB = "!coordination", "!lab"
CONFIGURED = {"coordination": COORDINATION, "lab:bremen": LAB}
LEVELS = "m.room.power_levels"
MUTE, SPEAKS = {"events_default": 50}, {"events_default": 0}


@pytest.fixture
def homeserver() -> Homeserver:
    homeserver = Homeserver()
    for room_id in CONFIGURED.values():
        homeserver.add(room_id, joined=True)
    return homeserver


@pytest.fixture
async def device(database: Database, homeserver: Homeserver) -> Device:
    return await started(database, homeserver)


async def started(database: Database, homeserver: Homeserver) -> Device:
    device = Device(database, homeserver, CONFIGURED)
    await device.settle()
    return device


async def told(database: Database) -> list[str]:
    """Return what coordinators were told, from its third word on: the first may be a person's name."""
    rows = await said(database)
    assert {room for room, _ in rows} <= {"coordination"}
    return [" ".join(body.split()[1:4]) for _, body in rows]


OUT, LOCKED, LOST, NO_POWER = "hat mich aus", "hat mich im", "bin nicht mehr", "darf im Raum"


async def test_each_time_once(database: Database, homeserver: Homeserver, device: Device) -> None:
    """Three devices see the same kick, the journal hands it over again after a crash; and a month later it is another one."""
    others = [await started(database, homeserver) for _ in range(2)]
    for event_id, times in (("$first", 1), ("$second", 2)):
        await homeserver.leave(LAB, "")
        await asyncio.gather(*(each.left(LAB, KICKED, event_id) for each in (device, *others, device)))
        await (await started(database, homeserver)).settle()
        assert await told(database) == [OUT] * times
        await homeserver.enter(LAB)
        for each in (device, *others):
            await each.settle()
    await others[0].left(LAB, KICKED, "$first")  # it was away all the time, and reads what it has missed
    assert await told(database) == [OUT] * 2


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (KICKED, BANNED, [OUT, LOCKED]),
        (BANNED, KICKED, [LOCKED]),
        (GONE, BANNED, [LOST, LOCKED]),
        (KICKED, GONE, [OUT]),
        (GONE, KICKED, [LOST]),
        (BANNED, BANNED, [LOCKED]),
    ],
)
async def test_one_after_the_other(
    database: Database, homeserver: Homeserver, device: Device, first: str, second: str, expected: list[str]
) -> None:
    """A ban after a kick wants something else to be done; a device that only finds the room gone knows less than one that saw why."""
    await homeserver.leave(LAB, "")
    await device.left(LAB, first, "$1")
    await (await started(database, homeserver)).left(LAB, second, "$2" if second != GONE else "", was_in=second == GONE)
    assert await told(database) == expected


async def test_two_devices_that_know_different_things(database: Database, homeserver: Homeserver, device: Device) -> None:
    """One has seen the kick, the other finds the room gone, at the same moment."""
    other = await started(database, homeserver)
    for times in range(1, 6):
        await asyncio.gather(device.left(LAB, KICKED, f"${times}"), other.left(LAB, GONE, ""))
        assert len(await told(database)) == times
        await device.settle()
        await other.settle()


async def test_what_nobody_needs_to_hear(database: Database, homeserver: Homeserver, device: Device) -> None:
    """A direct chat that ended, an invite that was taken back; and of the coordination room, those who would hear it are in it."""
    await device.left("!direct", KICKED)
    await device.left(LAB, KICKED, was_in=False)
    await homeserver.leave(COORDINATION, "")
    await device.left(COORDINATION, KICKED)
    assert await said(database) == []


async def test_a_room_that_is_gone_without_a_word(
    database: Database, homeserver: Homeserver, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync gets a moment to say how we came out, and says it better."""
    homeserver.all[LAB].members.discard(BOT)
    assert await device.states.settle()
    assert device.lost == []
    monkeypatch.setattr("bot.matrix.room_looks._SYNC_COMES_WITHIN", 0.0)
    await device.states.settle()
    assert device.lost == [LAB]
    homeserver.rooms.pop(LAB)
    assert not await device.states.settle()
    assert await said(database) == []  # what is told, is told when it comes out of the journal


async def test_power_lost_and_found(database: Database, homeserver: Homeserver, device: Device) -> None:
    """Once, however the levels change meanwhile and whoever looks; again, if it is lost again. What waits goes out when it is back."""
    other = await started(database, homeserver)
    for time in (1, 2):
        for levels in (MUTE, {"events_default": 60 + time}, MUTE):
            homeserver.all[LAB].levels = levels
            for each in (device, other, await started(database, homeserver)):
                each.told(LAB, LEVELS, {**levels, "time": time})
                await each.settle()
        assert await told(database) == [NO_POWER] * time
        device.again.clear()
        homeserver.all[LAB].levels = SPEAKS
        for each in (device, other):
            each.told(LAB, LEVELS, SPEAKS)
            await each.settle()
        assert {"lab:bremen"} in device.again


async def test_what_a_sync_says_of_power_is_looked_at_twice(database: Database, device: Device) -> None:
    """After two changes at the same moment, Synapse may show the one before the last as if it were new."""
    device.told(LAB, LEVELS, MUTE)
    await device.settle()
    assert await said(database) == []


async def test_refused_in_spite_of_enough_power(database: Database, homeserver: Homeserver, device: Device) -> None:
    """Something else at the homeserver does not let us: told once, over a restart too, until something we say stands there."""
    device.changes.refused(LAB)
    await device.settle()
    restarted = await started(database, homeserver)
    restarted.changes.refused(LAB)
    await restarted.settle()
    assert await told(database) == [NO_POWER]
    restarted.changes.heard(LAB)
    await restarted.settle()
    restarted.changes.refused(LAB)
    await restarted.settle()
    assert await told(database) == [NO_POWER] * 2


async def test_refused_because_we_are_out_already(database: Database, homeserver: Homeserver, device: Device) -> None:
    """The sync that says so may come later than the refusal. Synapse shows the state of the room as if nothing had happened."""
    homeserver.all[LAB].members.discard(BOT)
    homeserver.all[LAB].ever.add(BOT)
    device.changes.refused(LAB)
    await device.settle()
    assert await said(database) == []


async def test_a_room_that_is_replaced_has_no_need_of_power(database: Database, homeserver: Homeserver, device: Device) -> None:
    """An upgrade takes it from everybody in the old one."""
    homeserver.add("!new", predecessor=LAB, lets_us_in=False)
    homeserver.all[LAB].levels = MUTE
    device.replaced(LAB, "!new")
    device.told(LAB, LEVELS, MUTE)
    await device.settle()
    assert await said(database) == []


async def test_come_back_between_two_syncs(database: Database, device: Device) -> None:
    """Out and in again before a sync told of it: what was refused meanwhile is tried again at once."""
    await device.settle()
    own = {"type": "m.room.member", "state_key": BOT, "content": {"membership": "join"}, "sender": BOT, "event_id": "$join"}
    device.changes.joined(LAB, [], [own])
    device.changes.joined("!direct", [], [own])
    await device.settle()
    assert device.again[-1] == {"lab:bremen", "!direct"}
    assert await said(database) == []
