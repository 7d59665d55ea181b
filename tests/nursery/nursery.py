"""Starts the bot quickly: by forking a process that has imported it already. It is a process of its own all the same."""

import asyncio
import json
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from pathlib import Path
from signal import SIGTERM
from types import TracebackType
from typing import Any, Self

from bot.demo.children import LEASH, child_environment, end
from tests.e2e.running import Child, Launcher


class Hatched:
    """A process that the nursery has begotten."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.stdout: asyncio.StreamReader | None = None
        self.returncode: int | None = None
        self._ended = asyncio.Event()

    def ended(self, status: int) -> None:
        """Learn how it ended."""
        self.returncode = status
        self._ended.set()

    async def wait(self) -> int:
        """Wait until it has ended, and return its exit status."""
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(SIGTERM)

    def send_signal(self, signal: int) -> None:
        """Send it a signal. Raises `ProcessLookupError` if it has ended."""
        if self.returncode is not None:
            raise ProcessLookupError
        os.kill(self.pid, signal)


class Nursery:
    """An async context manager; `launch` and `trapped(…)` are launchers of a `Bot`."""

    def __init__(self) -> None:
        self._requests, self._theirs = socket.socketpair()
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()
        self._births: asyncio.Queue[Hatched] = asyncio.Queue()
        self._children: dict[int, Hatched] = {}

    async def __aenter__(self) -> Self:
        command = [sys.executable, "-m", "tests.nursery.hatching", str(self._theirs.fileno())]
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), *command),
            env=child_environment(os.environ),
            stdin=DEVNULL,
            stdout=PIPE,
            pass_fds=[self._theirs.fileno()],
            start_new_session=True,
        )
        self._theirs.close()
        assert self._process.stdout is not None
        assert await self._process.stdout.readline(), "the nursery did not start"
        self._reading = asyncio.create_task(self._read(self._process.stdout), name="the nursery's word")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._requests.close()
        assert self._process is not None
        await end(self._process)
        assert self._reading is not None
        await self._reading

    async def launch(self, arguments: Sequence[str], folder: Path) -> Child:
        """Start `netzwart`. It dies where it is told to (`traps.ORDER`)."""
        return await self._launch(arguments, folder, None)

    def trapped(self, order: str) -> Launcher:
        """Return what starts a `netzwart` that dies at a point: `POINT` or `POINT:NTH`."""

        async def launch(arguments: Sequence[str], folder: Path) -> Child:
            return await self._launch(arguments, folder, order)

        return launch

    async def _launch(self, arguments: Sequence[str], folder: Path, trap: str | None) -> Hatched:
        ours, theirs = os.pipe()
        output = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(output), os.fdopen(ours, "rb", 0))
        request: dict[str, Any] = {"arguments": list(arguments), "folder": str(folder), "trap": trap}
        async with self._one_at_a_time:
            socket.send_fds(self._requests, [json.dumps(request).encode()], [theirs])
            os.close(theirs)
            hatched = await self._births.get()
        hatched.stdout = output
        return hatched

    async def _read(self, words: asyncio.StreamReader) -> None:
        while line := await words.readline():
            said = json.loads(line)
            if "born" in said:
                hatched = self._children[said["born"]] = Hatched(said["born"])
                self._births.put_nowait(hatched)
            else:
                self._children.pop(said["died"]).ended(said["status"])
