"""The wiring: the only place that knows commands, schedules and Matrix at once."""

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import structlog

import commands
import schedules
from bot.authorising import Authoriser
from bot.clock import Clock, ShiftedClock, SystemClock
from bot.config import Config
from bot.db import devices
from bot.db.engine import Database, Unavailable, connect, reason_of
from bot.db.schema import check_schema
from bot.db.wakeups import DELIVERIES, FACTS
from bot.delivery import Drain
from bot.dispatcher import Dispatcher, Identity
from bot.domain.places import NETWORK, Place, PlaceKind
from bot.domain.roles import Role
from bot.errors import ChatUnavailable, LoginFailed, text
from bot.limits import Limits
from bot.matrix import session as sessions
from bot.matrix.client import GuardedClient
from bot.matrix.crypto.encryption import Encryption
from bot.matrix.inbox import Inbox
from bot.matrix.journal import Entry, Journal
from bot.matrix.login import login, opened
from bot.matrix.membership import HomeserverMembership
from bot.matrix.room_changes import HeardSender, RoomChanges
from bot.matrix.sync import SyncLoop
from bot.matrix.verifying import Verifying
from bot.network_rooms import NetworkRooms
from bot.notices import Notices
from bot.observed import Observed
from bot.own_identity import OwnIdentity
from bot.posting import Poster
from bot.registry import find_commands, find_policies
from bot.rendering import catalogue
from bot.replicas import Replicas
from bot.room_watch import RoomWatch
from bot.scheduler import Scheduler
from bot.waiting import pause, unless

log = structlog.get_logger(__name__)

T = TypeVar("T")

_UPLOAD_AGAIN_AFTER = 3.0
_DATABASE_AGAIN_AFTER = 2.0
_PATIENCE = 300.0
"""Seconds until somebody is told that an event of theirs could not be decrypted."""


async def run(config: Config, clock: Clock) -> None:
    """Run the bot until SIGTERM or SIGINT. Raises `NetzwartError` for what an administrator has to mend."""
    os.umask(0o077)  # what we write is ours: keys, messages that wait, the database if it is a file
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    database = connect(config.database.url)
    with contextlib.ExitStack() as held:
        held.enter_context(sessions.lock(config.matrix.state_dir))
        try:
            await check_schema(database)
            session = await unless(stopping, login(config.matrix))
            if session is not None:
                async with database.begin() as reading:
                    secret = await devices.shared_secret(reading)
                async with opened(config.matrix, session) as (client, journal, encryption):
                    await Bot(config, clock, database, client, journal, encryption, secret, stopping).run()
        finally:
            await database.close()
    log.info("stopped")


class Bot:
    """One running bot: its parts, put together."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        database: Database,
        client: GuardedClient,
        journal: Journal,
        encryption: Encryption,
        secret: bytes,
        stopping: asyncio.Event,
    ) -> None:
        zone, language = config.network.zone, config.network.language
        self._config = config
        self._clock = clock
        self._database = database
        self._client = client
        self._encryption = encryption
        self._rooms = NetworkRooms(config.network.rooms())
        self._membership = HomeserverMembership(client)
        self._authoriser = Authoriser(self._membership, self._rooms, client.user_id)
        self._identity = Identity(client.user_id, _prefixes(config.matrix.prefix), _names(client.user_id))
        self._scheduler = Scheduler(
            database=database,
            policies=find_policies(schedules),
            settings=config.reminders,
            network_rooms=self._rooms,
            clock=clock,
            zone=zone,
            language=language,
            prefix=config.matrix.prefix,
            members=self._authoriser.reached,
            written=self._wake_drain,
        )
        changes = RoomChanges(client.user_id)
        sender = HeardSender(client, encryption, changes)
        device = client.device_id or ""
        self._replicas = Replicas(database, config.database.url, device, self._heard)
        self._drain = Drain(
            database=database,
            poster=Poster(database=database, chat=sender, network_rooms=self._rooms, clock=clock, device=device, secret=secret),
            clock=clock,
            device=device,
            still_wanted=self._scheduler.still_wanted,
            refresh=self._scheduler.refresh,
            alive=self._replicas.presence.alive,
            gone=self._replicas.presence.gone,
            look_every=self._replicas.look_every,
        )
        self._dispatcher = Dispatcher(
            database=database,
            registry=find_commands(commands),
            authoriser=self._authoriser,
            network_rooms=self._rooms,
            identity=self._identity,
            clock=clock,
            zone=zone,
            language=language,
            limits=Limits(config.limits.commands_at_once, config.limits.commands_per_minute),
            stale_after=config.limits.stale_after,
            written=self._wake_drain,
            changed=self._facts_changed,
            content_of=sender.content_of,
            opens=config.reminders.office_hours[0],
        )
        self._notices = Notices(
            database=database, network_rooms=self._rooms, clock=clock, language=language, written=self._wake_drain
        )
        self._own_identity = OwnIdentity(client, config.matrix, self._notices)
        self._sync = SyncLoop(
            client,
            journal,
            encryption,
            self._arrived,
            look=self._membership.look,
            patience=_PATIENCE,
            now=lambda: clock.now().timestamp(),
            recovered=self._recovered,
            changes=changes,
        )
        self._room_watch = RoomWatch(
            client=client,
            journal=journal,
            changes=changes,
            encrypted=encryption.rooms.encrypted,
            database=database,
            network_rooms=self._rooms,
            clock=clock,
            notices=self._notices,
            has_role=self._has_role,
            why_not=self._why_not,
            try_again=self._drain.try_again,
            lose=self._sync.lose,
            changed=self._rooms_changed,
        )
        self._verifying = Verifying(
            client,
            encryption,
            sender,
            language=language,
            state_dir=config.matrix.state_dir,
            clock=SystemClock(),  # it is about others' clocks and patience, whatever time we show
            may=self._has_role,
            master_key=self._own_identity.master_key,
        )
        self._inbox = Inbox(
            journal,
            client.user_id,
            message=self._dispatcher.handle,
            reaction=self._dispatcher.handle_reaction,
            passes_over=self._dispatcher.passes_over,
            invite=self._room_watch.handle_invite,
            left=self._room_watch.handle_left,
            unreadable=self._unreadable,
            verification=self._verifying.handle,
        )
        self._observed = Observed(config.web.listen, database, device, journal, self._rooms, self._sync, clock)
        self._stopping = stopping
        self._rooms_known: frozenset[str] = frozenset()  # those that we are in, by key or id, as of the last sync
        self._open_rooms: frozenset[str] = frozenset()  # those that coordinators were told of
        self._aside: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Sync, join, say `ready`, and work until told to stop."""
        async with self._replicas.joined(), self._observed.page():
            await self._run()

    async def _run(self) -> None:
        if await unless(self._stopping, self._enter_rooms()) is None:
            return
        self._drain.hold_reminders()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._drain.run(), name="drain")  # before the inbox: a reaction may wait for what is being sent
            if await unless(self._stopping, self._catch_up()):
                tasks.create_task(self._inbox.run(), name="inbox")
                tasks.create_task(self._verifying.run(), name="verifying")
                tasks.create_task(self._sync_until_stopped(), name="sync")
                tasks.create_task(self._room_watch.run(), name="rooms")
                self._drain.let_reminders_go()
                self._scheduler.start()
                self._jump_on_signal()
                gc.freeze()  # all that was imported stays: to look through it for garbage takes 70 ms each time, and nothing else goes on
                log.info("ready", user_id=self._client.user_id, device_id=self._client.device_id, rooms=len(self._rooms.resolved()))
                await self._stopping.wait()
            self._stop_all()
        await self._scheduler.ended()
        await asyncio.gather(*self._aside, return_exceptions=True)  # they log what goes wrong

    async def _enter_rooms(self) -> bool:
        await self._sync_once()
        while not self._encryption.uploaded:
            await pause(_UPLOAD_AGAIN_AFTER, self._stopping)
            await self._sync_once()
        await self._patiently(lambda: self._own_identity.establish(self._stopping))
        await self._patiently(self._room_watch.settle)
        await self._sync_once()
        return True

    async def _patiently(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something before which we cannot go on, again while the database is away."""
        while True:
            try:
                return await work()
            except Unavailable:
                await pause(_DATABASE_AGAIN_AFTER, self._stopping)

    async def _catch_up(self) -> bool:
        """Work off what came while nobody was here. An invite that is accepted makes a room that only the next sync tells of."""
        await self._inbox.settle()
        await self._sync_once()
        return True

    async def _sync_once(self) -> None:
        await self._sync.once()

    async def _sync_until_stopped(self) -> None:
        try:
            await self._sync.run()
        except LoginFailed:
            self._stopping.set()
            raise

    def _stop_all(self) -> None:
        self._database.hurry()
        self._scheduler.stop()
        self._sync.stop()
        if self._client.reachability is not None:
            self._client.reachability.stop()
        self._inbox.stop()
        self._verifying.stop()
        self._room_watch.stop()
        self._drain.stop()

    def _recovered(self) -> None:
        """The homeserver is back: nothing waits any longer because it was not there."""
        self._do_aside(self._drain.try_again(None))

    def _arrived(self) -> None:
        """A sync is written: learn what changed about the rooms, and work off what came."""
        self._room_watch.arrived()
        self._inbox.arrived()
        if self._encryption.own_keys_changed:
            self._encryption.own_keys_changed = False
            self._do_aside(self._look_at_identity())
        keys = {room_id: key for key, room_id in self._rooms.resolved().items()}
        known, self._rooms_known = self._rooms_known, frozenset(keys.get(room_id, room_id) for room_id in self._client.rooms)
        if self._rooms_known - known:
            self._do_aside(self._try_again(self._rooms_known - known))
        opened = frozenset(key for room_id, key in keys.items() if self._membership.is_open(room_id))
        told, self._open_rooms = self._open_rooms, opened
        if opened - told:
            self._do_aside(self._tell_coordinators(opened - told))

    async def _look_at_identity(self) -> None:
        try:
            await self._own_identity.look()
        except Unavailable:
            self._encryption.own_keys_changed = True  # the next sync looks again: somebody has to be told
            raise

    async def _try_again(self, came_into: frozenset[str]) -> None:
        try:
            await self._drain.try_again(came_into)
        except Unavailable:
            self._rooms_known -= came_into  # the next sync finds them new again
            raise

    async def _tell_coordinators(self, opened: frozenset[str]) -> None:
        try:
            for key in opened:
                log.error("room_is_open", room=key, effect="it grants nothing until it is invite-only and not world-readable")
                await self._notices.room_is_open(key)
        except Unavailable:
            self._open_rooms -= opened  # the next sync says it again
            raise

    async def _unreadable(self, entry: Entry) -> None:
        event_ids = entry.source.get("event_ids") or [entry.source["event_id"]]  # the latter in journals of an earlier version
        for event_id in await self._replicas.none_can_read(event_ids, self._clock.now()):
            if await self._notices.unreadable(entry.room_id, event_id, entry.source["sender"]):
                return

    def _do_aside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that nobody waits for, and log what goes wrong with it."""

        async def do() -> None:
            try:
                await work
            except Unavailable as error:
                log.warning("task_left_undone", task=work.__qualname__, reason=reason_of(error))
            except (ChatUnavailable, LoginFailed) as error:  # of the latter, the sync loop hears as well
                log.warning("homeserver_unavailable", task=work.__qualname__, reason=str(error))
            except Exception:  # nobody waits for it: without this line nobody would ever hear of it
                log.exception("task_failed", task=work.__qualname__)

        task = asyncio.create_task(do())
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)

    async def _has_role(self, user_id: str) -> bool:
        nowhere = Place(PlaceKind.UNKNOWN, "")
        return (await self._authoriser.roles(user_id, nowhere, Role.MEMBER)).member

    def _why_not(self) -> str:
        sentence = text(
            "Ich antworte nur Menschen aus dem Netzwerk »%(network)s«, im Direktchat zu zweit. Zugang gibt der Raum »%(room)s«.",
            network=self._config.network.name,
            room=self._rooms.label(NETWORK),
        )
        return catalogue(self._config.network.language).say(sentence)

    def _wake_drain(self) -> None:
        self._drain.wake()
        self._replicas.tell(DELIVERIES)

    def _rooms_changed(self) -> None:
        self._wake_drain()
        self._replicas.tell(FACTS)

    def _facts_changed(self) -> None:
        self._do_aside(self._room_watch.decided())
        self._scheduler.wake_soon()
        self._replicas.tell(FACTS)

    def _heard(self, topic: str) -> None:
        """Another process on our database says that there is something to look at."""
        self._drain.wake()
        if topic != DELIVERIES:
            self._scheduler.wake_soon()
            self._room_watch.wake()

    def _jump_on_signal(self) -> None:
        clock = self._clock
        if not isinstance(clock, ShiftedClock):
            return

        async def jump() -> None:
            coming = await self._scheduler.jump(clock)
            log.info("clock_jumped", to=coming.isoformat() if coming else None)
            self._wake_drain()

        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lambda: self._do_aside(jump()))


def _prefixes(prefix: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((prefix, "!nw"))) if prefix == "!netz" else (prefix,)


def _names(user_id: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(("Netzwart", user_id.removeprefix("@").split(":")[0], user_id.removeprefix("@"))))
