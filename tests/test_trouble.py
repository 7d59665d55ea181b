"""What fails for hours is said now and then, and that it is over, too."""

from typing import Any

import structlog

from bot.trouble import Trouble


class Watch:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def said(lines: list[Any]) -> list[tuple[str, str | None, int]]:
    return [(line["event"], line.get("reason"), line["failures"]) for line in lines]


def test_it_is_said_when_it_begins_now_and_then_and_when_it_is_over() -> None:
    watch = Watch()
    trouble = Trouble("away", "back", monotonic=watch)
    with structlog.testing.capture_logs() as lines:
        trouble.worked()
        for second in range(1500):
            watch.now = float(second)
            trouble.failed("not reachable", said="connection refused")
        trouble.worked()
        trouble.worked()
    assert said(lines) == [
        ("away", "not reachable", 1),
        ("away", "not reachable", 601),
        ("away", "not reachable", 1201),
        ("back", None, 1500),
    ]
    assert (lines[0]["said"], lines[-1]["seconds"]) == ("connection refused", 1499.0)


def test_another_reason_is_said_at_once() -> None:
    trouble = Trouble("away", "back", monotonic=Watch())
    with structlog.testing.capture_logs() as lines:
        for reason in ("not reachable", "not reachable", "read-only", "read-only"):
            trouble.failed(reason)
    assert said(lines) == [("away", "not reachable", 1), ("away", "read-only", 3)]
    assert trouble.reason == "read-only"


def test_what_comes_and_goes_fills_no_log() -> None:
    """Half of all transactions fail, many times a second."""
    watch = Watch()
    trouble = Trouble("away", "back", monotonic=watch)
    with structlog.testing.capture_logs() as lines:
        for number in range(1000):
            watch.now = number / 10
            trouble.failed("busy")
            trouble.worked()
    assert trouble.reason is None
    assert said(lines) == [("away", "busy", 1), ("back", None, 1)] * 2
