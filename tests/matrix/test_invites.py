"""Invites: a thousand of them are answered one by one, and cost the homeserver little."""

from typing import Any, cast

import pytest

from bot.errors import MembershipUnknown
from bot.matrix import rooms as module
from bot.matrix.journal import INVITES, Entry
from bot.matrix.rooms import RoomKeeper
from bot.network_rooms import NetworkRooms


class Homeserver:
    """Notes which rooms are entered and left. Nobody is in them but we and who invited us."""

    def __init__(self) -> None:
        self.entered: list[str] = []
        self.left: list[str] = []

    async def enter(self, room_id: str) -> None:
        self.entered.append(room_id)

    async def leave(self, room_id: str, _reason: str) -> None:
        self.left.append(room_id)

    async def call(self, _method: str, _path: str) -> dict[str, Any]:
        return {"chunk": [{}, {}]}

    async def is_open(self, _room_id: str) -> bool:
        return False


class NoSuccessors:
    """None of our rooms was replaced."""

    async def expects(self, room_id: str) -> bool:
        del room_id
        return False

    async def claims(self, room_id: str) -> bool:
        del room_id
        return False


class People:
    """Who has a role; `asked`: about whom the homeserver was asked."""

    def __init__(self, *members: str) -> None:
        self.members = set(members)
        self.asked: list[str] = []
        self.silent = False

    async def has_role(self, person: str) -> bool:
        self.asked.append(person)
        if self.silent:
            raise MembershipUnknown("!r:x", "away")
        return person in self.members


@pytest.fixture
def homeserver() -> Homeserver:
    return Homeserver()


@pytest.fixture
def people() -> People:
    return People("@karla:x")


@pytest.fixture
def keeper(homeserver: Homeserver, people: People) -> RoomKeeper:
    return RoomKeeper(cast("Any", homeserver), NetworkRooms({}), NoSuccessors(), people.has_role, lambda: "Nein.")


def invite(number: int, inviter: str) -> Entry:
    return Entry(number, f"invite:!{number}:x:1", INVITES, "invite", {"inviter": inviter, "room_id": f"!{number}:x"})


async def test_a_stranger_is_asked_about_a_few_times(keeper: RoomKeeper, homeserver: Homeserver, people: People) -> None:
    """However many rooms they invite us to: every question is one to each of the network's rooms. Each invite is declined."""
    for number in range(1000):
        await keeper.handle_invite(invite(number, "@mallory:x"))
    assert people.asked == ["@mallory:x"] * 5
    assert homeserver.left == [f"!{number}:x" for number in range(1000)]


async def test_a_right_is_never_granted_from_memory(keeper: RoomKeeper, homeserver: Homeserver, people: People) -> None:
    await keeper.handle_invite(invite(1, "@karla:x"))
    people.members.clear()
    await keeper.handle_invite(invite(2, "@karla:x"))
    assert (people.asked, homeserver.entered, homeserver.left) == (["@karla:x"] * 2, ["!1:x"], ["!2:x"])


async def test_a_denial_does_not_last(
    keeper: RoomKeeper, homeserver: Homeserver, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has joined the network meanwhile is welcome: at once, or, after many tries, half a minute later."""
    await keeper.handle_invite(invite(1, "@lena:x"))
    people.members.add("@lena:x")
    await keeper.handle_invite(invite(2, "@lena:x"))
    assert (homeserver.left, homeserver.entered) == (["!1:x"], ["!2:x"])

    people.members.clear()
    for number in range(3, 10):
        await keeper.handle_invite(invite(number, "@lena:x"))
    people.members.add("@lena:x")
    await keeper.handle_invite(invite(10, "@lena:x"))
    now = module.time.monotonic()
    monkeypatch.setattr(module.time, "monotonic", lambda: now + 31)
    await keeper.handle_invite(invite(11, "@lena:x"))
    assert (homeserver.left[-1], homeserver.entered) == ("!10:x", ["!2:x", "!11:x"])


async def test_no_answer_is_no_denial(keeper: RoomKeeper, homeserver: Homeserver, people: People) -> None:
    people.silent = True
    with pytest.raises(MembershipUnknown):
        await keeper.handle_invite(invite(1, "@karla:x"))
    people.silent = False
    await keeper.handle_invite(invite(1, "@karla:x"))
    assert homeserver.entered == ["!1:x"]


async def test_what_is_remembered_is_bounded(keeper: RoomKeeper, people: People) -> None:
    """Strangers can make any number of accounts."""
    for number in range(1100):
        for _ in range(5):
            await keeper.handle_invite(invite(number, f"@{number}:x"))
    people.asked.clear()
    for number in (0, 99, 1099):
        await keeper.handle_invite(invite(number, f"@{number}:x"))
    assert people.asked == ["@0:x", "@99:x"]
