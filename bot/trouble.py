"""What fails for a while and is tried again and again: said when it begins, from time to time while it lasts, and when it is over."""

import time
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

_SAY_AGAIN_AFTER = 600.0
"""Seconds after which it is said again what still fails."""

_SAY_ANEW_AFTER = 60.0
"""Seconds for which the same reason is not said anew, however often it comes and goes."""


class Trouble:
    """One thing that can be in trouble. `begun` and `over`: the events to log; `monotonic` returns seconds."""

    def __init__(self, begun: str, over: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._begun = begun
        self._over = over
        self._monotonic = monotonic
        self._since: float | None = None
        self._failures = 0
        self._reason: str | None = None
        self._said_in_this_one = False
        self._said_at: dict[str, float] = {}  # by reason

    @property
    def reason(self) -> str | None:
        """What is wrong now; None if nothing is."""
        return self._reason

    def failed(self, reason: str, **more: object) -> None:
        """It failed once more. `reason`: one of a few words; `more`: what else is worth knowing of it."""
        now = self._monotonic()
        self._since = now if self._since is None else self._since
        self._failures += 1
        goes_on, self._reason = self._reason == reason, reason
        said_at = self._said_at.get(reason)
        if said_at is None or now - said_at >= (_SAY_AGAIN_AFTER if goes_on else _SAY_ANEW_AFTER):
            self._said_at[reason], self._said_in_this_one = now, True
            log.error(self._begun, reason=reason, **more, failures=self._failures, seconds=round(now - self._since, 1))

    def worked(self) -> None:
        """It worked."""
        if self._since is None:
            return
        if self._said_in_this_one:
            log.info(self._over, seconds=round(self._monotonic() - self._since, 1), failures=self._failures)
        self._since, self._failures, self._reason, self._said_in_this_one = None, 0, None, False
