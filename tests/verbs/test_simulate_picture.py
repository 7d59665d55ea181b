"""`netzwart simulate --picture`: what is in the picture, and what is refused."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli import cli
from tests.verbs.golden.programme import EXAMPLE


def _simulate(*arguments: str, first: str = "2020-10-01", until: str = "2020-10-31", language: str = "de") -> tuple[int, list[str]]:
    period = ["--from", first, "--until", until]
    result = CliRunner().invoke(
        cli, ["simulate", "--data", str(EXAMPLE), *period, *arguments], env={"NETZWART_LANGUAGE": language}, catch_exceptions=False
    )
    return result.exit_code, result.output.splitlines()


def _drawn(file: Path) -> list[str]:
    root = ET.fromstring(file.read_text("utf-8"))  # noqa: S314  (our own)
    return [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]


def test_a_month(tmp_path: Path) -> None:
    """Labs and research apart, and how many rooms hear of it; below the table stands where the picture is.

    On the first, two reminders are one message: pictures count messages.
    """
    file = tmp_path / "october.svg"
    status, lines = _simulate("--picture", str(file))
    assert (status, lines[-2:]) == (0, ["60 Erinnerungen", f"Gezeichnet in {file}"])
    drawn = _drawn(file)
    assert drawn[:3] == ["Erinnerungen", "1. Oktober 2020 – 31. Oktober 2020", "59 Nachrichten in 15 Räumen"]
    assert {"forschung-1, 30. Oktober 2020", "labor-1, 30. Oktober 2020"} <= set(drawn)
    lane = drawn.index("Labore: 52 Nachrichten in 13 Räumen")
    assert drawn[lane - 1 : lane + 5] == ["Vor der Abgabe", drawn[lane], "13", "13", "13", "13"]
    assert drawn.count("1") == 1 + 3 + 4, "a day, three questions to coordination, four steps for research"
    assert "Termin noch offen: labor-2, 2021 · labor-projekt, 2022" in drawn


def test_what_is_supposed_stands_in_it(tmp_path: Path) -> None:
    """With the programme as it is then: labor-2 has its day."""
    file = tmp_path / "supposed.SVG"
    supposed = ["--submit", "labor-1:bremen@2020-10-20", "--date", "labor-2=2020-12-01@2020-10-12"]
    assert _simulate("--picture", str(file), *supposed, until="2020-12-31")[0] == 0
    drawn = _drawn(file)
    assert drawn[3:5] == ["Angenommen: labor-1:bremen@2020-10-20", "Angenommen: labor-2=2020-12-01@2020-10-12"]
    assert "labor-2, 1. Dezember 2020" in drawn
    assert "Termin noch offen: labor-projekt, 2022" in drawn


def test_in_english(tmp_path: Path) -> None:
    file = tmp_path / "october.svg"
    assert _simulate("--picture", str(file), language="en")[1][-1] == f"Drawn in {file}"
    drawn = _drawn(file)
    assert drawn[:3] == ["Reminders", "1 October 2020 – 31 October 2020", "59 messages in 15 rooms"]
    assert {"Labs: 52 messages in 13 rooms", "Before a report is due", "Oct"} <= set(drawn)
    assert "Date still open: labor-2, 2021 · labor-projekt, 2022" in drawn


def test_a_time_in_which_nothing_is_said(tmp_path: Path) -> None:
    file = tmp_path / "nothing.svg"
    assert _simulate("--picture", str(file), first="2018-03-01", until="2018-03-01")[0] == 0
    assert _drawn(file)[:4] == ["Erinnerungen", "1. März 2018", "In dieser Zeit wird an nichts erinnert.", "2018"]


def test_beside_json_nothing_else_is_printed(tmp_path: Path) -> None:
    """Both go together: whoever reads the lines by program gets lines, and the file lies where it was asked for."""
    file = tmp_path / "october.png"
    status, lines = _simulate("--json", "--picture", str(file))
    assert (status, len([json.loads(line) for line in lines])) == (0, 60)
    assert file.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["october.jpg", "october", "svg", ".png", "october.svg.gz"])
def test_another_kind_of_picture_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    assert _simulate("--picture", str(file)) == (
        2,
        [f"»{file}« endet weder auf .svg noch auf .png; ein anderes Bild kann ich nicht."],
    )
    assert list(tmp_path.iterdir()) == []


def test_a_place_where_nothing_can_be_written(tmp_path: Path) -> None:
    """One sentence and status 2, and no table that looks as if it had worked."""
    status, (line,) = _simulate("--picture", str(tmp_path / "nowhere" / "october.png"))
    assert (status, line) == (2, f"Nach {tmp_path}/nowhere/october.png kann ich nicht schreiben: No such file or directory")
    folder = tmp_path / "folder.png"
    folder.mkdir()
    status, (line,) = _simulate("--picture", str(folder))
    assert (status, line) == (2, f"Nach {folder} kann ich nicht schreiben: Is a directory")
    assert list(tmp_path.iterdir()) == [folder], "no draft is left"


def test_a_picture_is_replaced_as_a_whole_or_stays(tmp_path: Path) -> None:
    """What cannot be simulated leaves the picture of yesterday alone; what can takes its place."""
    file = tmp_path / "october.svg"
    file.write_text("yesterday", "utf-8")
    assert _simulate("--picture", str(file), "--date", "mond=2021-06")[0] == 2
    assert file.read_text("utf-8") == "yesterday"
    assert _simulate("--picture", str(file))[0] == 0
    assert _drawn(file)[0] == "Erinnerungen"
    assert list(tmp_path.iterdir()) == [file]
