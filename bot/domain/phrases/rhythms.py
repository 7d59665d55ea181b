"""Again and again: "jeden Montag", "alle zwei Wochen freitags", "am ersten Dienstag im Monat", "every weekday", "cron 0 9 * * 1-5"."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from bot.domain.phrases.calendar_days import existing
from bot.domain.phrases.forms import Forms
from bot.domain.phrases.refusals import two_readings
from bot.domain.phrases.said import Found
from bot.domain.phrases.words import (
    COUNT,
    LONG_WEEKDAY,
    LONG_WEEKDAYS,
    MONTH,
    MONTHS,
    ORDINAL,
    WEEKDAY,
    WEEKDAYS,
    number,
    weekday_name,
)
from bot.domain.recurrence import WORKING_DAYS, Frequency, Recurrence
from bot.errors import UserError, text

RHYTHMS: Forms[Recurrence] = Forms()
"""Rules without an hour. One that comes every so many periods starts today until `anchored` says when it does."""

_EVERY = "(?:jede[nrsm]?|every|each)"
_OTHER = "(?:jede[nrsm]? (?:zweite[nrsm]?|2\\.|andere[nrsm]?)|every (?:other|second|2nd))"
_AND = " ?(?:,|und|and|&|\\+|/|sowie) ?"
_PLURAL = f"{LONG_WEEKDAY}s"
_DAYS = f"(?P<days>{WEEKDAY}(?:{_AND}(?:{_EVERY} )?{WEEKDAY}){{0,6}})"
_PLURALS = f"(?P<days>{_PLURAL}(?:{_AND}{_PLURAL}){{0,6}})"
_ON = "(?:,? ?(?:immer |jeweils |always )?(?:am |on |an |jeweils )?)"
_OPENING = "(?:(?:immer|jeweils|always) )?(?:(?:am|an|on)(?: the)? )?"
_WEEKS = "(?:(?P<count>" + COUNT + ") (?:wochen|weeks)|(?P<fortnight>14 tage|vierzehn tage|fortnight))"
_ANY_DAYS = f"(?:{_PLURALS}|{_DAYS.replace('<days>', '<some>')})"
_THE_MONTH = "(?:im|des|in dem|in jedem|jeden|jedes|eines|of the|of every|of each|every|each|in the) (?:monat(?:e?s)?|month)"
_MONTHLY = f"(?:{_EVERY} (?:monat|month)|monatlich|monthly)"
_YEARLY = f"(?:{_EVERY} (?:jahr|year)|jaehrlich|alljaehrlich|yearly|annually)"
_LAST = "(?:letzte[nrsm]?|last)"
_LONG_MONTH, _SHORTEST_MONTH, _MOST_HOURS = 31, 28, 23
_MOST_PERIODS = 366


def _listed(found: Found) -> tuple[int, ...]:
    typed = re.findall("[a-z]+", found["days"] or found["some"])
    return _sorted(_weekday(word) for word in typed if _is_weekday(word))


def _is_weekday(word: str) -> bool:
    return word in WEEKDAYS or (word.endswith("s") and word[:-1] in LONG_WEEKDAYS)


def _weekday(word: str) -> int:
    return WEEKDAYS[word] if word in WEEKDAYS else LONG_WEEKDAYS[word[:-1]]


def _sorted(weekdays: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(set(weekdays)))


def _every_so_many(frequency: Frequency, every: int, today: date, weekdays: tuple[int, ...] = ()) -> Recurrence:
    if not 1 <= every <= _MOST_PERIODS:
        raise UserError("%(count)s ist kein Abstand. Möglich ist 1 bis %(most)s.", count=every, most=_MOST_PERIODS)
    return Recurrence(frequency, every, start=today if every > 1 else None, weekdays=weekdays)


@RHYTHMS.form(f"{_EVERY} (?=(?:vormittag|nachmittag|morgen|abend|morning|afternoon|evening|night)\\b)", end="")
@RHYTHMS.form(f"{_EVERY} (?:tag|day)", "taeglich", "daily")
def _daily(_: Found) -> Recurrence:
    return Recurrence(Frequency.DAILY)


@RHYTHMS.form(f"{_EVERY} {_DAYS}", f"{_OPENING}{_PLURALS}", f"(?:{_EVERY} (?:woche|week)|woechentlich|weekly){_ON}{_ANY_DAYS}")
def _weekly(found: Found) -> Recurrence:
    return Recurrence(Frequency.WEEKLY, weekdays=_listed(found))


@RHYTHMS.form(f"(?P<first>{_PLURAL}) (?:bis|to|through) (?P<last>{_PLURAL})")
def _week_from_to(found: Found) -> Recurrence:
    first, last = _weekday(found["first"]), _weekday(found["last"])
    if last <= first:
        raise UserError("»%(said)s« läuft rückwärts. Zähl die Wochentage bitte auf.", said=found.typed)
    return Recurrence(Frequency.WEEKLY, weekdays=tuple(range(first, last + 1)))


@RHYTHMS.form("werktags", f"{_EVERY} (?:werktag|arbeitstag|weekday|working day|workday)", "(?:an |on )?(?:werktagen|weekdays)")
def _working_days(_: Found) -> Recurrence:
    return Recurrence(Frequency.WEEKLY, weekdays=WORKING_DAYS)


@RHYTHMS.form(
    f"{_OTHER} (?:tag|day)",
    f"{_EVERY} (?P<nth>{ORDINAL}) (?:tag|day)",
    f"alle (?P<count>{COUNT}) tage",
    f"every (?P<count>{COUNT}) days",
)
def _every_few_days(found: Found) -> Recurrence:
    return _every_so_many(Frequency.DAILY, number(found["count"] or found["nth"] or "2"), found.today)


@RHYTHMS.form(
    f"{_OTHER} {_DAYS}",
    f"{_OTHER} (?:woche|week){_ON}{_ANY_DAYS}",
    f"{_EVERY} (?P<nth>{ORDINAL}) (?:woche|week){_ON}{_ANY_DAYS}",
    f"(?:alle|every) {_WEEKS}{_ON}{_ANY_DAYS}",
    f"{_OPENING}{_PLURALS},? (?:alle|every) {_WEEKS}",
    f"{_OPENING}{_PLURALS},? {_OTHER} (?:woche|week)",
)
def _every_few_weeks(found: Found) -> Recurrence:
    return _every_so_many(Frequency.WEEKLY, number(found["count"] or found["nth"] or "2"), found.today, _listed(found))


_NTH = {2: text("zweiten"), 3: text("dritten"), 4: text("vierten"), 5: text("fünften")}


@RHYTHMS.form(rf"{_EVERY} (?P<nth>{ORDINAL}) (?P<weekday>{WEEKDAY})")
def _every_third_weekday(found: Found) -> Recurrence:
    """Return the first such weekday of the month, or every sixth. Raises `UserError` with both for the third: of each month, or week."""
    nth, weekday = number(found["nth"]), WEEKDAYS[found["weekday"].rstrip(".")]
    if nth == 1:
        return Recurrence(Frequency.MONTHLY, weekdays=(weekday,), nth=1)
    if nth not in _NTH:
        return _every_so_many(Frequency.WEEKLY, nth, found.today, (weekday,))
    raise two_readings(
        found.typed,
        text("alle %(count)s Wochen am %(weekday)s", count=nth, weekday=weekday_name(weekday)),
        text("am %(nth)s %(weekday)s im Monat", nth=_NTH[nth], weekday=weekday_name(weekday)),
    )


@RHYTHMS.form(
    rf"{_OPENING}(?:the )?(?:{_EVERY} )?(?P<nth>{ORDINAL}|{_LAST}) (?P<weekday>{WEEKDAY}) {_THE_MONTH}",
    rf"{_EVERY} (?P<nth>{_LAST}) (?P<weekday>{WEEKDAY})",
    rf"{_MONTHLY}{_ON}(?:the )?(?P<nth>{ORDINAL}|{_LAST}) (?P<weekday>{WEEKDAY})",
)
def _nth_weekday(found: Found) -> Recurrence:
    typed, weekday = found["nth"], WEEKDAYS[found["weekday"].rstrip(".")]
    nth = -1 if typed.startswith(("letzt", "last")) else number(typed)
    if nth not in (-1, 1, 2, 3, 4, 5):
        raise UserError("»%(said)s« gibt es in keinem Monat. Möglich ist der 1. bis 5. und der letzte.", said=found.typed)
    return Recurrence(Frequency.MONTHLY, weekdays=(weekday,), nth=nth)


@RHYTHMS.form(
    rf"{_MONTHLY}{_ON}(?:the |den |dem )?(?P<day>{ORDINAL})",
    rf"(?:alle|every) (?P<count>{COUNT}) (?:monate|months){_ON}(?:the )?(?P<day>{ORDINAL})",
    rf"{_OPENING}(?P<day>{ORDINAL}) (?:tag )?{_THE_MONTH}",
    rf"{_OPENING}(?P<day>{ORDINAL}) day {_THE_MONTH}",
    rf"{_EVERY} (?P<day>[0-9]{{1,2}}(?:\.|st|nd|rd|th))(?=,? (?:um|at|[0-9])|[.,:;!]*$)",
    rf"immer am (?P<day>{ORDINAL})",
    rf"{_OPENING}(?P<first>monatsersten)",
)
def _day_of_month(found: Found) -> Recurrence:
    day = 1 if found["first"] else number(found["day"])
    if not 1 <= day <= _LONG_MONTH:
        raise UserError("Den %(day)s. gibt es in keinem Monat.", day=day)
    if day > _SHORTEST_MONTH:
        raise two_readings(
            found.typed,
            text("am Monatsletzten"),
            text("nur in Monaten mit einem %(day)s.: cron 0 9 %(day)s * *", day=day),
        )
    return replace(_every_so_many_months(number(found["count"] or "1"), found.today), month_day=day)


def _every_so_many_months(every: int, today: date) -> Recurrence:
    if not 1 <= every <= _MOST_PERIODS:
        raise UserError("%(count)s ist kein Abstand. Möglich ist 1 bis %(most)s.", count=every, most=_MOST_PERIODS)
    return Recurrence(Frequency.MONTHLY, every, start=today if every > 1 else None, month_day=1)


@RHYTHMS.form(
    f"{_OPENING}monatsletzten",
    f"{_MONTHLY}{_ON}(?:the )?{_LAST}(?: tag| day)?",
    f"{_OPENING}{_LAST} (?:tag |day )?{_THE_MONTH}",
    "(?:at the )?end of (?:every|each) month",
    "(?:immer |jeweils )?(?:am )?(?:monatsende|ende jedes monats|ende jeden monats)",
)
def _last_of_month(_: Found) -> Recurrence:
    return Recurrence(Frequency.MONTHLY, month_day=-1)


_DATE = (
    rf"(?:(?P<day>[0-9]{{1,2}})\. ?(?P<number>[0-9]{{1,2}})\.|(?P<before>{ORDINAL}|[0-9]{{1,2}}) (?:of )?(?P<month>{MONTH})"
    rf"|(?P<name>{MONTH}) (?P<after>{ORDINAL}|[0-9]{{1,2}}))(?!\.?[0-9])"
)


@RHYTHMS.form(rf"{_YEARLY}{_ON}(?:the |dem )?{_DATE}", rf"{_OPENING}{_DATE} (?:{_EVERY} (?:jahr|year)|jeden jahres|jedes jahres)")
def _yearly(found: Found) -> Recurrence:
    leap = 2024
    month = int(found["number"]) if found["number"] else MONTHS[(found["month"] or found["name"]).rstrip(".")]
    day = existing(leap, month, number(found["day"] or found["before"] or found["after"]))
    if (day.month, day.day) == (2, 29):
        raise two_readings(found.typed, text("jährlich am %(day)s", day="28.2."), text("jährlich am %(day)s", day="1.3."))
    return Recurrence(Frequency.YEARLY, month=day.month, month_day=day.day)


@RHYTHMS.form(
    "stuendlich",
    "hourly",
    f"{_EVERY} (?:stunde|hour)",
    f"(?P<other>{_OTHER}) (?:stunde|hour)",
    f"(?:alle|every) (?P<count>{COUNT}) (?:stunden|std\\.?|hours|h)",
)
def _hourly(found: Found) -> Recurrence:
    count = number(found["count"] or ("2" if found["other"] else "1"))
    if not 1 <= count <= _MOST_HOURS:
        raise UserError(
            "Alle %(count)s Stunden geht nicht: möglich sind 1 bis 23. Richtig wäre vielleicht »alle 2 Tage«.", count=count
        )
    return Recurrence(Frequency.HOURLY, count, since=datetime(1970, 1, 1, tzinfo=UTC))


@RHYTHMS.form(r"cron:? (?P<fields>[^ \n]+ [^ \n]+ [^ \n]+ [^ \n]+ [^ \n]+)", end="(?!\\S)")
def _cron(found: Found) -> Recurrence:
    return Recurrence.cron(found["fields"])


@RHYTHMS.form(r"cron\b(?: [0-9*/,-]+){0,6}", end="")
def _no_cron(found: Found) -> Recurrence:
    return Recurrence.cron(found.match.group().removeprefix("cron").strip())


@RHYTHMS.form(f"(?:{_EVERY} (?:woche|week)|woechentlich|weekly)")
def _no_weekday_of_every_week(found: Found) -> Recurrence:
    raise UserError("Zu »%(said)s« fehlt der Wochentag. Richtig wäre zum Beispiel »jeden Freitag um 9 Uhr«.", said=found.typed)


@RHYTHMS.form(
    f"(?:{_OTHER}|{_EVERY} {ORDINAL}) (?:woche|week)",
    f"(?:alle|every) {_WEEKS}",
)
def _no_weekday(found: Found) -> Recurrence:
    if found["fortnight"] and found.match.group().startswith("alle"):
        return _every_so_many(Frequency.DAILY, 14, found.today)
    raise UserError(
        "Zu »%(said)s« fehlt der Wochentag. Richtig wäre zum Beispiel »alle zwei Wochen freitags um 9 Uhr«.", said=found.typed
    )


@RHYTHMS.form(_MONTHLY, f"(?:alle|every) {COUNT} (?:monate|months)", f"{_EVERY} (?:zweiten|second|other) (?:monat|month)", _YEARLY)
def _no_day(found: Found) -> Recurrence:
    raise UserError(
        "Zu »%(said)s« fehlt der Tag. Richtig wäre zum Beispiel »jeden Monat am 15. um 9 Uhr« oder »jährlich am 1.3. um 9 Uhr«.",
        said=found.typed,
    )


@RHYTHMS.form(f"(?:alle|every) {COUNT} (?:minuten|min|minutes)", f"{_EVERY} (?:viertelstunde|halbe stunde|half hour|minute)")
def _minutes(found: Found) -> Recurrence:
    raise UserError(
        "»%(said)s« kenne ich nur als cron, höchstens alle 15 Minuten. Richtig wäre zum Beispiel »%(example)s«: alle 30 Minuten"
        " von 9 bis 16:30 Uhr.",
        said=found.typed,
        example="cron 0,30 9-16 * * *",
    )


def anchored(rule: Recurrence, clock: time | None, now: datetime) -> Recurrence:
    """Return the rule at that time of day. One that comes every so many periods is counted from the first time it can come."""
    if rule.frequency is Frequency.HOURLY:
        return replace(rule, since=now.astimezone(UTC).replace(microsecond=0))
    timed = rule if clock is None else rule.at(clock)
    if rule.every == 1 or rule.frequency is Frequency.CRON:
        return timed
    simple = replace(rule.at(clock or time(0)), every=1, start=None)
    zone = now.tzinfo
    first = simple.next_after(now, zone) if isinstance(zone, ZoneInfo) else None
    return replace(timed, start=first.date() if first else now.date())
