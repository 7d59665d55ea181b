"""Where in a TOML text each value stands, which tomllib does not say.

tomllib decides what is TOML and what it means. This looks at the same text before, to refuse what would make tomllib slow
or deep (`tokens`), and afterwards, to say in which line a value stands (`locate`, for text that tomllib has accepted).
"""

import re
import tomllib
from collections.abc import Iterator
from typing import NamedTuple

Path = tuple[str | int, ...]
"""Keys and list indices from the top of the document, such as `("labs", 2, "topics", 0)`."""

DEEPEST = 32  # brackets within brackets; tomllib recurses for each
MOST_PARTS = 16  # parts of a dotted key; tomllib's work grows with their square
MOST_TOKENS = 800_000  # more than two megabytes of short lines have; each takes time and memory
LONGEST_WORD = 1000  # bare keys and numbers; Python refuses to read numbers of more than 4300 digits

_TOKEN = re.compile(
    r'''
      (?P<blank> [ \t]+ | \#[^\n]* )
    | (?P<newline> \n )
    | (?P<string>
          """ (?: [^"\\] | \\[\s\S] | "(?!"") )*+ "{3,5}
        | \'\'\' (?: [^'] | '(?!\'\') )*+ '{3,5}
        | "(?!"")   (?: [^"\\\n] | \\. )*+ "
        | '(?!\'\') [^'\n]*+ '
      )
    | (?P<unclosed>
          """ (?: [^"\\] | \\[\s\S] | "(?!"") )*+
        | \'\'\' (?: [^'] | '(?!\'\') )*+
        | "   (?: [^"\\\n] | \\. )*+
        | '   [^'\n]*+
      )
    | (?P<mark> [\[\]{}=,.] )
    | (?P<word> [^ \t\n"'\[\]{}=,.\#]+ )
    ''',
    re.VERBOSE,
)
_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}


class TooIntricate(ValueError):
    """The text nests or strings together more than any data file needs. `line` says where, from 1; `many`: it is too much in all."""

    def __init__(self, line: int, *, many: bool) -> None:
        super().__init__(line)
        self.line = line
        self.many = many


class Token(NamedTuple):
    """A piece of TOML, no blank or comment. `offset` in characters from 0, `line` from 1, both of its beginning."""

    kind: str  # newline, string, unclosed (a string), mark, word, end
    text: str
    offset: int
    line: int


def tokens(source: str) -> list[Token]:
    """Return the tokens of `source` (line ends as `\\n`), TOML or not, with an `end` token last.

    A string that is not closed reaches to the end of its line, or of the text. Raises `TooIntricate`.
    """
    found: list[Token] = []
    line, depth, dots = 1, 0, 0
    for match in _TOKEN.finditer(source):
        kind, piece = match.lastgroup or "", match[0]
        if kind == "blank":
            continue
        found.append(Token(kind, piece, match.start(), line))
        if kind == "mark":
            depth = max(0, depth + _STEPS.get(piece, 0))
            dots = dots + 1 if piece == "." else 0
        elif kind == "newline":
            dots = 0
        many = len(found) > MOST_TOKENS
        if many or depth > DEEPEST or dots >= MOST_PARTS or (kind == "word" and len(piece) > LONGEST_WORD):
            raise TooIntricate(line, many=many)
        line += piece.count("\n")
    found.append(Token("end", "", len(source), found[-1].line if found else 1))
    return found


def open_brackets(found: list[Token], offset: int) -> list[Token]:
    """Return each `[` and `{` that begins before `offset` and is not closed there, the innermost last."""
    opened: list[Token] = []
    for token in found:
        if token.offset >= offset:
            break
        if token.text in ("[", "{"):
            opened.append(token)
        elif token.text in ("]", "}") and opened:
            opened.pop()
    return opened


class Lines:
    """The lines, from 1, of everything in a document."""

    def __init__(self, lines: dict[Path, int]) -> None:
        self._lines = lines

    def __iter__(self) -> Iterator[Path]:
        return iter(self._lines)

    def of(self, path: Path) -> int:
        """Return the line of a header, a key or an entry of a list; for what is not there, that of what is around it."""
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]


def locate(found: list[Token]) -> Lines:
    """Return the lines of everything in a document, by its tokens. The document must be one that tomllib accepts."""
    return Lines(_Locator(found).document())


class _Locator:
    """Walks over the tokens of a valid document."""

    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._at = 0
        self._lines: dict[Path, int] = {(): 1}
        self._newest: dict[Path, int] = {}  # arrays of tables: the index of the last one, which headers below it mean

    def document(self) -> dict[Path, int]:
        """Return the line of each path."""
        table: Path = ()
        while (token := self._peek()).kind != "end":
            if token.kind == "newline":
                self._next()
            elif token.text == "[":
                table = self._header()
            else:
                self._pair(table)
        return self._lines

    def _peek(self) -> Token:
        return self._tokens[min(self._at, len(self._tokens) - 1)]

    def _next(self) -> Token:
        token = self._peek()
        self._at += 1
        return token

    def _header(self) -> Path:
        line = self._next().line
        repeated = self._peek().text == "["
        self._at += repeated
        parts = self._key()
        self._at += 1 + repeated
        path = self._nested((), parts[:-1], line)
        path = (*path, parts[-1])
        if repeated:
            self._lines.setdefault(path, line)
            self._newest[path] = self._newest.get(path, -1) + 1
            path = (*path, self._newest[path])
        self._lines[path] = line
        return path

    def _nested(self, path: Path, parts: list[str], line: int) -> Path:
        for part in parts:
            path = (*path, part)
            self._lines.setdefault(path, line)
            if path in self._newest:
                path = (*path, self._newest[path])
        return path

    def _key(self) -> list[str]:
        parts = [_plain(self._next().text)]
        while self._peek().text == ".":
            self._next()
            parts.append(_plain(self._next().text))
        return parts

    def _pair(self, table: Path) -> None:
        line = self._peek().line
        path = self._nested(table, self._key(), line)
        self._next()  # the equals sign
        self._value(path)

    def _value(self, path: Path) -> None:
        first = self._peek().text
        if first in ("[", "{"):
            self._next()
            self._array(path) if first == "[" else self._inline_table(path)
            return
        while (token := self._peek()).kind not in ("newline", "end") and token.text not in (",", "]", "}"):
            self._next()

    def _array(self, path: Path) -> None:
        index = 0
        while (token := self._peek()).text != "]" and token.kind != "end":
            if token.kind == "newline" or token.text == ",":
                self._next()
                continue
            self._lines[*path, index] = token.line
            self._value((*path, index))
            index += 1
        self._next()

    def _inline_table(self, path: Path) -> None:
        while (token := self._peek()).text != "}" and token.kind != "end":
            if token.kind == "newline" or token.text == ",":
                self._next()
            else:
                self._pair(path)
        self._next()


def _plain(key: str) -> str:
    """Return a part of a key without its quotes."""
    if key.startswith('"') and "\\" in key:
        return next(iter(tomllib.loads(f"{key} = 0")))
    return key[1:-1] if key[:1] in ('"', "'") else key
