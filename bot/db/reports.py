"""Reports and what was handed in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.engine import insert_new
from bot.db.tables import labs, report_series, reports, submissions
from bot.domain.dates import PartialDate
from bot.domain.reports import RESEARCH, Debt, OwedBy, Report, Status


def report_from_row(row: sa.Row[Any]) -> Report:
    """Return the report that a row of `reports` joined with its series (`series_title`, `owed_by`) is."""
    return Report(
        key=row.key,
        series=row.series,
        series_title=row.series_title,
        owed_by=OwedBy(row.owed_by),
        title=row.title,
        due=PartialDate.parse(row.due),
    )


async def every(session: AsyncSession) -> list[Report]:
    """Return all reports, series by series, in the order of the data file."""
    query = (
        sa.select(reports, report_series.c.title.label("series_title"), report_series.c.owed_by)
        .join(report_series, report_series.c.key == reports.c.series)
        .order_by(report_series.c.position, reports.c.position)
    )
    return [report_from_row(row) for row in await session.execute(query)]


async def debts(session: AsyncSession, debtors: Sequence[str] | None = None) -> list[Debt]:
    """Return what is owed, by `debtors` (lab keys, or `research`) or by all: report by report, labs in the order of the file."""
    handed_in = {(row.report, row.debtor): row for row in await session.execute(sa.select(submissions))}
    all_labs = list(await session.scalars(sa.select(labs.c.key).order_by(labs.c.position)))
    return [
        _debt(report, debtor, handed_in.get((report.key, debtor)))
        for report in await every(session)
        for debtor in (all_labs if report.owed_by is OwedBy.LAB else [RESEARCH])
        if debtors is None or debtor in debtors
    ]


def _debt(report: Report, debtor: str, row: sa.Row[Any] | None) -> Debt:
    if row is None:
        return Debt(report, debtor)
    return Debt(report, debtor, Status.SUBMITTED, row.link, row.submitted_by, row.submitted_at)


async def submit(session: AsyncSession, debt: Debt, *, by: str, link: str | None, now: datetime) -> None:
    """Record a report as handed in. A second time replaces person and time, and the link if there is one."""
    said = {"submitted_by": by, "submitted_at": now}
    if not await insert_new(session, submissions, report=debt.report.key, debtor=debt.debtor, link=link, **said):
        kept = sa.func.coalesce(sa.literal(link, sa.Text), submissions.c.link)
        await session.execute(submissions.update().where(_of(debt)).values(**said, link=kept))


async def withdraw(session: AsyncSession, debt: Debt) -> None:
    """Record a report as not handed in."""
    await session.execute(submissions.delete().where(_of(debt)))


def _of(debt: Debt) -> sa.ColumnElement[bool]:
    return sa.and_(submissions.c.report == debt.report.key, submissions.c.debtor == debt.debtor)
