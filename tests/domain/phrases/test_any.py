"""All of a phrase: a date or a time, whichever it is. This is what `netzwart date` prints."""

import pytest

from tests.domain.phrases.phrases import as_any

NOW = "2021-09-15 09:00"


@pytest.mark.parametrize(
    ("phrase", "printed"),
    [
        ("15. und 16. Juni 2020", "2020-06-15/2020-06-16"),
        ("24. bis 27.11.2020", "2020-11-24/2020-11-27"),
        ("30. September und 1. Oktober 2021", "2021-09-30/2021-10-01"),
        ("Februar 2022", "2022-02"),
        ("Frühjahr 2022", "2022-21"),
        ("2. Quartal", "2022-34"),
        ("KW 12", "2022-03-21/2022-03-27"),
        ("Ende Oktober", "2021-10"),
        ("2021 / Termin noch offen", "2021-XX-XX"),
        ("30.9.", "2021-09-30"),
        ("30.10.2020", "2020-10-30"),
        ("morgen 10 Uhr", "2021-09-16T10:00:00+02:00"),
        ("in 3 Tagen", "2021-09-18"),
        ("nächsten Freitag", "2021-09-17"),
        ("übermorgen um halb neun", "2021-09-17T08:30:00+02:00"),
        ("in 2 Stunden", "2021-09-15T11:00:00+02:00"),
        ("jeden Montag 9 Uhr", "FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0"),
        ("jeden Montag", "FREQ=WEEKLY;BYDAY=MO"),
        ("am ersten Dienstag im Monat", "FREQ=MONTHLY;BYDAY=1TU"),
        ("cron 0 9 * * MON-FRI", "CRON=0 9 * * 1-5"),
        ("9:30 am", "2021-09-15T09:30:00+02:00"),
        ("9.30 Uhr", "2021-09-15T09:30:00+02:00"),
        ("31.10.2021 3 Uhr", "2021-10-31T03:00:00+01:00"),
    ],
)
def test_what_it_prints_is_read_as_the_same(phrase: str, printed: str) -> None:
    """A canonical text that its own reader does not know would be none."""
    assert as_any(phrase, NOW) == printed
    assert as_any(printed, NOW) == printed


@pytest.mark.parametrize(
    ("phrase", "sentence"),
    [
        ("31.2.", "Den 31.2.2022 gibt es nicht. Dieser Monat geht bis zum 28.2.2022."),
        ("KW 54", "Die KW 54 gibt es 2021 nicht; das Jahr hat 52."),
        ("27. bis 24.11.", "27.11.2021 – 24.11.2021 läuft rückwärts. Richtig wäre vielleicht »24.11.2021 – 27.11.2021«."),
        ("25 Uhr", "25 Uhr ist keine Uhrzeit. Möglich ist 0:00 bis 23:59."),
        ("9.10", "»9.10« kann zweierlei heißen: »9.10.« oder »um 9:10 Uhr«. Schreib bitte das, was du meinst."),
        ("2021-10-31T25:00+01:00", "»2021-10-31T25:00+01:00« ist keine Zeit. Richtig wäre zum Beispiel 2020-10-12T09:00."),
        ("2021-09-15T07:00:00Z", "15.09.2021 09:00 ist schon vorbei; jetzt ist es 15.09.2021 09:00."),
        (
            "FREQ=WEEKLY",
            (
                "»FREQ=WEEKLY« ist keine Wiederholung, die ich kenne. Richtig wäre zum Beispiel"
                " »FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0«."
            ),
        ),
        (
            "morgen 10 Uhr Bericht",
            (
                "»Bericht« nach »morgen 10 Uhr« verstehe ich nicht. Richtig wäre zum Beispiel »30.10.2020«, »24. bis 27. November"
                " 2020« oder »Februar 2022«."
            ),
        ),
        (
            "irgendwann",
            (
                "»irgendwann« verstehe ich weder als Datum noch als Zeit. Richtig wäre zum Beispiel »30.10.2020«, »Februar 2022«,"
                " »morgen 10 Uhr« oder »jeden Montag um 9 Uhr«."
            ),
        ),
    ],
)
def test_what_is_refused(phrase: str, sentence: str) -> None:
    assert as_any(phrase, NOW) == sentence
