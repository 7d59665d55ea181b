"""What policies say at a time, with a real database and a clock that stands until it is set."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from bot.clock import FixedClock
from bot.config import RemindersConfig
from bot.db import deliveries, network
from bot.db.engine import Database
from bot.domain.network import Network
from bot.network_file import read_network
from bot.network_rooms import NetworkRooms
from bot.reminder_policy import ReminderPolicy
from bot.scheduler import Scheduler
from tests.conversation import EXAMPLE, ZONE, Conversation, Members, Said, room_id


class Looking:
    """The policy of a bot that talks to people as well: it looks when it is told to, by the conversation's clock."""

    def __init__(self, netz: Conversation, policy: ReminderPolicy[Any]) -> None:
        self._policy = policy
        self.scheduler = Scheduler(
            database=netz.database,
            policies=[policy],
            settings=RemindersConfig(),
            network_rooms=netz.network_rooms,
            clock=netz.clock,
            zone=ZONE,
            language="de",
            prefix="!netz",
            members=netz.members.reached,
            written=lambda: None,
        )

    async def look(self) -> datetime | None:
        """Write down what is due. Return when the next one comes."""
        return await self.scheduler.look(self._policy)


class Reminded:
    """The bot that looks after one policy in the rooms of the example network. `settings`, `zone`, `clock`: as it has them."""

    def __init__(self, database: Database, policy: ReminderPolicy[Any], data: Network, at: str) -> None:
        self.database = database
        self.policy = policy
        self.settings = RemindersConfig()
        self.zone = ZONE
        self.clock = FixedClock(moment(at))
        self.members = Members({})
        keys = ("coordination", "network", "research", *(f"lab:{lab.key}" for lab in data.labs))
        self.rooms = NetworkRooms({key: room_id(key) for key in keys})
        self._shown = 0
        self.scheduler = Scheduler(
            database=database,
            policies=[policy],
            settings=self.settings,
            network_rooms=self.rooms,
            clock=self.clock,
            zone=ZONE,
            language="de",
            prefix="!netz",
            members=self.members.joined,
            written=lambda: None,
        )

    @classmethod
    async def begin(cls, database: Database, policy: ReminderPolicy[Any], at: str, data: Network) -> "Reminded":
        """Begin with a network that the policy sees for the first time."""
        reminded = cls(database, policy, data, at)
        await reminded.now_has(data)
        await reminded.at(at)
        return reminded

    async def now_has(self, data: Network) -> None:
        """Let the network be another from now on."""
        async with self.database.begin() as session:
            await network.replace(session, data)

    async def at(self, when: str) -> list[Said]:
        """Return what is said at a time (in the network's zone) that was not said before."""
        self.clock.shown = moment(when)
        await self.scheduler.look(self.policy)
        await self.scheduler.look(self.policy)
        async with self.database.begin() as session:
            rows = [row for row in await deliveries.with_prefix(session, "") if row.id > self._shown]
        self._shown = max((row.id for row in rows), default=self._shown)
        return [Said(row.room, "text", row.content["body"]) for row in rows if row.outcome is None]

    async def next_after(self, when: str) -> datetime | None:
        """Return when something comes next."""
        now = moment(when)
        async with self.database.begin() as session:
            return self.policy.next_at(await self.policy.facts(session, self.settings, self.zone, now), now)

    async def still_wanted(self, key: str) -> bool:
        """Whether what was written down under `key` is still to be said."""
        async with self.database.begin() as session:
            (row,) = [row for row in await deliveries.with_prefix(session, key) if row.key == key]
            return await self.scheduler.still_wanted(session, row, self.clock.now()) is None


def moment(when: str) -> datetime:
    """Return a time in the network's zone."""
    return datetime.fromisoformat(when).replace(tzinfo=ZONE)


def example(change: Callable[[str], str] = str) -> Network:
    """Return the network of the example file, with a change to its text."""
    return read_network(change(EXAMPLE.read_text("utf-8")))


def text(room: str, *lines: str) -> Said:
    """Return a reminder in a room."""
    return Said(room, "text", "\n".join(lines))
