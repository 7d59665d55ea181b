"""Which invites are accepted."""

from typing import Any

import pytest

from bot.matrix.journal import INVITES, Entry
from bot.matrix.rooms import RoomKeeper
from bot.network_rooms import NetworkRooms
from tests.conversation import BOT, user_id
from tests.rooms_in_memory import Homeserver

NEW = "!new"


class Successors:
    """What is known of rooms that replace others."""

    def __init__(self, *, expects: bool = False, claims: bool = False) -> None:
        self._expects = expects
        self._claims = claims

    async def expects(self, _room_id: str) -> bool:
        return self._expects

    async def claims(self, _room_id: str) -> bool:
        return self._claims


async def invited(successors: Successors, *, with_role: bool, members: int = 2) -> bool:
    """Let somebody invite the bot into a room with so many others. Return whether it is in there afterwards."""

    async def has_role(_person: str) -> bool:
        return with_role

    client: Any = Homeserver()
    room = client.add(NEW, members={user_id(str(number)) for number in range(members)})
    keeper = RoomKeeper(client, NetworkRooms({}), successors, has_role, lambda: "")
    source = {"inviter": user_id("0"), "room_id": NEW}
    await keeper.handle_invite(Entry(1, "invite", INVITES, "invite", source))
    return BOT in room.members


@pytest.mark.parametrize("with_role", [True, False])
async def test_into_a_room_that_replaces_ours_by_anybody(*, with_role: bool) -> None:
    """Whoever is in the new room may invite, for example a new member of a lab."""
    assert await invited(Successors(expects=True), with_role=with_role)


async def test_into_a_room_that_says_so_before_the_old_one_does() -> None:
    """By somebody whom we know; anybody else can wait until the old room says it too."""
    assert await invited(Successors(claims=True), with_role=True)
    assert not await invited(Successors(claims=True), with_role=False)


async def test_into_any_other_room() -> None:
    assert not await invited(Successors(), with_role=True)
    assert await invited(Successors(), with_role=True, members=1)
