"""What tomllib says of text that is not TOML, in words for the person who wrote it."""

import re

from bot.errors import Text, text
from bot.network_file.toml_lines import Token, open_brackets

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_TYPOGRAPHIC_QUOTES = re.compile("[„“”‚‘’«»]")

_LINE = text('So kann keine Zeile beginnen. Eine Zeile ist [ein Abschnitt] oder eine Angabe wie name = "Bremen".')
_VALUE = text('So kann kein Wert geschrieben sein. Texte und Termine stehen in Anführungszeichen, zum Beispiel name = "Bremen".')
_LIST = text("Diese Liste wird nicht mit ] geschlossen, oder zwischen zwei Einträgen fehlt ein Komma.")
_GROUP = text("Eine Gruppe { … } steht auf einer Zeile: Kommas zwischen den Angaben, keins hinter der letzten, und } am Ende.")
_UNCLOSED_STRING = text("Diesem Text fehlt das schließende Anführungszeichen.")
_QUOTES = text('Die Anführungszeichen müssen gerade sein: " vorn und hinten.')
_TWICE = text("Diese Angabe oder dieser Abschnitt steht hier schon einmal.")
_EQUALS = text('Nach dem Namen der Angabe fehlt das Gleichheitszeichen, zum Beispiel name = "Bremen".')
_HEADER = text("Der Titel dieses Abschnitts ist nicht richtig geschlossen, zum Beispiel [network] oder [[labs]].")
_CONTROL = text("Hier steht ein unsichtbares Steuerzeichen. Bitte die Zeile neu eintippen.")
_ESCAPE = text(r"Ein umgekehrter Schrägstrich \ im Text muss verdoppelt werden: \\.")
_NO_DATE = text("Dieses Datum gibt es nicht.")

# How tomllib's messages begin (Lib/tomllib/_parser.py); one that is not here is shown as it is.
_MEANINGS = (
    ("Unclosed array", _LIST),
    ("Unclosed inline table", _GROUP),
    ("Cannot ", _TWICE),
    ("Duplicate inline table key", _TWICE),
    ("Expected '='", _EQUALS),
    ("Expected ']", _HEADER),
    ("Unterminated string", _UNCLOSED_STRING),
    ("Illegal character '\\n'", _UNCLOSED_STRING),
    ("Found invalid character '\\n'", _UNCLOSED_STRING),
    ("Expected \"'", _UNCLOSED_STRING),
    ("Illegal character", _CONTROL),
    ("Found invalid character", _CONTROL),
    ("Unescaped '\\'", _ESCAPE),
    ("Invalid hex value", _ESCAPE),
    ("Escaped character", _ESCAPE),
    ("Invalid date", _NO_DATE),
    ("Invalid value", _VALUE),
    ("Expected newline", _VALUE),
    ("Invalid ", _LINE),
)


def explain(message: str, source: str, found: list[Token]) -> tuple[int, Text]:
    """Return the line and the meaning of tomllib's `message` about `source`, whose tokens are `found`.

    What is not closed is reported where it begins, for tomllib notices only where the next thing begins.
    """
    line, offset = _place(message, source, found)
    meaning = next((known for start, known in _MEANINGS if message.startswith(start)), None)
    if meaning is None:
        return line, text("Das ist kein gültiges TOML: %(reason)s.", reason=_PLACE.sub("", message))
    if meaning is _UNCLOSED_STRING:
        return next((token.line for token in found if token.kind == "unclosed"), line), meaning
    if unclosed := _unclosed(meaning, found, line, offset):
        return unclosed.line, _LIST if unclosed.text == "[" else _GROUP
    if meaning in (_VALUE, _LINE) and _TYPOGRAPHIC_QUOTES.search(source.split("\n")[line - 1]):
        return line, _QUOTES
    return line, meaning


def _place(message: str, source: str, found: list[Token]) -> tuple[int, int]:
    """Return the line and the offset that a message ends with."""
    place = _PLACE.search(message)
    if not place or not place[1]:
        return found[-1].line, len(source)
    line, start = int(place[1]), 0
    for _ in range(line - 1):
        start = source.index("\n", start) + 1
    return line, start + int(place[2]) - 1


def _unclosed(meaning: Text, found: list[Token], line: int, offset: int) -> Token | None:
    """Return the bracket that is not closed, if that is what `meaning` comes to."""
    opened = open_brackets(found, offset)
    if meaning is _VALUE and _next_statement(found, offset):
        opened = [bracket for bracket in opened if bracket.line < line]
    elif meaning is _LINE:
        opened = [bracket for bracket in opened if bracket.text == "{"]  # no key, inside a group
    elif meaning not in (_LIST, _GROUP) and (meaning is _HEADER or found[-1].offset != offset):
        return None
    return opened[-1] if opened else None


def _next_statement(found: list[Token], offset: int) -> bool:
    """Return whether what stands at `offset` is no value, but how the next statement begins: `name =` or `[[labs]]`."""
    index = next(index for index, token in enumerate(found) if token.offset >= offset)
    before, after = found[max(0, index - 1)].text, found[min(index + 1, len(found) - 1)].text
    return after == "=" or (before, after) == ("[", "]")
