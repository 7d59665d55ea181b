"""What the demo shows in the terminal: headers, tables, and chat lines as the people's clients got them."""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import TextIO

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from bot.demo.texts import _

WIDTH = 100  # columns, when the output is no terminal
LONG = 16  # lines of a message that are shown
BY_US, BY_BOT, QUIET = "bold cyan", "bold green", "dim"


class Screen:
    """Writes to `out` (standard output unless given): in colour on a terminal, elsewhere plain, in `WIDTH` columns."""

    def __init__(self, out: TextIO | None = None) -> None:
        console = Console(file=out, highlight=False)
        self._console = console if console.is_terminal else Console(file=out, highlight=False, width=WIDTH)

    def scene(self, title: str) -> None:
        """Begin a scene."""
        self._console.print()
        self._console.print(Rule(Text(title, style="bold"), align="left", style=QUIET))

    def note(self, line: str) -> None:
        """Say something that is no chat."""
        self._console.print(Text(line, style=QUIET))

    def wrong(self, line: str, log_lines: Sequence[str] = ()) -> None:
        """Say what went wrong, and what a log says last."""
        self._console.print()
        self._console.print(Text(line, style="bold red"))
        if log_lines:
            self._console.print(Text(_("Zuletzt im Protokoll:"), style=QUIET))
        for log_line in log_lines:
            self._console.print(Text(f"  {printable(log_line)}", style=QUIET), soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Show a table."""
        table = Table(*columns, box=None, header_style="bold", pad_edge=False)
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self._console.print(table)

    def chat(self, time: str, room: str, sender: str, body: str, *, by_bot: bool = False, short: bool = False) -> None:
        """Show `time · room · sender: body`. Of a `short` one the first line only; a long one is cut."""
        lines = printable(body).splitlines() or [""]
        head = Text.assemble((f"{time} · {room} · ", QUIET), (f"{sender}:", BY_BOT if by_bot else BY_US))
        if short or len(lines) == 1:
            head.append(" " + lines[0] + (" …" if len(lines) > 1 else ""))
            self._console.print(head, no_wrap=short, overflow="ellipsis" if short else None)
            return
        self._console.print(head)
        cut = lines[:LONG] + ([_("… (und mehr: %(n)d)", n=len(lines) - LONG)] if len(lines) > LONG else [])
        self._console.print(Padding(Text("\n".join(cut)), (0, 0, 0, 4), expand=False))


def printable(body: str) -> str:
    """Return `body` without what would steer a terminal (control and direction characters), line breaks kept."""
    return "".join(map(_printable, body))


def _printable(char: str) -> str:
    if char in "\n\t\u200d":  # the last joins emoji
        return char
    category = unicodedata.category(char)
    return "" if category == "Cf" else "�" if category in {"Cc", "Cs"} else char
