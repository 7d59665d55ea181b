"""Who may do what: roles follow from the configured rooms that a person is joined to now, and from nothing else."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Flag, auto

from bot.domain.places import COORDINATION, RESEARCH, Place, PlaceKind, lab_of_room


class Role(Flag):
    """What a command needs. Alternatives are joined by `|`; a coordinator is not by itself a lab or the research team."""

    GUEST = auto()  # anybody at all
    MEMBER = auto()
    LAB = auto()
    RESEARCH = auto()
    COORDINATOR = auto()


@dataclass(frozen=True, slots=True)
class Roles:
    """A person's roles. `rooms`: the keys of the configured rooms that the person is joined to, as far as they were asked."""

    rooms: frozenset[str] = frozenset()

    @property
    def coordinator(self) -> bool:
        """Whether the person is joined to the coordination room."""
        return COORDINATION in self.rooms

    @property
    def research(self) -> bool:
        """Whether the person is joined to the research room."""
        return RESEARCH in self.rooms

    @property
    def member(self) -> bool:
        """Whether the person is joined to any room of the network."""
        return bool(self.rooms)

    @property
    def labs(self) -> tuple[str, ...]:
        """The keys of the labs whose rooms the person is joined to, in alphabetical order."""
        return tuple(sorted(lab for room in self.rooms if (lab := lab_of_room(room))))

    def held(self, place: Place) -> Role:
        """Return the roles that count in `place`: in a lab's room only that lab's members act as a lab."""
        held = Role.GUEST
        if self.member:
            held |= Role.MEMBER
        if self.coordinator:
            held |= Role.COORDINATOR
        if self.research:
            held |= Role.RESEARCH
        if (place.key in self.rooms) if place.kind is PlaceKind.LAB else self.labs:
            held |= Role.LAB
        return held

    def satisfy(self, needs: Role, place: Place) -> bool:
        """Whether one of the alternatives in `needs` is held in `place`."""
        return bool(self.held(place) & needs)


def rooms_to_ask(needs: Role, place: Place, all_rooms: Iterable[str]) -> list[list[str]]:
    """Return groups of room keys to ask the homeserver about, in this order, until `needs` are met.

    Most commands are answered by the room they are said in; only somebody who acts from elsewhere is looked for everywhere.
    """
    everywhere = list(all_rooms)
    here = [place.key] if place.key else []
    if needs & Role.GUEST or not everywhere:
        return []
    if needs == Role.COORDINATOR:
        return [[COORDINATION]]
    if needs & Role.MEMBER and here:
        return [here, [room for room in everywhere if room not in here]]
    if place.kind is PlaceKind.LAB:
        return [list(dict.fromkeys([*here, COORDINATION]))]
    return [everywhere]


def granting_rooms(needs: Role, place: Place) -> list[str | None]:
    """Return the keys of the rooms that would grant one of `needs`; None stands for "the room of your lab"."""
    rooms: list[str | None] = []
    if needs & Role.MEMBER:
        rooms.append("network")
    if needs & Role.LAB:
        rooms.append(place.key if place.kind is PlaceKind.LAB else None)
    if needs & Role.RESEARCH:
        rooms.append(RESEARCH)
    if needs & Role.COORDINATOR:
        rooms.append(COORDINATION)
    return rooms
