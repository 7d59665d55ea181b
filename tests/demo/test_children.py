import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from bot.demo.children import child_environment, end, last_lines, start_leashed

DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
PARENT = """
import asyncio, sys
from asyncio.subprocess import DEVNULL
from pathlib import Path
from bot.demo.children import start_leashed
from bot.demo.homeserver import Homeserver

async def main():
    folder = Path(sys.argv[1])
    child = await start_leashed([sys.executable, "-c", "import signal; signal.pause()"], folder=folder, output=DEVNULL)
    async with Homeserver(folder / "synapse") as homeserver:
        print(child.pid, homeserver.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
async def test_a_killed_parent_leaves_no_children(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path), stdout=PIPE, env=child_environment(os.environ)
    )
    assert parent.stdout is not None
    children = [int(pid) for pid in (await parent.stdout.readline()).split()]
    assert len(children) == 2
    assert all(map(_runs, children))

    parent.kill()
    await parent.wait()

    try:
        for child in children:
            await _ended(child)
    finally:
        for survivor in filter(_runs, children):
            os.kill(survivor, signal.SIGKILL)


async def test_who_does_not_hear_is_killed(tmp_path: Path) -> None:
    process = await start_leashed([sys.executable, "-c", DEAF], folder=tmp_path, output=PIPE)
    assert process.stdout is not None
    await process.stdout.readline()

    assert await end(process, patience=0.1) == -signal.SIGKILL


async def test_grandchildren_go_too(tmp_path: Path) -> None:
    command = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {DEAF!r}]).pid, flush=True); input()"
    process = await start_leashed([sys.executable, "-c", command], folder=tmp_path, output=PIPE)
    assert process.stdout is not None
    said = [await process.stdout.readline() for _line in range(2)]
    grandchild = next(int(line) for line in said if line.strip().isdigit())

    await end(process, patience=0.5)

    await _ended(grandchild)


def test_settings_of_a_real_bot_do_not_reach_the_demo() -> None:
    theirs = child_environment({"NETZWART_MATRIX__PASSWORD": "echt", "LANG": "de_DE.UTF-8", "PYTHONPATH": "mine"})

    assert set(theirs) == {"LANG", "PYTHONPATH", "PYTHONUNBUFFERED"}
    assert theirs["PYTHONPATH"].endswith(f"{os.pathsep}mine")


def test_last_lines(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"eins\nzw\xffei\ndrei\n")

    assert last_lines(tmp_path / "log", 2) == ["zw\ufffdei", "drei"]
    assert last_lines(tmp_path / "none") == []


async def _ended(pid: int) -> None:
    async with asyncio.timeout(10):
        while _runs(pid):  # noqa: ASYNC110  (it is not our child: nothing tells us)
            await asyncio.sleep(0.01)


def _runs(pid: int) -> bool:
    """Whether the process is there, and not merely unburied."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
