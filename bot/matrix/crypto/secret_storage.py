"""Secret storage: our identity's seeds in the account's data, encrypted under a recovery key (specification v1.18, "Secret storage").

With the recovery key a person can sign in as the bot in Element and verify that session, and Netzwart can get back an identity whose
file is lost. The homeserver sees nothing but ciphertext (`m.secret_storage.v1.aes-hmac-sha2`).
"""

import hmac
import secrets
from collections.abc import Mapping
from hashlib import sha256
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.errors import text
from bot.matrix.crypto.identity_file import SECRETS, IdentityTrouble, Seeds, seeds_from
from bot.matrix.crypto.server import Server, refusal
from bot.matrix.crypto.signing import from_unpadded, unpadded
from bot.matrix.crypto.values import object_of

ALGORITHM = "m.secret_storage.v1.aes-hmac-sha2"
_DEFAULT_KEY = "m.secret_storage.default_key"
_KEY = "m.secret_storage.key"
_KEY_BYTES = 32
_IV_BYTES = 16
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PREFIX = bytes((0x8B, 0x01))
_LONGEST_RECOVERY_KEY = 200


class StorageTrouble(IdentityTrouble):
    """The secret storage, or the recovery key, is not what is needed."""


class NoRecoveryKey(ValueError):
    """This is no recovery key: mistyped, or something else."""


def recovery_key(key: bytes) -> str:
    """Return a key of 32 bytes as people write it down: base58 with a prefix and a parity byte, in groups of four."""
    raw = _PREFIX + key
    number = int.from_bytes(raw + bytes((_parity(raw),)))
    digits = ""
    while number:
        number, digit = divmod(number, 58)
        digits = _BASE58[digit] + digits
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def from_recovery_key(written: str) -> bytes:
    """Return the 32 bytes of a recovery key. Raises `NoRecoveryKey`."""
    digits = "".join(written.split())
    if not digits or len(digits) > _LONGEST_RECOVERY_KEY or not set(digits) <= set(_BASE58):
        raise NoRecoveryKey
    number = 0
    for digit in digits:
        number = number * 58 + _BASE58.index(digit)
    raw = number.to_bytes((number.bit_length() + 7) // 8)
    if len(raw) != len(_PREFIX) + _KEY_BYTES + 1 or not raw.startswith(_PREFIX) or _parity(raw):
        raise NoRecoveryKey
    return raw[len(_PREFIX) : -1]


def _parity(raw: bytes) -> int:
    """Return the exclusive or of all bytes: 0 for a whole recovery key."""
    parity = 0
    for byte in raw:
        parity ^= byte
    return parity


def encrypt(key: bytes, name: str, plain: bytes) -> dict[str, str]:
    """Return `iv`, `ciphertext` and `mac` of a secret, in base64. Each secret's name gives it keys of its own."""
    iv = bytearray(secrets.token_bytes(_IV_BYTES))
    iv[8] &= 0x7F  # bit 63 is 0: some implementations have no other counters
    aes_key, mac_key = _keys(key, name)
    ciphertext = _aes_ctr(aes_key, bytes(iv), plain)
    mac = hmac.digest(mac_key, ciphertext, sha256)
    return {"iv": unpadded(bytes(iv)), "ciphertext": unpadded(ciphertext), "mac": unpadded(mac)}


def decrypt(key: bytes, name: str, given: Mapping[str, Any]) -> bytes:
    """Return a secret. Raises `ValueError` if it was not encrypted with this key under this name, or is no such thing at all."""
    try:
        iv, ciphertext, mac = (from_unpadded(given[part]) for part in ("iv", "ciphertext", "mac"))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("no encrypted secret") from error
    aes_key, mac_key = _keys(key, name)
    if len(iv) != _IV_BYTES or not hmac.compare_digest(hmac.digest(mac_key, ciphertext, sha256), mac):
        raise ValueError("encrypted with another key")
    return _aes_ctr(aes_key, iv, ciphertext)


def describe(key: bytes) -> dict[str, Any]:
    """Return what is published of a key, so that it can be recognised: zeros, encrypted with it under an empty name."""
    proof = encrypt(key, "", bytes(_KEY_BYTES))
    return {"algorithm": ALGORITHM, "name": "Netzwart", "iv": proof["iv"], "mac": proof["mac"]}


def is_described(key: bytes, description: Mapping[str, Any]) -> bool:
    """Whether this is the described key. A description need not say how to recognise its key: then it may be."""
    if description.get("algorithm") != ALGORITHM:
        return False
    if description.get("iv") is None and description.get("mac") is None:
        return True
    try:
        iv, mac = from_unpadded(description["iv"]), from_unpadded(description["mac"])
    except (KeyError, ValueError, TypeError, AttributeError):
        return False
    aes_key, mac_key = _keys(key, "")
    if len(iv) != _IV_BYTES:
        return False
    return hmac.compare_digest(hmac.digest(mac_key, _aes_ctr(aes_key, iv, bytes(_KEY_BYTES)), sha256), mac)


def _keys(key: bytes, name: str) -> tuple[bytes, bytes]:
    """Return the AES and the MAC key for a secret's name (HKDF, RFC 5869, with a salt of zeros)."""
    both = HKDF(SHA256(), length=2 * _KEY_BYTES, salt=bytes(32), info=name.encode()).derive(key)
    return both[:_KEY_BYTES], both[_KEY_BYTES:]


def _aes_ctr(key: bytes, iv: bytes, given: bytes) -> bytes:
    cipher = Cipher(AES(key), CTR(iv)).encryptor()
    return cipher.update(given) + cipher.finalize()


class SecretStorage:
    """The secret storage of `user_id`. Everything raises as `Server.call` does."""

    def __init__(self, server: Server, user_id: str) -> None:
        self._server = server
        self._user_id = user_id

    async def default_key(self) -> str | None:
        """Return the id of the key in use, None if there is none."""
        key_id = (await self._get(_DEFAULT_KEY)).get("key")
        return key_id if isinstance(key_id, str) and key_id else None

    async def put(self, seeds: Seeds, *, replace: bool) -> str:
        """Store our identity under a new key, which becomes the default key. Return its recovery key: nobody else has it.

        Raises `StorageTrouble` if there is a default key already, unless `replace`.
        """
        if not replace and await self.default_key() is not None:
            raise StorageTrouble(
                text(
                    "Das Konto hat schon einen Geheimnisspeicher mit einem eigenen Wiederherstellungsschlüssel. Mit --replace bekommt es"
                    " einen neuen, und der alte gilt nicht mehr."
                )
            )
        key, key_id = secrets.token_bytes(_KEY_BYTES), secrets.token_hex(16)
        await self._set(f"{_KEY}.{key_id}", describe(key))
        for name in SECRETS:
            secret: bytes = getattr(seeds, name)
            sealed = encrypt(key, _named(name), unpadded(secret).encode())
            await self._set(_named(name), {"encrypted": {key_id: sealed}})
        await self._set(_DEFAULT_KEY, {"key": key_id})  # last: a key that is in use opens everything
        if await self.get(recovery_key(key)) != seeds:
            raise StorageTrouble(text("Der Homeserver hat die Geheimnisse nicht so aufbewahrt, wie sie waren."))
        return recovery_key(key)

    async def get(self, written: str) -> Seeds:
        """Return the identity that is stored under a recovery key. Raises `StorageTrouble`."""
        try:
            key = from_recovery_key(written)
        except NoRecoveryKey as error:
            raise StorageTrouble(
                text("Das ist kein Wiederherstellungsschlüssel; er besteht aus zwölf Gruppen zu vier Zeichen.")
            ) from error
        key_id = await self.default_key()
        if key_id is None:
            raise StorageTrouble(text("Das Konto hat keinen Geheimnisspeicher; netzwart device share legt einen an."))
        if not is_described(key, await self._get(f"{_KEY}.{key_id}")):
            raise StorageTrouble(text("Dieser Wiederherstellungsschlüssel gehört nicht zum Geheimnisspeicher des Kontos."))
        try:
            return seeds_from({name: await self._secret(key, key_id, _named(name)) for name in SECRETS})
        except ValueError as error:
            raise StorageTrouble(text("Im Geheimnisspeicher des Kontos liegt keine ganze Identität.")) from error

    async def _secret(self, key: bytes, key_id: str, name: str) -> bytes:
        """Return a stored seed. Raises `ValueError` if there is none that makes sense."""
        sealed = object_of(object_of((await self._get(name)).get("encrypted")).get(key_id))
        return from_unpadded(decrypt(key, name, sealed).decode())

    async def _get(self, kind: str) -> dict[str, Any]:
        """Return account data, empty if there is none."""
        status, answer = await self._server.ask("GET", self._path(kind))
        if status == HTTPStatus.NOT_FOUND and answer.get("errcode") == "M_NOT_FOUND":
            return {}
        if status != HTTPStatus.OK:
            raise refusal(answer, status)
        return answer

    async def _set(self, kind: str, content: dict[str, Any]) -> None:
        await self._server.call("PUT", self._path(kind), content)

    def _path(self, kind: str) -> str:
        return f"/user/{quote(self._user_id, safe='')}/account_data/{quote(kind, safe='')}"


def _named(name: str) -> str:
    return f"m.cross_signing.{name}"
