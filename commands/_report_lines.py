"""How reports are listed: shared by the list and the single report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo

from bot.domain.dates import PartialDate
from bot.domain.reports import RESEARCH, Debt, Status
from bot.errors import Text, text


@dataclass(frozen=True, slots=True)
class Line:
    """A report as one debtor owes it, ready to be shown. `who`: the debtor's name."""

    title: str
    key: str
    who: Text | str
    due: PartialDate
    overdue: bool
    submitted_on: PartialDate | None
    submitted_by: str | None
    link: str | None
    file: str | None
    status: Status
    remark: str | None
    originally: PartialDate | None
    """When it was due before this debtor got more time."""

    @property
    def settled(self) -> bool:
        """Whether nothing more is expected for now."""
        return not self.status.owed


@dataclass(frozen=True, slots=True)
class Summary:
    """A report as several labs owe it."""

    title: str
    key: str
    due: PartialDate
    settled: tuple[Line, ...]
    missing: tuple[Line, ...]

    @property
    def overdue(self) -> bool:
        """Whether the deadline has passed and somebody has not handed it in."""
        return any(line.overdue for line in self.missing)


def debtor_name(debtor: str, names: Mapping[str, str]) -> Text | str:
    """Return what a debtor is called. `names`: the names of the labs by their keys."""
    return text("Forschung") if debtor == RESEARCH else names.get(debtor, debtor)


def line(debt: Debt, names: Mapping[str, str], today: date, zone: tzinfo | None) -> Line:
    """Return a debt as it is shown on `today`, its days in `zone`."""
    submitted = debt.submitted_at.astimezone(zone).date() if debt.submitted_at else None
    return Line(
        title=debt.report.title,
        key=debt.report.key,
        who=debtor_name(debt.debtor, names),
        due=debt.due,
        overdue=debt.overdue(today),
        submitted_on=PartialDate.day(submitted) if submitted else None,
        submitted_by=debt.submitted_by,
        link=debt.link,
        file=debt.file.name if debt.file else None,
        status=debt.status,
        remark=debt.remark,
        originally=debt.report.due if debt.due != debt.report.due else None,
    )


def summary(lines: Sequence[Line]) -> Summary:
    """Return the lines of one report (at least one) as one."""
    first = lines[0]
    settled = tuple(line for line in lines if line.settled)
    missing = tuple(line for line in lines if not line.settled)
    return Summary(first.title, first.key, first.originally or first.due, settled, missing)
