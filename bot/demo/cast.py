"""Who plays, and in which rooms: the example network's labs, people with names made up for them."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from bot.demo.errors import DemoFailed
from bot.demo.people import Person
from bot.demo.texts import _

BOT = "netzwart"
COORDINATORS = ("Karla", "Konrad")
RESEARCHER = "Fatma"
STRANGER = "Xaver"
FIRST_NAMES = (
    "Anke", "Bernd", "Dörte", "Wiebke", "Emre", "Frauke", "Georg", "Hanna", "Ivo", "Jule", "Kerim", "Lotte", "Malte",
    "Nele", "Okka", "Paul", "Rieke", "Sönke", "Thea", "Uwe",
)  # fmt: skip
SECOND_NAMES = ("Jonas", "Mehmet", "Swantje")  # of the asking lab and the next two
ASKING = "bremen"


@dataclass(slots=True)
class Room:
    """A room of the network. `room_id` is known once it is made; `members` are local parts, the first makes it."""

    alias: str
    name: str
    topic: str
    members: list[str]
    lab: str | None = None
    room_id: str = ""

    @property
    def asker(self) -> str:
        """Who speaks in this room, and reads it back."""
        return self.members[0]


@dataclass(slots=True)
class Cast:
    """All rooms; all people by local part. `people` fills when they register."""

    network: str
    timezone: str
    coordination: Room
    network_room: Room
    research: Room
    labs: list[Room]
    roles: dict[str, str]
    people: dict[str, Person] = field(default_factory=dict[str, Person])

    @property
    def rooms(self) -> list[Room]:
        """Every room of the network."""
        return [self.coordination, self.network_room, self.research, *self.labs]

    @property
    def asking(self) -> Room:
        """The lab that asks questions: Bremen if there is one."""
        return next((lab for lab in self.labs if lab.lab == ASKING), self.labs[0])

    @property
    def submitted(self) -> list[Room]:
        """The labs that have submitted their first report before the day begins."""
        return [lab for lab in self.labs if lab is not self.asking][:3]

    @property
    def thrown_out(self) -> str:
        """Who loses their rooms during the day."""
        return self.asking.members[1]

    def rooms_of(self, name: str) -> list[str]:
        """Return the ids of the network's rooms that somebody is in, their own first and the one for all last."""
        own = [room for room in self.rooms if name in room.members]
        return [room.room_id for room in sorted(own, key=lambda room: room is self.network_room)]

    def person(self, name: str) -> Person:
        """Return the person with this local part."""
        return self.people[name]


def read_cast(data: Path) -> Cast:
    """Return the cast for the network described in `data` (TOML; `[network]`, and `key` and `name` of each `[[labs]]`).

    Raises `DemoFailed` if there is no such file or it names no lab, or more labs than there are first names.
    """
    try:
        network = tomllib.loads(data.read_text(encoding="utf-8"))
        labs = [(str(lab["key"]), str(lab["name"])) for lab in network["labs"]]
        title, timezone = str(network["network"]["name"]), str(network["network"]["timezone"])
    except (OSError, KeyError, tomllib.TOMLDecodeError) as error:
        raise DemoFailed(_("Das Beispielnetz %(file)s ist nicht lesbar: %(error)r", file=data, error=error)) from error
    if not 0 < len(labs) <= len(FIRST_NAMES):
        raise DemoFailed(_("Das Beispielnetz hat %(n)d Labore, das passt nicht zur Besetzung.", n=len(labs)))
    return _cast(title, timezone, labs)


def _cast(title: str, timezone: str, labs: list[tuple[str, str]]) -> Cast:
    rooms = [
        Room(f"labor-{key}", lab_room_name(name), _("Raum des Labors"), [local_part(first)], lab=key)
        for (key, name), first in zip(labs, FIRST_NAMES, strict=False)
    ]
    asking = next((at for at, room in enumerate(rooms) if room.lab == ASKING), 0)
    for second, room in zip(SECOND_NAMES, [*rooms[asking:], *rooms[:asking]], strict=False):
        room.members.append(local_part(second))
    coordinators, researcher = [local_part(name) for name in COORDINATORS], local_part(RESEARCHER)
    roles = dict.fromkeys(coordinators, _("Koordination")) | {researcher: _("Forschung")}
    roles |= {name: room.name for room in rooms for name in room.members}
    return Cast(
        network=title,
        timezone=timezone,
        coordination=Room("koordination", _("Koordination"), _("Absprachen der Koordination"), coordinators),
        network_room=Room("netzwerk", _("Netzwerk"), title, list(roles)),
        research=Room("forschung", _("Forschung"), _("Begleitende Forschung"), [researcher]),
        labs=rooms,
        roles=roles | {local_part(STRANGER): _("in keinem Raum")},
    )


def lab_room_name(lab: str) -> str:
    """Return the name of a lab's room: "Labor Bremen und Region", but "Regionallabor Niederrhein"."""
    return lab if "labor" in lab.lower() else _("Labor %(lab)s", lab=lab)


def local_part(first_name: str) -> str:
    """Return the user name for a first name: lower case, umlauts spelt out, as Matrix wants it."""
    return first_name.lower().translate(str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}))


def display_name(name: str) -> str:
    """Return the first name that the local part `name` was made of."""
    first_names = (*COORDINATORS, RESEARCHER, STRANGER, *FIRST_NAMES, *SECOND_NAMES)
    return next((first for first in first_names if local_part(first) == name), name.capitalize())
