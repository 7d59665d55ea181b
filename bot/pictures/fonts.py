"""The font of all pictures, which is shipped beside this file, and how much room a text takes in it.

Nothing is asked of the system: a machine without fonts gives the same picture as any other.
"""

import re
import struct
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import accumulate
from pathlib import Path

FAMILY = "DejaVu Sans"
FILES = {bold: Path(__file__).parent / "fonts" / name for bold, name in ((False, "DejaVuSans.ttf"), (True, "DejaVuSans-Bold.ttf"))}
"""DejaVu 2.37; `fonts/LICENSE` allows to hand it on."""

ASCENT, DESCENT = 0.93, 0.24
"""What a line needs above and below its baseline, in parts of its size (`hhea` of both files)."""

_BREAK = re.compile(r"\s+|(?<=\w-)(?=\w)")
_ALL_OF_UNICODE = (3, 10)  # platform and encoding of the character map that goes beyond 16 bits
_SEGMENTED = 12  # its format


@dataclass(frozen=True)
class Face:
    """One face at one size, in pixels."""

    size: int
    bold: bool = False

    @cached_property
    def _advances(self) -> tuple[dict[int, int], int]:
        return _advances(self.bold)

    def width(self, text: str) -> float:
        """Return how many pixels `text` is wide; where letters are joined or moved together, a little more."""
        return self._ends(text)[-1] if text else 0.0

    def shorten(self, text: str, room: float) -> str:
        """Return `text`, cut with an ellipsis if it is wider than `room` pixels."""
        if self.width(text) <= room:
            return text
        left = room - self.width("…")
        return text[: sum(end <= left for end in self._ends(text))].rstrip() + "…"

    def wrap(self, text: str, room: float, most: int) -> list[str]:
        """Return `text` in at most `most` lines, none wider than `room` pixels; broken at spaces and hyphens where there are any."""
        lines: list[str] = []
        rest = text
        while rest and len(lines) < most - 1 and self.width(rest) > room:
            fitting = max(1, sum(end <= room for end in self._ends(rest)))
            breaks = [found.start() for found in _BREAK.finditer(rest, 0, fitting + 1) if 0 < found.start() <= fitting]
            at = breaks[-1] if breaks else fitting
            lines.append(rest[:at])
            rest = rest[at:].lstrip()
        return [*lines, self.shorten(rest, room)] if rest else lines

    def _ends(self, text: str) -> list[float]:
        """Return where each character ends, in pixels from the start."""
        advances, unknown = self._advances
        return [units * self.size / _UNITS for units in accumulate(advances.get(ord(c), unknown) for c in text)]


_UNITS = 2048  # to the em, in both files


@cache
def _advances(bold: bool) -> tuple[dict[int, int], int]:  # noqa: FBT001  (a key of FILES)
    """Return the advance of each character, and that of the box which is drawn for any other (OpenType 1.9: cmap, hhea, hmtx)."""
    data = FILES[bold].read_bytes()
    tables = {tag: start for tag, _, start, _ in struct.iter_unpack(">4sIII", data[12 : 12 + 16 * _short(data, 4)])}
    known = _short(data, tables[b"hhea"] + 34)
    widths = [_short(data, tables[b"hmtx"] + 4 * glyph) for glyph in range(known)]
    return {code: widths[min(glyph, known - 1)] for code, glyph in _glyphs(data, tables[b"cmap"]).items()}, widths[0]


def _glyphs(data: bytes, start: int) -> dict[int, int]:
    """Return which glyph each character has. Raises `KeyError` for a file without a map of all of Unicode."""
    records = struct.iter_unpack(">HHI", data[start + 4 : start + 4 + 8 * _short(data, start + 2)])
    table = start + {(platform, encoding): offset for platform, encoding, offset in records}[_ALL_OF_UNICODE]
    kind, _, _, _, count = struct.unpack_from(">HHIII", data, table)
    if kind != _SEGMENTED:
        raise KeyError(kind)
    groups = struct.iter_unpack(">III", data[table + 16 : table + 16 + 12 * count])
    return {code: glyph + code - first for first, last, glyph in groups for code in range(first, last + 1)}


def _short(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "big")
