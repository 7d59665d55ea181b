"""Labs: the regional partners of the network."""

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from bot.domain.matching import fold


@dataclass(frozen=True, slots=True)
class Partner:
    """An organisation beside the municipalities. `kind` as in the data file, for example `civil_society`."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Lab:
    """One lab. `key` names it everywhere (rooms, reports, files); `state` is an ISO 3166-2 code such as `DE-HE`."""

    key: str
    name: str
    state: str
    municipalities: tuple[str, ...] = ()
    partners: tuple[Partner, ...] = ()
    topics: tuple[str, ...] = ()


def find_lab(labs: Iterable[Lab], words: str) -> list[Lab]:
    """Return the labs that `words` may mean, the best reading only.

    The key or the whole name wins over the start of a name, and that over a name or a municipality that contains the words.
    """
    wanted = fold(words)
    if not wanted:
        return []
    all_labs = list(labs)
    readings = (
        [lab for lab in all_labs if wanted in (fold(lab.key), fold(lab.name))],
        [lab for lab in all_labs if any(wanted == fold(place) for place in lab.municipalities)],
        [lab for lab in all_labs if fold(lab.name).startswith(wanted) or fold(lab.key).startswith(wanted)],
        [lab for lab in all_labs if any(wanted in fold(text) for text in (lab.name, *lab.municipalities))],
    )
    return next(filter(None, readings), list[Lab]())


def search_text(lab: Lab) -> str:
    """Return everything about a lab that a search may hit, folded."""
    return fold(" | ".join((lab.key, lab.name, *lab.municipalities, *(p.name for p in lab.partners), *lab.topics)))


class Kind(StrEnum):
    """By what labs are chosen."""

    ALL = "all"
    LAB = "lab"
    STATE = "state"
    PLACE = "place"
    TOPIC = "topic"


@dataclass(frozen=True, slots=True)
class Selector:
    """A word by which labs are chosen. `name`: how the data has it (a state's is its code); `labs`: the keys that it chooses."""

    kind: Kind
    name: str
    labs: tuple[str, ...]


class UnknownSelector(ValueError):
    """The word chooses no labs; `str()` is the word, empty if there is none."""


_WORDS_FOR_ALL = ("alle", "alle labore", "allen laboren", "all", "all labs", "everyone")
_TOKEN = re.compile(r"[^\s,]+|,")
_COMMA = re.compile(r"\s*,\s*")
_AROUND = "\"'„“”»«‚‘’:;"


def selectors(
    labs: Iterable[Lab], state_names: Callable[[str], Iterable[str]], kinds: Container[Kind] = frozenset(Kind)
) -> dict[str, Selector]:
    """Return what may be said to choose among `labs`, by how it is compared.

    Where a word means two things, the first of `Kind` wins. `state_names` gives what people call a state.
    """
    found: dict[str, Selector] = {}
    for kind, name, words, chosen in _choices(list(labs), state_names):
        selector = Selector(kind, name, tuple(lab.key for lab in chosen))
        for word in words if kind in kinds else ():
            found.setdefault(_comparable(word), selector)
    return found


def _choices(
    labs: list[Lab], state_names: Callable[[str], Iterable[str]]
) -> Iterator[tuple[Kind, str, Iterable[str], Iterable[Lab]]]:
    yield Kind.ALL, "", _WORDS_FOR_ALL, labs
    for lab in labs:
        yield Kind.LAB, lab.name, (lab.key, lab.name), [lab]
    for state in dict.fromkeys(lab.state for lab in labs):
        yield Kind.STATE, state, state_names(state), [lab for lab in labs if lab.state == state]
    for place in dict.fromkeys(place for lab in labs for place in lab.municipalities):
        yield Kind.PLACE, place, [place], [lab for lab in labs if place in lab.municipalities]
    for topic in dict.fromkeys(topic for lab in labs for topic in lab.topics):
        yield Kind.TOPIC, topic, [topic], [lab for lab in labs if topic in lab.topics]


def read_selectors(text: str, known: Mapping[str, Selector]) -> tuple[list[Selector], str]:
    """Return the selectors, separated by commas, that `text` begins with, and what follows them.

    The longest reading wins, so that names with spaces and commas in them need no quotes. Raises `UnknownSelector`.
    """
    longest = max((len(word.split()) for word in known), default=1)
    found: list[Selector] = []
    position = 0
    while True:
        selector, position = _longest_reading(text, position, known, longest)
        found.append(selector)
        comma = _COMMA.match(text, position)
        if comma is None:
            return found, text[position:].lstrip()
        position = comma.end()


def _longest_reading(text: str, position: int, known: Mapping[str, Selector], longest: int) -> tuple[Selector, int]:
    tokens = list(islice(_TOKEN.finditer(text, position), longest))
    for count in range(len(tokens), 0, -1):
        end = tokens[count - 1].end()
        selector = known.get(_comparable(text[position:end]))
        if selector is not None:
            return selector, end
    raise UnknownSelector(tokens[0].group().strip(_AROUND) if tokens else "")


def _comparable(words: str) -> str:
    return " ".join(_TOKEN.findall(fold(words[:500].strip().strip(_AROUND))))
