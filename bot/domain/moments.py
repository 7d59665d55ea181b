"""A day and a time as people type them: `am 30.10.2020 um 9 Uhr`, `at 2020-10-30 09:00`. Nothing here guesses."""

import calendar
import re
from datetime import UTC, date, datetime, time, timedelta

from bot.domain.chat_words import one_line
from bot.errors import UserError

OPENINGS = ("am", "on", "at")
"""With which of these words a day and a time begin."""

_DAYS = (
    r"(?P<day>\d{1,2})\.\s?(?P<month>\d{1,2})\.(?P<year>\s?\d{4}|\d{2})?(?:\s*,\s*|\s+)",
    r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})(?:\s*,\s*|\s+|T(?=\d))",
)
_TIME = r"(?P<um>um\s+|at\s+)?(?P<hour>\d{1,2})(?:(?P<point>[:.])(?P<minute>\d{2})(?::00)?)?(?P<uhr>\s*Uhr\b)?"
_HALVES = {"am": "(?P<half>)", "on|at": r"(?P<half>\s*[ap]\.?m\b\.?)?"}  # after the German "am", a second one belongs to the text
_FORMS = tuple(
    re.compile(rf"(?:{opening})\s+{day}{_TIME}{half}[:,]?(?=\s|$)", re.IGNORECASE)
    for opening, half in _HALVES.items()
    for day in _DAYS
)
_MOST_YEARS = 5


def read_moment(said: str, now: datetime) -> tuple[datetime, str]:
    """Return the time, in the zone of `now`, with which `said` begins, and what follows it. `said` begins with one of `OPENINGS`.

    A day without a year is the next such day. Raises `UserError` for what is not understood, is past, or does not exist once.
    The one place that reads times; phrases such as "morgen um 9" belong here as well.
    """
    match = next((found for form in _FORMS if (found := form.match(said))), None)
    at = _time(match) if match else None
    if match is None or at is None:
        tomorrow = now.date() + timedelta(days=1)
        raise UserError(
            "»%(said)s« verstehe ich nicht als Tag mit Uhrzeit. Richtig wäre zum Beispiel »am %(day)s um 9 Uhr« oder »am %(iso)s 09:00«."
            " Soll der Text selbst so beginnen, setz ihn in Anführungszeichen oder fang anders an.",
            said=one_line(said, 40),
            day=_shown(tomorrow),
            iso=tomorrow.isoformat(),
        )
    moment = _existing_once(_day(match, now), at, now)
    if moment <= now:
        raise UserError(
            "%(moment)s ist schon vorbei; jetzt ist es %(now)s.",
            moment=f"{_shown(moment.date())} {moment:%H:%M}",
            now=f"{_shown(now.date())} {now:%H:%M}",
        )
    return moment, said[match.end() :].lstrip()


def _time(match: re.Match[str]) -> time | None:
    """Return the time of a match, None if it does not say clearly enough that it is one. Raises `UserError` if there is no such time."""
    hour, minute, half = int(match["hour"]), int(match["minute"] or 0), match["half"]
    if match["point"] != ":" and not (match["um"] or match["uhr"] or half):
        return None
    if half and 1 <= hour <= 12:  # noqa: PLR2004  (hours of half a day)
        hour = hour % 12 + (12 if "p" in half.casefold() else 0)
    elif half:
        hour = 24  # there is none
    try:
        return time(hour, minute)
    except ValueError:
        typed = match.string[match.start("hour") : match.end()].rstrip(":,")
        raise UserError("%(time)s ist keine Uhrzeit. Möglich ist 0:00 bis 23:59.", time=one_line(typed)) from None


def _day(match: re.Match[str], now: datetime) -> date:
    """Return the day of a match. Raises `UserError` if there is no such day, or if it is far away."""
    month, day, typed = int(match["month"]), int(match["day"]), match["year"]
    if typed is None:
        this_year = (month, day) >= (now.month, now.day)
        year = now.year if this_year else now.year + 1
    else:
        year = int(typed) if len(typed.strip()) > 2 else now.year // 100 * 100 + int(typed)  # noqa: PLR2004  (of a century)
    if abs(year - now.year) > _MOST_YEARS:
        raise UserError("Das Jahr %(year)s ist weit weg. Ist es ein Tippfehler?", year=year)
    if not 1 <= month <= 12:  # noqa: PLR2004  (months)
        raise UserError("%(month)s ist kein Monat. Möglich ist 1 bis 12.", month=month)
    last = calendar.monthrange(year, month)[1]
    if not 1 <= day <= last:
        raise UserError(
            "Den %(day)s gibt es nicht. Dieser Monat geht bis zum %(last)s.",
            day=f"{day}.{month}.{year}",
            last=f"{last}.{month}.{year}",
        )
    return date(year, month, day)


def _existing_once(day: date, at: time, now: datetime) -> datetime:
    """Return that time of that day in the zone of `now`. Raises `UserError` if clocks skip it, or show it twice."""
    zone = now.tzinfo
    first = datetime.combine(day, at, zone)
    second = first.replace(fold=1)
    if first.utcoffset() == second.utcoffset():
        return first
    there = first.astimezone(UTC).astimezone(zone)
    if there.replace(tzinfo=None) != first.replace(tzinfo=None):
        raise UserError(
            "%(time)s gibt es am %(day)s nicht, weil die Uhr vorgestellt wird. Richtig wäre zum Beispiel %(example)s.",
            time=f"{first:%H:%M}",
            day=_shown(day),
            example=f"{there:%H:%M}",
        )
    after = (second.astimezone(UTC) + timedelta(hours=1)).astimezone(zone)
    raise UserError(
        "%(time)s gibt es am %(day)s zweimal, weil die Uhr zurückgestellt wird: zuerst in der Zeit UTC%(first)s, dann in der Zeit"
        " UTC%(second)s. Nimm bitte eine Zeit davor oder danach, zum Beispiel %(example)s.",
        time=f"{first:%H:%M}",
        day=_shown(day),
        first=_offset(first),
        second=_offset(second),
        example=f"{after:%H:%M}",
    )


def _offset(moment: datetime) -> str:
    text = f"{moment:%z}"
    return f"{text[:3]}:{text[3:5]}"


def _shown(day: date) -> str:
    return f"{day:%d.%m.%Y}"
