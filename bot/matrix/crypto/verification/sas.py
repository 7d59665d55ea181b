"""The cryptography of emoji verification. The curve and the HMAC are vodozemac's; what goes into them is said here.

Client-Server API v1.18, "SAS HKDF calculation", "MAC calculation" and `m.key.verification.accept` (commitment).
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from vodozemac import Curve25519PublicKey, EstablishedSas, Sas

from bot.matrix.crypto.signing import unpadded
from bot.matrix.crypto.verification.messages import SAS, word, words
from bot.matrix.crypto.verification.reasons import MALFORMED, NO_AGREEMENT, WRONG_KEYS, Stopped

AGREEMENT = "curve25519-hkdf-sha256"
HASH = "sha256"
MAC_V2, MAC_V1 = "hkdf-hmac-sha256.v2", "hkdf-hmac-sha256"
STRINGS = ("decimal", "emoji")
_EMOJI = 7


@dataclass(frozen=True, slots=True)
class Party:
    """One side: its user, its device and, where it matters, the public key it drew for this verification (unpadded base64)."""

    user_id: str
    device_id: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What both sides agreed on beyond what is fixed: how MACs are written, and which strings people compare."""

    mac: str
    strings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShortString:
    """What people compare: seven numbers of emoji (none if only decimals were agreed on), and three numbers of 1000 to 9191."""

    emoji: tuple[int, ...]
    decimals: tuple[int, int, int]


def offer(device_id: str) -> dict[str, Any]:
    """Return what we say in `start`, without what places it in a verification."""
    return {
        "from_device": device_id,
        "method": SAS,
        "key_agreement_protocols": [AGREEMENT],
        "hashes": [HASH],
        "message_authentication_codes": [MAC_V2, MAC_V1],
        "short_authentication_string": list(STRINGS),
    }


def chosen(start: Mapping[str, Any]) -> Terms:
    """Return what we choose of the other side's `start`. Raises `Stopped` if nothing fits, or if it is no `start`."""
    fits = AGREEMENT in words(start, "key_agreement_protocols") and HASH in words(start, "hashes")
    macs, strings = words(start, "message_authentication_codes"), words(start, "short_authentication_string")
    common = tuple(each for each in STRINGS if each in strings)
    mac = next((each for each in (MAC_V2, MAC_V1) if each in macs), None)
    if not fits or not common or mac is None:
        raise Stopped(NO_AGREEMENT)
    return Terms(mac, common)


def acceptance(terms: Terms, commitment: str) -> dict[str, Any]:
    """Return what we say in `accept`, without what places it in a verification."""
    return {
        "method": SAS,
        "key_agreement_protocol": AGREEMENT,
        "hash": HASH,
        "message_authentication_code": terms.mac,
        "short_authentication_string": list(terms.strings),
        "commitment": commitment,
    }


def accepted(accept: Mapping[str, Any]) -> tuple[Terms, str]:
    """Return the terms and the commitment of the other side's `accept`. Raises `Stopped` if they are not of what we offered."""
    fits = word(accept, "key_agreement_protocol") == AGREEMENT and word(accept, "hash") == HASH
    mac, strings = word(accept, "message_authentication_code"), words(accept, "short_authentication_string")
    commitment = word(accept, "commitment").rstrip("=")
    if not fits or mac not in (MAC_V2, MAC_V1) or not strings or any(each not in STRINGS for each in strings):
        raise Stopped(NO_AGREEMENT)
    return Terms(mac, strings), commitment


def commitment(key: str, start: Mapping[str, Any]) -> str:
    """Return what binds the accepting side to its public `key` before it has seen the other's. Raises `Stopped` if `start` is no JSON.

    `start` is the whole content as it was sent, in a room with its `m.relates_to`. Nothing is left out of it, unlike in signed JSON.
    """
    try:
        content = json.dumps(start, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise Stopped(MALFORMED) from error
    return unpadded(sha256(key.encode() + content).digest())


def public_key(content: Mapping[str, Any]) -> Curve25519PublicKey:
    """Return the public key of a `key` message. Raises `Stopped` if it is none."""
    try:
        return Curve25519PublicKey.from_base64(word(content, "key"))
    except ValueError as error:
        raise Stopped(MALFORMED) from error


def established(own: Sas, their_key: Curve25519PublicKey) -> EstablishedSas:
    """Return the shared secret; `own` is used up by it. Raises `Stopped` for a key that would make the secret guessable."""
    try:
        return own.diffie_hellman(their_key)
    except ValueError as error:
        raise Stopped(MALFORMED) from error


def short_string(secret: EstablishedSas, starter: Party, accepter: Party, transaction_id: str, terms: Terms) -> ShortString:
    """Return what people compare. `starter` is who sent the `start` that counts."""
    parties = (starter.user_id, starter.device_id, starter.key, accepter.user_id, accepter.device_id, accepter.key)
    drawn = secret.bytes("|".join(("MATRIX_KEY_VERIFICATION_SAS", *parties, transaction_id)))
    emoji = tuple(drawn.emoji_indices)[:_EMOJI] if "emoji" in terms.strings else ()
    return ShortString(emoji, drawn.decimals)


class Macs:
    """The MACs that one side sends to the other."""

    def __init__(self, secret: EstablishedSas, method: str, sender: Party, receiver: Party, transaction_id: str) -> None:
        parties = (sender.user_id, sender.device_id, receiver.user_id, receiver.device_id)
        self._info = "".join(("MATRIX_KEY_VERIFICATION_MAC", *parties, transaction_id))
        self._calculate = secret.calculate_mac if method == MAC_V2 else secret.calculate_mac_invalid_base64

    def content(self, keys: Mapping[str, str]) -> dict[str, Any]:
        """Return what is said in `mac` about public keys (`ed25519:…` → unpadded base64)."""
        return {"mac": {name: self._calculate(key, self._info + name) for name, key in keys.items()}, "keys": self._of_names(keys)}

    def check(self, said: Mapping[str, str], said_of_names: str, known: Mapping[str, str], needed: str) -> None:
        """Raise `Stopped` unless all that is said of `known` keys is right, and something is said of the `needed` one.

        Keys that we do not know are no mistake: a client may name more than we have heard of.
        """
        right = [_same(mac, self._calculate(known[name], self._info + name)) for name, mac in said.items() if name in known]
        if not (all(right) and needed in said and _same(said_of_names, self._of_names(said))):
            raise Stopped(WRONG_KEYS)

    def _of_names(self, keys: Mapping[str, str]) -> str:
        return self._calculate(",".join(sorted(keys)), f"{self._info}KEY_IDS")


def _same(said: str, right: str) -> bool:
    return hmac.compare_digest(said.rstrip("=").encode(), right.encode())
