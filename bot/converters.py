"""How the words after a command become its arguments.

An argument's annotation names its converter: `report: ReportRef`, `text: Rest`, `link: Link | None = None`. A converter is pure; what
needs the database (which lab is meant?) is looked up in the command.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from bot.domain.chat_words import clean, one_line
from bot.domain.matching import fold
from bot.errors import Text, UsageError, text


@dataclass(frozen=True, slots=True)
class Converter:
    """Turns a word into a value, or raises `UsageError`. `label`: what the usage line calls it.

    With `takes_rest`, it is given everything that is left of the message, as typed, instead of one word.
    """

    label: Text
    convert: Callable[[str], object]
    takes_rest: bool = False


def _name(words: str) -> str:
    return one_line(words.strip("\"'„“”»«"), 200)


def _rest(words: str) -> str:
    return clean(words).strip()


Rest = Annotated[str, Converter(text("text"), _rest, takes_rest=True)]
Name = Annotated[str, Converter(text("name"), _name, takes_rest=True)]
SearchWords = Annotated[str, Converter(text("suchwort"), _name, takes_rest=True)]


@dataclass(frozen=True, slots=True)
class ReportName:
    """What somebody calls a report: its key or just its number, and the lab where that is not clear from the room."""

    report: str
    lab: str | None = None


_REPORT = re.compile(r"([0-9a-z][0-9a-z-]{0,63})(?::([0-9a-z][0-9a-z-]{0,63}))?")


def _report(word: str) -> ReportName:
    match = _REPORT.fullmatch(fold(word).strip(".,;"))
    if match is None:
        raise UsageError("»%(word)s« ist kein Bericht. Richtig wäre zum Beispiel labor-1.", word=one_line(word, 60))
    return ReportName(match[1], match[2])


ReportRef = Annotated[ReportName, Converter(text("bericht"), _report)]


def _number(word: str) -> int:
    digits = word.strip(".")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 6):  # noqa: PLR2004  (more digits than anything has here)
        raise UsageError("»%(word)s« ist keine Nummer.", word=one_line(word, 60))
    return int(digits)


Number = Annotated[int, Converter(text("nummer"), _number)]


def _link(word: str) -> str:
    candidate = word.strip("<>")
    parts = urlsplit(candidate) if len(candidate) <= 2000 and candidate == one_line(candidate, 2000) else None  # noqa: PLR2004  (URLs that browsers take)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            "»%(word)s« ist kein Link. Richtig wäre zum Beispiel https://example.org/bericht.pdf.", word=one_line(word, 60)
        )
    return candidate


Link = Annotated[str, Converter(text("link"), _link)]


def choice(label: Text, *options: str) -> Converter:
    """Return a converter that takes one of `options`, in any case."""

    def convert(word: str) -> str:
        for option in options:
            if fold(option) == fold(word):
                return option
        raise UsageError(
            "»%(word)s« geht hier nicht. Möglich ist: %(options)s.", word=one_line(word, 60), options=", ".join(options)
        )

    return Converter(label, convert)


LanguageCode = Annotated[str, choice(text("sprache"), "de", "en")]
