"""Whatever is typed: an answer or a refusal, soon; never another exception."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.dates import PartialDate
from bot.domain.phrases import DayOnly, Moment, Recurring, When, read_any, read_date, read_when
from bot.errors import UserError
from bot.rendering import catalogue
from tests.domain.phrases.phrases import BERLIN, at
from tests.domain.phrases.test_dates import UNDERSTOOD as DATES
from tests.domain.phrases.test_when import UNDERSTOOD as WHENS

UNHURRIED = settings(deadline=None)  # a busy machine is no error; how long things take is tested by itself

NOW = at("2021-09-15 09:00")
WORDS = sorted({word for _, phrase, *_ in (*DATES, *WHENS) for word in phrase.split()})
_LONG = [
    *(
        piece * 20_000
        for piece in ("9", "a", "\u0301", " ", "\u202e", "\u200b", "\ufdfa", "٣", "\U0001f468\u200d", "\x00", ".", "-")
    ),
    *(
        piece * 4_000
        for piece in ("1. ", "1 und ", "1., ", "Montag, ", "Montag und ", "montags und ", "am ", "jeden ", "um 9 ", "KW 1-")
    ),
    *(
        f"{start}{piece * 4_000}"
        for start in ("cron ", "in ", "vom ", "jeden ", "FREQ=", "CRON=")
        for piece in ("* ", "1,", "9", "a ")
    ),
    "1.1.2021 bis " * 2_000,
    "15/" * 7_000,
    "9:" * 10_000,
    "am ersten Dienstag im Monat und " * 600,
]


def _read_or_refused(read: Callable[[], When | PartialDate]) -> When | PartialDate | UserError:
    try:
        return read()
    except UserError as refused:
        return refused


def _tried(typed: str) -> None:
    """Read `typed` in every way. Refusals must be sentences in both languages; what is read must keep its promises."""
    for read in (lambda: read_date(typed, NOW.date()), lambda: read_when(typed, NOW)[0], lambda: read_any(typed, NOW)):
        match _read_or_refused(read):
            case UserError(text=refusal):
                assert all(catalogue(language).say(refusal) for language in ("de", "en"))
            case Moment(moment):
                assert moment.tzinfo is BERLIN
                assert moment.astimezone(UTC) > NOW.astimezone(UTC)
            case DayOnly(day):
                assert day >= NOW.date()
            case Recurring(rule):
                assert type(rule).parse(str(rule)) == rule
            case PartialDate(edtf=edtf) as when:
                assert PartialDate.parse(edtf) == when


@pytest.mark.timeout(30)  # milliseconds; a pattern that tries everything takes for ever
@pytest.mark.parametrize("typed", _LONG, ids=range(len(_LONG)))
def test_long_messages(typed: str) -> None:
    """Somebody will send the longest message that Matrix takes. It may cost the bot milliseconds, not seconds."""
    _tried(typed)


@given(st.text(max_size=60))
@UNHURRIED
def test_any_text(typed: str) -> None:
    _tried(typed)


@given(st.from_regex(r"[0-9.:/\-, TtUhrmapKWQjM'\u00a0\u2013٣²]{0,25}", fullmatch=True))
@UNHURRIED
def test_anything_that_looks_like_a_date(typed: str) -> None:
    _tried(typed)


@given(st.lists(st.sampled_from(WORDS), max_size=7).map(" ".join))
@UNHURRIED
def test_the_words_of_dates_in_any_order(typed: str) -> None:
    _tried(typed)


@given(st.sampled_from([phrase for _, phrase, *_ in (*DATES, *WHENS)]), st.integers(0, 60), st.characters())
@UNHURRIED
def test_a_typing_error(phrase: str, place: int, typed: str) -> None:
    _tried(phrase[:place] + typed + phrase[place + 1 :])


@pytest.mark.parametrize("today", [date.min, date(1, 12, 31), date(9998, 12, 31), date(9999, 1, 1), date.max])
def test_the_ends_of_the_calendar(today: date) -> None:
    for _, phrase, _ in DATES:
        try:
            read_date(phrase, today)
        except UserError:
            continue


@pytest.mark.parametrize(
    "typed",
    [
        "\u202e30.9.",  # turned around, it is shown as something else
        "3\u202e0.9.",
        "٣٠.٩.",
        "3²0.9.",
        "𝟥𝟢.\uff19.\u0335²",
        "30.9.\u20dd²",
    ],
)
def test_what_is_shown_otherwise_than_it_reads_is_no_date(typed: str) -> None:
    with pytest.raises(UserError):
        read_date(typed, date(2021, 9, 15))


@pytest.mark.parametrize("typed", ["３０．９．", "30\u200b.9.", "30.\u00a09.", "30.\u202f9.", "𝟑𝟎.𝟗."])
def test_what_a_keyboard_makes_of_it_is_a_date(typed: str) -> None:
    assert read_date(typed, date(2021, 9, 15)) == PartialDate.day(date(2021, 9, 30))


def test_a_moment_is_never_before_now() -> None:
    """Also in the hour that comes twice: now is its second half, and the first is over."""
    second = datetime(2021, 10, 31, 2, 30, tzinfo=BERLIN, fold=1)
    moment, _ = read_when("in 10 Minuten", second)
    assert isinstance(moment, Moment)
    assert (moment.at.hour, moment.at.minute, moment.at.fold) == (2, 40, 1)
