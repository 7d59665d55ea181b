"""What comes again and again, as people say it: "jeden Montag um 09:00", "am ersten Dienstag im Monat um 10:00", "alle 2 Tage"."""

from datetime import date, timedelta

from babel.dates import format_skeleton

from bot.domain.phrases.words import weekday_name
from bot.domain.recurrence import WORKING_DAYS, Frequency, Recurrence
from bot.errors import Text, ntext, text
from bot.rendering.durations import format_duration

_LEAP_YEAR = 2024
_LOCALES = {"en": "en_GB"}
_ORDINALS = {
    1: text("am ersten %(weekday)s im Monat"),
    2: text("am zweiten %(weekday)s im Monat"),
    3: text("am dritten %(weekday)s im Monat"),
    4: text("am vierten %(weekday)s im Monat"),
    5: text("am fünften %(weekday)s im Monat"),
    -1: text("am letzten %(weekday)s im Monat"),
}


def format_recurrence(rule: Recurrence, language: str) -> Text:
    """Return a rule in words, with its hour if it has one."""
    days = _days(rule, language)
    return days if rule.clock is None else text("%(days)s um %(time)s", days=days, time=f"{rule.clock:%H:%M}")


def format_interval(every: timedelta, language: str) -> Text:
    """Return how often something is said again: "stündlich", "täglich", "alle 5 Minuten"."""
    if every == timedelta(hours=1):
        return text("stündlich")
    if every == timedelta(days=1):
        return text("täglich")
    return text("alle %(length)s", length=format_duration(every, language))


def _days(rule: Recurrence, language: str) -> Text:
    match rule.frequency:
        case Frequency.HOURLY:
            return format_interval(timedelta(hours=rule.every), language)
        case Frequency.DAILY:
            return format_interval(timedelta(days=rule.every), language)
        case Frequency.WEEKLY:
            return _weekly(rule)
        case Frequency.MONTHLY:
            return _every(rule, _day_of_month(rule))
        case Frequency.YEARLY:
            day = date(_LEAP_YEAR, rule.month or 1, rule.month_day or 1)
            shown = format_skeleton("MMMMd", day, locale=_LOCALES.get(language, language))
            return ntext("jedes Jahr am %(day)s", "alle %(n)s Jahre am %(day)s", rule.every, day=shown)
        case Frequency.CRON:
            return text("nach cron »%(fields)s«", fields=rule.fields.text if rule.fields else "")


def _weekly(rule: Recurrence) -> Text:
    if rule.weekdays == WORKING_DAYS and rule.every == 1:
        return text("werktags")
    return ntext("jeden %(weekdays)s", "alle %(n)s Wochen am %(weekdays)s", rule.every, weekdays=_listed(rule.weekdays))


def _listed(weekdays: tuple[int, ...]) -> Text:
    *others, last = map(weekday_name, weekdays)
    if not others:
        return last
    listed = others[0]
    for other in others[1:]:
        listed = text("%(one)s, %(other)s", one=listed, other=other)
    return text("%(one)s und %(other)s", one=listed, other=last)


def _day_of_month(rule: Recurrence) -> Text:
    if rule.nth is not None:
        return Text(_ORDINALS[rule.nth].msgid, {"weekday": weekday_name(rule.weekdays[0])})
    if rule.month_day == -1:
        return text("am Monatsletzten")
    return text("am %(day)s. des Monats", day=rule.month_day)


def _every(rule: Recurrence, day: Text) -> Text:
    return day if rule.every == 1 else text("%(day)s, alle %(count)s Monate", day=day, count=rule.every)
