"""What is said in three years, computed once more: straight from the design, with nothing of ours but the data file.

The golden files are what the program says; this is why one may believe them.
"""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import holidays
import pytest

from tests.verbs.golden.programme import EXAMPLE, FIRST, UNTIL, run
from tests.verbs.golden.programme import network as network_of

BEFORE = (30, 14, 7, 2, 0)
AFTER = range(3, 26 * 7 + 1, 7)
SUMMER_TIME = [
    (date(2020, 3, 29), date(2020, 10, 25)),
    (date(2021, 3, 28), date(2021, 10, 31)),
    (date(2022, 3, 27), date(2022, 10, 30)),
]


class Expected(NamedTuple):
    """One reminder: on a day, at the opening of office hours."""

    at: str
    policy: str
    subject: str
    step: str
    lab: str | None
    room: str


class When(NamedTuple):
    """A date of the file: its first and last possible day, and whether it is a day, a month, or open."""

    first: date
    last: date
    kind: str


def _when(edtf: str) -> When:
    if edtf.endswith("-XX-XX"):
        return When(date(int(edtf[:4]), 1, 1), date(int(edtf[:4]), 12, 31), "open")
    if len(edtf) == len("2022-02"):
        first = date.fromisoformat(f"{edtf}-01")
        return When(first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1), "month")
    first, _, last = edtf.partition("/")
    return When(date.fromisoformat(first), date.fromisoformat(last or first), "day")


@cache
def _holidays(state: str | None) -> holidays.HolidayBase:
    return holidays.country_holidays("DE", subdiv=state and state[3:])


def _works(day: date, state: str | None) -> bool:
    return day.weekday() < 5 and day not in _holidays(state)


def _moved(day: date, state: str | None, by: int) -> date:
    """The working day on which it is said: `by` days earlier (-1) or later (1), as often as needed."""
    while not _works(day, state):
        day += timedelta(days=by)
    return day


def _at(day: date) -> str:
    summer = any(begin <= day < end for begin, end in SUMMER_TIME)
    return f"{day}T08:00:00+{'02' if summer else '01'}:00"


def _reports(network: dict[str, Any]) -> Iterator[Expected]:
    states = {lab["key"]: lab["state"] for lab in network["labs"]}
    for series in network["report_series"]:
        for report in series["reports"]:
            key, due = report["key"], _when(report["due"])
            for lab, state in states.items() if series["owed_by"] == "lab" else [(None, None)]:
                room = f"lab:{lab}" if lab else "research"
                if due.kind == "day":  # nobody is told "in 14 days" of a month
                    for days in BEFORE:
                        day = _moved(due.last - timedelta(days=days), state, -1)
                        yield Expected(_at(day), "report-deadline", key, f"P{days}D", lab, room)
                if due.kind != "open":  # what is open cannot be missed
                    for days in AFTER:
                        day = _moved(due.last + timedelta(days=days), state, 1)
                        yield Expected(_at(day), "report-overdue", key, f"-P{days}D", lab, room)
                    day = _moved(due.last + timedelta(days=8), None, 1)  # once it passes 7
                    yield Expected(_at(day), "report-escalation", key, "-P7D", lab, "coordination")


def _dates(network: dict[str, Any]) -> Iterator[Expected]:
    """A month is asked about 60 and 30 days before it begins; what is open monthly, and for half a year after its own."""
    reports = [(report["key"], report["due"]) for series in network["report_series"] for report in series["reports"]]
    for key, edtf in [*reports, *((event["key"], event["when"]) for event in network["events"])]:
        when = _when(edtf)
        if when.kind == "month":
            for days in (60, 30):
                day = _moved(when.first - timedelta(days=days), None, -1)
                yield Expected(_at(day), "date-to-be-fixed", key, f"P{days}D", None, "coordination")
        if when.kind == "open":
            for month in (date(year, month, 1) for year in range(2020, when.last.year + 2) for month in range(1, 13)):
                if month < date(when.last.year + 1, 7, 1):
                    yield Expected(_at(_moved(month, None, 1)), "date-to-be-fixed", key, f"{month:%Y-%m}", None, "coordination")


def _events(network: dict[str, Any]) -> Iterator[Expected]:
    for event in network["events"]:
        when = _when(event["when"])
        if when.kind == "day":
            day = _moved(when.first - timedelta(days=1), None, -1)
            yield Expected(_at(day), "workshop-tomorrow", event["key"], "P1D", None, "network")
        for lab in network["labs"] if "register_by" in event else []:
            for days in (14, 3, 0):
                day = _moved(date.fromisoformat(event["register_by"]) - timedelta(days=days), lab["state"], -1)
                room = f"lab:{lab['key']}"
                yield Expected(_at(day), "registration-closing", event["key"], f"P{days}D", lab["key"], room)


def _days_are_known(text: str) -> str:
    """The programme with the dates that were open: on days whose steps fall on holidays that only some states have."""
    text = text.replace('due = "2021-XX-XX"', 'due = "2021-06-17"').replace('due = "2022-XX-XX"', 'due = "2022-11-15"')
    text = text.replace('when = "2022-02"', 'when = "2022-01-07"').replace('when = "2022-09"', 'when = "2022-10-04/2022-10-05"')
    return text.replace('when = "2022-12"', 'when = "2022-11-17"\nregister_by = "2022-11-01"')


@pytest.mark.parametrize("change", [str, _days_are_known])
async def test_three_years_by_hand(change: Callable[[str], str], tmp_path: Path) -> None:
    data = tmp_path / "network.toml"
    data.write_text(change(EXAMPLE.read_text("utf-8")), "utf-8")
    network = network_of(data)
    expected = {each for part in (_reports, _dates, _events) for each in part(network) if str(FIRST) <= each.at[:10] <= str(UNTIL)}
    said = [Expected(s.at.isoformat(), s.policy, s.subject, s.step, s.lab, s.room) for s in await run(data)]
    assert len(said) == len(set(said)), "said once"
    assert sorted(map(str, set(said) - expected)) == []
    assert sorted(map(str, expected - set(said))) == []
