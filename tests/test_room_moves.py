"""Which room is believed to take the place of another, and what is said about it: once, whatever comes in which order."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bot.db import deliveries, room_moves, rooms
from bot.db.engine import Database
from bot.domain.room_moves import State
from tests.conversation import BOT, MORNING, user_id
from tests.rooms_in_memory import Device, Homeserver, pinned, said

COORDINATION, NETWORK, LAB, NEW = "!coordination", "!network", "!lab", "!new"
CONFIGURED = {"coordination": "#coordination:x", "network": "#network:x", "lab:bremen": "#lab:x"}
ROOMS = {"coordination": COORDINATION, "network": NETWORK, "lab:bremen": LAB}
QUESTION = (
    "Der Raum »#lab:x« wurde durch einen neuen ersetzt. Soll ab jetzt der neue gelten? Dann gibt er die Rechte, und nicht mehr der alte."
    " ✅ heißt ja, ❌ heißt nein."
)
ASKED = [("coordination", QUESTION), ("coordination", "✅"), ("coordination", "❌")]
FOLLOWED = [("coordination", "Der Raum »#network:x« wurde durch einen neuen ersetzt; ich bin mitgegangen.")]


@pytest.fixture
def homeserver() -> Homeserver:
    homeserver = Homeserver()
    for key, room_id in ROOMS.items():
        homeserver.add(room_id, joined=True)
        homeserver.aliases[CONFIGURED[key]] = room_id
    return homeserver


@pytest.fixture
async def device(database: Database, homeserver: Homeserver) -> Device:
    device = Device(database, homeserver, CONFIGURED)
    await device.settle()
    return device


async def states(database: Database) -> list[tuple[str, str, State]]:
    """Return the moves: key, new room, state."""
    async with database.begin() as session:
        return [(move.key, move.new_room_id, move.state) for move in await room_moves.every(session)]


async def test_a_room_that_knows_nothing_of_it(database: Database, homeserver: Homeserver, device: Device) -> None:
    """Somebody with power in the old one points to any room at all. It is looked at once, and left."""
    new = homeserver.add(NEW, predecessor="!another")
    device.replaced(NETWORK, NEW)
    for _ in range(3):
        await device.settle()
    await Device(database, homeserver, CONFIGURED).settle()

    ((room, told),) = await said(database)
    assert (room, told.partition(",")[0]) == ("coordination", "Im Raum »#network:x« steht")
    assert (await pinned(database), await states(database)) == (ROOMS, [("network", NEW, State.REFUSED)])
    assert BOT not in new.members
    assert not await device.moves.expects(NEW)


@pytest.mark.parametrize(
    ("flaw", "mended", "words"),
    [
        ({"join_rule": "public"}, {"join_rule": "invite"}, "ist öffentlich"),
        ({"join_rule": "knock"}, {"join_rule": "invite"}, "auf Anklopfen offen"),
        ({"history": "world_readable"}, {"history": "shared"}, "für alle lesbar"),
        ({"encrypted": False}, {"encrypted": True}, "ist nicht verschlüsselt"),
    ],
)
@pytest.mark.parametrize("key", ["network", "lab:bremen"])
async def test_a_room_that_is_not_as_safe(
    database: Database,
    homeserver: Homeserver,
    device: Device,
    key: str,
    flaw: dict[str, object],
    mended: dict[str, object],
    words: str,
) -> None:
    """It is not followed, nor asked about, before that is mended; said once."""
    old = ROOMS[key]
    homeserver.all[old].encrypted = True
    flawed: dict[str, Any] = {"encrypted": True, **flaw}
    new = homeserver.add(NEW, predecessor=old, **flawed)
    device.replaced(old, NEW)
    for _ in range(2):
        await device.settle()
    ((room, told),) = await said(database)
    assert (room, words in told, await pinned(database)) == ("coordination", True, ROOMS)

    for name, value in mended.items():
        setattr(new, name, value)
    await device.settle()

    assert (await said(database))[1:] == (FOLLOWED if key == "network" else ASKED)


async def test_a_room_that_has_another_task_already(database: Database, homeserver: Homeserver, device: Device) -> None:
    """Otherwise whoever has power in a lab's room could give its rights to all who are in the network's, or take theirs."""
    homeserver.all[NETWORK].predecessor = LAB
    device.replaced(LAB, NETWORK)
    for _ in range(2):
        await device.settle()
    assert [told.partition(",")[0] for _, told in await said(database)] == [
        "Der Raum »#lab:x« soll ersetzt sein durch »#network:x«"
    ]
    assert (await pinned(database), await states(database)) == (ROOMS, [])


@pytest.mark.parametrize(("key", "told"), [("network", FOLLOWED), ("lab:bremen", ASKED)])
async def test_three_devices_at_once(database: Database, homeserver: Homeserver, key: str, told: list[tuple[str, str]]) -> None:
    """All see the same sync; one asks, one follows, and all know where they are then."""
    devices = [Device(database, homeserver, CONFIGURED) for _ in range(3)]
    for device in devices:
        await device.settle()
    homeserver.add(NEW, predecessor=ROOMS[key])
    for device in devices:
        device.replaced(ROOMS[key], NEW)

    await asyncio.gather(*(device.settle() for device in devices))
    await asyncio.gather(*(device.settle() for device in devices))

    assert await said(database) == told
    now = NEW if key == "network" else LAB
    assert [device.rooms.room_id(key) for device in devices] == [now] * 3
    assert all({key} in device.again for device in devices) is (key == "network")


async def test_invited_before_the_old_room_says_anything(database: Database, homeserver: Homeserver, device: Device) -> None:
    """The new room alone is not believed; but the bot stays in it for a while, and is asked for no second invite."""
    homeserver.add(NEW, predecessor=LAB, joined=True)
    assert await device.moves.claims(NEW)
    await device.settle()
    assert await said(database) == []

    device.replaced(LAB, NEW)
    await device.settle()

    assert await said(database) == ASKED


async def test_a_claim_that_the_old_room_never_confirms(database: Database, homeserver: Homeserver, device: Device) -> None:
    """Anybody can make a room that says so. It is left after some minutes, and may be right another time."""
    new = homeserver.add(NEW, predecessor=LAB, joined=True)
    assert await device.moves.claims(NEW)
    device.clock.shown = MORNING + timedelta(minutes=9)
    await device.settle()
    assert BOT in new.members
    device.clock.shown = MORNING + timedelta(minutes=11)
    await device.settle()
    assert (BOT in new.members, await states(database), await said(database)) == (False, [], [])

    device.replaced(LAB, NEW)
    await device.settle()
    assert await said(database) == ASKED


@pytest.mark.parametrize("predecessor", [None, "!another"])
async def test_a_room_that_claims_nothing(homeserver: Homeserver, device: Device, predecessor: str | None) -> None:
    homeserver.add(NEW, predecessor=predecessor, joined=True)
    assert not await device.moves.claims(NEW)
    assert not await device.moves.expects(NEW)


@pytest.mark.parametrize("by_sync", [True, False])
async def test_an_alias_goes_along_with_an_upgrade(
    database: Database, homeserver: Homeserver, device: Device, *, by_sync: bool
) -> None:
    """Synapse moves it. That is one move and no second, also where the bot follows by itself; whichever it sees first."""
    homeserver.add(NEW, predecessor=NETWORK)
    homeserver.aliases["#network:x"] = NEW
    homeserver.all[NETWORK].replacement = NEW
    device = device if by_sync else Device(database, homeserver, CONFIGURED)
    if by_sync:
        device.replaced(NETWORK, NEW)
    await device.settle()
    await Device(database, homeserver, CONFIGURED).settle()
    assert (await said(database), await states(database)) == (FOLLOWED, [("network", NEW, State.DONE)])


async def test_an_alias_that_stays_with_the_old_room(database: Database, homeserver: Homeserver, device: Device) -> None:
    """It is on another server, say. That it points to where we come from is nothing new."""
    homeserver.add(NEW, predecessor=NETWORK)
    device.replaced(NETWORK, NEW)
    await device.settle()
    await Device(database, homeserver, CONFIGURED).settle()
    assert (await said(database), await pinned(database)) == (FOLLOWED, {**ROOMS, "network": NEW})


async def test_an_alias_that_points_elsewhere_is_asked_about_in_a_plain_room_too(
    database: Database, homeserver: Homeserver, device: Device
) -> None:
    """Whoever can move an alias need not have any power in the room. One that cannot be looked up, or is gone, changes nothing."""
    homeserver.add(NEW)
    homeserver.aliases |= {"#network:x": NEW}
    del homeserver.aliases["#lab:x"]
    await Device(database, homeserver, CONFIGURED).settle()
    asked = "Die Adresse #network:x (»#network:x«) führt jetzt in einen anderen Raum."
    assert [told.partition(" Soll")[0] for _, told in await said(database)] == [asked, "✅", "❌"]
    assert (await pinned(database), device.rooms.resolved()) == (ROOMS, ROOMS)


async def test_a_no_is_a_no(database: Database, homeserver: Homeserver, device: Device) -> None:
    """The new room is left, an invite into it is not accepted any more, and nobody is asked again."""
    new = homeserver.add(NEW, predecessor=LAB)
    device.replaced(LAB, NEW)
    await device.settle()
    async with database.begin() as session:
        (move,) = await room_moves.into(session, NEW)
        await room_moves.decline(session, move, by="@karla:x", now=MORNING)
    await device.settle()
    await device.settle()
    assert BOT not in new.members
    assert not await device.moves.expects(NEW)
    assert await said(database) == ASKED


async def test_asked_again_where_the_coordinators_are_now(database: Database, homeserver: Homeserver, device: Device) -> None:
    """Reactions in a room that is not theirs any more do not count."""
    homeserver.add(NEW, predecessor=LAB)
    device.replaced(LAB, NEW)
    await device.settle()
    async with database.begin() as session:
        await rooms.move(session, "coordination", old=COORDINATION, new="!theirs", now=MORNING)
    homeserver.aliases["#coordination:x"] = "!theirs"
    homeserver.add("!theirs", joined=True)
    await device.settle()
    await device.settle()
    assert await said(database) == ASKED * 2


async def test_a_move_of_a_room_that_is_another_by_now(database: Database, homeserver: Homeserver, device: Device) -> None:
    """It was waiting for an invite when the administrator configured a third room."""
    new = homeserver.add(NEW, predecessor=LAB, lets_us_in=False)
    device.replaced(LAB, NEW)
    await device.settle()
    async with database.begin() as session:
        await rooms.pin(session, key="lab:bremen", configured="#lab:x", room_id="!third", now=MORNING)
    homeserver.add("!third", joined=True)
    homeserver.aliases["#lab:x"] = "!third"
    new.lets_us_in = True
    await device.settle()
    assert not await device.moves.expects(NEW)
    await device.settle()
    assert (await said(database), BOT in new.members) == ([], False)


async def test_the_coordination_room_without_an_invite(
    database: Database, homeserver: Homeserver, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can be told where nobody may speak; what waited for them would block the room when it is over."""
    monkeypatch.setattr("bot.room_moves._INVITED_WITHIN", 0.0)
    homeserver.add(NEW, predecessor=COORDINATION, lets_us_in=False)
    device.replaced(COORDINATION, NEW)
    device.told(COORDINATION, "m.room.power_levels", {"events_default": 50})
    for _ in range(2):
        await device.settle()
    assert await said(database) == []
    homeserver.all[NEW].lets_us_in = True
    await device.settle()
    assert [room for room, _ in await said(database)] == [NEW] * 3
    assert device.rooms.asking(NEW) is not None


async def test_a_homeserver_that_does_not_answer_is_asked_again(database: Database, homeserver: Homeserver, device: Device) -> None:
    """Nothing is concluded from it, about no room."""
    homeserver.add(NEW, predecessor=LAB)
    device.replaced(LAB, NEW)
    homeserver.away = True
    await device.settle()
    homeserver.away = False
    await device.settle()
    assert await said(database) == ASKED


# Direct chats

KARLA, XAVER = user_id("karla"), user_id("xaver")


async def waiting(database: Database, room: str, *keys: str) -> None:
    """Write something down for a room."""
    async with database.begin() as session:
        for key in keys:
            await deliveries.add(session, key=key, room=room, content={"body": key}, now=MORNING)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"ever": {XAVER}}, {}),  # it was not for two: what waits may have been for the other
        ({}, {"members": {XAVER}}),
        ({"members": {XAVER}}, {"members": {XAVER}}),
        ({}, {"predecessor": None}),
        ({}, {"history": "world_readable"}),
        ({"encrypted": True}, {}),
    ],
)
async def test_a_chat_that_is_not_the_same_any_more(
    database: Database, homeserver: Homeserver, device: Device, old: dict[str, set[str]], new: dict[str, Any]
) -> None:
    """What is for one person is not shown to another, nor to anybody who can read along."""
    homeserver.add("!direct", joined=True, **{"members": {KARLA}, **old})
    homeserver.add(NEW, joined=True, **{"predecessor": "!direct", **new, "members": {KARLA, *new.get("members", ())}})
    await waiting(database, "!direct", "geheim")
    device.replaced("!direct", NEW)
    await device.settle()
    assert (await said(database), device.changes.now("!direct")) == ([("!direct", "geheim")], "!direct")


async def test_what_is_being_sent_stays_until_it_is_given_back(database: Database, homeserver: Homeserver, device: Device) -> None:
    """Otherwise it could be said in both chats."""
    homeserver.add("!direct", joined=True, members={KARLA})
    homeserver.add(NEW, joined=True, predecessor="!direct", members={KARLA})
    await waiting(database, "!direct", "eins", "zwei")
    async with database.begin() as session:
        (taken,) = await deliveries.claim(session, by="DEVICE", now=MORNING, alive=["DEVICE"], most=1)
    device.replaced("!direct", NEW)
    assert await device.moves.settle()  # it wants to look again in a moment
    assert await said(database) == [("!direct", "eins"), (NEW, "zwei")]
    async with database.begin() as session:
        await deliveries.release(session, taken.id, by="DEVICE", retry_at=MORNING, note="")
    assert not await device.moves.settle()
    assert await said(database) == [(NEW, "eins"), (NEW, "zwei")]
