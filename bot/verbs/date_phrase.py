"""`netzwart date`: what a phrase says, as a bot of that network would understand it."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.domain.dates import PartialDate
from bot.domain.phrases import DayOnly, Moment, Recurring, When, read_any
from bot.errors import Text, UserError

_YEARS = (2, 9990)
"""Within which a zone's offset, and what people plan ahead, stay in the calendar."""
UNDERSTOOD, NOT_UNDERSTOOD = 0, 2


def date_phrase(phrase: str, now: datetime, *, show: Callable[[str], None], refuse: Callable[[Text], None]) -> int:
    """Show the canonical text of `phrase`, said at `now` (aware, in the network's zone), or why it has none. Return the exit status."""
    try:
        found = read_any(phrase, now)
    except UserError as refusal:
        refuse(refusal.text)
        return NOT_UNDERSTOOD
    show(canonical(found))
    return UNDERSTOOD


def canonical(found: When | PartialDate) -> str:
    """Return EDTF of a date or a moment (level 0: a time with its offset), the text of the rule of what comes again."""
    match found:
        case Moment(at):
            return at.isoformat(timespec="seconds")
        case DayOnly(day):
            return day.isoformat()
        case Recurring(rule):
            return str(rule)
        case PartialDate():
            return str(found)


def read_at(typed: str, zone: ZoneInfo) -> datetime:
    """Return the time of `--at`: a day (its beginning), or a day and a time. Raises `UserError` for what is neither."""
    try:
        at = datetime.fromisoformat(typed)
        if not _YEARS[0] <= at.year <= _YEARS[1]:
            raise ValueError(typed)  # noqa: TRY301  (the same to whoever typed it)
        return at.astimezone(zone) if at.tzinfo else at.replace(tzinfo=zone)
    except ValueError:
        raise UserError(
            "»%(time)s« ist kein Tag und keine Zeit. Richtig wäre zum Beispiel 2021-09-15 oder 2021-09-15T09:00.", time=typed
        ) from None
