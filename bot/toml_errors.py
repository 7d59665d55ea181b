"""What tomllib says of text that is not TOML, in words for the person who wrote it."""

import re

from bot.errors import Text, text
from bot.toml_lines import Token, open_bracket

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_TYPOGRAPHIC_QUOTES = re.compile("[„“”‚‘’«»]")

_VALUE = text('So kann kein Wert geschrieben sein. Texte und Termine stehen in Anführungszeichen, zum Beispiel name = "Bremen".')
_TWICE = text("Diese Angabe oder dieser Abschnitt steht hier schon einmal.")
_ESCAPE = text(r"Ein umgekehrter Schrägstrich \ im Text muss verdoppelt werden: \\.")
_GROUP = text("Eine Gruppe { … } steht auf einer Zeile: Kommas zwischen den Angaben, keins hinter der letzten, und } am Ende.")
_QUOTES = text('Die Anführungszeichen müssen gerade sein: " vorn und hinten.')
_UNCLOSED_STRING = text("Diesem Text fehlt das schließende Anführungszeichen.")

# How tomllib's messages begin (Lib/tomllib/_parser.py); one that is not here is shown as it is.
_MEANINGS = (
    ("Unclosed array", text("Diese Liste wird nicht mit ] geschlossen, oder zwischen zwei Einträgen fehlt ein Komma.")),
    ("Unclosed inline table", _GROUP),
    ("Cannot ", _TWICE),
    ("Duplicate inline table key", _TWICE),
    ("Expected '='", text('Nach dem Namen der Angabe fehlt das Gleichheitszeichen, zum Beispiel name = "Bremen".')),
    (
        "Expected ']",
        text("Der Titel dieses Abschnitts ist nicht richtig geschlossen, zum Beispiel [network] oder [[labs]]."),
    ),
    ("Unterminated string", _UNCLOSED_STRING),
    ("Illegal character '\\n'", _UNCLOSED_STRING),
    ("Found invalid character '\\n'", _UNCLOSED_STRING),
    ("Expected \"'", _UNCLOSED_STRING),
    ("Illegal character", text("Hier steht ein unsichtbares Steuerzeichen. Bitte die Zeile neu eintippen.")),
    ("Found invalid character", text("Hier steht ein unsichtbares Steuerzeichen. Bitte die Zeile neu eintippen.")),
    ("Unescaped '\\'", _ESCAPE),
    ("Invalid hex value", _ESCAPE),
    ("Escaped character", _ESCAPE),
    ("Invalid date", text("Dieses Datum gibt es nicht.")),
    ("Invalid value", _VALUE),
    ("Expected newline", _VALUE),
    (
        "Invalid ",
        text('So kann keine Zeile beginnen. Eine Zeile ist [ein Abschnitt] oder eine Angabe wie name = "Bremen".'),
    ),
)


def explain(message: str, source: str, found: list[Token]) -> tuple[int, Text]:
    """Return the line and the meaning of tomllib's `message` about `source`, whose tokens are `found`.

    What is not closed is reported where it begins, for tomllib notices only where the next thing begins.
    """
    place = _PLACE.search(message)
    line = int(place[1]) if place and place[1] else found[-1].line
    offset = _offset(source, line, int(place[2])) if place and place[1] else len(source)
    bracket = open_bracket(found, offset)
    if bracket and (message.startswith("Unclosed") or offset == len(source)):
        line = bracket.line
    if _TYPOGRAPHIC_QUOTES.search(source.split("\n")[line - 1]) and message.startswith(("Invalid ", "Expected newline")):
        return line, _QUOTES
    if bracket and bracket.text == "{" and message.startswith("Invalid initial character"):
        return bracket.line, _GROUP
    meaning = next((known for start, known in _MEANINGS if message.startswith(start)), None)
    return line, meaning or text("Das ist kein gültiges TOML: %(reason)s.", reason=_PLACE.sub("", message))


def _offset(source: str, line: int, column: int) -> int:
    start = 0
    for _ in range(line - 1):
        start = source.index("\n", start) + 1
    return start + column - 1
