"""Messages of people as words: who is spoken to, quotes as phones type them, where the rest of a text begins."""

import re
import unicodedata
from dataclasses import dataclass

_QUOTES = {
    '"': '"',
    "'": "'",
    "„": '“”„"',
    "“": '”“"',
    "”": '”"',
    "»": "«»",
    "«": "»«",
    "‚": "‘’",
    "‘": "’‘",
    "’": "’",
}
_WORD = re.compile(r"\S+")
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn"}
_KEPT = {"\n", "\t", "\u200d", "\ufe0f"}  # line breaks, and what joins an emoji


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a message. `start`, `end`: where it stands in the message, quotes included; `text` is without them."""

    text: str
    start: int
    end: int


def words(message: str) -> list[Word]:
    """Split a message into words. A quotation that opens at the start of a word is one word; one that never closes is none."""
    found: list[Word] = []
    position = 0
    while match := _WORD.search(message, position):
        start = match.start()
        closing = _closing_quote(message, start)
        if closing is None:
            found.append(Word(match.group(), start, match.end()))
            position = match.end()
        else:
            found.append(Word(message[start + 1 : closing], start, closing + 1))
            position = closing + 1
    return found


def _closing_quote(message: str, start: int) -> int | None:
    closers = _QUOTES.get(message[start])
    if closers is None:
        return None
    for position in range(start + 1, min(len(message), start + 2000)):
        at_end = position + 1 == len(message) or message[position + 1].isspace()
        if message[position] in closers and at_end:
            return position
    return None


def clean(text: str) -> str:
    """Return `text` without control characters, direction overrides and other invisible ones; line breaks stay."""
    return "".join(c for c in text if c in _KEPT or unicodedata.category(c) not in _INVISIBLE)


def one_line(text: str, most: int = 500) -> str:
    """Return `text` clean, on one line, cut to `most` characters."""
    line = " ".join(clean(text).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def without_reply_fallback(body: str) -> str:
    """Return the body without the quoted lines that older clients put before a reply."""
    lines = body.split("\n")
    quoted = 0
    while quoted < len(lines) and lines[quoted].startswith(">"):
        quoted += 1
    if quoted and quoted < len(lines) and not lines[quoted].strip():
        return "\n".join(lines[quoted + 1 :])
    return body


def after_prefix(body: str, prefixes: tuple[str, ...]) -> str | None:
    """Return what follows one of our prefixes (`!netz …`), or None if the message does not begin with one."""
    stripped = body.lstrip()
    for prefix in prefixes:
        if stripped[: len(prefix)].casefold() == prefix.casefold() and (
            len(stripped) == len(prefix) or stripped[len(prefix)].isspace()
        ):
            return stripped[len(prefix) :].strip()
    return None


def after_name(body: str, names: tuple[str, ...], *, punctuated: bool) -> str | None:
    """Return what follows one of our names at the start (`Netzwart: …`), or None.

    With `punctuated`, the name must be followed by a colon or comma: without a real mention "Netzwart ist toll" is not for us.
    """
    stripped = body.lstrip()
    for name in sorted(filter(None, names), key=len, reverse=True):
        for spelled in (name, f"@{name}"):
            if stripped[: len(spelled)].casefold() != spelled.casefold():
                continue
            rest = stripped[len(spelled) :]
            if rest[:1] in (":", ","):
                return rest[1:].strip()
            if not punctuated and (not rest or rest[0].isspace()):
                return rest.strip()
    return None
