"""Processes that the demo starts, each on a leash: none outlives us, whatever ends us."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import bot

LEASH = Path(__file__).with_name("leash.py")
PATIENCE = 10.0  # seconds between SIGTERM and SIGKILL


async def start_leashed(command: Sequence[str], *, folder: Path, output: int) -> Process:
    """Start `command` in `folder`, in a session of its own (a Ctrl-C in the terminal is ours alone) and on a leash.

    `output` is a file descriptor, or `asyncio.subprocess.PIPE`, and takes both standard output and standard error.
    """
    leashed = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), *command]
    return await asyncio.create_subprocess_exec(
        *leashed,
        cwd=folder,
        env=child_environment(os.environ),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )


def child_environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Return `ours` so that a child finds this very `bot`, and no setting of a real bot reaches the demo's."""
    kept = {name: value for name, value in ours.items() if not name.upper().startswith("NETZWART_")}
    source = str(Path(bot.__file__).resolve().parent.parent)
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, [source, ours.get("PYTHONPATH")]))
    kept["PYTHONUNBUFFERED"] = "1"
    return kept


async def end(process: Process, patience: float = PATIENCE) -> int:
    """Ask `process` to end, wait up to `patience` seconds, then kill it and its group. Return its exit status."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await process.wait()
    with suppress(ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
        os.killpg(process.pid, signal.SIGKILL)
    return await process.wait()


def last_lines(log: Path, count: int = 15) -> list[str]:
    """Return the last `count` lines of `log`; none if there is no such file."""
    try:
        with log.open(encoding="utf-8", errors="replace") as lines:
            return [line.rstrip("\n") for line in deque(lines, maxlen=count)]
    except FileNotFoundError:
        return []
