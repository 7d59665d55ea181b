"""All verifications: whom the bot answers, what it waits for and how long, and what it tells its administrator."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import structlog

from bot.clock import Clock
from bot.errors import NetzwartError
from bot.matrix.crypto.verification import messages, reasons
from bot.matrix.crypto.verification.emoji import named
from bot.matrix.crypto.verification.folder import Pending, VerificationFolder
from bot.matrix.crypto.verification.messages import ALL_DEVICES, SAS, Channel, Incoming, Message, Outgoing, is_word, word, words
from bot.matrix.crypto.verification.reasons import Stopped, Why
from bot.matrix.crypto.verification.transaction import Me, Stage, TheirKeys, Transaction
from bot.rendering import catalogue
from bot.waiting import pause, unless

log = structlog.get_logger(__name__)

Key = tuple[str, str, str]
T = TypeVar("T")

LASTS = timedelta(minutes=10)  # from the request on; Client-Server API v1.18, "General key verification error handling"
AHEAD = timedelta(minutes=5)  # how wrong the other side's clock may be; `m.key.verification.request`
START_AFTER = timedelta(seconds=60)  # they may begin until then; then we do, as there is only one method to choose
COMPARE_WITHIN = timedelta(minutes=5)
MOST_OF_ONE, MOST_OF_ALL = 3, 10
_LOOK_EVERY = 0.5  # seconds
_DAY = 86_400_000  # milliseconds
_REMEMBERED = 1000
_REFUSALS_FOR_ONE, _REFUSALS_FOR_ALL = 20, 500  # in ten minutes


@dataclass(slots=True)
class _Open:
    """A verification under way."""

    channel: Channel
    transaction: Transaction
    ends: datetime
    start_at: datetime
    pending: Pending | None = None
    compare_until: datetime | None = None
    first: bool = False  # a room has shown that no other device of ours was ready before us
    seen: set[str] = field(default_factory=set[str])


class Verifications:
    """Everything that has to do with emoji verification of this device. Nothing that arrives makes it raise.

    `may` says whether somebody is of the network; `their_keys` what the homeserver says of a device, None if there is no such
    device. Both may raise a `NetzwartError` if they cannot know at the moment: then the request is declined.
    `handle` and `tick` wait for each other; what each returns is to be sent in that order.
    """

    def __init__(
        self,
        me: Me,
        *,
        language: str,
        state_dir: Path,
        clock: Clock,
        may: Callable[[str], Awaitable[bool]],
        their_keys: Callable[[str, str], Awaitable[TheirKeys | None]],
    ) -> None:
        self._me = me
        self._language = language
        self._folder = VerificationFolder(state_dir)
        self._clock = clock
        self._may = may
        self._their_keys = their_keys
        self._open: dict[Key, _Open] = {}
        self._ended: dict[Key, None] = {}
        self._leftovers: tuple[Channel, ...] = ()
        self._recorded: tuple[Channel, ...] = ()
        self._refusals = _Refusals()
        self._busy = asyncio.Event()
        self._turn = asyncio.Lock()

    @property
    def pending(self) -> tuple[Pending, ...]:
        """Return what waits for the administrator."""
        return tuple(each.pending for each in self._open.values() if each.pending is not None)

    @property
    def under_way(self) -> int:
        """Return how many verifications have begun and not ended."""
        return len(self._open)

    async def handle(self, event: Incoming) -> list[Outgoing]:
        """Return what to send because of an event. Events come in the order in which they were sent, our own in rooms as well."""
        message = messages.read(event, self._me.user_id)
        if message is None:
            return []
        async with self._turn:
            said = await self._handle(message)
            self._after_a_change()
            return said

    async def tick(self) -> list[Outgoing]:
        """Return what to send because time has passed or the administrator has answered."""
        async with self._turn:
            now = self._clock.now()
            said = [outgoing for each in list(self._open.values()) for outgoing in self._look_after(each, now)]
            self._after_a_change()
            return said

    async def watch(self, send: Callable[[list[Outgoing]], Awaitable[None]], stopping: asyncio.Event) -> None:
        """Tick as long as anything is under way, and hand `send` what is to be sent, until `stopping` is set. Raises what it raises."""
        while not stopping.is_set():
            await unless(stopping, self._busy.wait())
            if said := await self.tick():
                await send(said)
            await pause(_LOOK_EVERY, stopping)

    def cancelled_leftovers(self) -> list[Outgoing]:
        """Return the cancellations of what the last process left open. Call `forget_leftovers` when they are sent."""
        self._leftovers = self._recorded = tuple(self._folder.leftovers())
        for channel in self._leftovers:
            self._remember(channel.key)
        return [self._cancellation(channel, reasons.RESTARTED) for channel in self._leftovers]

    def forget_leftovers(self) -> None:
        """The cancellations of `cancelled_leftovers` are sent: do not send them again after the next start."""
        self._leftovers = ()
        self._record()

    # What arrives.

    async def _handle(self, message: Message) -> list[Outgoing]:
        if message.sender == self._me.user_id and (message.room_id is not None or message.channel.device_id == self._me.device_id):
            self._of_ourselves(message)
            return []
        known = self._open.get(message.key)
        if known is None or known.channel.user_id != message.sender:
            return await self._asked(message) if message.kind == messages.REQUEST else self._unknown(message)
        if message.event_id is not None and message.event_id in known.seen:
            return []
        if message.event_id is not None:
            known.seen.add(message.event_id)
        if message.kind == messages.CANCEL:
            self._end(known)
            code = message.content.get("code")
            log.info("verification_cancelled_by_them", **_who(known.channel), code=code if is_word(code) else None)
            return []
        return self._step(known, lambda: known.transaction.receive(message.kind, message.content))

    def _of_ourselves(self, message: Message) -> None:
        """Look at what this account said in a room: another of its devices may have taken the request on, or declined it."""
        known = self._open.get(message.key)
        if known is None or known.channel.room_id is None:
            return
        if message.kind == messages.READY and message.content.get("from_device") == self._me.device_id:
            known.first = True
        elif message.kind == messages.CANCEL or (message.kind == messages.READY and not known.first):
            self._end(known)
            log.info("verification_left_to_another_device", **_who(known.channel))

    def _unknown(self, message: Message) -> list[Outgoing]:
        """Say that there is no such verification. In a room it may well be somebody else's: there it is not for us to say."""
        if message.room_id is not None or message.kind in (messages.CANCEL, messages.DONE):
            return []
        return self._decline(message.channel, reasons.UNKNOWN)

    async def _asked(self, message: Message) -> list[Outgoing]:
        now = self._clock.now()
        try:
            age = _age(message, now)
            if message.key in self._ended or not -AHEAD < age < LASTS:
                return []  # answered already, or given up at the other side as well
            keys = await self._admitted(message)
        except Stopped as stopped:
            return self._decline(message.channel, stopped.why)
        twice = [each for each in self._open.values() if each.channel.user_id == message.sender and _same_device(each, message)]
        if twice:
            said = [outgoing for each in twice for outgoing in self._cancel(each, reasons.TWICE)]
            return said + self._decline(message.channel, reasons.TWICE)
        transaction = Transaction(self._me, message.channel, keys)
        ends = now + LASTS - max(age, timedelta())
        self._open[message.key] = opened = _Open(message.channel, transaction, ends, now + START_AFTER)
        log.info("verification_asked_for", **_who(opened.channel))
        return transaction.ready()

    async def _admitted(self, message: Message) -> TheirKeys:
        """Return the keys of the device that asks. Raises `Stopped` if it is not to be answered with `ready`."""
        device_id, methods = word(message.content, "from_device"), words(message.content, "methods")
        of_one = sum(each.channel.user_id == message.sender for each in self._open.values())
        if of_one >= MOST_OF_ONE or len(self._open) >= MOST_OF_ALL or self._refusals.has_enough(message.sender, self._clock.now()):
            raise Stopped(reasons.TOO_MANY)  # before anything is asked of the homeserver
        if not await _looked_up(self._may(message.sender)):
            raise Stopped(reasons.NOT_FOR_YOU)
        # The specification leaves it to an account's other devices to know a method; all of this account's know the same.
        if SAS not in methods:
            raise Stopped(reasons.NO_EMOJI)
        keys = await _looked_up(self._their_keys(message.sender, device_id))
        if keys is None:
            raise Stopped(reasons.NO_SUCH_DEVICE)
        return keys

    # What is waited for.

    def _look_after(self, each: _Open, now: datetime) -> list[Outgoing]:
        if now >= each.ends:
            return self._cancel(each, reasons.TIMEOUT)
        if each.pending is not None and each.compare_until is not None:
            match self._folder.answer(each.pending):
                case True:
                    return self._step(each, lambda: self._confirmed(each))
                case False:
                    return self._cancel(each, reasons.NO_MATCH)
                case None:
                    return self._cancel(each, reasons.NOBODY_COMPARED) if now >= each.compare_until else []
        if each.transaction.stage is Stage.READY and now >= each.start_at:
            return self._step(each, each.transaction.start)
        return []

    def _confirmed(self, each: _Open) -> list[Outgoing]:
        if each.pending is not None:
            self._folder.take_down(each.pending)
        each.pending = None
        return each.transaction.confirm()

    def _step(self, each: _Open, step: Callable[[], list[Outgoing]]) -> list[Outgoing]:
        """Return what a step of a verification says; if it cannot go on, its cancellation."""
        was_shown = each.transaction.shown
        try:
            said = step()
        except Stopped as stopped:
            return self._cancel(each, stopped.why)
        if each.transaction.shown is not was_shown:
            self._show(each)
        if each.transaction.stage is Stage.DONE:
            self._end(each)
            log.info("verification_done", **_who(each.channel))
        return said

    def _show(self, each: _Open) -> None:
        shown = each.transaction.shown
        if shown is None:
            return
        each.pending = self._folder.show(each.channel, shown)
        each.compare_until = self._clock.now() + COMPARE_WITHIN
        log.warning(  # not because anything is wrong: somebody is wanted
            "verification_emoji",
            **_who(each.channel),
            emoji=" · ".join(named(shown.emoji, self._language)),
            decimals="-".join(map(str, shown.decimals)),
            confirm_with="netzwart device verify",
        )

    # How it ends.

    def _cancel(self, each: _Open, why: Why) -> list[Outgoing]:
        self._end(each)
        log.info("verification_cancelled", **_who(each.channel), code=why.code, why=why.name)
        return [self._cancellation(each.channel, why)]

    def _decline(self, channel: Channel, why: Why) -> list[Outgoing]:
        """Cancel what was never taken on. Somebody who cannot stop is not answered for ever."""
        if channel.key in self._ended or not self._refusals.one_more(channel.user_id, self._clock.now()):
            return []
        self._remember(channel.key)
        log.info("verification_declined", **_who(channel), code=why.code, why=why.name)
        return [self._cancellation(channel, why)]

    def _cancellation(self, channel: Channel, why: Why) -> Outgoing:
        sentence = catalogue(self._language).say(why.text)
        return channel.say(messages.CANCEL, {"code": why.code, "reason": sentence})

    def _end(self, each: _Open) -> None:
        del self._open[each.channel.key]
        self._remember(each.channel.key)
        if each.pending is not None:
            self._folder.take_down(each.pending)

    def _remember(self, key: Key) -> None:
        """Know of an ended verification for a while, so that what still comes of it is not answered."""
        self._ended[key] = None
        while len(self._ended) > _REMEMBERED:
            del self._ended[next(iter(self._ended))]

    def _after_a_change(self) -> None:
        self._record()
        if self._open:
            self._busy.set()
        else:
            self._busy.clear()

    def _record(self) -> None:
        under_way = (*self._leftovers, *(each.channel for each in self._open.values()))
        if under_way != self._recorded:
            self._folder.record(under_way)
            self._recorded = under_way


class _Refusals:
    """How many were declined in the last ten minutes or less."""

    def __init__(self) -> None:
        self._of: dict[str, int] = {}
        self._until: datetime | None = None

    def one_more(self, user_id: str, now: datetime) -> bool:
        """Count one more, unless there were too many."""
        if self.has_enough(user_id, now):
            return False
        self._of[user_id] = self._of.get(user_id, 0) + 1
        return True

    def has_enough(self, user_id: str, now: datetime) -> bool:
        """Whether somebody, or everybody together, was declined so often that nothing is answered."""
        if self._until is None or now >= self._until:
            self._of, self._until = {}, now + LASTS
        return self._of.get(user_id, 0) >= _REFUSALS_FOR_ONE or sum(self._of.values()) >= _REFUSALS_FOR_ALL


async def _looked_up(looking: Awaitable[T]) -> T:
    """Return what is found. Raises `Stopped` if that cannot be known now."""
    try:
        return await looking
    except NetzwartError as error:
        log.warning("verification_cannot_look", reason=str(error))
        raise Stopped(reasons.CANNOT_LOOK) from error


def _age(message: Message, now: datetime) -> timedelta:
    """Return how long ago a message was sent, as far as it matters: at most a day. Raises `Stopped` if it does not say when."""
    if type(message.sent_at) is not int:
        raise Stopped(reasons.MALFORMED)
    age = round(now.timestamp() * 1000) - message.sent_at
    return timedelta(milliseconds=max(-_DAY, min(age, _DAY)))


def _same_device(each: _Open, message: Message) -> bool:
    return ALL_DEVICES != each.channel.device_id == message.content.get("from_device")


def _who(channel: Channel) -> dict[str, str | None]:
    return {"user_id": channel.user_id, "device_id": channel.device_id, "room_id": channel.room_id}
