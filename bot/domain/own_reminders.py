"""Own reminders: what people ask to be reminded of. When one comes again, and what becomes of it by ✅, 💤, or another time.

All times are aware. They are compared in UTC: of two times in one zone, Python compares what the clocks show.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.domain.chat_words import first_words, unquoted
from bot.domain.cron import SHORTEST_MINUTES
from bot.domain.matching import fold
from bot.domain.phrases import DayOnly, Moment, Recurring, When, read_when
from bot.domain.phrases.moments import existing_once, still_to_come
from bot.domain.phrases.refusals import shown
from bot.domain.phrases.said import Said
from bot.domain.phrases.words import COUNT, number
from bot.domain.recurrence import Recurrence
from bot.domain.wall_clock import first_at_or_after
from bot.errors import UsageError, UserError, text

POLICY = "own-reminder"
SNOOZE = timedelta(hours=1)
LATE_AFTER = timedelta(minutes=5)
ALARM_EVERY = timedelta(minutes=5)
MOST_RINGS = 48
"""How often something rings that rings more than once an hour: nobody is there. Every five minutes, that is four hours."""

MOST_OF_PERSON, MOST_IN_ROOM = 50, 200
MOST_CHARACTERS = 2_000

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_MOST_DAYS_APART = 366
_BACK = tuple(timedelta(days=days) for days in (1, 8, 32, 367, 8 * 366))
"""How far back the last time of a rule is looked for, step by step: a 29 February comes within eight years."""


@dataclass(frozen=True, slots=True)
class OwnReminder:
    """One. `room`: key of a configured room, or a room id. `mentions`: user ids, or `@room`.

    `rule`: it comes again and again, in its own `zone`; `every`: each time, it is said again so often until somebody says that it is
    done. `due_at`: when it is said next, None if nothing is to come; `stands_for`: the time of the rule that this stands for or repeats.
    `occurrence`: how often it was said; `rings`: how often for the same time. `said_for`: the time for which it was said last, None once
    that is settled. `done`: somebody has said that it is.
    """

    id: int
    room: str
    author: str
    text: str
    mentions: tuple[str, ...]
    zone: ZoneInfo
    rule: Recurrence | None
    every: timedelta | None
    due_at: datetime | None
    stands_for: datetime | None
    occurrence: int = 0
    rings: int = 0
    said_for: datetime | None = None
    done: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for. `due_at`: the first time, in their zone; `opens`: the hour that was taken because none was said."""

    due_at: datetime
    rule: Recurrence | None
    every: timedelta | None
    text: str
    opens: time | None = None


# Keys: the reminder and how often it was said before


def key_of(reminder: OwnReminder) -> str:
    """Return the key of what it says next."""
    return f"{POLICY}:{reminder.id}:{reminder.occurrence}"


def read_key(key: str) -> tuple[int, int] | None:
    """Return the number and the occurrence that a key names, those of its reactions too; None if it is not one of ours."""
    match = re.fullmatch(rf"{POLICY}:([0-9]{{1,9}}):([0-9]{{1,9}})(?::reaction-[01])?", key)
    return (int(match[1]), int(match[2])) if match else None


# When it comes


def time_said(reminder: OwnReminder, now: datetime) -> datetime | None:
    """Return the time for which it is said at `now`: of several that were missed, the last. None if nothing is due."""
    due, rule = reminder.due_at, reminder.rule
    if due is None or due > now:
        return None
    following = next_of(rule, due, reminder.zone) if rule else None
    if rule is None or following is None or following > now:
        return due
    return last_up_to(rule, now, reminder.zone) or due


def last_up_to(rule: Recurrence, moment: datetime, zone: ZoneInfo) -> datetime | None:
    """Return when a rule came last, at `moment` at the latest; None if that is long ago. In UTC."""
    moment = moment.astimezone(UTC)
    for back in _BACK:
        last, following = None, next_of(rule, moment - back, zone)
        while following is not None and following <= moment:
            last, following = following, next_of(rule, following, zone)
        if last is not None:
            return last
    return None


def next_of(rule: Recurrence, moment: datetime, zone: ZoneInfo) -> datetime | None:
    """Return when a rule comes next, strictly after `moment`, in UTC."""
    following = rule.next_after(moment, zone)
    return following.astimezone(UTC) if following else None


def next_times(rule: Recurrence, moment: datetime, zone: ZoneInfo, most: int) -> list[datetime]:
    """Return the next times after `moment`, in the zone."""
    found: list[datetime] = []
    following = next_of(rule, moment, zone)
    while following is not None and len(found) < most:
        found.append(following.astimezone(zone))
        following = next_of(rule, following, zone)
    return found


def after_saying(reminder: OwnReminder, now: datetime) -> OwnReminder:
    """Return it as it is once it was said at `now`."""
    said = time_said(reminder, now)
    if said is None:
        return reminder
    rings = (reminder.rings if said == reminder.due_at else 0) + 1
    regular = _regular(reminder, max(now, said))
    again = _ring(reminder, said, now) if rings < MOST_RINGS or (reminder.every or _HOUR) >= _HOUR else None
    on = replace(reminder, occurrence=reminder.occurrence + 1, said_for=said, rings=rings, due_at=again)
    if regular is not None and (again is None or regular <= again):
        return replace(on, due_at=regular, stands_for=regular, rings=0)
    return on


def _regular(reminder: OwnReminder, moment: datetime) -> datetime | None:
    """Return the next time of its rule, after `moment` and after the time that it stands for now."""
    if reminder.rule is None:
        return None
    return next_of(reminder.rule, max(moment, reminder.stands_for or moment), reminder.zone)


def _ring(reminder: OwnReminder, said: datetime, now: datetime) -> datetime | None:
    """Return when it is said again until it is done. Whole days keep the local hour."""
    every = reminder.every
    if every is None:
        return None
    times = (now.astimezone(UTC) - said.astimezone(UTC)) // every + 1
    if every % _DAY:
        return said.astimezone(UTC) + times * every
    here = said.astimezone(reminder.zone)
    days = (here.date() + step * every for step in (times - 1, times, times + 1) if step > 0)
    rings = (first_at_or_after(day, here.time(), reminder.zone).astimezone(UTC) for day in days)
    return next(ring for ring in rings if ring > now.astimezone(UTC))


# What people do with it


def done(reminder: OwnReminder, now: datetime) -> OwnReminder:
    """Return it as it is once somebody has said that it is done: it does not ring any more, and comes again only by its rule."""
    settled = replace(reminder, said_for=None, done=reminder.rule is None)
    if reminder.rule is None:
        return replace(settled, due_at=None, rings=0)
    if reminder.rings == 0:  # what is to come is another time
        return settled
    regular = _regular(reminder, now)
    return replace(settled, due_at=regular, stands_for=regular, rings=0)


def snoozed(reminder: OwnReminder, until: datetime, now: datetime) -> OwnReminder:
    """Return it as it is when what was said is put off. If its rule comes before that, nothing is put off."""
    put_off = replace(reminder, said_for=None, done=False)
    if reminder.rule is None:
        return replace(put_off, due_at=until, rings=1)
    regular = _regular(reminder, now) if reminder.rings else reminder.due_at
    if regular is not None and regular <= until:
        return replace(put_off, due_at=regular, stands_for=regular if reminder.rings else reminder.stands_for, rings=0)
    return replace(put_off, due_at=until, stands_for=reminder.stands_for if reminder.rings else now, rings=1)


def moved(reminder: OwnReminder, to: datetime, now: datetime) -> OwnReminder:
    """Return it with another time for what is to come next. Raises `UserError` if its rule comes before that."""
    regular = _regular(reminder, now)
    if regular is not None and regular <= to:
        here = regular.astimezone(reminder.zone)
        raise UserError(
            "Erinnerung %(number)s kommt vorher ohnehin wieder, am %(day)s um %(time)s.",
            number=reminder.id,
            day=shown(here.date()),
            time=f"{here:%H:%M}",
        )
    return replace(reminder, due_at=to, said_for=None, done=False)


# What somebody asks for

_UNTIL_DONE = re.compile(
    r"(?<!\w)(?:bis (?:es )?erledigt(?: ist)?|until (?:it is |it's )?done)\b"
    rf"(?:,? (?:alle|every) (?P<count>{COUNT}) ?(?P<unit>min|minuten|minutes|h|stunden|hours|tage|days)\b"
    r"|,? (?P<daily>taeglich|daily|jeden tag|every day)\b|,? (?P<hourly>stuendlich|hourly|jede stunde|every hour)\b)?[,:;.]*"
)
_UNITS = {"m": timedelta(minutes=1), "h": _HOUR, "s": _HOUR, "t": _DAY, "d": _DAY}


def read_wish(words: str, now: datetime, opens: time, *, alarm: bool = False) -> Wish:
    """Return what the words ask for. `now`: in the zone in which hours are meant; `opens`: the hour of a day without one.

    Raises `UserError` for what is not understood, past, or can be read in two ways, and `UsageError` if no text follows.
    """
    when, every, rest = _when_until_done(words, now, alarm=alarm)
    due_at, rule, taken = _first_time(when, now, opens)
    said = unquoted(rest).strip()
    if not said:
        raise UsageError("Da fehlt noch etwas: %(argument)s.", argument=text("text"))
    if len(said) > MOST_CHARACTERS:
        raise UserError(
            "Der Text ist zu lang: %(length)s Zeichen, höchstens %(most)s gehen.", length=len(said), most=MOST_CHARACTERS
        )
    return Wish(due_at, rule, every, said, taken)


def read_moment(words: str, now: datetime, opens: time) -> tuple[datetime, time | None]:
    """Return the time that all of the words are, and the hour that was taken if they have none. Raises `UserError`."""
    when, rest = read_when(words, now)
    if rest.strip(" .!"):
        raise UsageError("»%(word)s« brauche ich hier nicht.", word=rest[:60])
    due_at, rule, taken = _first_time(when, now, opens)
    if rule is not None:
        raise UsageError("Verschieben kannst du nur auf einen Zeitpunkt, zum Beispiel »morgen 10 Uhr«.")
    return due_at, taken


def _when_until_done(words: str, now: datetime, *, alarm: bool) -> tuple[When, timedelta | None, str]:
    """Return when, how often until it is done, and the text. "bis erledigt" means that only right after what says when."""
    said = Said.of(words)
    for match in _UNTIL_DONE.finditer(said.plain):
        before = words[: said.ends[match.start() - 1] if match.start() else 0]
        try:
            when, rest = _read_when(f"{before.rstrip(' ,;:')}; …", now)
        except UserError:
            continue
        if rest == "…":
            return when, _every(match, alarm=alarm), said.after(match.end())
    when, rest = _read_when(words, now)
    return when, ALARM_EVERY if alarm else None, rest


def _read_when(words: str, now: datetime) -> tuple[When, str]:
    """Return when the words say, and what follows; cron's fields may be quoted."""
    first = first_words(words, 2)
    if len(first) > 1 and fold(first[0].text).rstrip(":") == "cron" and first[1].end - first[1].start > len(first[1].text):
        return Recurring(Recurrence.cron(first[1].text), hour_said=True), words[first[1].end :].lstrip(" ,;:")
    return read_when(words, now)


def _every(match: re.Match[str], *, alarm: bool) -> timedelta:
    if match["hourly"]:
        return _HOUR
    if not match["count"]:
        return ALARM_EVERY if alarm and not match["daily"] else _DAY
    every = number(match["count"]) * _UNITS[match["unit"][0]]
    least = ALARM_EVERY if alarm else timedelta(minutes=SHORTEST_MINUTES)
    if not least <= every <= _MOST_DAYS_APART * _DAY:
        raise UserError("Möglich ist alle %(least)s Minuten bis einmal im Jahr.", least=least // timedelta(minutes=1))
    return every


def _first_time(when: When, now: datetime, opens: time) -> tuple[datetime, Recurrence | None, time | None]:
    match when:
        case Moment(at):
            return at, None, None
        case DayOnly(day):
            return still_to_come(existing_once(day, opens, now), now), None, opens
        case Recurring(rule, hour_said):
            timed = rule if hour_said else rule.at(opens)
            zone = now.tzinfo
            first = timed.next_after(now, zone) if isinstance(zone, ZoneInfo) else None
            if first is None:
                raise UserError("Diesen Zeitpunkt gibt es nicht mehr.")
            return first, timed, None if hour_said else opens
