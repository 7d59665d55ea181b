"""An encrypted room full of devices, with real keys at a real homeserver. Nobody sits before them."""

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any

import vodozemac

from bot.demo.api import Api, Json, client
from bot.demo.homeserver import Account, Homeserver
from bot.demo.people import ENCRYPTION, Person
from bot.matrix.crypto.signing import canonical

PER_PERSON = 4
_AT_ONCE = 8
_MOST_ONE_TIME_KEYS = 50  # as many as a device has lying at its homeserver
_KIND = "signed_curve25519"
_ALGORITHMS = ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"]


@dataclass(frozen=True, slots=True)
class Crowd:
    """`room_id`: an encrypted room that anybody may join, with `devices` devices in it; `listener`: a user with one device, not in it."""

    room_id: str
    devices: int
    listener: Person


async def gather_crowd(homeserver: Homeserver, *, devices: int, claims: int) -> Crowd:
    """Register people with four devices each and let them join a room. `claims`: how often each device is asked for a one-time key."""
    name = f"crowd-{secrets.token_hex(4)}"
    listener = await homeserver.register(f"{name}-listener")
    await _upload_keys(homeserver.url, listener, claims)
    host = Person(homeserver.url, listener)
    options: Json = {"preset": "public_chat", "initial_state": [ENCRYPTION]}
    room_id = await host.create_room("Crowd", options=options)
    few = asyncio.Semaphore(_AT_ONCE)

    async def arrive(first: int) -> None:
        async with few:
            await _arrive(homeserver, f"{name}-{first}", room_id, min(PER_PERSON, devices - first), claims)

    await asyncio.gather(*(arrive(first) for first in range(0, devices, PER_PERSON)))
    await host.leave(room_id)
    return Crowd(room_id, devices, host)


async def _arrive(homeserver: Homeserver, name: str, room_id: str, devices: int, claims: int) -> None:
    account = await homeserver.register(name)
    await _upload_keys(homeserver.url, account, claims)
    async with Api(homeserver.url, account.access_token) as api:
        await api.request("POST", client("join", room_id), {})
    for _ in range(1, devices):
        another = await Person.login(homeserver.url, name, account.password)
        await _upload_keys(homeserver.url, another.account, claims)


async def _upload_keys(url: str, account: Account, claims: int) -> None:
    """Make the keys of a device and publish them: its own, one-time keys, and a fallback key for when those are used up."""
    keys: Any = vodozemac.Account()
    keys.generate_one_time_keys(min(claims, _MOST_ONE_TIME_KEYS))
    keys.generate_fallback_key()

    def signed(value: Json) -> Json:
        signature = keys.sign(canonical(value)).to_base64()
        return {**value, "signatures": {account.user_id: {f"ed25519:{account.device_id}": signature}}}

    described: Json = {
        "user_id": account.user_id,
        "device_id": account.device_id,
        "algorithms": _ALGORITHMS,
        "keys": {
            f"curve25519:{account.device_id}": keys.curve25519_key.to_base64(),
            f"ed25519:{account.device_id}": keys.ed25519_key.to_base64(),
        },
    }
    body: Json = {
        "device_keys": signed(described),
        "one_time_keys": {f"{_KIND}:{key_id}": signed({"key": key.to_base64()}) for key_id, key in keys.one_time_keys.items()},
        "fallback_keys": {
            f"{_KIND}:{key_id}": signed({"key": key.to_base64(), "fallback": True}) for key_id, key in keys.fallback_key.items()
        },
    }
    async with Api(url, account.access_token) as api:
        await api.request("POST", client("keys", "upload"), body)
