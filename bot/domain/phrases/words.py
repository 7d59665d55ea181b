"""The words of dates in German and English, folded, and the patterns that are made out of them."""

import re
from collections.abc import Iterable

from bot.errors import Text, text

_MONTHS = (
    ("januar jaenner jan", "january"),
    ("februar feber feb", "february"),
    ("maerz marz maer mrz mar", "march"),
    ("april apr", "april"),
    ("mai", "may"),
    ("juni juno jun", "june"),
    ("juli julei jul", "july"),
    ("august aug", "august"),
    ("september sept sep", "september"),
    ("oktober okt", "october oct"),
    ("november nov", "november"),
    ("dezember dez", "december dec"),
)
MONTHS = {name: number for number, names in enumerate(_MONTHS, 1) for name in " ".join(names).split()}
_SHARED = frozenset("jan feb mar april apr jun jul august aug september sept sep november nov".split())
GERMAN_MONTHS = frozenset(" ".join(german for german, _ in _MONTHS).split()) - _SHARED

_WEEKDAYS = (
    ("montag", "monday", "mo mon"),
    ("dienstag", "tuesday", "di tue tues"),
    ("mittwoch", "wednesday", "mi wed"),
    ("donnerstag", "thursday", "do thu thur thurs"),
    ("freitag", "friday", "fr fri"),
    ("samstag sonnabend", "saturday", "sa sat"),
    ("sonntag", "sunday", "so sun"),
)
LONG_WEEKDAYS = {name: number for number, names in enumerate(_WEEKDAYS) for name in " ".join(names[:2]).split()}
WEEKDAYS = LONG_WEEKDAYS | {name: number for number, names in enumerate(_WEEKDAYS) for name in names[2].split()}

_ONES = "null eins zwei drei vier fuenf sechs sieben acht neun zehn elf zwoelf".split()
_TEENS = "dreizehn vierzehn fuenfzehn sechzehn siebzehn achtzehn neunzehn".split()
_UNITS = "ein zwei drei vier fuenf sechs sieben acht neun".split()
_GERMAN = [*_ONES, *_TEENS, "zwanzig", *(f"{unit}undzwanzig" for unit in _UNITS), "dreissig", "einunddreissig"]
_STEMS = (
    "erst zweit dritt viert fuenft sechst siebt acht neunt zehnt elft zwoelft dreizehnt vierzehnt fuenfzehnt sechzehnt siebzehnt"
    " achtzehnt neunzehnt"
).split() + [f"{name}st" for name in _GERMAN[20:]]
_ENGLISH = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
    " twenty twenty-one twenty-two twenty-three twenty-four twenty-five twenty-six twenty-seven twenty-eight twenty-nine thirty"
    " thirty-one"
).split()
_ENGLISH_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth"
    " seventeenth eighteenth nineteenth twentieth twenty-first twenty-second twenty-third twenty-fourth twenty-fifth twenty-sixth"
    " twenty-seventh twenty-eighth twenty-ninth thirtieth thirty-first"
).split()
NUMBERS = (
    {name: number for number, name in enumerate(_GERMAN)}
    | {name: number for number, name in enumerate(_ENGLISH)}
    | dict.fromkeys("ein eine einem einen einer a an".split(), 1)
    | {"zwo": 2}
)
ORDINALS = {f"{stem}{ending}": number for number, stem in enumerate(_STEMS, 1) for ending in ("e", "en", "er", "es", "em")} | {
    name: number for number, name in enumerate(_ENGLISH_ORDINALS, 1)
}

GERMAN = (
    GERMAN_MONTHS
    | {name for german, _, _ in _WEEKDAYS for name in german.split()}
    | frozenset(
        "am an den dem der im vom um heute morgen uebermorgen jeden jeder jede jedes naechsten naechste kommenden diesen uhr halb tagen"
        " woche wochen taeglich werktags".split()
    )
)
ENGLISH = (
    frozenset(" ".join(english for _, english in _MONTHS).split()) - _SHARED
    | {english for _, english, _ in _WEEKDAYS}
    | frozenset("on at the from today tonight tomorrow next this every daily weekly monthly yearly days day week weeks of".split())
)


def one_of(names: Iterable[str]) -> str:
    """Return a pattern for one of the words, the longest first."""
    return "(?:" + "|".join(re.escape(name) for name in sorted(names, key=lambda name: (-len(name), name))) + ")"


def number(typed: str) -> int:
    """Return the number of digits or of a word, also of an ordinal."""
    bare = re.sub(r"(?<=[0-9])(?:\.|st|nd|rd|th)$", "", typed)
    return int(bare) if bare.isdecimal() else NUMBERS[bare] if bare in NUMBERS else ORDINALS[bare]


def language(*pieces: str) -> str | None:
    """Return "de" or "en" if the words say so, None if they could be either. The first word that tells decides."""
    for piece in pieces:
        for word in re.findall(r"[a-z]+", piece):
            if word in GERMAN:
                return "de"
            if word in ENGLISH:
                return "en"
    return None


MONTH = f"{one_of(MONTHS)}\\b\\.?"
WEEKDAY = f"{one_of(WEEKDAYS)}\\b\\.?"
LONG_WEEKDAY = one_of(LONG_WEEKDAYS)
COUNT = f"(?:[0-9]{{1,4}}|{one_of(NUMBERS)}\\b)"
ORDINAL = f"(?:[0-9]{{1,2}}(?:\\.|st\\b|nd\\b|rd\\b|th\\b)|{one_of(ORDINALS)}\\b)"
YEAR = "(?:[0-9]{4})"

WEEKDAY_NAMES = (
    text("Montag"),
    text("Dienstag"),
    text("Mittwoch"),
    text("Donnerstag"),
    text("Freitag"),
    text("Samstag"),
    text("Sonntag"),
)


def weekday_name(weekday: int) -> Text:
    """Return a weekday's name; 0 is Monday."""
    return WEEKDAY_NAMES[weekday]
