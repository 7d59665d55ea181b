"""The bot as a process, played by one-line scripts."""

import stat
import sys
import tomllib
from pathlib import Path

import pytest

from bot.demo.cast import read_cast
from bot.demo.errors import ProcessFailed
from bot.demo.homeserver import Account, Homeserver
from bot.demo.keeper import Bot
from bot.demo.play import CLOCK_AT, DATA

READY = "import signal, sys; print('not json'); print('{\"event\": \"ready\"}', flush=True); "


def bot_that_runs(script: str, folder: Path) -> Bot:
    return Bot(folder, clock_at=CLOCK_AT, command=[sys.executable, "-c", script])


async def test_it_is_called_as_an_administrator_would(tmp_path: Path) -> None:
    bot = bot_that_runs("import sys; print(sys.argv[1:]); " + READY + "signal.pause()", tmp_path)

    async with bot:
        pass

    assert bot.last_lines()[:1] == [f"['run', '--clock-at', '2020-10-12T09:00', '--config', '{tmp_path / 'config.toml'}']"]


async def test_the_clock_jumps_by_a_signal(tmp_path: Path) -> None:
    script = "import signal, sys; signal.signal(signal.SIGUSR1, lambda *_: sys.exit('jumped')); " + READY
    async with bot_that_runs(script + "signal.pause()", tmp_path) as bot:
        bot.jump()

        with pytest.raises(ProcessFailed) as ended:
            await bot.died()

    assert ended.value.log_lines[-1] == "jumped"


async def test_an_end_before_it_is_ready_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ProcessFailed) as failed:
        async with bot_that_runs("print('no database'); raise SystemExit(3)", tmp_path):
            pytest.fail("not ready")

    assert (failed.value.line, failed.value.log_lines) == ("Der Bot hat sich beendet (Status 3).", ("no database",))


async def test_an_end_while_it_runs_is_noticed(tmp_path: Path) -> None:
    script = "import signal, sys; signal.signal(signal.SIGUSR1, lambda *_: sys.exit(4)); " + READY
    async with bot_that_runs(script + "signal.pause()", tmp_path) as bot:
        bot.jump()
        with pytest.raises(ProcessFailed, match=r"beendet \(Status 4\)"):
            await bot.died()


async def test_a_verb_that_fails_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProcessFailed) as failed:
        await bot_that_runs("raise SystemExit('boom')", tmp_path).do("import", "netz.toml", "--yes")

    assert failed.value.line == "netzwart import netz.toml --yes ist gescheitert (Status 1)."
    assert failed.value.log_lines == ("boom",)


def test_its_configuration(tmp_path: Path) -> None:
    homeserver = Homeserver(tmp_path / "synapse")
    cast = read_cast(DATA)
    bot = bot_that_runs("", tmp_path)

    bot.configure(homeserver, Account("@netzwart:netz.example", "geheim", "DEVICE", "token"), cast)

    written = tomllib.loads(bot.config.read_text())
    assert written["matrix"] == {
        "homeserver": homeserver.url,
        "user_id": "@netzwart:netz.example",
        "password_file": str(tmp_path / "password"),
        "state_dir": str(tmp_path / "state"),
        "prefix": "!netz",
    }
    assert written["database"] == {"url": f"sqlite+aiosqlite:///{tmp_path}/netzwart.sqlite"}
    lab_rooms = written["network"].pop("lab_rooms")
    assert written["network"] == {
        "name": "Regionale Open Government Labore",
        "timezone": "Europe/Berlin",
        "language": "de",
        "coordination_room": "#koordination:netz.example",
        "network_room": "#netzwerk:netz.example",
        "research_room": "#forschung:netz.example",
    }
    assert (len(lab_rooms), lab_rooms["bremen"]) == (13, "#labor-bremen:netz.example")
    assert stat.S_IMODE((tmp_path / "password").stat().st_mode) == 0o600
    assert (tmp_path / "password").read_text() == "geheim\n"
