"""An account with one device whose keys are uploaded, made by hand: what the cross-signing tests sign."""

import itertools
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.demo.api import Api, client
from bot.demo.homeserver import Account, Homeserver
from bot.matrix.client import GuardedClient
from bot.matrix.crypto.identity import Device
from bot.matrix.crypto.identity_file import IdentityFile
from bot.matrix.crypto.signing import public_key, sign, unpadded

_numbers = itertools.count(1)


@dataclass(frozen=True)
class SigningAccount:
    """`server` speaks for `device`, maybe through something in between; `api` is the raw API of the same device."""

    account: Account
    device: Device
    server: GuardedClient
    api: Api
    file: IdentityFile

    @property
    def user_id(self) -> str:
        return self.account.user_id

    async def keys(self) -> dict[str, Any]:
        """What the homeserver says of the account's keys."""
        return await self.api.request("POST", client("keys", "query"), {"device_keys": {self.user_id: []}})

    async def signers(self) -> set[str]:
        """The ids of the keys that have signed the device, beside its own."""
        device = (await self.keys())["device_keys"][self.user_id][self.device.device_id]
        return set(device["signatures"][self.user_id]) - {f"ed25519:{self.device.device_id}"}


@asynccontextmanager
async def signing_account(homeserver: Homeserver, folder: Path, *, url: str | None = None) -> AsyncGenerator[SigningAccount]:
    """Give a fresh account; its files are in `folder`. `url`: where its device takes the homeserver to be."""
    account = await homeserver.register(f"signing-{next(_numbers)}-{secrets.token_hex(3)}")
    seed = secrets.token_bytes(32)
    device = Device(account.user_id, account.device_id, public_key(seed), unpadded(secrets.token_bytes(32)))
    server = GuardedClient(url or homeserver.url, account.user_id, account.device_id, folder)
    server.access_token, server.user_id = account.access_token, account.user_id
    file = IdentityFile(folder / "identity.json", folder / "identity.key", account.user_id)
    async with Api(homeserver.url, account.access_token) as api:
        await api.request("POST", client("keys", "upload"), {"device_keys": _device_keys(device, seed)})
        yield SigningAccount(account, device, server, api, file)
        await server.close()


def _device_keys(device: Device, seed: bytes) -> dict[str, Any]:
    keys = {f"ed25519:{device.device_id}": device.ed25519, f"curve25519:{device.device_id}": device.curve25519}
    plain = {
        "user_id": device.user_id,
        "device_id": device.device_id,
        "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
        "keys": keys,
    }
    signed = sign(plain, seed=seed, user_id=device.user_id)
    (signature,) = signed["signatures"][device.user_id].values()
    return {**plain, "signatures": {device.user_id: {f"ed25519:{device.device_id}": signature}}}
