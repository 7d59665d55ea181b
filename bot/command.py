"""What a command is: its names, who may, its arguments, and what it answers.

A command is one file in `commands/`:

    @command("bericht abgegeben", "report submitted", needs=Role.LAB | Role.RESEARCH, examples=["labor-1"])
    async def report_submitted(ctx: Context, report: ReportRef, link: Link | None = None) -> Reply:
        \"\"\"Vermerkt einen Bericht als abgegeben.\"\"\"

The parameters are the grammar, the docstring (German: it is for people) is the help. The body returns what to say; the
dispatcher renders it, decides in which room it may be shown, and commits.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from types import NoneType
from typing import Any, Protocol, get_args, get_origin, get_type_hints

from sqlalchemy.ext.asyncio import AsyncSession

from bot.converters import Converter
from bot.domain.chat_words import Word, one_line
from bot.domain.places import MEMBERS, Audience, Place
from bot.domain.roles import Role, Roles
from bot.errors import NetzwartError, Text, UsageError
from bot.rendering import Template


@dataclass(frozen=True, slots=True)
class Message:
    """A text message of a person. `body` is without the reply fallback; `mentions`: the user ids in `m.mentions`.

    `pill`: the label of a mention pill of ours that the message begins with, if it does. `flaw`: why it must not be obeyed, if so:
    `plaintext` (said in clear in an encrypted room), `unsigned` (by a device that its owner has not cross-signed). `sent_at`: when its
    homeserver says that it was sent, None if it does not say. `reply_to`: the event that it replies to. `pills`: what mention pills show in
    `body` → the user id that they point to.
    """

    event_id: str
    room_id: str
    sender: str
    body: str
    thread: str | None = None
    mentions: frozenset[str] = frozenset()
    pill: str | None = None
    flaw: str | None = None
    sent_at: datetime | None = None
    reply_to: str | None = None
    pills: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Reaction:
    """A reaction of a person to `target`, an event id. `symbol` is the emoji without variation selectors."""

    event_id: str
    room_id: str
    sender: str
    target: str
    symbol: str


@dataclass(frozen=True, slots=True)
class Saying:
    """Something to be said in a room of its own accord (a notice, a reminder), once per `key`.

    `room`: key of a configured room, or a room id. It is a `m.text`, so it notifies.
    """

    key: str
    room: str
    template: Template
    data: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file or picture that goes with an answer. `name`: what it is saved as; `width`, `height`: of a picture, in pixels.

    The answer's words are its caption. They say the same for those who cannot see it, and stand alone where it cannot be uploaded.
    """

    name: str
    mimetype: str
    data: bytes
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command answers.

    `template` None means that a ✅ under the command says it all. `audience`: who may see it; with `only_at_home`, it is shown
    nowhere but in the audience's own room. `key`: a name of its own for an answer that people react to; `reactions`: the
    symbols that the bot puts under it. `also`: what is said elsewhere. `attachment`: goes where the words go, never without words.
    `files`: contents of file events that were posted elsewhere, to be shown after the words.
    """

    template: Template | None
    data: dict[str, Any] = field(default_factory=dict[str, Any])
    audience: Audience = MEMBERS
    only_at_home: bool = False
    key: str | None = None
    reactions: tuple[str, ...] = ()
    also: tuple[Saying, ...] = ()
    attachment: Attachment | None = None
    files: tuple[Mapping[str, Any], ...] = ()


DONE = Reply(None)


class RoomNames(Protocol):
    """What the configured rooms are called by people."""

    def label(self, key: str) -> str:
        """Return the name of the room `key`, as a person would recognise it."""
        ...

    def keys(self) -> tuple[str, ...]:
        """Return the keys of all configured rooms, in the order of the configuration."""
        ...


@dataclass(frozen=True)
class Context:
    """What a command may use: who asked, where, when (in the network's zone), with which roles, in which language.

    `session` is in a transaction: returning commits, raising rolls back. `commands`: all commands, for the help. `replied`: for a command
    that `reads_reply`, the content of the event that the message replies to; None if it replies to nothing that can be had. `named`: for a
    command that `asks_named`, whom the message mentions or names by user id, the bot aside, with all their roles. `may_notify`: for a
    command that `asks_power`, whether who asked may notify everybody in this room; `everybody_hears`: false if they may, and want that, and
    we may not. `opens`: when office hours begin.
    """

    session: AsyncSession
    message: Message | Reaction
    place: Place
    roles: Roles
    now: datetime
    language: str
    network_language: str
    prefix: str
    rooms: RoomNames
    commands: Sequence["Command"]
    replied: Mapping[str, Any] | None = None
    named: Mapping[str, Roles] = field(default_factory=dict[str, Roles])
    may_notify: bool = False
    everybody_hears: bool = True
    opens: time = time(8)

    @property
    def sender(self) -> str:
        """The user id of who asked."""
        return self.message.sender


Handler = Callable[..., Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: `name` is the parameter, `required` whether it may be left out."""

    name: str
    converter: Converter
    required: bool


@dataclass(frozen=True, slots=True)
class Command:
    """A command as the registry finds it. `names`: German, English, then further names.

    `asks_all`: it wants every role known; `asks_named`: and every role of those whom the message names. `reads_reply`: it wants to know
    what the message replies to. `asks_power`: whether, if others are named, the sender may notify everybody in the room.
    """

    names: tuple[str, ...]
    needs: Role
    handler: Handler
    help: str
    arguments: tuple[Argument, ...]
    examples: tuple[str | Text, ...]
    asks_all: bool = False
    reads_reply: bool = False
    asks_named: bool = False
    asks_power: bool = False

    def name(self, language: str) -> str:
        """Return the name in a language (`de` or `en`)."""
        return self.names[1] if language == "en" else self.names[0]

    def shown(self, say: Callable[[Text], str]) -> list[str]:
        """Return what may follow the name, for example, in the language of `say`."""
        return [say(example) if isinstance(example, Text) else example for example in self.examples]

    def parse(self, body: str, rest: Sequence[Word]) -> dict[str, object]:
        """Return the arguments that the words after the name give. Raises `UsageError` if they do not fit."""
        values: dict[str, object] = {}
        left = list(rest)
        for argument in self.arguments:
            if not left:
                if argument.required:
                    raise UsageError("Da fehlt noch etwas: %(argument)s.", argument=argument.converter.label)
                break
            if argument.converter.takes_rest:
                values[argument.name] = argument.converter.convert(body[left[0].start :])
                left = []
            else:
                values[argument.name] = argument.converter.convert(left.pop(0).text)
        if left:
            raise UsageError("»%(word)s« brauche ich hier nicht.", word=one_line(left[0].text, 60))
        return values

    def usage(self, language: str, say: Callable[[Text], str]) -> str:
        """Return the grammar in one line: `bericht abgegeben <bericht> [link]`."""
        parts = [self.name(language)]
        for argument in self.arguments:
            label = say(argument.converter.label)
            usual = f"<{label}>" if argument.required else f"[{label}]"
            parts.append(say(argument.converter.usage) if argument.converter.usage else usual)
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class ReactionHandler:
    """What happens when somebody reacts with one of `symbols` to an answer whose key begins with `key_prefix`.

    The handler is called as a command is, with the answer's key and the symbol.
    """

    key_prefix: str
    symbols: tuple[str, ...]
    needs: Role
    handler: Handler


class BadDeclaration(NetzwartError):
    """A command or policy is declared in a way that cannot work; found when the bot starts."""


def command(
    german: str,
    english: str,
    *further: str,
    needs: Role,
    examples: Sequence[str | Text] = (),
    asks_all: bool = False,
    reads_reply: bool = False,
    asks_named: bool = False,
    asks_power: bool = False,
) -> Callable[[Handler], Command]:
    """Declare a command. `examples` are what may follow its name, a `Text` where that is another in English.

    Raises `BadDeclaration` for what cannot work.
    """

    def declare(handler: Handler) -> Command:
        if not (handler.__doc__ or "").strip():
            raise BadDeclaration(f"{german}: the docstring is the help, and is missing")
        return Command(
            (german, english, *further),
            needs,
            handler,
            inspect.cleandoc(handler.__doc__ or ""),
            _arguments(german, handler),
            tuple(examples),
            asks_all,
            reads_reply,
            asks_named,
            asks_power,
        )

    return declare


def on_reaction(key_prefix: str, *symbols: str, needs: Role) -> Callable[[Handler], ReactionHandler]:
    """Declare what a reaction to an answer of a command does."""

    def declare(handler: Handler) -> ReactionHandler:
        return ReactionHandler(key_prefix, symbols, needs, handler)

    return declare


def _arguments(name: str, handler: Handler) -> tuple[Argument, ...]:
    hints = get_type_hints(handler, include_extras=True)
    parameters = list(inspect.signature(handler).parameters.values())[1:]
    arguments: list[Argument] = []
    for parameter in parameters:
        converter = _converter(hints.get(parameter.name))
        if converter is None:
            raise BadDeclaration(f"{name}: argument {parameter.name!r} has no converter")
        required = parameter.default is inspect.Parameter.empty
        if arguments and (arguments[-1].converter.takes_rest or (required and not arguments[-1].required)):
            raise BadDeclaration(f"{name}: argument {parameter.name!r} can never be reached")
        arguments.append(Argument(parameter.name, converter, required))
    return tuple(arguments)


def _converter(annotation: Any) -> Converter | None:
    for part in (annotation, *get_args(annotation)):
        found = next((m for m in getattr(part, "__metadata__", ()) if isinstance(m, Converter)), None)
        if found is not None:
            return found
        if get_origin(part) is not None and part is not annotation and part is not NoneType:
            nested = _converter(part)
            if nested is not None:
                return nested
    return None
