"""Times of day as people say them: "10 Uhr", "halb neun", "9 pm", "abends um 8"."""

from datetime import date, time, timedelta

from bot.domain.phrases.forms import Forms
from bot.domain.phrases.refusals import shown, two_readings
from bot.domain.phrases.said import Found
from bot.domain.phrases.words import NUMBERS, number, one_of
from bot.errors import UserError, text

_NOON, _DAY_HOURS, _HOUR_MINUTES = 12, 24, 60

_PARTS = {
    "morning": "morgens|frueh|in der frueh|am morgen|morgen|in the morning|morning",
    "forenoon": "vormittags|vormittag|am vormittag",
    "noon": "mittags|mittag|am mittag|zu mittag",
    "afternoon": "nachmittags|nachmittag|am nachmittag|in the afternoon|afternoon",
    "evening": "abends|abend|am abend|in the evening|evening|tonight",
    "night": "nachts|nacht|in der nacht|at night|night",
}
_HOURS_OF = {
    "morning": range(12),
    "forenoon": range(6, 13),
    "noon": range(11, 15),
    "afternoon": range(12, 19),
    "evening": range(17, 24),
    "night": (0, 1, 2, 3, 4, 5, 20, 21, 22, 23),
}
_PART_OF = {name: part for part, names in _PARTS.items() for name in names.split("|")}
_ALWAYS_PARTS = (  # those that cannot be the day or the beginning of a text
    "morgens|frueh|in der frueh|vormittags|am vormittag|mittags|nachmittags|am nachmittag|abends|am abend|nachts|in der nacht"
    "|in the morning|in the afternoon|in the evening|at night|tonight"
).split("|")
_EXAMPLES = {"noon": "12:00", "afternoon": "15:00", "evening": "20:00", "night": "22:00"}
PART_WORDS = _PART_OF.keys()

_BEFORE = rf"(?:(?P<before>{one_of(_PART_OF)})\b,? )?"
_AFTER = rf"(?: (?P<after>{one_of(_ALWAYS_PARTS)}))?"
_AT = r"(?:(?:um|at)\b ?|@ ?)"
_WORD = rf"{one_of(name for name in NUMBERS if name not in ('a', 'an', 'eine', 'einem', 'einen', 'einer'))}\b"
_HOUR = r"(?P<hour>[0-9]{1,2})(?![0-9])"
_MINUTE = r"(?P<minute>[0-9]{2})(?::00)?(?![0-9])"
_HALF = r" ?(?P<half>[ap]\.? ?m\b\.?)"

CLOCKS: Forms[time] = Forms()
"""Times on a clock of 24 hours, and words that say the same."""
ENGLISH_CLOCKS: Forms[time] = Forms()
"""… and with am and pm, which in German is a word of its own."""
DAY_CLOCKS: Forms[time] = Forms()
"""… and what is a time only after a day or "um": elsewhere "2h" is a while."""


@CLOCKS.form(
    rf"{_BEFORE}{_AT}?{_HOUR}:{_MINUTE}(?: ?uhr\b)?{_AFTER}",
    rf"{_BEFORE}{_AT}?{_HOUR}\.{_MINUTE} ?uhr\b{_AFTER}",
    rf"{_BEFORE}{_AT}{_HOUR}\.{_MINUTE}{_AFTER}",
    rf"{_BEFORE}{_AT}?{_HOUR} ?uhr\b(?: {_MINUTE}(?=[.,:;!?]*(?:$| uhr)))?{_AFTER}",
    rf"{_BEFORE}{_AT}{_HOUR}{_AFTER}",
    rf"{_BEFORE}{_AT}?(?P<hour>{_WORD}) ?uhr\b{_AFTER}",
    rf"{_BEFORE}{_AT}(?!ein )(?P<hour>{_WORD}){_AFTER}",
    rf"{_BEFORE}{_AT}?(?:{_HOUR}|(?P<hour_word>{_WORD})) o'?clock{_AFTER}",
    rf"{_BEFORE}{_AT}{_HOUR} ?h ?(?:(?P<minute>[0-9]{{2}})(?![0-9]))?",
)
@DAY_CLOCKS.form(rf"{_BEFORE}{_HOUR} ?h ?(?:(?P<minute>[0-9]{{2}})(?![0-9]))?")
def _plain(found: Found) -> time:
    return _settled(found, number(found["hour"] or found["hour_word"]), int(found["minute"] or 0))


@ENGLISH_CLOCKS.form(rf"{_BEFORE}{_AT}?{_HOUR}(?:[:.]{_MINUTE})?{_HALF}{_AFTER}", rf"{_BEFORE}{_AT}?(?P<hour_word>{_WORD}){_HALF}")
def _half_days(found: Found) -> time:
    hour = number(found["hour"] or found["hour_word"])
    if not 1 <= hour <= _NOON:
        raise no_time(found)
    afternoon = found["half"].startswith("p")
    return _checked(found, hour % _NOON + _NOON * afternoon, int(found["minute"] or 0))


_SMALL = r"(?P<small>[0-9]{1,2}|fuenf|zehn|zwanzig|five|ten|twenty|twenty-five)(?: (?:min|minuten|minutes))?"
_OF_HOUR = rf"(?:{_HOUR}|(?P<hour_word>{_WORD}))"
_SPOKEN_END = rf"(?: ?uhr\b)?{_AFTER}"


@CLOCKS.form(rf"{_BEFORE}{_AT}?halb {_OF_HOUR}{_SPOKEN_END}")
def _half_before(found: Found) -> time:
    return _spoken(found, -30)


@CLOCKS.form(
    rf"{_BEFORE}{_AT}?{_SMALL} (?P<side>vor|nach) halb {_OF_HOUR}{_SPOKEN_END}",
)
def _around_half(found: Found) -> time:
    small = number(found["small"])
    return _spoken(found, -30 - small if found["side"] == "vor" else -30 + small)


@CLOCKS.form(
    rf"{_BEFORE}{_AT}?(?:{_SMALL}|(?P<quarter>viertel|(?:a )?quarter)) (?P<side>vor|nach|to|before|past|after) {_OF_HOUR}{_SPOKEN_END}"
)
def _around_hour(found: Found) -> time:
    minutes = 15 if found["quarter"] else number(found["small"])
    return _spoken(found, -minutes if found["side"] in ("vor", "to", "before") else minutes)


@CLOCKS.form(rf"{_BEFORE}{_AT}?dreiviertel {_OF_HOUR}{_SPOKEN_END}")
def _three_quarters(found: Found) -> time:
    return _spoken(found, -15)


@CLOCKS.form(rf"{_BEFORE}{_AT}?half past {_OF_HOUR}{_AFTER}")
def _half_past(found: Found) -> time:
    return _spoken(found, 30)


@CLOCKS.form(rf"{_BEFORE}{_AT}?viertel {_OF_HOUR}{_SPOKEN_END}")
def _quarter_of(found: Found) -> time:
    """Refuse "viertel neun": 8:15 where it is said, and unknown elsewhere."""
    hour = _hour(found)
    raise two_readings(found.typed, _shown(hour * 60 - 45), _shown(hour * 60 - 15))


@CLOCKS.form(rf"{_BEFORE}{_AT}?half {_OF_HOUR}{_AFTER}")
def _english_half(found: Found) -> time:
    """Refuse "half eight": in Britain half past seven is not the only one."""
    hour = _hour(found)
    raise two_readings(found.typed, _shown(hour * 60 - 30), _shown(hour * 60 + 30))


@CLOCKS.form(rf"{_AT}?(?:mittags|noon|midday)")
def _noon(_: Found) -> time:
    return time(_NOON)


@CLOCKS.form(rf"{_AT}?(?:mitternacht|midnight)")
def _midnight(found: Found) -> time:
    raise _which_night(found)


@CLOCKS.form(*(rf"{name}" for name in sorted(set(_PART_OF) - {"mittags", "mittag", "morgen"})))
@DAY_CLOCKS.form("morgen", "mittag")
def _part_only(found: Found) -> time:
    raise UserError(
        "Zu »%(said)s« fehlt die Uhrzeit. Richtig wäre zum Beispiel »%(day)s um %(time)s«.",
        said=found.typed,
        day=shown(found.today),
        time=_EXAMPLES.get(_PART_OF[found.match.group()], "9:00"),
    )


def _hour(found: Found) -> int:
    """Return the hour of a phrase in words. Raises `UserError` if no clock shows it."""
    hour = number(found["hour"] or found["hour_word"])
    if not 0 < hour <= _DAY_HOURS:
        raise no_time(found)
    return hour


def _spoken(found: Found, minutes: int) -> time:
    """Return so many minutes after the hour; "halb eins" may be night or day, and is refused with both unless it says."""
    total = _hour(found) * _HOUR_MINUTES + minutes
    if abs(minutes) >= _HOUR_MINUTES:
        raise no_time(found)
    hour, minute = divmod(total % (_DAY_HOURS * _HOUR_MINUTES), _HOUR_MINUTES)
    part = _part(found)
    if hour == 0 and total < _HOUR_MINUTES:
        if part is None:
            raise two_readings(found.typed, _shown(total), _shown(total + _NOON * _HOUR_MINUTES))
        hour = _NOON if _NOON in _HOURS_OF[part] else 0
    return _settled(found, hour, minute)


def _settled(found: Found, hour: int, minute: int) -> time:
    """Return the time in that part of the day. Raises `UserError` if it lies in no such part, or in either of two nights."""
    part = _part(found)
    if part is None or not 0 <= hour < _DAY_HOURS:
        return _checked(found, hour, minute)
    hours = [each for each in (hour, hour + _NOON) if each in _HOURS_OF[part] and (each == hour or hour <= _NOON)]
    if part == "night" and (hour == _NOON or (found["before"] and hours and hours[0] < _NOON // 2)):
        raise _which_night(found, time(hour % _NOON, minute) if minute < _HOUR_MINUTES else None)
    if len(hours) != 1:
        raise UserError(
            "»%(said)s« passt nicht zusammen. Schreib die Uhrzeit bitte von 0:00 bis 23:59, zum Beispiel 20:00.", said=found.typed
        )
    return _checked(found, hours[0], minute)


def _part(found: Found) -> str | None:
    typed = found["after"] or found["before"]
    return _PART_OF[typed] if typed else None


def _checked(found: Found, hour: int, minute: int) -> time:
    if (hour, minute) == (_DAY_HOURS, 0):
        raise UserError(
            "%(time)s schreib bitte als 0:00 des nächsten Tages: »%(next)s um 0:00 Uhr«. Oder meinst du »%(day)s um 0:00 Uhr«?",
            time=found.typed,
            next=shown(_tomorrow(found.today)),
            day=shown(found.today),
        )
    if hour >= _DAY_HOURS or minute >= _HOUR_MINUTES:
        raise no_time(found)
    return time(hour, minute)


def no_time(found: Found) -> UserError:
    """Return the refusal of a time that no clock shows."""
    return UserError("%(time)s ist keine Uhrzeit. Möglich ist 0:00 bis 23:59.", time=_without_at(found.typed))


def _without_at(typed: str) -> str:
    first, _, rest = typed.partition(" ")
    return rest if first.casefold() in ("um", "at", "@") else typed


def _which_night(found: Found, at: time | None = None) -> UserError:
    at = at or time(0)
    first, second = (f"{shown(day)}, {at:%H:%M}" for day in (found.today, _tomorrow(found.today)))
    return two_readings(found.typed, text("%(moment)s Uhr", moment=first), text("%(moment)s Uhr", moment=second))


def _tomorrow(day: date) -> date:
    return min(day, date.max - timedelta(days=1)) + timedelta(days=1)


def _shown(minutes: int) -> str:
    hour, minute = divmod(minutes % (_DAY_HOURS * _HOUR_MINUTES), _HOUR_MINUTES)
    return f"{hour}:{minute:02d}"
