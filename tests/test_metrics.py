"""What is counted, and what of it is logged."""

from collections.abc import Callable

import pytest
from prometheus_client import generate_latest

from bot import metrics
from bot.metrics import Noise


@pytest.fixture
def noise(clock: "Seconds") -> Noise:
    return Noise(clock)


@pytest.fixture
def clock() -> "Seconds":
    return Seconds()


class Seconds:
    """A monotonic clock that stands still."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


Counted = Callable[[str, str], float]


def _value(kind: str, reason: str) -> float:
    return metrics.registry.get_sample_value("netzwart_dropped_events_total", {"kind": kind, "reason": reason}) or 0.0


@pytest.fixture
def counted() -> Counted:
    """How many more events were counted than when the test began; the registry is one for the whole process."""
    before = {
        (s.labels["kind"], s.labels["reason"]): s.value for family in metrics.dropped_events.collect() for s in family.samples
    }
    return lambda kind, reason: _value(kind, reason) - before.get((kind, reason), 0.0)


def test_a_thousand_in_a_row_are_a_thousand_counted_and_one_logged(noise: Noise, counted: Counted) -> None:
    assert [noise.count("to_device", ValueError("x"), "@mallory:example.org") for _ in range(1000)] == [True] + [False] * 999
    assert counted("to_device", "ValueError") == 1000


def test_each_kind_reason_and_sender_is_a_case_of_its_own(noise: Noise) -> None:
    cases = [
        (kind, reason, sender) for kind in ("megolm", "room_key") for reason in ("forged", "late") for sender in ("@a:x", "@b:x")
    ]
    assert [noise.count(*case) for case in cases] == [True] * 8
    assert [noise.count(*case) for case in cases] == [False] * 8


def test_a_case_is_logged_again_after_an_hour(noise: Noise, clock: Seconds) -> None:
    assert noise.count("sync", "KeyError", "@mallory:example.org")
    clock.now += 3599
    assert not noise.count("sync", "KeyError", "@mallory:example.org")
    clock.now += 1
    assert noise.count("sync", "KeyError", "@mallory:example.org")
    assert not noise.count("sync", "KeyError", "@mallory:example.org")


def test_ever_new_senders_fill_neither_memory_nor_log(noise: Noise, clock: Seconds, counted: Counted) -> None:
    logged = [noise.count("device_keys", "unsigned", f"@mallory{n}:example.org") for n in range(100_000)]
    assert sum(logged) == len(noise) == 20
    assert counted("device_keys", "unsigned") == 100_000
    assert noise.count("to_device", "unsigned", "@somebody:example.org"), "another kind is still heard of"
    clock.now += 3600
    assert noise.count("device_keys", "unsigned", "@mallory100001:example.org")
    assert len(noise) == 1


def test_memory_is_bounded_however_many_kinds_there_are(clock: Seconds) -> None:
    noise = Noise(clock, most=100)
    for number in range(50):
        for sender in range(20):
            noise.count("megolm", f"reason_{number}", f"@{sender}:x")
    assert len(noise) == 100
    assert sum(noise._senders.values()) == 100
    assert noise.count("megolm", "reason_0", "@0:x"), "forgotten: the oldest first"


def test_what_an_event_says_makes_no_series(noise: Noise) -> None:
    """Somebody hands on an event's own words as the reason: the number of series stays bounded."""
    for number in range(10_000):
        noise.count("one_time_key", f"no key {number}: ü", "@mallory:example.org")
        noise.count("one_time_key", f"word{number}", "@mallory:example.org")
    series = [line for line in generate_latest(metrics.registry).decode().splitlines() if line.startswith("netzwart_dropped")]
    assert len(series) < 300
    assert len(noise._senders) <= 201


@pytest.mark.parametrize("sender", [None, 7, ["@a:x"], {"a": []}, "\ud800", "x" * 100_000])
def test_a_sender_may_be_anything(noise: Noise, sender: object) -> None:
    assert noise.count("to_device", "malformed", sender)
    assert not noise.count("to_device", "malformed", sender)
    assert all(len(case.sender) <= 255 for case in noise._logged)


def test_the_names_are_fixed() -> None:
    """Dashboards and alarms are written against them."""
    text = generate_latest(metrics.registry).decode()
    ours = {line.split()[2]: line.split()[3] for line in text.splitlines() if line.startswith("# TYPE netzwart_")}
    assert ours == {
        "netzwart_dropped_events_total": "counter",
        "netzwart_undecryptable_events_total": "counter",
        "netzwart_unreadable_events": "gauge",
        "netzwart_messages_refused_total": "counter",
        "netzwart_commands_total": "counter",
        "netzwart_deliveries_total": "counter",
        "netzwart_pending_deliveries": "gauge",
        "netzwart_room_keys_shared_total": "counter",
        "netzwart_sync_failures_total": "counter",
        "netzwart_last_sync_timestamp_seconds": "gauge",
        "netzwart_one_time_keys": "gauge",
        "netzwart_identity_state": "gauge",
    }
    assert 'netzwart_deliveries_total{outcome="failed"}' in text
    assert "_created" not in text
