"""What differs between the network as it is and the network as a data file wants it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from operator import attrgetter
from typing import Any, cast

from bot.domain.labs import Partner
from bot.domain.network import Network
from bot.errors import Text, text


class Kind(StrEnum):
    """What becomes of a thing. `MOVED`: the things of one noun come in another order."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    MOVED = "moved"


class Noun(StrEnum):
    """What a change is about."""

    NETWORK = "network"
    LAB = "lab"
    EVENT = "event"
    PHASE = "phase"
    SERIES = "series"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field with its value before and after, as the domain has it."""

    name: str
    old: object
    new: object


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one thing. `fields` for `CHANGED` only; `key` and `title` are empty for the network and for `MOVED`."""

    kind: Kind
    noun: Noun
    key: str = ""
    title: str = ""
    fields: tuple[FieldChange, ...] = ()


# The fields that a data file sets, in the order in which they are told. An event's `cancelled` is not among them.
_FIELDS: Mapping[Noun, tuple[str, ...]] = {
    Noun.NETWORK: ("name", "timezone", "language", "topics", "reflection"),
    Noun.LAB: ("name", "state", "municipalities", "partners", "topics"),
    Noun.EVENT: ("title", "kind", "number", "when", "place", "online", "register_by"),
    Noun.PHASE: ("after", "before"),
    Noun.SERIES: ("title", "owed_by"),
    Noun.REPORT: ("title", "series", "due"),
}


def compare(old: Network | None, new: Network) -> list[Change]:
    """Return what has to become of `old` (None: nothing is there yet) to be `new`; nothing if they say the same."""
    if old is None:
        changes = [Change(Kind.ADDED, Noun.NETWORK, title=new.name)]
    else:
        changes = _changed(Noun.NETWORK, "", "", old, new)
    nothing = old or Network("", "", "")
    return [
        *changes,
        *_things(Noun.LAB, nothing.labs, new.labs, attrgetter("key"), attrgetter("name")),
        *_things(Noun.EVENT, nothing.events, new.events, attrgetter("key"), attrgetter("title")),
        *_things(Noun.PHASE, nothing.phases, new.phases, lambda phase: str(phase.number), lambda _: ""),
        *_things(Noun.SERIES, nothing.series, new.series, attrgetter("key"), attrgetter("title")),
        *_things(Noun.REPORT, _reports(nothing), _reports(new), attrgetter("key"), attrgetter("title")),
    ]


def _reports(network: Network) -> tuple[object, ...]:
    return tuple(chain.from_iterable(series.reports for series in network.series))


def _things(
    noun: Noun, old: Iterable[Any], new: Iterable[Any], key: Callable[[Any], str], title: Callable[[Any], str]
) -> list[Change]:
    before, after = {key(thing): thing for thing in old}, {key(thing): thing for thing in new}
    changes: list[Change] = []
    for name, thing in after.items():
        if name in before:
            changes += _changed(noun, name, title(thing), before[name], thing)
        else:
            changes.append(Change(Kind.ADDED, noun, name, title(thing)))
    changes += [Change(Kind.REMOVED, noun, name, title(thing)) for name, thing in before.items() if name not in after]
    if [name for name in before if name in after] != [name for name in after if name in before]:
        changes.append(Change(Kind.MOVED, noun))
    return changes


def _changed(noun: Noun, key: str, title: str, old: object, new: object) -> list[Change]:
    fields = tuple(
        FieldChange(name, getattr(old, name), getattr(new, name))
        for name in _FIELDS[noun]
        if getattr(old, name) != getattr(new, name)
    )
    return [Change(Kind.CHANGED, noun, key, title, fields)] if fields else []


_NOUNS: Mapping[Noun, Text] = {
    Noun.NETWORK: text("Netz"),
    Noun.LAB: text("Labor"),
    Noun.EVENT: text("Veranstaltung"),
    Noun.PHASE: text("Phase"),
    Noun.SERIES: text("Berichtsreihe"),
    Noun.REPORT: text("Bericht"),
}

_ORDERS: Mapping[Noun, Text] = {
    Noun.LAB: text("~ Reihenfolge der Labore"),
    Noun.EVENT: text("~ Reihenfolge der Veranstaltungen"),
    Noun.PHASE: text("~ Reihenfolge der Phasen"),
    Noun.SERIES: text("~ Reihenfolge der Berichtsreihen"),
    Noun.REPORT: text("~ Reihenfolge der Berichte"),
}

_FIELD_NAMES: Mapping[str, Text] = {
    "name": text("Name"),
    "timezone": text("Zeitzone"),
    "language": text("Sprache"),
    "topics": text("Themen"),
    "reflection": text("Reflexionsfragen"),
    "state": text("Land"),
    "municipalities": text("Kommunen"),
    "partners": text("Partner"),
    "title": text("Titel"),
    "kind": text("Art"),
    "number": text("Nummer"),
    "when": text("Termin"),
    "place": text("Ort"),
    "online": text("online"),
    "register_by": text("Anmeldung bis"),
    "after": text("nach"),
    "before": text("vor"),
    "owed_by": text("geschuldet von"),
    "series": text("Reihe"),
    "due": text("Termin"),
}


def told(changes: Iterable[Change]) -> list[Text]:
    """Return a line per change, and one per field of what changes: `+` added, `~` changed, `-` removed."""
    return list(chain.from_iterable(map(_lines, changes)))


def _lines(change: Change) -> list[Text]:
    thing = _thing(change)
    match change.kind:
        case Kind.ADDED:
            return [text("+ %(thing)s", thing=thing)]
        case Kind.REMOVED:
            return [text("- %(thing)s", thing=thing)]
        case Kind.MOVED:
            return [_ORDERS[change.noun]]
        case Kind.CHANGED:
            return [_field_line(thing, field) for field in change.fields]


def _thing(change: Change) -> Text:
    noun = _NOUNS[change.noun]
    if change.noun is Noun.PHASE:
        return text("%(noun)s %(key)s", noun=noun, key=change.key)
    if change.noun is not Noun.NETWORK:
        return text("%(noun)s »%(title)s« (%(key)s)", noun=noun, title=change.title, key=change.key)
    return text("%(noun)s »%(title)s«", noun=noun, title=change.title) if change.title else noun


def _field_line(thing: Text, field: FieldChange) -> Text:
    name = _FIELD_NAMES[field.name]
    old, new = _names(field.old), _names(field.new)
    if old is None or new is None:
        before, after = _value(field.old), _value(field.new)
        return text("~ %(thing)s: %(field)s %(old)s → %(new)s", thing=thing, field=name, old=before, new=after)
    gone, come = [name for name in old if name not in new], [name for name in new if name not in old]
    if not gone and not come:
        return text("~ %(thing)s: %(field)s in anderer Reihenfolge", thing=thing, field=name)
    differences = ", ".join([*(f"+ {name}" for name in come), *(f"- {name}" for name in gone)])
    return text("~ %(thing)s: %(field)s %(differences)s", thing=thing, field=name, differences=differences)


def _names(value: object) -> list[str] | None:
    """Return the entries of a list as they are told, or None for a single value."""
    if not isinstance(value, tuple):
        return None
    entries = cast("tuple[object, ...]", value)
    return [f"{entry.name} ({entry.kind})" if isinstance(entry, Partner) else str(entry) for entry in entries]


def _value(value: object) -> object:
    if isinstance(value, bool):
        return text("ja") if value else text("nein")
    return "–" if value is None else str(value)
