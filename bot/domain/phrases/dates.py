"""Everything that is a date: the longest one that stands at the beginning, whichever way it is written."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from bot.domain.dates import NotADate, PartialDate
from bot.domain.phrases.refusals import no_date, not_all, two_readings
from bot.domain.phrases.relative_days import RELATIVE
from bot.domain.phrases.said import Said
from bot.domain.phrases.spans import SPANS
from bot.domain.phrases.words import language
from bot.domain.phrases.written_days import read_slashed, read_written, slashed_day, written_days
from bot.errors import UserError, text

_OPENING = re.compile(r" ?(?P<opening>(?:in der|in the|an dem|am|an|on|at|im|in|vom|von|from|der|den|dem|the)\b,? )?", re.ASCII)
_SHORT = re.compile(r" ?(?P<day>[0-9]{1,2})\.(?P<month>[0-9]{1,2}) ?$")


@dataclass(frozen=True, slots=True)
class FoundDate:
    """A date that was found, not read yet. `opening`: the word before it; `language`: "de", "en", or None if it could be either.

    `vague`: it names no day, but a week, month, quarter, season or year.
    """

    end: int
    opening: str
    language: str | None
    read: Callable[[], PartialDate]
    vague: bool


def find_date(said: Said, start: int, today: date) -> FoundDate | None:
    """Return the longest date that stands at `start`, with or without a word such as "am" before it; None if there is none."""
    opening = _OPENING.match(said.plain, start)
    starts = {start, opening.end()} if opening else {start}
    found = [one for at in sorted(starts) for one in _each(said, at, today)]
    if not found:
        return None
    end, read, vague = max(found, key=lambda one: one[0])
    word = (opening["opening"] or "").strip(" ,") if opening else ""
    return FoundDate(end, word, language(said.plain[start:end]), read, vague)


_Candidate = tuple[int, Callable[[], PartialDate], bool]


def _each(said: Said, at: int, today: date) -> list[_Candidate]:
    found: list[_Candidate] = []
    written = written_days(said, at, today)
    if written:
        found.append((written.end, lambda: read_written(written, today), False))
    slashed = slashed_day(said, at)
    if slashed:
        found.append((slashed.end, lambda: read_slashed(slashed, today), False))
    for forms in (SPANS, RELATIVE):
        form = forms.longest(said, at, today)
        if form:
            found.append((form[0].end, lambda form=form: form[1](form[0]), forms is SPANS))
    return found


def written_in_edtf(said: Said) -> PartialDate | None:
    """Return the date if its canonical text was typed, None if not."""
    try:
        return PartialDate.parse(said.plain.strip(" \n").rstrip(".,;:! ").upper())
    except NotADate:
        return None


def read_whole_date(phrase: str, today: date) -> PartialDate:
    """Return the date that all of `phrase` is. Raises `UserError`."""
    said = Said.of(phrase)
    canonical = written_in_edtf(said)
    if canonical is not None:
        return canonical
    short = _SHORT.match(said.plain)
    if short:  # only here: elsewhere 10.30 is a time
        said = Said.of(f"{short['day']}.{short['month']}.")
    found = find_date(said, 0, today)
    if found is None:
        raise no_date(phrase)
    if not said.is_over(found.end):
        found.read()
        raise not_all(said.typed(0, found.end), said.after(found.end))
    return found.read()


CLOCK_OR_DAY = re.compile(r"(?P<first>[0-9]{1,2})\.(?P<second>[0-9]{2})")
"""Where both may be meant: a time, or a day without its last full stop."""


def clock_or_day(plain: str) -> UserError:
    """Return the refusal of what may be a time or a day, such as 9.10."""
    first, _, second = plain.partition(".")
    return two_readings(plain, f"{int(first)}.{int(second)}.", text("um %(time)s Uhr", time=f"{int(first)}:{second}"))
