"""What a phrase is read as, or why it is refused, in one line that tests can compare."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from bot.domain.phrases import DayOnly, Moment, read_any, read_date, read_when
from bot.errors import UserError
from bot.rendering import catalogue
from bot.verbs.date_phrase import canonical

BERLIN = ZoneInfo("Europe/Berlin")


def at(written: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=zone)


def as_date(phrase: str, today: str) -> str:
    """Return the EDTF of a date, or the refusal."""
    try:
        return str(read_date(phrase, date.fromisoformat(today)))
    except UserError as refused:
        return catalogue("de").say(refused.text)


def as_when(words: str, now: str, zone: ZoneInfo = BERLIN) -> tuple[str, str] | str:
    """Return when it is (local time, day, or rule) and the text that follows; or the refusal."""
    try:
        when, text = read_when(words, at(now, zone))
    except UserError as refused:
        return catalogue("de").say(refused.text)
    if isinstance(when, Moment):
        assert when.at.tzinfo is zone
        return f"{when.at:%Y-%m-%d %H:%M}", text
    return (
        (when.day.isoformat(), text)
        if isinstance(when, DayOnly)
        else (f"{when.rule}{'' if when.hour_said else ' (no hour)'}", text)
    )


def as_any(phrase: str, now: str, zone: ZoneInfo = BERLIN) -> str:
    """Return what `netzwart date` prints."""
    try:
        return canonical(read_any(phrase, at(now, zone)))
    except UserError as refused:
        return catalogue("de").say(refused.text)
