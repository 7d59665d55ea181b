"""What the bot counts, for Prometheus, and which of many hostile events are worth a line in the log.

Label values come from our code, never from events: what strangers send must not make new time series.
"""

import re
from collections import Counter as Tally
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, disable_created_metrics

disable_created_metrics()  # a second series for each counter, which nobody reads

registry = CollectorRegistry()
"""Only what is declared here, and the process's own figures (memory, open files, start)."""

ProcessCollector(registry=registry)


def _counter(name: str, says: str, *labels: str) -> Counter:
    return Counter(f"netzwart_{name}", says, labels, registry=registry)


def _gauge(name: str, says: str, *labels: str) -> Gauge:
    return Gauge(f"netzwart_{name}", says, labels, registry=registry)


# What comes in

dropped_events = _counter(
    "dropped_events_total", "Events from outside that could not be borne and were left out. Counted by `Noise`.", "kind", "reason"
)
undecryptable_events = _counter("undecryptable_events_total", "Encrypted events that could not be decrypted when they came.")
unreadable_events = _gauge(
    "unreadable_events", "Events kept that cannot be decrypted now; room: key of a configured room, or other.", "room"
)
messages_refused = _counter(
    "messages_refused_total",
    "Messages that were read and not obeyed, because of how they came; reason: plaintext, unsigned, ...",
    "reason",
)
commands = _counter(
    "commands_total",
    "Commands that people gave; command: its German name, or ? if there is none of that name.",
    "command",
    "outcome",
)

# What goes out

deliveries = _counter("deliveries_total", "What became of deliveries, each time one was tried.", "outcome")
pending_deliveries = _gauge("pending_deliveries", "Deliveries that are neither sent nor given up.")
room_keys_shared = _counter("room_keys_shared_total", "Devices that were handed the key of a room.")

# How the bot is

sync_failures = _counter("sync_failures_total", "Syncs that failed.")
last_sync = _gauge("last_sync_timestamp_seconds", "When the last sync succeeded, in seconds since 1970; 0 before the first.")
one_time_keys = _gauge("one_time_keys", "One-time keys of this device that the homeserver holds.")
identity_state = _gauge("identity_state", "1 if this device is signed by an identity that is ours, else 0.")

for _outcome in ("sent", "postponed", "dropped", "failed"):
    deliveries.labels(_outcome)  # there from the start, so that the first failure is seen as a rise

# Noise

_MOST_SERIES = 200
_MOST_SENDERS = 20
_LONGEST_SENDER = 255
"""Of a Matrix user id, in bytes."""

_WORD = re.compile(r"\w{1,60}", re.ASCII)


class _Case(NamedTuple):
    kind: str
    reason: str
    sender: str


class Noise:
    """Counts the events that are left out, and says which of them are to be logged.

    Each (kind, reason, sender) is to be logged once in `quiet_for` seconds, of each (kind, reason) no more than 20 senders in that time:
    whoever floods the bot from ever new accounts writes no log either. `monotonic` returns seconds. It remembers `most` cases.
    """

    def __init__(self, monotonic: Callable[[], float], *, quiet_for: float = 3600.0, most: int = 1000) -> None:
        self._monotonic = monotonic
        self._quiet_for = quiet_for
        self._most = most
        self._logged: OrderedDict[_Case, float] = OrderedDict()  # the oldest first
        self._senders: Tally[tuple[str, str]] = Tally()
        self._series: set[tuple[str, str]] = set()

    def __len__(self) -> int:
        return len(self._logged)

    def count(self, kind: str, reason: str | BaseException, sender: object) -> bool:
        """Count one event that was left out. Return whether to log it.

        kind: to_device, megolm, room_key, sync, device_keys, one_time_key, … reason: a word, or the exception, which counts as its class.
        sender: as the event has it, which may be anything.
        """
        case = _Case(*self._labels(kind, reason), sender[:_LONGEST_SENDER] if isinstance(sender, str) else "")
        dropped_events.labels(case.kind, case.reason).inc()
        now = self._monotonic()
        self._forget(now)
        if case in self._logged or self._senders[case[:2]] >= _MOST_SENDERS:
            return False
        self._logged[case] = now
        self._senders[case[:2]] += 1
        return True

    def _labels(self, kind: str, reason: str | BaseException) -> tuple[str, str]:
        """Return the labels, as words. A caller who hands on what an event said gets `other`: the number of series is bounded."""
        word = reason if isinstance(reason, str) else type(reason).__name__
        labels = kind, word if _WORD.fullmatch(word) else "other"
        if labels not in self._series and len(self._series) >= _MOST_SERIES:
            return "other", "other"
        self._series.add(labels)
        return labels

    def _forget(self, now: float) -> None:
        """Forget what was logged long ago, and the oldest if there is no room for one more."""
        while self._logged:
            case, logged_at = next(iter(self._logged.items()))
            if now - logged_at < self._quiet_for and len(self._logged) < self._most:
                return
            del self._logged[case]
            self._senders[case[:2]] -= 1
