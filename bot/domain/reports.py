"""Reports: what each lab and the research team owes, and how far it has come."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from bot.domain.dates import PartialDate
from bot.domain.matching import fold
from bot.domain.places import COORDINATORS, RESEARCHERS, Audience, Place, PlaceKind, lab_audience, lab_room
from bot.domain.places import RESEARCH as RESEARCH_ROOM
from bot.domain.roles import Roles

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
    ACCEPTED = "accepted"
    RETURNED = "returned"  # coordinators want it again, better
    WAIVED = "waived"

    @property
    def owed(self) -> bool:
        """Whether the debtor has to hand something in, and is reminded of it."""
        return self in (Status.OPEN, Status.RETURNED)


@dataclass(frozen=True, slots=True)
class HandedInFile:
    """A file that was posted in a room and handed in. `content`: the event's content, by which it can be shown elsewhere."""

    name: str
    content: dict[str, Any] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Debt:
    """A report as one debtor owes it. `debtor` is a lab key, or `research`.

    `link`, `file`: where what was handed in lies. `remark`: what coordinators said when they returned or waived it. `extended_to`: until
    when this debtor has time; the day that was set for all stays on record in `report.due`.
    """

    report: Report
    debtor: str
    status: Status = Status.OPEN
    link: str | None = None
    submitted_by: str | None = None
    submitted_at: datetime | None = None
    file: HandedInFile | None = None
    remark: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    extended_to: PartialDate | None = None

    @property
    def due(self) -> PartialDate:
        """When it is due for this debtor. More time than everybody has is none any more once everybody has as much."""
        own, everybody = self.extended_to, self.report.due
        return own if own is not None and own.last > everybody.last else everybody

    def overdue(self, today: date) -> bool:
        """Whether it is owed and its last possible day is over."""
        return self.status.owed and self.due.last < today


def find_reports(reports: Iterable[Report], word: str) -> list[Report]:
    """Return the reports that `word` may mean: the one with this key, or those that a bare `1` numbers."""
    wanted = fold(word)
    by_key = {fold(report.key): report for report in reports}
    if wanted in by_key:
        return [by_key[wanted]]
    return [report for key, report in by_key.items() if key.rpartition("-")[2] == wanted]


def own_debtors(roles: Roles, place: Place) -> tuple[str, ...]:
    """Return for whom somebody acts in `place`: in a lab's room for that lab only, in the research room for research only."""
    match place.kind:
        case PlaceKind.LAB:
            return tuple(lab for lab in roles.labs if lab == place.lab)
        case PlaceKind.RESEARCH:
            return (RESEARCH,) if roles.research else ()
        case _:
            return (*roles.labs, *((RESEARCH,) if roles.research else ()))


def shown_debtors(roles: Roles, place: Place) -> tuple[str, ...] | None:
    """Return the debtors whose reports somebody is shown when asking in `place`; None means all of them.

    A coordinator sees everything, and in the room of a lab or of research what belongs there.
    """
    if not roles.coordinator:
        return own_debtors(roles, place)
    if place.kind is PlaceKind.LAB:
        return (place.lab,) if place.lab else ()
    return (RESEARCH,) if place.kind is PlaceKind.RESEARCH else None


def debtor_room(debtor: str) -> str:
    """Return the key of the room of a debtor: of a lab (its key), or of `research`."""
    return RESEARCH_ROOM if debtor == RESEARCH else lab_room(debtor)


def debtor_audience(debtor: str | None) -> Audience:
    """Return who may see a debtor's reports; None stands for several debtors at once, which only coordinators see together."""
    if debtor is None:
        return COORDINATORS
    return RESEARCHERS if debtor == RESEARCH else lab_audience(debtor)
