"""Who we are on the homeserver: user, device and access token, kept in the state folder; and the lock on that folder."""

import fcntl
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from bot.errors import LoginFailed, StoreInUse

_SESSION = "session.json"
_LOCK = "lock"


@dataclass(frozen=True, slots=True)
class Session:
    """A login. The token is a secret: the file it is kept in is readable by its owner only."""

    user_id: str
    device_id: str
    access_token: str = field(repr=False)


def lock(state_dir: Path) -> IO[str]:
    """Hold the state folder until the returned file is closed. Raises `StoreInUse` if another process holds it."""
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    held = (state_dir / _LOCK).open("w", encoding="utf-8")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        held.close()
        raise StoreInUse(str(state_dir)) from error
    return held


def load(state_dir: Path, user_id: str) -> Session | None:
    """Return the login kept in the folder. Raises `LoginFailed` if it belongs to another user or cannot be read."""
    path = state_dir / _SESSION
    if not path.exists():
        return None
    try:
        kept = Session(**json.loads(path.read_text("utf-8")))
    except (ValueError, TypeError) as error:
        raise LoginFailed(f"{path} is damaged; move it away to log in as a new device") from error
    if kept.user_id != user_id:
        raise LoginFailed(f"{path} belongs to {kept.user_id}, not to {user_id}; give {user_id} a state_dir of its own")
    return kept


def save(state_dir: Path, session: Session) -> None:
    """Keep a login, whole or not at all, readable by its owner only."""
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = state_dir / f"{_SESSION}.new"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(asdict(session), file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(state_dir / _SESSION)
