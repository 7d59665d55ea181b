"""Labs: the regional partners of the network."""

from collections.abc import Iterable
from dataclasses import dataclass

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
    return next((reading for reading in readings if reading), [])


def search_text(lab: Lab) -> str:
    """Return everything about a lab that a search may hit, folded."""
    return fold(" | ".join((lab.key, lab.name, *lab.municipalities, *(p.name for p in lab.partners), *lab.topics)))
