"""What follows a reading: text, or something that seems to belong to it. In doubt the whole is refused: half a date is a wrong one."""

import re

from bot.domain.phrases.beginnings import Reading
from bot.domain.phrases.clock_times import PART_WORDS
from bot.domain.phrases.refusals import not_after, two_readings
from bot.domain.phrases.said import Said
from bot.domain.phrases.words import LONG_WEEKDAYS, MONTHS, NUMBERS, one_of

_SEPARATOR = re.compile(r"[.:;!]+(?=\s|$)")
_COMMA = re.compile(r",?(?=\s|$)")
_DAYS = one_of(
    [
        *LONG_WEEKDAYS,
        *(f"{name}s" for name in LONG_WEEKDAYS),
        *(name for name in MONTHS if len(name) > 3 or name in ("mai", "may")),  # noqa: PLR2004  (letters of an abbreviation)
        *(
            "heute",
            "morgen",
            "uebermorgen",
            "today",
            "tomorrow",
            "jeden",
            "jede",
            "jedes",
            "every",
            "naechste",
            "naechsten",
            "next",
        ),
    ]
)
_PREPOSITIONS = (
    "um|at|gegen|ab|bis|von|vor|nach|by|from|until|till|before|after|around|about|ca\\.?|etwa|zwischen|between|spaetestens"
)
_SPOKEN = f"(?:[0-9]|halb\\b|viertel\\b|half past|quarter\\b|mittag|mitternacht|noon|midnight|{one_of(NUMBERS)} uhr\\b)"
_ALWAYS = re.compile(
    r" (?:uhr|[ap]\.m|pm|o'?clock|utc|gmt|mez|mesz|cet|cest|bst|z|morgens|vormittags|nachmittags|abends|nachts"
    r"|in the (?:morning|afternoon|evening))\b"
    rf"| (?:-|bis|to|until|till|und|and|oder|or|/|&) ?(?:(?:am |an |on )?{_DAYS}\b|{_SPOKEN})"
)
_WITHOUT_HOUR = re.compile(
    rf" (?:[0-9]|(?:{_PREPOSITIONS}) {_SPOKEN}|(?:(?:am|an|on|im|in) )?(?:{_DAYS}|{one_of(PART_WORDS)})\b"
    r")"
)
_HOUR_AT_END = re.compile(r"\s*uhr$", re.IGNORECASE)
_NUMBER = re.compile(r" (?P<number>[0-9]{1,2})\b")


def text_after(said: Said, reading: Reading) -> str:
    """Return the text that follows a reading. Raises `UserError` if it may be none."""
    end = reading.end
    separator = _SEPARATOR.match(said.plain, end)
    if separator and (not reading.complete or said.plain[end] != "."):
        return said.after(separator.end())
    comma = separator or _COMMA.match(said.plain, end)
    if comma is None:
        raise not_after(said.typed(0, end), _first_words(said, end))
    rest = said.plain[comma.end() :]
    if _ALWAYS.match(rest) or (not reading.complete and _WITHOUT_HOUR.match(rest)):
        raise not_after(said.typed(0, end), _first_words(said, end))
    minutes = _NUMBER.match(rest) if reading.bare_hour else None
    if minutes:
        raise two_readings(
            said.typed(0, comma.end() + minutes.end()),
            said.typed(0, end),
            _HOUR_AT_END.sub("", said.typed(0, end)) + f":{minutes['number']}",
        )
    return said.after(comma.end())


def _first_words(said: Said, end: int) -> str:
    return " ".join(said.after(end).split()[:3])
