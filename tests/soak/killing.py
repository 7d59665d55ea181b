"""Kills bots at random, and starts them again at once."""

import asyncio
from collections.abc import Sequence
from random import Random

from tests.e2e.running import Bot


class Killer:
    """Kills one of `bots` every `seconds` on average. `trouble`: what they said that no kill excuses."""

    def __init__(self, bots: Sequence[Bot], random: Random, seconds: float) -> None:
        self._bots = bots
        self._random = random
        self._seconds = seconds
        self.kills = 0
        self.trouble: list[str] = []

    async def run(self, over: asyncio.Event) -> None:
        """Kill until it is over."""
        while not over.is_set():
            try:
                async with asyncio.timeout(self._random.expovariate(1 / self._seconds)):
                    await over.wait()
            except TimeoutError:
                await self.kill(self._random.choice(self._bots))

    async def kill(self, bot: Bot) -> None:
        """Kill one of them and start it again."""
        if not bot.running:
            self.trouble.append(f"a bot ended by itself: {bot.log[-5:]}")
        await bot.kill()
        self.look(bot)
        self.kills += 1
        await bot.launch()

    def look(self, bot: Bot) -> None:
        """Take down what a bot said in its last life."""
        self.trouble += map(str, bot.complaints())
