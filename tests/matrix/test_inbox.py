"""The inbox: an entry is struck out after its effect, and never before."""

import asyncio
from pathlib import Path

import pytest
from peewee import SqliteDatabase
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bot.command import Message, Reaction
from bot.matrix.inbox import Inbox
from bot.matrix.journal import Entry, Journal

ROOM = "!r:netz.example"


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    journal = Journal(SqliteDatabase(str(tmp_path / "device.sqlite")))
    for number in (1, 2):
        source = {"type": "m.room.message", "sender": "@a:x", "content": {"msgtype": "m.text", "body": "!netz hilfe"}}
        journal.add(event_id=f"${number}", room_id=ROOM, kind="event", batch=1, source=source | {"event_id": f"${number}"})
    return journal


class Handler:
    """Handles messages; raises what it is told to, once each, and says when everything is handled."""

    def __init__(self, *troubles: Exception) -> None:
        self.troubles = list(troubles)
        self.handled: list[str] = []
        self.failed = asyncio.Event()

    async def message(self, message: Message) -> None:
        if self.troubles:
            self.failed.set()
            raise self.troubles.pop(0)
        self.handled.append(message.event_id)

    async def nothing(self, _event: Reaction | Entry) -> None:
        return


def _inbox(journal: Journal, handler: Handler) -> Inbox:
    others = dict.fromkeys(("invite", "unreadable", "verification"), handler.nothing)
    return Inbox(journal, "@bot:x", message=handler.message, reaction=handler.nothing, **others)


@pytest.mark.parametrize("trouble", [PoolTimeout("the pool is exhausted")], ids=["database busy"])
async def test_what_cannot_be_handled_now_stays(journal: Journal, trouble: Exception) -> None:
    handler = Handler(trouble)
    inbox = _inbox(journal, handler)
    working = asyncio.create_task(inbox.settle())
    await handler.failed.wait()
    inbox.stop()
    await working
    assert journal.rooms_with_work() == [ROOM]


async def test_tried_again_and_in_order(journal: Journal) -> None:
    handler = Handler(PoolTimeout("the pool is exhausted"))
    await _inbox(journal, handler).settle()
    assert (handler.handled, journal.rooms_with_work()) == (["$1", "$2"], [])


async def test_an_event_that_we_cannot_bear_does_not_stop_its_room(journal: Journal) -> None:
    """A mistake of ours about one event is logged; what comes after it is handled."""
    handler = Handler(ValueError("a mistake of ours"))
    await _inbox(journal, handler).settle()
    assert (handler.handled, journal.rooms_with_work()) == (["$2"], [])
