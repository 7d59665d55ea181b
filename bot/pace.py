"""How fast we may send: what the homeserver says about one room may hold for all, and then nobody has to find it out again."""

import random
import time
from collections.abc import Callable

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0
_SHORTEST, _LONGEST_WHEN_TOLD = 0.2, 300.0


class Pace:
    """Sends that may be in flight at once, and how long to wait before the next.

    Told to slow down, everything waits, and then goes on one by one; each success allows one more at once, up to `most`. While the
    homeserver is away, one send at a time finds out whether it is back.
    """

    def __init__(self, most: int, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._monotonic = monotonic
        self._at_once = most
        self._not_before = 0.0
        self._failures = 0

    @property
    def at_once(self) -> int:
        """How many sends may be in flight."""
        return self._at_once

    def wait(self) -> float:
        """Return the seconds until something may be sent; 0 if it may be now."""
        return max(0.0, self._not_before - self._monotonic())

    def worked(self) -> None:
        """Something was sent."""
        self._failures = 0
        self._at_once = min(self._most, self._at_once + 1)

    def failed(self, retry_after: float | None = None) -> float:
        """Nothing can be sent now, to no room. `retry_after`: seconds, if the homeserver said so. Return for how long nothing will be."""
        doubled = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(self._failures, 10))
        told = None if retry_after is None else min(max(retry_after, _SHORTEST), _LONGEST_WHEN_TOLD)
        seconds = (doubled if told is None else told) * random.uniform(1.0, 1.25)  # noqa: S311  (spreads retries, guards nothing)
        if self.wait() == 0:
            self._failures += 1  # what was in flight together failed together: once
        self._not_before = max(self._not_before, self._monotonic() + seconds)
        self._at_once = 1
        return self.wait()

    def go_on(self) -> None:
        """The homeserver is back: try at once."""
        self._not_before, self._failures = 0.0, 0
