"""Ten thousand phrases whose meaning is known because they were made from it; each is compared exactly.

Reader and generator share nothing but the calendar: forms and words are written out here once more.
"""

import random
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, time, timedelta

from bot.domain.phrases import DayOnly, Moment, Recurring, read_date, read_when
from bot.errors import UserError
from tests.domain.phrases.phrases import BERLIN

PHRASES = 12_000
SEED = 20201030

MONTHS = [
    ["Januar", "Jan.", "January", "Jan"],
    ["Februar", "Feb.", "February", "Feb"],
    ["März", "Mär.", "Maerz", "March", "Mar"],
    ["April", "Apr.", "Apr"],
    ["Mai", "May"],
    ["Juni", "Jun.", "June", "Jun"],
    ["Juli", "Jul.", "July", "Jul"],
    ["August", "Aug.", "Aug"],
    ["September", "Sept.", "Sep.", "Sep"],
    ["Oktober", "Okt.", "October", "Oct"],
    ["November", "Nov.", "Nov"],
    ["Dezember", "Dez.", "December", "Dec"],
]
WEEKDAYS = ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"]
ENGLISH_WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
CODES = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
NUMBERS = ["null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf"]
ENGLISH_NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
ORDINALS = ["ersten", "zweiten", "dritten", "vierten"]
ENGLISH_ORDINALS = ["first", "second", "third", "fourth"]
SEASONS = {21: ["Frühjahr", "Frühling", "spring"], 22: ["Sommer", "summer"], 23: ["Herbst", "autumn", "fall"]}
Made = tuple[str, str]
"""A phrase, and what it means: EDTF."""


def _suffix(day: int) -> str:
    return "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _day(r: random.Random) -> date:
    return date(r.randint(1990, 2090), 1, 1) + timedelta(days=r.randrange(365))


def a_day(r: random.Random, _: date) -> Made:
    day = _day(r)
    d, m, y, month = day.day, day.month, day.year, r.choice(MONTHS[day.month - 1])
    forms = [
        f"{d}.{m}.{y}",
        f"{d:02d}.{m:02d}.{y}",
        f"{d}. {m}. {y}",
        f"{d}. {month} {y}",
        f"{d} {month} {y}",
        f"{d}{_suffix(d)} of {month} {y}",
        f"{month} {d}, {y}",
        f"{month} {d}{_suffix(d)}, {y}",
        f"am {d}. {month} {y}",
        f"{y}-{m:02d}-{d:02d}",
        f"{WEEKDAYS[day.weekday()]}, {d}.{m}.{y}",
        f"{WEEKDAYS[day.weekday()]}, den {d}. {month} {y}",
        f"{ENGLISH_WEEKDAYS[day.weekday()]}, {d} {month} {y}",
        f"{y}/{m}/{d}",
    ]
    if d > 12:
        forms += [f"{d}/{m}/{y}", f"{m}/{d}/{y}"]
    return r.choice(forms), day.isoformat()


def a_day_of_no_year(r: random.Random, today: date) -> Made:
    day = today + timedelta(days=r.randrange(365))
    if (day.month, day.day) == (2, 29):
        return a_day(r, today)
    month = r.choice(MONTHS[day.month - 1])
    return r.choice(
        [f"{day.day}.{day.month}.", f"{day.day}. {month}", f"am {day.day}. {month}", f"{day.day}{_suffix(day.day)} {month}"]
    ), (day.isoformat())


def days_in_a_row(r: random.Random, _: date) -> Made:
    first = _day(r)
    length = r.choice([1, 1, 1, 2, 3, 5, 12])
    last = first + timedelta(days=length)
    name, last_name = r.choice(MONTHS[first.month - 1]), r.choice(MONTHS[last.month - 1])
    joints = ["-", " – ", " bis ", " bis zum ", " to ", " until "] + (["/", " und ", " and ", " & "] if length == 1 else [])
    joint = r.choice(joints)
    forms = [
        f"{first.day}.{first.month}.{first.year}{joint}{last.day}.{last.month}.{last.year}",
        f"{first.day}. {name} {first.year}{joint}{last.day}. {last_name} {last.year}",
        f"{first.day}. {name}{joint}{last.day}. {last_name} {last.year}",
        f"{first.day}.{first.month}.{joint}{last.day}.{last.month}.{last.year}",
        f"{first.isoformat()}{joint}{last.isoformat()}",
    ]
    if first.month == last.month:
        forms += [
            f"{first.day}.{joint}{last.day}. {name} {last.year}",
            f"{first.day}.{joint}{last.day}.{last.month}.{last.year}",
            f"{first.day}{joint}{last.day} {name} {last.year}",
            f"{name} {first.day}{joint}{last.day}, {last.year}",
        ]
    opening = r.choice(["", "", "vom "]) if "bis" in joint else ""
    return opening + r.choice(forms), f"{first.isoformat()}/{last.isoformat()}"


def a_month(r: random.Random, _: date) -> Made:
    year, month = r.randint(1990, 2090), r.randint(1, 12)
    name = r.choice(MONTHS[month - 1])
    about = r.choice(["", "", "im ", "in ", "Anfang ", "Mitte ", "Ende ", "early ", "late ", "mid-", "the end of "])
    numbers = f"{r.choice([f'{month}', f'{month:02d}'])}/{year}"
    return r.choice([f"{about}{name} {year}", f"{about}{name} {year}", numbers, f"{year}-{month:02d}"]), f"{year}-{month:02d}"


def a_month_of_no_year(r: random.Random, today: date) -> Made:
    month = r.randint(1, 12)
    year = today.year if month >= today.month else today.year + 1
    return r.choice(["", "im ", "Ende ", "Anfang ", "mid-"]) + r.choice(MONTHS[month - 1]), f"{year}-{month:02d}"


def a_quarter(r: random.Random, today: date) -> Made:
    quarter, year = r.randint(1, 4), r.randint(1990, 2090)
    with_year = [
        f"{quarter}. Quartal {year}",
        f"Q{quarter} {year}",
        f"Q{quarter}/{year}",
        f"{year} Q{quarter}",
        f"{ENGLISH_ORDINALS[quarter - 1]} quarter of {year}",
        f"im {ORDINALS[quarter - 1]} Quartal {year}",
    ]
    if r.random() < 0.7:
        return r.choice(with_year), f"{year}-{32 + quarter}"
    coming = today.year if 3 * quarter >= today.month else today.year + 1
    return r.choice([f"{quarter}. Quartal", f"Q{quarter}", f"Quartal {quarter}"]), f"{coming}-{32 + quarter}"


def a_season(r: random.Random, _: date) -> Made:
    year, number = r.randint(1990, 2090), r.choice([21, 22, 23, 24])
    if number == 24:
        return r.choice([f"Winter {year}/{(year + 1) % 100:02d}", f"winter {year}/{year + 1}"]), f"{year}-24"
    return f"{r.choice(SEASONS[number])} {year}", f"{year}-{number}"


def a_year(r: random.Random, _: date) -> Made:
    year = r.randint(1990, 2090)
    if r.random() < 0.5:
        return r.choice([f"{year}", f"im Jahr {year}", f"in {year}", f"Ende {year}"]), f"{year}"
    forms = [f"{year} / Termin noch offen", f"{year}, Termin noch offen", f"{year}, date still open", f"{year} (Termin offen)"]
    return r.choice(forms), f"{year}-XX-XX"


def a_week(r: random.Random, _: date) -> Made:
    monday = _day(r)
    monday -= timedelta(days=monday.weekday())
    year, week, _weekday = monday.isocalendar()
    forms = [f"KW {week} {year}", f"KW {week}/{year}", f"{week}. KW {year}", f"week {week} of {year}", f"{year}-W{week:02d}"]
    return r.choice(forms), f"{monday.isoformat()}/{(monday + timedelta(days=6)).isoformat()}"


def from_today(r: random.Random, today: date) -> Made:
    count, weekday = r.randint(2, 12), r.randrange(7)
    coming = today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)
    monday = today - timedelta(days=today.weekday())
    found = [
        ("heute", today),
        ("morgen", today + timedelta(days=1)),
        ("übermorgen", today + timedelta(days=2)),
        ("the day after tomorrow", today + timedelta(days=2)),
        (f"in {count} Tagen", today + timedelta(days=count)),
        (f"in {ENGLISH_NUMBERS[count]} days", today + timedelta(days=count)),
        (f"in {NUMBERS[count]} Wochen", today + timedelta(weeks=count)),
        (f"heute in {count} Wochen", today + timedelta(weeks=count)),
        (f"{WEEKDAYS[weekday]} in {count} Wochen", coming + timedelta(weeks=count)),
        (WEEKDAYS[weekday], coming),
        (ENGLISH_WEEKDAYS[weekday], coming),
        (f"nächsten {WEEKDAYS[weekday]}", coming),
        (f"am kommenden {WEEKDAYS[weekday]}", coming),
        (f"übernächsten {WEEKDAYS[weekday]}", coming + timedelta(days=7)),
        (f"{WEEKDAYS[weekday]} nächster Woche", monday + timedelta(days=7 + weekday)),
        (f"{ENGLISH_WEEKDAYS[weekday]} of next week", monday + timedelta(days=7 + weekday)),
    ]
    phrase, day = r.choice(found)
    return phrase, day.isoformat()


DATES: list[Callable[[random.Random, date], Made]] = [
    a_day,
    a_day,
    a_day_of_no_year,
    days_in_a_row,
    days_in_a_row,
    a_month,
    a_month_of_no_year,
    a_quarter,
    a_season,
    a_year,
    a_week,
    from_today,
    from_today,
]


def a_clock(r: random.Random) -> tuple[str, time]:
    """Return a time as it is said after a day or a rhythm, between 4:00 and 23:59: no clock is changed then."""
    hour, minute = r.randint(4, 23), r.randrange(60)
    spoken = r.randint(4, 12)
    found = [
        (f"{hour} Uhr", time(hour)),
        (f"um {hour} Uhr", time(hour)),
        (f"um {hour}", time(hour)),
        (f"{hour}:{minute:02d}", time(hour, minute)),
        (f"um {hour}:{minute:02d} Uhr", time(hour, minute)),
        (f"um {hour}.{minute:02d} Uhr", time(hour, minute)),
        (f"at {hour:02d}:{minute:02d}", time(hour, minute)),
        (f"um {NUMBERS[spoken]}", time(spoken)),
        (f"um halb {NUMBERS[spoken]}", time(spoken - 1, 30)),
        (f"um viertel nach {NUMBERS[spoken]}", time(spoken, 15)),
        (f"um Viertel vor {NUMBERS[spoken]}", time(spoken - 1, 45)),
        (f"um zehn nach {NUMBERS[spoken]}", time(spoken, 10)),
        (f"um fünf vor halb {NUMBERS[spoken]}", time(spoken - 1, 25)),
        (f"at half past {ENGLISH_NUMBERS[spoken]}", time(spoken, 30)),
        (f"at quarter to {ENGLISH_NUMBERS[spoken]}", time(spoken - 1, 45)),
        ("mittags", time(12)),
    ]
    if 6 <= hour - 12 <= 11:
        found.append((f"um {hour - 12} Uhr abends", time(hour)))
    return r.choice(found)


def a_rhythm(r: random.Random) -> Made:
    weekday, other, nth, day, month = r.randrange(7), r.randrange(7), r.randint(1, 4), r.randint(1, 28), r.randint(1, 12)
    two = ",".join(CODES[each] for each in sorted({weekday, other}))
    return r.choice(
        [
            ("jeden Tag", "FREQ=DAILY"),
            ("täglich", "FREQ=DAILY"),
            ("daily", "FREQ=DAILY"),
            ("werktags", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
            ("every weekday", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
            (f"jeden {WEEKDAYS[weekday]}", f"FREQ=WEEKLY;BYDAY={CODES[weekday]}"),
            (f"every {ENGLISH_WEEKDAYS[weekday]}", f"FREQ=WEEKLY;BYDAY={CODES[weekday]}"),
            (f"{WEEKDAYS[weekday].lower()}s", f"FREQ=WEEKLY;BYDAY={CODES[weekday]}"),
            (f"{WEEKDAYS[weekday].lower()}s und {WEEKDAYS[other].lower()}s", f"FREQ=WEEKLY;BYDAY={two}"),
            (f"every {ENGLISH_WEEKDAYS[weekday]} and {ENGLISH_WEEKDAYS[other]}", f"FREQ=WEEKLY;BYDAY={two}"),
            (f"am {ORDINALS[nth - 1]} {WEEKDAYS[weekday]} im Monat", f"FREQ=MONTHLY;BYDAY={nth}{CODES[weekday]}"),
            (f"am letzten {WEEKDAYS[weekday]} jeden Monats", f"FREQ=MONTHLY;BYDAY=-1{CODES[weekday]}"),
            (
                f"every {ENGLISH_ORDINALS[nth - 1]} {ENGLISH_WEEKDAYS[weekday]} of the month",
                f"FREQ=MONTHLY;BYDAY={nth}{CODES[weekday]}",
            ),
            (f"jeden Monat am {day}.", f"FREQ=MONTHLY;BYMONTHDAY={day}"),
            (f"am {day}. jeden Monats", f"FREQ=MONTHLY;BYMONTHDAY={day}"),
            (f"on the {day}{_suffix(day)} of every month", f"FREQ=MONTHLY;BYMONTHDAY={day}"),
            ("am Monatsletzten", "FREQ=MONTHLY;BYMONTHDAY=-1"),
            (f"jährlich am {day}.{month}.", f"FREQ=YEARLY;BYMONTH={month};BYMONTHDAY={day}"),
            (f"jedes Jahr am {day}. {MONTHS[month - 1][0]}", f"FREQ=YEARLY;BYMONTH={month};BYMONTHDAY={day}"),
        ]
    )


def _typed(r: random.Random, phrase: str) -> str:
    """Return the phrase as a phone or a hurried person types it."""
    changes: list[Callable[[str], str]] = [
        lambda typed: typed,
        str.lower,
        str.upper,
        lambda typed: typed.replace(" ", "\u00a0"),
        lambda typed: typed.replace("-", "–"),
        lambda typed: typed.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue"),
        lambda typed: f"  {typed}  ",
    ]
    return r.choice(changes)(phrase)


def _read_date(phrase: str, today: date) -> str:
    try:
        return str(read_date(phrase, today))
    except UserError as refused:
        return refused.text.msgid


def _read_when(words: str, now: datetime) -> tuple[object, str]:
    try:
        when, text = read_when(words, now)
    except UserError as refused:
        return refused.text.msgid, ""
    return (str(when.rule), text) if isinstance(when, Recurring) else (when, text)


def test_dates_are_read_as_they_were_made() -> None:
    r = random.Random(SEED)  # noqa: S311  (phrases, not secrets)
    kinds: Counter[str] = Counter()
    wrong: list[tuple[str, date, str, str]] = []
    while kinds.total() < PHRASES:
        today = date(2021, 1, 1) + timedelta(days=r.randrange(1500))
        make = r.choice(DATES)
        phrase, edtf = make(r, today)
        typed = _typed(r, phrase)
        kinds[make.__name__] += 1
        found = _read_date(typed, today)
        if found != edtf:
            wrong.append((typed, today, edtf, found))
    assert wrong == []
    assert min(kinds.values()) > PHRASES // 20


def test_days_and_hours_before_a_text_are_read_as_they_were_made() -> None:
    r = random.Random(SEED)  # noqa: S311  (phrases, not secrets)
    wrong: list[object] = []
    for _ in range(PHRASES // 3):
        now = datetime(2021, 1, 1, 3, tzinfo=BERLIN) + timedelta(days=r.randrange(1500))
        day_said, iso = r.choice([a_day_of_no_year, from_today])(r, now.date())
        day = date.fromisoformat(iso)
        if not now.date() <= day < now.date() + timedelta(days=1700):
            continue
        clock_said, clock = a_clock(r)
        separator = r.choice([" ", ", "])
        typed = _typed(r, f"{day_said}{separator}{clock_said}").strip()
        expected: tuple[object, str] = (Moment(datetime.combine(day, clock, BERLIN)), "Bericht lesen")
        found = _read_when(f"{typed}{r.choice([' ', ': ', ', '])}Bericht lesen", now)
        if found != expected:
            wrong.append((typed, now, expected, found))
        alone = _read_when(f"{day_said} Bericht lesen", now)
        if alone != (DayOnly(day), "Bericht lesen"):
            wrong.append((day_said, now, alone))
    assert wrong == []


def test_rhythms_before_a_text_are_read_as_they_were_made() -> None:
    r = random.Random(SEED)  # noqa: S311  (phrases, not secrets)
    now = datetime(2021, 9, 15, 9, tzinfo=BERLIN)
    wrong: list[object] = []
    for _ in range(PHRASES // 3):
        (said, rule), (clock_said, clock) = a_rhythm(r), a_clock(r)
        typed = _typed(r, f"{said} {clock_said}").strip()
        found = _read_when(f"{typed} Bericht lesen", now)
        expected = (f"{rule};BYHOUR={clock.hour};BYMINUTE={clock.minute}", "Bericht lesen")
        if found != expected:
            wrong.append((typed, expected, found))
    assert wrong == []
