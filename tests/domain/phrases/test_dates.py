"""Dates as people write them, exactly as they are understood; and what is refused, with the sentence that says why."""

import re
from collections.abc import Callable

import pytest

from tests.domain.phrases.phrases import as_date

UNDERSTOOD = [
    ("2021-09-15", "15. Juni 2020", "2020-06-15"),
    ("2021-09-15", "15.6.2020", "2020-06-15"),
    ("2021-09-15", "15.06.20", "2020-06-15"),
    ("2021-09-15", "15. 6. 2020", "2020-06-15"),
    ("2021-09-15", "15.6.", "2022-06-15"),
    ("2021-09-15", "15.6", "2022-06-15"),
    ("2021-09-15", "15.9.", "2021-09-15"),
    ("2021-09-15", "14.9.", "2022-09-14"),
    ("2021-09-30", "30.9.", "2021-09-30"),
    ("2021-10-01", "30.9.", "2022-09-30"),
    ("2021-12-31", "31.12.", "2021-12-31"),
    ("2021-12-31", "1.1.", "2022-01-01"),
    ("2024-02-29", "29.2.", "2024-02-29"),
    ("2023-06-01", "29.2.", "2024-02-29"),
    ("2021-09-15", "15. Jun. 2020", "2020-06-15"),
    ("2021-09-15", "3. Mär. 2022", "2022-03-03"),
    ("2021-09-15", "3. März", "2022-03-03"),
    ("2021-09-15", "3. Maerz", "2022-03-03"),
    ("2021-09-15", "3. Mrz 2022", "2022-03-03"),
    ("2021-09-15", "1. Jänner 2022", "2022-01-01"),
    ("2021-09-15", "1 Oktober", "2021-10-01"),
    ("2021-09-15", "am 1. Oktober", "2021-10-01"),
    ("2021-09-15", "am ersten Oktober 2022", "2022-10-01"),
    ("2021-09-15", "einunddreißigster Oktober", "2021-10-31"),
    ("2021-09-15", "Freitag, 30.10.2020", "2020-10-30"),
    ("2021-09-15", "Fr., 30.10.2020", "2020-10-30"),
    ("2021-09-15", "Freitag, den 30. Oktober 2020", "2020-10-30"),
    ("2021-09-15", "am Freitag, dem 30. Oktober 2020", "2020-10-30"),
    ("2021-09-15", "15th of June", "2022-06-15"),
    ("2021-09-15", "15th June 2020", "2020-06-15"),
    ("2021-09-15", "15 June 2020", "2020-06-15"),
    ("2021-09-15", "June 15, 2020", "2020-06-15"),
    ("2021-09-15", "June 15th", "2022-06-15"),
    ("2021-09-15", "on June the 15th", "2022-06-15"),
    ("2021-09-15", "the third of June, 2022", "2022-06-03"),
    ("2021-09-15", "Friday, 30 October 2020", "2020-10-30"),
    ("2021-09-15", "2020-10-30", "2020-10-30"),
    ("2021-09-15", "15/6/2020", "2020-06-15"),
    ("2021-09-15", "6/15/2020", "2020-06-15"),
    ("2021-09-15", "3/3/2021", "2021-03-03"),
    ("2021-09-15", "2020/10/30", "2020-10-30"),
    ("2021-09-15", "15-6-2020", "2020-06-15"),
    ("2021-09-15", "24.12.99", "2099-12-24"),
    ("2021-09-15", "15. und 16. Juni 2020", "2020-06-15/2020-06-16"),
    ("2021-09-15", "15./16. Juni 2020", "2020-06-15/2020-06-16"),
    ("2021-09-15", "15./16.6.2020", "2020-06-15/2020-06-16"),
    ("2021-09-15", "15.-16.6.", "2022-06-15/2022-06-16"),
    ("2021-09-15", "15.–16. Juni 2020", "2020-06-15/2020-06-16"),
    ("2021-09-15", "15. – 16. Juni 2020", "2020-06-15/2020-06-16"),
    ("2021-09-15", "15., 16. und 17. Juni 2020", "2020-06-15/2020-06-17"),
    ("2021-09-15", "24. bis 27.11.2020", "2020-11-24/2020-11-27"),
    ("2021-09-15", "24.11. bis 27.11.2020", "2020-11-24/2020-11-27"),
    ("2021-09-15", "24.11.2020 – 27.11.2020", "2020-11-24/2020-11-27"),
    ("2021-09-15", "vom 24. bis zum 27. November 2020", "2020-11-24/2020-11-27"),
    ("2021-09-15", "24 to 27 November 2020", "2020-11-24/2020-11-27"),
    ("2021-09-15", "24–27 November 2020", "2020-11-24/2020-11-27"),
    ("2021-09-15", "from 24 November until 27 November 2020", "2020-11-24/2020-11-27"),
    ("2021-09-15", "30. September und 1. Oktober 2021", "2021-09-30/2021-10-01"),
    ("2021-09-15", "30 September and 1 October 2021", "2021-09-30/2021-10-01"),
    ("2021-09-15", "June 15 and 16, 2020", "2020-06-15/2020-06-16"),
    ("2021-09-15", "June 15-16, 2020", "2020-06-15/2020-06-16"),
    ("2021-09-15", "June 15–18", "2022-06-15/2022-06-18"),
    ("2021-09-15", "Montag, 15., und Dienstag, 16. Juni 2020", "2020-06-15/2020-06-16"),
    ("2021-09-15", "Mo, 15.6.2020 bis Di, 16.6.2020", "2020-06-15/2020-06-16"),
    ("2021-09-15", "2020-06-15/2020-06-18", "2020-06-15/2020-06-18"),
    ("2021-09-15", "2020-06-15 bis 2020-06-18", "2020-06-15/2020-06-18"),
    ("2021-09-15", "30. Dezember bis 2. Januar 2021", "2020-12-30/2021-01-02"),
    ("2021-12-31", "30.12. bis 2.1.", "2021-12-30/2022-01-02"),
    ("2021-09-15", "30. Dezember 2021 bis 2. Januar", "2021-12-30/2022-01-02"),
    ("2021-09-15", "28. und 29.2.2024", "2024-02-28/2024-02-29"),
    ("2021-09-15", "28.2. und 1.3.2022", "2022-02-28/2022-03-01"),
    ("2021-09-15", "Februar 2022", "2022-02"),
    ("2021-09-15", "Februar", "2022-02"),
    ("2021-09-15", "im September", "2021-09"),
    ("2021-09-15", "August", "2022-08"),
    ("2021-12-01", "Jan.", "2022-01"),
    ("2021-09-15", "Feb. 2022", "2022-02"),
    ("2021-09-15", "Februar '22", "2022-02"),
    ("2021-09-15", "2/2022", "2022-02"),
    ("2021-09-15", "02.2022", "2022-02"),
    ("2021-09-15", "2022/02", "2022-02"),
    ("2021-09-15", "2022-02", "2022-02"),
    ("2021-09-15", "February 2022", "2022-02"),
    ("2021-09-15", "in May", "2022-05"),
    ("2021-09-15", "Ende Oktober", "2021-10"),
    ("2021-09-15", "Anfang Oktober 2022", "2022-10"),
    ("2021-09-15", "Mitte Oktober", "2021-10"),
    ("2021-09-15", "Ende des Monats Oktober", "2021-10"),
    ("2021-09-15", "early October", "2021-10"),
    ("2021-09-15", "mid-October 2022", "2022-10"),
    ("2021-09-15", "the end of October", "2021-10"),
    ("2021-09-15", "diesen Monat", "2021-09"),
    ("2021-09-15", "nächsten Monat", "2021-10"),
    ("2021-09-15", "übernächsten Monat", "2021-11"),
    ("2021-12-31", "next month", "2022-01"),
    ("2021-12-31", "Ende nächsten Monats", "2022-01"),
    ("2021-09-15", "diesen Oktober", "2021-10"),
    ("2021-09-15", "kommenden Oktober", "2021-10"),
    ("2021-09-15", "nächsten März", "2022-03"),
    ("2021-09-15", "2. Quartal", "2022-34"),
    ("2021-09-15", "3. Quartal", "2021-35"),
    ("2021-09-15", "2. Quartal 2022", "2022-34"),
    ("2021-09-15", "zweites Quartal 2022", "2022-34"),
    ("2021-09-15", "II. Quartal 2022", "2022-34"),
    ("2021-09-15", "Q2", "2022-34"),
    ("2021-09-15", "Q2 2022", "2022-34"),
    ("2021-09-15", "Q2/2022", "2022-34"),
    ("2021-09-15", "2022-Q2", "2022-34"),
    ("2021-09-15", "2022-34", "2022-34"),
    ("2021-09-15", "the second quarter of 2022", "2022-34"),
    ("2021-09-15", "2nd quarter 2022", "2022-34"),
    ("2021-12-31", "nächstes Quartal", "2022-33"),
    ("2021-12-31", "this quarter", "2021-36"),
    ("2021-09-15", "Frühjahr 2022", "2022-21"),
    ("2021-09-15", "Frühling 2022", "2022-21"),
    ("2021-09-15", "im Sommer", "2022-22"),
    ("2021-09-15", "Sommer 2022", "2022-22"),
    ("2021-09-15", "Herbst", "2021-23"),
    ("2021-12-01", "Herbst", "2022-23"),
    ("2021-09-15", "spring 2022", "2022-21"),
    ("2021-09-15", "in the summer of 2022", "2022-22"),
    ("2021-09-15", "autumn 2022", "2022-23"),
    ("2021-09-15", "fall 2022", "2022-23"),
    ("2021-09-15", "Winter 2021/22", "2021-24"),
    ("2021-09-15", "Winter 2021/2022", "2021-24"),
    ("2021-09-15", "winter 2021-22", "2021-24"),
    ("2021-09-15", "Winter 1999/2000", "1999-24"),
    ("2021-09-15", "Winter", "2021-24"),
    ("2021-02-28", "Winter", "2020-24"),
    ("2021-03-01", "Winter", "2021-24"),
    ("2021-02-28", "diesen Winter", "2020-24"),
    ("2021-09-15", "nächsten Sommer", "2022-22"),
    ("2021-09-15", "kommenden Winter", "2021-24"),
    ("2021-09-15", "2022-21", "2022-21"),
    ("2021-09-15", "2022", "2022"),
    ("2021-09-15", "im Jahr 2022", "2022"),
    ("2021-09-15", "Ende 2022", "2022"),
    ("2021-09-15", "nächstes Jahr", "2022"),
    ("2021-09-15", "Anfang nächsten Jahres", "2022"),
    ("2021-09-15", "this year", "2021"),
    ("2021-09-15", "2021 / Termin noch offen", "2021-XX-XX"),
    ("2021-09-15", "2021, Termin noch offen", "2021-XX-XX"),
    ("2021-09-15", "2021: Termin offen", "2021-XX-XX"),
    ("2021-09-15", "2021 (Termin noch offen)", "2021-XX-XX"),
    ("2021-09-15", "Termin 2021 noch offen", "2021-XX-XX"),
    ("2021-09-15", "Termin noch offen, 2022", "2022-XX-XX"),
    ("2021-09-15", "2021, date still open", "2021-XX-XX"),
    ("2021-09-15", "2022 tba", "2022-XX-XX"),
    ("2021-09-15", "2021-XX-XX", "2021-XX-XX"),
    ("2021-09-15", "KW 12", "2022-03-21/2022-03-27"),
    ("2021-09-15", "KW 37", "2021-09-13/2021-09-19"),
    ("2021-09-15", "KW12", "2022-03-21/2022-03-27"),
    ("2021-09-15", "KW 12/2022", "2022-03-21/2022-03-27"),
    ("2021-09-15", "KW 12/22", "2022-03-21/2022-03-27"),
    ("2021-09-15", "12. KW 2022", "2022-03-21/2022-03-27"),
    ("2021-09-15", "Kalenderwoche 12", "2022-03-21/2022-03-27"),
    ("2021-09-15", "in der 12. Kalenderwoche 2022", "2022-03-21/2022-03-27"),
    ("2021-09-15", "2022-W12", "2022-03-21/2022-03-27"),
    ("2021-09-15", "week 12 of 2022", "2022-03-21/2022-03-27"),
    ("2021-09-15", "KW 53 2020", "2020-12-28/2021-01-03"),
    ("2021-01-03", "KW 53", "2020-12-28/2021-01-03"),
    ("2021-01-04", "KW 52", "2021-12-27/2022-01-02"),
    ("2021-09-15", "KW 12–13 2022", "2022-03-21/2022-04-03"),
    ("2021-09-15", "diese Woche", "2021-09-13/2021-09-19"),
    ("2021-09-15", "nächste Woche", "2021-09-20/2021-09-26"),
    ("2021-09-15", "in der kommenden Woche", "2021-09-20/2021-09-26"),
    ("2021-09-15", "übernächste Woche", "2021-09-27/2021-10-03"),
    ("2021-12-31", "next week", "2022-01-03/2022-01-09"),
    ("2021-09-15", "the week after next", "2021-09-27/2021-10-03"),
    ("2021-09-15", "am Wochenende", "2021-09-18/2021-09-19"),
    ("2021-09-15", "heute", "2021-09-15"),
    ("2021-12-31", "morgen", "2022-01-01"),
    ("2024-02-28", "morgen", "2024-02-29"),
    ("2024-02-27", "übermorgen", "2024-02-29"),
    ("2021-09-15", "gestern", "2021-09-14"),
    ("2021-09-15", "the day after tomorrow", "2021-09-17"),
    ("2021-09-15", "in 3 Tagen", "2021-09-18"),
    ("2021-09-15", "in drei Tagen", "2021-09-18"),
    ("2021-09-15", "in 14 Tagen", "2021-09-29"),
    ("2021-09-15", "in einer Woche", "2021-09-22"),
    ("2021-09-15", "in 2 Wochen", "2021-09-29"),
    ("2021-09-15", "in einem Monat", "2021-10-15"),
    ("2021-09-15", "in 18 Monaten", "2023-03-15"),
    ("2024-02-28", "in einem Jahr", "2025-02-28"),
    ("2021-09-15", "in 8 Tagen", "2021-09-23"),
    ("2021-09-15", "in a fortnight", "2021-09-29"),
    ("2021-09-15", "in P3D", "2021-09-18"),
    ("2021-09-15", "in three days", "2021-09-18"),
    ("2021-09-15", "heute in einer Woche", "2021-09-22"),
    ("2021-09-15", "Freitag in einer Woche", "2021-09-24"),
    ("2021-09-15", "morgen in 14 Tagen", "2021-09-30"),
    ("2021-09-15", "two weeks from today", "2021-09-29"),
    ("2021-09-15", "Freitag", "2021-09-17"),
    ("2021-09-15", "Mittwoch", "2021-09-22"),
    ("2021-09-15", "Fr", "2021-09-17"),
    ("2021-09-15", "am Fr.", "2021-09-17"),
    ("2021-09-15", "nächsten Freitag", "2021-09-17"),
    ("2021-09-17", "nächsten Freitag", "2021-09-24"),
    ("2021-09-15", "kommenden Freitag", "2021-09-17"),
    ("2021-09-15", "übernächsten Freitag", "2021-09-24"),
    ("2021-09-15", "diesen Freitag", "2021-09-17"),
    ("2021-09-17", "diesen Freitag", "2021-09-17"),
    ("2021-09-15", "this Friday", "2021-09-17"),
    ("2021-09-15", "Friday", "2021-09-17"),
    ("2021-09-17", "next Friday", "2021-09-24"),
    ("2021-09-18", "next Friday", "2021-09-24"),
    ("2021-09-15", "next Monday", "2021-09-20"),
    ("2021-09-15", "Freitag nächster Woche", "2021-09-24"),
    ("2021-09-15", "nächste Woche Freitag", "2021-09-24"),
    ("2021-09-15", "Friday of next week", "2021-09-24"),
    ("2021-09-15", "Freitag dieser Woche", "2021-09-17"),
    ("2021-09-15", "ersten Freitag im Oktober", "2021-10-01"),
    ("2021-09-15", "letzter Freitag im März 2022", "2022-03-25"),
    ("2021-09-15", "the second Tuesday of October", "2021-10-12"),
    ("2021-09-15", "Montag, den 20. September", "2021-09-20"),
    ("2021-09-15", "1. bis 3. Oktober", "2021-10-01/2021-10-03"),
]

TWO_READINGS = [
    ("2021-09-15", "KW 21/22", "KW 21/22", "KW 21/2022", "KW 21 – 22"),
    (
        "2021-09-15",
        "15. und 18. Juni 2020",
        "15. und 18. Juni 2020",
        "15.06.2020 – 18.06.2020",
        "mehrere einzelne Tage: 15.06.2020, 18.06.2020",
    ),
    (
        "2021-09-15",
        "15./18. Juni 2020",
        "15./18. Juni 2020",
        "15.06.2020 – 18.06.2020",
        "mehrere einzelne Tage: 15.06.2020, 18.06.2020",
    ),
    (
        "2021-09-15",
        "15., 16. und 18. Juni 2020",
        "15., 16. und 18. Juni 2020",
        "15.06.2020 – 18.06.2020",
        "mehrere einzelne Tage: 15.06.2020, 16.06.2020, 18.06.2020",
    ),
    ("2021-09-15", "3/4/2021", "3/4/2021", "03.04.2021", "04.03.2021"),
    ("2021-09-15", "03/04", "03/04", "03.04.2022", "04.03.2022"),
    ("2021-09-15", "3-4-2021", "3-4-2021", "03.04.2021", "04.03.2021"),
    ("2021-09-15", "Februar 22", "Februar 22", "22.02.2022", "02/2022"),
    ("2021-09-15", "Feb 22", "Feb 22", "22.02.2022", "02/2022"),
    ("2021-09-15", "Juni 15", "Juni 15", "15.06.2022", "06/2015"),
    ("2021-09-15", "Winter 2021", "Winter 2021", "Winter 2020/21", "Winter 2021/22"),
    ("2021-09-15", "winter of 2021", "winter of 2021", "Winter 2020/21", "Winter 2021/22"),
    ("2021-09-15", "nächsten Oktober", "nächsten Oktober", "10/2021", "10/2022"),
    ("2021-06-15", "nächsten Herbst", "nächsten Herbst", "Herbst 2021", "Herbst 2022"),
    ("2021-01-31", "in einem Monat", "in einem Monat", "28.02.2021", "03.03.2021"),
    ("2024-01-31", "in einem Monat", "in einem Monat", "29.02.2024", "02.03.2024"),
    ("2021-01-30", "in a month", "in a month", "28.02.2021", "02.03.2021"),
    ("2024-02-29", "in einem Jahr", "in einem Jahr", "28.02.2025", "01.03.2025"),
    ("2021-09-15", "in acht Tagen", "in acht Tagen", "22.09.2021", "23.09.2021"),
    ("2021-09-15", "next Friday", "next Friday", "17.09.2021", "24.09.2021"),
    ("2021-09-13", "next Sunday", "next Sunday", "19.09.2021", "26.09.2021"),
    ("2021-09-15", "nächstes Wochenende", "nächstes Wochenende", "18.09.2021 – 19.09.2021", "25.09.2021 – 26.09.2021"),
]

REFUSED = [
    ("2021-09-15", "31.2.", "Den 31.2.2022 gibt es nicht. Dieser Monat geht bis zum 28.2.2022."),
    ("2021-09-15", "31.2.2021", "Den 31.2.2021 gibt es nicht. Dieser Monat geht bis zum 28.2.2021."),
    ("2021-09-15", "29.2.2023", "Den 29.2.2023 gibt es nicht. Dieser Monat geht bis zum 28.2.2023."),
    ("2021-09-15", "0.1.2021", "Den 0.1.2021 gibt es nicht. Dieser Monat geht bis zum 31.1.2021."),
    ("2021-09-15", "15.13.2021", "13 ist kein Monat. Möglich ist 1 bis 12."),
    ("2021-09-15", "31. April", "Den 31.4.2022 gibt es nicht. Dieser Monat geht bis zum 30.4.2022."),
    ("2021-09-15", "June 31st", "Den 31.6.2022 gibt es nicht. Dieser Monat geht bis zum 30.6.2022."),
    ("2021-09-15", "2021-02-30", "Den 30.2.2021 gibt es nicht. Dieser Monat geht bis zum 28.2.2021."),
    ("2021-09-15", "30.10.0000", "Das Jahr 0 ist weit weg. Ist es ein Tippfehler?"),
    ("2021-09-15", "KW 54", "Die KW 54 gibt es 2021 nicht; das Jahr hat 52."),
    ("2021-09-15", "KW 53", "Die KW 53 gibt es 2021 nicht; das Jahr hat 52."),
    ("2021-09-15", "KW 53 2021", "Die KW 53 gibt es 2021 nicht; das Jahr hat 52."),
    ("2021-09-15", "KW 0", "Die KW 0 gibt es 2021 nicht; das Jahr hat 52."),
    ("2021-09-15", "27. bis 24.11.", "27.11.2021 – 24.11.2021 läuft rückwärts. Richtig wäre vielleicht »24.11.2021 – 27.11.2021«."),
    (
        "2021-09-15",
        "27. bis 24.11.2020",
        "27.11.2020 – 24.11.2020 läuft rückwärts. Richtig wäre vielleicht »24.11.2020 – 27.11.2020«.",
    ),
    ("2021-09-15", "24. bis 24.11.2020", "24.11.2020 ist Anfang und Ende zugleich. Schreib bitte nur diesen Tag."),
    (
        "2021-09-15",
        "27.11.2020 bis 24.10.2020",
        "27.11.2020 – 24.10.2020 läuft rückwärts. Richtig wäre vielleicht »24.10.2020 – 27.11.2020«.",
    ),
    (
        "2021-09-15",
        "2020-06-18/2020-06-15",
        "18.06.2020 – 15.06.2020 läuft rückwärts. Richtig wäre vielleicht »15.06.2020 – 18.06.2020«.",
    ),
    (
        "2021-09-15",
        "18. und 15. Juni 2020",
        "18.06.2020 – 15.06.2020 läuft rückwärts. Richtig wäre vielleicht »15.06.2020 – 18.06.2020«.",
    ),
    (
        "2021-09-15",
        "15. bis 17. und 19. Juni 2020",
        "»15. bis 17. und 19. Juni 2020« ist mir zu viel auf einmal. Schreib bitte nur den ersten und den letzten Tag.",
    ),
    ("2021-09-15", "31. und 32. Juni", "Den 32.6.2022 gibt es nicht. Dieser Monat geht bis zum 30.6.2022."),
    ("2021-09-15", "Donnerstag, 30.10.2020", "Der 30.10.2020 ist ein Freitag, kein Donnerstag. Welcher Tag ist gemeint?"),
    ("2021-09-15", "Thursday, 30 October 2020", "Der 30.10.2020 ist ein Freitag, kein Donnerstag. Welcher Tag ist gemeint?"),
    ("2021-09-15", "Freitag, 30.10.", "Der 30.10.2021 ist ein Samstag, kein Freitag. Welcher Tag ist gemeint?"),
    ("2021-09-15", "13/14/2021", "»13/14/2021« ist kein Tag: keine der Zahlen ist ein Monat."),
    ("2021-09-15", "Winter 2021/23", "»Winter 2021/23« ist kein Winter. Einer ist zum Beispiel »Winter 2021/22«."),
    ("2021-09-15", "Sommer 2021/22", "»Sommer 2021/22« verstehe ich nicht: nur ein Winter liegt in zwei Jahren."),
    ("2021-09-15", "5. Quartal", "5 ist kein Quartal. Möglich ist 1 bis 4."),
    ("2021-09-15", "Q0 2022", "0 ist kein Quartal. Möglich ist 1 bis 4."),
    (
        "2021-09-15",
        "1. Halbjahr 2022",
        (
            "Halbjahre kenne ich nicht. Möglich sind Quartale (»Q2/2022«), das Jahr (»2022«) oder die Tage selbst (»1.1."
            " bis 30.6.2022«)."
        ),
    ),
    (
        "2021-09-15",
        "H2 2022",
        (
            "Halbjahre kenne ich nicht. Möglich sind Quartale (»Q2/2022«), das Jahr (»2022«) oder die Tage selbst (»1.1."
            " bis 30.6.2022«)."
        ),
    ),
    ("2021-09-15", "13/2022", "13 ist kein Monat. Möglich ist 1 bis 12."),
    ("2021-09-15", "diesen März", "»diesen März« ist schon vorbei. Meinst du »03/2022«?"),
    (
        "2021-09-15",
        "Termin noch offen",
        "Zu »Termin noch offen« fehlt das Jahr. Richtig wäre zum Beispiel »2021 / Termin noch offen«.",
    ),
    ("2021-09-15", "offen", "Zu »offen« fehlt das Jahr. Richtig wäre zum Beispiel »2021 / Termin noch offen«."),
    (
        "2021-09-15",
        "diesen Dienstag",
        "Dienstag dieser Woche ist schon vorbei: das war der 14.09.2021. Der nächste ist der 21.09.2021.",
    ),
    ("2021-09-18", "this Friday", "Freitag dieser Woche ist schon vorbei: das war der 17.09.2021. Der nächste ist der 24.09.2021."),
    ("2021-09-15", "am 3.", "Zu »3.« fehlt der Monat. Richtig wäre zum Beispiel »3.10.2021«."),
    ("2021-01-31", "am 30.", "Zu »30.« fehlt der Monat. Richtig wäre zum Beispiel »30.3.2021«."),
    ("2021-12-20", "the 3rd", "Zu »the 3rd« fehlt der Monat. Richtig wäre zum Beispiel »3.1.2022«."),
    ("2021-09-15", "am 15.", "Zu »15.« fehlt der Monat. Richtig wäre zum Beispiel »15.9.2021«."),
    ("2021-09-15", "fünften Freitag im Februar 2022", "Einen 5. Freitag gibt es 02/2022 nicht."),
    ("2021-09-15", "in 9999 Jahren", "Das Jahr 12020 ist weit weg. Ist es ein Tippfehler?"),
    (
        "2021-09-15",
        "30.9. 10 Uhr",
        (
            "»10 Uhr« nach »30.9.« verstehe ich nicht. Richtig wäre zum Beispiel »30.10.2020«, »24. bis 27. November 2020«"
            " oder »Februar 2022«."
        ),
    ),
    (
        "2021-09-15",
        "30.9. oder 1.10.",
        (
            "»oder 1.10.« nach »30.9.« verstehe ich nicht. Richtig wäre zum Beispiel »30.10.2020«, »24. bis 27. November"
            " 2020« oder »Februar 2022«."
        ),
    ),
    (
        "2021-09-15",
        "bald",
        (
            "»bald« verstehe ich nicht als Datum. Richtig wäre zum Beispiel »30.10.2020«, »24. bis 27. November 2020«,"
            " »Februar 2022« oder »2021 / Termin noch offen«."
        ),
    ),
    (
        "2021-09-15",
        "2021-10-XX",
        (
            "»-10-XX« nach »2021« verstehe ich nicht. Richtig wäre zum Beispiel »30.10.2020«, »24. bis 27. November 2020«"
            " oder »Februar 2022«."
        ),
    ),
    (
        "2021-09-15",
        "",
        (
            "»« verstehe ich nicht als Datum. Richtig wäre zum Beispiel »30.10.2020«, »24. bis 27. November 2020«, »Februar"
            " 2022« oder »2021 / Termin noch offen«."
        ),
    ),
    (
        "2021-09-15",
        "morgen Bericht",
        (
            "»Bericht« nach »morgen« verstehe ich nicht. Richtig wäre zum Beispiel »30.10.2020«, »24. bis 27. November"
            " 2020« oder »Februar 2022«."
        ),
    ),
    (
        "2021-09-15",
        "٣٠.٩.",
        (
            "»٣٠.٩.« verstehe ich nicht als Datum. Richtig wäre zum Beispiel »30.10.2020«, »24. bis 27. November 2020«,"
            " »Februar 2022« oder »2021 / Termin noch offen«."
        ),
    ),
    (
        "2021-09-15",
        "3²0.9.",
        (
            "»3²0.9.« verstehe ich nicht als Datum. Richtig wäre zum Beispiel »30.10.2020«, »24. bis 27. November 2020«,"
            " »Februar 2022« oder »2021 / Termin noch offen«."
        ),
    ),
]


@pytest.mark.parametrize(("today", "phrase", "edtf"), UNDERSTOOD)
def test_is_understood(today: str, phrase: str, edtf: str) -> None:
    assert as_date(phrase, today) == edtf


CHANGES: list[Callable[[str], str]] = [
    str.upper,
    str.lower,
    lambda phrase: phrase.replace(" ", "\u00a0\u2009"),
    lambda phrase: f" {phrase}. ",
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("today", "phrase", "edtf"), UNDERSTOOD[::7])
def test_however_it_is_typed(change: Callable[[str], str], today: str, phrase: str, edtf: str) -> None:
    """Capitals, spaces that do not break lines, and full stops come from keyboards, not from people."""
    assert as_date(change(phrase), today) == edtf


@pytest.mark.parametrize(("today", "phrase", "said", "first", "second"), TWO_READINGS)
def test_what_has_two_readings_is_refused_with_both(today: str, phrase: str, said: str, first: str, second: str) -> None:
    assert as_date(phrase, today) == f"»{said}« kann zweierlei heißen: »{first}« oder »{second}«. Schreib bitte das, was du meinst."


@pytest.mark.parametrize(("today", "phrase", "said", "first", "second"), TWO_READINGS)
def test_both_readings_can_be_typed(today: str, phrase: str, said: str, first: str, second: str) -> None:
    """A refusal that shows what would be refused again helps nobody."""
    for reading in (first, second.removeprefix("mehrere einzelne Tage: ").split(",")[0]):
        assert re.fullmatch(r"[0-9X/-]+", as_date(reading, today)), f"{phrase} ({said}): {reading}"


@pytest.mark.parametrize(("today", "phrase", "sentence"), REFUSED)
def test_what_is_wrong_is_said(today: str, phrase: str, sentence: str) -> None:
    assert as_date(phrase, today) == sentence
