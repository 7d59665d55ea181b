"""Whoever owes a report is reminded of its deadline, in the own room, until it is submitted.

Only a deadline that is known to the day gives reminders: nobody is told "in 14 days" of a month.
"""

from datetime import datetime
from typing import cast
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot.domain.dates import PartialDate
from bot.domain.reminders import Reminder, ladder
from bot.errors import text
from bot.reminder_policy import ReminderPolicy, ReminderSettings
from bot.rendering import template
from schedules._owed import Owed, read_owed, to_debtor


class ReportDeadline(ReminderPolicy[Owed]):
    """Steps before the deadline of a report that is still open."""

    name = "report-deadline"
    title = text("Vor der Abgabe")
    merges = mentions = True
    template = template(
        "{% macro left(days) %}"
        "{% if days > 1 %}{% trans days=days %}In {{ days }} Tagen ist fällig:{% endtrans %}"
        "{% elif days == 1 %}{% trans %}Morgen ist fällig:{% endtrans %}"
        "{% else %}{% trans %}Heute ist fällig:{% endtrans %}{% endif %}"
        "{% endmacro %}"
        "{% for item in items %}"
        "<p>{% if loop.first %}{% for person in mentioned %}{{ person|pill }}: {% endfor %}{% endif %}"
        "{% if item.late %}<em>{% trans %}Verspätet, weil ich nicht da war:{% endtrans %}</em> {% endif %}"
        "{{ left(item.days) }} <strong>{{ item.title }}</strong> ({{ item.due|when }}).</p>"
        "{% endfor %}"
        "<p>{% if items|length == 1 %}{% trans key=items[0].report, prefix=prefix %}Ist er fertig? Dann schreib:"
        " <code>{{ prefix }} bericht abgegeben {{ key }}</code>{% endtrans %}"
        "{% else %}{% trans %}Ist einer davon fertig? Dann schreib:{% endtrans %}"
        "{% for item in items %}<br/><code>{% trans key=item.report, prefix=prefix %}{{ prefix }} bericht abgegeben {{ key }}{% endtrans %}"
        "</code>{% endfor %}{% endif %}</p>"
    )

    async def facts(self, session: AsyncSession, settings: ReminderSettings, zone: ZoneInfo, now: datetime) -> Owed:
        """Read what is owed."""
        return await read_owed(session, settings, zone, now)

    def words(self, reminder: Reminder, now: datetime) -> dict[str, object]:
        """Count the days that are left when it is said, which may be later than planned."""
        due = cast("PartialDate", reminder.data["due"])
        return {**reminder.data, "days": (due.last - now.date()).days}

    def plan(self, facts: Owed) -> list[Reminder]:
        """Return the steps of every open report whose day is known. A new day has steps of its own."""
        return [
            to_debtor(self.name, facts, debt, rung, f"P{rung.days}D")
            for debt in facts.debts
            if debt.due.exact
            for rung in ladder(debt.due.last, facts.ladders[debt.report.series].steps, facts.calendars[debt.debtor])
        ]


policy = ReportDeadline()
