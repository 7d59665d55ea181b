"""Coordinators are asked in good time to fix the dates that are not known to the day.

A month, a quarter or a season is asked about 60 and 30 days before it can begin; a year, or a date that is open, once a month. So nothing
that is vague comes as a surprise, and nothing invents a day for it. What is still open when its year is over cannot be overdue: it is asked
about for half a year more, for nobody else would be reminded of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import labs, programme, reports
from bot.domain.dates import PartialDate, Precision
from bot.domain.places import COORDINATION
from bot.domain.reminders import Calendar, Reminder, ladder
from bot.domain.reports import RESEARCH, Debt
from bot.errors import text
from bot.reminder_policy import ReminderPolicy, ReminderSettings
from bot.rendering import template
from bot.working_time import calendar_of

_STEPS = (timedelta(days=60), timedelta(days=30))
_YEARS_BEFORE = 2
_MONTHS_AFTER = 6
_YEAR_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Vague:
    """A report (`noun` is `report`), an event (`event`) or one debtor's more time for a report (`extension`) that has no day."""

    noun: str
    key: str
    title: str
    when: PartialDate


@dataclass(frozen=True, slots=True)
class Facts:
    """What has no day, and when coordinators work."""

    vague: Sequence[Vague]
    calendar: Calendar


class DateToBeFixed(ReminderPolicy[Facts]):
    """One question for each thing and step, in the coordination room; what comes together is one message."""

    name = "date-to-be-fixed"
    title = text("Tag steht noch nicht fest")
    merges = True
    template = template(
        "{% set dates = items|sort(attribute='when.sort_key') %}"
        "{% if late %}<p><em>{% trans %}Verspätet, weil ich nicht da war.{% endtrans %}</em></p>{% endif %}"
        "{% if items|length == 1 %}"
        "<p>{% trans %}Dieser Termin steht noch nicht fest:{% endtrans %}"
        "{% else %}<p>{% trans %}Diese Termine stehen noch nicht fest:{% endtrans %}{% endif %}</p>"
        "<ul>{% for item in dates %}<li>{{ item.title }} (<code>{{ item.key }}</code>): {{ item.when|when }}</li>{% endfor %}</ul>"
        "<p>{% if items|length == 1 %}{% trans %}Ist der Tag jetzt bekannt? Dann schreib:{% endtrans %}"
        "{% else %}{% trans %}Ist von einem der Tag jetzt bekannt? Dann schreib:{% endtrans %}{% endif %}"
        "{% for all in dates|groupby('extension') %}{% set first = all.list[0] %}{% if not loop.first %} ·{% endif %}"
        " <code>{% if first.extension %}{% trans key=first.key, prefix=prefix %}{{ prefix }} aufschub {{ key }} &lt;datum&gt;{% endtrans %}"
        "{% else %}{% trans key=first.key, prefix=prefix %}{{ prefix }} termin {{ key }} &lt;datum&gt;{% endtrans %}{% endif %}</code>"
        "{% endfor %}</p>"
    )

    async def facts(self, session: AsyncSession, settings: ReminderSettings, zone: ZoneInfo, now: datetime) -> Facts:  # noqa: ARG002  (for others)
        """Read which reports that somebody still owes, and which events that take place, have no day."""
        owed = [debt for debt in await reports.debts(session) if debt.status.owed]
        names = {lab.key: lab.name for lab in await labs.every(session)}
        coming = [event for event in await programme.every_event(session) if not event.cancelled]
        found = [Vague("report", report.key, report.title, report.due) for report in dict.fromkeys(debt.report for debt in owed)]
        found += [_extension(debt, names) for debt in owed if debt.due != debt.report.due]
        found += [Vague("event", event.key, event.title, event.when) for event in coming]
        return Facts([v for v in found if not v.when.exact], calendar_of(None, settings, zone))

    def plan(self, facts: Facts) -> list[Reminder]:
        """Return the questions about everything that is vague, up to its last possible day, or later if it is open."""
        return [
            Reminder(
                key=f"{_ladder_of(vague)}:{step.name}",
                ladder=_ladder_of(vague),
                timing=_ladder_of(vague),
                policy=self.name,
                subject=vague.key,
                step=step.name,
                room=COORDINATION,
                at=step.at,
                until=step.until,
                hours=facts.calendar,
                data={"title": vague.title, "key": vague.key, "when": vague.when, "extension": vague.noun == "extension"},
            )
            for vague in facts.vague
            for step in _steps(vague.when, facts.calendar)
        ]


@dataclass(frozen=True, slots=True)
class _Step:
    """When it is asked. `name`: a month, or how long before."""

    name: str
    at: datetime
    until: datetime


def _extension(debt: Debt, names: Mapping[str, str]) -> Vague:
    """Return the time that one debtor has, as coordinators name it: with the lab."""
    if debt.debtor == RESEARCH:
        return Vague("extension", debt.report.key, debt.report.title, debt.due)
    title = f"{debt.report.title}, {names.get(debt.debtor, debt.debtor)}"
    return Vague("extension", f"{debt.report.key}:{debt.debtor}", title, debt.due)


def _ladder_of(vague: Vague) -> str:
    """Return what is asked about: this date of this thing. One that is newly vague in another way has missed nothing."""
    return f"{DateToBeFixed.name}:{vague.noun}:{vague.key}:{vague.when}"


def _steps(when: PartialDate, calendar: Calendar) -> list[_Step]:
    """Return when a date is asked about. Each question makes sense until the next one, the last until the date is surely past."""
    end = calendar.end_of(when.last)
    if when.precision in (Precision.YEAR, Precision.OPEN):
        *months, after = _months(when)
        times = {f"{month:%Y-%m}": calendar.opening(calendar.working_day_from(month)) for month in months}
        end = calendar.end_of(after - timedelta(days=1))
    else:
        times = {f"P{rung.days}D": rung.at for rung in ladder(when.first, _STEPS, calendar)}
    ends = [*list(times.values())[1:], end]
    return [_Step(name, at, until) for (name, at), until in zip(times.items(), ends, strict=True)]


def _months(when: PartialDate) -> Iterator[date]:
    """Return the first days of the months in which a year is asked about, and of the one after them: its own, and those shortly before it.

    Half a year after it as well, if the date is open. What is further away is not fixed yet, and a list of months has to end somewhere.
    """
    after = _MONTHS_AFTER if when.precision is Precision.OPEN else 0
    for month in range(-_YEARS_BEFORE * _YEAR_MONTHS, _YEAR_MONTHS + after + 1):
        yield date(when.first.year + month // _YEAR_MONTHS, month % _YEAR_MONTHS + 1, 1)


policy = DateToBeFixed()
