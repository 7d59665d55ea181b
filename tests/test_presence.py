"""Who is alive: known from what the others write, never from clocks, and never because the database itself stood still."""

import asyncio
from dataclasses import dataclass

import pytest

from bot.db import devices
from bot.db.engine import Database
from bot.presence import TOGETHER, Presence


@dataclass
class Stopwatch:
    """Seconds, as the test wants them."""

    seconds: float = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def stopwatch() -> Stopwatch:
    return Stopwatch()


async def _beats(stopwatch: Stopwatch, *presences: Presence, times: int = 1) -> None:
    for _ in range(times):
        await asyncio.sleep(0.002)  # SQLite's clock shows milliseconds: each sign is to be another one
        for presence in presences:
            await presence.beat()
        stopwatch.seconds += TOGETHER.every


async def test_whoever_goes_on_writing_is_alive(database: Database, stopwatch: Stopwatch) -> None:
    one, two = (Presence(database, name, TOGETHER, monotonic=stopwatch) for name in ("ONE", "TWO"))
    await _beats(stopwatch, one, two, times=10)
    assert (one.alive(), two.alive(), one.alone) == ({"ONE", "TWO"}, {"ONE", "TWO"}, False)


async def test_silence_is_death_within_three_seconds(database: Database, stopwatch: Stopwatch) -> None:
    """Others take over within five, and have to look into the room in that time."""
    one, two = (Presence(database, name, TOGETHER, monotonic=stopwatch) for name in ("ONE", "TWO"))
    await _beats(stopwatch, one, two, times=3)
    died_at = stopwatch.seconds
    while "ONE" in two.alive():
        await _beats(stopwatch, two)
    assert stopwatch.seconds - died_at <= 3.5
    assert two.alone
    await _beats(stopwatch, one, two, times=1)
    assert two.alive() == {"ONE", "TWO"}, "it was only slow, and is back"


async def test_nobody_dies_while_the_database_stands_still(database: Database, stopwatch: Stopwatch) -> None:
    """Nobody could write in that time; the first to come back must not take what the others are in the middle of."""
    one, two = (Presence(database, name, TOGETHER, monotonic=stopwatch) for name in ("ONE", "TWO"))
    await _beats(stopwatch, one, two, times=3)
    stopwatch.seconds += 60
    await _beats(stopwatch, two, times=2)
    assert two.alive() == {"ONE", "TWO"}
    await _beats(stopwatch, two, times=3)
    assert two.alive() == {"TWO"}, "now it had its time"


async def test_a_slow_database_does_not_keep_the_dead_alive(database: Database, stopwatch: Stopwatch) -> None:
    """Each look takes a second: what a dead device had taken must not lie for ever."""
    one, two = (Presence(database, name, TOGETHER, monotonic=stopwatch) for name in ("ONE", "TWO"))
    await _beats(stopwatch, one, two, times=3)
    for _ in range(5):
        await _beats(stopwatch, two)
        stopwatch.seconds += 1
    assert two.alive() == {"TWO"}


async def test_the_dead_stay_dead_when_the_database_stands_still(database: Database, stopwatch: Stopwatch) -> None:
    """Otherwise each hiccup would begin the take-over anew. Whoever has written something meanwhile lives."""
    one, two, three = (Presence(database, name, TOGETHER, monotonic=stopwatch) for name in ("ONE", "TWO", "THREE"))
    await _beats(stopwatch, one, two, three, times=3)
    await _beats(stopwatch, three, times=5)
    assert three.alive() == {"THREE"}
    await two.beat()
    stopwatch.seconds += 60
    await _beats(stopwatch, three, times=2)
    assert three.alive() == {"TWO", "THREE"}


async def test_a_newcomer_takes_nobody_for_dead_at_once(database: Database, stopwatch: Stopwatch) -> None:
    await _beats(stopwatch, Presence(database, "ONE", TOGETHER, monotonic=stopwatch))
    two = Presence(database, "TWO", TOGETHER, monotonic=stopwatch)
    await two.beat()
    assert two.alive() == {"ONE", "TWO"}


async def test_whoever_ends_says_so(database: Database) -> None:
    """Nobody has to wait for it: what it had taken is free at once."""
    one, two = (Presence(database, name, TOGETHER) for name in ("ONE", "TWO"))
    async with one.said():
        await two.beat()
        assert "ONE" in two.alive()
    await two.beat()
    assert two.alive() == {"TWO"}


async def test_whoever_ends_in_disorder_does_not(database: Database) -> None:
    """Something of it may still be on its way: others wait as if it had been killed."""
    one, two = (Presence(database, name, TOGETHER) for name in ("ONE", "TWO"))
    with pytest.raises(RuntimeError):
        async with one.said():
            raise RuntimeError
    await two.beat()
    assert two.alive() == {"ONE", "TWO"}


async def test_the_secret_is_made_once(database: Database) -> None:
    """Two devices that start at the same moment must give the same transaction ids."""

    async def ask() -> bytes:
        async with database.begin() as session:
            return await devices.shared_secret(session)

    secrets = await asyncio.gather(*(ask() for _ in range(5)))
    assert len(set(secrets)) == 1
    assert len(secrets[0]) == 32
