"""Reports: what each lab and the research team owes, and how far it has come."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from bot.domain.dates import PartialDate

RESEARCH = "research"


class OwedBy(StrEnum):
    """Who owes the reports of a series: each lab, or the research team."""

    LAB = "lab"
    RESEARCH = "research"


@dataclass(frozen=True, slots=True)
class Report:
    """One report of a series. Every debtor of the series owes it. `due` is as exact as it is known."""

    key: str
    series: str
    series_title: str
    owed_by: OwedBy
    title: str
    due: PartialDate


class Status(StrEnum):
    """How far a debtor's report has come."""

    OPEN = "open"
    SUBMITTED = "submitted"


@dataclass(frozen=True, slots=True)
class Debt:
    """A report as one debtor owes it. `debtor` is a lab key, or `research`."""

    report: Report
    debtor: str
    status: Status = Status.OPEN
    link: str | None = None
    submitted_by: str | None = None
    submitted_at: datetime | None = None

    def overdue(self, today: date) -> bool:
        """Whether it is open and its last possible day is over."""
        return self.status is Status.OPEN and self.report.due.last < today
