"""A person's device in encrypted rooms. It stands on `bot.matrix`, the bot's own: what that can do for a bot it can do for a person."""

from collections.abc import Mapping
from pathlib import Path
from secrets import token_bytes
from typing import Any

from bot.demo.api import Json
from bot.demo.errors import Unreachable
from bot.demo.homeserver import Account
from bot.errors import ChatUnavailable
from bot.matrix.client import GuardedClient
from bot.matrix.crypto.decryption import Undecryptable, Worthless
from bot.matrix.crypto.encryption import Encryption
from bot.matrix.crypto.identity import Device, Identity
from bot.matrix.crypto.identity_file import Seeds

_BEARS_ANYTHING = {
    "journal_mode": "MEMORY",  # a person of the demo lives as long as the demo: nothing of theirs has to outlive a crash
    "synchronous": "OFF",
}


class EncryptingDevice:
    """The device that an account is logged in on, with its keys in `folder` and signed by an identity of its own.

    With `signed` False, it is a device that its owner has not cross-signed.
    """

    def __init__(self, url: str, account: Account, folder: Path, *, signed: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._account = account
        self._signed = signed
        self._client = GuardedClient(url, account.user_id, account.device_id, folder)
        self._encryption: Encryption | None = None
        self._batch = 0

    async def start(self) -> None:
        """Make the device's keys, upload them, and sign them."""
        client: Any = self._client
        database: Any = client.resume(self._account.access_token)
        for name, value in _BEARS_ANYTHING.items():
            database.execute_sql(f"PRAGMA {name}={value}")
        self._encryption = Encryption(client, client.olm, database, _ignore, kinds=None, settles=0)
        await self._encryption.chores()
        if self._signed:
            await self._sign(client.olm.account.identity_keys)

    async def _sign(self, keys: Mapping[str, str]) -> None:
        account, identity = self._account, Identity(self._client, self._account.user_id)
        seeds = Seeds(token_bytes(32), token_bytes(32), token_bytes(32))
        await identity.upload(seeds, account.password, replacing=False)
        await identity.sign_device(seeds, Device(account.user_id, account.device_id, keys["ed25519"], keys["curve25519"]))

    async def stop(self) -> None:
        """Close its connections."""
        await self._client.close()

    def learn(self, sync: Json) -> None:
        """Take the keys out of a sync."""
        self._batch += 1
        self._ready().learn(sync, self._batch)

    async def ask(self) -> None:
        """Ask for the keys that are missing, and upload our own."""
        await self._ready().chores()

    def read(self, room_id: str, raw: Json) -> Json | None:
        """Return an event in clear, None if it cannot be read (yet)."""
        try:
            return {**raw, **self._ready().decrypt(raw, room_id).source}
        except (Undecryptable, Worthless):
            return None

    async def encrypt(self, room_id: str, kind: str, content: Mapping[str, object]) -> tuple[str, Mapping[str, Any]]:
        """Return type and content of an event as it may be sent to a room. Raises `Unreachable`."""
        try:
            return await self._ready().encrypt(room_id, kind, content)
        except ChatUnavailable as error:
            raise Unreachable(str(error)) from error

    def _ready(self) -> Encryption:
        assert self._encryption is not None, "it was not started"  # noqa: S101  (a mistake in the demo itself)
        return self._encryption


def _ignore(_kind: str, _reason: BaseException | str, _sender: str) -> None:
    return None
