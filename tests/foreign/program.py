"""The Node program `client.mjs` as a process of its own: requests go in, answers and events come out, one JSON object a line."""

import asyncio
import itertools
import json
import os
import shutil
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

from bot.demo.children import LEASH, end

Json: TypeAlias = dict[str, Any]
FOLDER = Path(__file__).parent
ANSWERS_WITHIN = 60.0  # seconds
LONGEST_LINE = 2**25  # bytes; a picture comes in one line


class Failed(Exception):
    """The client could not do what it was asked; says its own message."""


class Program:
    """One run of `client.mjs`. `on_event` is called with every event that it pushes, in their order."""

    def __init__(self, on_event: Callable[[Json], None]) -> None:
        self._on_event = on_event
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._noise: deque[str] = deque(maxlen=60)
        self._process: Process | None = None
        self._reading: tuple[asyncio.Task[None], ...] = ()

    @property
    def noise(self) -> str:
        """The last of what the sdk said on standard error."""
        return "\n".join(self._noise)

    async def start(self) -> None:
        """Start it; it ends with us, however we end."""
        node = shutil.which("node")
        assert node is not None
        self._process = process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), node, str(FOLDER / "client.mjs")),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            start_new_session=True,
            limit=LONGEST_LINE,
        )
        self._reading = (asyncio.create_task(self._read(process)), asyncio.create_task(self._read_noise(process)))

    async def stop(self) -> None:
        """End it, and whatever it may have started."""
        process, self._process = self._process, None
        if process is not None:
            await end(process, patience=0)
            await asyncio.wait(self._reading)

    async def ask(self, do: str, *, within: float = ANSWERS_WITHIN, **given: object) -> Any:
        """Have the client do something and return what comes of it. Raises `Failed`, or `TimeoutError` after `within` seconds."""
        assert self._process is not None
        assert self._process.stdin is not None
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._process.stdin.write(_line({"id": number, "do": do, **given}))
            async with asyncio.timeout(within):
                return await answer
        except TimeoutError:
            raise TimeoutError(f"{do} was not done within {within:g} s; the sdk's last words:\n{self.noise}") from None
        finally:
            del self._waiting[number]

    async def _read(self, process: Process) -> None:
        assert process.stdout is not None
        try:
            async for line in process.stdout:
                self._take(json.loads(line))
        finally:
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(Failed(f"the client has ended; its last words:\n{self.noise}"))

    def _take(self, line: Json) -> None:
        if "event" in line:
            self._on_event(line)
            return
        answer = self._waiting.get(line["id"])
        if answer is None or answer.done():  # nobody waits for it any more
            return
        if "error" in line:
            answer.set_exception(Failed(line["error"]))
        else:
            answer.set_result(line["ok"])

    async def _read_noise(self, process: Process) -> None:
        assert process.stderr is not None
        with suppress(ValueError):  # a line of more than LONGEST_LINE: nobody will read it
            async for line in process.stderr:
                self._noise.append(line.decode(errors="replace").rstrip())


def _line(request: Mapping[str, object]) -> bytes:
    return json.dumps(request).encode() + b"\n"
