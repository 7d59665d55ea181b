"""What words begin with: when, exactly as it is understood, and the text that follows; and what is refused, and why."""

import re
from zoneinfo import ZoneInfo

import pytest

from tests.domain.phrases.phrases import as_any, as_when

UNDERSTOOD = [
    ("2021-09-15 09:00", "morgen 10 Uhr Bericht abgeben", "2021-09-16 10:00", "Bericht abgeben"),
    ("2021-09-15 09:00", "morgen um 10 Bericht abgeben", "2021-09-16 10:00", "Bericht abgeben"),
    ("2021-09-15 09:00", "morgen, 10:30 Uhr: Bericht", "2021-09-16 10:30", "Bericht"),
    ("2021-09-15 09:00", "morgen: 9 Labore anrufen", "2021-09-16", "9 Labore anrufen"),
    ("2021-09-15 09:00", "morgen „9 Labore“ anrufen", "2021-09-16", "„9 Labore“ anrufen"),
    ("2021-09-15 09:00", "Übermorgen um halb neun Kaffee", "2021-09-17 08:30", "Kaffee"),
    ("2021-09-15 09:00", "übermorgen Kaffee kochen", "2021-09-17", "Kaffee kochen"),
    ("2021-09-15 09:00", "in 3 Tagen um 9 den Bericht lesen", "2021-09-18 09:00", "den Bericht lesen"),
    ("2021-09-15 09:00", "in 3 Tagen den Bericht lesen", "2021-09-18", "den Bericht lesen"),
    ("2021-09-15 09:00", "in 2 Wochen 14:00 Rückfrage", "2021-09-29 14:00", "Rückfrage"),
    ("2021-09-15 09:00", "am 30.9. um 9 Uhr Text", "2021-09-30 09:00", "Text"),
    ("2021-09-15 09:00", "am 30.9. Text", "2021-09-30", "Text"),
    ("2021-09-15 09:00", "30. Oktober 2021, 08:00 Text", "2021-10-30 08:00", "Text"),
    ("2021-09-15 09:00", "30 October 2021, 08:00 text", "2021-10-30 08:00", "text"),
    ("2021-09-15 09:00", "2021-10-30T08:00 Text", "2021-10-30 08:00", "Text"),
    ("2021-09-15 09:00", "Freitag um 9 Text", "2021-09-17 09:00", "Text"),
    ("2021-09-15 09:00", "nächsten Freitag 9 Uhr Text", "2021-09-17 09:00", "Text"),
    ("2021-09-15 09:00", "Mo 9 Uhr Text", "2021-09-20 09:00", "Text"),
    ("2021-09-15 09:00", "am Mo. um 9 Text", "2021-09-20 09:00", "Text"),
    ("2021-09-15 09:00", "Freitag, 17.9., 9 Uhr Text", "2021-09-17 09:00", "Text"),
    ("2021-09-15 09:00", "nächste Woche Freitag 10 Uhr Text", "2021-09-24 10:00", "Text"),
    ("2021-09-15 09:00", "um 10 Uhr Text", "2021-09-15 10:00", "Text"),
    ("2021-09-15 09:00", "um 10 Text", "2021-09-15 10:00", "Text"),
    ("2021-09-15 09:00", "10 Uhr Text", "2021-09-15 10:00", "Text"),
    ("2021-09-15 09:00", "10:15 Text", "2021-09-15 10:15", "Text"),
    ("2021-09-15 09:00", "um 10.15 Text", "2021-09-15 10:15", "Text"),
    ("2021-09-15 09:00", "10.15 Uhr Text", "2021-09-15 10:15", "Text"),
    ("2021-09-15 09:00", "10 Uhr 15", "2021-09-15 10:15", ""),
    ("2021-09-15 09:00", "um 10h15 Text", "2021-09-15 10:15", "Text"),
    ("2021-09-15 09:00", "morgen 10h15 Text", "2021-09-16 10:15", "Text"),
    ("2021-09-15 09:00", "um zehn Text", "2021-09-15 10:00", "Text"),
    ("2021-09-15 09:00", "zehn Uhr Text", "2021-09-15 10:00", "Text"),
    ("2021-09-15 09:00", "um elf Uhr Text", "2021-09-15 11:00", "Text"),
    ("2021-09-15 09:00", "halb elf Text", "2021-09-15 10:30", "Text"),
    ("2021-09-15 09:00", "viertel nach zehn Text", "2021-09-15 10:15", "Text"),
    ("2021-09-15 09:00", "Viertel vor elf Text", "2021-09-15 10:45", "Text"),
    ("2021-09-15 09:00", "dreiviertel elf Text", "2021-09-15 10:45", "Text"),
    ("2021-09-15 09:00", "fünf vor halb elf Text", "2021-09-15 10:25", "Text"),
    ("2021-09-15 09:00", "zehn nach zehn Text", "2021-09-15 10:10", "Text"),
    ("2021-09-15 09:00", "5 vor 11 Text", "2021-09-15 10:55", "Text"),
    ("2021-09-15 09:00", "mittags Text", "2021-09-15 12:00", "Text"),
    ("2021-09-15 09:00", "morgen mittags Text", "2021-09-16 12:00", "Text"),
    ("2021-09-15 09:00", "morgen um 1 mittags Text", "2021-09-16 13:00", "Text"),
    ("2021-09-15 09:00", "8 Uhr abends Text", "2021-09-15 20:00", "Text"),
    ("2021-09-15 09:00", "heute abend um 8 Text", "2021-09-15 20:00", "Text"),
    ("2021-09-15 09:00", "morgen früh um 8 Text", "2021-09-16 08:00", "Text"),
    ("2021-09-15 09:00", "morgen Nachmittag 3 Uhr Text", "2021-09-16 15:00", "Text"),
    ("2021-09-15 09:00", "Freitagabend 20 Uhr Text", "2021-09-17 20:00", "Text"),
    ("2021-09-15 09:00", "morgen um halb neun abends Text", "2021-09-16 20:30", "Text"),
    ("2021-09-15 09:00", "halb eins mittags Text", "2021-09-15 12:30", "Text"),
    ("2021-09-15 09:00", "morgen 20 Uhr abends Text", "2021-09-16 20:00", "Text"),
    ("2021-09-15 09:00", "morgen 2 Uhr nachts Text", "2021-09-16 02:00", "Text"),
    ("2021-09-15 09:00", "heute Nacht um 23 Uhr Text", "2021-09-15 23:00", "Text"),
    ("2021-09-15 09:00", "um 9 Uhr am Freitag Text", "2021-09-17 09:00", "Text"),
    ("2021-09-15 09:00", "um 8 morgen Text", "2021-09-16 08:00", "Text"),
    ("2021-09-15 09:00", "10 Uhr am 30.9. Text", "2021-09-30 10:00", "Text"),
    ("2021-09-15 09:00", "in 2 Stunden Text", "2021-09-15 11:00", "Text"),
    ("2021-09-15 09:00", "in einer Stunde Text", "2021-09-15 10:00", "Text"),
    ("2021-09-15 09:00", "in anderthalb Stunden Text", "2021-09-15 10:30", "Text"),
    ("2021-09-15 09:00", "in zweieinhalb Stunden Text", "2021-09-15 11:30", "Text"),
    ("2021-09-15 09:00", "in 1,5 Stunden Text", "2021-09-15 10:30", "Text"),
    ("2021-09-15 09:00", "in einer halben Stunde Text", "2021-09-15 09:30", "Text"),
    ("2021-09-15 09:00", "in einer Viertelstunde Text", "2021-09-15 09:15", "Text"),
    ("2021-09-15 09:00", "in einer Dreiviertelstunde Text", "2021-09-15 09:45", "Text"),
    ("2021-09-15 09:00", "in 90 min Text", "2021-09-15 10:30", "Text"),
    ("2021-09-15 09:00", "in 90 Minuten Text", "2021-09-15 10:30", "Text"),
    ("2021-09-15 09:00", "2h Text", "2021-09-15 11:00", "Text"),
    ("2021-09-15 09:00", "90min Text", "2021-09-15 10:30", "Text"),
    ("2021-09-15 09:00", "in 2h30 Text", "2021-09-15 11:30", "Text"),
    ("2021-09-15 09:00", "in 2 Stunden und 5 Minuten Text", "2021-09-15 11:05", "Text"),
    ("2021-09-15 09:00", "in PT2H Text", "2021-09-15 11:00", "Text"),
    ("2021-09-15 09:00", "in PT1H30M Text", "2021-09-15 10:30", "Text"),
    ("2021-09-15 09:00", "in P3D Text", "2021-09-18", "Text"),
    ("2021-09-15 09:00", "in half an hour text", "2021-09-15 09:30", "text"),
    ("2021-09-15 09:00", "in an hour and a half text", "2021-09-15 10:30", "text"),
    ("2021-09-15 09:00", "in two hours text", "2021-09-15 11:00", "text"),
    ("2021-09-15 09:00", "in 30 minutes text", "2021-09-15 09:30", "text"),
    ("2021-10-31 01:30", "in 2 Stunden Text", "2021-10-31 02:30", "Text"),
    ("2021-03-28 01:30", "in 1 Stunde Text", "2021-03-28 03:30", "Text"),
    ("2021-09-15 09:00", "tomorrow at 9 text", "2021-09-16 09:00", "text"),
    ("2021-09-15 09:00", "tomorrow 9am text", "2021-09-16 09:00", "text"),
    ("2021-09-15 09:00", "tomorrow at 9 p.m. text", "2021-09-16 21:00", "text"),
    ("2021-09-15 09:00", "tomorrow morning at 8 text", "2021-09-16 08:00", "text"),
    ("2021-09-15 09:00", "tonight at 8 text", "2021-09-15 20:00", "text"),
    ("2021-09-15 09:00", "on Friday at 12pm text", "2021-09-17 12:00", "text"),
    ("2021-09-15 09:00", "on Friday at 12:15 a.m. text", "2021-09-17 00:15", "text"),
    ("2021-09-15 09:00", "9pm text", "2021-09-15 21:00", "text"),
    ("2021-09-15 09:00", "9 pm tomorrow text", "2021-09-16 21:00", "text"),
    ("2021-09-15 09:00", "9 am on Friday text", "2021-09-17 09:00", "text"),
    ("2021-09-15 09:00", "at noon text", "2021-09-15 12:00", "text"),
    ("2021-09-15 09:00", "at half past ten text", "2021-09-15 10:30", "text"),
    ("2021-09-15 09:00", "at quarter to eleven text", "2021-09-15 10:45", "text"),
    ("2021-09-15 09:00", "at ten past ten text", "2021-09-15 10:10", "text"),
    ("2021-09-15 09:00", "10 o'clock text", "2021-09-15 10:00", "text"),
    ("2021-09-15 09:00", "10 o’clock text", "2021-09-15 10:00", "text"),
    ("2021-09-15 09:00", "at 3 in the afternoon text", "2021-09-15 15:00", "text"),
    ("2021-09-15 09:00", "in 3 days at 10 am text", "2021-09-18 10:00", "text"),
    ("2021-09-15 09:00", "am 30.9. 9:00 am Freitag ist zu", "2021-09-30 09:00", "am Freitag ist zu"),
    ("2021-09-15 09:00", "2021-10-30 9:00 am Bahnhof", "2021-10-30 09:00", "am Bahnhof"),
    ("2021-09-15 09:00", "jeden Montag 9 Uhr Text", "FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0", "Text"),
    ("2021-09-15 09:00", "jeden Montag Text", "FREQ=WEEKLY;BYDAY=MO (no hour)", "Text"),
    ("2021-09-15 09:00", "jeden Tag um 9 Text", "FREQ=DAILY;BYHOUR=9;BYMINUTE=0", "Text"),
    ("2021-09-15 09:00", "täglich um 18:30 Text", "FREQ=DAILY;BYHOUR=18;BYMINUTE=30", "Text"),
    ("2021-09-15 09:00", "um 18:30 täglich Text", "FREQ=DAILY;BYHOUR=18;BYMINUTE=30", "Text"),
    ("2021-09-15 09:00", "montags um 9 Text", "FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0", "Text"),
    ("2021-09-15 09:00", "montags und donnerstags 9 Uhr Text", "FREQ=WEEKLY;BYDAY=MO,TH;BYHOUR=9;BYMINUTE=0", "Text"),
    ("2021-09-15 09:00", "jeden Montag und Mittwoch um 8 Text", "FREQ=WEEKLY;BYDAY=MO,WE;BYHOUR=8;BYMINUTE=0", "Text"),
    ("2021-09-15 09:00", "montags bis freitags um 8 Text", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=8;BYMINUTE=0", "Text"),
    ("2021-09-15 09:00", "werktags 8:30 Text", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=8;BYMINUTE=30", "Text"),
    ("2021-09-15 09:00", "jeden Werktag um halb neun Text", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=8;BYMINUTE=30", "Text"),
    (
        "2021-09-15 09:00",
        "jeden zweiten Freitag um 10 Text",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR;BYHOUR=10;BYMINUTE=0;DTSTART=20210917",
        "Text",
    ),
    (
        "2021-09-15 09:00",
        "alle zwei Wochen freitags 10 Uhr Text",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR;BYHOUR=10;BYMINUTE=0;DTSTART=20210917",
        "Text",
    ),
    (
        "2021-09-15 09:00",
        "alle 2 Wochen am Mittwoch um 8 Text",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=WE;BYHOUR=8;BYMINUTE=0;DTSTART=20210922",
        "Text",
    ),
    (
        "2021-09-15 09:00",
        "alle 2 Wochen am Mittwoch um 10 Text",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=WE;BYHOUR=10;BYMINUTE=0;DTSTART=20210915",
        "Text",
    ),
    (
        "2021-09-15 09:00",
        "alle 14 Tage freitags um 10 Text",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR;BYHOUR=10;BYMINUTE=0;DTSTART=20210917",
        "Text",
    ),
    (
        "2021-09-15 09:00",
        "freitags alle zwei Wochen um 10 Text",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR;BYHOUR=10;BYMINUTE=0;DTSTART=20210917",
        "Text",
    ),
    (
        "2021-09-15 09:00",
        "jede zweite Woche freitags um 10 Text",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR;BYHOUR=10;BYMINUTE=0;DTSTART=20210917",
        "Text",
    ),
    ("2021-09-15 09:00", "jeden zweiten Tag um 10 Text", "FREQ=DAILY;INTERVAL=2;BYHOUR=10;BYMINUTE=0;DTSTART=20210915", "Text"),
    ("2021-09-15 09:00", "alle 3 Tage um 8 Text", "FREQ=DAILY;INTERVAL=3;BYHOUR=8;BYMINUTE=0;DTSTART=20210916", "Text"),
    ("2021-09-15 09:00", "jede Woche montags um 9 Text", "FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0", "Text"),
    ("2021-09-15 09:00", "wöchentlich am Montag um 9 Text", "FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0", "Text"),
    ("2021-09-15 09:00", "jeden Monat am 15. um 9 Text", "FREQ=MONTHLY;BYMONTHDAY=15;BYHOUR=9;BYMINUTE=0", "Text"),
    ("2021-09-15 09:00", "monatlich am 1. um 9 Text", "FREQ=MONTHLY;BYMONTHDAY=1;BYHOUR=9;BYMINUTE=0", "Text"),
    ("2021-09-15 09:00", "am 15. jeden Monats um 9 Text", "FREQ=MONTHLY;BYMONTHDAY=15;BYHOUR=9;BYMINUTE=0", "Text"),
    ("2021-09-15 09:00", "immer am 15. um 9 Text", "FREQ=MONTHLY;BYMONTHDAY=15;BYHOUR=9;BYMINUTE=0", "Text"),
    (
        "2021-09-15 09:00",
        "alle 2 Monate am 15. um 8 Text",
        "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=15;BYHOUR=8;BYMINUTE=0;DTSTART=20211015",
        "Text",
    ),
    ("2021-09-15 09:00", "am Monatsersten um 9 Text", "FREQ=MONTHLY;BYMONTHDAY=1;BYHOUR=9;BYMINUTE=0", "Text"),
    ("2021-09-15 09:00", "am ersten Dienstag im Monat um 9 Text", "FREQ=MONTHLY;BYDAY=1TU;BYHOUR=9;BYMINUTE=0", "Text"),
    ("2021-09-15 09:00", "jeden ersten Dienstag um 9 Text", "FREQ=MONTHLY;BYDAY=1TU;BYHOUR=9;BYMINUTE=0", "Text"),
    ("2021-09-15 09:00", "jeden zweiten Dienstag im Monat um 9 Text", "FREQ=MONTHLY;BYDAY=2TU;BYHOUR=9;BYMINUTE=0", "Text"),
    ("2021-09-15 09:00", "am letzten Freitag jeden Monats um 9 Text", "FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=9;BYMINUTE=0", "Text"),
    ("2021-09-15 09:00", "am Monatsletzten um 9 Text", "FREQ=MONTHLY;BYMONTHDAY=-1;BYHOUR=9;BYMINUTE=0", "Text"),
    ("2021-09-15 09:00", "am letzten Tag des Monats um 9 Text", "FREQ=MONTHLY;BYMONTHDAY=-1;BYHOUR=9;BYMINUTE=0", "Text"),
    ("2021-09-15 09:00", "jährlich am 1.3. um 9 Text", "FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=1;BYHOUR=9;BYMINUTE=0", "Text"),
    ("2021-09-15 09:00", "jedes Jahr am 1. März um 9 Text", "FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=1;BYHOUR=9;BYMINUTE=0", "Text"),
    ("2021-09-15 09:00", "am 1.3. jedes Jahr um 9 Text", "FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=1;BYHOUR=9;BYMINUTE=0", "Text"),
    ("2021-09-15 09:00", "every Monday at 9 text", "FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0", "text"),
    ("2021-09-15 09:00", "every Monday at 9 am text", "FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0", "text"),
    ("2021-09-15 09:00", "Mondays at 9 text", "FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0", "text"),
    ("2021-09-15 09:00", "on Mondays and Thursdays at 9 text", "FREQ=WEEKLY;BYDAY=MO,TH;BYHOUR=9;BYMINUTE=0", "text"),
    ("2021-09-15 09:00", "every weekday at 9 text", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=9;BYMINUTE=0", "text"),
    (
        "2021-09-15 09:00",
        "every other Friday at 10 text",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR;BYHOUR=10;BYMINUTE=0;DTSTART=20210917",
        "text",
    ),
    (
        "2021-09-15 09:00",
        "every two weeks on Friday at 10 text",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR;BYHOUR=10;BYMINUTE=0;DTSTART=20210917",
        "text",
    ),
    ("2021-09-15 09:00", "every first Tuesday of the month at 10 text", "FREQ=MONTHLY;BYDAY=1TU;BYHOUR=10;BYMINUTE=0", "text"),
    ("2021-09-15 09:00", "on the last Friday of every month at 10 text", "FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=10;BYMINUTE=0", "text"),
    ("2021-09-15 09:00", "every month on the 15th at 10 text", "FREQ=MONTHLY;BYMONTHDAY=15;BYHOUR=10;BYMINUTE=0", "text"),
    ("2021-09-15 09:00", "on the 15th of every month at 10 text", "FREQ=MONTHLY;BYMONTHDAY=15;BYHOUR=10;BYMINUTE=0", "text"),
    ("2021-09-15 09:00", "on the last day of the month at 10 text", "FREQ=MONTHLY;BYMONTHDAY=-1;BYHOUR=10;BYMINUTE=0", "text"),
    ("2021-09-15 09:00", "daily at 10 text", "FREQ=DAILY;BYHOUR=10;BYMINUTE=0", "text"),
    ("2021-09-15 09:00", "every year on March 1 at 10 text", "FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=1;BYHOUR=10;BYMINUTE=0", "text"),
    ("2021-09-15 09:00", "every year on 1 March at 10 text", "FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=1;BYHOUR=10;BYMINUTE=0", "text"),
    ("2021-09-15 09:00", "alle 2 Stunden trinken", "FREQ=HOURLY;INTERVAL=2;DTSTART=20210915T070000Z", "trinken"),
    ("2021-09-15 09:00", "every 2 hours text", "FREQ=HOURLY;INTERVAL=2;DTSTART=20210915T070000Z", "text"),
    ("2021-09-15 09:00", "stündlich Text", "FREQ=HOURLY;DTSTART=20210915T070000Z", "Text"),
    ("2021-09-15 09:00", "cron 0 9 * * 1-5 Text", "CRON=0 9 * * 1-5", "Text"),
    ("2021-09-15 09:00", "cron 0 9 * jan-mar mon,fri Text", "CRON=0 9 * 1-3 1,5", "Text"),
    ("2021-09-15 09:00", "24h Text", "2021-09-16 09:00", "Text"),
    ("2021-09-15 09:00", "jeden dritten Tag um 9 Text", "FREQ=DAILY;INTERVAL=3;BYHOUR=9;BYMINUTE=0;DTSTART=20210916", "Text"),
    (
        "2021-09-15 09:00",
        "jede dritte Woche freitags um 9 Text",
        "FREQ=WEEKLY;INTERVAL=3;BYDAY=FR;BYHOUR=9;BYMINUTE=0;DTSTART=20210917",
        "Text",
    ),
    ("2021-09-15 09:00", "jeden 15. um 9 Text", "FREQ=MONTHLY;BYMONTHDAY=15;BYHOUR=9;BYMINUTE=0", "Text"),
    (
        "2021-09-15 09:00",
        "jeden sechsten Freitag um 9 Text",
        "FREQ=WEEKLY;INTERVAL=6;BYDAY=FR;BYHOUR=9;BYMINUTE=0;DTSTART=20210917",
        "Text",
    ),
    ("2021-09-15 09:00", "jeden Abend um 8 Text", "FREQ=DAILY;BYHOUR=20;BYMINUTE=0", "Text"),
    ("2021-09-15 09:00", "every morning at 8 text", "FREQ=DAILY;BYHOUR=8;BYMINUTE=0", "text"),
    ("2021-09-15 09:00", "every third Friday of the month at 9 text", "FREQ=MONTHLY;BYDAY=3FR;BYHOUR=9;BYMINUTE=0", "text"),
    ("2021-09-15 09:00", "um 21:05 5 Texte", "2021-09-15 21:05", "5 Texte"),
    ("2021-09-15 09:00", "am Mittwoch in zwei Wochen 9 Uhr Text", "2021-10-06 09:00", "Text"),
]

TWO_READINGS = [
    ("2021-09-15 09:00", "in acht Tagen um 9 Text", "in acht Tagen", "22.09.2021", "23.09.2021"),
    ("2021-09-15 09:00", "next Friday at 9 text", "next Friday", "17.09.2021", "24.09.2021"),
    ("2021-09-15 09:00", "3/4/2022 9:00 Text", "3/4/2022", "03.04.2022", "04.03.2022"),
    ("2021-09-15 09:00", "jeden 31. um 9 Text", "jeden 31.", "am Monatsletzten", "nur in Monaten mit einem 31.: cron 0 9 31 * *"),
    ("2021-09-15 09:00", "jährlich am 29.2. um 9 Text", "jährlich am 29.2.", "jährlich am 28.2.", "jährlich am 1.3."),
    (
        "2021-09-15 09:00",
        "jeden dritten Freitag um 9 Text",
        "jeden dritten Freitag",
        "alle 3 Wochen am Freitag",
        "am dritten Freitag im Monat",
    ),
    ("2021-09-15 09:00", "viertel neun Text", "viertel neun", "8:15", "8:45"),
    ("2021-09-15 09:00", "half eight text", "half eight", "7:30", "8:30"),
    ("2021-09-15 09:00", "halb eins Text", "halb eins", "0:30", "12:30"),
    ("2021-09-15 09:00", "um Mitternacht Text", "um Mitternacht", "15.09.2021, 00:00 Uhr", "16.09.2021, 00:00 Uhr"),
    ("2021-09-15 09:00", "morgen um Mitternacht Text", "um Mitternacht", "16.09.2021, 00:00 Uhr", "17.09.2021, 00:00 Uhr"),
    ("2021-09-15 09:00", "12 Uhr nachts Text", "12 Uhr nachts", "15.09.2021, 00:00 Uhr", "16.09.2021, 00:00 Uhr"),
    ("2021-09-15 09:00", "heute Nacht um 2 Text", "Nacht um 2", "15.09.2021, 02:00 Uhr", "16.09.2021, 02:00 Uhr"),
    ("2021-09-15 09:00", "10h30 Text", "10h30", "um 10:30 Uhr", "in 10 Stunden 30 Minuten"),
    ("2021-09-15 09:00", "10 Uhr 30 Labore", "10 Uhr 30", "10:00", "10:30"),
    ("2021-09-15 09:00", "morgen um 10 Uhr, 3 Angebote", "morgen um 10 Uhr, 3", "morgen um 10:00", "morgen um 10:03"),
    ("2021-09-15 09:00", "Freitag um zehn Uhr 3 Angebote", "Freitag um zehn Uhr 3", "Freitag um 10:00", "Freitag um 10:03"),
    ("2021-09-15 09:00", "tomorrow at ten 3 offers", "tomorrow at ten 3", "tomorrow at 10:00", "tomorrow at 10:03"),
    ("2021-09-15 09:00", "tomorrow at 10 o'clock 3 offers", "tomorrow at 10 o'clock 3", "tomorrow at 10:00", "tomorrow at 10:03"),
    ("2021-09-15 09:00", "2021-10-30 12:30 am text", "12:30", "12:30 Uhr", "0:30 Uhr"),
    ("2021-09-15 09:00", "18h Text", "18h", "um 18:00 Uhr", "in 18 Stunden"),
    ("2021-09-15 09:00", "um 21 Uhr 5 Text", "um 21 Uhr 5", "um 21:00", "um 21:05"),
    (
        "2021-09-15 09:00",
        "jeden Montag abends um 8 3 Labore",
        "jeden Montag abends um 8 3",
        "jeden Montag abends um 8:00",
        "jeden Montag abends um 8:03",
    ),
]

MAY_BELONG_TO_IT = [
    ("2021-09-15 09:00", "morgen 9 Labore", "morgen", "9 Labore"),
    ("2021-09-15 09:00", "morgen 9.30 Text", "morgen", "9.30 Text"),
    ("2021-09-15 09:00", "in 3 Tagen 9 Labore", "in 3 Tagen", "9 Labore"),
    ("2021-09-15 09:00", "jeden Montag 9 Labore", "jeden Montag", "9 Labore"),
    ("2021-09-15 09:00", "morgen 9:30-11:00 Text", "morgen 9:30", "-11:00 Text"),
    ("2021-09-15 09:00", "morgen 9:30 - 11:00 Text", "morgen 9:30", "- 11:00 Text"),
    ("2021-09-15 09:00", "morgen 9:30 bis 11 Uhr Text", "morgen 9:30", "bis 11 Uhr"),
    ("2021-09-15 09:00", "morgen 9:30:15 Text", "morgen 9:30", ":15 Text"),
    ("2021-09-15 09:00", "morgen 9:000 Text", "morgen", "9:000 Text"),
    ("2021-09-15 09:00", "jeden Freitag den 13. um 9 Uhr Text", "jeden Freitag", "den 13. um"),
    ("2021-09-15 09:00", "jeden Freitag am 13. Text", "jeden Freitag", "am 13. Text"),
    ("2021-09-15 09:00", "every Friday the 13th text", "every Friday", "the 13th text"),
    ("2021-09-15 09:00", "morgen ٣ Labore", "morgen", "٣ Labore"),
    ("2021-09-15 09:00", "morgen\n10 Uhr Tee", "morgen", "10 Uhr Tee"),
    ("2021-09-15 09:00", "jeden Montag\num 9\nTee", "jeden Montag", "um 9 Tee"),
    ("2021-09-15 09:00", "tomorrow\n\n9:30\nTea", "tomorrow", "9:30 Tea"),
    ("2021-09-15 09:00", "am 2021-10-30T09:00Z Text", "am 2021-10-30", "T09:00Z Text"),
    ("2021-09-15 09:00", "am 2021-10-30T09:00+02:00 Text", "am 2021-10-30T09:00", "+02:00 Text"),
    ("2021-09-15 09:00", "morgen 9 Uhr UTC Text", "morgen 9 Uhr", "UTC Text"),
    ("2021-09-15 09:00", "am 30.10. 9 Uhr und 14 Uhr Text", "am 30.10. 9 Uhr", "und 14 Uhr"),
    ("2021-09-15 09:00", "morgen und übermorgen Text", "morgen", "und übermorgen Text"),
    ("2021-09-15 09:00", "Montag bis Freitag Text", "Montag", "bis Freitag Text"),
    ("2021-09-15 09:00", "morgen gegen 10 Text", "morgen", "gegen 10 Text"),
    ("2021-09-15 09:00", "morgen ab 10 Uhr Text", "morgen", "ab 10 Uhr"),
    ("2021-09-15 09:00", "morgen bis 10 Uhr Text", "morgen", "bis 10 Uhr"),
    ("2021-09-15 09:00", "am 30.10. 9:00 pm Text", "am 30.10. 9:00", "pm Text"),
    ("2021-09-15 09:00", "jeden Monat am ersten Werktag um 9 Text", "jeden Monat am ersten", "Werktag um 9"),
    ("2021-09-15 09:00", "jeden Montag ab Oktober um 9 Text", "jeden Montag", "ab Oktober um"),
    ("2021-09-15 09:00", "jeden Montag um 9 ab 1.10. Text", "jeden Montag um 9", "ab 1.10. Text"),
    ("2021-09-15 09:00", "alle 2 Stunden von 9 bis 17 Uhr Text", "alle 2 Stunden", "von 9 bis"),
    ("2021-09-15 09:00", "werktags alle 2 Stunden Text", "werktags", "alle 2 Stunden"),
    ("2021-09-15 09:00", "Sonntag um 9 und um 10 Text", "Sonntag um 9", "und um 10"),
    ("2021-09-15 09:00", "heute in 3 Stunden Text", "heute", "in 3 Stunden"),
    ("2021-09-15 09:00", "morgen um9 Text", "morgen", "um9 Text"),
    ("2021-09-15 09:00", "montags um 9 und freitags um 10 Text", "montags um 9", "und freitags um"),
    ("2021-09-15 09:00", "in zwei Tagen und 3 Stunden Text", "in zwei Tagen", "und 3 Stunden"),
]

REFUSED = [
    (
        "2021-09-15 09:00",
        "Guten Morgen zusammen",
        (
            "»Guten Morgen zusammen« verstehe ich nicht als Tag mit Uhrzeit. Richtig wäre zum Beispiel »am 16.09.2021 um 9"
            " Uhr« oder »am 2021-09-16 09:00«. Soll der Text selbst so beginnen, setz ihn in Anführungszeichen oder fang"
            " anders an."
        ),
    ),
    (
        "2021-09-15 09:00",
        "so ein Mist",
        (
            "»so ein Mist« verstehe ich nicht als Tag mit Uhrzeit. Richtig wäre zum Beispiel »am 16.09.2021 um 9 Uhr« oder"
            " »am 2021-09-16 09:00«. Soll der Text selbst so beginnen, setz ihn in Anführungszeichen oder fang anders an."
        ),
    ),
    (
        "2021-09-15 09:00",
        "3 Tage Urlaub",
        (
            "»3 Tage Urlaub« verstehe ich nicht als Tag mit Uhrzeit. Richtig wäre zum Beispiel »am 16.09.2021 um 9 Uhr«"
            " oder »am 2021-09-16 09:00«. Soll der Text selbst so beginnen, setz ihn in Anführungszeichen oder fang anders"
            " an."
        ),
    ),
    (
        "2021-09-15 09:00",
        "Bericht morgen abgeben",
        (
            "»Bericht morgen abgeben« verstehe ich nicht als Tag mit Uhrzeit. Richtig wäre zum Beispiel »am 16.09.2021 um 9"
            " Uhr« oder »am 2021-09-16 09:00«. Soll der Text selbst so beginnen, setz ihn in Anführungszeichen oder fang"
            " anders an."
        ),
    ),
    ("2021-09-15 09:00", "30.2. um 9 Text", "Den 30.2.2022 gibt es nicht. Dieser Monat geht bis zum 28.2.2022."),
    ("2021-09-15 09:00", "morgen 25 Uhr Text", "25 Uhr ist keine Uhrzeit. Möglich ist 0:00 bis 23:59."),
    ("2021-09-15 09:00", "morgen 9:60 Text", "9:60 ist keine Uhrzeit. Möglich ist 0:00 bis 23:59."),
    ("2021-09-15 09:00", "um 24:30 Text", "24:30 ist keine Uhrzeit. Möglich ist 0:00 bis 23:59."),
    (
        "2021-09-15 09:00",
        "morgen 24 Uhr Text",
        ("24 Uhr schreib bitte als 0:00 des nächsten Tages: »17.09.2021 um 0:00 Uhr«. Oder meinst du »16.09.2021 um 0:00 Uhr«?"),
    ),
    ("2021-09-15 09:00", "at 13 pm text", "13 pm ist keine Uhrzeit. Möglich ist 0:00 bis 23:59."),
    ("2021-09-15 09:00", "at 0 am text", "0 am ist keine Uhrzeit. Möglich ist 0:00 bis 23:59."),
    ("2021-09-15 09:00", "um halb 25 Text", "halb 25 ist keine Uhrzeit. Möglich ist 0:00 bis 23:59."),
    ("2021-09-15 09:00", "um 9 pm Text", "15.09.2021 09:00 ist schon vorbei; jetzt ist es 15.09.2021 09:00."),
    ("2021-09-15 09:00", "morgen früh Text", "Zu »früh« fehlt die Uhrzeit. Richtig wäre zum Beispiel »16.09.2021 um 9:00«."),
    ("2021-09-15 09:00", "morgen Abend Text", "Zu »Abend« fehlt die Uhrzeit. Richtig wäre zum Beispiel »16.09.2021 um 20:00«."),
    ("2021-09-15 09:00", "abends Text", "Zu »abends« fehlt die Uhrzeit. Richtig wäre zum Beispiel »15.09.2021 um 20:00«."),
    ("2021-09-15 09:00", "Freitag mittag Text", "Zu »mittag« fehlt die Uhrzeit. Richtig wäre zum Beispiel »17.09.2021 um 12:00«."),
    (
        "2021-09-15 09:00",
        "tomorrow morning text",
        "Zu »morning« fehlt die Uhrzeit. Richtig wäre zum Beispiel »16.09.2021 um 9:00«.",
    ),
    ("2021-09-15 09:00", "tonight text", "Zu »tonight« fehlt die Uhrzeit. Richtig wäre zum Beispiel »15.09.2021 um 20:00«."),
    ("2021-09-15 09:00", "täglich morgens Text", "Zu »morgens« fehlt die Uhrzeit. Richtig wäre zum Beispiel »15.09.2021 um 9:00«."),
    (
        "2021-09-15 09:00",
        "morgen 8 Uhr nachmittags Text",
        "»8 Uhr nachmittags« passt nicht zusammen. Schreib die Uhrzeit bitte von 0:00 bis 23:59, zum Beispiel 20:00.",
    ),
    (
        "2021-09-15 09:00",
        "15. und 16. Oktober Text",
        "»15. und 16. Oktober« ist kein einzelner Tag. Richtig wäre zum Beispiel »30.10.2020« oder »nächsten Freitag«.",
    ),
    (
        "2021-09-15 09:00",
        "KW 40 Text",
        "»KW 40« ist kein einzelner Tag. Richtig wäre zum Beispiel »30.10.2020« oder »nächsten Freitag«.",
    ),
    (
        "2021-09-15 09:00",
        "nächste Woche Text",
        "»nächste Woche« ist kein einzelner Tag. Richtig wäre zum Beispiel »30.10.2020« oder »nächsten Freitag«.",
    ),
    (
        "2021-09-15 09:00",
        "Ende Oktober Text",
        "»Ende Oktober« ist kein einzelner Tag. Richtig wäre zum Beispiel »30.10.2020« oder »nächsten Freitag«.",
    ),
    (
        "2021-09-15 09:00",
        "2022 Text",
        "»2022« ist kein einzelner Tag. Richtig wäre zum Beispiel »30.10.2020« oder »nächsten Freitag«.",
    ),
    (
        "2021-09-15 09:00",
        "15. und 16. Oktober 9 Uhr Text",
        "»15. und 16. Oktober« ist kein einzelner Tag. Richtig wäre zum Beispiel »30.10.2020« oder »nächsten Freitag«.",
    ),
    ("2021-09-15 09:00", "14.9.2021 Text", "14.09.2021 ist schon vorbei; heute ist der 15.09.2021."),
    ("2021-09-15 09:00", "gestern Text", "14.09.2021 ist schon vorbei; heute ist der 15.09.2021."),
    ("2021-09-15 09:00", "30.10.3020 Text", "Das Jahr 3020 ist weit weg. Ist es ein Tippfehler?"),
    ("2021-09-15 09:00", "30.10.3020 9 Uhr Text", "Das Jahr 3020 ist weit weg. Ist es ein Tippfehler?"),
    ("2021-09-15 09:00", "um 9 Uhr Text", "15.09.2021 09:00 ist schon vorbei; jetzt ist es 15.09.2021 09:00."),
    ("2021-09-15 09:00", "heute 8 Uhr Text", "15.09.2021 08:00 ist schon vorbei; jetzt ist es 15.09.2021 09:00."),
    ("2021-09-15 09:00", "in 0 Minuten Text", "15.09.2021 09:00 ist schon vorbei; jetzt ist es 15.09.2021 09:00."),
    ("2021-09-15 09:00", "am 15. um 9 Text", "Zu »15.« fehlt der Monat. Richtig wäre zum Beispiel »15.9.2021«."),
    (
        "2021-09-15 09:00",
        "am 29.3.2026 2:30 Text",
        "02:30 gibt es am 29.03.2026 nicht, weil die Uhr vorgestellt wird. Richtig wäre zum Beispiel 03:30.",
    ),
    (
        "2021-09-15 09:00",
        "am 27.3.2022 um halb drei Text",
        "02:30 gibt es am 27.03.2022 nicht, weil die Uhr vorgestellt wird. Richtig wäre zum Beispiel 03:30.",
    ),
    (
        "2021-10-30 09:00",
        "morgen 2:30 Text",
        (
            "02:30 gibt es am 31.10.2021 zweimal, weil die Uhr zurückgestellt wird: zuerst in der Zeit UTC+02:00, dann in"
            " der Zeit UTC+01:00. Nimm bitte eine Zeit davor oder danach, zum Beispiel 03:30."
        ),
    ),
    ("2021-09-15 09:00", "jährlich am 30.2. um 9 Text", "Den 30.2.2024 gibt es nicht. Dieser Monat geht bis zum 29.2.2024."),
    (
        "2021-09-15 09:00",
        "alle zwei Wochen um 9 Text",
        "Zu »alle zwei Wochen« fehlt der Wochentag. Richtig wäre zum Beispiel »alle zwei Wochen freitags um 9 Uhr«.",
    ),
    (
        "2021-09-15 09:00",
        "wöchentlich Text",
        "Zu »wöchentlich« fehlt der Wochentag. Richtig wäre zum Beispiel »jeden Freitag um 9 Uhr«.",
    ),
    (
        "2021-09-15 09:00",
        "jeden Monat um 9 Text",
        (
            "Zu »jeden Monat« fehlt der Tag. Richtig wäre zum Beispiel »jeden Monat am 15. um 9 Uhr« oder »jährlich am 1.3."
            " um 9 Uhr«."
        ),
    ),
    (
        "2021-09-15 09:00",
        "alle 24 Stunden Text",
        "Alle 24 Stunden geht nicht: möglich sind 1 bis 23. Richtig wäre vielleicht »alle 2 Tage«.",
    ),
    ("2021-09-15 09:00", "alle 0 Tage Text", "0 ist kein Abstand. Möglich ist 1 bis 366."),
    (
        "2021-09-15 09:00",
        "alle 30 Minuten Text",
        (
            "»alle 30 Minuten« kenne ich nur als cron, höchstens alle 15 Minuten. Richtig wäre zum Beispiel »cron 0,30 9-16"
            " * * *«: alle 30 Minuten von 9 bis 16:30 Uhr."
        ),
    ),
    ("2021-09-15 09:00", "stündlich um 9 Text", "»stündlich« sagt schon, zu welchen Stunden; eine Uhrzeit dazu geht nicht."),
    (
        "2021-09-15 09:00",
        "am sechsten Dienstag im Monat um 9 Text",
        "»am sechsten Dienstag im Monat« gibt es in keinem Monat. Möglich ist der 1. bis 5. und der letzte.",
    ),
    ("2021-09-15 09:00", "cron 0 9 30 2 * Text", "Den Tag in »0 9 30 2 *« gibt es in keinem Jahr."),
    ("2021-09-15 09:00", "cron */5 * * * * Text", "»*/5 * * * *« käme öfter als alle 15 Minuten; das ist zu oft."),
    (
        "2021-09-15 09:00",
        "cron 0 9 * *",
        (
            "»0 9 * *« sind nicht die fünf Felder von cron: Minute, Stunde, Tag, Monat, Wochentag. Richtig wäre zum"
            " Beispiel »0 9 * * 1-5«: werktags um 9:00."
        ),
    ),
    (
        "2021-09-15 09:00",
        "cron 0 25 * * * Text",
        "»25« geht in diesem Feld von cron nicht; möglich ist 0-23, auch mit Komma, Bindestrich und Schritt (»*/2«).",
    ),
    (
        "2021-09-15 09:00",
        "cron @daily Text",
        (
            "»« sind nicht die fünf Felder von cron: Minute, Stunde, Tag, Monat, Wochentag. Richtig wäre zum Beispiel »0 9"
            " * * 1-5«: werktags um 9:00."
        ),
    ),
    ("2021-09-15 09:00", "um 9 30 Labore", "15.09.2021 09:00 ist schon vorbei; jetzt ist es 15.09.2021 09:00."),
    (
        "2021-09-15 09:00",
        "jeden ersten und dritten Dienstag im Monat um 9 Text",
        (
            "»jeden ersten und dritten Dienstag im Mo…« verstehe ich nicht als Tag mit Uhrzeit. Richtig wäre zum Beispiel"
            " »am 16.09.2021 um 9 Uhr« oder »am 2021-09-16 09:00«. Soll der Text selbst so beginnen, setz ihn in"
            " Anführungszeichen oder fang anders an."
        ),
    ),
    (
        "2021-09-15 09:00",
        "jeden 2. Werktag um 9 Text",
        (
            "»jeden 2. Werktag um 9 Text« verstehe ich nicht als Tag mit Uhrzeit. Richtig wäre zum Beispiel »am 16.09.2021"
            " um 9 Uhr« oder »am 2021-09-16 09:00«. Soll der Text selbst so beginnen, setz ihn in Anführungszeichen oder"
            " fang anders an."
        ),
    ),
    ("2021-09-15 09:00", "jeden Abend Text", "Zu »Abend« fehlt die Uhrzeit. Richtig wäre zum Beispiel »15.09.2021 um 20:00«."),
]


@pytest.mark.parametrize(("now", "words", "when", "text"), UNDERSTOOD)
def test_is_understood(now: str, words: str, when: str, text: str) -> None:
    assert as_when(words, now) == (when, text)


@pytest.mark.parametrize(("now", "words", "said", "first", "second"), TWO_READINGS)
def test_what_has_two_readings_is_refused_with_both(now: str, words: str, said: str, first: str, second: str) -> None:
    assert as_when(words, now) == f"»{said}« kann zweierlei heißen: »{first}« oder »{second}«. Schreib bitte das, was du meinst."


@pytest.mark.parametrize(("now", "words", "said", "first", "second"), TWO_READINGS)
def test_both_readings_can_be_typed(now: str, words: str, said: str, first: str, second: str) -> None:
    """A refusal that shows what would be refused again helps nobody. (That it is over is another matter: then only one is left.)"""
    for reading in (first, second.removeprefix("nur in Monaten mit einem 31.: ")):
        typed = f"um {reading}" if re.fullmatch("[0-9:]+", reading) else reading
        assert re.match(r"\d{4}-|FREQ=|CRON=|.* ist schon vorbei; ", as_any(typed, now)), f"{words} ({said}): {reading}"


@pytest.mark.parametrize(
    ("words", "when"),
    [
        ("morgen 10:00 3 Angebote", "2021-09-16 10:00"),
        ("morgen um 10 Uhr 80 Leute einladen", "2021-09-16 10:00"),
        ("morgen um 10 Uhr morgens 3 Angebote", "2021-09-16 10:00"),
    ],
)
def test_a_number_that_cannot_be_minutes_begins_the_text(words: str, when: str) -> None:
    """What is offered instead of "10 Uhr 3" is understood with the text after it, too."""
    assert as_when(words, "2021-09-15 09:00")[0] == when


@pytest.mark.parametrize(("now", "words", "said", "rest"), MAY_BELONG_TO_IT)
def test_half_a_date_is_not_taken(now: str, words: str, said: str, rest: str) -> None:
    """What follows looks as if it belonged to the date: reading only the beginning would be a wrong time, said by nobody."""
    assert as_when(words, now) == (
        f"»{said}« verstehe ich, aber nicht, ob »{rest}« noch dazugehört. Eine Uhrzeit schreib bitte als »um 9 Uhr« oder »9:00«;"
        " einen Text, der so beginnt, setz in Anführungszeichen."
    )


@pytest.mark.parametrize(("now", "words", "sentence"), REFUSED)
def test_what_is_wrong_is_said(now: str, words: str, sentence: str) -> None:
    assert as_when(words, now) == sentence


def test_the_text_is_kept_as_it_was_typed() -> None:
    text = "  Grüße  –\n\n- 3 Äpfel\n- „Ö“ \N{THUMBS UP SIGN}"
    assert as_when(f"morgen um 9 Uhr:{text}", "2021-09-15 09:00") == ("2021-09-16 09:00", text.lstrip())


def test_a_new_line_begins_the_text() -> None:
    assert as_when("morgen um 9 Uhr\n3 Berichte lesen", "2021-09-15 09:00") == ("2021-09-16 09:00", "3 Berichte lesen")
    assert as_when("morgen\n3 Berichte lesen", "2021-09-15 09:00") == ("2021-09-16", "3 Berichte lesen")


def test_the_zone_is_that_of_now() -> None:
    assert as_when("morgen 2:30 Text", "2021-03-13 09:00", ZoneInfo("America/New_York")) == (
        "02:30 gibt es am 14.03.2021 nicht, weil die Uhr vorgestellt wird. Richtig wäre zum Beispiel 03:30."
    )
