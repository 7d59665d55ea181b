"""What follows a reading: text, or something that seems to belong to it. In doubt the whole is refused: half a date is a wrong one."""

import re

from bot.domain.phrases.beginnings import Reading
from bot.domain.phrases.clock_times import PART_WORDS
from bot.domain.phrases.refusals import not_after, two_readings
from bot.domain.phrases.said import Said
from bot.domain.phrases.when import DayOnly, Moment, Recurring, When
from bot.domain.phrases.words import COUNT, LONG_WEEKDAYS, MONTHS, NUMBERS, ORDINALS, one_of

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
_SPOKEN = rf"(?:\d|halb\b|viertel\b|half past|quarter\b|mittag|mitternacht|noon|midnight|{one_of(NUMBERS)} uhr\b)"
"""A digit of any script: what another script says is no time to us, and no text either."""
_JOINTS = "-|bis|to|until|till|und|and|oder|or|/|&"
_ALWAYS = re.compile(
    r" (?:uhr|[ap]\.m|pm|o'?clock|utc|gmt|mez|mesz|cet|cest|bst|z|morgens|vormittags|nachmittags|abends|nachts"
    r"|in the (?:morning|afternoon|evening))\b"
    rf"| (?:{_JOINTS}) ?(?:(?:am |an |on |um |at )?(?:{_DAYS}\b|{_SPOKEN}|{one_of(ORDINALS)}\b))"
)
_WITHOUT_HOUR = re.compile(
    rf" (?:\d|(?:{_PREPOSITIONS}) ?(?:{_SPOKEN}|{_DAYS}\b)|(?:(?:am|an|on|im|in) )?(?:{_DAYS}|{one_of(PART_WORDS)})\b"
    rf"|in {COUNT} ?(?:h|min|std|stunde|minute|hour))"
)
_HOUR_BELOW = re.compile(r"\n(?:(?:um|at) [0-9]|[0-9]{1,2}(?::[0-9]{2}| ?(?:uhr|h|[ap]\.?m|o'?clock)\b))")
"""A new line begins the text; but who writes the day and, below it, the hour means both."""
_AFTER_RHYTHM = re.compile(
    rf" (?:(?:(?:am|an|on|im|in) )?{_DAYS}\b|(?:ab|bis|ausser|from|until|till|except|starting|beginnend|alle|each|werktags|taeglich)\b"
    rf"|(?:von|zwischen|between) {_SPOKEN}"
    r"|(?:werktag|arbeitstag|tag|woche|wochenende|monat|quartal|halbjahr|jahr|weekday|workday|working|business|day|week|weekend|month"
    r"|quarter|year)(?:e?[ns])?\b)"
)
_DAY_OF_MONTH = re.compile(
    rf" (?:am |an |on )?(?:(?:den|dem|der|the) (?:[0-9]|{one_of(ORDINALS)}\b)|[0-9]{{1,2}}(?:st|nd|rd|th)\b)|(?: am| on) [0-9]"
)
_HOUR_MINUTES = 60
_NUMBER = re.compile(r" (?P<number>[0-9]{1,2})\b")


def text_after(said: Said, reading: Reading, when: When) -> str:
    """Return the text that follows a reading. Raises `UserError` if it may be none."""
    end = reading.end
    separator = _SEPARATOR.match(said.plain, end)
    if separator:
        return said.after(separator.end())
    comma = separator or _COMMA.match(said.plain, end)
    if comma is None:
        raise not_after(said.typed(0, end), _first_words(said, end))
    rest = said.plain[comma.end() :]
    if any(pattern.match(rest) for pattern in _suspicions(when)):
        raise not_after(said.typed(0, end), _first_words(said, end))
    minutes = _NUMBER.match(rest) if reading.bare_hour else None
    if minutes and int(minutes["number"]) < _HOUR_MINUTES:
        raise two_readings(
            said.typed(0, comma.end() + minutes.end()),
            f"{reading.bare_hour}:00",
            f"{reading.bare_hour}:{int(minutes['number']):02d}",
        )
    return said.after(comma.end())


def _suspicions(when: When) -> list[re.Pattern[str]]:
    """Return what no text begins with after that, or seldom enough."""
    match when:
        case Moment():
            return [_ALWAYS]
        case DayOnly():
            return [_ALWAYS, _WITHOUT_HOUR, _HOUR_BELOW]
        case Recurring(hour_said=hour_said):
            return [_ALWAYS, _AFTER_RHYTHM] if hour_said else [_ALWAYS, _AFTER_RHYTHM, _WITHOUT_HOUR, _HOUR_BELOW, _DAY_OF_MONTH]


def _first_words(said: Said, end: int) -> str:
    return " ".join(said.after(end).split()[:3])
