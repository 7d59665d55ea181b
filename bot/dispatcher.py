"""From a message to its effect and its answer: who is spoken to, which command, who may, once.

Everything that a command changes and says is written in one transaction together with the event's id: an event that comes again, or
that another replica took, has no effect any more.
"""

import secrets
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot import metrics
from bot.answering import Answering
from bot.authorising import Authoriser
from bot.clock import Clock
from bot.command import Command, Context, Message, Reaction, Reply
from bot.db import deliveries, handled, rooms
from bot.db.changes import Changes
from bot.db.engine import Database, Unavailable
from bot.domain.chat_words import Word, after_name, after_prefix, one_line, user_ids
from bot.domain.places import EVERYONE, Place, PlaceKind
from bot.domain.roles import Role, Roles
from bot.errors import Denied, HomeserverAway, LoginFailed, MembershipUnknown, NotYet, Text, UsageError, UserError, text
from bot.limits import Limits
from bot.network_rooms import NetworkRooms
from bot.registry import Registry
from bot.rendering import EVERYBODY, catalogue, template
from bot.staleness import Staleness

Runner = Callable[[Context], Awaitable[Reply]]
ContentOf = Callable[[str, str], Awaitable[Mapping[str, Any] | None]]
"""Returns the content of an event of a room (ids), None if it cannot be had. Raises `ChatUnavailable` for what is worth another try."""

log = structlog.get_logger(__name__)

_LONGEST = 20_000
"""Characters of a message that are looked at; nothing that is typed to us is longer."""

_AWAITED_FOR = timedelta(minutes=10)
"""How long a reaction waits for the answer that it may belong to."""

_REFUSAL = template("<p>{{ message }}</p>")
_USAGE = template(
    "<p>{{ message }}</p><p>{% trans %}So geht es:{% endtrans %} <code>{{ usage }}</code>"
    "{% if example %}<br/>{% trans %}Zum Beispiel:{% endtrans %} <code>{{ example }}</code>{% endif %}</p>"
)


_FLAWS = {
    "plaintext": text(
        "Deine Nachricht kam unverschlüsselt an, und dieser Raum ist verschlüsselt. Jeder auf dem Weg hätte sie schreiben können; deshalb"
        " tue ich nichts darauf. Bitte schick sie noch einmal aus einem Programm, das verschlüsselt."
    ),
    "unsigned": text(
        "Deine Nachricht kam von einem Gerät, das du nicht bestätigt hast. Bitte bestätige es (Einstellungen, Sitzungen) oder schreib mir"
        " von einem bestätigten Gerät; so lange tue ich nichts darauf."
    ),
}
"""What is said to a message that is not obeyed, by its flaw (`bot.command.Message.flaw`)."""

_TOO_MUCH = text(
    "Das war sehr viel auf einmal; was darüber hinausgeht, führe ich nicht aus. Bitte warte eine Minute und schick dann noch einmal,"
    " was ohne Antwort geblieben ist."
)
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the bot is in chat. `prefixes`: the first is the one that is shown; `names`: what people may call it."""

    user_id: str
    prefixes: tuple[str, ...]
    names: tuple[str, ...]


class Dispatcher:
    """Handles messages and reactions.

    `content_of` looks up an event that somebody replies to. `opens`: when office hours begin. `written` is called after every commit that
    left something to say, `changed` after one that changed what reminders follow from. A message that is older than `stale_after` is not
    obeyed. A reaction has no such limit: it means something only under an answer that knows by itself how long it may be decided on, and a
    ❌ is welcome however late.
    """

    def __init__(
        self,
        *,
        database: Database,
        registry: Registry,
        authoriser: Authoriser,
        network_rooms: NetworkRooms,
        identity: Identity,
        clock: Clock,
        zone: ZoneInfo,
        language: str,
        limits: Limits,
        stale_after: timedelta,
        written: Callable[[], None],
        changed: Callable[[], None],
        content_of: ContentOf,
        opens: time = time(8),
    ) -> None:
        self._content_of = content_of
        self._opens = opens
        self._limits = limits
        self._database = database
        self._registry = registry
        self._authoriser = authoriser
        self._rooms = network_rooms
        self._identity = identity
        self._clock = clock
        self._zone = zone
        self._language = language
        self._written = written
        self._changed = changed
        self._staleness = Staleness(
            database=database, network_rooms=network_rooms, clock=clock, language=language, after=stale_after, written=written
        )
        self._answering = Answering(network_rooms, authoriser.is_open)

    def passes_over(self, event: Message | Reaction) -> bool:
        """Whether nothing comes of an event, as far as that can be said without asking anybody: it is not for us, or its sender has asked
        for too much and was told."""
        configured = self._rooms.place(event.room_id) is not None
        if isinstance(event, Reaction):  # in any room: direct chats are not told apart without asking
            may_be_for_us = bool(self._registry.reacts_to(event.symbol))
        else:
            may_be_for_us = not configured or self._addressed(_shortened(event)) is not None
        if may_be_for_us and self._limits.is_silenced(event.sender):
            self._count_undone(event)
            return True
        return not may_be_for_us

    async def handle(self, message: Message) -> None:
        """Answer a message if it is for us. Raises `db.engine.Unavailable` and, for a message that may be none of ours,
        `MembershipUnknown`: then nothing has happened and it is to be tried again."""
        message = _shortened(message)
        if self._staleness.is_stale(message):
            await self._set_aside(message)
        elif await self._takes_up(message):
            with self._given_back_if_it_fails(message):
                await self._handle_message(message)

    async def handle_reaction(self, reaction: Reaction) -> None:
        """Do what a reaction to one of our answers means. Raises as `handle` does, and `NotYet`: people can be quicker than the
        homeserver's word that our answer stands there."""
        if await self._takes_up(reaction):
            with self._given_back_if_it_fails(reaction):
                await self._handle_reaction(reaction)

    async def _set_aside(self, message: Message) -> None:
        """Do nothing about a message that is too old. Where it would have been answered, the room is told."""
        if not self.passes_over(message) and await self._place_if_for_us(message):
            await self._staleness.set_aside(message)

    async def _takes_up(self, event: Message | Reaction) -> bool:
        """Whether an event is to be looked at; it counts against its sender's allowance then."""
        if self.passes_over(event):
            return False
        if self._limits.take(event.sender):
            return True
        await self._slow_down(event)
        return False

    @contextmanager
    def _given_back_if_it_fails(self, event: Message | Reaction) -> Generator[None]:
        try:
            yield
        except Exception:
            self._limits.give_back(event.sender)  # it comes again, and is still one
            raise

    async def _slow_down(self, event: Message | Reaction) -> None:
        """Leave undone what goes beyond somebody's allowance, and tell them if it was for us: once, whichever of our devices is first."""
        place = await self._place_if_for_us(event)
        if place is None:
            return
        self._count_undone(event)
        minute = int(self._clock.now().timestamp()) // _MINUTE
        keys = [f"limit:{event.sender}:{each}" for each in (minute - 1, minute)]
        async with self._database.begin() as session:
            if not await self._take(session, event, "limited"):
                return  # another device has done it, or left it undone
            if not await deliveries.known(session, keys):
                ctx = await self._context(session, event, place, Roles())
                await self._answering.write(ctx, Reply(_REFUSAL, {"message": _TOO_MUCH}, audience=EVERYONE, key=keys[-1]))
        self._limits.told(event.sender)
        self._written()

    async def _place_if_for_us(self, event: Message | Reaction) -> Place | None:
        """Return where something was said to us, None if it was not said to us. Raises as `handle` does."""
        place = self._rooms.place(event.room_id) or Place(PlaceKind.UNKNOWN, event.room_id)
        if isinstance(event, Reaction):
            async with self._database.begin() as session:
                key = await deliveries.key_of(session, event.target, place.key or place.room_id)
            return place if key and self._registry.reaction(key, event.symbol) else None
        if self._addressed(event) is None and place.kind is PlaceKind.UNKNOWN:
            place = await self._authoriser.place(event.room_id, event.sender)
            return place if place.kind is PlaceKind.DIRECT else None
        return place

    def _count_undone(self, event: Message | Reaction) -> None:
        metrics.messages_refused.labels("too_many").inc()
        if undone := self._limits.leave_undone(event.sender):
            log.warning("person_over_limit", sender=event.sender, room=event.room_id, undone=undone)

    async def _handle_message(self, message: Message) -> None:
        asked = self._addressed(message)
        try:
            place = await self._authoriser.place(message.room_id, message.sender)
        except MembershipUnknown:
            if asked is None:
                raise
            await self._refuse(message, Place(PlaceKind.UNKNOWN, message.room_id), _cannot_check())
            return
        if asked is None and place.kind is not PlaceKind.DIRECT:
            self._limits.give_back(message.sender)
            return
        if message.flaw is not None:
            metrics.messages_refused.labels(message.flaw).inc()
            log.info("message_not_obeyed", event_id=message.event_id, sender=message.sender, reason=message.flaw)
            await self._refuse(message, place, _FLAWS[message.flaw])
            return
        await self._answer(message, place, message.body if asked is None else asked)

    async def _handle_reaction(self, reaction: Reaction) -> None:
        configured = self._rooms.place(reaction.room_id)
        prefixes = self._registry.reacts_to(reaction.symbol)
        if not prefixes:
            return
        room = (configured.key if configured else None) or reaction.room_id
        async with self._database.begin() as session:
            awaited = await deliveries.being_sent(session, room, prefixes, self._clock.now() - _AWAITED_FOR)
            key = await deliveries.key_of(session, reaction.target, room)  # asked last: what was awaited may have come meanwhile
        if key is None and awaited:
            raise NotYet(reaction.target)
        handler = self._registry.reaction(key, reaction.symbol) if key else None
        if key is None or handler is None:
            self._limits.give_back(reaction.sender)
            return

        async def run(ctx: Context) -> Reply:
            return await handler.handler(ctx, key, reaction.symbol)

        place = configured or self._rooms.asking(reaction.room_id)
        place = place or await self._authoriser.place(reaction.room_id, reaction.sender)
        await self._guarded(reaction, place, handler.needs, f"reaction {key} {reaction.symbol}", run)

    def _addressed(self, message: Message) -> str | None:
        """Return what is said to us, or None if the message does not say that it is for us."""
        after = after_prefix(message.body, self._identity.prefixes)
        if after is not None:
            return after
        names = self._identity.names + ((message.pill,) if message.pill else ())
        meant = self._identity.user_id in message.mentions or message.pill is not None
        return after_name(message.body, names, punctuated=not meant)

    async def _answer(self, message: Message, place: Place, asked: str) -> None:
        found = self._registry.find(asked or "hilfe")
        if found is None:
            await self._guarded(message, place, Role.MEMBER, "?", self._unknown(asked))
            return
        command, rest = found
        replied = await self._content_of(message.room_id, message.reply_to) if command.reads_reply and message.reply_to else None
        await self._guarded(message, place, command.needs, command.names[0], self._run(command, asked, rest, replied), command)

    def _run(self, command: Command, asked: str, rest: list[Word], replied: Mapping[str, Any] | None) -> Runner:
        async def run(ctx: Context) -> Reply:
            arguments = command.parse(asked, rest)
            return await command.handler(replace(ctx, replied=replied), **arguments)

        return run

    def _unknown(self, asked: str) -> Runner:
        async def run(ctx: Context) -> Reply:
            names = self._registry.near_misses(asked)
            word = one_line(asked, 40)
            if names:
                guess = " · ".join(f"{ctx.prefix} {name}" for name in names)
                raise UserError("»%(word)s« kenne ich nicht. Meintest du %(guess)s?", word=word, guess=guess)
            raise UserError("»%(word)s« kenne ich nicht. Was ich kann, sagt dir: %(prefix)s hilfe", word=word, prefix=ctx.prefix)

        return run

    async def _guarded(
        self, message: Message | Reaction, place: Place, needs: Role, name: str, run: Runner, command: Command | None = None
    ) -> None:
        """Authorise and run; turn what goes wrong into an answer. The one place where errors become sentences."""
        try:
            everywhere = command is not None and command.asks_all
            roles = await self._authoriser.roles(message.sender, place, needs, everywhere=everywhere)
            self._authoriser.check(roles, needs, place)
            named = await self._authoriser.roles_of(self._named(message) if command is not None and command.asks_named else ())
            notifies = command is not None and command.asks_power and (named or _names_everybody(message))
            may_notify = bool(notifies) and await self._authoriser.may_notify(place.room_id, message.sender)
            heard = not (may_notify and _names_everybody(message)) or await self._authoriser.we_may_notify(place.room_id)
            await self._commit(message, place, roles, name, run, named, may_notify=may_notify, everybody_hears=heard)
        except MembershipUnknown as unknown:
            log.warning("membership_unknown", room=unknown.room_id, command=name)
            await self._refuse(message, place, _cannot_check())
        except UsageError as error:
            await self._refuse(message, place, error.text, command)
        except Denied as denied:
            log.info("denied", command=name, sender=message.sender, room=message.room_id)
            await self._refuse(message, place, denied.text)
        except UserError as error:
            await self._refuse(message, place, error.text)
        except (*Unavailable, HomeserverAway, LoginFailed):
            raise
        except Exception:  # a mistake of ours in one command: told with a reference, logged whole, and the bot lives on
            reference = secrets.token_hex(4)
            log.exception("command_failed", command=name, reference=reference, event=message.event_id)
            sorry = text(
                "Da ist bei mir etwas schiefgegangen. Bitte sag der Koordination diese Kennung: %(reference)s", reference=reference
            )
            await self._refuse(message, place, sorry)

    def _named(self, message: Message | Reaction) -> set[str]:
        """Return whom a message mentions or names by user id, the bot aside."""
        named = {*message.mentions, *user_ids(message.body)} if isinstance(message, Message) else set[str]()
        return named - {self._identity.user_id}

    async def _commit(
        self,
        message: Message | Reaction,
        place: Place,
        roles: Roles,
        name: str,
        run: Runner,
        named: Mapping[str, Roles],
        *,
        may_notify: bool,
        everybody_hears: bool,
    ) -> None:
        async with self._database.begin() as session:
            if not await self._take(session, message, name):
                return
            changes = Changes(session)
            ctx = await self._context(session, message, place, roles)
            ctx = replace(ctx, named=named, may_notify=may_notify, everybody_hears=everybody_hears)
            reply = await run(ctx)
            await self._answering.write(ctx, reply)
        metrics.commands.labels("reaction" if isinstance(message, Reaction) else name, "done").inc()
        log.info("command", command=name, place=place.kind.value, lab=place.lab, event_id=message.event_id)
        self._written()
        if changes.any:
            self._changed()

    async def _refuse(self, message: Message | Reaction, place: Place, sentence: Text, command: Command | None = None) -> None:
        async with self._database.begin() as session:
            if not await self._take(session, message, "refused"):
                return
            metrics.commands.labels("?", "refused").inc()
            ctx = await self._context(session, message, place, Roles())
            await self._answering.write(ctx, self._refusal(ctx, sentence, command))
        self._written()

    def _refusal(self, ctx: Context, sentence: Text, command: Command | None) -> Reply:
        if command is None:
            return Reply(_REFUSAL, {"message": sentence}, audience=EVERYONE)
        say = catalogue(ctx.language).say
        usage = f"{ctx.prefix} {command.usage(ctx.language, say)}"
        shown = next(iter(command.shown(say)), None)
        example = f"{ctx.prefix} {command.name(ctx.language)} {shown}".rstrip() if shown else ""
        return Reply(_USAGE, {"message": sentence, "usage": usage, "example": example}, audience=EVERYONE)

    async def _take(self, session: AsyncSession, message: Message | Reaction, name: str) -> bool:
        return await handled.take(
            session,
            event_id=message.event_id,
            room_id=message.room_id,
            sender=message.sender,
            command=name,
            now=self._clock.now(),
        )

    async def _context(self, session: AsyncSession, message: Message | Reaction, place: Place, roles: Roles) -> Context:
        return Context(
            session=session,
            message=message,
            place=place,
            roles=roles,
            now=self._clock.now().astimezone(self._zone),
            language=await rooms.language_of(session, message.room_id) or self._language,
            network_language=self._language,
            prefix=self._identity.prefixes[0],
            rooms=self._rooms,
            commands=self._registry.commands,
            opens=self._opens,
        )


def _names_everybody(message: Message | Reaction) -> bool:
    return isinstance(message, Message) and EVERYBODY in message.body.casefold()


def _shortened(message: Message) -> Message:
    return replace(message, body=message.body[:_LONGEST])


def _cannot_check() -> Text:
    return text("Ich kann gerade nicht prüfen, in welchen Räumen du bist. Bitte versuch es in ein paar Minuten noch einmal.")
