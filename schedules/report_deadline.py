"""Whoever owes a report is reminded of its deadline, in the own room, until it is submitted.

Only a deadline that is known to the day gives reminders: nobody is told "in 14 days" of a month.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import labs, reports
from bot.domain.dates import PartialDate
from bot.domain.places import RESEARCH as RESEARCH_ROOM
from bot.domain.places import lab_room
from bot.domain.reminders import Calendar, Reminder, ladder
from bot.domain.reports import RESEARCH, Debt
from bot.reminder_policy import ReminderPolicy, ReminderSettings
from bot.rendering import template
from bot.working_time import calendar_of


@dataclass(frozen=True, slots=True)
class Facts:
    """What is owed, the steps before a deadline, and the calendar of each debtor."""

    debts: Sequence[Debt]
    steps: Sequence[timedelta]
    calendars: Mapping[str, Calendar]


class ReportDeadline(ReminderPolicy[Facts]):
    """Steps before the deadline of a report that is still open."""

    name = "report-deadline"
    merges = True
    template = template(
        "{% macro left(days) %}"
        "{% if days > 1 %}{% trans days=days %}In {{ days }} Tagen ist fällig:{% endtrans %}"
        "{% elif days == 1 %}{% trans %}Morgen ist fällig:{% endtrans %}"
        "{% else %}{% trans %}Heute ist fällig:{% endtrans %}{% endif %}"
        "{% endmacro %}"
        "{% for item in items %}"
        "<p>{% if item.late %}<em>{% trans %}Verspätet, weil ich nicht da war:{% endtrans %}</em> {% endif %}"
        "{{ left(item.days) }} <strong>{{ item.title }}</strong> ({{ item.due|when }}).</p>"
        "{% endfor %}"
        "<p>{% if items|length == 1 %}{% trans key=items[0].report, prefix=prefix %}Ist er fertig? Dann schreib:"
        " <code>{{ prefix }} bericht abgegeben {{ key }}</code>{% endtrans %}"
        "{% else %}{% trans %}Ist einer davon fertig? Dann schreib:{% endtrans %}"
        "{% for item in items %}<br/><code>{% trans key=item.report, prefix=prefix %}{{ prefix }} bericht abgegeben {{ key }}{% endtrans %}"
        "</code>{% endfor %}{% endif %}</p>"
    )

    async def facts(self, session: AsyncSession, settings: ReminderSettings, zone: ZoneInfo, now: datetime) -> Facts:  # noqa: ARG002  (for others)
        """Read what is owed, and which days are off where."""
        calendars = {RESEARCH: calendar_of(None, settings.office_hours, zone)}
        for lab in await labs.every(session):
            calendars[lab.key] = calendar_of(lab.state, settings.office_hours, zone)
        return Facts(await reports.debts(session), settings.steps, calendars)

    def words(self, reminder: Reminder, now: datetime) -> dict[str, object]:
        """Count the days that are left when it is said, which may be later than planned."""
        due = cast("PartialDate", reminder.data["due"])
        return {**reminder.data, "days": (due.last - now.date()).days}

    def plan(self, facts: Facts) -> list[Reminder]:
        """Return the steps of every open report whose day is known. A new day has steps of its own."""
        return [
            reminder
            for debt in facts.debts
            if debt.status.owed and debt.due.exact and debt.debtor in facts.calendars
            for reminder in self._steps(debt, facts.steps, facts.calendars[debt.debtor])
        ]

    def _steps(self, debt: Debt, steps: Sequence[timedelta], calendar: Calendar) -> list[Reminder]:
        deadline = debt.due.last
        lab = None if debt.debtor == RESEARCH else debt.debtor
        return [
            Reminder(
                key=f"{self.name}:{debt.report.key}:{debt.debtor}:{debt.due}:{rung.days}",
                ladder=f"{self.name}:{debt.report.key}:{debt.debtor}",
                policy=self.name,
                subject=debt.report.key,
                step=f"P{rung.days}D",
                room=lab_room(lab) if lab else RESEARCH_ROOM,
                at=rung.at,
                until=rung.until,
                lab=lab,
                hours=calendar,
                data={"title": debt.report.title, "due": debt.due, "report": debt.report.key},
            )
            for rung in ladder(deadline, steps, calendar)
        ]


policy = ReportDeadline()
