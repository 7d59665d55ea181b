"""How the running bot and `netzwart device verify` speak with each other: files in `state_dir/verification/`.

    <id>.json            what is to be compared; the bot writes it, and takes it away as soon as nothing is waited for any more
    <id>.yes, <id>.no    the administrator's answer: the name says it, the file is empty, so that the bot need not be able to read
                         what another user (root) wrote
    open.json            the verifications under way, so that a new process can cancel what an old one left

Ids are drawn by the bot: no name comes from anybody's message.
"""

import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import structlog

from bot.matrix.crypto.verification.messages import Channel, is_word
from bot.matrix.crypto.verification.sas import ShortString

log = structlog.get_logger(__name__)

_OPEN = "open.json"
_ID = re.compile(r"[0-9a-f]{16}")
_DECIMALS, _EMOJI = 3, 64


@dataclass(frozen=True, slots=True)
class Pending:
    """A verification whose emoji are to be compared. `emoji` are numbers of the table; empty: only the decimals are to be compared."""

    id: str
    user_id: str
    device_id: str
    emoji: tuple[int, ...]
    decimals: tuple[int, ...]


class VerificationFolder:
    """The folder. Reading and writing by the bot never raises: at worst a verification runs into its time-out."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "verification"

    # The bot's side.

    def show(self, channel: Channel, shown: ShortString) -> Pending:
        """Put something up to be compared; return it."""
        pending = Pending(secrets.token_hex(8), channel.user_id, channel.device_id, shown.emoji, shown.decimals)
        self._write(f"{pending.id}.json", asdict(pending))
        return pending

    def answer(self, pending: Pending) -> bool | None:
        """Return what the administrator says, None if nothing yet. Who says both says no."""
        if (self._path / f"{pending.id}.no").exists():
            return False
        return True if (self._path / f"{pending.id}.yes").exists() else None

    def take_down(self, pending: Pending) -> None:
        """Wait for no answer any more."""
        self._remove(self._path / f"{pending.id}{end}" for end in (".json", ".yes", ".no"))

    def record(self, channels: Sequence[Channel]) -> None:
        """Write down what is under way."""
        if channels:
            self._write(_OPEN, [asdict(channel) for channel in channels])
        else:
            self._remove([self._path / _OPEN])

    def leftovers(self) -> list[Channel]:
        """Return what was under way when the last process ended, and take down what it had put up."""
        try:
            written: object = json.loads((self._path / _OPEN).read_text("utf-8"))
        except FileNotFoundError:
            written = []
        except (OSError, ValueError) as error:
            log.warning("verification_file_unreadable", file=_OPEN, reason=str(error))
            written = []
        self._remove(path for path in self._files() if _ID.fullmatch(path.name.partition(".")[0]))
        return list(_channels(written))

    # The administrator's side.

    def waiting(self) -> list[Pending]:
        """Return what is to be compared, oldest first. Raises `OSError` if the folder may not be read."""
        found: list[tuple[float, Pending]] = []
        for path in self._path.iterdir() if self._path.exists() else ():
            if path.suffix == ".json" and _ID.fullmatch(path.stem):
                pending = _pending(path)
                found += [(path.stat().st_mtime, pending)] if pending is not None else []
        return [pending for _, pending in sorted(found, key=lambda each: each[0])]

    def is_waiting(self, pending: Pending) -> bool:
        """Whether the bot still waits for an answer."""
        return (self._path / f"{pending.id}.json").exists()

    def say(self, pending: Pending, *, match: bool) -> None:
        """Answer. Raises `OSError` if the folder may not be written to."""
        (self._path / f"{pending.id}.{'yes' if match else 'no'}").touch(0o600)

    def _write(self, name: str, content: object) -> None:
        draft = self._path / f"{name}.new"
        try:
            self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                json.dump(content, file)
            draft.replace(self._path / name)
        except OSError as error:
            log.error("verification_file_not_written", file=name, reason=str(error))

    def _files(self) -> list[Path]:
        try:
            return list(self._path.iterdir())
        except OSError:
            return []

    def _remove(self, paths: Iterable[Path]) -> None:
        for path in paths:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                log.error("verification_file_not_removed", file=path.name, reason=str(error))


def _pending(path: Path) -> Pending | None:
    """Return what a file says, None if it is gone or says nothing sensible."""
    try:
        said: dict[str, Any] = json.loads(path.read_text("utf-8"))
        emoji, decimals = tuple(map(int, said["emoji"])), tuple(map(int, said["decimals"]))
        if not (is_word(said["user_id"]) and is_word(said["device_id"]) and len(decimals) == _DECIMALS):
            return None
        if not all(0 <= number < _EMOJI for number in emoji):
            return None
        return Pending(path.stem, said["user_id"], said["device_id"], emoji, decimals)
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


def _channels(written: object) -> Iterator[Channel]:
    for each in cast("list[object]", written) if isinstance(written, list) else ():
        if not isinstance(each, dict):
            continue
        said = cast("dict[str, object]", each)
        user_id, device_id, transaction_id = said.get("user_id"), said.get("device_id"), said.get("transaction_id")
        room_id = said.get("room_id")
        if is_word(user_id) and is_word(device_id) and is_word(transaction_id) and (room_id is None or is_word(room_id)):
            yield Channel(user_id, device_id, room_id, transaction_id)
