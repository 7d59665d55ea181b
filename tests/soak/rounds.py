"""One round: a network, one or more bots, a load, kills; and the judgement."""

import asyncio
import time
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from random import Random

import sqlalchemy as sa

from bot.db.tables import handled_events
from bot.demo.homeserver import Homeserver
from tests.crashes.settling import caught_up, quiet
from tests.e2e.running import PEOPLE, Bot, Net, network
from tests.nursery.nursery import Nursery
from tests.soak.judging import Judge, Judgement
from tests.soak.killing import Killer
from tests.soak.load import TODAY, Load

_DONE_WITHIN = 600.0
_PLENTY = 100_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What a round is to be. `every`: seconds between two kills, on average; `bots`: how many; several need PostgreSQL."""

    seed: int
    things: int
    every: float = 2.0
    bots: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a round."""

    plan: Plan
    kills: int
    seconds: float
    judgement: Judgement

    def __str__(self) -> str:
        said = self.judgement
        return (
            f"{self.plan.bots} bot{'s' * (self.plan.bots > 1)}, seed {self.plan.seed}: {self.plan.things} things asked, {self.kills} kills,"
            f" {len(said.lost)} lost,"
            f" {len(said.doubled)} doubled, {len(said.disordered)} out of order, {len(said.wrong)} wrong, {self.seconds:.0f} s"
        )


async def play(plan: Plan, homeserver: Homeserver, nursery: Nursery, folder: Path, database_url: str) -> Outcome:
    """Play a round in a network of its own, in `folder`."""
    async with network(homeserver, folder, database_url) as net:
        net.bot.launcher = nursery.launch
        bots = [net.bot, *(_another(net.bot, number) for number in range(2, plan.bots + 1))]
        for bot in bots:
            bot.settings["limits"] = {"commands_at_once": _PLENTY, "commands_per_minute": _PLENTY}
            await bot.start(TODAY)
        await net.bot_in()
        begun = time.monotonic()
        load = Load(net, Random(plan.seed))  # noqa: S311  (to be drawn again from the same seed)
        killer = Killer(bots, Random(f"kills {plan.seed}"), plan.every)  # noqa: S311  (the same)
        try:
            await _trouble(load, killer, plan.things)
            trouble = await _come_to_rest(net, load, killer, bots)
            judgement = await Judge(net, load).judge()
        finally:
            for bot in bots:
                await bot.kill()
        judgement.wrong += [*trouble, *killer.trouble]
        return Outcome(plan, killer.kills, time.monotonic() - begun, judgement)


def _another(bot: Bot, number: int) -> Bot:
    """Return one more bot on the same database, with a device of its own."""
    home = bot.folder / f"bot-{number}"
    home.mkdir()
    settings = deepcopy(bot.settings)
    settings["matrix"]["state_dir"] = str(home / "state")
    return Bot(home, settings, bot.launcher)


async def _trouble(load: Load, killer: Killer, things: int) -> None:
    over = asyncio.Event()
    killing = asyncio.create_task(killer.run(over), name="killing")
    try:
        await load.run(things)
    finally:
        over.set()
        await killing


async def _come_to_rest(net: Net, load: Load, killer: Killer, bots: list[Bot]) -> list[str]:
    """Let the bots, started once more, do what is left, and everybody see it. Return what was not done in time."""
    for bot in bots:
        await killer.kill(bot)
    for bot in bots:
        await bot.says("policy_looked", policy="report-deadline")
    trouble: list[str] = []
    try:
        async with asyncio.timeout(_DONE_WITHIN):
            await _handled(net, {*load.asked, *load.decided})
            await quiet(net, bots, _DONE_WITHIN)
    except TimeoutError:
        trouble.append(f"in {_DONE_WITHIN:.0f} s it was not all done; the logs: {[bot.log[-10:] for bot in bots]}")
    await asyncio.gather(*(caught_up(net, people[0], room) for room, people in PEOPLE.items()))
    for bot in bots:
        killer.look(bot)
    return trouble


async def _handled(net: Net, events: set[str]) -> None:
    """Wait until these events had their effects."""
    database = net.database
    try:
        while True:
            async with database.begin() as session:
                handled = set(await session.scalars(sa.select(handled_events.c.event_id)))
            if events <= handled:
                return
            await asyncio.sleep(0.1)  # nobody tells us when; whoever calls sets the limit
    finally:
        await database.close()
