"""From policies to deliveries: APScheduler wakes a policy, the policy says what is due, the database remembers what was said.

Jobs live in memory and are made anew at each start: what is due and what was said stands in rows, so nothing is lost with them.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock, ShiftedClock, real_time_in
from bot.db import deliveries, policies
from bot.db.deliveries import Delivery
from bot.db.engine import Database, Unavailable
from bot.domain.reminders import Reminder, unsaid
from bot.network_rooms import NetworkRooms
from bot.reminder_policy import ReminderPolicy, ReminderSettings
from bot.reminding import Members, Present, Reminding

log = structlog.get_logger(__name__)

_LOOK_ANYWAY = timedelta(minutes=5)
"""How often a policy looks even if nothing woke it: facts may have changed (another replica, an import)."""

_LOOK_AGAIN_AFTER = timedelta(seconds=10)
"""How soon a policy looks again that could not, because the database was away."""

_SETTLES_IN = 0.5
"""Seconds for which changes are collected before the policies look at them."""

# APScheduler's own defaults drop a job that is more than a second late, silently.
_NEVER_DROPPED = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
_NOW = {
    "max_instances": 3
}  # one that is about to end, one that looks, and one that looks after it: that one sees what changed meanwhile


class Scheduler:
    """Runs the reminder policies. `members(room_id)` returns who is in a room now, `written` is called when there is something to send."""

    def __init__(
        self,
        *,
        database: Database,
        policies: Sequence[ReminderPolicy[Any]],
        settings: ReminderSettings,
        network_rooms: NetworkRooms,
        clock: Clock,
        zone: ZoneInfo,
        language: str,
        prefix: str,
        members: Members,
        written: Callable[[], None],
    ) -> None:
        self._database = database
        self._policies = {policy.name: policy for policy in policies}
        self._settings = settings
        self._rooms = network_rooms
        self._clock = clock
        self._zone = zone
        self._reminding = Reminding(settings, network_rooms, zone, language, prefix, members)
        self._written = written
        self._jobs: Any = AsyncIOScheduler(timezone=UTC, job_defaults=_NEVER_DROPPED)  # untyped
        self._looking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._waking: asyncio.TimerHandle | None = None
        self._at_work: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Wake every policy now (what was missed is made good), then whenever its next reminder comes."""
        for name in self._policies:
            self._jobs.add_job(self._wake, IntervalTrigger(seconds=int(_LOOK_ANYWAY.total_seconds())), [name], id=f"look {name}")
        self._jobs.start()
        self.wake_all()

    def stop(self) -> None:
        """Wake nobody any more."""
        if self._jobs.running:
            self._jobs.shutdown(wait=False)
        if self._waking is not None:
            self._waking.cancel()

    async def ended(self) -> None:
        """After `stop`: wait until nobody looks any more. The database is not to be closed before: its connections would stay open."""
        await asyncio.gather(*self._at_work, return_exceptions=True)

    def wake_all(self) -> None:
        """Let every policy look now."""
        for name in self._policies:
            self._jobs.add_job(self._wake, None, [name], id=f"now {name}", replace_existing=True, **_NOW)

    def wake_soon(self) -> None:
        """Let every policy look in a moment: something has changed, and more may be about to. Before `start`, nobody looks."""
        if self._waking is None and self._jobs.running:
            self._waking = asyncio.get_running_loop().call_later(_SETTLES_IN, self._wake_after_changes)

    def _wake_after_changes(self) -> None:
        self._waking = None
        self.wake_all()

    async def jump(self, clock: ShiftedClock) -> datetime | None:
        """Move `clock` to the next reminder of any policy and wake them all. Return that time, None if nothing comes."""
        async with self._database.begin() as session:
            times = [p.next_at(await self._facts(p, session, clock.now()), clock.now()) for p in self._policies.values()]
        coming = min((at for at in times if at is not None), default=None)
        if coming is not None:
            clock.jump_to(coming)
            self.wake_all()
        return coming

    async def _wake(self, name: str) -> None:
        """Let one policy look. At the end, APScheduler cancels its jobs: the look itself goes on, and is waited for in `ended`.

        Cancelled while it connects or begins, it would leave a connection behind that holds the write lock and is never closed.
        """
        looking = asyncio.create_task(self._look_and_set_alarm(name), name=f"look {name}")
        self._at_work.add(looking)
        looking.add_done_callback(self._at_work.discard)
        try:
            await asyncio.shield(looking)
        except asyncio.CancelledError:  # the process ends; APScheduler would log that as a failure of ours
            return

    async def _look_and_set_alarm(self, name: str) -> None:
        try:
            async with self._looking[name]:
                coming = await self.look(self._policies[name])
        except Unavailable:
            coming = self._clock.now() + _LOOK_AGAIN_AFTER
        if coming is not None and self._jobs.running:
            real = real_time_in(self._clock.real_seconds_until(coming))
            self._jobs.add_job(self._wake, DateTrigger(real), [name], id=f"next {name}", replace_existing=True, **_NOW)

    async def look(self, policy: ReminderPolicy[Any]) -> datetime | None:
        """Write down what is due, once. Return when the next reminder comes.

        A subject that is seen for the first time has missed nothing: what was due more than a day before is not said, and never
        will be. So a network that is imported in the middle of its programme begins without a flood.
        """
        now = self._clock.now()
        present: Present = await self._who_is_there(policy, now) if policy.mentions else {}
        async with self._database.begin() as session:
            facts = await self._facts(policy, session, now)
            ought = policy.due(facts, now)
            due = await self._unsaid(session, ought)
            sayable = {reminder.key for reminder in due}
            await policy.left_out(session, [reminder for reminder in ought if reminder.key not in sayable], now)
            fresh = await self._first_seen(session, policy, facts, now) if policy.first_sight else set[str]()
            new = await self._reminding.write(session, policy, due, now, fresh=fresh, present=present)
            coming = policy.next_at(facts, now)
        if new:
            self._written()
        log.info("policy_looked", policy=policy.name, due=len(due), new=len(new), next=coming.isoformat() if coming else None)
        return coming

    async def still_wanted(self, session: AsyncSession, row: Delivery, now: datetime) -> str | None:
        """Return why a reminder has lost its sense since it was written down, or None. What is no reminder is always wanted."""
        if row.policy is None:
            return None
        policy = self._policies.get(row.policy)
        return await self._reminding.still_wanted(session, policy, row, now) if policy else "the policy is gone"

    async def refresh(self, session: AsyncSession, row: Delivery, now: datetime) -> dict[str, object] | None:
        """Return what a reminder that waited has to say now, None if that is what it said when it was written down."""
        policy = self._policies.get(row.policy) if row.policy else None
        return await self._reminding.refresh(session, policy, row, now) if policy else None

    async def _who_is_there(self, policy: ReminderPolicy[Any], now: datetime) -> Present:
        async with self._database.begin() as session:
            due = await self._unsaid(session, policy.due(await self._facts(policy, session, now), now))
        return await self._reminding.who_is_there(due)

    async def _unsaid(self, session: AsyncSession, due: Sequence[Reminder]) -> list[Reminder]:
        """Return those that were not written down before and have a room that we know."""
        said = await deliveries.known(session, [key for r in due for key in (r.key, *r.in_place_of)])
        return [r for r in unsaid(due, said) if r.room in self._rooms.keys() or r.room.startswith("!")]

    @staticmethod
    async def _first_seen(session: AsyncSession, policy: ReminderPolicy[Any], facts: object, now: datetime) -> set[str]:
        plan = policy.plan(facts)
        subjects = {r.ladder or r.key for r in plan} | {r.timing for r in plan if r.timing}
        return await policies.note_subjects(session, policy.name, subjects, now)

    async def _facts(self, policy: ReminderPolicy[Any], session: AsyncSession, now: datetime) -> Any:
        return await policy.facts(session, self._settings, self._zone, now)
