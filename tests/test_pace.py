"""How fast may be sent: what is found out about one room holds for all, and is found out once."""

import pytest

from bot.pace import Pace


class Watch:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_after_a_failure_one_at_a_time_and_more_with_each_success() -> None:
    watch = Watch()
    pace = Pace(3, monotonic=watch)
    assert (pace.at_once, pace.wait()) == (3, 0)
    assert 0.5 <= pace.failed() <= 0.63
    assert pace.at_once == 1
    for at_once in (2, 3, 3):
        pace.worked()
        assert pace.at_once == at_once


def test_what_fails_together_is_one_failure() -> None:
    """Sixteen sends run into the same outage: the pause must not grow sixteenfold."""
    watch = Watch()
    pace = Pace(16, monotonic=watch)
    for _ in range(16):
        pace.failed()
    watch.now += pace.wait()
    assert pace.failed() <= 1.25


def test_pauses_grow_to_a_ceiling_and_end_at_once_when_it_is_back() -> None:
    watch = Watch()
    pace = Pace(16, monotonic=watch)
    for _ in range(20):
        watch.now += pace.wait()
        pace.failed()
    assert 8 <= pace.wait() <= 10
    pace.go_on()
    assert pace.wait() == 0
    assert pace.failed() <= 0.63, "and the next outage begins anew"


@pytest.mark.parametrize(("told", "least", "most"), [(7.0, 7, 8.75), (0.0, 0.2, 0.25), (1e9, 300, 375)])
def test_the_homeserver_says_how_long_within_reason(told: float, least: float, most: float) -> None:
    """No wait at all would be a spin; an hour would be silence."""
    pace = Pace(16, monotonic=Watch())
    pace.failed(told)
    assert least <= pace.wait() <= most
