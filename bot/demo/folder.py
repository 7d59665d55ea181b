"""The demo's folder: emptied at each start, so it must be recognisably ours."""

import fcntl
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from bot.demo.errors import ForeignFolder
from bot.demo.texts import _

MARKER = ".netzwart-demo"


@contextmanager
def own_folder(folder: Path) -> Generator[Path]:
    """Make or empty `folder`, hold it as long as the context lasts, and yield its absolute path.

    Raises `ForeignFolder` if there is something in it and no `MARKER`, if it is no folder (or a link to one), if it
    cannot be made, or if another demo holds it. What a demo leaves in it stays until the next one, to be looked at.
    """
    try:
        marker = _claim(folder)
    except OSError as error:
        raise ForeignFolder(
            _("Der Ordner %(folder)s lässt sich nicht benutzen: %(error)s", folder=folder, error=error.strerror)
        ) from error
    with marker.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ForeignFolder(_("In %(folder)s läuft schon eine Vorführung.", folder=folder)) from None
        _empty(folder)
        yield folder.resolve()


def _claim(folder: Path) -> Path:
    """Return the path of our marker in `folder`, having put it there if the folder is new or empty."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ForeignFolder(_("%(folder)s ist kein Ordner.", folder=folder))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    marker = folder / MARKER
    if not marker.is_file() and any(folder.iterdir()):
        raise ForeignFolder(
            _(
                "%(folder)s ist nicht leer und nicht von einer Vorführung: bitte einen anderen Ordner nennen.",
                folder=folder,
            )
        )
    marker.touch()
    return marker


def _empty(folder: Path) -> None:
    """Remove all but the marker, without following links. Cut short, it leaves a folder that is still marked as ours."""
    for entry in folder.iterdir():
        if entry.name == MARKER:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
