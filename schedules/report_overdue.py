"""Whoever has not handed in a report is asked for it after its last possible day, again and again, in the own room.

An open date ("Termin noch offen") cannot be missed: coordinators are asked to fix it instead (`schedules/date_to_be_fixed.py`).
"""

from datetime import datetime
from typing import cast
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot.domain.dates import PartialDate, Precision
from bot.domain.reminders import Reminder, overdue_ladder
from bot.domain.reports import Status
from bot.errors import text
from bot.reminder_policy import ReminderPolicy, ReminderSettings
from bot.rendering import template
from schedules._owed import Owed, read_owed, to_debtor


class ReportOverdue(ReminderPolicy[Owed]):
    """Steps after the last possible day of a report that is still owed."""

    name = "report-overdue"
    title = text("Überfällig")
    merges = mentions = True
    template = template(
        "{% for item in items %}<p>{% if loop.first %}{% for person in mentioned %}{{ person|pill }}: {% endfor %}{% endif %}"
        "{% if item.returned %}{% trans title=item.title, day=item.due|when %}Noch nicht wieder da: <strong>{{ title }}</strong>,"
        " fällig war {{ day }}.{% endtrans %}"
        "{% else %}{% trans title=item.title, day=item.due|when %}Noch nicht da: <strong>{{ title }}</strong>, fällig war {{ day }}."
        "{% endtrans %}{% endif %}"
        " {% trans days=item.days %}Das ist einen Tag her.{% pluralize %}Das ist {{ days }} Tage her.{% endtrans %}</p>"
        "{% endfor %}"
        "<p>{% trans %}Ist es schon abgegeben? Dann schreib:{% endtrans %}"
        "{% for item in items %}<br/><code>{% trans key=item.report, prefix=prefix %}{{ prefix }} bericht abgegeben {{ key }}{% endtrans %}"
        "</code>{% endfor %}<br/>{% trans %}Braucht ihr mehr Zeit? Dann sagt es bitte der Koordination.{% endtrans %}</p>"
    )

    async def facts(self, session: AsyncSession, settings: ReminderSettings, zone: ZoneInfo, now: datetime) -> Owed:
        """Read what is owed."""
        return await read_owed(session, settings, zone, now)

    def words(self, reminder: Reminder, now: datetime) -> dict[str, object]:
        """Count the days that have passed when it is said."""
        due = cast("PartialDate", reminder.data["due"])
        return {**reminder.data, "days": (now.date() - due.last).days}

    def plan(self, facts: Owed) -> list[Reminder]:
        """Return the steps of everything that is owed and has a last day."""
        return [
            to_debtor(self.name, facts, debt, rung, f"-P{rung.days}D", returned=debt.status is Status.RETURNED)
            for debt in facts.debts
            if debt.due.precision is not Precision.OPEN
            for rung in overdue_ladder(debt.due.last, facts.ladders[debt.report.series].overdue_steps, facts.calendars[debt.debtor])
        ]


policy = ReportOverdue()
