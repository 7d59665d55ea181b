"""Rooms that become other rooms: upgraded ones, and aliases that point elsewhere.

A room is believed to replace one of ours only if both say so, the old one by its tombstone and the new one by its `m.room.create`, and if
nobody can come in uninvited. Where being in the room grants more than membership, a coordinator has to say yes as well: roles follow the
room that is written down (`bot.room_pins`), and no other.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.db import deliveries, room_moves
from bot.db.engine import Database
from bot.db.room_moves import Move
from bot.domain.places import COORDINATION
from bot.domain.room_moves import NO, YES, Reason, State, follows_by_itself, question_key
from bot.errors import ChatRefused, ChatUnavailable
from bot.matrix.room_changes import RoomChanges
from bot.matrix.room_looks import RoomLooks
from bot.network_rooms import NetworkRooms
from bot.notices import Notices
from bot.rendering import Template, content, template

log = structlog.get_logger(__name__)

_CLAIMED_FOR = timedelta(minutes=10)
"""How long we stay in a room that says it replaces one of ours, while that one says nothing of it."""

_INVITED_WITHIN = 6.0
"""Seconds that whoever replaces a room gets to invite us into the new one. Clients do that after the upgrade, one person at a time."""

_ALIASES_EVERY = 55.0  # seconds: once a minute, however often there is something else to look at
_AT_ONCE = 8

_UPGRADED_QUESTION = template(
    "<p>{% trans room=room %}Der Raum »{{ room }}« wurde durch einen neuen ersetzt. Soll ab jetzt der neue gelten? Dann gibt er die Rechte,"
    " und nicht mehr der alte.{% endtrans %} {% trans %}✅ heißt ja, ❌ heißt nein.{% endtrans %}</p>"
)
_ALIAS_QUESTION = template(
    "<p>{% trans alias=alias, room=name %}Die Adresse {{ alias }} (»{{ room }}«) führt jetzt in einen anderen Raum. Soll ab jetzt der"
    " andere gelten? Dann gibt er die Rechte, und nicht mehr der alte.{% endtrans %}"
    " {% trans %}✅ heißt ja, ❌ heißt nein.{% endtrans %}</p>"
)
_FOLLOWED = template(
    "<p>{% trans room=room %}Der Raum »{{ room }}« wurde durch einen neuen ersetzt; ich bin mitgegangen.{% endtrans %}</p>"
)
_INVITE_ME = {
    Reason.UPGRADED: template(
        "<p>{% trans room=room %}Der Raum »{{ room }}« wurde durch einen neuen ersetzt, und ich komme nicht hinein. Bitte ladet mich dort"
        " ein.{% endtrans %}</p>"
    ),
    Reason.ALIAS: template(
        "<p>{% trans alias=alias, room=name %}Die Adresse {{ alias }} (»{{ room }}«) führt jetzt in einen anderen Raum, und ich komme nicht"
        " hinein. Soll er gelten, dann ladet mich bitte dort ein; bis dahin gilt der alte.{% endtrans %}</p>"
    ),
}


class _Flaw(NamedTuple):
    """Why a room is not followed: by which key and how coordinators are told, and what the log says."""

    key: str
    said: Template
    reason: str


_OPEN = _Flaw(
    "open",
    template(
        "<p>{% trans room=room %}Der neue Raum für »{{ room }}« ist öffentlich, auf Anklopfen offen oder für alle lesbar. Bitte stellt ihn"
        " auf »nur mit Einladung« und den Verlauf auf »nur Mitglieder«; so lange bleibe ich beim alten.{% endtrans %}</p>"
    ),
    "it is open to others",
)
_IN_CLEAR = _Flaw(
    "clear",
    template(
        "<p>{% trans room=room %}Der neue Raum für »{{ room }}« ist nicht verschlüsselt, und der alte war es. Bitte schaltet dort die"
        " Verschlüsselung ein; so lange bleibe ich beim alten.{% endtrans %}</p>"
    ),
    "it is not encrypted, and the old one was",
)
_NO_SUCCESSOR = _Flaw(
    "no-successor",
    template(
        "<p>{% trans room=room %}Im Raum »{{ room }}« steht, dass ein anderer ihn ersetzt, aber der weiß nichts davon. Ich bleibe beim"
        " alten; bitte seht nach, wer das dort eingetragen hat.{% endtrans %}</p>"
    ),
    "it does not say that it replaces the old one",
)
_IS_ANOTHER = template(
    "<p>{% trans room=room, other=other %}Der Raum »{{ room }}« soll ersetzt sein durch »{{ other }}«, und der hat bei mir schon eine"
    " andere Aufgabe. Ich bleibe beim alten.{% endtrans %}</p>"
)


class RoomMoves:
    """Notices them, asks, follows. `changed()` is called after something is written down that other devices should look at; `take_pins()`
    takes over at once what is written down of which room is which."""

    def __init__(
        self,
        *,
        database: Database,
        network_rooms: NetworkRooms,
        clock: Clock,
        looks: RoomLooks,
        changes: RoomChanges,
        notices: Notices,
        take_pins: Callable[[], Awaitable[None]],
        changed: Callable[[], None],
    ) -> None:
        self._database = database
        self._rooms = network_rooms
        self._clock = clock
        self._looks = looks
        self._changes = changes
        self._notices = notices
        self._take_pins = take_pins
        self._changed = changed
        self._aliases_seen_at: float | None = None
        self._aliases_gone: set[str] = set()
        self._uninvited: dict[int, float] = {}  # moves whose new room does not let us in, and since when
        self.asked = False
        """Whether coordinators have a question to answer, as far as we know."""

    # For invites

    async def expects(self, room_id: str) -> bool:
        """Whether a room is to take the place of one of ours, and nobody has said no. Raises as the database does."""
        async with self._database.begin() as session:
            moves = [move for move in await room_moves.into(session, room_id) if self._is_current(move)]
        if moves:
            return room_moves.wants(moves)
        told = (old for old, replacement in self._changes.replacements().items() if replacement.room_id == room_id)
        return any(self._rooms.place(old) is not None for old in told)

    async def claims(self, room_id: str) -> bool:
        """Whether a room that we are in says that it replaces one of ours, which is worth staying for a while: the other may say so soon.

        Raises `ChatUnavailable`, and as the database does.
        """
        old = await self._looks.predecessor(room_id)
        place = self._rooms.place(old) if old is not None else None
        if old is None or place is None or place.key is None:
            return False
        await self._note(place.key, old, room_id, Reason.UPGRADED, State.CLAIMED)
        return await self.expects(room_id)

    # From time to time, and whenever something is new

    async def settle(self) -> bool:
        """Look at everything that is to be looked at. Return whether to look again in a moment. Raises as the database does."""
        await self._note_upgrades()
        await self._note_aliases()
        moves = [move for move in await self._every() if self._is_current(move)]
        for move in moves:
            try:
                await self._go_on(move)
            except ChatUnavailable as error:
                log.warning("room_move_postponed", room=move.key, new=move.new_room_id, reason=str(error))
        await self._remember_asked()
        unfinished = await self._carry_direct_chats()
        return unfinished or any(self._waits_for_invite(number) for number in self._uninvited)

    async def _remember_asked(self) -> None:
        """Know where an answer may come from."""
        asked = [move for move in await self._every() if self._is_current(move) and move.state is State.ASKED]
        self._rooms.set_asking(move.new_room_id for move in asked if self._asked_in(move) == move.new_room_id)
        self.asked = bool(asked)

    async def _every(self) -> list[Move]:
        async with self._database.begin() as session:
            return await room_moves.every(session)

    def _is_current(self, move: Move) -> bool:
        """Whether it is about the room that the key is now."""
        return self._rooms.room_id(move.key) == move.old_room_id

    async def _note(self, key: str, old: str, new: str, reason: Reason, state: State) -> None:
        async with self._database.begin() as session:
            news = await room_moves.add(session, key=key, old=old, new=new, reason=reason, state=state, now=self._clock.now())
        if news:
            log.warning("room_replaced", room=key, old=old, new=new, reason=reason.value, state=state.value)

    # What is noticed

    async def _note_upgrades(self) -> None:
        replaced = self._changes.replacements()
        for key, room_id in self._rooms.resolved().items():
            if room_id in replaced:
                await self._note_other(key, room_id, replaced[room_id].room_id, Reason.UPGRADED)

    async def _note_aliases(self) -> None:
        """Look where the aliases point. One that points nowhere changes nothing."""
        now = time.monotonic()
        if self._aliases_seen_at is not None and now - self._aliases_seen_at < _ALIASES_EVERY:
            return
        self._aliases_seen_at = now
        aliases = {key: alias for key in self._rooms.resolved() if (alias := self._rooms.configured(key)).startswith("#")}
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def look(key: str, alias: str) -> tuple[str, str] | None:
            async with at_once:
                try:
                    return key, await self._looks.stands_for(alias) or ""
                except ChatUnavailable as error:
                    log.info("alias_not_looked_up", room=key, alias=alias, reason=str(error))
                    return None

        found = await asyncio.gather(*(look(key, alias) for key, alias in aliases.items()))
        left = {(move.key, move.old_room_id) for move in await self._every() if move.state is State.DONE}
        for key, room_id in filter(None, found):
            current = self._rooms.room_id(key)
            if not room_id and key not in self._aliases_gone:
                log.warning("alias_gone", room=key, alias=aliases[key], effect="the room is kept as it is")
            (self._aliases_gone.discard if room_id else self._aliases_gone.add)(key)
            if room_id and current and room_id != current and (key, room_id) not in left:  # it may have stayed where we come from
                await self._note_alias(key, current, room_id)

    async def _note_alias(self, key: str, old: str, new: str) -> None:
        """An alias goes along with an upgrade, of which the sync may not have told yet."""
        try:
            upgraded = await self._looks.replacement(old) == new
        except ChatRefused:
            upgraded = False  # we are not in the old room any more
        except ChatUnavailable:
            return
        await self._note_other(key, old, new, Reason.UPGRADED if upgraded else Reason.ALIAS)

    async def _note_other(self, key: str, old: str, new: str, reason: Reason) -> None:
        other = self._rooms.place(new)
        if other is not None and other.key is not None:
            label = self._rooms.label(other.key)
            if await self._tell(f"room-move-mixed:{key}:{old}:{new}", key, _IS_ANOTHER, other=label):
                log.error("room_not_followed", room=key, new=new, reason=f"it is {other.key}")
            return
        await self._note(key, old, new, reason, State.SEEN)

    # What becomes of it

    async def _go_on(self, move: Move) -> None:
        match move.state:
            case State.CLAIMED:
                await self._go_on_claimed(move)
            case State.SEEN:
                await self._look_at(move)
            case State.ASKED:
                async with self._database.begin() as session:
                    await self._ask(session, move)  # again, if the coordinators have moved meanwhile
            case State.DECLINED | State.REFUSED:
                await self._leave(move)
            case State.DONE:
                return

    async def _go_on_claimed(self, move: Move) -> None:
        told = self._changes.replacements().get(move.old_room_id)
        if told is not None and told.room_id == move.new_room_id:
            await self._become(move, State.SEEN)
            await self._look_at(replace(move, state=State.SEEN))
        elif self._clock.now() - move.noticed_at > _CLAIMED_FOR:
            async with self._database.begin() as session:
                await room_moves.forget(session, move)
            await self._leave(move)

    async def _become(self, move: Move, state: State) -> None:
        async with self._database.begin() as session:
            await room_moves.set_state(session, move, state)

    async def _look_at(self, move: Move) -> None:
        """Go into the new room, and see whether it is what it is said to be."""
        key, new = move.key, move.new_room_id
        if not self._looks.is_in(new):
            try:
                await self._looks.enter(new)
            except ChatRefused as error:
                await self._ask_for_invite(move, str(error))
                return
        self._uninvited.pop(move.id, None)
        flaw = await self._flaw_of(move)
        if flaw is not None:
            if flaw is _NO_SUCCESSOR:
                await self._become(move, State.REFUSED)
            if await self._tell_of(move, flaw.key, flaw.said):
                log.error("room_not_followed", room=key, new=new, reason=flaw.reason)
        elif follows_by_itself(key, move.reason):
            await self._follow(move)
        else:
            await self._ask_first(move)

    async def _flaw_of(self, move: Move) -> _Flaw | None:
        old, new = move.old_room_id, move.new_room_id
        if move.reason is Reason.UPGRADED and await self._looks.predecessor(new) != old:
            return _NO_SUCCESSOR
        if await self._looks.is_open(new):
            return _OPEN
        return _IN_CLEAR if await self._looks.is_in_clear(new, old) else None

    async def _ask_for_invite(self, move: Move, reason: str) -> None:
        self._uninvited.setdefault(move.id, time.monotonic())
        if not self._waits_for_invite(move.id) and await self._tell_of(move, "invite", _INVITE_ME[move.reason]):
            log.error(
                "replacement_not_entered", room=move.key, new=move.new_room_id, reason=reason, hint="invite the bot into this room"
            )

    def _waits_for_invite(self, number: int) -> bool:
        return time.monotonic() - self._uninvited[number] < _INVITED_WITHIN

    async def _follow(self, move: Move) -> None:
        async with self._database.begin() as session:
            if not await room_moves.carry_out(session, move, by=None, now=self._clock.now()):
                return  # another device has done it
            await self._notices.say(session, f"room-followed:{move.id}", _FOLLOWED, {"room": self._rooms.label(move.key)})
        log.info("room_followed", room=move.key, new=move.new_room_id)
        await self._take_pins()
        self._changed()

    async def _ask_first(self, move: Move) -> None:
        async with self._database.begin() as session:
            if not await room_moves.set_state(session, move, State.ASKED):
                return
            await self._ask(session, move)
        log.info("room_move_asked", room=move.key, new=move.new_room_id)
        await self._remember_asked()  # before anybody can answer
        self._changed()

    async def _ask(self, session: AsyncSession, move: Move) -> None:
        room = self._asked_in(move)
        key = question_key(move.id, self._rooms.room_id(room) or room)
        asks = _UPGRADED_QUESTION if move.reason is Reason.UPGRADED else _ALIAS_QUESTION
        if not await self._notices.say(session, key, asks, self._data(move), room):
            return
        for number, symbol in enumerate((YES, NO)):
            own_key = f"{key}:reaction-{number}"
            body = content.reaction(symbol, "", own_key)
            await deliveries.add(
                session, key=own_key, room=room, content=body, event_type="m.reaction", annotates=key, now=self._clock.now()
            )

    def _asked_in(self, move: Move) -> str:
        """Return where coordinators are asked: in their room, unless nobody may speak there any more because it was upgraded."""
        return move.new_room_id if move.key == COORDINATION and move.reason is Reason.UPGRADED else COORDINATION

    async def _leave(self, move: Move) -> None:
        """Leave the new room again, once all is said there; unless it has become something else for us."""
        room_id = move.new_room_id
        if not self._looks.is_in(room_id) or self._rooms.place(room_id) is not None:
            return
        async with self._database.begin() as session:
            needed = await room_moves.is_awaited(session, room_id) or room_moves.wants(await room_moves.into(session, room_id))
        if not needed:
            await self._looks.leave(room_id, "")
            log.info("replacement_left", room=move.key, new=room_id)

    # What is said

    def _data(self, move: Move) -> dict[str, object]:
        return {"room": self._rooms.label(move.key), "name": self._rooms.name(move.key), "alias": self._rooms.configured(move.key)}

    async def _tell_of(self, move: Move, what: str, said: Template) -> bool:
        return await self._tell(f"room-move-{what}:{move.id}", move.key, said, **self._data(move))

    async def _tell(self, key: str, about: str, said: Template, **data: object) -> bool:
        """Tell coordinators something about a room, once. Return whether it is news.

        What is about their own room is not kept until we may speak there again: they would hear it when it is over.
        """
        coordination = self._rooms.room_id(COORDINATION)
        if about != COORDINATION or (coordination is not None and self._looks.seems_to_speak(coordination)):
            return await self._notices.tell(key, said, **{"room": self._rooms.label(about), **data})
        async with self._database.begin() as session:
            now = self._clock.now()
            return await deliveries.add_as_past(session, key=key, room=COORDINATION, policy="", now=now, note="nobody to tell")

    # Direct chats

    async def _carry_direct_chats(self) -> bool:
        """Let what waits for a direct chat that was upgraded go to the new one, once we are in it and it is still between the same two.

        Return whether there was something that could not go, because it was being sent at that moment.
        """
        replaced = [
            (old, replacement.room_id)
            for old, replacement in self._changes.replacements().items()
            if self._looks.is_in(replacement.room_id) and not (self._rooms.place(old) or self._rooms.place(replacement.room_id))
        ]
        for old, new in replaced:
            try:
                if not self._changes.is_followed(old, new):
                    if not await self._looks.are_same_two(old, new) or await self._looks.predecessor(new) != old:
                        continue
                    self._changes.follow(old, new)
            except ChatUnavailable as error:
                log.warning("direct_chat_not_followed", old=old, new=new, reason=str(error))
        unfinished = False
        followed = [(old, new) for old, new in replaced if self._changes.is_followed(old, new)]
        async with self._database.begin() as session:
            left = await room_moves.with_something_left(session, followed) if followed else []
        for old, new in left:
            async with self._database.begin() as session:
                waiting = await room_moves.carry(session, old, new)
                unfinished = await room_moves.is_awaited(session, old) or unfinished
            log.info("direct_chat_followed", old=old, new=new, waiting=waiting)
            self._changed()
        return unfinished
