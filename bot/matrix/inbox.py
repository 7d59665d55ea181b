"""Works off the journal: every entry once, in order within a room, several rooms at a time.

An entry is struck out after its effect is committed. A crash in between brings it back, and the shared database says that it is done.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog

from bot.command import Message, Reaction
from bot.db.engine import Unavailable, reason_of
from bot.errors import ChatUnavailable, LoginFailed, MembershipUnknown, NotYet
from bot.matrix.events import parse
from bot.matrix.journal import Entry, Journal
from bot.waiting import pause

log = structlog.get_logger(__name__)

ROOMS_AT_ONCE = 8
_LONGEST_PAUSE = 30.0
_AFTER_A_FAILURE = 5.0


class Inbox:
    """Hands messages, reactions and invites to those who handle them. They raise what is to be tried again, and nothing else."""

    def __init__(
        self,
        journal: Journal,
        own_user_id: str,
        *,
        message: Callable[[Message], Awaitable[None]],
        reaction: Callable[[Reaction], Awaitable[None]],
        invite: Callable[[Entry], Awaitable[None]],
        unreadable: Callable[[Entry], Awaitable[None]],
        verification: Callable[[Entry], Awaitable[None]],
    ) -> None:
        self._journal = journal
        self._own_user_id = own_user_id
        self._message = message
        self._reaction = reaction
        self._others = {"invite": invite, "unreadable": unreadable, "verification": verification}
        self._arrived = asyncio.Event()
        self._stopping = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}

    def arrived(self) -> None:
        """Look now: something was written into the journal."""
        self._arrived.set()

    def stop(self) -> None:
        """End `run` after what is being handled."""
        self._stopping.set()
        self._arrived.set()

    async def run(self) -> None:
        """Work until `stop()`."""
        while not self._stopping.is_set():
            self._arrived.clear()
            for room_id in self._journal.rooms_with_work():
                if room_id not in self._busy and len(self._busy) < ROOMS_AT_ONCE:
                    task = asyncio.create_task(self._work_off(room_id), name=f"inbox {room_id}")
                    self._busy[room_id] = task
                    task.add_done_callback(self._room_done)
            await self._arrived.wait()
        await asyncio.gather(*self._busy.values())

    async def settle(self) -> None:
        """Work off everything that is there now (before the bot says that it is ready)."""
        for room_id in self._journal.rooms_with_work():
            await self._work_off(room_id)

    def _room_done(self, task: asyncio.Task[None]) -> None:
        self._busy = {room: busy for room, busy in self._busy.items() if busy is not task}
        if task.cancelled() or task.exception() is None:
            self._arrived.set()
        else:  # the journal itself failed (a full disk): look again, but do not spin
            log.error("inbox_task_failed", task=task.get_name(), exc_info=task.exception())
            asyncio.get_running_loop().call_later(_AFTER_A_FAILURE, self._arrived.set)

    async def _work_off(self, room_id: str) -> None:
        failures = 0
        while not self._stopping.is_set() and (entry := self._journal.next_in(room_id)) is not None:
            try:
                await self._handle(entry)
            except (*Unavailable, ChatUnavailable, MembershipUnknown, LoginFailed, NotYet) as error:
                failures += 1
                log.warning("entry_postponed", event_id=entry.event_id, reason=f"{type(error).__name__}: {reason_of(error)}")
                await pause(min(_LONGEST_PAUSE, 0.5 * 2.0 ** min(failures, 6)) * random.uniform(0.5, 1.0), self._stopping)  # noqa: S311  (spreads retries)
                continue
            except Exception:  # a mistake of ours about one event must not stop its room for good; logged whole
                log.exception("entry_dropped", event_id=entry.event_id, kind=entry.kind)
            failures = 0
            self._journal.done(entry.seq)

    async def _handle(self, entry: Entry) -> None:
        if entry.kind in self._others:
            await self._others[entry.kind](entry)
            return
        flaw = entry.kind.partition(":")[2] or None
        event = parse(entry.source, entry.room_id, self._own_user_id, flaw)
        if isinstance(event, Message):
            await self._message(event)
        elif isinstance(event, Reaction):
            await self._reaction(event)
