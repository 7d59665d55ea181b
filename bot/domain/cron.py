"""Cron's five fields: minute, hour, day of the month, month, day of the week (crontab(5) of Vixie cron)."""

import calendar
import re
from dataclasses import dataclass
from datetime import date, time

from bot.domain.chat_words import one_line
from bot.errors import UserError

SHORTEST_MINUTES = 15
"""How often something may come: a room has to stay readable."""

_DAY_MINUTES = 24 * 60
_LONGEST = 200
_NO_NUMBER = 99
_MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_WEEKDAYS = {name: number for number, name in enumerate("sun mon tue wed thu fri sat".split())}
_ITEM = re.compile(r"(?:(?P<all>\*)|(?P<first>[0-9]{1,2}|[a-z]{3})(?:-(?P<last>[0-9]{1,2}|[a-z]{3}))?)(?:/(?P<step>[0-9]{1,2}))?")


@dataclass(frozen=True, slots=True)
class _Field:
    """One of the five. `names`: what may stand for a number."""

    label: str
    lowest: int
    highest: int
    names: dict[str, int]


_FIELDS = (
    _Field("0-59", 0, 59, {}),
    _Field("0-23", 0, 23, {}),
    _Field("1-31", 1, 31, {}),
    _Field("1-12, JAN-DEC", 1, 12, _MONTHS),
    _Field("0-7, SUN-SAT", 0, 7, _WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """Five fields, read. `text`: canonical, numbers for names. `weekdays` as cron counts them, 0 is Sunday.

    `either_day`: both days are restricted, so that either is enough; a field that begins with `*` restricts nothing in this sense.
    """

    text: str
    times: tuple[time, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def is_on(self, day: date) -> bool:
        """Whether something comes on `day`."""
        if day.month not in self.months:
            return False
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return in_month or in_week if self.either_day else in_month and in_week


def read_cron(fields: str) -> Cron:
    """Read five fields. Raises `UserError` for what is none, never happens, or happens more often than every 15 minutes."""
    parts = fields[:_LONGEST].casefold().split()
    if len(parts) != len(_FIELDS) or len(fields) > _LONGEST:
        raise UserError(
            "»%(fields)s« sind nicht die fünf Felder von cron: Minute, Stunde, Tag, Monat, Wochentag. Richtig wäre zum Beispiel"
            " »0 9 * * 1-5«: werktags um 9:00.",
            fields=one_line(fields, 40),
        )
    minutes, hours, days, months, weekdays = (_numbers(part, field) for part, field in zip(parts, _FIELDS, strict=True))
    cron = Cron(
        " ".join(_canonical(part, field) for part, field in zip(parts, _FIELDS, strict=True)),
        tuple(time(hour, minute) for hour in sorted(hours) for minute in sorted(minutes)),
        days,
        months,
        frozenset(number % 7 for number in weekdays),
        not parts[2].startswith("*") and not parts[4].startswith("*"),
    )
    _check_rare(cron)
    _check_happens(cron)
    return cron


def _numbers(part: str, field: _Field) -> frozenset[int]:
    found: set[int] = set()
    for item in part.split(","):
        match = _ITEM.fullmatch(item)
        numbers = _range(match, field) if match else None
        if not numbers:
            raise UserError(
                "»%(item)s« geht in diesem Feld von cron nicht; möglich ist %(possible)s, auch mit Komma, Bindestrich und Schritt"
                " (»*/2«).",
                item=one_line(item, 20),
                possible=field.label,
            )
        found.update(numbers)
    return frozenset(found)


def _range(match: re.Match[str], field: _Field) -> range | None:
    """Return the numbers of an item; None if there are none."""
    step = int(match["step"] or 1)
    if match["all"]:
        first, last = field.lowest, min(field.highest, 6) if field.names is _WEEKDAYS else field.highest
    elif match["step"] and not match["last"]:
        return None
    else:
        first = _number(match["first"], field)
        last = _number(match["last"], field) if match["last"] else first
    if step == 0 or first < field.lowest or last > field.highest:
        return None
    return range(first, last + 1, step)


def _number(typed: str, field: _Field) -> int:
    """Return a number, or that of a name; one that no field has if there is no such name."""
    return int(typed) if typed.isdecimal() else field.names.get(typed, _NO_NUMBER)


def _canonical(part: str, field: _Field) -> str:
    return re.sub("[a-z]{3}|[0-9]+", lambda match: str(_number(match.group(), field)), part)


def _check_rare(cron: Cron) -> None:
    minutes = [at.hour * 60 + at.minute for at in cron.times]
    pairs = zip(minutes, [*minutes[1:], minutes[0] + _DAY_MINUTES], strict=True)
    if any(later - earlier < SHORTEST_MINUTES for earlier, later in pairs):
        raise UserError(
            "»%(fields)s« käme öfter als alle %(least)s Minuten; das ist zu oft.", fields=cron.text, least=SHORTEST_MINUTES
        )


def _check_happens(cron: Cron) -> None:
    leap = 2024
    longest = max(calendar.monthrange(leap, month)[1] for month in cron.months)
    if not cron.either_day and min(cron.days) > longest:
        raise UserError("Den Tag in »%(fields)s« gibt es in keinem Jahr.", fields=cron.text)
