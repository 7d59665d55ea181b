"""What somebody typed, as it is compared, and where each piece of it stands in the original."""

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date

from bot.domain.chat_words import one_line
from bot.domain.matching import fold

MOST_CHARACTERS = 300
"""No date is longer. What comes after that is text, and is not looked at."""

_NOTHING = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
"""Invisible, and without a meaning of its own; what turns the direction of writing around is not among them."""
_APOSTROPHES = "’‘´`"
_UNREADABLE = "\ufffc"
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Said:
    """Words, folded.

    `plain`: the beginning of `original`, one space between words, lines kept. `ends`: of each letter of `plain`, where it ends in
    `original`.
    """

    original: str
    plain: str
    ends: tuple[int, ...] = field(repr=False)

    @classmethod
    def of(cls, original: str) -> "Said":
        """Fold the beginning of a text, letter by letter."""
        plain: list[str] = []
        ends: list[int] = []
        for match in re.finditer(r"\s+|[^\W\d_][\u0300-\u036f]*|.", original[:MOST_CHARACTERS], re.DOTALL):
            folded = _folded(match.group())
            if folded == " " and plain[-1:] in ([], [" "], ["\n"]):
                folded = ""
            plain.append(folded)
            ends += [match.end()] * len(folded)
        return cls(original, "".join(plain), tuple(ends))

    def typed(self, start: int, end: int) -> str:
        """Return what stands there as it was typed, short enough to be shown."""
        begin = self.ends[start - 1] if start else 0
        return one_line(self.original[begin : self.ends[end - 1] if end else 0], _SHOWN)

    def after(self, end: int) -> str:
        """Return the original text that follows."""
        return self.original[self.ends[end - 1] if end else 0 :].lstrip()

    def is_over(self, end: int) -> bool:
        """Whether nothing but punctuation follows. A question mark is more than that: in EDTF it is a doubt."""
        return not self.after(end).strip(".,;:! ")


def _folded(piece: str) -> str:
    if piece.isspace():
        return "\n" if "\n" in piece else " "
    if piece in _APOSTROPHES:
        return "'"
    if piece in _NOTHING:
        return ""
    if unicodedata.category(piece[0]) == "No":  # ² is not 2
        return _UNREADABLE
    return fold(piece) or _UNREADABLE


@dataclass(frozen=True, slots=True)
class Found:
    """A form that was found in what was said. `today`: the day from which it is read."""

    said: Said
    match: re.Match[str]
    today: date

    def __getitem__(self, name: str) -> str:
        """Return what was found for a part of the form, "" if it is not there."""
        return self.match.groupdict().get(name) or ""

    @property
    def end(self) -> int:
        """Where it ends in the folded text."""
        return self.match.end()

    @property
    def typed(self) -> str:
        """The words as they were typed."""
        return self.said.typed(self.match.start(), self.match.end())
