"""Which room is which."""

from typing import Any, cast

from bot.matrix.rooms import RoomKeeper
from bot.network_rooms import NetworkRooms


class OneRoom:
    """A homeserver on which every alias is the same room."""

    async def resolve(self, _alias: str) -> str:
        return "!same:netz.example"


async def _nobody(_user_id: str) -> bool:
    return False


async def test_a_room_with_two_meanings_has_none() -> None:
    """Otherwise everybody in the network would be a coordinator, because somebody mistyped an alias."""
    rooms = NetworkRooms({"coordination": "#koordination:netz.example", "network": "#netz:netz.example"})
    fresh = await RoomKeeper(cast("Any", OneRoom()), rooms, _nobody, str).resolve({})
    assert (fresh, rooms.resolved()) == ({}, {})
