"""Rules in words, in both languages."""

from datetime import timedelta

import pytest

from bot.domain.recurrence import Recurrence
from bot.rendering import catalogue
from bot.rendering.recurrences import format_interval, format_recurrence

RULES = [
    ("FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0", "jeden Montag um 09:00", "every Monday at 09:00"),
    (
        "FREQ=WEEKLY;BYDAY=MO,WE,FR;BYHOUR=9;BYMINUTE=0",
        "jeden Montag, Mittwoch und Freitag um 09:00",
        "every Monday, Wednesday and Friday at 09:00",
    ),
    ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=8;BYMINUTE=30", "werktags um 08:30", "on working days at 08:30"),
    (
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR;BYHOUR=10;BYMINUTE=0;DTSTART=20210917",
        "alle 2 Wochen am Freitag um 10:00",
        "every 2 weeks on Friday at 10:00",
    ),
    ("FREQ=DAILY;BYHOUR=0;BYMINUTE=0", "täglich um 00:00", "daily at 00:00"),
    ("FREQ=DAILY;INTERVAL=3;BYHOUR=9;BYMINUTE=0;DTSTART=20210915", "alle 3 Tage um 09:00", "every 3 days at 09:00"),
    (
        "FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=9;BYMINUTE=0",
        "am letzten Freitag im Monat um 09:00",
        "on the last Friday of the month at 09:00",
    ),
    ("FREQ=MONTHLY;BYMONTHDAY=15;BYHOUR=9;BYMINUTE=0", "am 15. des Monats um 09:00", "on day 15 of the month at 09:00"),
    (
        "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=15;BYHOUR=9;BYMINUTE=0;DTSTART=20210915",
        "am 15. des Monats, alle 2 Monate um 09:00",
        "on day 15 of the month, every 2 months at 09:00",
    ),
    ("FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=1;BYHOUR=9;BYMINUTE=0", "jedes Jahr am 1. März um 09:00", "every year on 1 March at 09:00"),
    ("FREQ=HOURLY;INTERVAL=2;DTSTART=20210915T071300Z", "alle 2 Stunden", "every 2 hours"),
    ("FREQ=HOURLY;DTSTART=20210915T071300Z", "stündlich", "hourly"),
    ("CRON=0 9 * * 1-5", "nach cron »0 9 * * 1-5«", "by cron “0 9 * * 1-5”"),
]


@pytest.mark.parametrize(("rule", "german", "english"), RULES)
def test_rules(rule: str, german: str, english: str) -> None:
    found = {language: catalogue(language).say(format_recurrence(Recurrence.parse(rule), language)) for language in ("de", "en")}
    assert found == {"de": german, "en": english}


@pytest.mark.parametrize(
    ("every", "german"),
    [(timedelta(minutes=5), "alle 5 Minuten"), (timedelta(hours=1), "stündlich"), (timedelta(days=1), "täglich")],
)
def test_intervals(every: timedelta, german: str) -> None:
    assert catalogue("de").say(format_interval(every, "de")) == german
