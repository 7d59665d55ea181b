"""Labs are told in time that the registration for an event closes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import labs, programme
from bot.domain.places import lab_room
from bot.domain.programme import Event
from bot.domain.reminders import Calendar, Reminder, ladder
from bot.errors import text
from bot.reminder_policy import ReminderPolicy, ReminderSettings
from bot.rendering import template
from bot.working_time import calendar_of

_STEPS = tuple(timedelta(days=days) for days in (14, 3, 0))


@dataclass(frozen=True, slots=True)
class Facts:
    """The programme, and the calendar of each lab."""

    events: Sequence[Event]
    calendars: Mapping[str, Calendar]


class RegistrationClosing(ReminderPolicy[Facts]):
    """Steps before the last day to register, in the room of every lab."""

    name = "registration-closing"
    title = text("Die Anmeldung schließt")
    merges = True
    template = template(
        "{% import 'events.html.j2' as show with context %}"
        "{% macro left(days) %}"
        "{% if days > 1 %}{% trans days=days %}In {{ days }} Tagen schließt die Anmeldung:{% endtrans %}"
        "{% elif days == 1 %}{% trans %}Morgen schließt die Anmeldung:{% endtrans %}"
        "{% else %}{% trans %}Heute schließt die Anmeldung:{% endtrans %}{% endif %}"
        "{% endmacro %}"
        "{% for item in items %}"
        "<p>{% if item.late %}<em>{% trans %}Verspätet, weil ich nicht da war:{% endtrans %}</em> {% endif %}"
        "{{ left(item.days) }} <strong>{{ item.event.title }}</strong>, {{ item.event.when|when }}{{ show.where(item.event) }}."
        "{% if item.days > 0 %} {% trans day=item.event.register_by|when %}Möglich ist sie bis {{ day }}.{% endtrans %}{% endif %}</p>"
        "{% endfor %}"
    )

    async def facts(self, session: AsyncSession, settings: ReminderSettings, zone: ZoneInfo, now: datetime) -> Facts:  # noqa: ARG002  (for others)
        """Read the programme, and which days are off where."""
        calendars = {lab.key: calendar_of(lab.state, settings, zone) for lab in await labs.every(session)}
        return Facts(await programme.every_event(session), calendars)

    def words(self, reminder: Reminder, now: datetime) -> dict[str, object]:
        """Count the days that are left when it is said, which may be later than planned."""
        closes = cast("date", cast("Event", reminder.data["event"]).register_by)
        return {**reminder.data, "days": (closes - now.date()).days}

    def plan(self, facts: Facts) -> list[Reminder]:
        """Return the steps for every lab. A new last day has steps of its own."""
        return [
            reminder
            for event in facts.events
            if event.register_by is not None and not event.cancelled
            for lab, calendar in facts.calendars.items()
            for reminder in self._steps(event, event.register_by, lab, calendar)
        ]

    def _steps(self, event: Event, closes: date, lab: str, calendar: Calendar) -> list[Reminder]:
        return [
            Reminder(
                key=f"{self.name}:{event.key}:{lab}:{closes}:{rung.days}",
                ladder=f"{self.name}:{event.key}:{lab}",
                timing=f"{self.name}:{event.key}:{lab}:{closes}",
                policy=self.name,
                subject=event.key,
                step=f"P{rung.days}D",
                room=lab_room(lab),
                at=rung.at,
                until=rung.until,
                lab=lab,
                hours=calendar,
                data={"event": event},
            )
            for rung in ladder(closes, _STEPS, calendar)
        ]


policy = RegistrationClosing()
