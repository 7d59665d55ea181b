"""The bot's devices: real parts on a real database, which can die at any moment and come back with what was on disk.

Replaced are the three seams (the chat, the members, the clock), and nothing else.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from peewee import SqliteDatabase
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

import schedules
from bot.authorising import Authoriser
from bot.clock import FixedClock
from bot.command import Message, Reaction
from bot.config import RemindersConfig
from bot.db.engine import Database, Unavailable
from bot.db.tables import broadcasts, deliveries, submissions
from bot.delivery import Drain
from bot.dispatcher import Dispatcher, Identity
from bot.errors import Forbidden, MembershipUnknown, NeverAccepted, NotYet
from bot.limits import Limits
from bot.matrix.events import readable
from bot.matrix.inbox import Inbox
from bot.matrix.journal import Entry, Journal
from bot.network_rooms import NetworkRooms
from bot.pace import Pace
from bot.posting import Poster, StillOurs
from bot.registry import find_policies
from bot.reminder_policy import ReminderPolicy
from bot.scheduler import Scheduler
from tests.conversation import BOT, Members, registry, room_id
from tests.model.homeserver import Event, Homeserver, Trouble
from tests.model.model import ZONE, Model, State

SECRET = b"shared by the devices"
TRANSACTION = ("begin", "commit", "committed")
"""Where the database may be gone: before a transaction, before its commit, and after it, so that nobody knows of it."""

POINTS = (*TRANSACTION, "send", "sent", "find", "receive", "strike out", "struck out")
"""Where a device may die."""


@cache
def policies() -> tuple[ReminderPolicy[Any], ...]:
    """Return the reminder policies that the model knows."""
    return tuple(policy for policy in find_policies(schedules) if policy.name in ("report-deadline", "broadcast"))


class Died(BaseException):
    """A device died, as of `kill -9`: nothing that it does after this has any effect."""

    def __init__(self, device: "Device") -> None:
        super().__init__(device.name)
        self.device = device


@dataclass
class Doom:
    """What happens to a device when it passes a point for the nth time: it dies, or (`away`) finds the database gone at that moment."""

    point: str
    nth: int
    away: bool = False


class InTurn(Database):
    """A database that is used by one after the other, if there are `turns` to wait for."""

    def __init__(self, engine: AsyncEngine, turns: AbstractAsyncContextManager[None]) -> None:
        super().__init__(engine)
        self.turns = turns

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[AsyncSession]:
        async with self.turns, super().begin() as session:
            yield session


@dataclass
class Surroundings:
    """What the devices share. `rooms`: the keys of the configured ones; `exact`: nothing happens at the same time but what we order."""

    database: InTurn
    folder: Path
    rooms: tuple[str, ...]
    clock: FixedClock
    members: Members
    model: Model
    exact: bool
    homeserver: Homeserver = field(default_factory=Homeserver)
    devices: dict[str, "Device"] = field(default_factory=dict[str, "Device"])
    silent: set[str] = field(default_factory=set[str])
    """Devices that the others believe to be dead."""
    hops: "cycle[int]" = field(default_factory=lambda: cycle([0]))
    """How many others may go first, wherever there is a choice."""
    offered: dict[str, Event] = field(default_factory=dict[str, Event])
    """Key → what was to be said under it, whether or not the homeserver took it."""
    refused: defaultdict[str, set[type[Exception]]] = field(default_factory=lambda: defaultdict(set))
    """Key → how it was refused, if in a way that the bot need not put up with."""
    carriers: dict[str, str] = field(default_factory=dict[str, str])
    """Key of a reminder → key of the message that says it, if that is another one's."""
    wrongs: list[str] = field(default_factory=list[str])
    interludes: dict[str, Callable[[], Awaitable[None]]] = field(default_factory=dict[str, Callable[[], Awaitable[None]]])
    """Device → what happens while it sends its next message."""
    _interrupted: bool = False
    _at: defaultdict[str, list["Device"]] = field(default_factory=lambda: defaultdict(list))

    def alive(self, device: str) -> set[str]:
        """Return the devices that a device does not believe to be dead."""
        return ({*self.devices} - self.silent) | {device}

    async def hop(self) -> None:
        """Let others go first."""
        for _ in range(next(self.hops)):
            await asyncio.sleep(0)

    async def interlude(self, device: "Device") -> None:
        """Let happen what is to happen while a device sends; one such thing at a time, or they would wait for one another."""
        if not self._interrupted and device.name in self.interludes:
            self._interrupted = True
            try:
                await self.interludes.pop(device.name)()
            finally:
                self._interrupted = False

    @contextmanager
    def working_at(self, key: str, device: "Device") -> Generator[None]:
        """Note that a device is sending or looking for a message. What one has taken that is alive is left to it."""
        for other in self._at[key]:
            if other is not device and not other.dead and other.name not in self.silent:
                self.wrongs.append(f"{device.name} takes {key} from {other.name}, which is alive")
        self._at[key].append(device)
        try:
            yield
        finally:
            self._at[key].remove(device)

    async def claimed_by(self, key: str) -> str | None:
        """Return which device has a message."""
        async with self.database.begin() as session:
            return await session.scalar(sa.select(deliveries.c.claimed_by).where(deliveries.c.key == key))

    async def said_by(self, key: str) -> set[str]:
        """Return what a message says: itself, and the reminders that it carries."""
        async with self.database.begin() as session:
            carried = await session.scalars(sa.select(deliveries.c.key).where(deliveries.c.carried_by == key))
            self.carriers |= dict.fromkeys(carried, key)
        return {key, *(other for other, carrier in self.carriers.items() if carrier == key)}

    def put(self, device: "Device", event: Event, says: set[str]) -> Event:
        """Let the homeserver have a new event of a device. `says`: the keys of what it says."""
        key = event.key or ""
        if key in {each.key for each in self.homeserver.timeline(event.room_id)}:
            self.wrongs.append(f"{key} is said twice in {event.room_id}, now by {device.name}")
        if self.model.is_reminder(key) and not says & self.model.lately:
            self.wrongs.append(f"{key} has lost its sense, and is said by {device.name}")
        self.model.owed -= says
        return self.homeserver.add(event)

    def learn(self, facts: "Facts", *, late: bool = False) -> None:
        """The facts may have changed. `late`: they may have changed again since."""
        self.model.planned |= facts.planned
        self.model.confirmed = facts.confirmed
        self.model.look_around(facts.handed_in)
        for debtor, state in () if late else facts.handed_in.items():
            if not self.model.holds(debtor, state):
                self.wrongs.append(f"{debtor} has handed in {state}, which nobody can have meant at this time")


class Facts(NamedTuple):
    """What stands in the database: debtor → what is handed in; the broadcasts that have a time, and which of them are to go out."""

    handed_in: dict[str, State]
    planned: dict[int, datetime]
    confirmed: set[int]


async def facts(session: AsyncSession, debtors: Iterable[str]) -> Facts:
    """Return the facts, as a transaction sees them."""
    found = Facts({debtor: {} for debtor in debtors}, {}, set())
    for row in await session.execute(sa.select(submissions.c.debtor, submissions.c.report, submissions.c.link)):
        found.handed_in[row.debtor][row.report] = row.link
    columns = (broadcasts.c.id, broadcasts.c.send_at, broadcasts.c.state)
    for row in await session.execute(sa.select(*columns).where(broadcasts.c.send_at.is_not(None))):
        found.planned[row.id] = row.send_at
        if row.state == "confirmed":
            found.confirmed.add(row.id)
    return found


class Watched(InTurn):
    """The way of a device to the shared database. `committed` is called after a commit, with the facts by then."""

    def __init__(self, device: "Device", committed: Callable[[Facts], None] | None = None) -> None:
        super().__init__(device.around.database.engine, device.around.database.turns)
        self._device = device
        self._committed = committed

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[AsyncSession]:
        await self._device.around.hop()
        self._device.passes("begin")
        async with super().begin() as session:
            yield session
            found = await facts(session, self._device.around.model.debtors) if self._committed else None
            self._device.passes("commit")
        if self._committed is not None and found is not None:
            self._committed(found)
        self._device.passes("committed")


class WatchedJournal(Journal):
    """The journal of a device."""

    def __init__(self, file: SqliteDatabase, device: "Device") -> None:
        self._device = device
        super().__init__(file)
        file.execute_sql("PRAGMA synchronous=OFF")  # nobody pulls the plug here, and it is much quicker

    def done(self, *seqs: int) -> None:
        self._device.passes("strike out")
        super().done(*seqs)
        self._device.moved.set()
        self._device.passes("struck out")


class Line:
    """The chat, as a device sees it."""

    def __init__(self, device: "Device") -> None:
        self._device = device
        self._around = device.around

    async def send(
        self, room_id: str, event_type: str, content: Mapping[str, Any], transaction_id: str, still_ours: StillOurs
    ) -> str | None:
        around, homeserver, name = self._around, self._around.homeserver, self._device.name
        event = Event(homeserver.new_id(), room_id, BOT, event_type, content, name, transaction_id, homeserver.now)
        key = event.key or ""
        around.offered[key] = event
        with around.working_at(key, self._device):
            await around.hop()
            self._device.passes("send")
            await around.interlude(self._device)
            related = "m.relates_to" in content and event_type != "m.reaction"
            trouble = self._trouble(room_id, key, sends=True, related=related)
            claimed_by = await around.claimed_by(key)
            says = await around.said_by(key)
            if not await still_ours():
                return None
            if claimed_by != name:
                around.wrongs.append(f"{name} sends {key}, which {claimed_by} has")
            event = homeserver.remembered(name, room_id, transaction_id) or around.put(self._device, event, says)
            self._device.passes("sent")
            if trouble:
                raise trouble.error
            await around.hop()
            return event.event_id

    def _trouble(self, room_id: str, key: str, *, sends: bool, related: bool = False) -> Trouble | None:
        """Return the trouble that there will be when all is done. Raises if there is some before."""
        try:
            trouble = self._around.homeserver.next_trouble(room_id, sends=sends)
            if trouble and not trouble.acts:
                raise trouble.error
        except (Forbidden, NeverAccepted) as error:
            if not (related and isinstance(error, NeverAccepted)):
                self._around.refused[key].add(type(error))
            raise
        return trouble

    async def upload(self, room_id: str, name: str, mimetype: str, data: bytes) -> dict[str, object]:
        raise NotImplementedError(room_id, name, mimetype, len(data))

    async def find(self, room_id: str, key: str, transaction_id: str, not_before: datetime) -> str | None:
        homeserver = self._around.homeserver
        with self._around.working_at(key, self._device):
            await self._around.hop()
            self._device.passes("find")
            if trouble := self._trouble(room_id, key, sends=False):
                raise trouble.error
            oldest = homeserver.now - (datetime.now(UTC) - not_before).total_seconds()
            ours = (event for event in homeserver.timeline(room_id) if event.transaction == transaction_id and event.at >= oldest)
            return next((event.event_id for event in ours), None)


async def nothing_posted(_room_id: str, _event_id: str) -> None:
    """Nobody replies to anything here."""


class Device:
    """One device, from one start to its death. `moved` is set whenever its inbox has got further, or cannot."""

    def __init__(self, name: str, around: Surroundings) -> None:
        self.name, self.around = name, around
        self.dead = False
        self.doom: Doom | None = None
        self.moved = asyncio.Event()
        self._file = SqliteDatabase(str(around.folder / f"{name}.sqlite"))
        self.journal = WatchedJournal(self._file, self)
        self._postponed: set[str] = set()
        self._looking = ""
        rooms = NetworkRooms({key: room_id(key) for key in around.rooms})
        for key in around.rooms:
            rooms.set_room_id(key, room_id(key))
        self._scheduler = Scheduler(
            database=Watched(self, self._looked),
            policies=policies(),
            settings=RemindersConfig(),
            network_rooms=rooms,
            clock=around.clock,
            zone=ZONE,
            language="de",
            prefix="!netz",
            members=around.members.joined,
            written=lambda: None,
        )
        self._dispatcher = Dispatcher(
            database=Watched(self, self._handled),
            registry=registry(),
            authoriser=Authoriser(around.members, rooms, BOT),
            network_rooms=rooms,
            identity=Identity(BOT, ("!netz",), ("Netzwart",)),
            clock=around.clock,
            zone=ZONE,
            language="de",
            limits=Limits(1_000_000, 1, lambda: around.homeserver.now),
            stale_after=timedelta(days=1),
            written=lambda: None,
            changed=lambda: None,
            content_of=nothing_posted,
        )
        database = Watched(self)
        self.drain = Drain(
            database=database,
            poster=Poster(database=database, chat=Line(self), network_rooms=rooms, clock=around.clock, device=name, secret=SECRET),
            clock=around.clock,
            device=name,
            still_wanted=self._scheduler.still_wanted,
            refresh=self._scheduler.refresh,
            alive=lambda: around.alive(name),
            pace=Pace(16, monotonic=lambda: around.homeserver.now),
        )

    def passes(self, point: str) -> None:
        """Be at a point. Raises `Died` if that is the end, or was before; `OperationalError` if the database is gone at this moment."""
        doom = self.doom
        if not self.dead and doom is not None and doom.point == point:
            doom.nth -= 1
            if doom.nth < 0:
                self.doom = None
                if doom.away:
                    raise OperationalError("", {}, ConnectionError("the database is gone"))
                self.dead = True
                self.moved.set()
        if self.dead:
            raise Died(self)

    def _looked(self, found: Facts) -> None:
        self.around.learn(found, late=not self.around.exact)
        self.around.model.looks(self._looking)

    def _handled(self, found: Facts) -> None:
        self.around.learn(found, late=not self.around.exact)

    async def look(self) -> None:
        """Let the policies look, as when they are woken."""
        for policy in policies():
            self._looking = policy.name
            await self._scheduler.look(policy)

    async def work(self) -> None:
        """Take in what was said, and handle it; what cannot be handled now is left for the next time."""
        self._receive()
        self._postponed.clear()
        others = dict.fromkeys(("invite", "left", "unreadable", "verification"), self._nothing)
        inbox = Inbox(
            self.journal,
            BOT,
            message=self._message,
            reaction=self._reaction,
            passes_over=self._dispatcher.passes_over,
            **others,
        )
        running = asyncio.create_task(inbox.run())
        while not self.dead and {*self.journal.rooms_with_work()} - self._postponed:
            await self.moved.wait()
            self.moved.clear()
        inbox.stop()
        await asyncio.gather(*inbox._busy.values(), return_exceptions=True)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        if self.dead:
            raise Died(self)

    def _receive(self) -> None:
        """Write what is new into the journal, as a sync does."""
        stream = self.around.homeserver.stream
        new = stream[int(self.journal.next_batch() or 0) :]
        with self.journal.transaction():
            batch = self.journal.advance(str(len(stream)))
            for event in new:
                if readable(event.source(), BOT):
                    self.journal.add(
                        event_id=event.event_id, room_id=event.room_id, kind="event", source=event.source(), batch=batch
                    )
            self.passes("receive")

    async def _message(self, message: Message) -> None:
        with self._noting(message):
            await self._dispatcher.handle(message)

    async def _reaction(self, reaction: Reaction) -> None:
        with self._noting(reaction):
            await self._dispatcher.handle_reaction(reaction)

    @contextmanager
    def _noting(self, event: Message | Reaction) -> Generator[None]:
        """Note if an event is to be handled again."""
        try:
            yield
        except (*Unavailable, MembershipUnknown, NotYet):
            self._postponed.add(event.room_id)
            self.moved.set()
            raise

    async def _nothing(self, _entry: Entry) -> None:
        return

    async def send(self) -> None:
        """Send what can be sent now."""
        try:
            await self.drain.settle()
        except (Died, *Unavailable):
            await asyncio.gather(*self.drain._in_flight, return_exceptions=True)
            raise
        if self.dead:
            raise Died(self)

    async def do(self, *what: Callable[[], Awaitable[None]]) -> None:
        """Do these things one after the other, for as long as the device lives and the database is there."""
        try:
            for each in what:
                await each()
        except Died as died:
            if died.device is not self:
                raise
            self.end()
        except Unavailable:
            return

    def end(self) -> None:
        """Be dead, whatever was going on."""
        self.dead = True
        self._file.close()
