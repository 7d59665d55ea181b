"""The reminder policies run over any period, in seconds and without a homeserver: the same rules, with a clock that jumps."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot.db.engine import Database
from bot.domain.reminders import Reminder, unsaid
from bot.reminder_policy import ReminderPolicy, ReminderSettings


@dataclass(frozen=True, slots=True)
class Simulated:
    """One reminder that would be said, at `at` (in the network's zone)."""

    at: datetime
    reminder: Reminder


async def simulate(
    database: Database,
    policies: Sequence[ReminderPolicy[Any]],
    settings: ReminderSettings,
    zone: ZoneInfo,
    first: datetime,
    until: datetime,
) -> list[Simulated]:
    """Return everything that would be said from `first` on and before `until`, in the order of time.

    The facts are read once: nobody submits anything meanwhile.
    """
    found: list[Simulated] = []
    for policy in (policy for policy in policies if policy.simulated):
        async with database.begin() as session:
            facts = await policy.facts(session, settings, zone, first)
        now: datetime | None = first
        said: set[str] = {r.key for r in policy.wanted(facts, first - timedelta(microseconds=1))}
        while now is not None and now < until:
            due = unsaid(policy.due(facts, now), said)
            found += [Simulated(now.astimezone(zone), r) for r in due]
            said.update(r.key for r in due)
            now = policy.next_at(facts, now)
    return sorted(found, key=lambda s: (s.at, s.reminder.policy, s.reminder.subject, s.reminder.key))
