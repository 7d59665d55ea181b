"""`netzwart simulate`: the same policies over a period, without a homeserver."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bot.verbs.simulate import simulate

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "regogl.toml"


async def _simulate(
    first: str, until: str, *, data: Path | None = EXAMPLE, as_json: bool = True, language: str = "de"
) -> tuple[int, list[str]]:
    lines: list[str] = []
    status = await simulate(None, data, first, until, show=lines.append, language=language, as_json=as_json)
    return status, lines


async def test_one_object_a_line() -> None:
    status, lines = await _simulate("2020-10-12", "2020-10-16")
    found: list[dict[str, Any]] = [json.loads(line) for line in lines]
    assert status == 0
    assert len(found) == 14
    assert found[0] == {
        "at": "2020-10-16T08:00:00+02:00",
        "policy": "report-deadline",
        "subject": "forschung-1",
        "lab": None,
        "room": "research",
        "step": "P14D",
    }
    assert {(line["subject"], line["step"]) for line in found[1:]} == {("labor-1", "P14D")}
    assert len({line["lab"] for line in found[1:]}) == 13


async def test_the_whole_programme() -> None:
    """Two reports have a day; who owes what is known to the month or still open is told nothing."""
    _, lines = await _simulate("2020-01-01", "2022-12-31")
    found = [line for line in map(json.loads, lines) if line["policy"] == "report-deadline"]
    days = {(line["at"][:16], line["step"]) for line in found}
    assert days == {
        ("2020-09-30T08:00", "P30D"),
        ("2020-10-16T08:00", "P14D"),
        ("2020-10-23T08:00", "P7D"),
        ("2020-10-28T08:00", "P2D"),
        ("2020-10-30T08:00", "P0D"),
    }
    assert len(found) == 5 * 14


async def test_events_and_dates_to_be_fixed() -> None:
    """The network is told of each event that has a day; coordinators are asked about all that has none."""
    _, lines = await _simulate("2021-09-01", "2021-12-31")
    found = [json.loads(line) for line in lines]
    assert found[2] == {
        "at": "2021-09-29T08:00:00+02:00",
        "policy": "workshop-tomorrow",
        "subject": "workshop-4",
        "lab": None,
        "room": "network",
        "step": "P1D",
    }
    assert found[-1] == {
        "at": "2021-12-31T08:00:00+01:00",
        "policy": "date-to-be-fixed",
        "subject": "workshop-5",
        "lab": None,
        "room": "coordination",
        "step": "P30D",
    }
    assert Counter((line["policy"], line["subject"]) for line in found) == {
        ("date-to-be-fixed", "labor-2"): 4,
        ("date-to-be-fixed", "labor-projekt"): 4,
        ("date-to-be-fixed", "workshop-5"): 2,
        ("workshop-tomorrow", "workshop-4"): 1,
    }


async def test_days_off_of_the_labs_own_state_count(tmp_path: Path) -> None:
    """Corpus Christi (3 June 2021) is a holiday in Hesse and not in Bremen: the lab of one is reminded a day earlier."""
    data = tmp_path / "network.toml"
    data.write_text(EXAMPLE.read_text("utf-8").replace('due = "2021-XX-XX"', 'due = "2021-06-03"'), "utf-8")
    _, lines = await _simulate("2021-06-01", "2021-06-05", data=data)
    on_the_day = {line["lab"]: line["at"][:10] for line in map(json.loads, lines) if line["step"] == "P0D"}
    assert (on_the_day["bergstrasse"], on_the_day["bremen"]) == ("2021-06-02", "2021-06-03")


async def test_as_a_table() -> None:
    _, lines = await _simulate("2020-10-30", "2020-10-30", as_json=False)
    assert lines[:3] == [
        "Freitag, 30. Oktober 2020",
        "  08:00  date-to-be-fixed  forschung-2   P30D  coordination",
        "  08:00  report-deadline  forschung-1    P0D  research",
    ]
    assert lines[-1] == "15 Erinnerungen"
    _, lines = await _simulate("2020-10-30", "2020-10-30", as_json=False, language="en")
    assert (lines[0], lines[-1]) == ("Friday, 30 October 2020", "15 reminders")


@pytest.mark.parametrize(
    ("first", "until", "said"),
    [
        ("gestern", "2020-10-30", "»gestern« ist kein Tag. Richtig wäre zum Beispiel 2020-10-30."),
        ("2020-10-30", "2020-10-29", "--until liegt vor --from."),
    ],
)
async def test_a_period_that_is_none(first: str, until: str, said: str) -> None:
    assert await _simulate(first, until) == (2, [said])


async def test_a_data_file_with_mistakes(tmp_path: Path) -> None:
    data = tmp_path / "network.toml"
    data.write_text("labs = 7\n", "utf-8")
    status, lines = await _simulate("2020-10-30", "2020-10-31", data=data)
    assert status == 2
    assert all(line.startswith("network.toml") for line in lines)
    assert lines
