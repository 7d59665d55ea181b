"""What the bot writes, people copy: every date that it shows is read as the same date, in both languages."""

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.domain.dates import PartialDate
from bot.domain.phrases import DayOnly, Moment, read_date, read_when
from bot.errors import Text, UserError
from bot.rendering import catalogue
from bot.rendering.dates import format_day, format_moment, format_partial
from tests.domain.phrases.phrases import BERLIN, at

UNHURRIED = settings(deadline=None)  # a busy machine is no error; how long things take is tested by itself

DAYS = st.dates(date(1900, 1, 1), date(2199, 12, 31))
LANGUAGES = st.sampled_from(["de", "en"])


def _edtf(year: int, part: str) -> PartialDate:
    return PartialDate.parse(f"{year:04d}{part}")


def _row(first: date, days: int) -> PartialDate:
    return PartialDate.parse(f"{first.isoformat()}/{(first + timedelta(days=days)).isoformat()}")


PARTIAL = st.one_of(
    DAYS.map(PartialDate.day),
    st.builds(_row, DAYS, st.integers(1, 400)),
    st.builds(
        _edtf,
        st.integers(1900, 2199),
        st.sampled_from(["", "-XX-XX", *(f"-{number:02d}" for number in (*range(1, 13), *range(21, 25), *range(33, 37)))]),
    ),
)


@given(PARTIAL, LANGUAGES, DAYS)
@UNHURRIED
def test_every_date_is_read_as_it_is_written(when: PartialDate, language: str, today: date) -> None:
    written = format_partial(when, language)
    assert read_date(catalogue(language).say(written) if isinstance(written, Text) else written, today) == when


@given(DAYS, LANGUAGES, DAYS)
@UNHURRIED
def test_a_day_with_its_weekday(day: date, language: str, today: date) -> None:
    assert read_date(format_day(day, language), today) == PartialDate.day(day)


@given(DAYS, st.integers(1, 6), LANGUAGES)
@UNHURRIED
def test_a_day_with_another_weekday_is_refused(day: date, days: int, language: str) -> None:
    weekday, rest = format_day(day + timedelta(days=days), language).split(" ", 1)[0], format_day(day, language).split(" ", 1)[1]
    with pytest.raises(UserError, match="Welcher Tag ist gemeint"):
        read_date(f"{weekday} {rest}", day)


@given(st.dates(date(2021, 9, 16), date(2026, 12, 31)), st.times(), LANGUAGES)
@UNHURRIED
def test_a_moment(day: date, clock: time, language: str) -> None:
    shown = datetime.combine(day, clock.replace(second=0, microsecond=0), BERLIN)
    assume(shown.replace(fold=0).utcoffset() == shown.replace(fold=1).utcoffset())  # skipped and doubled times are refused
    assert read_when(f"{format_moment(shown, language)}: Text", at("2021-09-15 09:00")) == (Moment(shown), "Text")


@given(st.dates(date(2021, 9, 15), date(2026, 12, 31)), LANGUAGES)
@UNHURRIED
def test_a_day_before_a_text(day: date, language: str) -> None:
    assert read_when(f"{format_day(day, language)}: Text", at("2021-09-15 09:00")) == (DayOnly(day), "Text")


@given(PARTIAL, DAYS)
@UNHURRIED
def test_every_edtf(when: PartialDate, today: date) -> None:
    assert read_date(str(when), today) == when
