"""Cron's five fields: what stands in them, and what is refused, in a sentence."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.cron import read_cron
from bot.errors import UserError
from bot.rendering import catalogue

UNHURRIED = settings(deadline=None)  # a busy machine is no error; how long things take is tested by itself


@pytest.mark.parametrize(
    ("fields", "canonical"),
    [
        ("0 9 * * 1-5", "0 9 * * 1-5"),
        ("0 9 * * MON-FRI", "0 9 * * 1-5"),
        ("0  9\t* jan,Feb sun", "0 9 * 1,2 0"),
        ("*/15 8-17 * * *", "*/15 8-17 * * *"),
        ("0,30 8-17/3 1,15 */2 7", "0,30 8-17/3 1,15 */2 7"),
        ("0 0 29 2 *", "0 0 29 2 *"),
        ("0 0 31 2,3 *", "0 0 31 2,3 *"),
        ("0 0 30 2 1", "0 0 30 2 1"),  # the Monday is enough
    ],
)
def test_is_read(fields: str, canonical: str) -> None:
    assert read_cron(fields).text == canonical
    assert read_cron(canonical) == read_cron(fields)


def test_seven_is_sunday() -> None:
    assert read_cron("0 9 * * 7").weekdays == read_cron("0 9 * * 0").weekdays == {0}
    assert read_cron("0 9 * * 5-7").weekdays == {5, 6, 0}
    assert read_cron("0 9 * * */2").weekdays == {0, 2, 4, 6}


NOT_FIVE = (
    "»%s« sind nicht die fünf Felder von cron: Minute, Stunde, Tag, Monat, Wochentag. Richtig wäre zum Beispiel »0 9 * * 1-5«:"
    " werktags um 9:00."
)
NOT_HERE = "»%s« geht in diesem Feld von cron nicht; möglich ist %s, auch mit Komma, Bindestrich und Schritt (»*/2«)."


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ("", NOT_FIVE % ""),
        ("0 9 * *", NOT_FIVE % "0 9 * *"),
        ("0 9 * * * *", NOT_FIVE % "0 9 * * * *"),
        ("@daily", NOT_FIVE % "@daily"),
        ("60 9 * * *", NOT_HERE % ("60", "0-59")),
        ("0 24 * * *", NOT_HERE % ("24", "0-23")),
        ("0 9 0 * *", NOT_HERE % ("0", "1-31")),
        ("0 9 32 * *", NOT_HERE % ("32", "1-31")),
        ("0 9 * 13 *", NOT_HERE % ("13", "1-12, JAN-DEC")),
        ("0 9 * * 8", NOT_HERE % ("8", "0-7, SUN-SAT")),
        ("0 9 * * fri-mon", NOT_HERE % ("fri-mon", "0-7, SUN-SAT")),
        ("0 9 * foo *", NOT_HERE % ("foo", "1-12, JAN-DEC")),
        ("mon 9 * * *", NOT_HERE % ("mon", "0-59")),
        ("0 9-8 * * *", NOT_HERE % ("9-8", "0-23")),
        ("0 9 L * *", NOT_HERE % ("l", "1-31")),
        ("0 9 * * 5#2", NOT_HERE % ("5#2", "0-7, SUN-SAT")),
        ("5/20 9 * * *", NOT_HERE % ("5/20", "0-59")),
        ("*/0 9 * * *", NOT_HERE % ("*/0", "0-59")),
        ("0 ٩ * * *", NOT_HERE % ("٩", "0-23")),
        ("0, 9 * * *", NOT_HERE % ("", "0-59")),
        ("* * * * *", "»* * * * *« käme öfter als alle 15 Minuten; das ist zu oft."),
        ("*/14 9 * * *", "»*/14 9 * * *« käme öfter als alle 15 Minuten; das ist zu oft."),
        ("0,50 8,9 * * *", "»0,50 8,9 * * *« käme öfter als alle 15 Minuten; das ist zu oft."),
        ("0,55 0,23 * * *", "»0,55 0,23 * * *« käme öfter als alle 15 Minuten; das ist zu oft."),
        ("0 0 30 2 *", "Den Tag in »0 0 30 2 *« gibt es in keinem Jahr."),
        ("0 0 31 4,6,9,11 *", "Den Tag in »0 0 31 4,6,9,11 *« gibt es in keinem Jahr."),
    ],
)
def test_is_refused(fields: str, sentence: str) -> None:
    with pytest.raises(UserError) as refused:
        read_cron(fields)
    assert catalogue("de").say(refused.value.text) == sentence


@given(st.text(max_size=40) | st.from_regex(r"([0-9*,/a-z-]{1,6} ){4}[0-9*,/a-z-]{1,6}", fullmatch=True))
@UNHURRIED
def test_any_text_is_read_or_refused(fields: str) -> None:
    try:
        cron = read_cron(fields)
    except UserError:
        return
    assert read_cron(cron.text) == cron
