"""Days and times as coordinators type them, and what is said to those that are none."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.phrases import OPENINGS, Moment, read_when
from bot.errors import UserError

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2020, 10, 12, 9, 0, tzinfo=BERLIN)


def read(typed: str) -> datetime | str:
    """Return the moment, or why there is none."""
    try:
        when, _ = read_when(typed, NOW)
        return when.at if isinstance(when, Moment) else "no hour"
    except UserError as refused:
        return refused.text.msgid % refused.text.data


@pytest.mark.parametrize(
    ("typed", "moment"),
    [
        ("am 30.10.2020 9:00", "2020-10-30T09:00"),
        ("am 30.10.2020 um 9 Uhr", "2020-10-30T09:00"),
        ("am 30.10.2020 um 9", "2020-10-30T09:00"),
        ("Am 30.10.2020, 09:00 Uhr:", "2020-10-30T09:00"),
        ("am 30. 10. 2020 um 9.30 Uhr", "2020-10-30T09:30"),
        ("am 30.10.20 17 uhr", "2020-10-30T17:00"),
        ("am 30.10. 9:30", "2020-10-30T09:30"),
        ("am 30.10. 10:30,", "2020-10-30T10:30"),
        ("am 12.10. 9:01", "2020-10-12T09:01"),
        ("am 11.10. um 9 Uhr", "2021-10-11T09:00"),
        ("am 1.1. um 0 Uhr", "2021-01-01T00:00"),
        ("am 29.2.2024 23:59", "2024-02-29T23:59"),
        ("am 2020-10-30 09:00", "2020-10-30T09:00"),
        ("am 2020-10-30T09:00", "2020-10-30T09:00"),
        ("am 2020-10-30T09:00:00", "2020-10-30T09:00"),
        ("on 30.10.2020 at 9:00", "2020-10-30T09:00"),
        ("at 2020-10-30 09:00", "2020-10-30T09:00"),
        ("on 2020-10-30 at 9 pm", "2020-10-30T21:00"),
        ("on 30.10.2020 at 12:15 a.m.", "2020-10-30T00:15"),
        ("on 30.10.2020 at 12pm", "2020-10-30T12:00"),
        ("am 25.10.2020 1:59", "2020-10-25T01:59"),
        ("am 25.10.2020 3:00", "2020-10-25T03:00"),
    ],
)
def test_what_is_understood(typed: str, moment: str) -> None:
    assert read_when(f"{typed} Guten Tag", NOW) == (Moment(datetime.fromisoformat(moment).replace(tzinfo=BERLIN)), "Guten Tag")


def test_after_the_german_word_a_second_one_belongs_to_the_text() -> None:
    """ "am" is not always half a day."""
    assert read_when("am 30.10.2020 9:00 am Freitag", NOW)[1] == "am Freitag"
    assert read_when("on 30.10.2020 9:00 am Freitag", NOW)[1] == "Freitag"


NOT_UNDERSTOOD = (
    "»%s« verstehe ich nicht als Tag mit Uhrzeit. Richtig wäre zum Beispiel »am 13.10.2020 um 9 Uhr« oder »am 2020-10-13 09:00«."
    " Soll der Text selbst so beginnen, setz ihn in Anführungszeichen oder fang anders an."
)


@pytest.mark.parametrize("typed", ["am", "on time", "am Donner"])
def test_what_is_not_understood(typed: str) -> None:
    assert read(typed) == NOT_UNDERSTOOD % typed


@pytest.mark.parametrize("typed", ["am Freitag", "am 30.10.2020", "am 30.10. 2020"])
def test_a_day_has_no_hour(typed: str) -> None:
    assert read(typed) == "no hour"


@pytest.mark.parametrize(
    ("typed", "as_far_as"),
    [
        ("am 30.10.2020 9 Labore", "am 30.10.2020"),
        ("am 30.10.2020 9.30", "am 30.10.2020"),
        ("am 30.10.2020 9:30-11:00", "am 30.10.2020 9:30"),
        ("am 30.10.2020 9:30:15", "am 30.10.2020 9:30"),
        ("am 2020-10-30T09:00Z", "am 2020-10-30"),
        ("am 2020-10-30T09:00+02:00", "am 2020-10-30T09:00"),
        ("am 30.10.2020 9:000", "am 30.10.2020"),
    ],
)
def test_what_is_not_understood_to_its_end(typed: str, as_far_as: str) -> None:
    assert str(read(typed)).startswith(f"»{as_far_as}« verstehe ich, aber nicht, ob »")


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("am 31.2.2021 9:00", "Den 31.2.2021 gibt es nicht. Dieser Monat geht bis zum 28.2.2021."),
        ("am 29.2. 9:00", "Den 29.2.2021 gibt es nicht. Dieser Monat geht bis zum 28.2.2021."),
        ("am 0.1.2021 9:00", "Den 0.1.2021 gibt es nicht. Dieser Monat geht bis zum 31.1.2021."),
        ("am 2020-13-01 9:00", "13 ist kein Monat. Möglich ist 1 bis 12."),
        ("am 30.10.2020 25:00", "25:00 ist keine Uhrzeit. Möglich ist 0:00 bis 23:59."),
        ("am 30.10.2020 um 9:60 Uhr: Hallo", "9:60 Uhr ist keine Uhrzeit. Möglich ist 0:00 bis 23:59."),
        ("on 30.10.2020 at 13 pm", "13 pm ist keine Uhrzeit. Möglich ist 0:00 bis 23:59."),
        ("am 12.10. 9:00", "12.10.2020 09:00 ist schon vorbei; jetzt ist es 12.10.2020 09:00."),
        ("am 30.10.2019 9:00", "30.10.2019 09:00 ist schon vorbei; jetzt ist es 12.10.2020 09:00."),
        ("am 30.10.3020 9:00", "Das Jahr 3020 ist weit weg. Ist es ein Tippfehler?"),
        ("am 30.10.0001 9:00", "Das Jahr 1 ist weit weg. Ist es ein Tippfehler?"),
        (
            "am 28.3.2021 2:30",
            "02:30 gibt es am 28.03.2021 nicht, weil die Uhr vorgestellt wird. Richtig wäre zum Beispiel 03:30.",
        ),
        (
            "am 25.10.2020 2:30",
            (
                "02:30 gibt es am 25.10.2020 zweimal, weil die Uhr zurückgestellt wird: zuerst in der Zeit UTC+02:00, dann in der Zeit"
                " UTC+01:00. Nimm bitte eine Zeit davor oder danach, zum Beispiel 03:30."
            ),
        ),
    ],
)
def test_what_does_not_exist_or_is_past(typed: str, why: str) -> None:
    assert read(typed) == why


@given(st.sampled_from(OPENINGS), st.from_regex(r"[0-9.:\- TtUhrumatpm,٣\u00a0]{0,30}", fullmatch=True))
def test_anything_else_is_refused_in_a_sentence(opening: str, typed: str) -> None:
    """Whatever is typed: a moment to come, or a refusal; never another exception."""
    found = read(f"{opening} {typed}")
    assert isinstance(found, str) or NOW < found < NOW.replace(year=2026)
