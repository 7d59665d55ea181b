"""The first words in an encrypted room with many devices: how long they take, and for how long the event loop does nothing else.

    .venv/bin/python -m bench.room_keys --devices 200 --rounds 5

Everybody's device has to get the room's key before the first message. Ours and stock matrix-nio do that in turns, each time with a new
account and an empty store, against the same room of the same Synapse; once alone, once while another task answers in another room.
"""

import asyncio
import json
import logging
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import structlog
import typer

from bench.crowd import Crowd, gather_crowd
from bench.loop import LongestBlock
from bench.senders import SENDERS, Failed, NewSender, Sender
from bot.demo.homeserver import Homeserver
from bot.demo.people import Person

ALONE, ANSWERING = "alone", "answering"
_PAUSE = 0.05
_ANSWERS_BEFORE = 10


@dataclass(slots=True)
class Sample:
    """One sender's first two messages. All times in milliseconds.

    `answers`: how long the answers in another room took meanwhile; `answers_before`: the same, with nothing else to do.
    """

    first: float = 0.0
    first_block: float = 0.0
    second: float = 0.0
    second_block: float = 0.0
    requests: int = 0
    kinds: dict[str, int] = field(default_factory=dict[str, int])
    answers: list[float] = field(default_factory=list[float])
    answers_before: list[float] = field(default_factory=list[float])


@dataclass(frozen=True, slots=True)
class Spread:
    """Of several values."""

    median: float
    maximum: float


async def measure(homeserver: Homeserver, folder: Path, *, devices: int, rounds: int) -> dict[str, Any]:
    """Return, for `alone` and `answering`, the figures of each sender and their ratio, ours to nio's. Times in milliseconds."""
    crowd = await gather_crowd(homeserver, devices=devices, claims=2 * len(SENDERS) * rounds)
    samples: dict[str, dict[str, list[Sample]]] = {scene: {name: [] for name in SENDERS} for scene in (ALONE, ANSWERING)}
    for number in range(rounds):
        order = list(SENDERS.items()) if number % 2 == 0 else list(SENDERS.items())[::-1]  # nobody is always the first
        for scene, by_sender in samples.items():
            for name, new_sender in order:
                by_sender[name].append(await _once(homeserver, crowd, folder, new_sender, answering=scene == ANSWERING))
    await crowd.listener.api.close()
    return {
        "devices": devices,
        "rounds": rounds,
        **{scene: _compared({name: _summed_up(each) for name, each in by.items()}) for scene, by in samples.items()},
    }


# One sender, once


async def _once(homeserver: Homeserver, crowd: Crowd, folder: Path, new_sender: NewSender, *, answering: bool) -> Sample:
    """Send two messages to the crowd's room as somebody who is new there, and who has spoken in another room before."""
    name = f"sender-{uuid4().hex}"
    store = folder / name
    store.mkdir()
    account = await homeserver.register(name)
    person, sender = Person(homeserver.url, account), new_sender(homeserver.url, account, store)
    try:
        other = await person.create_room("Other", encrypted=True, invite=[crowd.listener.user_id])
        await crowd.listener.join(other)
        await sender.sync()
        await sender.say(other, "…")
        await person.join(crowd.room_id)
        await sender.sync()
        sender.requests.take()
        sample = Sample()
        if answering:
            sample.answers_before = [await _timed(sender, other) for _ in range(_ANSWERS_BEFORE)]
        await _two_messages(sender, crowd, other if answering else None, sample)
        await person.leave(crowd.room_id)
    finally:
        await sender.close()
        await person.api.close()
        shutil.rmtree(store)
    return sample


async def _two_messages(sender: Sender, crowd: Crowd, other: str | None, sample: Sample) -> None:
    sender.requests.take()
    async with LongestBlock() as first_block:
        done = asyncio.Event()
        answering = asyncio.create_task(_answer(sender, other, sample.answers, done))
        sample.first = await _timed(sender, crowd.room_id)
        done.set()
    await answering
    kinds, reached = sender.requests.take()
    if reached != crowd.devices:
        raise Failed(f"{reached} of {crowd.devices} devices got the key")
    kinds["rooms/send"] -= len(sample.answers)
    async with LongestBlock() as second_block:
        sample.second = await _timed(sender, crowd.room_id)
    if set(sender.requests.take()[0]) != {"rooms/send"}:
        raise Failed("the second message needed more than its sending")
    sample.first_block, sample.second_block = first_block.seconds * 1000, second_block.seconds * 1000
    sample.requests, sample.kinds = kinds.total(), dict(kinds)


async def _answer(sender: Sender, room_id: str | None, took: list[float], done: asyncio.Event) -> None:
    """Say something in a room again and again until it is enough."""
    while room_id is not None and not done.is_set():
        took.append(await _timed(sender, room_id))
        await asyncio.sleep(_PAUSE)


async def _timed(sender: Sender, room_id: str) -> float:
    before = time.perf_counter()
    await sender.say(room_id, "Moin")
    return (time.perf_counter() - before) * 1000


# What came of it


def _summed_up(samples: Sequence[Sample]) -> dict[str, Any]:
    values: dict[str, Sequence[float]] = {
        "first": [sample.first for sample in samples],
        "first_block": [sample.first_block for sample in samples],
        "second": [sample.second for sample in samples],
        "second_block": [sample.second_block for sample in samples],
        "requests": [sample.requests for sample in samples],
        "answers": [took for sample in samples for took in sample.answers],
        "answers_before": [took for sample in samples for took in sample.answers_before],
    }
    spreads = {
        name: asdict(Spread(round(statistics.median(each), 3), round(max(each), 3))) for name, each in values.items() if each
    }
    return {**spreads, "kinds": samples[-1].kinds}


def _compared(by_sender: dict[str, dict[str, Any]]) -> dict[str, Any]:
    ours, nio = by_sender["ours"], by_sender["nio"]
    return {
        **by_sender,
        "ratio": {
            name: {kind: round(ours[name][kind] / nio[name][kind], 3) for kind in ("median", "maximum")}
            for name in ours
            if name != "kinds"
        },
    }


_TITLES = {
    "first": "first message, ms",
    "first_block": "  longest block, ms",
    "requests": "  requests",
    "second": "second message, ms",
    "second_block": "  longest block, ms",
    "answers_before": "answer in another room, before, ms",
    "answers": "  during the first message, ms",
}


def table(result: dict[str, Any]) -> str:
    """Return the result as people read it."""
    devices, rounds = (_several(result[name], name) for name in ("devices", "rounds"))
    lines = [f"{devices} in the room, {rounds}; median / maximum"]
    for scene in (ALONE, ANSWERING):
        figures = result[scene]
        lines += ["", f"{scene + ':':36}{'ours':>18}{'nio':>18}{'ours/nio':>16}"]
        for name, title in _TITLES.items():
            if name in figures["ours"]:
                ours, nio, ratio = (figures[each][name] for each in ("ours", "nio", "ratio"))
                lines.append(f"{title:36}{_pair(ours, 1):>18}{_pair(nio, 1):>18}{_pair(ratio, 3):>16}")
    return "\n".join(lines)


def _several(count: int, what: str) -> str:
    return f"{count} {what}" if count != 1 else f"{count} {what.removesuffix('s')}"


def _pair(spread: dict[str, float], digits: int) -> str:
    return f"{spread['median']:.{digits}f} / {spread['maximum']:.{digits}f}"


def main(
    devices: Annotated[int, typer.Option(min=1, help="Devices in the room, four of each person.")] = 200,
    rounds: Annotated[int, typer.Option(min=1, help="How often each sender begins anew.")] = 5,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON instead of a table.")] = False,
) -> None:
    """Send into an encrypted room with many devices: ours beside stock matrix-nio."""
    logging.getLogger("nio").setLevel(logging.CRITICAL)  # neither is to be slower for what it says
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    result = asyncio.run(_with_homeserver(devices, rounds))
    typer.echo(json.dumps(result) if as_json else table(result))


async def _with_homeserver(devices: int, rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="netzwart-bench-") as folder:
        async with Homeserver(Path(folder) / "homeserver") as homeserver:
            return await measure(homeserver, Path(folder), devices=devices, rounds=rounds)


if __name__ == "__main__":
    typer.run(main)
