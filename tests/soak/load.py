"""What is asked of the bot, drawn from a seed: commands with effects, questions, broadcasts with their confirmation, reminders, pictures.

It does not care how many bots there are, nor what happens to them.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum
from random import Random
from typing import Any

from bot.db import network as networks
from bot.db.wakeups import FACTS, tell
from bot.domain.dates import PartialDate
from bot.domain.network import Network
from bot.domain.reports import OwedBy, Report
from tests.e2e.running import BAYERN, BREMEN, COORDINATION, HESSEN, LABS, NETWORK, RESEARCH, Net

TODAY = "2020-10-12T08:00:30"
"""When the bots' clock begins: a Monday, just after the hour at which reminders come."""

_DUE = date.fromisoformat(TODAY[:10]) + timedelta(days=14)
REPORT = "labor-1"
_PREVIEW_WITHIN = 600.0
_BETWEEN = 0.12
"""Seconds between two things on average: several times what a bot is asked for in a busy minute."""

SPEAKERS = {BREMEN: ("wiebke", "jonas"), HESSEN: ("doerte",), BAYERN: ("thea",)}
QUESTIONS = {BREMEN: "labor bremen", HESSEN: "labor bergstrasse", BAYERN: "labor wuerzburg"}


class Kind(StrEnum):
    """What a thing is."""

    SUBMIT = "submit"
    WITHDRAW = "withdraw"
    LOOK = "look"
    QUESTION = "question"
    PICTURE = "picture"
    BROADCAST = "broadcast"
    REMINDER = "reminder"


_WEIGHTS = {
    Kind.SUBMIT: 28,
    Kind.WITHDRAW: 12,
    Kind.LOOK: 16,
    Kind.QUESTION: 14,
    Kind.PICTURE: 2,
    Kind.BROADCAST: 16,
    Kind.REMINDER: 12,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A command as it was said. `words`: the link that was handed in, or the words of a broadcast; `labs`: to which it goes."""

    kind: Kind
    room: str
    words: str = ""
    labs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decided:
    """A broadcast's preview was confirmed or discarded, by a reaction. `asked`: the event id of the command."""

    asked: str
    yes: bool


@dataclass
class Load:
    """Things that are asked, by the event ids under which they stand in the rooms; and the titles of reports that fell due."""

    net: Net
    random: Random
    asked: dict[str, Asked] = field(default_factory=dict[str, Asked])
    decided: dict[str, Decided] = field(default_factory=dict[str, Decided])
    reports: list[str] = field(default_factory=list[str])

    async def run(self, things: int) -> None:
        """Ask for so many things, one after the other, and see to the confirmations meanwhile."""
        drawn = self.random.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=things)
        async with asyncio.TaskGroup() as deciding:
            for number, kind in enumerate(drawn):
                decision = await self._ask(kind, number)
                if decision is not None:
                    deciding.create_task(decision)
                await asyncio.sleep(self.random.expovariate(1 / _BETWEEN))

    async def _ask(self, kind: Kind, number: int) -> Coroutine[Any, Any, None] | None:
        """Ask for one thing. Return what remains to be done once it is answered."""
        room = self.random.choice(LABS)
        name = self.random.choice(SPEAKERS[room])
        match kind:
            case Kind.SUBMIT:
                link = f"https://example.org/{number}"
                await self._say(name, f"bericht abgegeben {REPORT} {link}", Asked(kind, room, link))
            case Kind.WITHDRAW:
                await self._say(name, f"bericht zurück {REPORT}", Asked(kind, room))
            case Kind.LOOK:
                await self._say(name, f"bericht {REPORT}", Asked(kind, room))
            case Kind.QUESTION:
                await self._ask_something(room)
            case Kind.PICTURE:
                await self._say(name, "zeitplan", Asked(kind, room))
            case Kind.BROADCAST:
                return await self._broadcast(number)
            case Kind.REMINDER:
                await self._let_fall_due(number)
        return None

    async def _say(self, name: str, body: str, asked: Asked) -> str:
        event_id = await self.net[name].say(self.net.rooms[asked.room], f"!netz {body}")
        self.asked[event_id] = asked
        return event_id

    async def _ask_something(self, room: str) -> None:
        """Ask what has no effect, in a lab's room or where others are."""
        name = SPEAKERS[room][0]  # who is in the network's room as well
        where: list[Callable[[], Coroutine[Any, Any, str]]] = [
            lambda: self._say(name, QUESTIONS[room], Asked(Kind.QUESTION, room)),
            lambda: self._say(name, "programm", Asked(Kind.QUESTION, NETWORK)),
            lambda: self._say("fatma", "phase", Asked(Kind.QUESTION, RESEARCH)),
        ]
        await self.random.choice(where)()

    async def _broadcast(self, number: int) -> Coroutine[Any, Any, None]:
        author, other = self.random.sample(("karla", "konrad"), 2)
        labs = tuple(lab for lab in LABS if self.random.random() < 2 / 3) or LABS
        words = f"Nachricht {number}."
        to = ", ".join(lab.removeprefix("lab:") for lab in labs)
        asked = await self._say(author, f"rundruf an {to} {words}", Asked(Kind.BROADCAST, COORDINATION, words, labs))
        return self._decide(other, asked, yes=self.random.random() < 3 / 4)

    async def _decide(self, name: str, asked: str, *, yes: bool) -> None:
        """React to a preview as soon as it is there."""
        preview = await self.net[name].sees(self.net.replies(asked), _PREVIEW_WITHIN, what="the preview of a broadcast")
        room = self.net.rooms[COORDINATION]
        self.decided[await self.net[name].react(room, preview.event_id, "✅" if yes else "❌")] = Decided(asked, yes)

    async def _let_fall_due(self, number: int) -> None:
        """Let every lab owe one more report, of which they are to be reminded today: as an import does."""
        title = f"Bericht Nummer {number}"
        database = self.net.database
        async with database.begin() as session:
            await networks.hold(session)
            found = await networks.load(session)
            assert found is not None
            await networks.replace(session, _with_report(found, f"soak-{number}", title))
            await tell(session, FACTS)
        await database.close()
        self.reports.append(title)


def _with_report(network: Network, key: str, title: str) -> Network:
    """Return the network with one more report, owed by every lab."""
    by_labs = next(series for series in network.series if series.owed_by is OwedBy.LAB)
    report = Report(key, by_labs.key, by_labs.title, OwedBy.LAB, title, PartialDate.day(_DUE))
    longer = replace(by_labs, reports=(*by_labs.reports, report))
    return replace(network, series=tuple(longer if series is by_labs else series for series in network.series))
