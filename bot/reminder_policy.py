"""What a reminder policy is: it looks at facts from the database and says what is due.

A policy is one file in `schedules/`: an object `policy` with a name, `facts(…)`, which reads, and a pure `plan(facts)`, from which
`due(facts, now)` follows. The time is an argument; what was said already stands in the database and is not the policy's concern.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Generic, Protocol, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot.domain.reminders import Ladder, Reminder, due, next_at, wanted
from bot.errors import Text
from bot.rendering import Template

Facts = TypeVar("Facts")


class ReminderSettings(Protocol):
    """What the configuration says about reminders."""

    @property
    def steps(self) -> tuple[timedelta, ...]:
        """How long before a deadline reminders come."""
        ...

    @property
    def overdue_steps(self) -> tuple[timedelta, ...]:
        """How long after it."""
        ...

    @property
    def escalate_after(self) -> timedelta:
        """After how long coordinators are told."""
        ...

    @property
    def series(self) -> Mapping[str, "SeriesSettings"]:
        """What differs for single series of reports, by their keys."""
        ...

    @property
    def office_hours(self) -> tuple[time, time]:
        """When reminders may come."""
        ...

    @property
    def days_off(self) -> tuple[str, ...]:
        """When none come, beside weekends and public holidays (`bot.working_time`)."""
        ...


class SeriesSettings(Protocol):
    """What the configuration says about one series of reports; None: as for all."""

    @property
    def steps(self) -> tuple[timedelta, ...] | None: ...  # noqa: D102  (as above)
    @property
    def overdue_steps(self) -> tuple[timedelta, ...] | None: ...  # noqa: D102
    @property
    def escalate_after(self) -> timedelta | None: ...  # noqa: D102


def ladder_of(settings: ReminderSettings, series: str) -> Ladder:
    """Return when reminders of the reports of a series (its key) come."""
    own = settings.series.get(series)
    if own is None:
        return Ladder(settings.steps, settings.overdue_steps, settings.escalate_after)
    return Ladder(
        settings.steps if own.steps is None else own.steps,
        settings.overdue_steps if own.overdue_steps is None else own.overdue_steps,
        settings.escalate_after if own.escalate_after is None else own.escalate_after,
    )


class ReminderPolicy(ABC, Generic[Facts]):
    """One rule about what people are reminded of.

    `name` is the first part of every key; `template` says a reminder, with its `words`, the bot's `prefix`, and `late` (it comes after its
    time). With `merges`, reminders that come into one room at the same time are one message: the template gets them as `items`, each with
    its words and its own `late`; `late` is that of all. `mentions`: whether reminders may mention somebody; then `mention` is a user id or
    None, `unreached` are those of its `calls` whom a mention does not reach, and with `merges` there is `mentioned`, a list of all.
    `simulated`: whether `netzwart simulate` can show them. `first_sight`: whether what is new in the database may have been due before, and
    is then passed over. `title`: what kind of reminder it is, in the picture of a simulation; `name` if there is none.
    """

    name: str
    template: Template
    merges: bool = False
    mentions: bool = False
    simulated: bool = True
    first_sight: bool = True
    title: Text | None = None

    @abstractmethod
    async def facts(self, session: AsyncSession, settings: ReminderSettings, zone: ZoneInfo, now: datetime) -> Facts:
        """Read what the rule needs to know at `now`. What is due later than the next reminder need not be read."""

    async def find(
        self, session: AsyncSession, settings: ReminderSettings, zone: ZoneInfo, now: datetime, key: str
    ) -> Reminder | None:
        """Return the reminder `key` as it would be said at `now`, None if it has lost its sense. At any hour: it is on its way already.

        To be replaced where reading all facts for one reminder would be much.
        """
        facts = await self.facts(session, settings, zone, now)
        return next((r for r in self.wanted(facts, now) if r.key == key), None)

    async def written(self, session: AsyncSession, reminders: Sequence[Reminder], now: datetime) -> None:
        """Take note, within the same transaction, that these were written down to be said."""

    async def left_out(self, session: AsyncSession, reminders: Sequence[Reminder], now: datetime) -> None:
        """Take note, within the same transaction, that these are due and cannot be written down: said before, or for an unknown room."""

    def words(self, reminder: Reminder, now: datetime) -> dict[str, object]:  # noqa: ARG002  (`now`, in the network's zone, is for policies that count days)
        """Return what the template shows of a reminder that is said at `now`. Pure."""
        return dict(reminder.data)

    @abstractmethod
    def plan(self, facts: Facts) -> list[Reminder]:
        """Return every reminder that these facts give, past and future, whether or not it was said. Pure."""

    def wanted(self, facts: Facts, now: datetime) -> list[Reminder]:
        """Return what ought to have been said by `now` and still makes sense, at any hour. Pure."""
        return wanted(self.plan(facts), now)

    def due(self, facts: Facts, now: datetime) -> list[Reminder]:
        """Return what of that may be said at this hour. Pure."""
        return due(self.wanted(facts, now), now)

    def next_at(self, facts: Facts, now: datetime) -> datetime | None:
        """Return when the next reminder after `now` comes, if one does. Pure."""
        return next_at(self.plan(facts), now)
