"""What the bot says of its own accord about how it is: a room is open, something could not be read, its identity was replaced."""

from collections.abc import Callable

import structlog

from bot.clock import Clock
from bot.db import deliveries, handled, rooms
from bot.db.engine import Database
from bot.domain.places import COORDINATION
from bot.network_rooms import NetworkRooms
from bot.rendering import Template, content, render, template

log = structlog.get_logger(__name__)

_ROOM_IS_OPEN = template(
    "<p>{% trans room=room %}Der Raum »{{ room }}« ist öffentlich, auf Anklopfen offen oder für alle lesbar. Solange das so ist, gibt er"
    " bei mir niemandem Rechte. Bitte stellt ihn auf »nur mit Einladung« und den Verlauf auf »nur Mitglieder«.{% endtrans %}</p>"
)
_UNREADABLE = template(
    "<p>{% trans person=sender|pill %}Ich konnte eine Nachricht von {{ person }} nicht entschlüsseln: der Schlüssel dazu ist nicht bei mir"
    " angekommen. War sie für mich? Dann schick sie bitte noch einmal.{% endtrans %}</p>"
)
_REPLACED = template(
    "<p>{% trans found=found %}Jemand hat die Identität meines Kontos ersetzt (neuer Schlüssel: {{ found }}). Wart ihr das nicht selbst,"
    " dann hat jemand Fremdes Zugang zu meinem Konto: Bitte sagt es sofort der Administration, und schreibt bis dahin nichts Vertrauliches"
    " in Räume, in denen ich bin.{% endtrans %}</p>"
)


class Notices:
    """Writes them down, each once, for the drain to send. `written` is called after every commit."""

    def __init__(
        self, *, database: Database, network_rooms: NetworkRooms, clock: Clock, language: str, written: Callable[[], None]
    ) -> None:
        self._database = database
        self._rooms = network_rooms
        self._clock = clock
        self._language = language
        self._written = written

    async def room_is_open(self, key: str) -> None:
        """Tell coordinators, once a day, that a configured room gives nobody any rights."""
        today = self._clock.now().date().isoformat()
        await self._tell_coordinators(f"room-open:{key}:{today}", _ROOM_IS_OPEN, {"room": self._rooms.label(key)})

    async def identity_replaced(self, found: str) -> None:
        """Tell coordinators, once, that somebody has replaced our identity by one with this public key."""
        await self._tell_coordinators(f"identity-replaced:{found}", _REPLACED, {"found": found})

    async def unreadable(self, room_id: str, event_id: str, sender: str) -> None:
        """Answer an event that could not be decrypted, once a day for each person and room; not if another device of ours has read it."""
        now = self._clock.now()
        place = self._rooms.place(room_id)
        room = (place.key if place else None) or room_id
        key = f"unreadable:{room}:{sender}:{now.date().isoformat()}"
        async with self._database.begin() as session:
            if await handled.is_taken(session, event_id):
                return
            language = await rooms.language_of(session, room_id) or self._language
            said = content.message(render(_UNREADABLE, language, {"sender": sender}), key, notifies=False)
            await deliveries.add(session, key=key, room=room, content=content.in_reply_to(said, event_id, None), now=now)
        log.warning("event_unreadable", room=room, event_id=event_id, sender=sender)
        self._written()

    async def _tell_coordinators(self, key: str, said: Template, data: dict[str, object]) -> None:
        async with self._database.begin() as session:
            body = content.message(render(said, self._language, data), key, notifies=True)
            await deliveries.add(session, key=key, room=COORDINATION, content=body, now=self._clock.now())
        self._written()
