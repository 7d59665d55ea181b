"""Commands that are too old when the bot gets to them: they are not carried out, and their room is told so, once for each absence.

How old something is, is a matter of the homeserver's clock and the machine's, whatever time the bot shows.
"""

from collections.abc import Callable
from datetime import timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot import metrics
from bot.clock import Clock, SystemClock
from bot.command import Message
from bot.db import absences, deliveries, handled, rooms
from bot.db.engine import Database
from bot.network_rooms import NetworkRooms
from bot.rendering import content, render, template
from bot.rendering.durations import format_duration

log = structlog.get_logger(__name__)

_AWAY = template(
    "<p>{% trans age=age %}Ich war eine Weile nicht zu erreichen. Was mir vor mehr als {{ age }} gesagt wurde, führe ich nicht mehr aus."
    " Wird etwas davon noch gebraucht, schickt es mir bitte noch einmal.{% endtrans %}</p>"
)


class Staleness:
    """Says what is too old, and sets it aside. `after`: from which age on; `written` is called when there is something to say."""

    def __init__(
        self,
        *,
        database: Database,
        network_rooms: NetworkRooms,
        clock: Clock,
        language: str,
        after: timedelta,
        written: Callable[[], None],
    ) -> None:
        self._database = database
        self._rooms = network_rooms
        self._clock = clock
        self._language = language
        self._after = after
        self._written = written

    def is_stale(self, message: Message) -> bool:
        """Whether a message is too old to be obeyed. One that does not say when it was sent, or says that it will be, is not."""
        return _age(message) > self._after

    async def set_aside(self, message: Message) -> None:
        """Take a message that is for us without doing anything about it, and tell the room unless it knows. Raises as the database does."""
        age = _age(message)
        async with self._database.begin() as session:
            now = self._clock.now()
            taken = await handled.take(
                session, event_id=message.event_id, room_id=message.room_id, sender=message.sender, command="stale", now=now
            )
            if not taken:
                return
            told = await self._tell(session, message, age)
        metrics.messages_refused.labels("stale").inc()
        log.info("message_stale", event_id=message.event_id, room=message.room_id, seconds=round(age.total_seconds()))
        if told:
            self._written()

    async def _tell(self, session: AsyncSession, message: Message, age: timedelta) -> bool:
        """Write down what the room is told. Return False if it was told after this message had come: that was the same absence.

        The lines in a room are numbered. Two of our devices that come to say the same give it the same number, and so the same key.
        """
        place = self._rooms.place(message.room_id)
        room = (place.key if place else None) or message.room_id
        now = self._clock.now()
        number = 1
        while told_at := await absences.told_at(session, _key(room, number)):
            if told_at >= now - age:
                return False
            number += 1
        language = await rooms.language_of(session, message.room_id) or self._language
        said = render(_AWAY, language, {"age": format_duration(self._after, language)})
        key = _key(room, number)
        return await deliveries.add(session, key=key, room=room, content=content.message(said, key, notifies=False), now=now)


def _key(room: str, number: int) -> str:
    return f"away:{room}:{number}"


def _age(message: Message) -> timedelta:
    return SystemClock().now() - message.sent_at if message.sent_at else timedelta(0)
