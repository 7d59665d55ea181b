"""The configuration: every mistake at once and by its name, secrets from elsewhere, the environment over the file."""

import os
import subprocess
import sys
from datetime import time, timedelta
from pathlib import Path

import pytest

from bot.config import Config, ConfigMistakes, load_config, secret
from bot.rendering import catalogue

ROOT = Path(__file__).parent.parent
GOOD = """
[matrix]
homeserver = "https://matrix.example.org/"
user_id = "@netzwart:example.org"
password_file = "password"

[database]
url = "sqlite+aiosqlite:///data/netzwart.sqlite"

[network]
name = "Beispielnetzwerk"
coordination_room = "#koordination:example.org"
network_room = "#netzwerk:example.org"

[network.lab_rooms]
bremen = "!bremen"
"""
EIGHT_FAULTS = """
[matrix]
homeserver = "matrix.example.org"
user_id = "@netzwart:example.org"
password_file = "nowhere"
prefx = "!netz"

[database]
url = "mysql://localhost/netzwart"

[network]
name = "Beispielnetzwerk"
timezone = "Europa/Berlin"
coordination_room = "Koordination"

[reminders]
steps = ["P14D", "bald"]
"""
EIGHT_COMPLAINTS = [
    "matrix.homeserver: ist keine Web-Adresse; richtig wäre zum Beispiel https://matrix.example.org",
    "matrix.password_file: {folder}/nowhere kann nicht gelesen werden: No such file or directory",
    "matrix.prefx: diese Einstellung gibt es nicht; siehe config.example.toml",
    (
        "database.url: ist keine Datenbankadresse, die Netzwart kennt; richtig wäre sqlite+aiosqlite:///netzwart.sqlite oder"
        " postgresql+psycopg://benutzer@rechner/datenbank"
    ),
    "network.timezone: ist keine Zeitzone; richtig wäre zum Beispiel Europe/Berlin",
    "network.coordination_room: ist weder eine Raum-ID (!abc:example.org) noch ein Alias (#koordination:example.org)",
    "network.network_room: fehlt",
    'reminders.steps.1: ist keine Dauer in Tagen; richtig wäre zum Beispiel "P14D" oder 14',
]
PASSWORD = "Gr0ße Sorgfalt"


@pytest.fixture(autouse=True)
def only_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machine that runs the tests has set is not ours."""
    for name in [name for name in os.environ if name.upper().startswith("NETZWART_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a password in it."""
    (tmp_path / "password").write_text(f"{PASSWORD}\n", "utf-8")
    return tmp_path


def load(folder: Path, content: str) -> Config:
    """Load a configuration with this content."""
    file = folder / "config.toml"
    file.write_text(content, "utf-8")
    return load_config(file)


def complaints(folder: Path, content: str = GOOD) -> list[str]:
    """Load a configuration that cannot be used; return what is said of it, in German."""
    with pytest.raises(ConfigMistakes) as caught:
        load(folder, content)
    return [catalogue("de").say(mistake) for mistake in caught.value.mistakes]


def with_line(section: str, line: str) -> str:
    """The good configuration with a line more in a section (which need not be there yet)."""
    if f"[{section}]" not in GOOD:
        return f"{GOOD}\n[{section}]\n{line}\n"
    return GOOD.replace(f"[{section}]\n", f"[{section}]\n{line}\n")


def test_a_good_one(folder: Path) -> None:
    config = load(folder, GOOD)
    assert config.matrix.homeserver == "https://matrix.example.org"
    assert secret(config.matrix.password, config.matrix.password_file) == PASSWORD
    assert config.network.rooms() == {
        "coordination": "#koordination:example.org",
        "network": "#netzwerk:example.org",
        "lab:bremen": "!bremen",
    }
    assert config.reminders.steps == tuple(timedelta(days=days) for days in (30, 14, 7, 2, 0))


def test_all_mistakes_at_once(folder: Path) -> None:
    assert complaints(folder, EIGHT_FAULTS) == [line.format(folder=folder) for line in EIGHT_COMPLAINTS]


@pytest.mark.parametrize(
    ("section", "line", "complaint"),
    [
        ("matrix", "device = 1", "matrix.device: diese Einstellung gibt es nicht; siehe config.example.toml"),
        ("netz", "a = 1", "netz: diese Einstellung gibt es nicht; siehe config.example.toml"),
        ("matrix", "prefix = 5", "matrix.prefix: muss ein Text in Anführungszeichen sein"),
        ("matrix", "state_dir = 5", "matrix.state_dir: muss ein Text in Anführungszeichen sein"),
        ("matrix", 'only_signed_devices = "ja"', "matrix.only_signed_devices: muss true oder false sein"),
        ("matrix", "only_signed_devices = []", "matrix.only_signed_devices: muss true oder false sein"),
        (
            "matrix",
            'identity_file = "identity"\nidentity_key_file = "identity"',
            "matrix: nennt für identity_file und identity_key_file dieselbe Datei",
        ),
        ("matrix", 'prefix = "a b"', "matrix.prefix: muss 2 bis 32 Zeichen ohne Leerzeichen haben"),
        ("log", 'level = "laut"', "log.level: erlaubt ist nur 'debug' / 'info' / 'warning' / 'error'"),
        ("network", 'language = "fr"', "network.language: erlaubt ist nur 'de' / 'en'"),
        ("network.lab_rooms", "wuerzburg = 5", "network.lab_rooms.wuerzburg: muss ein Text in Anführungszeichen sein"),
        ("reminders", "steps = 14", "reminders.steps: muss eine Liste in eckigen Klammern sein"),
        ("reminders", "steps = []", "reminders.steps: darf nicht leer sein"),
        ("reminders", "steps = [-1]", 'reminders.steps.0: ist keine Dauer in Tagen; richtig wäre zum Beispiel "P14D" oder 14'),
        ("reminders", "steps = [1.5]", 'reminders.steps.0: ist keine Dauer in Tagen; richtig wäre zum Beispiel "P14D" oder 14'),
        ("reminders", "steps = [true]", 'reminders.steps.0: ist keine Dauer in Tagen; richtig wäre zum Beispiel "P14D" oder 14'),
        (
            "reminders",
            "steps = [99999999999]",
            'reminders.steps.0: ist keine Dauer in Tagen; richtig wäre zum Beispiel "P14D" oder 14',
        ),
        ("reminders", 'office_hours = ["8"]', 'reminders.office_hours.0: ist keine Uhrzeit; richtig wäre zum Beispiel "08:00"'),
        ("reminders", 'office_hours = ["18:00", "08:00"]', "reminders.office_hours: das Ende muss nach dem Anfang liegen"),
        (
            "reminders",
            'days_off = ["Heiligabend"]',
            "reminders.days_off.0: ist kein Tag; richtig wäre zum Beispiel »12-24« für jedes Jahr oder »2026-05-15«",
        ),
        (
            "reminders",
            'days_off = ["02-30"]',
            "reminders.days_off.0: ist kein Tag; richtig wäre zum Beispiel »12-24« für jedes Jahr oder »2026-05-15«",
        ),
        (
            "reminders",
            'days_off = ["2027-02-29"]',
            "reminders.days_off.0: ist kein Tag; richtig wäre zum Beispiel »12-24« für jedes Jahr oder »2026-05-15«",
        ),
        ("reminders", 'office_hours = ["8:00", "9:00", "9:30"]', "reminders.office_hours: ist zu lang; erlaubt sind höchstens 2"),
        ("web", 'listen = "8480"', "web.listen: ist keine Adresse mit Port; richtig wäre zum Beispiel 127.0.0.1:8480"),
        (
            "web",
            'public_url = "https://[::1"',
            "web.public_url: ist keine Web-Adresse; richtig wäre zum Beispiel https://matrix.example.org",
        ),
    ],
)
def test_one_mistake(folder: Path, section: str, line: str, complaint: str) -> None:
    assert complaint in complaints(folder, with_line(section, line))


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("sqlite:///netzwart.sqlite", "ist keine Datenbankadresse, die Netzwart kennt"),
        ("sqlite+aiosqlite://netzwart.sqlite", "nennt keine Datei"),
        ("sqlite+aiosqlite:///:memory:", "nennt keine Datei"),
        ("postgresql+psycopg://netzwart@localhost:zahl/netzwart", "ist keine Datenbankadresse, die Netzwart kennt"),
    ],
)
def test_a_database_that_cannot_be(folder: Path, url: str, complaint: str) -> None:
    (said,) = complaints(folder, GOOD.replace("sqlite+aiosqlite:///data/netzwart.sqlite", url))
    assert said.startswith(f"database.url: {complaint}; richtig wäre ")


def test_a_section_that_is_none(folder: Path) -> None:
    assert complaints(folder, "matrix = 3") == ["matrix: muss eine Tabelle sein", "database: fehlt", "network: fehlt"]


def test_rules_of_a_section_are_checked_beside_its_settings(folder: Path) -> None:
    """What is wrong with a section as a whole does not wait until its settings are mended."""
    content = GOOD.replace('password_file = "password"', 'prefix = "!"').replace(
        "#netzwerk:example.org", "#koordination:example.org"
    )
    assert complaints(folder, content.replace("[network]", '[network]\nlanguage = "fr"')) == [
        "matrix.prefix: muss 2 bis 32 Zeichen ohne Leerzeichen haben",
        "matrix: braucht genau eines von beiden: password_file oder access_token_file (mit device_id)",
        "network.language: erlaubt ist nur 'de' / 'en'",
        "network: nennt den Raum #koordination:example.org zweimal: als coordination und als network",
    ]


def test_one_way_in(folder: Path) -> None:
    (folder / "token").write_text("syt_geheim", "utf-8")
    both = "matrix: braucht genau eines von beiden: password_file oder access_token_file (mit device_id)"
    token = 'access_token_file = "token"'
    assert complaints(folder, with_line("matrix", f'{token}\ndevice_id = "NETZ"')) == [both]
    alone = GOOD.replace('password_file = "password"', token)
    assert complaints(folder, alone) == ["matrix: braucht device_id, wenn access_token_file gesetzt ist"]
    config = load(folder, alone.replace(token, f'{token}\ndevice_id = "NETZ"'))
    assert secret(config.matrix.access_token, config.matrix.access_token_file) == "syt_geheim"


@pytest.mark.parametrize("key", ["password", "access_token", "identity_key"])
def test_no_secrets_in_the_file(folder: Path, key: str) -> None:
    said = complaints(folder, with_line("matrix", f'{key} = "{PASSWORD}"'))
    assert said[0] == (
        f"matrix.{key}: Geheimnisse stehen nicht in dieser Datei; nimm matrix.{key}_file oder die Umgebungsvariable"
        f" NETZWART_MATRIX__{key.upper()}"
    )
    assert PASSWORD not in "".join(said)


@pytest.mark.parametrize("address", ["netzwart:geheim@localhost/netzwart", "localhost/netzwart?user=netzwart&password=geheim"])
def test_no_database_password_in_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    url = f"postgresql+psycopg://{address}"
    (said,) = complaints(folder, GOOD.replace("sqlite+aiosqlite:///data/netzwart.sqlite", url))
    assert said == (
        "database.url: Geheimnisse stehen nicht in dieser Datei; lass das Passwort weg und nimm PGPASSFILE, oder gib die ganze"
        " Adresse in der Umgebungsvariable NETZWART_DATABASE__URL"
    )
    monkeypatch.setenv("NETZWART_DATABASE__URL", url)
    assert load(folder, GOOD).database.url == url


def test_secrets_are_not_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by a configuration nor by what is raised instead of one: both end up in logs."""
    monkeypatch.setenv("NETZWART_MATRIX__PASSWORD", PASSWORD)
    monkeypatch.setenv("NETZWART_MATRIX__IDENTITY_KEY", PASSWORD)
    monkeypatch.setenv("NETZWART_DATABASE__URL", f"postgresql+psycopg://netzwart:{PASSWORD}@localhost/netzwart")
    config = load(folder, GOOD)
    assert secret(config.matrix.password, config.matrix.password_file) == PASSWORD
    assert PASSWORD not in f"{config} {config!r} {config.matrix!r} {config.database!r}"
    with pytest.raises(ConfigMistakes) as caught:
        load(folder, with_line("matrix", "user = 1"))
    assert PASSWORD not in f"{caught.value!r} {caught.value.__cause__}"


def test_environment_over_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETZWART_MATRIX__PASSWORD", "aus der Umgebung")
    monkeypatch.setenv("NETZWART_MATRIX__PREFIX", "!anders")
    monkeypatch.setenv("NETZWART_REMINDERS__STEPS", '["P2W", 3]')
    monkeypatch.setenv("NETZWART_REMINDERS__OFFICE_HOURS", '["9:00", "17:30"]')
    monkeypatch.setenv("NETZWART_NETWORK__LAB_ROOMS", '{"wuerzburg": "!wuerzburg"}')
    config = load(folder, with_line("matrix", 'prefix = "!netz"'))
    assert secret(config.matrix.password, config.matrix.password_file) == "aus der Umgebung"
    assert config.matrix.prefix == "!anders"
    assert config.reminders.steps == (timedelta(days=14), timedelta(days=3))
    assert config.reminders.office_hours == (time(9), time(17, 30))
    assert config.network.lab_rooms == {"bremen": "!bremen", "wuerzburg": "!wuerzburg"}


def test_days_off_are_days_of_every_year_or_dates(folder: Path) -> None:
    """TOML has dates of its own; 29 February is a day, if not of every year."""
    config = load(folder, with_line("reminders", 'days_off = ["12-24", "02-29", "2026-05-15", 2027-05-07]'))
    assert config.reminders.days_off == ("12-24", "02-29", "2026-05-15", "2027-05-07")


def test_an_empty_variable_is_no_password(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETZWART_MATRIX__PASSWORD", "")
    config = load(folder, GOOD)
    assert secret(config.matrix.password, config.matrix.password_file) == PASSWORD


def test_mistakes_in_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETZWART_MATRIX__PREFIX", "!")
    assert complaints(folder) == ["matrix.prefix: muss 2 bis 32 Zeichen ohne Leerzeichen haben"]
    monkeypatch.setenv("NETZWART_NETWORK__LAB_ROOMS", "bremen")
    monkeypatch.setenv("NETZWART_WEB", "[")
    assert complaints(folder) == [
        "Umgebung: NETZWART_NETWORK__LAB_ROOMS ist kein gültiges JSON",
        "Umgebung: NETZWART_WEB ist kein gültiges JSON",
    ]


def test_paths_start_at_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the process was started, and also for paths that come from the environment."""
    monkeypatch.chdir("/")
    monkeypatch.setenv("NETZWART_MATRIX__IDENTITY_KEY_FILE", "keys/identity")
    config = load(folder, GOOD)
    assert config.matrix.password_file == folder / "password"
    assert config.matrix.state_dir == folder / "state"
    assert config.matrix.identity_key_path == folder / "keys" / "identity"
    assert config.database.url == f"sqlite+aiosqlite:///{folder / 'data' / 'netzwart.sqlite'}"


def test_the_identity_lies_beside_the_state_folder(folder: Path) -> None:
    """It outlives the device; its key need not be there yet. Another account's state folder may lie there as well."""
    config = load(folder, with_line("matrix", 'state_dir = "var/state"'))
    assert config.matrix.identity_path == folder / "var" / "identity-netzwart.json"
    assert config.matrix.identity_key_path == folder / "var" / "identity-netzwart.key"
    assert not config.matrix.only_signed_devices
    lines = (
        'identity_file = "backed-up/identity.json"\nidentity_key_file = "/etc/netzwart/identity.key"\nonly_signed_devices = true'
    )
    config = load(folder, with_line("matrix", lines))
    assert config.matrix.identity_path == folder / "backed-up" / "identity.json"
    assert config.matrix.identity_key_path == Path("/etc/netzwart/identity.key")
    assert config.matrix.only_signed_devices


def test_absolute_paths_stay(folder: Path) -> None:
    content = with_line("matrix", 'state_dir = "/var/lib/netzwart"').replace("///data/", "////srv/")
    config = load(folder, content)
    assert config.matrix.state_dir == Path("/var/lib/netzwart")
    assert config.database.url == "sqlite+aiosqlite:////srv/netzwart.sqlite"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b" \n", "die Datei {file} ist leer"),
        (b"\xff\xfe", "{file} kann nicht gelesen werden: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
    ],
)
def test_a_password_file_that_is_no_good(folder: Path, content: bytes, complaint: str) -> None:
    file = folder / "password"
    file.write_bytes(content)
    assert complaints(folder) == [f"matrix.password_file: {complaint.format(file=file)}"]


def test_a_password_file_that_is_a_folder(folder: Path) -> None:
    content = GOOD.replace('"password"', '"."')
    assert complaints(folder, content) == [f"matrix.password_file: {folder} kann nicht gelesen werden: Is a directory"]


def test_no_file(folder: Path) -> None:
    with pytest.raises(ConfigMistakes) as caught:
        load_config(folder / "nothing.toml")
    (mistake,) = caught.value.mistakes
    assert catalogue("de").say(mistake) == f"{folder / 'nothing.toml'} kann nicht gelesen werden: No such file or directory"


def test_broken_toml(folder: Path) -> None:
    (said,) = complaints(folder, "[matrix\nhomeserver = 1")
    assert said.startswith(f"{folder / 'config.toml'} ist kein gültiges TOML: ")
    assert "line 1" in said


def test_a_byte_order_mark_is_no_mistake(folder: Path) -> None:
    """Editors on Windows write one."""
    assert load(folder, f"\ufeff{GOOD}") == load(folder, GOOD)


def test_run_says_all_and_ends_with_2(folder: Path) -> None:
    file = folder / "config.toml"
    file.write_text(EIGHT_FAULTS, "utf-8")
    environment = {"PATH": os.environ["PATH"], "NETZWART_LANGUAGE": "de", "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "bot", "run", "--config", str(file)]
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603  (our own command)
    assert ended.returncode == 2
    assert (ended.stdout + ended.stderr).splitlines() == [line.format(folder=folder) for line in EIGHT_COMPLAINTS]
