"""Disks of a few megabytes, to be filled up and made read-only, for a bot that finds its files on them."""

import errno
import os
import shutil
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest


class SmallDisk:
    """A tmpfs. `path`: where the bot finds it; `seen`: where we do; `inside`: what makes a command run where the bot does."""

    def __init__(self, path: Path, seen: Path, inside: Sequence[str]) -> None:
        self.path = path
        self.seen = seen
        self._inside = inside
        self._ballast = seen / "ballast"

    def fill(self, leave: int = 0) -> None:
        """Take all the room there is, but so many bytes."""
        with self._ballast.open("ab", buffering=0) as ballast:
            for size in (2**20, 2**12):
                try:
                    while self._free() >= leave + size:
                        ballast.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def _free(self) -> int:
        found = os.statvfs(self.seen)
        return found.f_bavail * found.f_frsize

    def free(self) -> None:
        """Give it back."""
        self._ballast.unlink()

    def remount(self, how: str) -> None:
        """Make it read-only (`ro`), while nobody has a file open there for writing, or writable again (`rw`)."""
        _run(*self._inside, "mount", "-o", f"remount,bind,{how}", str(self.path))


class SmallDisks:
    """Some of them, by name. `inside`: the command that makes another run where they are to be found."""

    def __init__(self, inside: Sequence[str], disks: Mapping[str, SmallDisk]) -> None:
        self.inside = inside
        self._disks = disks

    def __getitem__(self, name: str) -> SmallDisk:
        return self._disks[name]


@contextmanager
def small_disks(folder: Path, sizes: Mapping[str, str]) -> Generator[SmallDisks]:
    """Give disks of these sizes (`"8m"`), mounted in `folder` under their names.

    Whoever may not mount gets them in a namespace of their own. Skips the test where that is not allowed either.
    """
    for name in sizes:
        (folder / name).mkdir()
    if os.geteuid() == 0 and _mounts(folder, sizes, ()):
        try:
            yield SmallDisks((), {name: SmallDisk(folder / name, folder / name, ()) for name in sizes})
        finally:
            for name in sizes:
                _run("umount", "--lazy", str(folder / name))
        return
    holder = _namespace()
    try:
        inside = ("nsenter", "--preserve-credentials", "--user", "--mount", f"--wd={folder}", f"--target={holder.pid}")
        if not _mounts(folder, sizes, inside):
            pytest.skip("a disk of a few megabytes (tmpfs) cannot be mounted here")
        seen = Path(f"/proc/{holder.pid}/root")
        inside = (shutil.which("nsenter") or "nsenter", *inside[1:])
        disks = {name: SmallDisk(folder / name, seen / (folder / name).relative_to("/"), inside) for name in sizes}
        yield SmallDisks(inside, disks)
    finally:
        holder.kill()
        holder.communicate()


def _namespace() -> "subprocess.Popen[bytes]":
    """Return a process that holds a namespace in which we may mount."""
    unshare = shutil.which("unshare")
    if unshare is None or shutil.which("nsenter") is None:
        pytest.skip("mounting a small disk needs root, or unshare and nsenter")
    command = (unshare, "-Urm", "sh", "-c", "echo; exec cat")
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603  (ours)
    assert holder.stdout is not None
    if holder.stdout.readline() != b"\n":
        holder.communicate()
        pytest.skip("mounting a small disk needs root, or namespaces of one's own, which are not allowed here")
    return holder


def _mounts(folder: Path, sizes: Mapping[str, str], inside: Sequence[str]) -> bool:
    commands = [
        (*inside, "mount", "-t", "tmpfs", "-o", f"size={size}", "small", str(folder / name)) for name, size in sizes.items()
    ]
    return all(subprocess.run(command, check=False, capture_output=True).returncode == 0 for command in commands)  # noqa: S603  (ours)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603  (ours)
