"""Our device and our identity from outside the running bot: for `netzwart device` and `netzwart check`."""

import contextlib
import os
import sqlite3
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from peewee import PeeweeException

from bot import logs
from bot.config import MatrixConfig, secret
from bot.errors import ChatUnavailable, text
from bot.matrix import session as sessions
from bot.matrix.client import GuardedClient, store_name
from bot.matrix.crypto.identity import Device
from bot.matrix.crypto.identity_file import IdentityFile, IdentityTrouble
from bot.matrix.crypto.one_time_keys import KeyUploads
from bot.matrix.session import Session

_STAYS = "lock"
_ASIDE = "old-"


def identity_file(matrix: MatrixConfig) -> IdentityFile:
    """Return the file with the seeds, where the configuration says."""
    key = secret(matrix.identity_key, None)
    return IdentityFile(matrix.identity_path, matrix.identity_key_path, matrix.user_id, key=key.strip() if key else None)


def kept_session(matrix: MatrixConfig) -> Session | None:
    """Return the login that is there: the issued token or the one kept, None if there is none yet. Raises `LoginFailed`."""
    token = secret(matrix.access_token, matrix.access_token_file)
    if token is not None:
        return Session(matrix.user_id, matrix.device_id or "", token)
    return sessions.load(matrix.state_dir, matrix.user_id)


@contextlib.asynccontextmanager
async def logged_in(matrix: MatrixConfig, session: Session) -> AsyncGenerator[GuardedClient]:
    """Give a client that can call the homeserver and leaves the device's store alone."""
    logs.hide([session.access_token])
    client = GuardedClient(matrix.homeserver, session.user_id, session.device_id, matrix.state_dir)
    client.access_token, client.user_id = session.access_token, session.user_id
    try:
        yield client
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def with_store(matrix: MatrixConfig, session: Session, *, new: bool = False) -> AsyncGenerator[GuardedClient]:
    """Give a client with the device's store loaded. Only with `new` is one made; else `IdentityTrouble` if there is none."""
    async with logged_in(matrix, session) as client:
        lost = text(
            "Der Speicher des Geräts %(device)s fehlt in %(folder)s oder ist beschädigt: netzwart device recover",
            device=session.device_id,
            folder=str(matrix.state_dir),
        )
        if not new and not (matrix.state_dir / client.config.store_name).exists():
            raise IdentityTrouble(lost)
        try:
            with _private_files():
                client.resume(session.access_token)
        except PeeweeException as error:
            raise IdentityTrouble(lost) from error
        yield client


def own_device(client: GuardedClient) -> Device:
    """Return the device of a client whose store is loaded, with the keys in that store."""
    olm: Any = client.olm
    keys: dict[str, str] = olm.account.identity_keys
    return Device(client.user_id, client.device_id or "", keys["ed25519"], keys["curve25519"])


async def upload_keys(client: GuardedClient) -> None:
    """Let the homeserver have the keys of a client whose store is loaded. Raises as `Server.call`."""
    await KeyUploads(client, client.olm).upload()


def unreadable_rooms(matrix: MatrixConfig, session: Session) -> dict[str, int]:
    """Return how many events our device keeps that it cannot decrypt, by room id. The bot may be running."""
    store = matrix.state_dir / store_name(session.device_id)
    if not store.exists():
        return {}
    with contextlib.closing(sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True)) as device:
        try:
            return dict(device.execute("SELECT room_id, count(*) FROM journal_unreadable GROUP BY room_id"))
        except sqlite3.DatabaseError:  # another Netzwart's, from before there was such a table; or damaged, which others tell
            return {}


async def log_out(client: GuardedClient) -> None:
    """Give up the client's device, if the homeserver answers."""
    with contextlib.suppress(ChatUnavailable):
        await client.call("POST", "/logout", {})


def set_store_aside(matrix: MatrixConfig, device_id: str | None) -> Path | None:
    """Move what is left of a device within the state folder. Return the folder where it is now, None if nothing was left.

    The login goes first: cut off at any point, the next start logs in as a new device and does not meet a login without its store.
    """
    stays = {matrix.state_dir / _STAYS, matrix.identity_path, matrix.identity_key_path}
    left = [path for path in matrix.state_dir.iterdir() if path not in stays and not path.name.startswith(_ASIDE)]
    if not left:
        return None
    name = f"{_ASIDE}{quote(device_id or 'unknown', safe='')}"
    names = (name if n == 1 else f"{name}-{n}" for n in range(1, 1000))
    aside = next(path for each in names if not (path := matrix.state_dir / each).exists())
    aside.mkdir(mode=0o700)
    for path in sorted(left, key=lambda path: path.suffix != ".json"):
        path.rename(aside / path.name)
    return aside


@contextlib.contextmanager
def _private_files() -> Generator[None]:
    """Make files that are read by their owner only: they are full of keys."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
