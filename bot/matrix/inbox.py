"""Works off the journal: every entry once, in order within a room, several rooms at a time.

An entry is struck out after its effect is committed. A crash in between brings it back, and the shared database says that it is done.
What nothing comes of, because it is for nobody or because its sender has asked for too much, is struck out by the dozen, and asks nobody.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from itertools import takewhile

import structlog

from bot.command import Message, Reaction
from bot.db.engine import Unavailable, reason_of
from bot.errors import ChatUnavailable, LoginFailed, MembershipUnknown, NotYet
from bot.matrix.crypto.store import StoreTrouble
from bot.matrix.events import parse
from bot.matrix.journal import INVITES, Entry, Journal
from bot.waiting import pause

log = structlog.get_logger(__name__)

ROOMS_AT_ONCE = 8
_LOOKED_AT_ONCE = 50
"""Entries that are passed over at once: some milliseconds' work, and one write for all."""

_SETTLES_WITHIN = 20.0
_LONGEST_PAUSE = 8.0
_LONGEST_PAUSE_OF_INVITES = 5.0  # they are of many rooms, and one that cannot be had holds up the others
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
        passes_over: Callable[[Message | Reaction], bool],
        invite: Callable[[Entry], Awaitable[None]],
        left: Callable[[Entry], Awaitable[None]],
        unreadable: Callable[[Entry], Awaitable[None]],
        verification: Callable[[Entry], Awaitable[None]],
    ) -> None:
        self._journal = journal
        self._own_user_id = own_user_id
        self._message = message
        self._reaction = reaction
        self._passes_over = passes_over
        self._others = {"invite": invite, "left": left, "unreadable": unreadable, "verification": verification}
        self._arrived = asyncio.Event()
        self._stopping = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._resting: set[str] = set()
        """Rooms of those that are busy which wait before they try again. They hold up no other."""

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
            self._begin()
            await self._arrived.wait()
        await asyncio.gather(*self._busy.values())

    async def settle(self, within: float = _SETTLES_WITHIN) -> None:
        """Work off what is there (before the bot says that it is ready), for so many seconds at the most: `run` goes on with the rest."""
        try:
            async with asyncio.timeout(within):
                while self._begin() and not self._stopping.is_set():
                    await self._arrived.wait()
        except TimeoutError:
            log.warning("inbox_not_settled", rooms=len(self._journal.rooms_with_work()))
        except asyncio.CancelledError:
            busy = list(self._busy.values())
            for task in busy:
                task.cancel()
            await asyncio.gather(*busy, return_exceptions=True)
            raise

    def _begin(self) -> bool:
        """Begin to work in as many rooms as there is room for. Return whether there is any work."""
        self._arrived.clear()
        for room_id in self._journal.rooms_with_work():
            if room_id not in self._busy and len(self._busy) - len(self._resting) < ROOMS_AT_ONCE:
                task = asyncio.create_task(self._work_off(room_id), name=f"inbox {room_id}")
                self._busy[room_id] = task
                task.add_done_callback(self._room_done)
        return bool(self._busy)

    def _room_done(self, task: asyncio.Task[None]) -> None:
        self._busy = {room: busy for room, busy in self._busy.items() if busy is not task}
        if task.cancelled() or task.exception() is None:
            self._arrived.set()
        else:  # the journal itself failed (a full disk): look again, but do not spin
            if not (isinstance(task.exception(), StoreTrouble) and self._journal.trouble()):  # which says it once, not each time
                log.error("inbox_task_failed", task=task.get_name(), exc_info=task.exception())
            asyncio.get_running_loop().call_later(_AFTER_A_FAILURE, self._arrived.set)

    async def _work_off(self, room_id: str) -> None:
        failures, most = 0, 1
        while not self._stopping.is_set() and (entries := self._journal.next_few(room_id, most)):
            if passed := [entry.seq for entry in takewhile(self._is_passed_over, entries)]:
                self._journal.done(*passed)
                most = _LOOKED_AT_ONCE  # there may be more where this came from
                await asyncio.sleep(0)
                continue
            if self._journal.in_trouble:  # nothing could be struck out
                await pause(_AFTER_A_FAILURE, self._stopping)
                continue
            entry, most = entries[0], 1
            try:
                await self._handle(entry)
            except (*Unavailable, ChatUnavailable, MembershipUnknown, LoginFailed, NotYet) as error:
                failures += 1
                if failures.bit_count() == 1:  # the first, second, fourth … time: hours of it must not fill the log
                    reason = f"{type(error).__name__}: {reason_of(error)}"
                    log.warning("entry_postponed", event_id=entry.event_id, failures=failures, reason=reason)
                await self._pause(entry, failures)
                continue
            except Exception:  # a mistake of ours about one event must not stop its room for good; logged whole
                log.exception("entry_dropped", event_id=entry.event_id, kind=entry.kind)
            failures = 0
            self._journal.done(entry.seq)

    async def _pause(self, entry: Entry, failures: int) -> None:
        longest = _LONGEST_PAUSE
        if entry.room_id == INVITES:
            self._journal.try_later(entry.seq)
            longest = _LONGEST_PAUSE_OF_INVITES
        self._resting.add(entry.room_id)
        self._arrived.set()  # another room may have its place meanwhile
        try:
            await pause(min(longest, 0.5 * 2.0 ** min(failures, 6)) * random.uniform(0.5, 1.0), self._stopping)  # noqa: S311  (spreads retries)
        finally:
            self._resting.discard(entry.room_id)

    def _is_passed_over(self, entry: Entry) -> bool:
        """Whether nothing is to be done about an entry; known without asking anybody."""
        if entry.kind in self._others:
            return False
        try:
            event = self._event(entry)
            return event is None or self._passes_over(event)
        except Exception:  # noqa: BLE001  (a mistake of ours about one event: it is raised again where it is handled, and dealt with there)
            return False

    async def _handle(self, entry: Entry) -> None:
        if entry.kind in self._others:
            await self._others[entry.kind](entry)
            return
        event = self._event(entry)
        if isinstance(event, Message):
            await self._message(event)
        elif isinstance(event, Reaction):
            await self._reaction(event)

    def _event(self, entry: Entry) -> Message | Reaction | None:
        flaw = entry.kind.partition(":")[2] or None
        return parse(entry.source, entry.room_id, self._own_user_id, flaw)
