"""A small network with two devices of the bot: what people, time and misfortune do to it, and what must hold all the same."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.testing import capture_logs

from bot.clock import FixedClock
from bot.db import deliveries, reports
from bot.db.engine import Unavailable
from bot.db.tables import deliveries as written
from bot.db.tables import reports as reports_table
from bot.errors import Forbidden, NeverAccepted
from tests.conversation import MORNING, Members, room_id, user_id
from tests.model.devices import Device, Died, Doom, InTurn, Surroundings, facts
from tests.model.model import ZONE, Model

NETWORK = """
[network]
name = "Netz"
timezone = "Europe/Berlin"
language = "de"

[[labs]]
key = "nord"
name = "Nord"
state = "DE-HB"
municipalities = []
topics = []

[[labs]]
key = "sued"
name = "Süd"
state = "DE-HB"
municipalities = []
topics = []

[[report_series]]
key = "labor"
title = "Berichte der Labore"
owed_by = "lab"
reports = [{ key = "labor-1", title = "Erster", due = "2020-10-30" }, { key = "labor-2", title = "Zweiter", due = "2021-XX-XX" }]

[[report_series]]
key = "forschung"
title = "Berichte der Forschung"
owed_by = "research"
reports = [{ key = "forschung-1", title = "Bericht", due = "2020-10-26" }]
"""
LABS = ("nord", "sued")
OWED_BY: dict[str, tuple[str, ...]] = {"labor-1": LABS, "labor-2": LABS, "forschung-1": ("research",)}
PEOPLE = {"coordination": "karla", "network": "rita", "research": "rita", "lab:nord": "anke", "lab:sued": "bert"}
"""Room → who speaks there. Anke has a direct chat with the bot as well."""
DIRECT = "!direct:example.org"
DEVICES = ("ONE", "TWO")
DONE, NO = "✅", "❌"
WAS_OPEN = "war nicht als abgegeben vermerkt"
ON_ITS_WAY, CONFIRMED, DISCARDED, WITHDRAWN = "ist unterwegs in", "ist bestätigt", "ist verworfen", "ist zurückgezogen"

OUR_MISTAKES = {"delivery_broken", "delivery_not_checked", "entry_dropped", "command_failed", "policy_failed"}
TASKS = {"delivery_task_failed", "inbox_task_failed"}
"""Those fail when a device dies, or the database is gone; for other reasons never."""
PATIENCE = timedelta(minutes=7)
"""Longer than the bot waits before it tries a room again."""


class World(Surroundings):
    """Everything. What is wrong is collected in `wrongs`, because the bot survives whatever happens in a call of it."""

    def __init__(self, database: InTurn, folder: Path, *, exact: bool) -> None:
        clock = FixedClock(MORNING)
        people = {room_id(room): {user_id(person), user_id("netzwart")} for room, person in PEOPLE.items()}
        people[DIRECT] = {user_id("anke"), user_id("netzwart")}
        due = {"labor-1": date(2020, 10, 30), "labor-2": None, "forschung-1": date(2020, 10, 26)}
        model = Model(LABS, due, OWED_BY, clock.now)
        super().__init__(database, folder, tuple(PEOPLE), clock, Members(people), model, exact)
        self._answers: dict[str, tuple[str, str]] = {}  # event id → where it must be answered, and with which words
        self._broadcasts: dict[str, str] = {}  # its words → by which event it was asked for
        self._clicks: list[tuple[str, str]] = []  # event id, key of the preview
        self._rank: dict[str, int] = {}  # key → when it was written down
        self._last_row = 0
        self._rules = 0
        self._back = timedelta(0)

    def begin(self, names: Iterable[str]) -> None:
        """Begin with these devices."""
        for name in names:
            self.devices[name] = Device(name, self)

    # What people do

    def ask(self, room: str, words: str, answer: str = "") -> None:
        """Let somebody say something that has to be answered in the same room, with these words if any are given."""
        where, content = DIRECT if room == "direct" else room_id(room), {"msgtype": "m.text", "body": words}
        said = self.homeserver.say(user_id(PEOPLE.get(room, "anke")), where, "m.room.message", content)
        self._answers[said.event_id] = (where, answer)

    def hand_in_with_link(self, lab: str, report: str) -> None:
        """A lab hands in a report, with a link that has not been there before."""
        self.hand_in(lab, report, f"https://example.org/{len(self._answers)}")

    def hand_in(self, lab: str, report: str, link: str | None = None) -> None:
        """A lab hands in a report."""
        self.model.says(lab, report, done=True, link=link)
        self.ask(f"lab:{lab}", f"!netz bericht abgegeben {report} {link or ''}", DONE)

    def take_back(self, lab: str, report: str) -> None:
        """A lab takes a report back."""
        changes = self.model.says(lab, report, done=False)
        self.ask(f"lab:{lab}", f"!netz bericht zurück {report}", DONE if changes else WAS_OPEN)

    def broadcast(self, hours: int | None = None) -> None:
        """A coordinator asks for a broadcast, to go out at once or in so many hours."""
        words = f"Text-{len(self._broadcasts)}-"
        at = self.clock.now().astimezone(ZONE) + timedelta(hours=hours) if hours else None
        when = f"am {at:%d.%m.%Y} um {at:%H:%M} Uhr " if at else ""
        said = {"msgtype": "m.text", "body": f"!netz rundruf {when}{words}"}
        asked = self.homeserver.say(user_id("karla"), room_id("coordination"), "m.room.message", said)
        self._broadcasts[words] = asked.event_id

    def click(self, which: int, symbol: str) -> None:
        """A coordinator reacts to one of the previews that stand in the room, if any does."""
        coordination = self.homeserver.timeline(room_id("coordination"))
        previews = [e for e in coordination if (e.key or "").startswith("broadcast-preview:") and e.type == "m.room.message"]
        if previews:
            target = previews[which % len(previews)]
            relation = {"rel_type": "m.annotation", "event_id": target.event_id, "key": symbol}
            said = self.homeserver.say(user_id("karla"), room_id("coordination"), "m.reaction", {"m.relates_to": relation})
            self._answers[said.event_id] = (room_id("coordination"), "")
            self._clicks.append((said.event_id, target.key or ""))

    # What time and data do

    def pass_time(self, how_long: timedelta) -> None:
        """Let time pass."""
        self.clock.shown += how_long
        self.homeserver.now += how_long.total_seconds()
        self.model.look_around()

    def turn_back(self, how_far: timedelta) -> None:
        """Set the bot's clock back; not further in all than clocks may differ."""
        if self._back + how_far < timedelta(minutes=10):
            self._back += how_far
            self.clock.shown -= how_far
            self.model.look_around()

    async def move(self, report: str, days: int | None) -> None:
        """Let a report be due in so many days, or make it open, as an import does."""
        day = self.clock.now().astimezone(ZONE).date() + timedelta(days=days) if days is not None else None
        async with self.database.begin() as session:
            due = day.isoformat() if day else "2021-XX-XX"
            await session.execute(reports_table.update().where(reports_table.c.key == report).values(due=due))
        self.model.due[report] = day
        self.model.look_around()

    async def research(self, *, done: bool) -> None:
        """The research team's report comes in, or is taken back, in another way than by a command."""
        self.model.says("research", "forschung-1", done=done)
        async with self.database.begin() as session:
            (debt,) = await reports.debts(session, ["research"])
            if done:
                await reports.submit(session, debt, by=user_id("rita"), link=None, now=self.clock.now())
            else:
                await reports.withdraw(session, debt)
            found = await facts(session, self.model.debtors)
        self.learn(found)

    # What devices do, and what is done to them

    async def work(self, names: Collection[str], *what: str) -> None:
        """Let some devices do something at the same time: `work` (off the inbox), `send`, `look`."""
        at_work = [device for name, device in self.devices.items() if name in names and not device.dead]
        await asyncio.gather(*(device.do(*(getattr(device, each) for each in what)) for device in at_work))

    async def all_at_once(self) -> None:
        """Let both devices send and work off their inboxes, all at the same time."""
        at_work = [device for device in self.devices.values() if not device.dead]
        await asyncio.gather(*(device.do(each) for device in at_work for each in (device.send, device.work)))

    def start(self, name: str) -> None:
        """Start a device that is dead. The others see that it is there."""
        if name in self.devices and self.devices[name].dead:
            self.devices[name] = Device(name, self)
            self.silent.discard(name)

    def believe(self, name: str, *, dead: bool) -> None:
        """Let the others believe that a device is dead, or that it lives. Two never believe it of each other: who can look can be seen."""
        if not dead:
            self.silent.discard(name)
        elif all(other.dead or other.name not in self.silent for other in self.devices.values() if other.name != name):
            self.silent.add(name)

    async def let_in(self, room: str) -> None:
        """Let the bot come into a room again."""
        self.homeserver.left.discard(room)
        self.homeserver.powerless.discard(room)
        keys = {room_id(key): key for key in self.rooms}
        for device in self.devices.values():
            if not device.dead:
                await device.do(lambda device=device: device.drain.try_again({keys.get(room, room)}))

    def meets(self, name: str, doom: Doom) -> None:
        """Let something bad happen to a device."""
        if name in self.devices:
            self.devices[name].doom = replace(doom)

    def hold_up(self, name: str, meanwhile: str) -> None:
        """Let a device take so long for its next message that something happens meanwhile.

        `overtaken`: it is believed to be dead, others take over, and then it turns out to live; `slow`: a day and more passes; `late`: the
        research team hands in.
        """

        async def happens() -> None:
            match meanwhile:
                case "overtaken":
                    self.believe(name, dead=True)
                    await self.work({*DEVICES} - {name}, "send")
                    self.believe(name, dead=False)
                case "slow":
                    self.pass_time(timedelta(hours=26))
                case _:
                    await self.research(done=True)

        self.interludes[name] = happens

    # What must hold

    async def rule(self, happens: Callable[[], Awaitable[None] | None], hops: Sequence[int]) -> None:
        """Let something happen, and see that nothing is wrong."""
        self._rules += 1
        self.hops = cycle(hops)
        self.model.begin()
        with capture_logs() as lines:
            async with asyncio.timeout(30):
                waits = happens()
                if waits is not None:
                    await waits
        self._check_log(lines)
        async with self.database.begin() as session:
            await self._check_order(session)
            self.learn(await facts(session, self.model.debtors))
        assert not self.wrongs, "\n".join(self.wrongs)

    @staticmethod
    def _check_log(lines: list[Any]) -> None:
        for line in lines:
            assert line["event"] not in OUR_MISTAKES, line
            assert line["event"] not in TASKS or isinstance(line["exc_info"], (Died, *Unavailable)), line

    async def _check_order(self, session: AsyncSession) -> None:
        """In each room, what was written down first comes first. Where several write at once, who is first is open."""
        query = sa.select(written.c.id, written.c.key).where(written.c.id > self._last_row).order_by(written.c.id)
        for row in await session.execute(query):
            self._last_row = row.id
            self._rank[row.key] = row.id if self.exact else self._rules
        for room in {event.room_id for event in self.homeserver.stream}:
            ranks = [self._rank[event.key] for event in self.homeserver.timeline(room) if event.key]
            assert ranks == sorted(ranks), [event.key for event in self.homeserver.timeline(room) if event.key]

    async def heal(self) -> None:
        """Let everything be well again, but for devices that are dead: they stay dead, and the others know."""
        for device in self.devices.values():
            device.doom = None
        self.interludes.clear()
        self.homeserver.troubles.clear()
        self.homeserver.powerless.clear()
        self.homeserver.left.clear()
        self.members.silent.clear()
        if all(device.dead for device in self.devices.values()):
            self.start("ONE")
        self.silent = {name for name, device in self.devices.items() if device.dead}
        await self.work(DEVICES, "work", "send")
        for _ in range(3):
            if await self._is_busy():
                self.pass_time(PATIENCE)
                await self.work(DEVICES, "work", "send")

    async def _is_busy(self) -> bool:
        """Whether anything is left to do."""
        if any(not device.dead and device.journal.rooms_with_work() for device in self.devices.values()):
            return True
        async with self.database.begin() as session:
            return await deliveries.pending(session) > 0

    async def check_complete(self) -> None:
        """Everything that was asked for has happened, and everything that is to be said stands in its room, once, and nothing else."""
        assert not await self._is_busy(), "something is left to do, and nothing is in its way"
        for debtor, course in self.model.course.items():
            assert course[self.model.got_to[debtor]] == course[-1], debtor
        missing = {key for key in self.model.owed if NeverAccepted not in self.refused[self.carriers.get(key, key)]}
        assert not missing, f"never said: {missing}"
        expected = set(self.model.written)
        for event_id, (room, words) in self._answers.items():
            expected.add(self._check_said(f"reply:{event_id}", room, words))
        for words, asked in self._broadcasts.items():
            refusal = f"reply:{asked}"  # it was handled so late that its time was past
            expected |= (
                {self._check_said(refusal, room_id("coordination"))} if refusal in self.offered else self._check_broadcast(words)
            )
        unasked = {event.key for event in self.homeserver.stream if event.key} - expected
        assert not unasked, unasked

    def _check_said(self, key: str, room: str, words: str = "") -> str:
        """Return the key."""
        offered = self.offered.get(key)
        assert offered is not None, f"{key} was never sent"
        assert (offered.room_id, words in offered.words) == (room, True), offered
        hopeless = NeverAccepted in self.refused[key] or (offered.type == "m.reaction" and Forbidden in self.refused[key])
        assert hopeless or self._stands(key, room), f"{key} does not stand in {room}"
        return key

    def _stands(self, key: str, room: str) -> bool:
        return any(event.key == key for event in self.homeserver.timeline(room))

    def _check_broadcast(self, words: str) -> set[str]:
        """Return the keys of all that belongs to a broadcast: one preview, and the notices if it was confirmed, to all labs or to none."""
        coordination = room_id("coordination")
        previews = [key for key, e in self.offered.items() if key.startswith("broadcast-preview:") and words in e.words]
        assert len(previews) == 1, f"{words}: {previews}"
        (preview,) = previews
        keys = {self._check_said(preview, coordination)}
        if self._stands(preview, coordination):
            keys |= {self._check_said(f"{preview}:reaction-{n}", coordination, symbol) for n, symbol in enumerate((DONE, NO))}
        answers = [self.offered[f"reply:{click}"].words for click, target in self._clicks if target == preview]
        decided = [sum(how in answer for answer in answers) for how in (ON_ITS_WAY, CONFIRMED, DISCARDED)]
        assert sum(decided) <= 1, answers
        assert sum(WITHDRAWN in answer for answer in answers) <= decided[1], answers
        if decided[0]:
            number = preview.partition(":")[2]
            keys |= {self._check_said(f"broadcast:{number}:lab:{lab}", room_id(f"lab:{lab}"), words) for lab in LABS}
        return keys

    async def close(self) -> None:
        """End everything."""
        for device in self.devices.values():
            device.end()
        await self.database.close()
