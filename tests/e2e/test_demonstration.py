"""`make demo` as on a machine without a terminal: it plays the whole day, and leaves nothing behind but its folder."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from bot.demo.children import child_environment


def processes_in(folder: Path) -> list[str]:
    """Return the command lines of all processes that work in a folder or below."""
    found: list[str] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                working_in, command = (entry / "cwd").readlink(), (entry / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
            if working_in.is_relative_to(folder):
                found.append(command)
    return found


def names_in(folder: Path) -> list[str]:
    """Return what stands in a folder."""
    return [entry.name for entry in folder.iterdir()]


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
async def test_the_play(tmp_path: Path) -> None:
    environment = child_environment(os.environ) | {"HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    demo = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "demo", "--folder", str(tmp_path / "demo")),
        cwd=tmp_path,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,
    )

    shown = (await demo.communicate())[0].decode()

    assert demo.returncode == 0, shown
    for line in (
        "Als Nächstes: 2. Netzwerk-Workshop, 24.–27. November 2020",
        "lehnt die Einladung ab: Ich antworte nur Menschen aus dem Netzwerk",
        "Das darf nur, wer in »Koordination (#koordination:netz.example)« ist.",
        "Angekommen in 13 von 13 Laborräumen.",
        "In 14 Tagen ist fällig: Sachstandsbericht 1 (30. Oktober 2020).",
        "Erinnert: 10 Laborräume. Nicht erinnert, weil abgegeben: 3.",
        "Alles angekommen.",
    ):
        assert line in " ".join(shown.split())  # lines are as long as the terminal is wide
    assert names_in(tmp_path) == ["demo"]
    assert processes_in(tmp_path) == []
