"""The disk of the device is full or broken: nothing is taken that could be lost, nothing is sent whose keys could not be kept."""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from nio import MatrixRoom

from bot.command import Message, Reaction
from bot.errors import HomeserverAway
from bot.matrix.client import GuardedClient, JournalDiverged
from bot.matrix.disk import Disk
from bot.matrix.inbox import Inbox
from bot.matrix.journal import Entry, Journal
from bot.matrix.sender import RoomSender
from bot.matrix.stream import News
from bot.matrix.sync import SyncLoop
from tests.matrix.crypto.exchange import ROOM, Exchange, Machine

MEGABYTE = 2**20
Free = Callable[[int], None]


class Says:
    """What the system says of every disk."""

    def __init__(self, found: object) -> None:
        self._found = found

    def __call__(self, _path: object) -> object:
        return self._found


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Free:
    """Let so many bytes be free on every disk."""

    def set_free(size: int) -> None:
        found = SimpleNamespace(f_bavail=size, f_frsize=1, f_blocks=10**12)
        monkeypatch.setattr(os, "statvfs", Says(found))

    return set_free


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(Exchange(), tmp_path / "bot")


@pytest.fixture
def journal(machine: Machine) -> Journal:
    return Journal(machine.database)


def read_only(journal: Journal, now: bool) -> None:  # noqa: FBT001  (on or off)
    journal._run(f"PRAGMA query_only = {int(now)}")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  (nobody says when)
            await asyncio.sleep(0.02)


# Looking at the disk


def test_room_for_what_comes(tmp_path: Path, free: Free) -> None:
    """Several times its size, and some to spare. While there is plenty, nobody has to know how large it is."""
    disk = Disk(tmp_path)
    free(10 * MEGABYTE)
    assert [disk.has_room(lambda size=size: size) for size in (0, MEGABYTE // 4, MEGABYTE)] == [True, True, False]
    free(7 * MEGABYTE)
    assert not disk.has_room()
    free(10_000 * MEGABYTE)
    assert disk.has_room(lambda: pytest.fail("weighed for nothing"))


def test_a_disk_of_unknown_size_has_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some file systems say nothing, and a folder that is gone is found out by who writes there."""
    assert Disk(tmp_path / "gone").has_room()
    monkeypatch.setattr(os, "statvfs", Says(SimpleNamespace(f_bavail=0, f_frsize=1, f_blocks=0)))
    assert Disk(tmp_path).has_room()


def test_the_journal_says_once_what_is_wrong(journal: Journal, free: Free) -> None:
    with structlog.testing.capture_logs() as lines:
        assert (journal.trouble(), journal.in_trouble) == (None, False)
        free(0)
        assert (journal.in_trouble, journal.trouble(), journal.trouble()) == (True, "disk full", "disk full")
        free(100 * MEGABYTE)
        assert journal.in_trouble, "nobody has tried to write yet"
        assert (journal.trouble(), journal.in_trouble) == (None, False)
        read_only(journal, True)
        assert (journal.trouble(), journal.trouble(), journal.in_trouble) == ("read-only", "read-only", True)
        read_only(journal, False)
        assert journal.trouble() is None
    assert [(line["event"], line.get("reason")) for line in lines] == [
        ("journal_not_written", "disk full"),
        ("journal_written_again", None),
        ("journal_not_written", "read-only"),
        ("journal_written_again", None),
    ]


# The sync loop


class Sync:
    """A sync loop that is told something new whenever it asks."""

    def __init__(self, machine: Machine, journal: Journal, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        client = GuardedClient("http://127.0.0.1:9", machine.user_id, machine.device_id, folder)
        client.user_id = machine.user_id
        self.journal = journal
        self.asked = 0
        self.loop = SyncLoop(
            client,
            journal,
            machine.encryption,
            lambda: None,
            look=self._nothing,
            patience=300,
            now=lambda: 0.0,
            recovered=lambda: None,
        )
        monkeypatch.setattr(self.loop._stream, "next", self._next)

    async def _nothing(self, _rooms: object) -> None:
        return

    async def _next(self, _wait_ms: int) -> News:
        self.asked += 1
        raw: dict[str, Any] = {"next_batch": f"s{self.asked}", "account_data": {"events": [{"content": {"x": "y" * MEGABYTE}}]}}
        return News(raw, self.journal.next_batch(), {})


@pytest.fixture
def sync(machine: Machine, journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sync:
    return Sync(machine, journal, tmp_path, monkeypatch)


async def test_nothing_is_asked_for_while_there_is_no_room(sync: Sync, free: Free) -> None:
    """And when there is, it goes on where it was."""
    free(MEGABYTE)
    assert not await sync.loop.turn(wait_ms=1)
    assert (sync.asked, sync.journal.next_batch()) == (0, None)
    assert 0 < sync.loop._pause < 10
    free(100 * MEGABYTE)
    assert await sync.loop.turn(wait_ms=1)
    assert sync.journal.next_batch() == "s1"


async def test_what_is_too_large_for_the_room_there_is_stays_with_the_homeserver(sync: Sync, free: Free) -> None:
    free(10 * MEGABYTE)
    assert not await sync.loop.turn(wait_ms=1)
    assert (sync.asked, sync.journal.next_batch()) == (1, None)


async def test_a_broken_disk_is_found_out_before_anything_is_taken(sync: Sync, free: Free) -> None:
    """Room enough, and nothing can be written: found out by writing."""
    free(100 * MEGABYTE)
    read_only(sync.journal, True)
    assert [await sync.loop.turn(wait_ms=1) for _ in range(3)] == [False, False, False]
    assert sync.asked == 1, "it asked once, and then no more"
    read_only(sync.journal, False)
    assert await sync.loop.turn(wait_ms=1)
    assert sync.journal.next_batch() == "s2"


async def test_what_fails_in_the_middle_ends_the_process_with_a_clear_word(sync: Sync, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last resort: what is in memory and what is on the disk may disagree."""

    def full(_before: float) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(sync.journal, "forget", full)
    with pytest.raises(JournalDiverged, match=r"^database or disk is full$"):
        await sync.loop.turn(wait_ms=1)


# Those who send and those who handle


@pytest.mark.parametrize("trouble", ["no room", "broken"])
async def test_a_send_is_only_postponed(
    machine: Machine, tmp_path: Path, free: Free, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    """It is the same for all rooms: the drain tries one now and then."""
    client = GuardedClient("http://127.0.0.1:9", machine.user_id, machine.device_id, tmp_path)
    client.rooms = {ROOM: MatrixRoom(ROOM, machine.user_id)}
    free(0 if trouble == "no room" else 100 * MEGABYTE)

    async def encrypt(*_arguments: object) -> tuple[str, dict[str, Any]]:
        assert trouble == "broken"
        raise sqlite3.OperationalError("disk I/O error")

    async def still_ours() -> bool:
        return True

    monkeypatch.setattr(machine.encryption, "encrypt", encrypt)
    with pytest.raises(HomeserverAway) as caught:
        await RoomSender(client, machine.encryption).send(ROOM, "m.room.message", {}, "t1", still_ours)
    assert str(caught.value) == f"state_dir: {'disk full' if trouble == 'no room' else 'disk I/O error'}"
    assert caught.value.retry_after == 5


class Handler:
    """Notes what it handles."""

    def __init__(self) -> None:
        self.handled: list[str] = []

    async def message(self, message: Message) -> None:
        self.handled.append(message.event_id)

    async def nothing(self, _event: Reaction | Entry) -> None:
        return

    def inbox(self, journal: Journal) -> Inbox:
        others = dict.fromkeys(("reaction", "invite", "left", "unreadable", "verification"), self.nothing)
        return Inbox(journal, "@bot:x", message=self.message, passes_over=lambda _event: False, **others)


def said(journal: Journal, event_id: str) -> None:
    source = {
        "type": "m.room.message",
        "sender": "@a:x",
        "content": {"msgtype": "m.text", "body": "!netz hilfe"},
        "event_id": event_id,
    }
    journal.add(event_id=event_id, room_id=ROOM, kind="event", source=source, batch=1)


async def test_nothing_is_handled_that_could_not_be_struck_out(
    journal: Journal, free: Free, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be handled again and again. When there is room, it is handled."""
    monkeypatch.setattr("bot.matrix.inbox._AFTER_A_FAILURE", 0.05)
    said(journal, "$1")
    free(0)
    handler = Handler()
    working = asyncio.create_task(handler.inbox(journal).settle())
    await asyncio.sleep(0.2)  # several tries
    assert handler.handled == []
    free(100 * MEGABYTE)
    journal.trouble()
    await working
    assert (handler.handled, journal.rooms_with_work()) == (["$1"], [])


async def test_an_inbox_that_cannot_write_says_it_once(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found out in the middle: what was handled is handled again, which has no effect any more."""
    monkeypatch.setattr("bot.matrix.inbox._AFTER_A_FAILURE", 0.05)
    said(journal, "$1")
    handler = Handler()
    inbox = handler.inbox(journal)
    read_only(journal, True)
    with structlog.testing.capture_logs() as lines:
        running = asyncio.create_task(inbox.run())
        await until(lambda: bool(lines))
        began = time.monotonic()
        await asyncio.sleep(0.3)  # several tries
        read_only(journal, False)
        journal.trouble()
        await until(lambda: not journal.rooms_with_work())
        inbox.stop()
        await running
    assert time.monotonic() - began < 5
    assert [line["event"] for line in lines] == ["journal_not_written", "journal_written_again"]
    assert set(handler.handled) == {"$1"}
