"""Encrypted files (specification v1.18, 11.12.1.8 "Sending encrypted attachments")."""

from typing import Any

from nio.crypto import encrypt_attachment


def encrypted(data: bytes) -> tuple[bytes, dict[str, Any]]:
    """Return what is uploaded of a file in place of it, and the `EncryptedFile` of its event, which lacks only the `url`."""
    return encrypt_attachment(data)
