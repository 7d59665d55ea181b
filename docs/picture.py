"""Makes `docs/demo.svg`: plays the demo and draws the lines of it that say most.

    .venv/bin/python docs/picture.py            plays (half a minute) and draws
    .venv/bin/python docs/picture.py RECORDING  draws what an earlier run left in the file RECORDING, or plays and leaves it there

What is drawn was said in that run; where lines are left out within a scene, there is a `…`. The opening, with folder, port and
passwords, is never drawn.
"""  # noqa: INP001  (a script, no package)

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from rich import _export_format
from rich.console import Console
from rich.rule import Rule
from rich.text import Text

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "demo.svg"
COLUMNS = 116

SHOWN = {
    "Ein Labor fragt": (r": !netz berichte$", r"Berichte: "),
    "Eine fremde Person lädt den Bot ein": (r"lädt Netzwart ein", r"lehnt die Einladung ab"),
    "Wer nicht mehr dazugehört, fragt im Direktchat": (r"Netzwerk · .*: entfernt ", r": !netz programm$", r"Das darf nur"),
    "Ein Labor versucht einen Rundruf": (r": !netz rundruf ", r"Das darf nur"),
    "Die Koordination ruft alle Labore": (
        r": !netz rundruf ",
        r"Vorschau",
        r"Karla: ✅",
        r"Netzwart:\n +Rundruf der Koordination",
        r"^Angekommen in ",
    ),
    "Die Uhr springt auf Freitag, den 16. Oktober 2020: 14 Tage vor dem Sachstandsbericht 1": (
        r"Netzwart:\n +In \d+ Tagen ist fällig",
        r"^Erinnert: ",
    ),
}
"""Scene → patterns; the first message that matches each of them is drawn."""

_DIM = "\x1b[2m"
_FOREIGN_FONT = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)  # doubled braces: it is a template


@dataclass(slots=True)
class Scene:
    """A scene: its title, and its messages, each with the lines that belong to it."""

    title: str
    messages: list[Text] = field(default_factory=list[Text])


def play() -> str:
    """Play the demo as on a terminal of `COLUMNS` columns and return what it wrote, with its colours."""
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bot", "demo", "--folder", str(Path(folder) / "demo")]
        return subprocess.run(  # noqa: S603  (our own command)
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
        ).stdout


def scenes(recording: str) -> Iterator[Scene]:
    """Take a recording apart. A message begins with what is dim: its time, or all of a note."""
    scene: Scene | None = None
    for line in recording.splitlines():
        shown = Text.from_ansi(line)
        shown.rstrip()
        if shown.plain.endswith("──"):
            if scene:
                yield scene
            scene = Scene(shown.plain.rstrip("─ "))
        elif scene and line.startswith(_DIM):
            scene.messages.append(shown)
        elif scene and scene.messages and shown.plain.strip():
            scene.messages[-1].append("\n").append_text(shown)
    if scene:
        yield scene


def chosen(scene: Scene) -> Iterator[Text]:
    """Yield the messages to draw, and a `…` for what is left out between them. Raises `LookupError` if one is not there."""
    numbers: list[int] = []
    for pattern in SHOWN[scene.title]:
        start = numbers[-1] + 1 if numbers else 0
        found = (n for n, message in enumerate(scene.messages) if n >= start and re.search(pattern, message.plain, re.MULTILINE))
        number = next(found, None)
        if number is None:
            raise LookupError(f"{scene.title}: nothing says {pattern!r}")
        if numbers and number > start:
            yield Text("…", style="dim")
        numbers.append(number)
        yield scene.messages[number]


def draw(recording: str) -> str:
    """Return the picture as SVG. It names fonts that machines have, and loads none from elsewhere."""
    by_title = {scene.title: scene for scene in scenes(recording)}
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True, highlight=False)
    for number, title in enumerate(SHOWN):
        if number:
            console.print()
        console.print(Rule(Text(title, style="bold"), align="left", style="dim"))
        for message in chosen(by_title[title]):
            console.print(message)
    template = _FOREIGN_FONT.sub("", _export_format.CONSOLE_SVG_FORMAT).replace("Fira Code", "DejaVu Sans Mono")
    return console.export_svg(title="make demo", code_format=template, unique_id="demo") + "\n"


def main(arguments: list[str]) -> None:
    """Play or read, and draw."""
    kept = Path(arguments[0]) if arguments else None
    recording = kept.read_text("utf-8") if kept and kept.exists() else play()
    if kept:
        kept.write_text(recording, "utf-8")
    PICTURE.write_text(draw(recording), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
