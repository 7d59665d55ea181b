"""The network is told on the working day before an event: what, when, where.

Only an event whose day is known is announced. Moved to another day it is announced anew; cancelled it is not, however late that comes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import programme
from bot.domain.places import NETWORK
from bot.domain.programme import Event
from bot.domain.reminders import Calendar, Reminder
from bot.errors import text
from bot.reminder_policy import ReminderPolicy, ReminderSettings
from bot.rendering import template
from bot.working_time import calendar_of


@dataclass(frozen=True, slots=True)
class Facts:
    """The programme, and the working days of a network that is at home in several states."""

    events: Sequence[Event]
    calendar: Calendar


class WorkshopTomorrow(ReminderPolicy[Facts]):
    """One notice for each event, on the working day before it begins."""

    name = "workshop-tomorrow"
    title = text("Am Werktag vor einer Veranstaltung")
    template = template(
        "{% import 'events.html.j2' as show with context %}"
        "<p>{% if late %}<em>{% trans %}Verspätet, weil ich nicht da war:{% endtrans %}</em> {% endif %}"
        "{% if days <= 1 %}{% trans %}Morgen beginnt:{% endtrans %}"
        "{% else %}{% trans day=event.when.first|weekday %}Am {{ day }} beginnt:{% endtrans %}{% endif %}"
        " <strong>{{ event.title }}</strong>, {{ event.when|when }}{{ show.where(event) }}.</p>"
    )

    async def facts(self, session: AsyncSession, settings: ReminderSettings, zone: ZoneInfo, now: datetime) -> Facts:  # noqa: ARG002  (for others)
        """Read the programme."""
        return Facts(await programme.every_event(session), calendar_of(None, settings, zone))

    def words(self, reminder: Reminder, now: datetime) -> dict[str, object]:
        """Count the days that are left when it is said."""
        event = cast("Event", reminder.data["event"])
        return {**reminder.data, "days": (event.when.first - now.date()).days}

    def plan(self, facts: Facts) -> list[Reminder]:
        """Return the notice of every event that has a day and takes place. A new day has a notice of its own."""
        return [self._notice(e, facts.calendar) for e in facts.events if e.when.exact and not e.cancelled]

    def _notice(self, event: Event, calendar: Calendar) -> Reminder:
        day_before = event.when.first - timedelta(days=1)
        return Reminder(
            key=f"{self.name}:{event.key}:{NETWORK}:{event.when}:1",
            ladder=f"{self.name}:{event.key}:{NETWORK}",
            timing=f"{self.name}:{event.key}:{NETWORK}:{event.when}",
            policy=self.name,
            subject=event.key,
            step="P1D",
            room=NETWORK,
            at=calendar.opening(calendar.working_day(day_before)),
            until=calendar.end_of(day_before),
            hours=calendar,
            data={"event": event},
        )


policy = WorkshopTomorrow()
