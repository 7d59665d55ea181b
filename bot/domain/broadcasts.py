"""Broadcasts: what may become of one, and to which labs it goes."""

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum

EXPIRES_AFTER = timedelta(minutes=30)


class State(StrEnum):
    """What became of a broadcast's preview."""

    PREVIEW = "preview"
    CONFIRMED = "confirmed"
    DISCARDED = "discarded"


def key(number: int) -> str:
    """Return what the keys of everything that belongs to a broadcast begin with."""
    return f"broadcast:{number}:"


def preview_key(number: int) -> str:
    """Return the key of the preview, to which coordinators react."""
    return f"{key(number)}preview"


def number_of(delivery_key: str) -> int:
    """Return the number of the broadcast that a delivery belongs to."""
    return int(delivery_key.split(":")[1])


def lab_keys(number: int, labs: Iterable[str]) -> dict[str, str]:
    """Return the delivery key for each lab that a broadcast goes to."""
    return {lab: f"{key(number)}lab:{lab}" for lab in labs}
