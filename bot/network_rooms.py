"""The network's rooms: which room id is which place, and what people call it."""

from collections.abc import Iterable, Mapping

from bot.domain.chat_words import one_line
from bot.domain.places import COORDINATION, Place

_LONGEST_NAME = 80


class NetworkRooms:
    """The configured rooms, resolved. `configured`: key → room id or alias as the administrator wrote it."""

    def __init__(self, configured: Mapping[str, str]) -> None:
        self._configured = dict(configured)
        self._room_ids: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._asking: frozenset[str] = frozenset()

    def keys(self) -> tuple[str, ...]:
        """Return the keys of all configured rooms, in the order of the configuration."""
        return tuple(self._configured)

    def configured(self, key: str) -> str:
        """Return what the configuration says for `key`: a room id or an alias."""
        return self._configured[key]

    def configured_or_key(self, key: str) -> str:
        """Return what the configuration says for `key`, or the key itself if it says nothing."""
        return self._configured.get(key, key)

    def set_room_id(self, key: str, room_id: str) -> None:
        """Remember which room `key` is."""
        self._room_ids[key] = room_id

    def take(self, room_ids: Mapping[str, str]) -> frozenset[str]:
        """Remember which rooms these keys are, and that no other key is known. Return the keys that were another room before."""
        moved = {key for key, room_id in room_ids.items() if self._room_ids.get(key, room_id) != room_id}
        self._room_ids = dict(room_ids)
        return frozenset(moved)

    def set_asking(self, room_ids: Iterable[str]) -> None:
        """Remember in which rooms we ask whether they are to take the place of the coordination room, and nothing else is decided."""
        self._asking = frozenset(room_ids)

    def asking(self, room_id: str) -> Place | None:
        """Return the place that a room asks to be, None if it does not ask. It grants nothing."""
        return Place.configured(COORDINATION, room_id) if room_id in self._asking else None

    def set_name(self, room_id: str, name: str) -> None:
        """Remember what people call a room; whoever may name it may write anything."""
        self._names[room_id] = one_line(name, _LONGEST_NAME)

    def room_id(self, key: str) -> str | None:
        """Return the room id of `key`, or None if it could not be resolved yet."""
        return self._room_ids.get(key)

    def resolved(self) -> dict[str, str]:
        """Return all keys that are resolved, with their room ids."""
        return dict(self._room_ids)

    def place(self, room_id: str) -> Place | None:
        """Return the place that a room is, or None if it is none of the configured ones."""
        key = next((key for key, known in self._room_ids.items() if known == room_id), None)
        return Place.configured(key, room_id) if key else None

    def name(self, key: str) -> str:
        """Return what people call a room, or what the configuration says for it."""
        return self._names.get(self._room_ids.get(key, "")) or self._configured.get(key, key)

    def label(self, key: str) -> str:
        """Return the name of a room as a person would recognise it, with its alias where there is one."""
        configured = self._configured.get(key, key)
        name = self._names.get(self._room_ids.get(key, ""))
        alias = configured if configured.startswith("#") else None
        if name and alias:
            return f"{name} ({alias})"
        return name or configured
