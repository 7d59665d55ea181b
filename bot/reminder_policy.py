"""What a reminder policy is: it looks at facts from the database and says what is due.

A policy is one file in `schedules/`: an object `policy` with a name, `facts(session)`, and a pure `plan(facts)`, from which
`due(facts, now)` follows. The time is an argument; what was said already stands in the database and is not the policy's concern.
"""

from abc import ABC, abstractmethod
from datetime import datetime, time, timedelta
from typing import Generic, Protocol, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot.domain.reminders import Reminder, due, next_at
from bot.rendering import Template

Facts = TypeVar("Facts")


class ReminderSettings(Protocol):
    """What the configuration says about reminders."""

    @property
    def steps(self) -> tuple[timedelta, ...]:
        """How long before a deadline reminders come."""
        ...

    @property
    def office_hours(self) -> tuple[time, time]:
        """When reminders may come."""
        ...


class ReminderPolicy(ABC, Generic[Facts]):
    """One rule about what people are reminded of.

    `name` is the first part of every key; `template` says a reminder, with its `words`, the bot's `prefix`, and
    `late` (it comes after its time).
    """

    name: str
    template: Template

    @abstractmethod
    async def facts(self, session: AsyncSession, settings: ReminderSettings, zone: ZoneInfo) -> Facts:
        """Read what the rule needs to know."""

    def words(self, reminder: Reminder, now: datetime) -> dict[str, object]:  # noqa: ARG002  (`now`, in the network's zone, is for policies that count days)
        """Return what the template shows of a reminder that is said at `now`. Pure."""
        return dict(reminder.data)

    @abstractmethod
    def plan(self, facts: Facts) -> list[Reminder]:
        """Return every reminder that these facts give, past and future, whether or not it was said. Pure."""

    def due(self, facts: Facts, now: datetime) -> list[Reminder]:
        """Return what ought to have been said by `now` and still makes sense. Pure."""
        return due(self.plan(facts), now)

    def next_at(self, facts: Facts, now: datetime) -> datetime | None:
        """Return when the next reminder after `now` comes, if one does. Pure."""
        return next_at(self.plan(facts), now)
