"""How much one person may ask of the bot: whoever asks too much at once waits, and nobody else."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

_MINUTE = 60.0
_MOST_PEOPLE = 10_000


@dataclass(slots=True)
class _Allowance:
    """What somebody may still ask for, as of a time; what they were told, and what was left undone since that was last logged."""

    left: float
    at: float
    told: bool = False
    undone: int = 0
    logged_at: float | None = None


class Limits:
    """An allowance for each person: `at_once` when they have been quiet, and `per_minute` more as time passes.

    `monotonic` returns seconds. Remembered are the `most` people who were heard last; those who are forgotten begin anew.
    """

    def __init__(
        self, at_once: int, per_minute: int, monotonic: Callable[[], float] = time.monotonic, *, most: int = _MOST_PEOPLE
    ) -> None:
        self._at_once = float(at_once)
        self._per_second = per_minute / _MINUTE
        self._monotonic = monotonic
        self._most = most
        self._people: OrderedDict[str, _Allowance] = OrderedDict()  # who was heard last comes last

    def __len__(self) -> int:
        return len(self._people)

    def take(self, person: str) -> bool:
        """Let somebody ask for one thing. Return False if they have asked for too much."""
        allowance = self._of(person)
        if allowance.left < 1:
            return False
        allowance.left -= 1
        return True

    def give_back(self, person: str) -> None:
        """Take back what `take` let somebody ask for: it was none of our business, or they will be heard again."""
        allowance = self._of(person)
        allowance.left = min(self._at_once, allowance.left + 1)

    def is_silenced(self, person: str) -> bool:
        """Whether somebody has asked for too much, and was told: then nothing more is to be said to them."""
        if person not in self._people:
            return False
        allowance = self._of(person)
        return allowance.told and allowance.left < 1

    def told(self, person: str) -> None:
        """Remember that somebody was told; until they have their whole allowance back, once is enough."""
        self._of(person).told = True

    def leave_undone(self, person: str) -> int:
        """Count one thing that is not done. Return how many there were since it was last logged if that was a minute ago, else 0."""
        allowance = self._of(person)
        allowance.undone += 1
        if allowance.logged_at is not None and allowance.at - allowance.logged_at < _MINUTE:
            return 0
        undone, allowance.undone, allowance.logged_at = allowance.undone, 0, allowance.at
        return undone

    def _of(self, person: str) -> _Allowance:
        now = self._monotonic()
        allowance = self._people.setdefault(person, _Allowance(self._at_once, now))
        self._people.move_to_end(person)
        allowance.left = min(self._at_once, allowance.left + (now - allowance.at) * self._per_second)
        allowance.at = now
        if allowance.left >= self._at_once:
            allowance.told = False
        while len(self._people) > self._most:
            self._people.popitem(last=False)
        return allowance
