"""Reports and what was handed in."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.engine import insert_new
from bot.db.tables import labs, report_decisions, report_series, reports, submissions
from bot.domain.dates import PartialDate
from bot.domain.reports import RESEARCH, Debt, HandedInFile, OwedBy, Report, Status


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
    decided = {(row.report, row.debtor): row for row in await session.execute(sa.select(report_decisions))}
    all_labs = list(await session.scalars(sa.select(labs.c.key).order_by(labs.c.position)))
    return [
        _debt(report, debtor, handed_in.get((report.key, debtor)), decided.get((report.key, debtor)))
        for report in await every(session)
        for debtor in (all_labs if report.owed_by is OwedBy.LAB else [RESEARCH])
        if debtors is None or debtor in debtors
    ]


async def held_debt(session: AsyncSession, report: Report, debtor: str) -> Debt | None:
    """Return what a debtor owes, None if that is no debtor of ours. Until the transaction ends, nobody else changes it."""
    await insert_new(session, report_decisions, report=report.key, debtor=debtor)
    ours = sa.and_(report_decisions.c.report == report.key, report_decisions.c.debtor == debtor)
    await session.execute(sa.select(report_decisions.c.report).where(ours).with_for_update())
    return next((debt for debt in await debts(session, [debtor]) if debt.report == report), None)


def _debt(report: Report, debtor: str, submitted: sa.Row[Any] | None, decided: sa.Row[Any] | None) -> Debt:
    debt = Debt(report, debtor)
    if submitted is not None:
        file = HandedInFile(**submitted.file) if submitted.file else None
        handed_in = {"submitted_by": submitted.submitted_by, "submitted_at": submitted.submitted_at}
        debt = replace(debt, status=Status.SUBMITTED, link=submitted.link, file=file, **handed_in)
    if decided is None:
        return debt
    debt = replace(debt, extended_to=PartialDate.parse(decided.extended_to) if decided.extended_to else None)
    if decided.verdict is None or decided.superseded:
        return debt
    by = {"decided_by": decided.decided_by, "decided_at": decided.decided_at}
    return replace(debt, status=Status(decided.verdict), remark=decided.remark, **by)


async def submit(
    session: AsyncSession, debt: Debt, *, by: str, link: str | None, now: datetime, file: HandedInFile | None = None
) -> None:
    """Record a report as handed in. A second time replaces person and time, and the link or the file if there is one.

    What coordinators had decided about it before does not count any more, unless it is withdrawn; more time that they gave stays.
    """
    kept = {"name": file.name, "content": file.content} if file else None
    said = {"submitted_by": by, "submitted_at": now}
    if not await insert_new(session, submissions, report=debt.report.key, debtor=debt.debtor, link=link, file=kept, **said):
        where = {"link": link, "file": kept} if link or file else {}
        await session.execute(submissions.update().where(_of(submissions, debt)).values(**said, **where))
    await session.execute(report_decisions.update().where(_of(report_decisions, debt)).values(superseded=True))


async def withdraw(session: AsyncSession, debt: Debt) -> None:
    """Record a report as not handed in. What coordinators had decided before it was, counts again."""
    await session.execute(submissions.delete().where(_of(submissions, debt)))
    await session.execute(report_decisions.update().where(_of(report_decisions, debt)).values(superseded=False))


async def decide(session: AsyncSession, debt: Debt, verdict: Status, *, by: str, now: datetime, remark: str | None = None) -> None:
    """Record what a coordinator has decided. `debt` is held (`held_debt`)."""
    decided = {"verdict": verdict.value, "remark": remark, "decided_by": by, "decided_at": now, "superseded": False}
    await session.execute(report_decisions.update().where(_of(report_decisions, debt)).values(decided))


async def extend(session: AsyncSession, debt: Debt, to: PartialDate, *, by: str, now: datetime) -> None:
    """Record that a debtor has time until `to`. `debt` is held (`held_debt`)."""
    extended = {"extended_to": to.edtf, "extended_by": by, "extended_at": now}
    await session.execute(report_decisions.update().where(_of(report_decisions, debt)).values(extended))


async def set_due(session: AsyncSession, report: Report, due: PartialDate) -> None:
    """Change the day that is set for all debtors."""
    await session.execute(reports.update().where(reports.c.key == report.key).values(due=due.edtf))


def _of(table: sa.Table, debt: Debt) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.report == debt.report.key, table.c.debtor == debt.debtor)
