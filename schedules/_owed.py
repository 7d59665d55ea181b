"""What reminders of reports follow from, and whom they go to: shared by the policies for what is due, overdue, and long overdue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import contacts, labs, reports
from bot.domain.reminders import Calendar, Ladder, Reminder, Rung
from bot.domain.reports import RESEARCH, Debt, debtor_room
from bot.reminder_policy import ReminderSettings, ladder_of
from bot.working_time import calendar_of


@dataclass(frozen=True, slots=True)
class Owed:
    """What is owed; the steps of each series (by its key); the working time of each debtor, and whom to mention; that of coordination."""

    debts: Sequence[Debt]
    ladders: Mapping[str, Ladder]
    calendars: Mapping[str, Calendar]
    coordination: Calendar
    mentions: Mapping[str, tuple[str, ...]]


async def read_owed(session: AsyncSession, settings: ReminderSettings, zone: ZoneInfo, now: datetime) -> Owed:
    """Read what is owed by debtors that are in our data, and whom to mention today."""
    everywhere = calendar_of(None, settings, zone)
    calendars = {RESEARCH: everywhere}
    for lab in await labs.every(session):
        calendars[lab.key] = calendar_of(lab.state, settings, zone)
    owed = [debt for debt in await reports.debts(session) if debt.status.owed and debt.debtor in calendars]
    ladders = {debt.report.series: ladder_of(settings, debt.report.series) for debt in owed}
    mentions = await contacts.mentions(session, now.astimezone(zone).date())
    return Owed(owed, ladders, calendars, everywhere, mentions)


def to_debtor(policy: str, owed: Owed, debt: Debt, rung: Rung, step: str, **data: object) -> Reminder:
    """Return a step as the debtor's room hears of it. `step`: an ISO 8601 duration; `data`: what the template shows beside the report."""
    lab = None if debt.debtor == RESEARCH else debt.debtor
    ladder = f"{policy}:{debt.report.key}:{debt.debtor}"
    return Reminder(
        key=f"{ladder}:{debt.due}:{rung.days}",
        ladder=ladder,
        timing=f"{ladder}:{debt.due}",
        policy=policy,
        subject=debt.report.key,
        step=step,
        room=debtor_room(debt.debtor),
        at=rung.at,
        until=rung.until,
        lab=lab,
        hours=owed.calendars[debt.debtor],
        mentions=owed.mentions.get(debt.debtor, ()),
        data={"title": debt.report.title, "due": debt.due, "report": debt.report.key, **data},
    )
