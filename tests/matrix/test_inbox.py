"""The inbox: an entry is struck out after its effect, and never before."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

import pytest
from peewee import SqliteDatabase
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bot.command import Message, Reaction
from bot.errors import ChatUnavailable, MembershipUnknown
from bot.matrix.inbox import ROOMS_AT_ONCE, Inbox
from bot.matrix.journal import INVITES, Entry, Journal

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

    def __init__(self, *troubles: Exception, passed_over: Collection[str] = ()) -> None:
        self.troubles = list(troubles)
        self.passed_over = passed_over
        self.handled: list[str] = []
        self.failed = asyncio.Event()
        self.all_handled = asyncio.Event()  # all three

    async def message(self, message: Message) -> None:
        if self.troubles:
            self.failed.set()
            raise self.troubles.pop(0)
        self.handled.append(message.event_id)
        if len(self.handled) == 3:
            self.all_handled.set()

    def passes_over(self, event: Message | Reaction) -> bool:
        return event.event_id in self.passed_over

    async def nothing(self, _event: Reaction | Entry) -> None:
        return


def _inbox(journal: Journal, handler: Handler, **more: Callable[[Entry], Awaitable[None]]) -> Inbox:
    others = dict.fromkeys(("invite", "left", "unreadable", "verification"), handler.nothing)
    return Inbox(
        journal, "@bot:x", message=handler.message, reaction=handler.nothing, passes_over=handler.passes_over, **(others | more)
    )


@pytest.mark.parametrize("trouble", [PoolTimeout("the pool is exhausted")], ids=["database busy"])
async def test_what_cannot_be_handled_now_stays(journal: Journal, trouble: Exception) -> None:
    handler = Handler(trouble)
    inbox = _inbox(journal, handler)
    working = asyncio.create_task(inbox.settle())
    await handler.failed.wait()
    inbox.stop()
    await working
    assert journal.rooms_with_work() == [ROOM]


async def test_rooms_that_cannot_be_asked_about_hold_up_no_other(journal: Journal) -> None:
    """There are more of them than rooms are worked off at once."""
    said = {"type": "m.room.message", "sender": "@a:x", "content": {"msgtype": "m.text", "body": "!netz hilfe"}}
    for room, event_id in [*((f"!{number}:x", f"$dead{number}") for number in range(ROOMS_AT_ONCE + 1)), ("!well:x", "$3")]:
        journal.add(event_id=event_id, room_id=room, kind="event", batch=0, source=said | {"event_id": event_id})

    class Partly(Handler):
        async def message(self, message: Message) -> None:
            if message.event_id.startswith("$dead"):
                raise MembershipUnknown(message.room_id, "504")
            await super().message(message)

    handler = Partly()
    inbox = _inbox(journal, handler)
    working = asyncio.create_task(inbox.settle())
    async with asyncio.timeout(10):
        await handler.all_handled.wait()
    inbox.stop()
    await working
    assert len(journal.rooms_with_work()) == ROOMS_AT_ONCE + 1


async def test_tried_again_and_in_order(journal: Journal) -> None:
    handler = Handler(PoolTimeout("the pool is exhausted"))
    await _inbox(journal, handler).settle()
    assert (handler.handled, journal.rooms_with_work()) == (["$1", "$2"], [])


async def test_an_event_that_we_cannot_bear_does_not_stop_its_room(journal: Journal) -> None:
    """A mistake of ours about one event is logged; what comes after it is handled."""
    handler = Handler(ValueError("a mistake of ours"))
    await _inbox(journal, handler).settle()
    assert (handler.handled, journal.rooms_with_work()) == (["$2"], [])


def say(journal: Journal, room_id: str, *event_ids: str) -> None:
    """Write messages into the journal."""
    for event_id in event_ids:
        source = {"type": "m.room.message", "sender": "@a:x", "content": {"msgtype": "m.text", "body": "!netz hilfe"}}
        journal.add(event_id=event_id, room_id=room_id, kind="event", batch=2, source=source | {"event_id": event_id})


async def test_what_is_passed_over_is_struck_out_in_a_few_writes(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each write waits for the disk, and nothing else goes on meanwhile: a flood of which nothing comes must not cost one each."""
    struck_out: list[int] = []
    done = journal.done

    def counting(*seqs: int) -> None:
        struck_out.append(len(seqs))
        done(*seqs)

    monkeypatch.setattr(journal, "done", counting)
    flood = [f"$f{number}" for number in range(500)]
    say(journal, ROOM, *flood, "$3")
    handler = Handler(passed_over=flood)
    await _inbox(journal, handler).settle()
    assert (handler.handled, journal.rooms_with_work()) == (["$1", "$2", "$3"], [])
    assert sum(struck_out) == 503
    assert len(struck_out) < 20


async def test_a_mistake_in_passing_over_does_not_stop_a_room(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is met again where the event is handled, or not at all."""
    handler = Handler()
    monkeypatch.setattr(handler, "passes_over", None)
    await _inbox(journal, handler).settle()
    assert (handler.handled, journal.rooms_with_work()) == (["$1", "$2"], [])


def invite(journal: Journal, room_id: str, inviter: str, batch: int = 1) -> None:
    journal.add(
        event_id=f"invite:{room_id}:{batch}",
        room_id=INVITES,
        kind="invite",
        source={"inviter": inviter, "room_id": room_id},
        batch=batch,
    )


class Invites:
    """Notes the rooms into which we are invited; those `away` cannot be had. `enough` is set after as many tries as are wanted."""

    def __init__(self, *away: str, wanted: int = 0) -> None:
        self.away = away
        self.tried: list[str] = []
        self.wanted = wanted
        self.enough = asyncio.Event()

    async def invite(self, entry: Entry) -> None:
        room_id = str(entry.source["room_id"])
        self.tried.append(room_id)
        if len(self.tried) == self.wanted:
            self.enough.set()
        if room_id in self.away:
            raise ChatUnavailable("away")


async def test_invites_take_one_place_and_turns(journal: Journal) -> None:
    """Hundreds of invites of one person do not come before a message, nor before the invite of somebody else."""
    for number in range(300):
        invite(journal, f"!m{number}:x", "@mallory:x")
    invite(journal, "!karla:x", "@karla:x", batch=2)
    assert journal.rooms_with_work() == [ROOM, INVITES]
    assert journal.inviters() == {"@mallory:x": 300, "@karla:x": 1}
    invites = Invites()
    await _inbox(journal, Handler(), invite=invites.invite).settle()
    assert invites.tried[0] == "!karla:x"
    assert invites.tried[1:] == [f"!m{number}:x" for number in range(300)]
    assert journal.rooms_with_work() == []


async def test_an_invite_that_cannot_be_had_holds_up_no_other(journal: Journal) -> None:
    """Its room may lie on a homeserver that is gone."""
    for name in ("gone", "a", "b"):
        invite(journal, f"!{name}:x", f"@{name}:x")
    invites = Invites("!gone:x", wanted=4)
    inbox = _inbox(journal, Handler(), invite=invites.invite)
    working = asyncio.create_task(inbox.settle())
    await asyncio.wait_for(invites.enough.wait(), 20)
    inbox.stop()
    await working
    assert invites.tried[:4] == ["!gone:x", "!a:x", "!b:x", "!gone:x"]
    assert [str(entry.source["room_id"]) for entry in journal.next_few(INVITES, 9)] == ["!gone:x"]


async def test_an_invite_in_the_journal_of_an_earlier_netzwart(journal: Journal) -> None:
    """There each was a lane of its own, under its room."""
    journal.add(event_id="invite:!old:x:1", room_id="!old:x", kind="invite", source={"inviter": "@karla:x"}, batch=1)
    handled: list[tuple[str, str]] = []

    async def note(entry: Entry) -> None:
        handled.append((entry.room_id, entry.source["inviter"]))

    await _inbox(journal, Handler(), invite=note).settle()
    assert handled == [("!old:x", "@karla:x")]


async def test_settling_ends_and_the_rest_is_gone_on_with(journal: Journal) -> None:
    """What cannot be handled now must not keep the bot from hearing what else is said."""
    say(journal, "!other:x", "$3")
    handler = Handler(PoolTimeout("the pool is exhausted"))
    inbox = _inbox(journal, handler)
    started = time.monotonic()
    await inbox.settle(within=0.1)
    assert time.monotonic() - started < 10  # not until all is handled, which would be never
    assert journal.rooms_with_work()
    running = asyncio.create_task(inbox.run())
    await asyncio.wait_for(handler.all_handled.wait(), 20)
    inbox.stop()
    await running
    assert sorted(handler.handled) == ["$1", "$2", "$3"]
