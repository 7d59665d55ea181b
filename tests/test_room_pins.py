"""Which room is which."""

import asyncio
from collections.abc import Collection, Mapping

from bot.clock import FixedClock
from bot.db import rooms
from bot.db.engine import Database
from bot.network_rooms import NetworkRooms
from bot.room_pins import RoomPins
from tests.conversation import MORNING
from tests.rooms_in_memory import pinned

CONFIGURED = {"coordination": "#koordination:netz.example", "network": "#netz:netz.example"}


class Process:
    """One process on the database. `aliases`: what its homeserver says; `moved`: which keys became another room."""

    def __init__(self, database: Database, configured: Mapping[str, str] = CONFIGURED, **aliases: str) -> None:
        self.aliases = aliases
        self.asked: list[str] = []
        self.moved: list[str] = []
        self.rooms = NetworkRooms(configured)
        self.pins = RoomPins(
            database=database, network_rooms=self.rooms, clock=FixedClock(MORNING), find=self._find, moved=self._take_moved
        )

    async def _find(self, keys: Collection[str]) -> dict[str, str]:
        self.asked += keys
        return {key: self.aliases[key] for key in keys if key in self.aliases}

    async def _take_moved(self, keys: Collection[str]) -> None:
        self.moved += keys


async def test_a_room_with_two_meanings_has_none(database: Database) -> None:
    """Otherwise everybody in the network would be a coordinator, because somebody mistyped an alias."""
    process = Process(database, coordination="!same", network="!same")
    await process.pins.settle()
    assert (process.rooms.resolved(), await pinned(database)) == ({}, {})


async def test_a_second_meaning_takes_the_first_away(database: Database) -> None:
    """Which of them is the mistake, nobody knows."""
    first = Process(database, coordination="!coordination", network="!network")
    await first.pins.settle()
    mistyped = Process(database, {**CONFIGURED, "network": "#anders"}, network="!coordination")
    await mistyped.pins.settle()
    await mistyped.pins.take()
    assert mistyped.rooms.resolved() == {}
    assert await pinned(database) == {"coordination": "!coordination", "network": "!network"}


async def test_an_alias_is_looked_up_once(database: Database) -> None:
    """Whoever can move an alias cannot become a coordinator by it. One that is not found is looked up again."""
    process = Process(database, coordination="!coordination")
    await process.pins.settle()
    process.aliases |= {"coordination": "!theirs", "network": "!network"}
    await process.pins.settle()
    assert process.rooms.resolved() == {"coordination": "!coordination", "network": "!network"}
    assert process.asked == ["coordination", "network", "network"]


async def test_another_configuration_is_another_room(database: Database) -> None:
    """The administrator may say so at any time."""
    await Process(database, coordination="!coordination", network="!network").pins.settle()
    changed = Process(database, {**CONFIGURED, "network": "!other"}, network="!other")
    await changed.pins.settle()
    assert changed.rooms.resolved() == {"coordination": "!coordination", "network": "!other"}


async def test_a_room_that_moved_is_taken_over_by_every_process(database: Database) -> None:
    processes = [Process(database, coordination="!coordination", network="!network") for _ in range(2)]
    for process in processes:
        await process.pins.settle()
    async with database.begin() as session:
        assert await rooms.move(session, "network", old="!network", new="!new", now=MORNING)
    await processes[0].pins.take()
    await processes[1].pins.settle()
    await Process(database, network="!network").pins.settle()
    assert [process.rooms.room_id("network") for process in processes] == ["!new"] * 2
    assert [process.moved for process in processes] == [["network"]] * 2


async def test_what_was_read_first_is_not_taken_last(database: Database) -> None:
    """A look from time to time and one because of a decision, at the same moment."""
    process = Process(database, coordination="!coordination", network="!network")
    await process.pins.settle()
    async with database.begin() as session:
        await rooms.move(session, "network", old="!network", new="!new", now=MORNING)
    await asyncio.gather(*(process.pins.take() for _ in range(5)), process.pins.settle())
    assert (process.rooms.room_id("network"), process.moved) == ("!new", ["network"])


async def test_a_move_is_not_written_twice_nor_onto_another_room(database: Database) -> None:
    await Process(database, coordination="!coordination", network="!network").pins.settle()
    async with database.begin() as session:
        assert not await rooms.move(session, "network", old="!network", new="!coordination", now=MORNING)
        assert await rooms.move(session, "network", old="!network", new="!new", now=MORNING)
        assert not await rooms.move(session, "network", old="!network", new="!newer", now=MORNING)
    assert await pinned(database) == {"coordination": "!coordination", "network": "!new"}
