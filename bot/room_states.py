"""Whether we are in the configured rooms and may speak there. Coordinators are told when that ends; then what is to be said waits for it.

Not in the coordination room: who would hear it there. Then the log says it.
"""

from collections.abc import Awaitable, Callable, Collection

import structlog

from bot.domain.places import COORDINATION
from bot.errors import ChatRefused, ChatUnavailable
from bot.matrix.journal import Entry
from bot.matrix.room_changes import BANNED, GONE, KICKED, RoomChanges
from bot.matrix.room_looks import RoomLooks
from bot.network_rooms import NetworkRooms
from bot.notices import Notices
from bot.rendering import template

log = structlog.get_logger(__name__)

_MEMBER, _BACK = "member", "back"
_POWER, _OK, _MUTE, _REFUSED = "power", "ok", "mute", "refused"

_LOST = {
    KICKED: template(
        "<p>{% trans person=by|pill, room=room %}{{ person }} hat mich aus dem Raum »{{ room }}« entfernt. Was ich dort zu sagen habe, hebe"
        " ich auf. Bitte ladet mich wieder ein, dann geht es von selbst weiter.{% endtrans %}</p>"
    ),
    BANNED: template(
        "<p>{% trans person=by|pill, room=room %}{{ person }} hat mich im Raum »{{ room }}« gesperrt. Was ich dort zu sagen habe, hebe ich"
        " auf. Soll ich wieder dabei sein, dann hebt bitte die Sperre auf und ladet mich ein.{% endtrans %}</p>"
    ),
    GONE: template(
        "<p>{% trans room=room %}Ich bin nicht mehr im Raum »{{ room }}«; vielleicht ist er gelöscht. Was ich dort zu sagen habe, hebe ich"
        " auf. Gibt es ihn noch, dann ladet mich bitte wieder ein; sonst fragt bitte die Administration.{% endtrans %}</p>"
    ),
}
_MAY_NOT_SPEAK = template(
    "<p>{% trans room=room %}Ich darf im Raum »{{ room }}« nichts mehr schreiben. Was ich dort zu sagen habe, hebe ich auf. Bitte gebt mir"
    " dort wieder das Recht, Nachrichten zu senden, dann geht es von selbst weiter.{% endtrans %}</p>"
)


class RoomStates:
    """Looks after that. `try_again(rooms)` sends what waits for rooms (keys or ids); `lose(room_id)` writes down that one is lost."""

    def __init__(
        self,
        *,
        network_rooms: NetworkRooms,
        looks: RoomLooks,
        changes: RoomChanges,
        notices: Notices,
        try_again: Callable[[Collection[str]], Awaitable[None]],
        lose: Callable[[str], None],
    ) -> None:
        self._rooms = network_rooms
        self._looks = looks
        self._changes = changes
        self._notices = notices
        self._try_again = try_again
        self._lose = lose
        self._noted: tuple[dict[str, str], dict[str, str]] | None = None

    async def handle_left(self, entry: Entry) -> None:
        """Tell that we are out of a room. Raises as the database does: then it is to be tried again."""
        place = self._rooms.place(entry.room_id)
        how, by = str(entry.source["how"]), str(entry.source["by"])
        if place is None or place.key is None or not (entry.source["was_in"] or how == BANNED):
            return
        noted, _ = await self._remembered()
        unless = () if how == BANNED else (KICKED, BANNED, GONE)
        event_id = str(entry.source["event_id"])
        await self._notices.note(place.key, _MEMBER, how, event_id, _LOST[how], unless=unless, by=by)
        noted[place.key] = how
        if place.key == COORDINATION:
            log.error("coordination_room_lost", how=how, by=by, hint="invite the bot again, or configure another room")
        else:
            log.warning("room_lost", room=place.key, how=how, by=by)

    async def settle(self) -> bool:
        """Look at what has changed. Return whether to look again in a moment. Raises as the database does."""
        member, power = await self._remembered()
        try:
            await self._looks.find_missing()
        except ChatUnavailable as error:
            log.warning("rooms_not_looked_at", reason=str(error))
            return False
        for room_id in self._looks.lost():
            self._lose(room_id)
        entered = self._changes.take_entered()
        keys = {room_id: key for key, room_id in self._rooms.resolved().items() if self._is_in(room_id)}
        for room_id, key in keys.items():
            if member.get(key, _BACK) != _BACK:
                await self._notices.note(key, _MEMBER, _BACK, "", None)
                member[key] = _BACK
                log.info("room_back", room=key)
            await self._look_at_power(key, room_id, power)
        if entered:
            await self._try_again({keys.get(room_id, room_id) for room_id in entered})
        return bool(self._looks.missing())

    async def _remembered(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return what is noted of our membership and of our power, by key, as far as this device knows."""
        if self._noted is None:
            self._noted = await self._notices.standing(_MEMBER), await self._notices.standing(_POWER)
        return self._noted

    def _is_in(self, room_id: str) -> bool:
        return self._looks.is_in(room_id) and room_id not in self._looks.missing()

    async def _look_at_power(self, key: str, room_id: str, noted: dict[str, str]) -> None:
        if room_id in self._changes.replacements():
            return  # nobody is to speak there any more
        before = noted.get(key, _OK)
        refused = self._changes.is_refused(room_id)
        if before == _OK and not refused and self._looks.seems_to_speak(room_id):
            return
        now = await self._power_in(room_id, refused=refused)
        if now is None or now == before or (before == _REFUSED and now == _OK and not self._changes.is_heard(room_id)):
            return
        unless = () if now == _OK else (_MUTE, _REFUSED)
        event_id = self._changes.levels_event(room_id) if now == _MUTE else ""
        await self._notices.note(key, _POWER, now, event_id, None if now == _OK else _MAY_NOT_SPEAK, unless=unless)
        noted[key] = now
        if now == _OK:
            log.info("room_speaks_again", room=key)
        elif key == COORDINATION:
            log.error("coordination_room_mute", reason=now, hint="give the bot the power to send messages")
        else:
            log.warning("room_mute", room=key, reason=now)

    async def _power_in(self, room_id: str, *, refused: bool) -> str | None:
        """Return what we may do in a room, None if that cannot be found out now."""
        try:
            may = await self._looks.may_speak(room_id)
        except ChatRefused:
            return None
        except ChatUnavailable as error:
            log.warning("rooms_not_looked_at", reason=str(error))
            return None
        return _MUTE if not may else _REFUSED if refused else _OK
