"""Days as calendars write them, one or several: "30.10.2020", "15. und 16. Juni 2020", "24. bis 27.11.2020", "June 15 and 16, 2020"."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise

from bot.domain.dates import PartialDate
from bot.domain.phrases.calendar_days import check_month, check_weekday, existing, full_year, interval
from bot.domain.phrases.forms import END
from bot.domain.phrases.refusals import shown, shown_span, two_readings
from bot.domain.phrases.said import Said
from bot.domain.phrases.words import GERMAN_MONTHS, MONTH, MONTHS, ORDINALS, WEEKDAY, WEEKDAYS, YEAR, number, one_of
from bot.errors import UserError, text

_MOST_DAYS = 6
"""Days in a row that a phrase names."""
_LONGEST_OVER_NEW_YEAR = timedelta(days=60)
_NEAR_YEARS = range(-1, 6)
"""From now: what "22" after a month could mean as a year."""

_ON = rf"(?:(?P<weekday>{WEEKDAY})(?: ?, ?| )(?:(?:dem|den|der|the) )?)?"
_DAY = rf"(?P<day>[0-9]{{1,2}}(?:st|nd|rd|th)\b|[0-9]{{1,2}}(?![0-9])|{one_of(ORDINALS)}\b)"
_PATTERNS = tuple(
    re.compile(rf"(?:{pattern})(?:{END}|(?<=-[0-9]{{2}})(?=t[0-9]))")
    for pattern in (
        rf"{_ON}(?P<day>[0-9]{{1,2}})\. ?(?P<month>[0-9]{{1,2}})\.(?: ?(?P<year>{YEAR})|(?P<short>[0-9]{{2}}))?(?![0-9])",
        rf"{_ON}{_DAY}\.? ?(?:of )?(?P<month>{MONTH})(?:,? ?(?P<year>{YEAR})|,? ?'(?P<short>[0-9]{{2}}))?",
        rf"{_ON}(?P<month>{MONTH}) (?:the )?{_DAY}(?!\.)(?:,? (?P<year>{YEAR}))?",
        rf"{_ON}(?P<year>{YEAR})-(?P<month>[0-9]{{2}})-(?P<day>[0-9]{{2}})",
        rf"{_ON}{_DAY}(?:\.|,? (?P<year>{YEAR}))?(?![:.][0-9]| ?(?:uhr|h|am|pm|[ap]\.m)\b)",
    )
)
_MONTH_FIRST, _ISO = 2, 3
_JOINT = re.compile(
    r" ?(?:(?P<to>-|\bbis(?: zum)?\b|\bto\b|\buntil\b|\btill\b|\bthrough\b)|(?P<either>/)|(?P<and>,? ?\b(?:und|and)\b|&|\+|,))"
    r" ?(?:(?:zum|dem|den|der|the) )?"
)
_SLASHES = re.compile(
    rf"{_ON}(?P<first>[0-9]{{1,2}})(?P<sep>[/-])(?P<second>[0-9]{{1,2}})(?:(?P=sep)(?P<year>{YEAR}|[0-9]{{2}}))?{END}"
)
_YEAR_FIRST = re.compile(rf"{_ON}(?P<year>{YEAR})/(?P<month>[0-9]{{1,2}})/(?P<day>[0-9]{{1,2}}){END}")


@dataclass(frozen=True, slots=True)
class _Day:
    """A day as far as it was written. `joint`: how it follows the one before: "to", "and", or "" for the first."""

    day: int
    month: int | None
    year: int | None
    weekday: int | None
    joint: str = ""
    iso: bool = False
    month_first: bool = False
    doubtful: str | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """Days that were found, not checked yet. `end`: where they end."""

    said: Said
    start: int
    end: int
    days: tuple[_Day, ...]

    @property
    def typed(self) -> str:
        """The words as they were typed."""
        return self.said.typed(self.start, self.end)


def written_days(said: Said, start: int, today: date) -> Written | None:
    """Return the longest row of days that stands at `start`, None if there is none."""
    rows = (row for row in _rows(said, start, (), today) if any(day.month is not None for day in row[0]))
    days, end = max(rows, key=lambda row: row[1], default=((), start))
    return Written(said, start, end, days) if days else None


def _rows(said: Said, at: int, before: tuple[_Day, ...], today: date) -> Iterator[tuple[tuple[_Day, ...], int]]:
    joint = ""
    if before:
        match = _JOINT.match(said.plain, at)
        if match is None or len(before) >= _MOST_DAYS:
            return
        at, joint = match.end(), "to" if match["to"] else "or" if match["either"] else "and"
    for day, end in _each_day(said, at, today):
        if day.month is None and not _may_lend_month(before):
            continue
        either = "to" if before and day.iso and before[-1].iso else "and"
        row = (*before, replace(day, joint=either if joint == "or" else joint))
        yield row, end
        yield from _rows(said, end, row, today)


def _may_lend_month(before: tuple[_Day, ...]) -> bool:
    """Whether a day without a month may follow: after "June 15", and before a month was named at all."""
    return all(day.month is None or day.month_first for day in before)


def _each_day(said: Said, at: int, today: date) -> Iterator[tuple[_Day, int]]:
    for kind, pattern in enumerate(_PATTERNS):
        match = pattern.match(said.plain, at)
        if match is None:
            continue
        found = match.groupdict()
        month = found.get("month")
        short = found.get("short")
        year = found.get("year") or short
        yield (
            _Day(
                number(found["day"]),
                None if month is None else int(month) if month.isdecimal() else MONTHS[month.rstrip(".")],
                full_year(year, today) if year else None,
                WEEKDAYS[found["weekday"].rstrip(".")] if found["weekday"] else None,
                iso=kind == _ISO,
                month_first=kind == _MONTH_FIRST,
                doubtful=month if kind == _MONTH_FIRST and year is None and found["day"].isdecimal() else None,
            ),
            match.end(),
        )


def read_written(written: Written, today: date) -> PartialDate:
    """Return the day, or the days in a row. Raises `UserError` for what does not exist, runs backwards, or is not clear."""
    days = _completed(written, today)
    for day, typed in zip(days, written.days, strict=True):
        check_weekday(typed.weekday, day)
    joints = [day.joint for day in written.days[1:]]
    if not joints:
        return PartialDate.day(days[0])
    if joints == ["to"]:
        return interval(days[0], days[1])
    if "to" in joints:
        raise UserError(
            "»%(said)s« ist mir zu viel auf einmal. Schreib bitte nur den ersten und den letzten Tag.", said=written.typed
        )
    if all(later - earlier == timedelta(days=1) for earlier, later in pairwise(days)):
        return interval(days[0], days[-1])
    if sorted(set(days)) != days:
        interval(days[0], days[-1])
    raise two_readings(
        written.typed,
        shown_span(min(days), max(days)),
        text("mehrere einzelne Tage: %(days)s", days=", ".join(map(shown, days))),
    )


def _completed(written: Written, today: date) -> list[date]:
    """Return the days with the months and years that the others lend them."""
    months = _inherited([day.month for day in written.days])
    for month in months:
        check_month(month)
    years = [day.year for day in written.days]
    if all(year is None for year in years):
        _check_no_year_meant(written, today)
        final = existing(_next_year(months[-1], written.days[-1].day, today), months[-1], written.days[-1].day)
        years[-1] = final.year
    elif years[-1] is None:
        return _onwards(written, months)
    days: list[date] = []
    following: date | None = None
    for typed, month, year in reversed(list(zip(written.days, months, years, strict=True))):
        following = _before(following or today, month, typed.day) if year is None else existing(year, month, typed.day)
        days.insert(0, following)
    return days


def _inherited(months: list[int | None]) -> list[int]:
    """Return every month: a day without one has that of the next that has one, else of the one before."""
    found: list[int] = []
    following = next(month for month in months if month is not None)
    for index in range(len(months)):
        following = next((month for month in months[index:] if month is not None), following)
        found.append(following)
    return found


def _next_year(month: int, day: int, today: date) -> int:
    return today.year if (month, day) >= (today.month, today.day) else today.year + 1


def _before(following: date, month: int, day: int) -> date:
    """Return that day in the year of `following`; in the year before if that is not long before it."""
    if month > following.month:
        earlier = existing(following.year - 1, month, day)
        if following - earlier <= _LONGEST_OVER_NEW_YEAR:
            return earlier
    return existing(following.year, month, day)


def _onwards(written: Written, months: list[int]) -> list[date]:
    """Return days of which only earlier ones have a year."""
    days: list[date] = []
    for typed, month in zip(written.days, months, strict=True):
        if typed.year is None and not days:
            raise UserError("Zu »%(said)s« fehlt das Jahr. Schreib es bitte ans Ende.", said=written.typed)
        year = days[-1].year if typed.year is None else typed.year
        over = typed.year is None and (month, typed.day) < (days[-1].month, days[-1].day) and month < days[-1].month
        day = existing(year + over, month, typed.day)
        if over and day - days[-1] > _LONGEST_OVER_NEW_YEAR:
            day = existing(year, month, typed.day)
        days.append(day)
    return days


def _check_no_year_meant(written: Written, today: date) -> None:
    """Raise `UserError` for "Februar 22": a day, or a year."""
    only = written.days[0]
    if len(written.days) > 1 or only.doubtful is None or only.month is None:
        return
    year = today.year // 100 * 100 + only.day
    name = only.doubtful.rstrip(".")
    if name in GERMAN_MONTHS or year - today.year in _NEAR_YEARS:
        day = existing(_next_year(only.month, only.day, today), only.month, only.day)
        raise two_readings(written.typed, shown(day), f"{only.month:02d}/{year}")


@dataclass(frozen=True, slots=True)
class Slashed:
    """Numbers between slashes or dashes. `end`: where they end."""

    match: re.Match[str]
    said: Said

    @property
    def end(self) -> int:
        """Where they end in the folded text."""
        return self.match.end()


def slashed_day(said: Said, start: int) -> Slashed | None:
    """Return numbers such as 15/6/2020, 2020/6/15 or 15-6-2020 that stand at `start`, None if there are none."""
    match = _YEAR_FIRST.match(said.plain, start) or _SLASHES.match(said.plain, start)
    dashes = match is not None and "sep" in match.groupdict() and match["sep"] == "-" and len(match["year"] or "") != len("2020")
    return Slashed(match, said) if match and not dashes else None


def read_slashed(slashed: Slashed, today: date) -> PartialDate:
    """Return the day. Raises `UserError` with both days if either number can be the month."""
    found = slashed.match.groupdict()
    typed = slashed.said.typed(slashed.match.start(), slashed.match.end())
    year = full_year(found["year"], today) if found["year"] else None
    if "month" in found:
        days = [existing(int(found["year"]), int(found["month"]), int(found["day"]))]
    else:
        first, second = int(found["first"]), int(found["second"])
        pairs = [(day, month) for day, month in ((first, second), (second, first)) if month in range(1, 13)]
        if not pairs:
            raise UserError("»%(said)s« ist kein Tag: keine der Zahlen ist ein Monat.", said=typed)
        days = [existing(_next_year(month, day, today) if year is None else year, month, day) for day, month in pairs]
    if len(set(days)) > 1:
        raise two_readings(typed, shown(days[0]), shown(days[1]))
    check_weekday(WEEKDAYS[found["weekday"].rstrip(".")] if found["weekday"] else None, days[0])
    return PartialDate.day(days[0])
