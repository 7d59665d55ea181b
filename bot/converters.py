"""How the words after a command become its arguments.

An argument's annotation names its converter: `report: ReportRef`, `name: Name`, `link: Link | None = None`. A converter is pure;
what needs the database (which lab is meant?) is looked up in the command.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from bot.domain.chat_words import clean, one_line, unquoted
from bot.domain.matching import fold
from bot.errors import Text, UsageError, text


@dataclass(frozen=True, slots=True)
class Converter:
    """Turns a word into a value, or raises `UsageError`. `label`: what the usage line calls it.

    With `takes_rest`, it is given everything that is left of the message, as typed with its quotes, instead of one word. `usage`:
    how the usage line shows it if `<label>` does not say enough.
    """

    label: Text
    convert: Callable[[str], object]
    takes_rest: bool = False
    usage: Text | None = None


def _missing(label: Text) -> UsageError:
    return UsageError("Da fehlt noch etwas: %(argument)s.", argument=label)


def rest(label: Text, *, usage: Text | None = None, keeps_quotes: bool = False) -> Converter:
    """Return a converter that takes all that is left, line breaks kept. Quotes around all of it go, unless it `keeps_quotes`."""

    def convert(words: str) -> str:
        said = clean(words if keeps_quotes else unquoted(words)).strip()
        if not said:
            raise _missing(label)
        return said

    return Converter(label, convert, takes_rest=True, usage=usage)


def name(label: Text, *, usage: Text | None = None) -> Converter:
    """Return a converter that takes all that is left as a name: one line, without quotes around it."""

    def convert(words: str) -> str:
        said = one_line(one_line(words).strip("\"'„“”»«‚‘’ "), 200)
        if not said:
            raise _missing(label)
        return said

    return Converter(label, convert, takes_rest=True, usage=usage)


Name = Annotated[str, name(text("name"))]
SearchWords = Annotated[str, name(text("suchwort"))]


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
    candidate = word[1:-1] if word.startswith("<") and word.endswith(">") else word
    if not _is_web_address(candidate):
        raise UsageError(
            "»%(word)s« ist kein Link. Richtig wäre zum Beispiel https://example.org/bericht.pdf.", word=one_line(word, 60)
        )
    return candidate


def _is_web_address(word: str) -> bool:
    if len(word) > _LONGEST_LINK or word != one_line(word, _LONGEST_LINK):
        return False
    try:
        parts = urlsplit(word)
    except ValueError:  # brackets that are no IPv6 address, characters that are no host name
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


_LONGEST_LINK = 2000  # what every browser takes
Link = Annotated[str, Converter(text("link"), _link)]


def choice(label: Text, **options: tuple[str, ...]) -> Converter:
    """Return a converter that takes one of `options`, or one of the further names of it, in any case."""
    by_name = {fold(name): option for option, names in options.items() for name in (option, *names)}

    def convert(word: str) -> str:
        option = by_name.get(fold(word[:80]))
        if option is None:
            raise UsageError(
                "»%(word)s« geht hier nicht. Möglich ist: %(options)s.", word=one_line(word, 60), options=", ".join(options)
            )
        return option

    return Converter(label, convert, usage=text("<%(options)s>", options="|".join(options)))


DatePhrase = Annotated[str, name(text("datum"))]
"""A date as people write it, for `bot.domain.phrases`: what day it is depends on today."""

LanguageCode = Annotated[str, choice(text("sprache"), de=("deutsch", "german"), en=("englisch", "english"))]
