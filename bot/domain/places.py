"""Where something is said, and who may see it there."""

from dataclasses import dataclass
from enum import StrEnum

COORDINATION = "coordination"
NETWORK = "network"
RESEARCH = "research"
_LAB_PREFIX = "lab:"


def lab_room(lab: str) -> str:
    """Return the key of a lab's room."""
    return f"{_LAB_PREFIX}{lab}"


def lab_of_room(key: str) -> str | None:
    """Return the lab whose room `key` names, or None for the other rooms."""
    return key.removeprefix(_LAB_PREFIX) if key.startswith(_LAB_PREFIX) else None


class PlaceKind(StrEnum):
    """What kind of room something is said in."""

    COORDINATION = "coordination"
    NETWORK = "network"
    RESEARCH = "research"
    LAB = "lab"
    DIRECT = "direct"  # the bot and one person, nobody else
    UNKNOWN = "unknown"  # any other room: belongs to nobody that we know of


@dataclass(frozen=True, slots=True)
class Place:
    """A room as the network sees it. `lab` only for a lab's room."""

    kind: PlaceKind
    room_id: str
    lab: str | None = None

    @property
    def key(self) -> str | None:
        """The key of the configured room, or None for a direct chat or an unknown room."""
        if self.kind in (PlaceKind.DIRECT, PlaceKind.UNKNOWN):
            return None
        return lab_room(self.lab) if self.lab else self.kind.value

    @classmethod
    def configured(cls, key: str, room_id: str) -> "Place":
        """Return the place that the configured room `key` is."""
        lab = lab_of_room(key)
        return cls(PlaceKind.LAB, room_id, lab) if lab else cls(PlaceKind(key), room_id)


@dataclass(frozen=True, slots=True)
class Audience:
    """Who may see an answer. `home` is the key of the room where it may always be shown, None if anybody may see it.

    `members` answers may be seen by everybody in the network, but not in a room that is not the network's.
    """

    home: str | None = None
    members_only: bool = True

    def may_see(self, place: Place) -> bool:
        """Whether everybody in `place` may see it (the one who asked is known to have the right)."""
        if not self.members_only:
            return True
        if place.kind is PlaceKind.UNKNOWN:
            return False
        if self.home is None or place.kind is PlaceKind.DIRECT:
            return True
        return place.key in (self.home, COORDINATION)


EVERYONE = Audience(members_only=False)
MEMBERS = Audience()
COORDINATORS = Audience(COORDINATION)
RESEARCHERS = Audience(RESEARCH)


def lab_audience(lab: str) -> Audience:
    """Return the audience of a lab's own business: the lab, and coordination."""
    return Audience(lab_room(lab))
