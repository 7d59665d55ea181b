"""What people do with the bot while it is killed, and what is left of it in the end: in the rooms, in the databases."""

import asyncio
import json
import os
import re
import signal
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

import schedules
from bot.db.tables import attachments, broadcasts, handled_events, submissions
from bot.db.tables import deliveries as delivery_rows
from bot.demo.api import Api, Json, client
from bot.demo.reading import Seen, member, reaction
from bot.registry import find_policies
from bot.rendering.content import TRANSACTION_FIELD
from tests.crashes.settling import caught_up, quiet, session_of, waiting
from tests.e2e.running import BAYERN, BREMEN, COORDINATION, HESSEN, PEOPLE, RESEARCH, Net
from tests.nursery.nursery import Nursery
from tests.nursery.traps import ARMED, CRASHED, ORDER

_MOST_SECONDS = 20.0
_NOISE = 50
"""Events that nobody means, but that a sync shows: as many as one shows of a room."""

_ONE_TIME_KEYS = 3
_MOMENTS = ["2020-10-16T08:00:10", "2020-10-23T08:00:10", "2020-10-28T08:00:10"]
"""When reminders of the first reports have just become due."""

_NOT_THE_SAME = {"url", "file", TRANSACTION_FIELD}
_NUMBERS = [
    (re.compile(r"\b(Rundruf |status |broadcast-preview:|broadcast:)\d+"), r"\1N"),
    (re.compile(r"In \d+ Tagen"), "In N Tagen"),
    (re.compile(r"(report-deadline:[^\"]*):\d+"), r"\1:N"),
    (re.compile(r"\b\d\d:\d\d\b"), "HH:MM"),
]


@dataclass
class Said:
    """What was said: ids with names for them, the rooms (keys or ids) that it was said in, and the bot's answers to wait for."""

    names: dict[str, str] = field(default_factory=dict[str, str])
    rooms: list[str] = field(default_factory=list[str])
    awaited: Sequence[Awaitable[Seen]] = ()

    def add(self, *event_ids: str) -> None:
        """Name events by their order."""
        for event_id in event_ids:
            self.names[event_id] = f"asked {len(self.names)}"


Act = Callable[[Net, str], Coroutine[Any, Any, Said]]
"""Plays something, with a word in it that is said in no other. It may wait for the bot where a person would."""


async def conversation(net: Net, word: str) -> Said:
    """A question, an effect, and a question about it."""
    said = Said(rooms=[BREMEN])
    for body in ("labor bremen", f"bericht abgegeben labor-1 https://bremen.example/{word}", "bericht labor-1"):
        said.add(await net["wiebke"].say(net.rooms[BREMEN], f"!netz {body}"))
    asked, effect, question = said.names
    done = net["wiebke"].sees(reaction(effect, "✅", sender=net.user_id), what=f"the ✅ for {word}")
    said.awaited = [net.answer("wiebke", asked), done, net.answer("wiebke", question)]
    return said


async def elsewhere(net: Net, _word: str) -> Said:
    """A question in a room where little is said."""
    said = Said(rooms=[HESSEN])
    said.add(await net["doerte"].say(net.rooms[HESSEN], "!netz bericht labor-1"))
    said.awaited = [net.answer("doerte", *said.names)]
    return said


async def broadcast(net: Net, word: str) -> Said:
    """A coordinator's notice to two labs, confirmed by another."""
    said = Said(rooms=[COORDINATION, BREMEN, HESSEN])
    asked = await net["karla"].say(net.rooms[COORDINATION], f"!netz rundruf an bremen, bergstrasse **Wichtig:** {word}")
    preview = await net.answer("karla", asked)
    said.add(asked, await net["konrad"].react(net.rooms[COORDINATION], preview.event_id, "✅"))
    arrives = [net[PEOPLE[room][0]].sees(net.says(room, word), what=f"the notice {word}") for room in (BREMEN, HESSEN)]
    said.awaited = [net.answer("karla", preview.event_id), *arrives]
    return said


async def picture(net: Net, _word: str) -> Said:
    """An answer with a picture."""
    said = Said(rooms=[BREMEN])
    said.add(await net["wiebke"].say(net.rooms[BREMEN], "!netz zeitplan"))
    said.awaited = [net.answer("wiebke", *said.names)]
    return said


async def burst(net: Net, word: str) -> Said:
    """A question and an effect, then more than a sync shows, then a question about it. For a bot that is away."""
    said = Said(rooms=[BREMEN])
    wiebke, room = net["wiebke"], net.rooms[BREMEN]
    said.add(await wiebke.say(room, "!netz labor bremen"))
    said.add(await wiebke.say(room, f"!netz bericht abgegeben labor-1 https://bremen.example/{word}"))
    await asyncio.gather(*(wiebke.send_in_clear(room, "example.noise", {}) for _ in range(_NOISE)))
    said.add(await wiebke.say(room, "!netz bericht labor-1"))
    said.awaited = [net.answer("wiebke", list(said.names)[-1])]
    return said


async def newcomer(net: Net, word: str) -> Said:
    """Somebody comes into a room and speaks, whose devices the bot has never heard of, and others do. For a bot that is away."""
    said = Said(rooms=[BREMEN])
    person = await net.more(word)
    await net.enter(word, BREMEN)
    for speaker in (person, net["wiebke"], person):
        said.add(await speaker.say(net.rooms[BREMEN], "!netz labor bremen"))
    said.awaited = [net.answer("wiebke", asked) for asked in said.names]
    return said


async def invite(net: Net, _word: str) -> Said:
    """Somebody begins a direct chat and asks something there."""
    room = await net["thea"].direct_chat(net.user_id, encrypted=False)
    await net["thea"].sees(member(room, net.user_id, "join"), what="the bot in a direct chat")
    said = Said(names={room: "the direct chat"}, rooms=[room])
    asked = await net["thea"].say(room, "hilfe sprache")
    said.names[asked] = "asked"
    said.awaited = [net.answer("thea", asked)]
    return said


async def strangers(net: Net, _word: str) -> Said:
    """Others take some of the bot's one-time keys, twice; it has to upload new ones."""
    said = Said(rooms=[BREMEN])
    wanted = {"one_time_keys": {net.user_id: {str(session_of(net.bot)["device_id"]): "signed_curve25519"}}}
    for _ in range(2):
        for _ in range(_ONE_TIME_KEYS):
            await net["xaver"].api.request("POST", client("keys", "claim"), wanted)
        asked = await net["wiebke"].say(net.rooms[BREMEN], "!netz labor bremen")
        said.add(asked)
        await net.answer("wiebke", asked)
    return said


async def reminders(net: Net, _word: str) -> Said:
    """Nobody says anything, but time has passed. For a bot that is away."""
    rooms = [HESSEN, BAYERN, RESEARCH]
    marks = {room: net[PEOPLE[room][0]].last for room in rooms}
    arrives = [net[PEOPLE[room][0]].sees(net.says(room, "fällig"), after=marks[room], what=room) for room in rooms]
    return Said(rooms=rooms, awaited=arrives)


class Story:
    """The network, whose bot comes out of the nursery, and what each act leaves behind when nobody kills anything."""

    def __init__(self, net: Net, nursery: Nursery) -> None:
        self.net = net
        self._nursery = nursery
        self._uncrashed: dict[str, Json] = {}
        self._words = (f"wort{number}" for number in count(1))
        self._moments = iter(_MOMENTS)

    async def begin(self, orders: Iterable[str] = ()) -> None:
        """Start the bot, which is killed on the way at each of these points in turn."""
        for order in orders:
            await self._launch_and_die(order)
        await self._start()
        for policy in find_policies(schedules):
            await self.net.bot.says("policy_looked", policy=policy.name)  # what it has missed is written down

    async def killed(self, order: str, act: Act, *, away: bool = False) -> tuple[Json, Json]:
        """Return what an act leaves behind when the bot is killed at a point (`POINT` or `POINT:NTH`) meanwhile, and when it is not.

        `away`: it is killed before, everything is said in its absence, and it passes the point when it comes back.
        """
        await self._ready()
        if act.__name__ not in self._uncrashed:
            self._uncrashed[act.__name__] = await self._played(act, self._play_away if away else self._play)

        async def play(act: Act, word: str) -> Said:
            return await (self._killed_on_return if away else self._killed_live)(order, act, word)

        return await self._played(act, play), self._uncrashed[act.__name__]

    # How an act is played

    async def _played(self, act: Act, play: Callable[[Act, str], Awaitable[Said]]) -> Json:
        """Return what is left behind."""
        word, before = next(self._words), await self._before()
        said = await play(act, word)
        await asyncio.gather(*said.awaited)
        await quiet(self.net, [self.net.bot], _MOST_SECONDS)
        await asyncio.gather(*(caught_up(self.net, self._watcher(room), room) for room in said.rooms))
        assert [line for line in self.net.bot.log if line.get("level") in ("error", "critical") or "exception" in line] == []
        return await self._left(before, said, word)

    async def _play(self, act: Act, word: str) -> Said:
        return await act(self.net, word)

    async def _play_away(self, act: Act, word: str) -> Said:
        await self.net.bot.kill()
        said = await act(self.net, word)
        await self._start(self._next_moment(act))
        return said

    async def _killed_live(self, order: str, act: Act, word: str) -> Said:
        bot = self.net.bot
        (bot.folder / ORDER).write_text(order, "utf-8")
        os.kill(bot.pid, signal.SIGUSR2)
        await bot.says(ARMED)
        playing = asyncio.create_task(act(self.net, word), name=f"{act.__name__} {word}")
        try:
            await self._died(order)
            await self._start()
            return await playing
        finally:
            playing.cancel()

    async def _killed_on_return(self, order: str, act: Act, word: str) -> Said:
        await self.net.bot.kill()
        said = await act(self.net, word)
        await self._launch_and_die(order, self._next_moment(act))
        await self._start()
        return said

    def _next_moment(self, act: Act) -> str | None:
        return next(self._moments) if act is reminders else None

    async def _launch_and_die(self, order: str, clock_at: str | None = None) -> None:
        self.net.bot.launcher = self._nursery.trapped(order)
        await self.net.bot.launch(clock_at)
        await self._died(order)

    async def _died(self, order: str) -> None:
        """Wait until the bot has died at a point, and nowhere else."""
        bot = self.net.bot
        try:
            status = await bot.ended(_MOST_SECONDS)
        except TimeoutError:
            pytest.fail(f"{order} was not passed; the log: {bot.log[-10:]}")
        assert status == -signal.SIGKILL, bot.log[-10:]
        assert bot.log[-1] == {"event": CRASHED, "point": order.partition(":")[0]}

    async def _ready(self) -> None:
        """See to it that the bot runs, whatever became of it in another test."""
        if not self.net.bot.running:
            await self._start()

    async def _start(self, clock_at: str | None = None) -> None:
        self.net.bot.launcher = self._nursery.launch
        await self.net.bot.start(clock_at)

    # What is left behind

    async def _before(self) -> Json:
        """Remember what was there before an act."""
        net = self.net
        database = net.database
        async with database.begin() as session:
            newest = {table.name: await session.scalar(sa.func.max(table.c.id)) or 0 for table in (delivery_rows, broadcasts)}
            handled = set(await session.scalars(sa.select(handled_events.c.event_id)))
            handed_in = await _submissions(session)
        await database.close()
        return {
            **newest,
            "handled": handled,
            "handed in": handed_in,
            "seen": {name: person.last for name, person in net.people.items()},
        }

    def _watcher(self, room: str) -> str:
        return PEOPLE[room][0] if room in PEOPLE else "thea"

    async def _left(self, before: Json, said: Said, word: str) -> Json:
        """Return what an act has left: per room what the bot said, and what the databases hold; with names instead of ids."""
        net = self.net
        names = {person.user_id: name for name, person in net.people.items()} | {net.user_id: "the bot", word: "WORD"}
        names |= {room_id: key for key, room_id in net.rooms.items()} | said.names
        heard = {room: self._heard(room, before["seen"][self._watcher(room)]) for room in said.rooms}
        for room, events in heard.items():
            names |= {seen.event_id: f"{names.get(room, room)} {number}" for number, seen in enumerate(events)}
        left = {
            "rooms": {room: [_shape(seen) for seen in events] for room, events in heard.items()},
            **await self._rows(before),
            "waiting": waiting(self.net.bot),
            "one-time keys": await self._one_time_keys(),
        }
        return json.loads(_plain(json.dumps(left, ensure_ascii=False, sort_keys=True), names), object_pairs_hook=_sorted)

    def _heard(self, room: str, after: int) -> list[Seen]:
        """Return what the bot has said in a room, and how it came in."""
        room_id, bot = self.net.room(room), self.net.user_id
        kinds = {"m.room.message", "m.reaction", "m.room.member", "m.room.encrypted"}
        return self.net[self._watcher(room)].saw(
            lambda seen: seen.room_id == room_id and seen.sender == bot and seen.type in kinds, after=after
        )

    async def _rows(self, before: Json) -> Json:
        database = self.net.database
        async with database.begin() as session:
            new = delivery_rows.c.id > before["deliveries"]
            columns = (delivery_rows.c.room, delivery_rows.c.key, delivery_rows.c.outcome)
            to_send = (await session.execute(sa.select(*columns).where(new).order_by(delivery_rows.c.id))).all()
            decided = (
                await session.execute(
                    sa.select(*(broadcasts.c[name] for name in ("author", "text", "labs", "state", "decided_by"))).where(
                        broadcasts.c.id > before["broadcasts"]
                    )
                )
            ).all()
            handled = (await session.execute(sa.select(handled_events.c.event_id, handled_events.c.command))).all()
            handed_in = await _submissions(session)
            files = await session.scalar(sa.select(sa.func.count()).select_from(attachments))
        await database.close()
        by_room: dict[str, list[list[Any]]] = defaultdict(list)
        for room, *rest in to_send:
            by_room[room].append(rest)
        return {
            "deliveries": by_room,
            "broadcasts": [list(row) for row in decided],
            "handled": {row.event_id: row.command for row in handled if row.event_id not in before["handled"]},
            "submissions": [row for row in handed_in if row not in before["handed in"]],
            "files": files,
        }

    async def _one_time_keys(self) -> int:
        """Return how many one-time keys of the bot lie at the homeserver."""
        async with Api(self.net.homeserver.url, str(session_of(self.net.bot)["access_token"])) as api:
            return (await api.request("POST", client("keys", "upload"), {}))["one_time_key_counts"]["signed_curve25519"]


async def _submissions(session: AsyncSession) -> list[list[str]]:
    columns = (submissions.c[name] for name in ("report", "debtor", "link", "submitted_by"))
    return [list(row) for row in await session.execute(sa.select(*columns))]


def _shape(seen: Seen) -> Json:
    content = {name: value for name, value in seen.content.items() if name not in _NOT_THE_SAME}
    return {"type": seen.type, "encrypted": seen.encrypted, "content": content}


def _plain(text: str, names: Mapping[str, str]) -> str:
    """Return JSON with names instead of ids, and without numbers that grow and times of day."""
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, names[name])
    for pattern, plain in _NUMBERS:
        text = pattern.sub(plain, text)
    return text


def _sorted(pairs: list[tuple[str, Any]]) -> Json:
    return dict(sorted(pairs))
