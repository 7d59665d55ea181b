"""Coordinators are told, once, of reports that are long overdue."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import labs
from bot.domain.dates import Precision
from bot.domain.places import COORDINATION
from bot.domain.reminders import Reminder
from bot.domain.reports import RESEARCH, Debt
from bot.errors import text
from bot.reminder_policy import ReminderPolicy, ReminderSettings
from bot.rendering import template
from schedules._owed import Owed, read_owed

_TOLD_FOR = timedelta(days=90)


class ReportEscalation(ReminderPolicy[tuple[Owed, dict[str, str]]]):
    """One step for each report of each debtor, in the coordination room, once it is overdue for longer than is borne."""

    name = "report-escalation"
    title = text("Lange überfällig")
    merges = True
    template = template(
        "<p>{% trans %}Lange überfällig:{% endtrans %}</p><ul>{% for title, all in items|groupby('title') %}"
        "<li><strong>{{ title }}</strong> (<code>{{ all[0].report }}</code>): "
        "{% for item in all %}{{ item.who }}, {{ item.due|when }}{{ ' · ' if not loop.last }}{% endfor %}</li>{% endfor %}</ul>"
        "<p>{% trans key=items[0].name, prefix=prefix %}Mehr Zeit gibt: <code>{{ prefix }} bericht aufschub {{ key }} …</code>"
        "{% endtrans %}<br/>{% trans key=items[0].name, prefix=prefix %}Davon befreit:"
        " <code>{{ prefix }} bericht befreien {{ key }}</code>{% endtrans %}</p>"
    )

    async def facts(
        self, session: AsyncSession, settings: ReminderSettings, zone: ZoneInfo, now: datetime
    ) -> tuple[Owed, dict[str, str]]:
        """Read what is owed, and what the labs are called."""
        return await read_owed(session, settings, zone, now), {lab.key: lab.name for lab in await labs.every(session)}

    def plan(self, facts: tuple[Owed, dict[str, str]]) -> list[Reminder]:
        """Return one step for everything that is owed and has a last day."""
        owed, names = facts
        return [self._step(debt, owed, names) for debt in owed.debts if debt.due.precision is not Precision.OPEN]

    def _step(self, debt: Debt, owed: Owed, names: dict[str, str]) -> Reminder:
        calendar = owed.coordination
        after = owed.ladders[debt.report.series].escalate_after
        at = calendar.opening(calendar.working_day_from(debt.due.last + after + timedelta(days=1)))
        ladder = f"{self.name}:{debt.report.key}:{debt.debtor}"
        research = debt.debtor == RESEARCH
        return Reminder(
            key=f"{ladder}:{debt.due}",
            ladder=ladder,
            timing=f"{ladder}:{debt.due}",
            policy=self.name,
            subject=debt.report.key,
            step=f"-P{after.days}D",
            room=COORDINATION,
            at=at,
            until=at + _TOLD_FOR,
            lab=None if research else debt.debtor,
            hours=calendar,
            data={
                "title": debt.report.title,
                "report": debt.report.key,
                "due": debt.due,
                "who": text("Forschung") if research else names[debt.debtor],
                "name": debt.report.key if research else f"{debt.report.key}:{debt.debtor}",
            },
        )


policy = ReportEscalation()
