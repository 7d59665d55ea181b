"""Broadcasts: what may become of one, and to which labs it goes."""

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum

EXPIRES_AFTER = timedelta(minutes=30)

POLICY = "broadcast"
"""The reminder policy that sends what was put off to a certain time, under the same keys as what is sent at once."""

POINTLESS_AFTER = timedelta(days=7)
"""How late a broadcast may go out that was missed at its time. After that nobody gets it, and coordinators are told."""


class State(StrEnum):
    """What became of a broadcast's preview. One that waits for its time is confirmed, and may be withdrawn until then."""

    PREVIEW = "preview"
    CONFIRMED = "confirmed"
    DISCARDED = "discarded"
    WITHDRAWN = "withdrawn"


PREVIEW = "broadcast-preview:"
"""What the keys of previews begin with. Those of the notices do not: a ✅ that a lab puts under a notice decides nothing."""


def preview_key(number: int) -> str:
    """Return the key of the preview, to which coordinators react."""
    return f"{PREVIEW}{number}"


def number_of(preview: str) -> int | None:
    """Return the number of the broadcast whose preview has this key, None if it is none."""
    number = preview.removeprefix(PREVIEW)
    return int(number) if preview == f"{PREVIEW}{number}" and number.isdecimal() else None


def ladder(number: int) -> str:
    """Return by what the policy knows a broadcast (`bot.domain.reminders.Reminder.ladder`)."""
    return f"{POLICY}:{number}"


def notices(number: int) -> str:
    """Return what the keys of a broadcast's notices begin with."""
    return f"{ladder(number)}:"


def lab_keys(number: int, labs: Iterable[str]) -> dict[str, str]:
    """Return the delivery key for each lab that a broadcast goes to."""
    return {lab: f"{notices(number)}lab:{lab}" for lab in labs}
