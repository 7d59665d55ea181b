"""Dates as people read them, in both languages."""

import pytest

from bot.domain.dates import PartialDate
from bot.rendering import render, template


@pytest.mark.parametrize(
    ("edtf", "german", "english"),
    [
        ("2020-10-30", "30. Oktober 2020", "30 October 2020"),
        ("2020-06-15/2020-06-16", "15.–16. Juni 2020", "15–16 June 2020"),
        ("2021-09-30/2021-10-01", "30. September – 1. Oktober 2021", "30 September – 1 October 2021"),
        ("2021-12-30/2022-01-01", "30. Dezember 2021 – 1. Januar 2022", "30 December 2021 – 1 January 2022"),
        ("2022-02", "Februar 2022", "February 2022"),
        ("2022-33", "1. Quartal 2022", "first quarter of 2022"),
        ("2022-21", "Frühjahr 2022", "spring 2022"),
        ("2022-24", "Winter 2022/23", "winter 2022/23"),
        ("2022", "2022", "2022"),
        ("2021-XX-XX", "2021, Termin noch offen", "2021, date still open"),
    ],
)
def test_when(edtf: str, german: str, english: str) -> None:
    for language, expected in (("de", german), ("en", english)):
        assert render(template("{{ when|when }}"), language, {"when": PartialDate.parse(edtf)}).body == expected
