"""The benchmark does what it says. How quick anything is, it alone tells: no test does."""

from pathlib import Path
from typing import Any

from bench.room_keys import ALONE, ANSWERING, measure, table
from bot.demo.homeserver import Homeserver

SENDERS = ("ours", "nio")
FIGURES = {"first", "first_block", "second", "second_block", "requests"}
IN_ANOTHER_ROOM = {"answers", "answers_before"}


async def test_both_are_measured_in_one_run(homeserver: Homeserver, tmp_path: Path) -> None:
    result = await measure(homeserver, tmp_path, devices=6, rounds=1)

    assert (result["devices"], result["rounds"]) == (6, 1)
    for scene, figures in ((ALONE, FIGURES), (ANSWERING, FIGURES | IN_ANOTHER_ROOM)):
        for name in SENDERS:
            of_sender: dict[str, Any] = result[scene][name]
            assert of_sender.keys() == figures | {"kinds"}
            assert all(0 < of_sender[each]["median"] <= of_sender[each]["maximum"] for each in figures)
            assert {"keys/query", "keys/claim", "sendToDevice/m.room.encrypted", "rooms/send"} <= of_sender["kinds"].keys()
            assert sum(of_sender["kinds"].values()) == of_sender["requests"]["median"]
        assert result[scene]["ratio"].keys() == figures

    lines = table(result).splitlines()
    assert lines[0].startswith("6 devices in the room, 1 round;")
    assert [line.split() for line in lines if line.startswith((ALONE, ANSWERING))] == [
        [f"{scene}:", "ours", "nio", "ours/nio"] for scene in (ALONE, ANSWERING)
    ]
    assert sum(line.startswith("  longest block, ms") for line in lines) == 4
