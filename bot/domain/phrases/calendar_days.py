"""From numbers to days: what exists, what comes next, and which weekday it is. Nothing is put right silently."""

import calendar
from datetime import date, timedelta

from bot.domain.dates import PartialDate
from bot.domain.phrases.refusals import shown, shown_span, two_readings
from bot.domain.phrases.words import weekday_name
from bot.errors import UserError

_DECEMBER = 12


def existing(year: int, month: int, day: int) -> date:
    """Return that day. Raises `UserError` if there is none."""
    check_month(month)
    last = calendar.monthrange(existing_year(year), month)[1]
    if not 1 <= day <= last:
        raise UserError(
            "Den %(day)s gibt es nicht. Dieser Monat geht bis zum %(last)s.",
            day=f"{day}.{month}.{year}",
            last=f"{last}.{month}.{year}",
        )
    return date(year, month, day)


def existing_year(year: int) -> int:
    """Return the year. Raises `UserError` if the calendar does not have it."""
    if not 1 <= year < date.max.year:
        raise UserError("Das Jahr %(year)s ist weit weg. Ist es ein Tippfehler?", year=year)
    return year


def check_month(month: int) -> None:
    """Raise `UserError` for what is no month."""
    if not 1 <= month <= _DECEMBER:
        raise UserError("%(month)s ist kein Monat. Möglich ist 1 bis 12.", month=month)


def full_year(typed: str, today: date) -> int:
    """Return the year; one of two digits is in this century."""
    return int(typed) if len(typed) > 2 else today.year // 100 * 100 + int(typed)  # noqa: PLR2004  (of a century)


def later(day: date, days: int) -> date:
    """Return the day so many days later. Raises `UserError` where the calendar ends."""
    try:
        return day + timedelta(days=days)
    except OverflowError:
        raise UserError("Das ist zu weit weg. Schreib bitte den Tag selbst, zum Beispiel %(day)s.", day=shown(day)) from None


def months_later(day: date, months: int, said: str) -> date:
    """Return the same day so many months later. Raises `UserError` with two days if that month is too short."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    month += 1
    last = calendar.monthrange(existing_year(year), month)[1]
    if day.day <= last:
        return date(year, month, day.day)
    end = date(year, month, last)
    raise two_readings(said, shown(end), shown(end + timedelta(days=day.day - last)))


def next_weekday(weekday: int, today: date) -> date:
    """Return the next such weekday after today."""
    return later(today, (weekday - today.weekday() - 1) % 7 + 1)


def monday_of(day: date) -> date:
    """Return the Monday of the ISO week of `day`."""
    return later(day, -day.weekday()) if day.toordinal() > day.weekday() else day


def check_weekday(weekday: int | None, day: date) -> None:
    """Raise `UserError` if `day` is another weekday than was said."""
    if weekday is not None and day.weekday() != weekday:
        raise UserError(
            "Der %(day)s ist ein %(is)s, kein %(said)s. Welcher Tag ist gemeint?",
            **{"day": shown(day), "is": weekday_name(day.weekday()), "said": weekday_name(weekday)},
        )


def nth_weekday(nth: int, weekday: int, year: int, month: int) -> date:
    """Return the how manieth such weekday of a month; -1 is the last. Raises `UserError` if there are not so many."""
    last = calendar.monthrange(existing_year(year), month)[1]
    if nth == -1:
        return date(year, month, last - (date(year, month, last).weekday() - weekday) % 7)
    day = 1 + (weekday - date(year, month, 1).weekday()) % 7 + 7 * (nth - 1)
    if day > last:
        raise UserError(
            "Einen %(nth)s. %(weekday)s gibt es %(month)s nicht.",
            nth=nth,
            weekday=weekday_name(weekday),
            month=f"{month:02d}/{year:04d}",
        )
    return date(year, month, day)


def interval(first: date, last: date) -> PartialDate:
    """Return the days from `first` to `last`. Raises `UserError` if they run backwards."""
    if last == first:
        raise UserError("%(day)s ist Anfang und Ende zugleich. Schreib bitte nur diesen Tag.", day=shown(first))
    if last < first:
        raise UserError(
            "%(span)s läuft rückwärts. Richtig wäre vielleicht »%(other)s«.",
            span=shown_span(first, last),
            other=shown_span(last, first),
        )
    return PartialDate.parse(f"{first.isoformat()}/{last.isoformat()}")
