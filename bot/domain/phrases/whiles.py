"""How long from now: "in 2 Stunden", "in anderthalb Stunden", "in 90 min", "2h", "in PT2H"."""

from datetime import timedelta

from bot.domain.phrases.forms import Forms
from bot.domain.phrases.refusals import two_readings
from bot.domain.phrases.said import Found
from bot.domain.phrases.words import COUNT, NUMBERS, number, one_of
from bot.errors import UserError, text

WHILES: Forms[timedelta] = Forms()

_HOURS = r"(?:stunden?|std\.?|hours?|hrs?\.?|h)"
_MINUTES = r"(?:minuten?|mins?\.?|minutes?)"
_PER_MINUTE = 60
_UND_HALF = {f"{name}einhalb": count for name, count in NUMBERS.items() if count > 1} | {"anderthalb": 1, "eineinhalb": 1}


@WHILES.form(
    rf"in (?P<hours>{COUNT}) ?{_HOURS}(?:(?:,? (?:und |and )?| )?(?P<minutes>{COUNT})(?: ?{_MINUTES}))?",
    rf"in (?P<minutes>{COUNT}) ?{_MINUTES}",
    r"in (?P<hours>[0-9]{1,3}) ?h ?(?P<minutes>[0-9]{2})",
    r"(?P<hours>[0-9]{1,3})(?:h|std)(?: ?(?P<minutes>[0-9]{1,2}) ?min)?",
    r"(?P<minutes>[0-9]{1,4})min",
    rf"(?P<hours>{COUNT}) {_HOURS} from now",
    rf"(?P<minutes>{COUNT}) {_MINUTES} from now",
)
def _counted(found: Found) -> timedelta:
    hours, minutes = (number(found[name] or "0") for name in ("hours", "minutes"))
    return timedelta(hours=hours, minutes=minutes)


@WHILES.form(
    r"in (?P<hours>[0-9]{1,3})[,.](?P<tenths>[0-9]) ?" + _HOURS,
)
def _tenths(found: Found) -> timedelta:
    return timedelta(hours=int(found["hours"] or 0), minutes=6 * int(found["tenths"] or 0))


@WHILES.form(rf"in (?P<halves>{one_of(_UND_HALF)}) {_HOURS}", rf"in (?:(?P<hours>{COUNT}) and a half hours|an hour and a half)")
def _and_a_half(found: Found) -> timedelta:
    whole = _UND_HALF[found["halves"]] if found["halves"] else number(found["hours"] or "1")
    return timedelta(hours=whole, minutes=30)


@WHILES.form(r"in (?:einer |ner )?(?P<part>halben|viertel|dreiviertel) ?stunde", r"in (?P<part>half|a quarter of) an hour")
def _part(found: Found) -> timedelta:
    minutes = {"halben": 30, "half": 30, "viertel": 15, "a quarter of": 15, "dreiviertel": 45}
    return timedelta(minutes=minutes[found["part"]])


@WHILES.form(r"in pt(?:(?P<hours>[0-9]{1,4})h)?(?:(?P<minutes>[0-9]{1,4})m)?")
def _iso(found: Found) -> timedelta:
    if not found["hours"] and not found["minutes"]:
        raise UserError("»%(said)s« ist keine Dauer. Richtig wäre zum Beispiel »in 2 Stunden«.", said=found.typed)
    return _counted(found)


@WHILES.form(r"(?P<hours>[0-9]{1,2})h(?P<minutes>[0-9]{2})")
def _clock_or_while(found: Found) -> timedelta:
    """Refuse "10h30", which is a time in some countries and a while in others."""
    hours, minutes = found["hours"], found["minutes"]
    raise two_readings(
        found.typed,
        text("um %(time)s Uhr", time=f"{hours}:{minutes}"),
        text("in %(hours)s Stunden %(minutes)s Minuten", hours=hours, minutes=minutes),
    )
