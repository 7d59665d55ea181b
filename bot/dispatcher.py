"""From a message to its effect and its answer: who is spoken to, which command, who may, once.

Everything that a command changes and says is written in one transaction together with the event's id: an event that comes again, or
that another replica took, has no effect any more.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot import metrics
from bot.answering import Answering
from bot.authorising import Authoriser
from bot.clock import Clock
from bot.command import Command, Context, Message, Reaction, Reply
from bot.db import deliveries, handled, rooms
from bot.db.engine import Database, Unavailable
from bot.domain.chat_words import Word, after_name, after_prefix, one_line
from bot.domain.places import EVERYONE, Place, PlaceKind
from bot.domain.roles import Role, Roles
from bot.errors import Denied, MembershipUnknown, NotYet, Text, UsageError, UserError, text
from bot.network_rooms import NetworkRooms
from bot.registry import Registry
from bot.rendering import catalogue, template

Runner = Callable[[Context], Awaitable[Reply]]

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


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the bot is in chat. `prefixes`: the first is the one that is shown; `names`: what people may call it."""

    user_id: str
    prefixes: tuple[str, ...]
    names: tuple[str, ...]


class Dispatcher:
    """Handles messages and reactions. `written` is called after every commit that left something to say."""

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
        written: Callable[[], None],
    ) -> None:
        self._database = database
        self._registry = registry
        self._authoriser = authoriser
        self._rooms = network_rooms
        self._identity = identity
        self._clock = clock
        self._zone = zone
        self._language = language
        self._written = written
        self._answering = Answering(network_rooms, authoriser.is_open)

    async def handle(self, message: Message) -> None:
        """Answer a message if it is for us. Raises `db.engine.Unavailable` and, for a message that may be none of ours,
        `MembershipUnknown`: then nothing has happened and it is to be tried again."""
        message = replace(message, body=message.body[:_LONGEST])
        asked = self._addressed(message)
        try:
            place = await self._authoriser.place(message.room_id, message.sender)
        except MembershipUnknown:
            if asked is None:
                raise
            await self._refuse(message, Place(PlaceKind.UNKNOWN, message.room_id), _cannot_check())
            return
        if asked is None and place.kind is not PlaceKind.DIRECT:
            return
        if message.flaw is not None:
            metrics.messages_refused.labels(message.flaw).inc()
            log.info("message_not_obeyed", event_id=message.event_id, sender=message.sender, reason=message.flaw)
            await self._refuse(message, place, _FLAWS[message.flaw])
            return
        await self._answer(message, place, message.body if asked is None else asked)

    async def handle_reaction(self, reaction: Reaction) -> None:
        """Do what a reaction to one of our answers means. Raises as `handle` does, and `NotYet`: people can be quicker than the
        homeserver's word that our answer stands there."""
        place = self._rooms.place(reaction.room_id)
        prefixes = self._registry.reacts_to(reaction.symbol)
        if place is None or not prefixes:
            return
        async with self._database.begin() as session:
            room = place.key or place.room_id
            key = await deliveries.key_of(session, reaction.target, room)
            since = self._clock.now() - _AWAITED_FOR
            if key is None and await deliveries.being_sent(session, room, prefixes, since):
                raise NotYet(reaction.target)
        handler = self._registry.reaction(key, reaction.symbol) if key else None
        if key is None or handler is None:
            return

        async def run(ctx: Context) -> Reply:
            return await handler.handler(ctx, key, reaction.symbol)

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
        await self._guarded(message, place, command.needs, command.names[0], self._run(command, asked, rest), command)

    def _run(self, command: Command, asked: str, rest: list[Word]) -> Runner:
        async def run(ctx: Context) -> Reply:
            arguments = command.parse(asked, rest)
            return await command.handler(ctx, **arguments)

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
            await self._commit(message, place, roles, name, run)
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
        except Unavailable:
            raise
        except Exception:  # a mistake of ours in one command: told with a reference, logged whole, and the bot lives on
            reference = secrets.token_hex(4)
            log.exception("command_failed", command=name, reference=reference, event=message.event_id)
            sorry = text(
                "Da ist bei mir etwas schiefgegangen. Bitte sag der Koordination diese Kennung: %(reference)s", reference=reference
            )
            await self._refuse(message, place, sorry)

    async def _commit(self, message: Message | Reaction, place: Place, roles: Roles, name: str, run: Runner) -> None:
        async with self._database.begin() as session:
            if not await self._take(session, message, name):
                return
            ctx = await self._context(session, message, place, roles)
            reply = await run(ctx)
            await self._answering.write(ctx, reply)
        metrics.commands.labels("reaction" if isinstance(message, Reaction) else name, "done").inc()
        log.info("command", command=name, place=place.kind.value, lab=place.lab, event_id=message.event_id)
        self._written()

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
        usage = f"{ctx.prefix} {command.usage(ctx.language, catalogue(ctx.language).say)}"
        shown = command.examples[0] if command.examples else None
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
        )


def _cannot_check() -> Text:
    return text("Ich kann gerade nicht prüfen, in welchen Räumen du bist. Bitte versuch es in ein paar Minuten noch einmal.")
