"""First and last day of every EDTF text, compared with the package `edtf`, written by others from the same standard (ISO 8601-2)."""

from datetime import date, timedelta
from time import struct_time

import pytest
from edtf import parse_edtf
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.dates import PartialDate

YEARS = st.integers(1000, 9998)


def _bounds(edtf: str) -> tuple[date, date]:
    """Return first and last day as the package knows them."""
    parsed = parse_edtf(edtf)
    lower, upper = parsed.lower_strict(), parsed.upper_strict()
    assert isinstance(lower, struct_time)
    assert isinstance(upper, struct_time)
    return date(*lower[:3]), date(*upper[:3])


def _ours(edtf: str) -> tuple[date, date]:
    when = PartialDate.parse(edtf)
    return when.first, when.last


@given(st.dates(date(1000, 1, 1)))
def test_days(day: date) -> None:
    assert _ours(day.isoformat()) == _bounds(day.isoformat()) == (day, day)


@given(st.dates(date(1000, 1, 1), date(9998, 1, 1)), st.integers(1, 500))
def test_intervals(day: date, length: int) -> None:
    edtf = f"{day.isoformat()}/{(day + timedelta(days=length)).isoformat()}"
    assert _ours(edtf) == _bounds(edtf)


@given(YEARS, st.sampled_from(["", "-XX-XX", *(f"-{number:02d}" for number in (*range(1, 13), 21, 22, 23, *range(33, 37)))]))
def test_months_seasons_quarters_years_and_open_years(year: int, part: str) -> None:
    edtf = f"{year}{part}"
    assert _ours(edtf) == _bounds(edtf)


@given(YEARS)
def test_the_winter_is_one_winter(year: int) -> None:
    """The package ends winter with the calendar's year, in December. Here it lasts until the end of February, so that "Winter 2021/22"
    is one season; both begin it on 1 December of the year that the text names.
    """
    assert _bounds(f"{year}-24") == (date(year, 12, 1), date(year, 12, 31))
    assert _ours(f"{year}-24") == (date(year, 12, 1), date(year + 1, 3, 1) - timedelta(days=1))


@pytest.mark.parametrize("edtf", ["2022-21", "2022-22", "2022-23"])
def test_seasons_are_those_of_the_north_by_whole_months(edtf: str) -> None:
    assert _bounds(edtf) == _ours(edtf)
