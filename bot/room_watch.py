"""Looks after the network's rooms: which is which, whether we are in them and may speak there, and what becomes of those that move."""

import asyncio
from collections.abc import Awaitable, Callable, Collection

import structlog

from bot.clock import Clock
from bot.db.engine import Database, Unavailable
from bot.errors import ChatUnavailable, LoginFailed
from bot.matrix.client import GuardedClient
from bot.matrix.journal import Entry, Journal
from bot.matrix.room_changes import RoomChanges
from bot.matrix.room_looks import RoomLooks
from bot.matrix.rooms import HasRole, RoomKeeper
from bot.network_rooms import NetworkRooms
from bot.notices import Notices
from bot.room_moves import RoomMoves
from bot.room_pins import RoomPins
from bot.room_states import RoomStates
from bot.waiting import pause

log = structlog.get_logger(__name__)

_EVERY = 60.0
_AGAIN_IN = 3.1
"""Seconds until another look where a sync is waited for."""

_AT_MOST_EVERY = 1.0
"""Seconds between two looks: anybody in a direct chat can give us something to look at, as often as they like."""


class RoomWatch:
    """Looks from time to time, and when a sync or another device says that there is something to look at.

    `try_again(rooms)` sends what waits for rooms; `lose(room_id)` writes down that we are out of one; `changed()` is called when other
    devices should look, and there may be something to send.
    """

    def __init__(
        self,
        *,
        client: GuardedClient,
        journal: Journal,
        changes: RoomChanges,
        encrypted: Callable[[], Collection[str]],
        database: Database,
        network_rooms: NetworkRooms,
        clock: Clock,
        notices: Notices,
        has_role: HasRole,
        why_not: Callable[[], str],
        try_again: Callable[[Collection[str]], Awaitable[None]],
        lose: Callable[[str], None],
        changed: Callable[[], None],
    ) -> None:
        looks = RoomLooks(client, journal, changes, encrypted)
        self._changes = changes
        self._pins = RoomPins(database=database, network_rooms=network_rooms, clock=clock, find=self._find, moved=try_again)
        self._moves = RoomMoves(
            database=database,
            network_rooms=network_rooms,
            clock=clock,
            looks=looks,
            changes=changes,
            notices=notices,
            take_pins=self._pins.take,
            changed=changed,
        )
        self._states = RoomStates(
            network_rooms=network_rooms, looks=looks, changes=changes, notices=notices, try_again=try_again, lose=lose
        )
        self._keeper = RoomKeeper(client, network_rooms, self._moves, has_role, why_not)
        self._again_in = _EVERY
        self._woken = asyncio.Event()
        changes.wake = self._woken.set
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Look until `stop()`."""
        while not self._stopping.is_set():
            await pause(self._again_in, self._woken)
            self._woken.clear()
            if self._stopping.is_set():
                return
            try:
                await self.settle()
            except Unavailable:
                self._again_in = _AGAIN_IN
            except (ChatUnavailable, LoginFailed) as error:  # the sync loop finds out as well
                log.warning("rooms_not_looked_at", reason=str(error))
            await pause(_AT_MOST_EVERY, self._stopping)

    def stop(self) -> None:
        """End `run` after what is being looked at."""
        self._stopping.set()
        self._woken.set()

    def wake(self) -> None:
        """Look now: another device has found something."""
        self._woken.set()

    def arrived(self) -> None:
        """Take in what a sync has told."""
        self._keeper.learn_names()
        if self._changes.take_news():
            self._woken.set()

    async def decided(self) -> None:
        """Take over at once what was decided about a room, if anything was. Raises as the database does."""
        if self._moves.asked:
            await self._pins.take()
            self._woken.set()

    async def settle(self) -> None:
        """Look at everything. Raises as the database does."""
        await self._pins.settle()
        self._keeper.learn_names()
        await self._keeper.join_configured()
        unfinished = await self._moves.settle()
        unfinished = await self._states.settle() or unfinished
        self._again_in = _AGAIN_IN if unfinished else _EVERY

    async def handle_invite(self, entry: Entry) -> None:
        """Accept or decline an invite. Raises what is to be tried again."""
        await self._keeper.handle_invite(entry)

    async def handle_left(self, entry: Entry) -> None:
        """Tell that we are out of a room. Raises what is to be tried again."""
        await self._states.handle_left(entry)

    async def _find(self, keys: Collection[str]) -> dict[str, str]:
        return await self._keeper.find(keys)
