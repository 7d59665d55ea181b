"""How words of people are compared: case, accents, umlauts and dashes do not matter."""

import difflib
import re
import unicodedata
from collections.abc import Iterable

_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_LONGEST = 1000  # nothing that people look for is longer, and normalising takes quadratic time on combining marks
_DASHES = re.compile(r"[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")


def fold(text: str) -> str:
    """Return `text` as it is compared: NFKC, lower case, umlauts written out, accents dropped, dashes and spaces made plain."""
    text = text[:_LONGEST]
    lowered = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).casefold()).translate(_UMLAUTS)
    plain = "".join(c for c in unicodedata.normalize("NFKD", lowered) if not unicodedata.combining(c))
    return " ".join(_DASHES.sub("-", plain).split())


def close_matches(word: str, candidates: Iterable[str], most: int = 3) -> list[str]:
    """Return up to `most` of `candidates` that `word` was probably meant to be, nearest first, as they are written."""
    by_folded = {fold(candidate): candidate for candidate in candidates}
    found = difflib.get_close_matches(fold(word)[:80], by_folded, n=most, cutoff=0.7)
    return [by_folded[name] for name in found]
