"""The same as `make soak`, for half a minute. NETZWART_SEED draws other things and kills."""

import os
from pathlib import Path

from bot.demo.homeserver import Homeserver
from tests.e2e.conftest import Databases
from tests.nursery.nursery import Nursery
from tests.soak.rounds import Plan, play

THINGS = 25
SEED = int(os.environ.get("NETZWART_SEED", "1"))


async def test_killed_every_second(homeserver: Homeserver, nursery: Nursery, databases: Databases, tmp_path: Path) -> None:
    """Nothing lost, nothing doubled, the order in each room kept."""
    async with databases("sqlite", tmp_path) as url:
        outcome = await play(Plan(SEED, THINGS, every=1.0), homeserver, nursery, tmp_path, url)

    print(outcome)  # noqa: T201  (pytest shows it when it fails, and with -s)
    assert list(outcome.judgement.lines()) == []
    assert outcome.kills > 4
