"""From a day and a time of day to a moment that exists once and is still to come."""

import re
from datetime import UTC, date, datetime, time, timedelta

from bot.domain.phrases.refusals import shown
from bot.domain.wall_clock import is_doubled, is_skipped
from bot.errors import UserError

WITH_OFFSET = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:Z|[+-][0-9]{2}:[0-9]{2})")
"""A time with its offset (EDTF level 0)."""
_MOST_YEARS = 5


def existing_once(day: date, at: time, now: datetime) -> datetime:
    """Return that time of that day in the zone of `now`. Raises `UserError` if clocks skip it, show it twice, or if it is far away."""
    check_near(day, now.date())
    first = datetime.combine(day, at, now.tzinfo)
    if is_skipped(first):
        raise UserError(
            "%(time)s gibt es am %(day)s nicht, weil die Uhr vorgestellt wird. Richtig wäre zum Beispiel %(example)s.",
            time=f"{first:%H:%M}",
            day=shown(day),
            example=f"{first.astimezone(UTC).astimezone(now.tzinfo):%H:%M}",
        )
    if is_doubled(first):
        second = first.replace(fold=1)
        after = (second.astimezone(UTC) + timedelta(hours=1)).astimezone(now.tzinfo)
        raise UserError(
            "%(time)s gibt es am %(day)s zweimal, weil die Uhr zurückgestellt wird: zuerst in der Zeit UTC%(first)s, dann in der Zeit"
            " UTC%(second)s. Nimm bitte eine Zeit davor oder danach, zum Beispiel %(example)s.",
            time=f"{first:%H:%M}",
            day=shown(day),
            first=_offset(first),
            second=_offset(second),
            example=f"{after:%H:%M}",
        )
    return first


def instant(typed: str, now: datetime) -> datetime:
    """Return a time with its offset in the zone of `now`. Raises `UserError` if there is none."""
    try:
        return datetime.fromisoformat(typed).astimezone(now.tzinfo)
    except (ValueError, OverflowError):
        raise UserError("»%(time)s« ist keine Zeit. Richtig wäre zum Beispiel 2020-10-12T09:00.", time=typed) from None


def still_to_come(moment: datetime, now: datetime) -> datetime:
    """Return the moment. Raises `UserError` if it is not after `now`, or far away."""
    check_near(moment.date(), now.date())
    if moment.astimezone(UTC) <= now.astimezone(UTC):
        raise UserError(
            "%(moment)s ist schon vorbei; jetzt ist es %(now)s.",
            moment=f"{shown(moment.date())} {moment:%H:%M}",
            now=f"{shown(now.date())} {now:%H:%M}",
        )
    return moment


def check_near(day: date, today: date) -> None:
    """Raise `UserError` for a day so far away that somebody must have mistyped."""
    if abs(day.year - today.year) > _MOST_YEARS:
        raise UserError("Das Jahr %(year)s ist weit weg. Ist es ein Tippfehler?", year=day.year)


def check_not_over(day: date, today: date) -> None:
    """Raise `UserError` for a day before today."""
    check_near(day, today)
    if day < today:
        raise UserError("%(day)s ist schon vorbei; heute ist der %(today)s.", day=shown(day), today=shown(today))


def _offset(moment: datetime) -> str:
    written = f"{moment:%z}"
    return f"{written[:3]}:{written[3:5]}"
