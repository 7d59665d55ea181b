"""What is said to phrases that are not understood, or that can be read in two ways. Days are shown so that they can be typed again."""

from datetime import date, datetime, timedelta

from bot.domain.chat_words import one_line
from bot.errors import Text, UserError


class NoDate(UserError):
    """The words do not begin with anything that says when."""


def shown(day: date) -> str:
    """Return a day as it can be typed again, in both languages."""
    return f"{day.day:02d}.{day.month:02d}.{day.year:04d}"


def shown_span(first: date, last: date) -> str:
    """Return days from `first` to `last` as they can be typed again."""
    return f"{shown(first)} – {shown(last)}"


def no_when_at_all(phrase: str) -> NoDate:
    """Return the refusal of a phrase that is neither a date nor a time."""
    return NoDate(
        "»%(said)s« verstehe ich weder als Datum noch als Zeit. Richtig wäre zum Beispiel »30.10.2020«, »Februar 2022«, »morgen 10 Uhr«"
        " oder »jeden Montag um 9 Uhr«.",
        said=one_line(phrase, 40),
    )


def no_date(phrase: str) -> NoDate:
    """Return the refusal of a phrase that is no date."""
    return NoDate(
        "»%(said)s« verstehe ich nicht als Datum. Richtig wäre zum Beispiel »30.10.2020«, »24. bis 27. November 2020«, »Februar 2022«"
        " oder »2021 / Termin noch offen«.",
        said=one_line(phrase, 40),
    )


def no_when(words: str, now: datetime) -> NoDate:
    """Return the refusal of words that do not begin with a day or a time."""
    tomorrow = now.date() + timedelta(days=1)
    return NoDate(
        "»%(said)s« verstehe ich nicht als Tag mit Uhrzeit. Richtig wäre zum Beispiel »am %(day)s um 9 Uhr« oder »am %(iso)s 09:00«."
        " Soll der Text selbst so beginnen, setz ihn in Anführungszeichen oder fang anders an.",
        said=one_line(words, 40),
        day=shown(tomorrow),
        iso=tomorrow.isoformat(),
    )


def two_readings(said: str, first: str | Text, second: str | Text) -> UserError:
    """Return the refusal of words that can mean either of two things."""
    return UserError(
        "»%(said)s« kann zweierlei heißen: »%(first)s« oder »%(second)s«. Schreib bitte das, was du meinst.",
        said=said,
        first=first,
        second=second,
    )


def not_after(said: str, rest: str) -> UserError:
    """Return the refusal of words that go on in a way that nobody can be sure of."""
    return UserError(
        "»%(said)s« verstehe ich, aber nicht, ob »%(rest)s« noch dazugehört. Eine Uhrzeit schreib bitte als »um 9 Uhr« oder »9:00«;"
        " einen Text, der so beginnt, setz in Anführungszeichen.",
        said=said,
        rest=one_line(rest, 30),
    )


def not_all(said: str, rest: str) -> UserError:
    """Return the refusal of a phrase that is a date or a time and something else."""
    return UserError(
        "»%(rest)s« nach »%(said)s« verstehe ich nicht. Richtig wäre zum Beispiel »30.10.2020«, »24. bis 27. November 2020« oder"
        " »Februar 2022«.",
        said=said,
        rest=one_line(rest, 30),
    )
