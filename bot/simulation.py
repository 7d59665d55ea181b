"""The reminder policies run over any period, in seconds and without a homeserver: the same rules, with a clock that jumps."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot.db import programme, reports
from bot.db.engine import Database
from bot.domain.programme import Event, Phase
from bot.domain.reminders import Reminder, unsaid
from bot.domain.reports import Report
from bot.reminder_policy import ReminderPolicy, ReminderSettings
from bot.what_if import WhatIf, apply, moment_of


@dataclass(frozen=True, slots=True)
class Simulated:
    """One reminder that would be said, at `at` (in the network's zone)."""

    at: datetime
    reminder: Reminder


@dataclass(frozen=True, slots=True)
class Course:
    """What would be said, in the order of time, and the programme as it is at the end."""

    said: list[Simulated]
    events: list[Event]
    phases: list[Phase]
    reports: list[Report]


class _Undone(Exception):
    """Takes back what was only supposed."""


async def simulate(
    database: Database,
    policies: Sequence[ReminderPolicy[Any]],
    settings: ReminderSettings,
    zone: ZoneInfo,
    first: datetime,
    until: datetime,
    what_ifs: Sequence[WhatIf] = (),
) -> Course:
    """Return everything that would be said from `first` on and before `until` if all `what_ifs` came true.

    Nothing of them stays in the database. Raises `UserError` for one that cannot be.
    """
    course = Course([], [], [], [])
    shown = [policy for policy in policies if policy.simulated]
    with suppress(_Undone):
        async with database.begin() as session:
            said: set[str] = set()
            for begin, end, happening in _stretches(what_ifs, zone, first, until):
                for what_if in happening:
                    await apply(session, what_if, begin)
                for policy in shown:
                    facts = await policy.facts(session, settings, zone, begin)
                    if begin == first:
                        said |= {r.key for r in policy.wanted(facts, first - timedelta(microseconds=1))}
                    course.said.extend(_stretch(policy, facts, said, begin, end, zone))
            course.events.extend(await programme.every_event(session))
            course.phases.extend(await programme.every_phase(session))
            course.reports.extend(await reports.every(session))
            raise _Undone
    course.said.sort(key=lambda s: (s.at, s.reminder.policy, s.reminder.subject, s.reminder.key))
    return course


def _stretches(
    what_ifs: Sequence[WhatIf], zone: ZoneInfo, first: datetime, until: datetime
) -> Iterator[tuple[datetime, datetime, list[WhatIf]]]:
    """Yield each stretch of time in which nothing happens, and what happens at its beginning."""
    happening: dict[datetime, list[WhatIf]] = {first: []}
    for what_if in what_ifs:
        at = moment_of(what_if, zone)
        happening.setdefault(first if at is None or at < first else at, []).append(what_if)
    times = sorted(at for at in happening if at < until)
    for begin, end in zip(times, [*times[1:], until], strict=True):
        yield begin, end, happening[begin]


def _stretch(
    policy: ReminderPolicy[Any], facts: object, said: set[str], begin: datetime, end: datetime, zone: ZoneInfo
) -> Iterator[Simulated]:
    now: datetime | None = begin
    while now is not None and now < end:
        due = unsaid(policy.due(facts, now), said)
        yield from (Simulated(now.astimezone(zone), reminder) for reminder in due)
        said.update(reminder.key for reminder in due)
        now = policy.next_at(facts, now)
