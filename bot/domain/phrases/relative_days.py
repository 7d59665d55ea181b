"""Days and weeks as seen from today: "übermorgen", "nächsten Freitag", "in 14 Tagen", "Freitag nächster Woche"."""

from datetime import date, timedelta

from bot.domain.dates import PartialDate
from bot.domain.phrases.calendar_days import interval, later, monday_of, months_later, next_weekday, nth_weekday
from bot.domain.phrases.forms import END, Forms
from bot.domain.phrases.refusals import shown, shown_span, two_readings
from bot.domain.phrases.said import Found
from bot.domain.phrases.words import (
    COUNT,
    LONG_WEEKDAY,
    MONTH,
    MONTHS,
    ORDINAL,
    WEEKDAY,
    WEEKDAYS,
    YEAR,
    number,
    one_of,
    weekday_name,
)
from bot.errors import UserError

RELATIVE: Forms[PartialDate] = Forms()

_NEXT, _THIS, _AFTER_NEXT = (
    "(?:naechste[nrms]?|kommende[nrms]?|next|coming)",
    "(?:diese[nrms]?|this)",
    "(?:uebernaechste[nrms]?)",
)
_WHICH = rf"(?P<which>{_NEXT}|{_THIS}|{_AFTER_NEXT})"
_DAY_PARTS = "(?=(?:vormittag|nachmittag|mittag|morgen|abend|nacht)s?\\b)"
_NAMED = {
    "vorgestern": -2,
    "day before yesterday": -2,
    "gestern": -1,
    "yesterday": -1,
    "heute": 0,
    "today": 0,
    "morgen": 1,
    "tomorrow": 1,
    "uebermorgen": 2,
    "day after tomorrow": 2,
}
_FROM = rf"(?P<from>{one_of(_NAMED)}|{LONG_WEEKDAY})"
_UNIT = "(?P<unit>tag(?:en)?|days?|wochen?|weeks?|monat(?:en)?|months?|jahr(?:en)?|years?)"
_WEEK = "(?:woche|week)"


def _weekday(found: Found) -> int:
    return WEEKDAYS[found["weekday"].rstrip(".")]


def _weeks_on(which: str) -> int:
    if which.startswith(("diese", "this")):
        return 0
    return 2 if which.startswith(("uebernaechste", "week after", "the week after")) else 1


@RELATIVE.form(rf"(?P<named>{one_of(_NAMED)})", "(?P<named>this)(?= (?:morning|afternoon|evening)\\b)")
def _named(found: Found) -> PartialDate:
    return PartialDate.day(later(found.today, _NAMED.get(found["named"], 0)))


@RELATIVE.form(
    rf"(?P<weekday>{LONG_WEEKDAY})",
    rf"(?:kommende[nrms]?|coming) (?P<weekday>{WEEKDAY})",
    rf"(?P<german>naechste[nrms]?) (?P<weekday>{WEEKDAY})",
    end=f"(?:{END}|{_DAY_PARTS})",
)
def _next(found: Found) -> PartialDate:
    return PartialDate.day(next_weekday(_weekday(found), found.today))


@RELATIVE.form(rf"(?P<weekday>{WEEKDAY})(?=(?: ?,)? (?:(?:um|at) )?[0-9]|[.,:;!?]*$)", end="")
def _short(found: Found) -> PartialDate:
    """Two letters are a weekday only where a time follows, or nothing: "so", "do" and "sun" are words, too."""
    return PartialDate.day(next_weekday(_weekday(found), found.today))


@RELATIVE.form(rf"next (?P<weekday>{WEEKDAY})")
def _english_next(found: Found) -> PartialDate:
    """Return the day in the next ISO week if this week's is over. Raises `UserError` with both if it is still to come."""
    first = next_weekday(_weekday(found), found.today)
    if found.today.weekday() < first.weekday():
        raise two_readings(found.typed, shown(first), shown(later(first, 7)))
    return PartialDate.day(first)


@RELATIVE.form(rf"{_THIS} (?P<weekday>{WEEKDAY})", end=f"(?:{END}|{_DAY_PARTS})")
def _this(found: Found) -> PartialDate:
    day = later(monday_of(found.today), _weekday(found))
    if day < found.today:
        raise UserError(
            "%(weekday)s dieser Woche ist schon vorbei: das war der %(day)s. Der nächste ist der %(next)s.",
            weekday=weekday_name(day.weekday()),
            day=shown(day),
            next=shown(later(day, 7)),
        )
    return PartialDate.day(day)


@RELATIVE.form(rf"{_AFTER_NEXT} (?P<weekday>{WEEKDAY})", end=f"(?:{END}|{_DAY_PARTS})")
def _after_next(found: Found) -> PartialDate:
    return PartialDate.day(later(next_weekday(_weekday(found), found.today), 7))


@RELATIVE.form(
    rf"(?P<weekday>{WEEKDAY}),? (?:of |in |in der )?(?P<which>{_NEXT}|{_THIS}|{_AFTER_NEXT}) {_WEEK}",
    rf"(?P<weekday>{WEEKDAY}),? (?:of |in )?(?P<which>(?:the )?week after next)",
    rf"{_WHICH} {_WEEK},? (?:am |on )?(?P<weekday>{WEEKDAY})",
    rf"(?P<which>(?:the )?week after next),? (?:on )?(?P<weekday>{WEEKDAY})",
)
def _in_week(found: Found) -> PartialDate:
    monday = later(monday_of(found.today), 7 * _weeks_on(found["which"]))
    return PartialDate.day(later(monday, _weekday(found)))


@RELATIVE.form(rf"(?:der |the )?{_WHICH} {_WEEK}", "(?P<which>(?:the )?week after next)")
def _week(found: Found) -> PartialDate:
    monday = later(monday_of(found.today), 7 * _weeks_on(found["which"]))
    return interval(monday, later(monday, 6))


@RELATIVE.form(
    "(?P<next>naechste[ns]?|next) (?:wochenende|weekend)",
    "(?:diese[ns]?|this|kommende[ns]?|dem) (?:wochenende|weekend)",
    "wochenende",
)
def _weekend(found: Found) -> PartialDate:
    saturday = later(monday_of(found.today), 5)
    if found["next"]:
        after = later(saturday, 7)
        raise two_readings(found.typed, shown_span(saturday, later(saturday, 1)), shown_span(after, later(after, 1)))
    return interval(saturday, later(saturday, 1))


@RELATIVE.form(rf"(?:{_FROM} )?in (?P<count>{COUNT}) {_UNIT}", rf"(?P<count>{COUNT}) {_UNIT} (?:from|after) {_FROM}")
def _in(found: Found) -> PartialDate:
    day = _base(found)
    count, unit = number(found["count"]), found["unit"][0]
    if found["count"] == "acht" and unit == "t":  # in German "acht Tage" is a week, as "quinze jours" is a fortnight in French
        raise two_readings(found.typed, shown(later(day, 7)), shown(later(day, 8)))
    if unit in "td":
        return PartialDate.day(later(day, count))
    if unit == "w":
        return PartialDate.day(later(day, 7 * count))
    return PartialDate.day(months_later(day, count if unit == "m" else 12 * count, found.typed))


@RELATIVE.form("in (?:a )?fortnight")
def _fortnight(found: Found) -> PartialDate:
    return PartialDate.day(later(found.today, 14))


@RELATIVE.form("in p(?P<count>[0-9]{1,4})(?P<unit>[dwmy])")
def _iso_duration(found: Found) -> PartialDate:
    count, unit = int(found["count"]), found["unit"]
    if unit in "dw":
        return PartialDate.day(later(found.today, count * (7 if unit == "w" else 1)))
    return PartialDate.day(months_later(found.today, count if unit == "m" else 12 * count, found.typed))


def _base(found: Found) -> date:
    """Return the day from which is counted."""
    typed = found["from"]
    if not typed:
        return found.today
    return next_weekday(WEEKDAYS[typed], found.today) if typed in WEEKDAYS else later(found.today, _NAMED[typed])


_LAST = "(?:letzte[nrs]?|last)"


@RELATIVE.form(
    rf"(?P<nth>{ORDINAL}|{_LAST}) (?P<weekday>{WEEKDAY}) (?:im|in|of|des) (?:monats? )?(?P<month>{MONTH})(?:,? (?P<year>{YEAR}))?"
)
def _nth_of_month(found: Found) -> PartialDate:
    typed, month = found["nth"], MONTHS[found["month"].rstrip(".")]
    nth = -1 if typed.startswith(("letzt", "last")) else number(typed)
    year = int(found["year"]) if found["year"] else found.today.year
    day = nth_weekday(nth, _weekday(found), year, month)
    if not found["year"] and day < found.today:
        day = nth_weekday(nth, _weekday(found), year + 1, month)
    return PartialDate.day(day)


_TWO_MONTHS = 62


@RELATIVE.form(
    rf"(?:(?P<weekday>{WEEKDAY}),? (?:(?:dem|den|der|the) )?)?(?P<day>[0-9]{{1,2}})\.", r"the (?P<day>[0-9]{1,2})(?:st|nd|rd|th)"
)
def _no_month(found: Found) -> PartialDate:
    """Refuse "am 15.": a month may be meant, or the text begins with a number."""
    soon = (found.today + timedelta(days=days) for days in range(_TWO_MONTHS))
    coming = next((day for day in soon if day.day == int(found["day"])), found.today)
    raise UserError(
        "Zu »%(said)s« fehlt der Monat. Richtig wäre zum Beispiel »%(example)s«.",
        said=found.typed,
        example=f"{coming.day}.{coming.month}.{coming.year}",
    )
