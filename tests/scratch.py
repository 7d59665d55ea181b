"""Where tests keep their files: in memory, where the machine offers that.

Homeservers and databases write through to the disk at each commit, which a test has no use for; on a slow disk that is a third of its time.
`--basetemp` says otherwise.
"""

import os
import shutil
from pathlib import Path

import pytest

_MEMORY = Path("/dev/shm")  # noqa: S108  (a folder of its own in it, of a name that no other run has)
_ENOUGH = 3 * 2**30
"""Bytes that are to be free; a whole run takes half a gigabyte."""

_NAME = "netzwart-tests-"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose the folder, before anybody asks for it. Workers are given one within that of their run."""
    if hasattr(config, "workerinput") or config.option.basetemp is not None or not _is_there():
        return
    _tidy_up()
    config.option.basetemp = str(_folder())


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Give the memory back, unless somebody will want to look at what failed."""
    if not hasattr(session.config, "workerinput") and exitstatus == pytest.ExitCode.OK:
        shutil.rmtree(_folder(), ignore_errors=True)


def _is_there() -> bool:
    return _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _ENOUGH


def _folder() -> Path:
    return _MEMORY / f"{_NAME}{os.getpid()}"


def _tidy_up() -> None:
    """Remove what runs have left that failed, once they are over and another one begins."""
    for folder in _MEMORY.glob(f"{_NAME}*"):
        pid = folder.name.removeprefix(_NAME)
        if folder.is_dir() and pid.isdigit() and folder.stat().st_uid == os.getuid() and not _runs(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
