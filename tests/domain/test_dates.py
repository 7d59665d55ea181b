"""A date keeps the precision it came with; nothing invents a day."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.dates import NotADate, PartialDate, Precision


@pytest.mark.parametrize(
    ("edtf", "precision", "first", "last"),
    [
        ("2020-10-30", Precision.DAY, date(2020, 10, 30), date(2020, 10, 30)),
        ("2020-06-15/2020-06-16", Precision.INTERVAL, date(2020, 6, 15), date(2020, 6, 16)),
        ("2022-02", Precision.MONTH, date(2022, 2, 1), date(2022, 2, 28)),
        ("2020-02", Precision.MONTH, date(2020, 2, 1), date(2020, 2, 29)),
        ("2022-34", Precision.QUARTER, date(2022, 4, 1), date(2022, 6, 30)),
        ("2022-21", Precision.SEASON, date(2022, 3, 1), date(2022, 5, 31)),
        ("2022-24", Precision.SEASON, date(2022, 12, 1), date(2023, 2, 28)),
        ("2022", Precision.YEAR, date(2022, 1, 1), date(2022, 12, 31)),
        ("2021-XX-XX", Precision.OPEN, date(2021, 1, 1), date(2021, 12, 31)),
    ],
)
def test_reads_every_precision(edtf: str, precision: Precision, first: date, last: date) -> None:
    assert PartialDate.parse(edtf) == PartialDate(edtf, precision, first, last)


@pytest.mark.parametrize(
    "edtf",
    [
        *"2020-02-31 2020-13 2020-00 20-10-30 2020-11-27/2020-11-24 2020-11-24/2020-11-24 2020/2021 XX 2020-10-XX 0000 /".split(),
        *("", "2020-10-30/", "2020-10-30/2020-11-01/2020-11-02", "٢٠٢٠", "2020-10-30 "),
    ],
)
def test_refuses_what_is_no_date(edtf: str) -> None:
    with pytest.raises(NotADate):
        PartialDate.parse(edtf)


@given(st.text(max_size=30))
def test_any_text_is_a_date_or_refused(text: str) -> None:
    """A data file may hold anything: never another exception, and what is read reads the same again."""
    try:
        read = PartialDate.parse(text)
    except NotADate:
        return
    assert PartialDate.parse(str(read)) == read
    assert read.first <= read.last


def test_the_vague_sorts_by_its_last_possible_day() -> None:
    dates = [PartialDate.parse(edtf) for edtf in ("2022-XX-XX", "2022-02", "2022-02-03", "2022-01-31", "2022-03-01")]
    assert [str(d) for d in sorted(dates, key=lambda d: d.sort_key)] == [
        "2022-01-31",
        "2022-02-03",
        "2022-02",
        "2022-03-01",
        "2022-XX-XX",
    ]
