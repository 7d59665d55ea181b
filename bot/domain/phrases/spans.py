"""Weeks, months, quarters, seasons and years as people write them; each stays as vague as it is."""

from collections.abc import Callable
from datetime import date

from bot.domain.dates import PartialDate
from bot.domain.phrases.calendar_days import check_month, existing_year, full_year, interval, later, months_later
from bot.domain.phrases.forms import Forms
from bot.domain.phrases.refusals import two_readings
from bot.domain.phrases.said import Found
from bot.domain.phrases.words import MONTH, MONTHS, ORDINAL, YEAR, number, one_of
from bot.errors import Text, UserError, text

SPANS: Forms[PartialDate] = Forms()

_QUARTERS, _FIRST_QUARTER = 4, 33
_SEASONS = (
    dict.fromkeys(("fruehjahr", "fruehling", "spring"), 21)
    | dict.fromkeys(("sommer", "summer"), 22)
    | dict.fromkeys(("herbst", "autumn", "fall"), 23)
    | {"winter": 24}
)
_WINTER = 24
_ABOUT = r"(?:(?:anfang|mitte|ende|early|mid|late|(?:the )?(?:start|beginning|middle|end) of)(?: |-)?(?:des |der )?(?:monats |jahres )?)?"
_NEXT, _THIS, _AFTER_NEXT = "naechste[nrms]?|next", "diese[nrms]?|this", "uebernaechste[nrms]?"
_COMING = "kommende[nrms]?|coming"
_WHICH = rf"(?:(?P<next>{_NEXT})|(?P<this>{_THIS})|(?P<after>{_AFTER_NEXT})|(?P<coming>{_COMING}))"
_OR_YEAR = rf"(?:(?: ?/ ?|,? (?:of |im jahr |des jahres )?)(?P<year>{YEAR})| ?'(?P<short>[0-9]{{2}})(?![0-9]))?"


def _year(found: Found) -> int | None:
    typed = found["year"] or found["short"]
    return existing_year(full_year(typed, found.today)) if typed else None


# Weeks

_KW = r"(?:kw|(?:kalender|calendar )?woche|kalenderwoche|calendar week|week)"
_WEEK = r"(?P<week>[0-9]{1,2})(?: ?(?:-|bis|to|und|and) ?(?:kw )?(?P<last>[0-9]{1,2})(?![0-9]))?"
_WEEK_YEAR = rf"(?:(?: ?/ ?|,? (?:of |im jahr )?)(?P<year>{YEAR})|/(?P<short>[0-9]{{2}}))?"


@SPANS.form(
    rf"{_KW}\.? ?{_WEEK}\.?{_WEEK_YEAR}",
    rf"(?P<week>[0-9]{{1,2}})\. ?(?:kw|kalenderwoche|woche){_WEEK_YEAR}",
    rf"(?P<week>[0-9]{{1,2}})\. ?(?:-|bis|und) ?(?P<last>[0-9]{{1,2}})\. ?(?:kw|kalenderwoche|woche){_WEEK_YEAR}",
    rf"(?P<year>{YEAR})(?:-| )?(?:kw|w) ?(?P<week>[0-9]{{1,2}})",
    rf"w(?P<week>[0-9]{{1,2}}){_WEEK_YEAR}",
)
def _calendar_week(found: Found) -> PartialDate:
    """Return Monday to Sunday of the week (ISO 8601), or of the weeks."""
    first, last = int(found["week"]), int(found["last"] or found["week"])
    if found["short"] and int(found["short"]) == last + 1:
        raise two_readings(found.typed, f"KW {last}/{_year(found)}", f"KW {last} – {last + 1}")
    year = _year(found)
    if year is None:
        this = found.today.isocalendar().year
        year = this if last > _weeks_in(this) or _week(this, last)[1] >= found.today else this + 1
    monday, sunday = _week(year, first)[0], _week(year, last)[1]
    return interval(monday, sunday)


def _week(year: int, week: int) -> tuple[date, date]:
    weeks = _weeks_in(year)
    if not 1 <= week <= weeks:
        raise UserError("Die KW %(week)s gibt es %(year)s nicht; das Jahr hat %(weeks)s.", week=week, year=year, weeks=weeks)
    monday = date.fromisocalendar(year, week, 1)
    return monday, later(monday, 6)


def _weeks_in(year: int) -> int:
    """Return how many weeks a year has (ISO 8601: 28 December is in the last)."""
    return date(existing_year(year), 12, 28).isocalendar().week


# Months


@SPANS.form(
    rf"{_ABOUT}(?:monat )?(?P<month>{MONTH}){_OR_YEAR}",
    r"(?P<number>[0-9]{1,2}) ?[/.] ?(?P<year>[0-9]{4})",
    r"(?P<year>[0-9]{4})/(?P<number>[0-9]{1,2})",
)
def _month(found: Found) -> PartialDate:
    month = MONTHS[found["month"].rstrip(".")] if found["month"] else int(found["number"] or 0)
    check_month(month)
    return PartialDate.parse(f"{_year(found) or existing_year(_next_year(month, found.today)):04d}-{month:02d}")


def _next_year(month: int, today: date) -> int:
    return today.year if month >= today.month else today.year + 1


@SPANS.form(rf"{_ABOUT}{_WHICH} (?P<month>{MONTH})")
def _which_month(found: Found) -> PartialDate:
    month = MONTHS[found["month"].rstrip(".")]
    coming = _next_year(month, found.today)
    return _chosen(
        found, coming, month > found.today.month, lambda year: PartialDate.parse(f"{existing_year(year):04d}-{month:02d}")
    )


def _chosen(found: Found, coming: int, later_this_year: bool, made: Callable[[int], PartialDate]) -> PartialDate:  # noqa: FBT001  (a fact, not a switch)
    """Return what "this" or "next" means of something that comes once a year. Raises `UserError` with both where it may be either."""
    if found["next"] and later_this_year:
        raise two_readings(found.typed, _written(made(coming)), _written(made(coming + 1)))
    if found["this"] and coming != found.today.year:
        raise UserError("»%(said)s« ist schon vorbei. Meinst du »%(next)s«?", said=found.typed, next=_written(made(coming)))
    if found["after"]:
        raise two_readings(found.typed, _written(made(coming)), _written(made(coming + 1)))
    return made(coming)


_SEASON_NAMES = {
    21: text("Frühjahr %(year)s"),
    22: text("Sommer %(year)s"),
    23: text("Herbst %(year)s"),
    24: text("Winter %(year)s"),
}


def _written(when: PartialDate) -> str | Text:
    """Return a month or a season as it can be typed again."""
    year, number = int(when.edtf[:4]), int(when.edtf[5:])
    if number not in _SEASON_NAMES:
        return f"{number:02d}/{year:04d}"
    return Text(_SEASON_NAMES[number].msgid, {"year": f"{year}/{(year + 1) % 100:02d}" if number == _WINTER else year})


@SPANS.form(rf"{_ABOUT}{_WHICH} (?:monats?|month)", "(?P<after>the month after next)")
def _relative_month(found: Found) -> PartialDate:
    first = months_later(found.today.replace(day=1), _ahead(found), found.typed)
    return PartialDate.parse(f"{first.year:04d}-{first.month:02d}")


def _ahead(found: Found) -> int:
    return 0 if found["this"] else 2 if found["after"] else 1


# Quarters and seasons

_ROMAN: dict[str, int] = {"i": 1, "ii": 2, "iii": 3, "iv": 4}


@SPANS.form(
    rf"(?P<quarter>{ORDINAL}|i{{1,3}}\.|iv\.) ?(?:quartal|quarter){_OR_YEAR}",
    rf"(?:quartal|quarter) (?P<quarter>[0-9]{{1,2}}){_OR_YEAR}",
    rf"q ?(?P<quarter>[0-9]{{1,2}}){_OR_YEAR}",
    rf"(?P<year>{YEAR})(?: ?[/-] ?| )?q(?P<quarter>[0-9]{{1,2}})",
)
def _quarter(found: Found) -> PartialDate:
    typed = found["quarter"].rstrip(".")
    quarter = _ROMAN.get(typed) or number(typed)
    if not 1 <= quarter <= _QUARTERS:
        raise UserError("%(quarter)s ist kein Quartal. Möglich ist 1 bis 4.", quarter=quarter)
    return _in_quarter(_year(found) or _next_year(3 * quarter, found.today), quarter)


def _in_quarter(year: int, quarter: int) -> PartialDate:
    return PartialDate.parse(f"{existing_year(year):04d}-{_FIRST_QUARTER - 1 + quarter}")


@SPANS.form(rf"{_WHICH} (?:quartals?|quarter)")
def _relative_quarter(found: Found) -> PartialDate:
    year, quarter = divmod(found.today.year * _QUARTERS + (found.today.month - 1) // 3 + _ahead(found), _QUARTERS)
    return _in_quarter(year, quarter + 1)


@SPANS.form(
    rf"(?:{ORDINAL}|i{{1,2}}\.) ?(?:halbjahr|half(?: year)?){_OR_YEAR}",
    rf"h ?[12]{_OR_YEAR}",
    rf"(?:{_ABOUT}){_WHICH} halbjahr",
    rf"(?:erste|zweite)[rnms]? (?:haelfte|jahreshaelfte){_OR_YEAR}",
)
def _half(found: Found) -> PartialDate:
    year = _year(found) or found.today.year
    raise UserError(
        "Halbjahre kenne ich nicht. Möglich sind Quartale (»%(quarter)s«), das Jahr (»%(year)s«) oder die Tage selbst"
        " (»1.1. bis 30.6.%(year)s«).",
        quarter=f"Q2/{year}",
        year=year,
    )


@SPANS.form(
    rf"(?P<season>{one_of(_SEASONS)})(?: (?:of |des jahres |im jahr )?(?P<year>{YEAR})(?: ?[/-] ?(?P<second>[0-9]{{4}}|[0-9]{{2}}))?)?"
)
def _season(found: Found) -> PartialDate:
    season, year = _SEASONS[found["season"]], _year(found)
    if season == _WINTER:
        return _winter(found, year)
    if found["second"]:
        raise UserError("»%(said)s« verstehe ich nicht: nur ein Winter liegt in zwei Jahren.", said=found.typed)
    return _in_season(year or _next_season(season, found.today), season)


def _winter(found: Found, year: int | None) -> PartialDate:
    """Return a winter, named by the year in which it begins. Raises `UserError` with both if only one year is said."""
    if year is None:
        return _in_season(_next_season(_WINTER, found.today), _WINTER)
    second = found["second"]
    if not second:
        raise two_readings(
            found.typed,
            _written(_in_season(year - 1, _WINTER)),
            _written(_in_season(year, _WINTER)),
        )
    if int(second) not in (year + 1, (year + 1) % 100):
        raise UserError(
            "»%(said)s« ist kein Winter. Einer ist zum Beispiel »Winter %(year)s«.",
            said=found.typed,
            year=f"{year}/{(year + 1) % 100:02d}",
        )
    return _in_season(year, _WINTER)


def _in_season(year: int, season: int) -> PartialDate:
    return PartialDate.parse(f"{existing_year(year):04d}-{season}")


def _next_season(season: int, today: date) -> int:
    """Return the year in which the next such season that is not over begins."""
    return next(year for year in (today.year - 1, today.year, today.year + 1) if _in_season(max(year, 1), season).last >= today)


@SPANS.form(rf"{_WHICH} (?P<season>{one_of(_SEASONS)})")
def _which_season(found: Found) -> PartialDate:
    season = _SEASONS[found["season"]]
    coming = _next_season(season, found.today)
    begun = _in_season(coming, season).first <= found.today
    if season == _WINTER and begun and found["this"]:
        return _in_season(coming, season)
    if begun and (found["next"] or found["coming"]):
        return _in_season(coming + 1, season)
    return _chosen(found, coming, coming == found.today.year and not begun, lambda year: _in_season(year, season))


# Years


@SPANS.form(rf"{_ABOUT}(?:(?:das |im |des )?(?:jahr|jahres|year) )?(?P<year>{YEAR})")
def _whole_year(found: Found) -> PartialDate:
    return PartialDate.parse(f"{_year(found):04d}")


@SPANS.form(rf"{_ABOUT}{_WHICH} (?:jahres|jahr|year)")
def _relative_year(found: Found) -> PartialDate:
    return PartialDate.parse(f"{existing_year(found.today.year + _ahead(found)):04d}")


_DATE = r"(?:(?:der |the )?(?:genaue[rs]? |exact )?(?:termin|datum|date|tag) )?"
_STILL = r"(?:(?:ist|is|steht|wird) )?(?:(?:noch|still|yet) )?"
_OPEN = (
    r"(?:(?:offen|open|unklar|unbekannt|folgt|tba|tbd|tbc|n\.? ?n\.?|to be (?:announced|confirmed|determined|decided)|unknown"
    r"|nicht (?:fest|bekannt|klar)|not (?:fixed|known|set))\b\.?)"
)


@SPANS.form(
    rf"(?P<year>{YEAR})(?: ?[/,:;-] ?| ){_DATE}{_STILL}{_OPEN}",
    rf"(?P<year>{YEAR}) ?\({_DATE}{_STILL}{_OPEN}\)",
    rf"(?:termin|datum|date) (?P<year>{YEAR}) {_STILL}{_OPEN}",
    rf"{_DATE}{_STILL}{_OPEN} ?[/,:;-]? ?\(?(?:in )?(?P<year>{YEAR})\)?",
    end="",
)
def _open(found: Found) -> PartialDate:
    return PartialDate.parse(f"{_year(found):04d}-XX-XX")


@SPANS.form(rf"{_DATE}{_STILL}{_OPEN}")
def _open_in_no_year(found: Found) -> PartialDate:
    raise UserError(
        "Zu »%(said)s« fehlt das Jahr. Richtig wäre zum Beispiel »%(year)s / Termin noch offen«.",
        said=found.typed,
        year=found.today.year,
    )
