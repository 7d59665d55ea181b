"""What syncs say of rooms: who may speak, what replaces what, how we came out. Everything in it may be wrong or hostile."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.matrix.room_changes import HeardSender, RoomChanges, departure
from bot.matrix.sender import RoomSender

BOT, ROOM, NEW = "@bot:x", "!old:x", "!new"


def state(kind: str, content: object, sender: str = "@karla:x", key: object = "") -> dict[str, Any]:
    return {"type": kind, "state_key": key, "content": content, "sender": sender, "event_id": f"${kind}"}


def ours(membership: str, sender: str) -> dict[str, Any]:
    return state("m.room.member", {"membership": membership}, sender, BOT)


@pytest.mark.parametrize(
    ("levels", "in_clear", "encrypted"),
    [
        ({}, True, True),
        ({"events_default": 1}, False, False),
        ({"events_default": 50, "users": {BOT: 50}}, True, True),
        ({"events_default": 50, "users_default": 50, "users": {BOT: 0}}, False, False),
        ({"events_default": 50, "users_default": 50}, True, True),
        ({"events": {"m.room.message": 50}}, False, True),
        ({"events": {"m.room.encrypted": 50}}, True, False),
        ({"events": {"m.room.encrypted": 0, "m.room.message": 0}, "events_default": 50}, True, True),
        ({"users_default": -1}, False, False),
        ({"events_default": "50", "users": {BOT: "50"}}, True, True),
        ({"events_default": "viel", "users": [], "events": None}, True, True),
    ],
)
def test_who_may_speak(levels: dict[str, Any], *, in_clear: bool, encrypted: bool) -> None:
    """By the power levels alone; what is no level counts as the default."""
    changes = RoomChanges(BOT)
    changes.joined(ROOM, [state("m.room.power_levels", levels)])
    assert changes.may_speak(ROOM, encrypted=False) is in_clear
    assert changes.may_speak(ROOM, encrypted=True) is encrypted


@pytest.mark.parametrize(("version", "may"), [("11", False), ("12", True), (None, False)])
def test_a_creator_needs_no_power_from_version_12_on(version: str | None, *, may: bool) -> None:
    changes = RoomChanges(BOT)
    content = {"additional_creators": [7, BOT]} | ({"room_version": version} if version else {})
    changes.joined(ROOM, [state("m.room.create", content), state("m.room.power_levels", {"events_default": 50})])
    assert changes.may_speak(ROOM, encrypted=True) is may


@pytest.mark.parametrize("replacement", [None, "", 7, ["!x"], "#alias:x", ROOM])
def test_a_tombstone_that_names_no_other_room_replaces_nothing(replacement: object) -> None:
    """One that was taken back, or redacted, does not either."""
    changes = RoomChanges(BOT)
    changes.joined(ROOM, [state("m.room.tombstone", {"replacement_room": NEW})])
    assert changes.replacements()[ROOM].room_id == NEW
    changes.joined(ROOM, [state("m.room.tombstone", {"replacement_room": replacement})])
    assert changes.replacements() == {}


def test_a_tombstone_with_a_key_is_none() -> None:
    """Only the one with an empty state key counts (Client-Server API v1.18, m.room.tombstone)."""
    changes = RoomChanges(BOT)
    changes.joined(ROOM, [state("m.room.tombstone", {"replacement_room": NEW}, key="x")])
    changes.joined(ROOM, [{"type": "m.room.tombstone", "content": {"replacement_room": NEW}, "sender": "@karla:x"}])
    assert changes.replacements() == {}


def test_what_is_news() -> None:
    """A settling look costs questions. Our own membership comes along with what we say; that is none."""
    changes = RoomChanges(BOT)
    changes.joined(ROOM, [ours("join", BOT)])
    assert (changes.take_news(), changes.take_entered()) == (True, {ROOM})
    changes.joined(ROOM, [ours("join", BOT)], [state("m.room.message", {}, key=None), state("m.room.name", {})])
    changes.joined(ROOM, [], [ours("join", BOT) | {"unsigned": {"prev_content": {"membership": "join"}}}])
    assert (changes.take_news(), changes.take_entered()) == (False, set())
    changes.joined(ROOM, [], [ours("join", BOT) | {"unsigned": {"prev_content": {"membership": "invite"}}}])
    assert (changes.take_news(), changes.take_entered()) == (True, {ROOM})
    changes.left(ROOM)
    assert changes.take_news()
    changes.joined(ROOM, [])
    assert changes.take_news()


@pytest.mark.parametrize(
    ("events", "how", "by"),
    [
        ([ours("leave", "@karla:x")], "kicked", "@karla:x"),
        ([ours("leave", "@karla:x"), ours("ban", "@karla:x")], "banned", "@karla:x"),
        ([ours("leave", BOT)], "gone", BOT),
        ([state("m.room.member", {"membership": "ban"}, "@karla:x", "@other:x")], "gone", ""),
        ([], "gone", ""),
        ([state("m.room.member", "?", "@karla:x", BOT)], "kicked", "@karla:x"),
    ],
)
def test_how_we_came_out(events: list[dict[str, Any]], how: str, by: str) -> None:
    """An administrator's deletion looks as if we had left ourselves, or like nothing at all."""
    left = departure(events, BOT, was_in=True)
    assert (left["how"], left["by"]) == (how, by)


def test_refused_until_heard_or_the_power_levels_change() -> None:
    """That the homeserver refused something says nothing about what holds after new power levels."""
    changes = RoomChanges(BOT)
    changes.refused(ROOM)
    assert changes.is_refused(ROOM)
    changes.joined(ROOM, [state("m.room.power_levels", {})])
    assert (changes.is_refused(ROOM), changes.take_entered()) == (False, {ROOM})
    changes.refused(ROOM)
    changes.heard(ROOM)
    assert (changes.is_refused(ROOM), changes.is_heard(ROOM)) == (False, True)


def test_a_chat_is_followed_as_long_as_we_are_in_the_new_one() -> None:
    """Otherwise the old one is better than nothing."""
    changes = RoomChanges(BOT)
    changes.follow(ROOM, NEW)
    assert (changes.now(ROOM), changes.now(NEW)) == (NEW, NEW)
    changes.left(NEW)
    assert changes.now(ROOM) == ROOM


async def test_what_may_have_been_said_is_looked_for_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Said in the old room and killed before it was written down: then the room was replaced."""
    stands_in, looked_in = {ROOM}, list[str]()

    async def find(_sender: RoomSender, room_id: str, *_more: object) -> str | None:
        looked_in.append(room_id)
        return "$said" if room_id in stands_in else None

    async def found(room_id: str) -> str | None:
        return await sender.find(room_id, "key", "transaction", datetime.now(UTC))

    monkeypatch.setattr(RoomSender, "find", find)
    changes, nothing = RoomChanges(BOT), cast("Any", SimpleNamespace(store_path=None))
    sender = HeardSender(nothing, nothing, changes)
    assert (await found(NEW), looked_in) == (None, [NEW])
    changes.joined(ROOM, [state("m.room.tombstone", {"replacement_room": NEW})])
    assert await found(NEW) == "$said"
    stands_in.clear()
    changes.follow(ROOM, NEW)
    looked_in.clear()
    assert (await found(ROOM), looked_in) == (None, [ROOM, NEW])
