"""Messages of people as words: who is spoken to, quotes as phones type them, where the rest of a text begins."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

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
_LONGEST_QUOTE = 2000
_CLOSING = {opening: re.compile(rf"[{closers}](?=\s|$)") for opening, closers in _QUOTES.items()}
_TOWARDS = re.compile(r"^(?:auf|bis|to|until|till)(?:\s+(?:zum|den|dem|the))?\s+", re.IGNORECASE)
_USER_ID = re.compile(r"@[!-9;-?A-~]{1,200}:[0-9A-Za-z.-]{0,200}[0-9A-Za-z](?::[0-9]{1,5})?")
_LONGEST_USER_ID = 255
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
    return list(each_word(message))


def first_words(message: str, most: int) -> list[Word]:
    """Return the first `most` words of a message, however long it is."""
    return list(islice(each_word(message), most))


def each_word(message: str) -> Iterator[Word]:
    """Find the words of a message one after the other, as `words` does."""
    position = 0
    while match := _WORD.search(message, position):
        start = match.start()
        closing = _closing_quote(message, start)
        if closing is None:
            yield Word(match.group(), start, match.end())
            position = match.end()
        else:
            yield Word(message[start + 1 : closing], start, closing + 1)
            position = closing + 1


def unquoted(text: str) -> str:
    """Return `text` without the quotes around it, if they are around all of it."""
    found = first_words(text, 2)
    return found[0].text if len(found) == 1 else text


def _closing_quote(message: str, start: int) -> int | None:
    closing = _CLOSING.get(message[start])
    match = closing.search(message, start + 1, start + _LONGEST_QUOTE) if closing else None
    if match is None or (match.end() < len(message) and not message[match.end()].isspace()):
        return None
    return match.start()


def without_towards(words: str) -> str:
    """Return the words without what leads up to a new date: "auf den", "bis zum", "until"."""
    return _TOWARDS.sub("", words)


def user_ids(text: str) -> list[str]:
    """Return the user ids that are typed in `text` (Matrix v1.18, Appendices, 3.2.1), without those whose server is an IPv6 address."""
    return [found for found in _USER_ID.findall(text) if len(found) <= _LONGEST_USER_ID]


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
