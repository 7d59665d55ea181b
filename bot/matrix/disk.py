"""The disk that the device's own files lie on: whether there is room for what comes."""

import os
from collections.abc import Callable
from pathlib import Path

_SPARE = 8 * 2**20
"""Bytes that have to be free for anything to be begun. SQLite's write-ahead log alone grows to four million."""

_TIMES = 5
"""How much of the disk news takes, in times of its size on the way: it stands in the log before it stands in its table and indexes."""

_PLENTY = 2**30
"""Bytes with which nobody has to weigh anything."""


class Disk:
    """The disk under `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has_room(self, weigh: Callable[[], int] = lambda: 0) -> bool:
        """Whether so many bytes of news can be kept. `weigh` is only called if it matters."""
        try:
            found = os.statvfs(self._folder)
        except OSError:  # the folder is gone, perhaps: whoever writes finds out more
            return True
        free = found.f_bavail * found.f_frsize
        unknown = found.f_blocks == 0  # some file systems do not say how large they are
        return unknown or free >= _PLENTY or free >= _SPARE + _TIMES * weigh()
