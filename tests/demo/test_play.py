"""The demo from outside, as far as it goes without a bot."""

import asyncio
import io
import os
import signal
import sys
from asyncio.subprocess import PIPE
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.demo.api import Json
from bot.demo.cast import display_name, lab_room_name, local_part, read_cast
from bot.demo.children import child_environment
from bot.demo.errors import DemoFailed
from bot.demo.play import DATA, main
from bot.demo.reading import Seen
from bot.demo.scenes import words
from bot.demo.screen import Screen, printable

DEMO = "import sys; from pathlib import Path; from bot.demo.play import main; sys.exit(main(Path('demo'), interactive=False))"


def test_a_foreign_folder_ends_it_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    shown = io.StringIO()

    assert main(tmp_path, interactive=False, out=shown) == 1
    assert shown.getvalue().split() == (
        f"{tmp_path} ist nicht leer und nicht von einer Vorführung: bitte einen anderen Ordner nennen.".split()
    )


def test_an_example_network_that_is_missing_ends_it_with_one_line(tmp_path: Path) -> None:
    shown = io.StringIO()

    assert main(tmp_path / "demo", interactive=False, data=tmp_path / "none.toml", out=shown) == 1
    assert "none.toml ist nicht lesbar" in " ".join(shown.getvalue().split())


@pytest.mark.parametrize(("by", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_ends_it_and_leaves_nothing_outside_its_folder(tmp_path: Path, by: signal.Signals, status: int) -> None:
    demo = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DEMO, cwd=tmp_path, env=child_environment(os.environ), stdout=PIPE, stderr=PIPE
    )
    assert demo.stdout is not None
    while b"Synapse startet" not in await demo.stdout.readline():
        pass

    demo.send_signal(by)
    _shown, complaints = await demo.communicate()

    assert (demo.returncode, complaints) == (status, b"")
    assert _names(tmp_path) == ["demo"]


def _names(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


def test_the_cast_fits_the_network() -> None:
    cast = read_cast(DATA)

    assert (len(cast.labs), cast.asking.name) == (13, "Labor Bremen und Region")
    assert cast.asking.members == ["wiebke", "jonas"]
    assert cast.asking not in cast.submitted
    assert len(cast.submitted) == 3
    assert set(cast.network_room.members) == set(cast.roles) - {"xaver"}
    assert len({room.alias for room in cast.rooms}) == 16


def test_a_network_without_labs_is_no_play(tmp_path: Path) -> None:
    (tmp_path / "netz.toml").write_text('labs = []\n[network]\nname = "N"\ntimezone = "Europe/Berlin"\n')

    with pytest.raises(DemoFailed, match="hat 0 Labore"):
        read_cast(tmp_path / "netz.toml")


def test_names() -> None:
    assert (local_part("Dörte"), display_name("doerte"), display_name("gast")) == ("doerte", "Dörte", "Gast")
    assert lab_room_name("Bremen und Region") == "Labor Bremen und Region"
    assert lab_room_name("Regionallabor Niederrhein") == "Regionallabor Niederrhein"


def test_chat_lines_without_a_terminal_are_plain() -> None:
    shown = io.StringIO()
    screen = Screen(shown)

    screen.chat("09:00:00", "Koordination", "Karla", "[bold]!netz[/bold] \x1b[31mrot")
    screen.chat("09:00:01", "Koordination", "Netzwart", "eins\nzwei", by_bot=True)
    screen.chat("09:00:02", "Koordination", "Netzwart", "eins\nzwei", by_bot=True, short=True)

    assert [line.rstrip() for line in shown.getvalue().splitlines()] == [
        "09:00:00 · Koordination · Karla: [bold]!netz[/bold] �[31mrot",
        "09:00:01 · Koordination · Netzwart:",
        "    eins",
        "    zwei",
        "09:00:02 · Koordination · Netzwart: eins …",
    ]


def test_long_messages_are_cut() -> None:
    shown = io.StringIO()

    Screen(shown).chat("09:00:00", "Netzwerk", "Netzwart", "\n".join(map(str, range(20))))

    assert [line.strip() for line in shown.getvalue().splitlines()][-2:] == ["15", "… (und mehr: 4)"]


def test_nothing_steers_the_terminal() -> None:
    assert printable("a\u202eb\x07c\u2068ü\u2069 👩\u200d🔬\n") == "ab�cü 👩\u200d🔬\n"


@pytest.mark.parametrize(
    ("content", "before", "sender", "said"),
    [
        ({"membership": "invite"}, "", "@karla:x", "lädt Jonas ein"),
        ({"membership": "join"}, "invite", "@jonas:x", "tritt bei"),
        ({"membership": "leave", "reason": "Urlaub"}, "join", "@jonas:x", "geht: Urlaub"),
        ({"membership": "leave"}, "invite", "@jonas:x", "lehnt die Einladung ab"),
        ({"membership": "leave", "reason": "Schluss"}, "join", "@karla:x", "entfernt Jonas: Schluss"),
        ({"membership": "ban"}, "join", "@karla:x", "schließt Jonas aus"),
    ],
)
def test_what_happens_to_members_in_words(content: Json, before: str, sender: str, said: str) -> None:
    unsigned = {"prev_content": {"membership": before}} if before else {}
    seen = Seen(1, "!r", "$e", sender, "m.room.member", content, "@jonas:x", unsigned, datetime.fromtimestamp(0, tz=UTC))

    assert words(seen) == said
