"""First and last day of every EDTF text, compared with the package `edtf`, written by others from the same standard (ISO 8601-2)."""

from datetime import date, timedelta
from time import struct_time
from typing import Protocol, cast

import pytest
from edtf import parse_edtf
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.dates import PartialDate

UNHURRIED = settings(deadline=None)  # a busy machine is no error; how long things take is tested by itself

YEARS = st.integers(1000, 9998)


class _Parsed(Protocol):
    """What the package's classes have in common; it declares no types."""

    def lower_strict(self) -> struct_time: ...

    def upper_strict(self) -> struct_time: ...


def _bounds(edtf: str) -> tuple[date, date]:
    """Return first and last day as the package knows them."""
    parsed = cast("_Parsed", parse_edtf(edtf))
    return date(*parsed.lower_strict()[:3]), date(*parsed.upper_strict()[:3])


def _ours(edtf: str) -> tuple[date, date]:
    when = PartialDate.parse(edtf)
    return when.first, when.last


@given(st.dates(date(1000, 1, 1)))
@UNHURRIED
def test_days(day: date) -> None:
    assert _ours(day.isoformat()) == _bounds(day.isoformat()) == (day, day)


@given(st.dates(date(1000, 1, 1), date(9998, 1, 1)), st.integers(1, 500))
@UNHURRIED
def test_intervals(day: date, length: int) -> None:
    edtf = f"{day.isoformat()}/{(day + timedelta(days=length)).isoformat()}"
    assert _ours(edtf) == _bounds(edtf)


@given(YEARS, st.sampled_from(["", "-XX-XX", *(f"-{number:02d}" for number in (*range(1, 13), 21, 22, 23, *range(33, 37)))]))
@UNHURRIED
def test_months_seasons_quarters_years_and_open_years(year: int, part: str) -> None:
    edtf = f"{year}{part}"
    assert _ours(edtf) == _bounds(edtf)


@given(YEARS)
@UNHURRIED
def test_the_winter_is_one_winter(year: int) -> None:
    """The package ends winter with the calendar's year, in December. Here it lasts until the end of February, so that "Winter 2021/22"
    is one season; both begin it on 1 December of the year that the text names.
    """
    assert _bounds(f"{year}-24") == (date(year, 12, 1), date(year, 12, 31))
    assert _ours(f"{year}-24") == (date(year, 12, 1), date(year + 1, 3, 1) - timedelta(days=1))


@pytest.mark.parametrize("edtf", ["2022-21", "2022-22", "2022-23"])
def test_seasons_are_those_of_the_north_by_whole_months(edtf: str) -> None:
    assert _bounds(edtf) == _ours(edtf)
