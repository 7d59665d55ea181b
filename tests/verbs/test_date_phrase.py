"""`netzwart date`: one line, and an exit status."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli import cli

CONFIG = """
[matrix]
homeserver = "https://matrix.example.org/"
user_id = "@netzwart:example.org"
password_file = "password"

[database]
url = "sqlite+aiosqlite:///netzwart.sqlite"

[network]
name = "Example"
timezone = "America/New_York"
language = "en"
coordination_room = "#coordination:example.org"
network_room = "#network:example.org"

[network.lab_rooms]
"""


def _date(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli, ["date", *arguments], env={"NETZWART_LANGUAGE": "de"})
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("phrase", "at", "printed"),
    [
        ("15. und 16. Juni 2020", "2021-09-15", "2020-06-15/2020-06-16"),
        ("Ende Oktober", "2021-09-15", "2021-10"),
        ("morgen 10 Uhr", "2021-09-15", "2021-09-16T10:00:00+02:00"),
        ("morgen 10 Uhr", "2021-10-30", "2021-10-31T10:00:00+01:00"),
        ("um 10 Uhr", "2021-09-15T09:30", "2021-09-15T10:00:00+02:00"),
        ("in 2 Stunden", "2021-09-15T09:30:00Z", "2021-09-15T13:30:00+02:00"),
        ("übermorgen", "2021-09-15", "2021-09-17"),
        ("jeden Montag um 9", "2021-09-15", "FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0"),
    ],
)
def test_prints_what_it_understands(phrase: str, at: str, printed: str) -> None:
    assert _date(phrase, "--at", at) == (0, f"{printed}\n", "")


def test_says_why_it_does_not_understand() -> None:
    sentence = "Den 31.2.2022 gibt es nicht. Dieser Monat geht bis zum 28.2.2022.\n"
    assert _date("31.2.", "--at", "2021-09-15") == (2, "", sentence)


@pytest.mark.parametrize("at", ["gestern", "2021-13-01", "", "0001-01-01", "9999-12-31", "2021-09-15T25:00"])
def test_an_at_that_is_no_date(at: str) -> None:
    sentence = f"»{at}« ist kein Tag und keine Zeit. Richtig wäre zum Beispiel 2021-09-15 oder 2021-09-15T09:00.\n"
    assert _date("morgen", "--at", at) == (2, "", sentence)


def test_without_at_it_is_now() -> None:
    status, printed, _ = _date("heute")
    assert (status, len(printed)) == (0, len("2021-09-15\n"))


def test_the_zone_and_the_language_of_a_network(tmp_path: Path) -> None:
    """Whoever runs a network elsewhere asks with its configuration."""
    config = tmp_path / "config.toml"
    (tmp_path / "password").write_text("secret", "utf-8")
    config.write_text(CONFIG, "utf-8")
    printed = "2021-09-16T10:00:00-04:00\n"
    assert _date("morgen 10 Uhr", "--at", "2021-09-15", "--config", str(config)) == (0, printed, "")
    sentence = "There is no 31.2.2022. That month ends on 28.2.2022.\n"
    assert _date("31.2.", "--at", "2021-09-15", "--config", str(config)) == (2, "", sentence)
