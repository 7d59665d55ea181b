"""Whether the homeserver is there, known from what became of every request; and how often it is tried while it is not.

A homeserver that is down must not be met with everything that waits, again and again: while it is away, one request at a time is let
through to find out, and the others are told at once what they would have found out themselves.
"""

import asyncio
import random
import time
from collections.abc import Callable

import structlog

from bot.errors import ChatUnavailable, HomeserverAway
from bot.waiting import pause, unless

log = structlog.get_logger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0
_LONGEST_WHEN_AWAY = 30.0
"""Seconds: what a homeserver that is away says of when it is back is a guess, often a long one."""


class NotAsked(HomeserverAway):
    """The homeserver was away a moment ago: it was not asked."""


def asked_to_wait(error: ChatUnavailable) -> float:
    """Return the seconds for which the homeserver wants to be left alone; a guess of one that is away is not taken at its word."""
    seconds = error.retry_after or 0.0
    return min(seconds, _LONGEST_WHEN_AWAY) if isinstance(error, HomeserverAway) else seconds


class Backoff:
    """Growing pauses between tries, each a little random, so that not everybody comes back at the same moment."""

    def __init__(self) -> None:
        self._failures = 0

    def failed(self, at_least: float = 0.0) -> float:
        """Return the seconds until the next try."""
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(self._failures, 10)) * random.uniform(0.75, 1.0)  # noqa: S311  (spreads retries)
        self._failures += 1
        return max(pause, at_least)

    def worked(self) -> None:
        """Begin with a short pause again, next time."""
        self._failures = 0


class Reachability:
    """Opened by any answer of the homeserver, closed when it was found away."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._backoff = Backoff()
        self._there = asyncio.Event()
        self._there.set()
        self._stopped = asyncio.Event()
        self._away_since = self._not_before = monotonic()

    def is_there(self) -> bool:
        """Whether it was there when it was asked last."""
        return self._there.is_set()

    def begin(self, *, always: bool = False) -> None:
        """Begin a request. Raises `NotAsked` while the homeserver is away.

        One request at a time is let through nevertheless, and those that ask `always`.
        """
        now = self._monotonic()
        if not always and not self._there.is_set():
            if now < self._not_before:
                raise NotAsked("the homeserver is away")
            self._not_before = now + self._backoff.failed()

    def answered(self) -> None:
        """The homeserver has said something."""
        if not self._there.is_set():
            log.info("homeserver_back", seconds=round(self._monotonic() - self._away_since, 1))
            self._backoff.worked()
            self._there.set()

    def failed(self, error: HomeserverAway) -> None:
        """The homeserver was found away."""
        now = self._monotonic()
        if self._there.is_set():
            log.warning("homeserver_away", reason=str(error))
            self._there.clear()
            self._away_since, self._not_before = now, now + self._backoff.failed()
        self._not_before = max(self._not_before, now + asked_to_wait(error))

    def stop(self) -> None:
        """Let nobody wait any longer."""
        self._stopped.set()

    async def there(self, *, after: float, within: float) -> bool:
        """Wait for `after` seconds, and then until the homeserver is there, for `within` seconds at most. Return whether it is.

        After `stop()`, nobody waits, and it is not.
        """
        await pause(after, self._stopped)
        await unless(self._stopped, pause(within, self._there))
        return self._there.is_set() and not self._stopped.is_set()
