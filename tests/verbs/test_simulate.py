"""`netzwart simulate`: the same policies over a period, without a homeserver."""

import json
from collections import Counter
from collections.abc import Sequence
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
    of_reports = ("report-deadline", "report-overdue", "report-escalation")
    found = [line for line in map(json.loads, lines) if line["policy"] not in of_reports]
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


async def _what_if(first: str, until: str, *, submitted: Sequence[str] = (), dated: Sequence[str] = ()) -> tuple[int, list[Any]]:
    """What reminders of reports would come, if these things happened."""
    lines: list[str] = []
    status = await simulate(
        None, EXAMPLE, first, until, show=lines.append, language="de", as_json=True, submitted=submitted, dated=dated
    )
    return status, [json.loads(line) for line in lines] if status == 0 else lines


async def test_what_if_a_lab_hands_in() -> None:
    """From that day on it is left in peace; before it, and all others, are reminded as ever."""
    _, before = await _what_if("2020-10-01", "2020-12-31")
    _, after = await _what_if("2020-10-01", "2020-12-31", submitted=["labor-1:bremen@2020-10-20"])
    missing = [line for line in before if line not in after]
    assert [line for line in after if line not in before] == []
    assert {(line["lab"], line["subject"]) for line in missing} == {("bremen", "labor-1")}
    assert min(line["at"] for line in missing) == "2020-10-23T08:00:00+02:00"
    assert {line["policy"] for line in missing} == {"report-deadline", "report-overdue", "report-escalation"}


async def test_what_if_a_date_is_fixed() -> None:
    """An open date becomes a day in January: steps before it come, and coordinators are asked no more."""
    _, lines = await _what_if("2021-01-01", "2021-07-31", dated=["labor-2=2021-06-30@2021-01-15"])
    about = [line for line in lines if line["subject"] == "labor-2"]
    assert [line["policy"] for line in about if line["lab"] is None] == ["date-to-be-fixed"]
    steps = {line["step"] for line in about if line["lab"] == "bremen"}
    assert steps == {"P30D", "P14D", "P7D", "P2D", "P0D", "-P3D", "-P7D", "-P10D", "-P17D", "-P24D"}


async def test_a_step_that_is_past_when_a_date_is_moved_up_comes_at_once() -> None:
    _, lines = await _what_if("2020-10-01", "2020-10-31", dated=["labor-1=2020-10-22@2020-10-14"])
    assert [(line["at"][:16], line["step"]) for line in lines if line["lab"] == "bremen"][:3] == [
        ("2020-10-14T12:00", "P14D"),
        ("2020-10-15T08:00", "P7D"),
        ("2020-10-20T08:00", "P2D"),
    ]


@pytest.mark.parametrize(
    ("submitted", "dated", "said"),
    [
        (["labor-1:bremen"], [], "»labor-1:bremen« verstehe ich nicht. Richtig wäre zum Beispiel labor-1:bremen@2020-10-20."),
        (["labor-1@2020-10-20"], [], "Wer gibt labor-1 ab? Richtig wäre zum Beispiel labor-1:bad-belzig-wiesenburg."),
        (["labor-1:mond@2020-10-20"], [], "Den Bericht labor-1 schuldet »mond« nicht."),
        (["x@2020-10-20"], [], "Einen Bericht »x« gibt es nicht."),
        (
            ["forschung-1@2020-02-31"],
            [],
            "»forschung-1@2020-02-31« verstehe ich nicht. Richtig wäre zum Beispiel labor-1:bremen@2020-10-20.",
        ),
        ([], ["labor-2=bald"], "»bald« ist kein Datum in EDTF. Richtig wäre zum Beispiel 2021-06-30 oder 2021-06."),
        ([], ["labor-2=9999"], "Das Jahr 9999 ist weit weg. Ist es ein Tippfehler?"),
        ([], ["mond=2021-06"], "»mond« ist weder ein Bericht noch ein Termin."),
    ],
)
async def test_what_cannot_be_supposed(submitted: list[str], dated: list[str], said: str) -> None:
    assert await _what_if("2020-10-01", "2020-10-31", submitted=submitted, dated=dated) == (2, [said])
