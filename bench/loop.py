"""How long an event loop did nothing but one thing."""

import asyncio
import time
from types import TracebackType
from typing import Self

_SLEEP = 0.001


class LongestBlock:
    """Measures, as an async context manager: `seconds` is by how much the loop was late at worst to wake a task that sleeps 1 ms."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._ticking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._ticking = asyncio.create_task(self._tick())
        await asyncio.sleep(0)  # it sleeps now
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await asyncio.sleep(2 * _SLEEP)  # a block at the very end is seen only when it wakes once more
        if self._ticking is not None:
            self._ticking.cancel()

    async def _tick(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(_SLEEP)
            self.seconds = max(self.seconds, time.perf_counter() - before - _SLEEP)
