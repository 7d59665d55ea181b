"""How much work something is: the calls that it makes. They are the same on every machine, busy or not; `bench/` measures seconds."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


class Calls:
    """How many functions were called, those written in C among them."""

    def __init__(self) -> None:
        self.count = 0

    def note(self, _frame: FrameType, event: str, _of: object) -> None:
        """For `sys.setprofile`."""
        if event in ("call", "c_call"):
            self.count += 1


@contextmanager
def calls() -> Generator[Calls]:
    """Count the calls of this thread while the context is open."""
    made = Calls()
    sys.setprofile(made.note)
    try:
        yield made
    finally:
        sys.setprofile(None)
