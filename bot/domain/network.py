"""The network as a data file describes it: labs, programme, reports. One value that can be compared with another."""

from dataclasses import dataclass

from bot.domain.labs import Lab
from bot.domain.programme import Event, Phase
from bot.domain.reports import OwedBy, Report


@dataclass(frozen=True, slots=True)
class Series:
    """A series of reports owed by the same debtors. `reports` in the order of the file."""

    key: str
    title: str
    owed_by: OwedBy
    reports: tuple[Report, ...]


@dataclass(frozen=True, slots=True)
class Network:
    """Everything that a data file says. Tuples keep the order of the file; keys are unique within each of them."""

    name: str
    timezone: str
    language: str
    labs: tuple[Lab, ...] = ()
    events: tuple[Event, ...] = ()
    phases: tuple[Phase, ...] = ()
    series: tuple[Series, ...] = ()
    topics: tuple[str, ...] = ()
    reflection: tuple[str, ...] = ()
