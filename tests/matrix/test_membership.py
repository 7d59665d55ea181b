"""Who is in a room: asked until there is an answer, if the homeserver is away; without an answer, nobody is."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.errors import LoginFailed, MembershipUnknown
from bot.matrix import membership
from bot.matrix.client import GuardedClient
from bot.matrix.membership import HomeserverMembership
from bot.matrix.reachability import NotAsked, Reachability
from tests.matrix.homeserver import Asked, answering, brief, raw, said

ROOM = "!room:x"
JOINED = said({"joined": {"@karla:x": {}}})
AWAY = raw(b"<html>", 502)


class Homeserver:
    """Gives one answer after the other, the last one again and again."""

    def __init__(self) -> None:
        self.answers = [JOINED]
        self.asked = 0
        self.state = {"levels": said({}), "create": said({"sender": "@karla:x", "content": {"room_version": "11"}})}
        self.came = asyncio.Event()

    async def __call__(self, asked: Asked) -> bytes | None:
        if "/state/" in asked.path:
            return self.state["create" if "m.room.create" in asked.path else "levels"]
        self.asked += asked.path.endswith("/joined_members")
        self.came.set()
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def homeserver() -> Homeserver:
    return Homeserver()


@pytest.fixture
def reachability() -> Reachability:
    return Reachability()


@pytest_asyncio.fixture(loop_scope="session")
async def members(homeserver: Homeserver, reachability: Reachability, tmp_path: Path) -> AsyncIterator[HomeserverMembership]:
    async with answering(homeserver) as url:
        client = GuardedClient(url, "@bot:x", "BOT", tmp_path, reachability)
        yield HomeserverMembership(client)
        await client.close()


async def test_a_homeserver_that_comes_and_goes_is_asked_until_it_answers(
    homeserver: Homeserver, members: HomeserverMembership, reachability: Reachability
) -> None:
    """It restarts: what was commanded just before is obeyed afterwards, and not refused because nobody could say who it was."""
    homeserver.answers = [AWAY, AWAY, JOINED]
    asking = asyncio.create_task(members.joined(ROOM))
    while not asking.done():
        await asyncio.sleep(0.01)
        reachability.answered()  # something else got through
    assert asking.result() == {"@karla:x"}


@pytest.mark.parametrize("answer", [said({}, 500), said({"errcode": "M_LIMIT_EXCEEDED"}, 429), said({"joined": []})], ids=brief)
async def test_a_homeserver_that_is_there_and_does_not_say_it_is_believed(
    homeserver: Homeserver, members: HomeserverMembership, answer: bytes
) -> None:
    homeserver.answers = [answer]
    with pytest.raises(MembershipUnknown):
        await members.joined(ROOM)
    assert homeserver.asked == 1


async def test_if_only_this_question_is_never_answered_there_is_an_end(
    homeserver: Homeserver, members: HomeserverMembership, reachability: Reachability, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever gave the command is told."""
    monkeypatch.setattr(membership, "_PATIENCE", 0.6)
    homeserver.answers = [AWAY]
    asking = asyncio.create_task(members.joined(ROOM))
    while not asking.done():
        await asyncio.sleep(0.01)
        reachability.answered()
    assert isinstance(asking.exception(), MembershipUnknown)
    assert 2 <= homeserver.asked <= 4


async def test_a_homeserver_that_stays_away_is_no_answer_either(
    homeserver: Homeserver, members: HomeserverMembership, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody could be told now; what was commanded waits."""
    monkeypatch.setattr(membership, "_BACK_WITHIN", 0.05)
    homeserver.answers = [AWAY]
    with pytest.raises(NotAsked):
        await members.joined(ROOM)


async def test_when_we_are_told_to_stop_nobody_waits(
    homeserver: Homeserver, members: HomeserverMembership, reachability: Reachability
) -> None:
    homeserver.answers = [AWAY]
    asking = asyncio.create_task(members.joined(ROOM))
    await homeserver.came.wait()
    reachability.stop()
    async with asyncio.timeout(5):
        with pytest.raises(NotAsked):
            await asking


async def test_a_token_that_is_refused_says_nothing_about_members(homeserver: Homeserver, members: HomeserverMembership) -> None:
    homeserver.answers = [said({"errcode": "M_UNKNOWN_TOKEN"}, 401)]
    with pytest.raises(LoginFailed):
        await members.joined(ROOM)


async def test_a_room_that_we_are_not_in_has_nobody_in_it(homeserver: Homeserver, members: HomeserverMembership) -> None:
    homeserver.answers = [said({"errcode": "M_FORBIDDEN"}, 403)]
    assert await members.joined(ROOM) == frozenset()


LEVELS = {"users": {"@karla:x": 50, "@konrad:x": 100, "@nora:x": "100"}, "users_default": 10}


@pytest.mark.parametrize(
    ("levels", "who"),
    [
        (LEVELS, {"karla", "konrad"}),
        (LEVELS | {"notifications": {"room": 100}}, {"konrad"}),
        (LEVELS | {"notifications": {"room": 10}}, {"karla", "konrad", "anke"}),
        (LEVELS | {"notifications": {"room": "0"}}, set[str]()),
        (LEVELS | {"notifications": [], "users": None}, set[str]()),
        ({}, set[str]()),
    ],
)
async def test_who_may_notify_everybody(
    homeserver: Homeserver, members: HomeserverMembership, levels: dict[str, object], who: set[str]
) -> None:
    """By the room's power levels; what is no number gives nobody anything."""
    homeserver.state["levels"] = said(levels)
    asked = ("karla", "konrad", "nora", "anke")
    assert {person for person in asked if await members.may_notify(ROOM, f"@{person}:x")} == who


async def test_who_made_a_room_may_notify_everybody(homeserver: Homeserver, members: HomeserverMembership) -> None:
    """From room version 12 on, creators have all power and stand in no power levels."""
    content = {"room_version": "12", "additional_creators": ["@konrad:x"]}
    homeserver.state["create"] = said({"sender": "@karla:x", "content": content})
    assert [await members.may_notify(ROOM, f"@{person}:x") for person in ("karla", "konrad", "anke")] == [True, True, False]


async def test_nobody_may_notify_everybody_in_a_room_that_we_are_not_in(
    homeserver: Homeserver, members: HomeserverMembership
) -> None:
    homeserver.state["levels"] = said({"errcode": "M_FORBIDDEN"}, 403)
    assert not await members.may_notify(ROOM, "@karla:x")


async def test_without_an_answer_about_power_nobody_knows(homeserver: Homeserver, members: HomeserverMembership) -> None:
    homeserver.state["levels"] = said({"errcode": "M_UNKNOWN"}, 500)
    with pytest.raises(MembershipUnknown):
        await members.may_notify(ROOM, "@karla:x")
