"""Signed JSON as Matrix has it (specification v1.18, appendices "Signing JSON" and "Unpadded Base64")."""

import json
from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from collections.abc import Mapping
from typing import Any, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SEED_BYTES = 32


def unpadded(raw: bytes) -> str:
    """Return base64 without padding. With padding, clients drop a key without a word."""
    return b64encode(raw).decode().rstrip("=")


def from_unpadded(text: str) -> bytes:
    """Return what base64, padded or not, stands for. Raises `ValueError` for anything else."""
    try:
        return b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except NoBase64 as error:
        raise ValueError(str(error)) from error


def canonical(value: Mapping[str, Any]) -> bytes:
    """Return canonical JSON of an object, without its `signatures` and `unsigned`. Raises `ValueError` for what cannot be JSON."""
    bare = {key: each for key, each in value.items() if key not in ("signatures", "unsigned")}
    return json.dumps(bare, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False).encode()


def public_key(seed: bytes) -> str:
    """Return the public key of a 32-byte Ed25519 seed, as unpadded base64."""
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    return unpadded(public.public_bytes(Encoding.Raw, PublicFormat.Raw))


def sign(value: Mapping[str, Any], *, seed: bytes, user_id: str) -> dict[str, Any]:
    """Return `value` with the signature of the key with this seed added to those it has."""
    signature = unpadded(Ed25519PrivateKey.from_private_bytes(seed).sign(canonical(value)))
    given = cast("dict[str, dict[str, str]]", value.get("signatures") or {})
    own = {**given.get(user_id, {}), f"ed25519:{public_key(seed)}": signature}
    return {**value, "signatures": {**given, user_id: own}}


def is_signed(value: Mapping[str, Any], *, by: str, user_id: str, key_id: str) -> bool:
    """Whether `value` carries a good signature of the public key `by`, filed under `user_id` and `key_id`. Anything may be in it."""
    signatures: Any = value.get("signatures")
    of_user: Any = cast("dict[str, Any]", signatures).get(user_id) if isinstance(signatures, dict) else None
    signature: Any = cast("dict[str, Any]", of_user).get(f"ed25519:{key_id}") if isinstance(of_user, dict) else None
    if not isinstance(signature, str):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(from_unpadded(by)).verify(from_unpadded(signature), canonical(value))
    except (InvalidSignature, ValueError, TypeError, RecursionError):
        return False
    return True
