"""Dates as people read them, in German and English. Nothing here adds precision that a date does not have."""

from datetime import date, datetime

from babel.dates import format_date, format_datetime, format_skeleton

from bot.domain.dates import PartialDate, Precision
from bot.errors import Text, text

_SEASONS = {21: text("Frühjahr %(year)s"), 22: text("Sommer %(year)s"), 23: text("Herbst %(year)s"), 24: text("Winter %(year)s")}
_QUARTERS = {
    1: text("1. Quartal %(year)s"),
    2: text("2. Quartal %(year)s"),
    3: text("3. Quartal %(year)s"),
    4: text("4. Quartal %(year)s"),
}
_LOCALES = {"en": "en_GB"}  # the people are Europeans: 30 October 2020
_LAST_MONTH_OF_SEASON = 12


def format_partial(when: PartialDate, language: str) -> Text | str:  # noqa: PLR0911  (one line per precision)
    """Return a date as exact as it is: a finished string, or a `Text` where words are needed."""
    locale = _LOCALES.get(language, language)
    match when.precision:
        case Precision.DAY:
            return format_date(when.first, "long", locale=locale)
        case Precision.INTERVAL:
            return _interval(when.first, when.last, locale)
        case Precision.MONTH:
            return format_date(when.first, "MMMM y", locale=locale)
        case Precision.QUARTER:
            return Text(_QUARTERS[(when.first.month + 2) // 3].msgid, {"year": when.first.year})
        case Precision.SEASON:
            return Text(_SEASONS[int(when.edtf[5:])].msgid, {"year": _season_year(when)})
        case Precision.YEAR:
            return str(when.first.year)
        case Precision.OPEN:
            return text("%(year)s, Termin noch offen", year=when.first.year)


def _interval(first: date, last: date, locale: str) -> str:
    end = format_date(last, "long", locale=locale)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}.–{end}" if locale == "de" else f"{first.day}–{end}"
    if first.year == last.year:
        return f"{format_skeleton('MMMMd', first, locale=locale)} – {end}"
    return f"{format_date(first, 'long', locale=locale)} – {end}"


def _season_year(when: PartialDate) -> str:
    if when.first.month == _LAST_MONTH_OF_SEASON:
        return f"{when.first.year}/{when.last.year % 100:02d}"
    return str(when.first.year)


def format_day(day: date, language: str) -> str:
    """Return a day with its weekday: "Freitag, 30. Oktober 2020"."""
    return format_date(day, "full", locale=_LOCALES.get(language, language))


def format_weekday(day: date, language: str) -> str:
    """Return the name of a day of the week: "Freitag"."""
    return format_date(day, "EEEE", locale=_LOCALES.get(language, language))


def format_day_and_time(moment: datetime, language: str) -> str:
    """Return a time with its weekday, in the zone that `moment` carries: "Freitag, 30. Oktober 2020, 08:00"."""
    return f"{format_day(moment.date(), language)}, {moment:%H:%M}"


def format_moment(moment: datetime, language: str) -> str:
    """Return a time of a day, in the zone that `moment` carries: "30. Oktober 2020, 08:00"."""
    return format_datetime(
        moment, "d. MMMM y, HH:mm" if language == "de" else "d MMMM y, HH:mm", locale=_LOCALES.get(language, language)
    )
