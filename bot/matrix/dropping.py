"""What becomes of what came from outside and could not be borne: counted, and logged once."""

import time

import structlog

from bot.matrix.crypto.store import Dropped
from bot.metrics import Noise

log = structlog.get_logger(__name__)


def dropping() -> Dropped:
    """Return what is called for everything that is dropped. A thousand of the same make one line in the log."""
    noise = Noise(time.monotonic)

    def dropped(kind: str, reason: BaseException | str, sender: str) -> None:
        if noise.count(kind, reason, sender):
            said = reason if isinstance(reason, str) else type(reason).__name__
            log.warning("malformed_dropped", kind=kind, reason=said, sender=sender[:255])

    return dropped
