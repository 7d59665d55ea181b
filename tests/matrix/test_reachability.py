"""Whether the homeserver is there: one asks for all while it is not, and whatever waits, it is asked seldom."""

import asyncio
from itertools import pairwise

import pytest

from bot.errors import ChatUnavailable, HomeserverAway
from bot.matrix.reachability import Backoff, NotAsked, Reachability, asked_to_wait


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reachability(clock: Clock) -> Reachability:
    return Reachability(monotonic=clock)


def away(retry_after: float | None = None) -> HomeserverAway:
    return HomeserverAway("refused", retry_after)


def test_whatever_waits_a_homeserver_that_is_down_is_asked_seldom(reachability: Reachability, clock: Clock) -> None:
    """Ten requests every hundredth of a second for two minutes; all that get through find it away."""
    asked: list[float] = []
    for _ in range(12_000):
        clock.now += 0.01
        for _ in range(10):
            try:
                reachability.begin()
            except NotAsked:
                continue
            asked.append(clock.now)
            reachability.failed(away())

    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert min(pauses[1:]) >= 0.37
    assert 5.9 <= max(pauses) <= 8.1
    assert 15 <= len(asked) <= 30


def test_any_answer_opens_it_for_all(reachability: Reachability, clock: Clock) -> None:
    for _ in range(8):
        reachability.failed(away())
        clock.now += 8
        reachability.begin()
    with pytest.raises(NotAsked):
        reachability.begin()

    reachability.answered()

    for _ in range(100):
        reachability.begin()
    reachability.failed(away())
    clock.now += 0.6  # and the next outage begins with short pauses again
    reachability.begin()


def test_who_finds_out_is_let_through(reachability: Reachability) -> None:
    reachability.failed(away())

    reachability.begin(always=True)

    with pytest.raises(NotAsked):
        reachability.begin()


def test_it_is_left_alone_for_as_long_as_it_asks_within_reason(reachability: Reachability, clock: Clock) -> None:
    """What stands before a homeserver often guesses, and minutes too many."""
    reachability.failed(away(retry_after=5))
    clock.now += 4.9
    with pytest.raises(NotAsked):
        reachability.begin()
    clock.now += 0.2
    reachability.begin()

    reachability.failed(away(retry_after=300))
    clock.now += 30.1
    reachability.begin()
    assert asked_to_wait(ChatUnavailable("too much", 300)) == 300


async def test_waiting_until_it_is_back_ends_with_it_or_with_us(reachability: Reachability) -> None:
    assert await reachability.there(after=0, within=10)
    reachability.failed(away())
    assert not await reachability.there(after=0, within=0.01)
    waiting = asyncio.create_task(reachability.there(after=0.01, within=10))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    reachability.answered()
    assert await waiting

    for seconds in (0, 10):
        reachability = Reachability()
        reachability.failed(away())
        waiting = asyncio.create_task(reachability.there(after=seconds, within=10))
        await asyncio.sleep(0)
        reachability.stop()
        assert not await waiting


def test_pauses_grow_to_a_ceiling_and_are_never_the_same() -> None:
    backoff = Backoff()
    pauses = [backoff.failed() for _ in range(40)]

    assert 0.37 <= pauses[0] <= 0.5
    assert all(later > earlier for earlier, later in pairwise(pauses[:5]))
    assert 6 <= min(pauses[5:]) < max(pauses) <= 8
    assert len(set(pauses)) > 30
    assert backoff.failed(at_least=60) == 60
    backoff.worked()
    assert backoff.failed() <= 0.5
