"""What the bot says of its own accord about how it is, and about its rooms: one is open, something could not be read, its identity was
replaced. Each is said once, however many devices see it."""

from collections.abc import Callable, Collection

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.db import deliveries, handled, rooms
from bot.db.engine import Database
from bot.domain.places import COORDINATION
from bot.network_rooms import NetworkRooms
from bot.rendering import Template, content, render, template

log = structlog.get_logger(__name__)

_ROOM_IS = "room-is:"

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
        await self.tell(f"room-open:{key}:{today}", _ROOM_IS_OPEN, room=self._rooms.label(key))

    async def identity_replaced(self, found: str) -> None:
        """Tell coordinators, once, that somebody has replaced our identity by one with this public key."""
        await self.tell(f"identity-replaced:{found}", _REPLACED, found=found)

    async def unreadable(self, room_id: str, event_id: str, sender: str) -> bool:
        """Answer an event that could not be decrypted, once a day for each person and room. Return False if it needs no answer: another
        device of ours has read it."""
        now = self._clock.now()
        place = self._rooms.place(room_id)
        room = (place.key if place else None) or room_id
        key = f"unreadable:{room}:{sender}:{now.date().isoformat()}"
        async with self._database.begin() as session:
            if await handled.is_taken(session, event_id):
                return False
            language = await rooms.language_of(session, room_id) or self._language
            said = content.message(render(_UNREADABLE, language, {"sender": sender}), key, notifies=False)
            await deliveries.add(session, key=key, room=room, content=content.in_reply_to(said, event_id, None), now=now)
        log.warning("event_unreadable", room=room, event_id=event_id, sender=sender)
        self._written()
        return True

    async def standing(self, aspect: str) -> dict[str, str]:
        """Return what was noted last of each room, by key."""
        async with self._database.begin() as session:
            rows = await deliveries.with_prefix(session, f"{_ROOM_IS}{aspect}:")
        noted = [row.key.removeprefix(f"{_ROOM_IS}{aspect}:").partition("=") for row in rows]
        return {room: value.partition(":")[0] for room, _, value in noted}

    async def note(
        self,
        key: str,
        aspect: str,
        value: str,
        event_id: str,
        said: Template | None,
        *,
        unless: Collection[str] = (),
        **data: object,
    ) -> bool:
        """Note how it is about a configured room, and tell coordinators: once, whichever device sees it first and however often.

        Nothing is noted if that stands already, or one of `unless`, or if it was noted for this event before. Without `said`, nobody is
        told. Return whether it was news.
        """
        prefix = f"{_ROOM_IS}{aspect}:{key}="
        async with self._database.begin() as session:
            await rooms.lock(session, key)
            before = await deliveries.with_prefix(session, prefix)
            last = before[-1].key.removeprefix(prefix).partition(":")[0] if before else ""
            if last in {value, *unless}:
                return False
            noted = f"{prefix}{value}:{event_id or len(before)}"
            if said is None or key == COORDINATION:  # who would hear it, in the room that it is about
                now = self._clock.now()
                return await deliveries.add_as_past(session, key=noted, room=COORDINATION, policy="", now=now, note="noted")
            news = await self.say(session, noted, said, {"room": self._rooms.label(key), **data})
        self._written()
        return news

    async def say(self, session: AsyncSession, key: str, said: Template, data: dict[str, object], room: str = COORDINATION) -> bool:
        """Write down something to be said once, as part of a transaction. `room`: a key, or a room id. Return False if it is already."""
        language = await rooms.language_of(session, self._rooms.room_id(room) or room) or self._language
        body = content.message(render(said, language, data), key, notifies=True)
        return await deliveries.add(session, key=key, room=room, content=body, now=self._clock.now())

    async def tell(self, key: str, said: Template, **data: object) -> bool:
        """Tell coordinators something, once for each key. Return whether it is news."""
        async with self._database.begin() as session:
            news = await self.say(session, key, said, data)
        self._written()
        return news
