"""Tables of a TOML document, read value by value; whatever is wrong is noted with its line, in a coordinator's words."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import cast

from bot.domain.dates import LIKELY_YEARS, NotADate, PartialDate, Precision
from bot.domain.matching import close_matches, fold
from bot.errors import NetzwartError, Text, ntext, text
from bot.network_file import toml_lines

LONGEST_KEY = 64
LONGEST_TITLE = 200
HIGHEST_NUMBER = 999
HIGHEST_COUNT = 1_000_000
MOST_SHOWN = 50
MOST_NOTED = 20_000  # with so many, nobody needs to know how many there are exactly

_KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_GERMAN_DAY = re.compile(r"([0-9]{1,2})\.\s?([0-9]{1,2})\.\s?([0-9]{4})")
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INVISIBLE = (
    "Cc",
    "Cf",
    "Co",
    "Cs",
    "Zl",
    "Zp",
)  # Unicode categories: controls, bidi overrides, private use, line separators
_SOME_TIME = PartialDate(
    "", Precision.OPEN, date(LIKELY_YEARS[0], 1, 1), date(LIKELY_YEARS[-1], 12, 31)
)  # in place of a mistaken date


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong. `line` counts from 1; 0 means the file as a whole."""

    line: int
    text: Text


class FileMistakes(NetzwartError):
    """The file is not a network's. `mistakes`: all that is wrong, by line, none twice, at least one.

    `complete` is false if there were so many that the rest of the file was not looked at.
    """

    def __init__(self, mistakes: Iterable[Mistake], *, complete: bool = True) -> None:
        self.mistakes = tuple(sorted(mistakes, key=lambda mistake: mistake.line))
        self.complete = complete
        super().__init__("; ".join(f"{m.line}: {m.text.msgid}" for m in self.mistakes[:MOST_SHOWN]))

    def told(self, file: str) -> list[Text]:
        """Return a sentence with `file` and line per mistake; at most `MOST_SHOWN`, then how many more there are."""
        sentences = [_told(mistake, file) for mistake in self.mistakes[:MOST_SHOWN]]
        if more := len(self.mistakes) - len(sentences):
            sentences.append(ntext("… und noch ein Fehler.", "… und noch %(n)s Fehler.", more))
        if not self.complete:
            sentences.append(text("Weiter habe ich nicht gelesen: Es sind zu viele Fehler."))
        return sentences


def _told(mistake: Mistake, file: str) -> Text:
    if mistake.line:
        return text("%(file)s, Zeile %(line)s: %(mistake)s", file=file, line=mistake.line, mistake=mistake.text)
    return text("%(file)s: %(mistake)s", file=file, mistake=mistake.text)


class Mistakes:
    """Collects what is wrong, each mistake at the line of the value that it is about."""

    def __init__(self, lines: toml_lines.Lines) -> None:
        self.lines = lines
        self._found: dict[tuple[int, str], Mistake] = {}
        self._noted = 0
        self._comparisons_left = 20_000  # comparing words is slow, and nobody reads the ten thousandth guess

    def add(self, path: toml_lines.Path, message: Text) -> None:
        """Note that what stands at `path` is wrong. Raises `FileMistakes` if that is enough."""
        mistake = Mistake(self.lines.of(path), message)
        self._found.setdefault((mistake.line, repr(message)), mistake)
        self._noted += 1
        if self._noted >= MOST_NOTED:
            raise FileMistakes(self._found.values(), complete=False)

    def raise_any(self) -> None:
        """Raise `FileMistakes` if there are any."""
        if self._found:
            raise FileMistakes(self._found.values())

    def guess(self, word: str, candidates: Collection[str]) -> str | None:
        """Return what `word` was probably meant to be, if so many comparisons are left."""
        if len(candidates) > self._comparisons_left:
            return None
        self._comparisons_left -= len(candidates)
        return next(iter(close_matches(word[:LONGEST_KEY], candidates, most=1)), None)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the file. For a missing or mistaken value a mistake is noted and something harmless is returned."""

    values: dict[str, object]
    path: toml_lines.Path
    mistakes: Mistakes
    known: dict[str, None] = field(default_factory=dict[str, None])

    def at(self, key: str) -> toml_lines.Path:
        """Return the path of a value."""
        return (*self.path, key)

    def wrong(self, key: str, message: Text) -> None:
        """Note that the value of `key` is wrong."""
        self.mistakes.add(self.at(key), message)

    def value(self, key: str, example: str | None = None) -> object:
        """Return a value, or None if it is missing, which is a mistake if there is an `example` of it."""
        self.known[key] = None
        found = self.values.get(key)
        if found is None and example is not None:
            self.mistakes.add(self.path, text("Hier fehlt »%(key)s«, zum Beispiel %(example)s", key=key, example=example))
        return found

    def title(self, key: str, example: str, most: int = LONGEST_TITLE) -> str:
        """Return a text that must be there."""
        return self._title(key, self.value(key, example), example, most) or ""

    def maybe_title(self, key: str, example: str) -> str | None:
        """Return a text that may be missing."""
        return self._title(key, self.value(key), example, LONGEST_TITLE)

    def _title(self, key: str, value: object, example: str, most: int) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str):
            self.wrong(key, _wrong_type(key, text("ein Text in Anführungszeichen"), example, value))
            return None
        return _clean(self.mistakes, self.at(key), key, value, most)

    def key(self, example: str) -> str:
        """Return the value of `key`, which names this table everywhere else. A misspelt one is returned as it stands."""
        value = self.title("key", example, most=LONGEST_KEY)
        if value and not _KEY.fullmatch(value):
            self.wrong(
                "key",
                text(
                    "Der Schlüssel »%(key)s« darf nur aus den Buchstaben a bis z, Ziffern und einzelnen Bindestrichen"
                    " dazwischen bestehen, zum Beispiel %(example)s",
                    key=shown(value),
                    example=example,
                ),
            )
        return value

    def choice(self, key: str, allowed: Sequence[str], example: str) -> str:
        """Return a value that must be one of `allowed`; the first of them if it is not."""
        value = self.title(key, example)
        if value and value not in allowed:
            self.wrong(key, self._unknown_choice(key, value, allowed))
        return value if value in allowed else allowed[0]

    def _unknown_choice(self, key: str, value: str, allowed: Sequence[str]) -> Text:
        guess = self.mistakes.guess(value, allowed)
        if guess:
            return text(
                "»%(value)s« kenne ich als »%(key)s« nicht. Meintest du »%(guess)s«?",
                value=shown(value),
                key=key,
                guess=guess,
            )
        return text(
            "»%(value)s« kenne ich als »%(key)s« nicht. Möglich: %(allowed)s.",
            value=shown(value),
            key=key,
            allowed=", ".join(allowed),
        )

    def number(self, key: str) -> int:
        """Return a number from 1 that must be there; 0 if it is not."""
        return self._number(key, self.value(key, f"{key} = 1"), 1, HIGHEST_NUMBER) or 0

    def maybe_number(self, key: str) -> int | None:
        """Return a number from 1 that may be missing."""
        return self._number(key, self.value(key), 1, HIGHEST_NUMBER)

    def count(self, key: str) -> int | None:
        """Return how many there are of something."""
        return self._number(key, self.value(key), 0, HIGHEST_COUNT)

    def _number(self, key: str, value: object, least: int, most: int) -> int | None:
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            self.wrong(key, _wrong_type(key, text("eine ganze Zahl ohne Anführungszeichen"), f"{key} = 1", value))
        elif not least <= value <= most:
            self.wrong(key, text("»%(key)s« muss zwischen %(least)s und %(most)s liegen.", key=key, least=least, most=most))
        else:
            return value
        return None

    def flag(self, key: str) -> bool:
        """Return true or false, false if missing."""
        value = self.value(key)
        if value is not None and not isinstance(value, bool):
            self.wrong(key, _wrong_type(key, text("true (ja) oder false (nein)"), f"{key} = true", value))
        return value is True

    def date(self, key: str, example: str) -> PartialDate:
        """Return a date as exact as it is given, in EDTF; a day may also stand without quotes, as TOML has it."""
        value = self.value(key, example)
        if isinstance(value, date) and not isinstance(value, datetime):
            value = value.isoformat()
        if value is None:
            return _SOME_TIME
        if not isinstance(value, str):
            self.wrong(key, _wrong_type(key, text("ein Termin in Anführungszeichen"), example, value))
            return _SOME_TIME
        try:
            return _read_date(value)
        except NotADate:
            self.wrong(key, _not_a_date(value))
            return _SOME_TIME

    def maybe_day(self, key: str) -> PartialDate | None:
        """Return a date that is a day and may be missing."""
        if self.value(key) is None:
            return None
        example = f'{key} = "2022-11-22"'
        found = self.date(key, example)
        if found.precision is Precision.DAY:
            return found
        if found is not _SOME_TIME:
            self.wrong(key, text("»%(key)s« muss ein Tag sein, zum Beispiel %(example)s", key=key, example=example))
        return None

    def titles(self, key: str) -> tuple[str, ...]:
        """Return a list of texts, each once; empty if missing."""
        value = self.value(key)
        example = f'{key} = ["…", "…"]'
        if value is not None and not isinstance(value, list):
            self.wrong(key, _wrong_type(key, text("eine Liste von Texten"), example, value))
        found: dict[str, str] = {}
        for index, entry in enumerate(cast("list[object]", value) if isinstance(value, list) else []):
            path = (*self.at(key), index)
            if not isinstance(entry, str):
                self.mistakes.add(path, _wrong_type(key, text("eine Liste von Texten"), example, entry))
            elif name := _clean(self.mistakes, path, key, entry, LONGEST_TITLE):
                if fold(name) in found:
                    self.mistakes.add(path, text("»%(name)s« steht in »%(key)s« zweimal.", name=shown(name), key=key))
                found.setdefault(fold(name), name)
        return tuple(found.values())

    def table(self, key: str, example: str | None = None) -> "Table | None":
        """Return the table `[key]`."""
        value = self.value(key, example)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.wrong(key, text("»%(key)s« ist ein Abschnitt, der einmal vorkommt und mit [%(key)s] beginnt.", key=key))
            return None
        return Table(cast("dict[str, object]", value), self.at(key), self.mistakes)

    def tables(self, key: str, example: str | None = None) -> list["Table"]:
        """Return the tables `[[key]]`, or those of the list `key`; none if missing."""
        value = self.value(key, example)
        if value is None:
            return []
        if not isinstance(value, list):
            self.wrong(key, _not_tables(key))
            return []
        found: list[Table] = []
        for index, entry in enumerate(cast("list[object]", value)):
            path = (*self.at(key), index)
            if isinstance(entry, dict):
                found.append(Table(cast("dict[str, object]", entry), path, self.mistakes))
            else:
                self.mistakes.add(path, _not_tables(key))
        return found

    def done(self) -> None:
        """Note whatever stands here and was not asked for."""
        for key in self.values:
            if key not in self.known:
                self.wrong(key, self._unknown(key))

    def _unknown(self, key: str) -> Text:
        if guess := self.mistakes.guess(key, self.known):
            return text("Die Angabe »%(key)s« kenne ich hier nicht. Meintest du »%(guess)s«?", key=shown(key), guess=guess)
        return text(
            "Die Angabe »%(key)s« kenne ich hier nicht. Möglich: %(allowed)s.",
            key=shown(key),
            allowed=", ".join(self.known),
        )


def shown(value: str) -> str:
    """Return a word of the file as it may be shown: short, and with nothing that the reader would not see."""
    short = value if len(value) <= LONGEST_KEY else value[: LONGEST_KEY - 1] + "…"
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in short)


def _clean(mistakes: Mistakes, path: toml_lines.Path, key: str, value: str, most: int) -> str | None:
    """Return a text without blanks around it and in one spelling (NFC), or None after noting what is wrong with it."""
    value = value.strip(" \t")
    if len(value) > most:  # before all else: to normalise takes the square of the length
        message = text("»%(key)s« ist zu lang: %(length)s Zeichen, höchstens %(most)s.", key=key, length=len(value), most=most)
        mistakes.add(path, message)
        return None
    name = unicodedata.normalize("NFC", value)
    hidden = next((c for c in name if unicodedata.category(c) in _INVISIBLE), None)
    if hidden in ("\n", "\r"):
        mistakes.add(path, text("»%(key)s« darf keinen Zeilenumbruch enthalten.", key=key))
    elif hidden:
        code = f"U+{ord(hidden):04X}"
        mistakes.add(path, text("»%(key)s« enthält das unsichtbare Zeichen %(code)s. Bitte neu eintippen.", key=key, code=code))
    elif not name.strip():
        mistakes.add(path, text("»%(key)s« darf nicht leer sein.", key=key))
    else:
        return name
    return None


_TYPES: tuple[tuple[type, Text], ...] = (
    (bool, text("true oder false")),
    (int, text("eine Zahl")),
    (float, text("eine Kommazahl")),
    (datetime, text("ein Datum mit Uhrzeit")),
    (date, text("ein Datum ohne Anführungszeichen")),
    (time, text("eine Uhrzeit")),
    (str, text("ein Text")),
    (list, text("eine Liste")),
    (dict, text("ein Abschnitt")),
)


def _wrong_type(key: str, wanted: Text, example: str, value: object) -> Text:
    given = next(name for kind, name in _TYPES if isinstance(value, kind))
    return text(
        "Zu »%(key)s« gehört %(wanted)s, zum Beispiel %(example)s; hier steht %(given)s.",
        key=key,
        wanted=wanted,
        example=example,
        given=given,
    )


def _not_tables(key: str) -> Text:
    return text("»%(key)s« sind mehrere Abschnitte; jeder beginnt mit [[%(key)s]] in doppelten eckigen Klammern.", key=key)


def _read_date(value: str) -> PartialDate:
    if not value.isascii():
        raise NotADate(value)
    when = PartialDate.parse(value)
    if not when.likely:
        raise NotADate(value)
    return when


def _not_a_date(value: str) -> Text:
    seen = shown(value)
    if match := _GERMAN_DAY.fullmatch(value):
        day = f"{match[3]}-{int(match[2]):02d}-{int(match[1]):02d}"
        return text("Den Termin »%(date)s« bitte so schreiben: %(guess)s, also Jahr-Monat-Tag.", date=seen, guess=day)
    days = value.split("/")
    if all(_ISO_DAY.fullmatch(day) for day in days):
        missing = next((day for day in days if not _exists(day)), None)
        if missing:
            return text("Der Termin »%(date)s« ist kein Datum: Den Tag %(day)s gibt es nicht.", date=seen, day=missing)
        if len(days) == len(("from", "to")):
            return text(
                "Der Termin »%(date)s« endet nicht nach seinem Anfang. Ein einzelner Tag steht ohne Schrägstrich.",
                date=seen,
            )
    return text(
        "Der Termin »%(date)s« ist kein Datum. Richtig wäre zum Beispiel 2020-10-30 (Tag),"
        " 2020-06-15/2020-06-16 (von/bis), 2022-02 (Monat), 2022-34 (2. Quartal), 2022 (Jahr) oder 2021-XX-XX (noch offen).",
        date=seen,
    )


def _exists(day: str) -> bool:
    try:
        return date.fromisoformat(day).year in LIKELY_YEARS
    except ValueError:
        return False


class Once:
    """Keys or numbers of which each may come once."""

    def __init__(self) -> None:
        self.lines: dict[object, int] = {}

    def check(self, table: Table, key: str, value: object) -> None:
        """Note a mistake if `value` came before. An empty one stands for a mistake that is noted already."""
        if not value:
            return
        if value in self.lines:
            first = self.lines[value]
            table.wrong(
                key,
                text(
                    "»%(value)s« steht schon in Zeile %(first)s und darf nur einmal vorkommen.",
                    value=shown(str(value)),
                    first=first,
                ),
            )
        else:
            self.lines[value] = table.mistakes.lines.of(table.at(key))
