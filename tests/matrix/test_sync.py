"""What is written down of a sync: what must not be obeyed is marked by what we know, and strangers fill nothing."""

from pathlib import Path
from typing import Any

import pytest

from bot.matrix.client import GuardedClient
from bot.matrix.journal import Gap, Journal
from bot.matrix.sync import TO_DEVICE, SyncLoop
from tests.matrix.crypto.exchange import Exchange, Machine

ROOM = "!room:example.org"
SWITCHED_ON = {
    "type": "m.room.encryption",
    "state_key": "",
    "content": {"algorithm": "m.megolm.v1.aes-sha2"},
    "origin_server_ts": 5000,
    "event_id": "$on",
    "sender": "@karla:x",
}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(Exchange(), tmp_path / "bot")


@pytest.fixture
def journal(machine: Machine) -> Journal:
    return Journal(machine.database)


@pytest.fixture
def loop(tmp_path: Path, machine: Machine, journal: Journal) -> SyncLoop:
    async def look(_rooms: object) -> None:
        return None

    client = GuardedClient("http://127.0.0.1:9", machine.user_id, machine.device_id, tmp_path)
    client.user_id = machine.user_id
    return SyncLoop(client, journal, machine.encryption, lambda: None, look=look, patience=300, now=lambda: 0.0)


def clear(event_id: str, at: object = 1) -> dict[str, Any]:
    content = {"msgtype": "m.text", "body": "!netz rundruf Hallo"}
    return {"type": "m.room.message", "event_id": event_id, "sender": "@karla:x", "content": content, "origin_server_ts": at}


def synced(loop: SyncLoop, machine: Machine, journal: Journal, *events: dict[str, Any], limited: bool = False) -> None:
    timeline = {"events": list(events), "limited": limited, "prev_batch": "t1"}
    raw = {"rooms": {"join": {ROOM: {"timeline": timeline}}}}
    with journal.transaction():
        batch, encrypted = journal.advance("s"), machine.encryption.rooms.encrypted()
        machine.encryption.learn(raw, batch)
        loop._record(raw, "s0", batch, encrypted)


def kinds(journal: Journal) -> list[str]:
    found: list[str] = []
    while (entry := journal.next_in(ROOM)) is not None:
        found.append(entry.kind)
        journal.done(entry.seq)
    return found


def test_clear_text_is_judged_by_where_it_stands(loop: SyncLoop, machine: Machine, journal: Journal) -> None:
    """Not by when its homeserver says it was sent: that can say anything. What stood there before encryption is obeyed."""
    journal.enter_room(ROOM)
    synced(loop, machine, journal, clear("$1", at=9000), SWITCHED_ON, clear("$2", at=1))
    assert kinds(journal) == ["event", "event:plaintext"]
    synced(loop, machine, journal, clear("$3", at=1), clear("$4", at=None), clear("$5", at=2.5))
    assert kinds(journal) == ["event:plaintext"] * 3


def test_a_gap_knows_whether_the_room_was_encrypted(loop: SyncLoop, machine: Machine, journal: Journal) -> None:
    """What fills it comes later and is judged by it."""
    journal.enter_room(ROOM)
    synced(loop, machine, journal, clear("$1"), limited=True)
    synced(loop, machine, journal, SWITCHED_ON)
    synced(loop, machine, journal, clear("$2"), limited=True)

    gaps: list[Gap] = journal.gaps()
    assert [gap.encrypted for gap in gaps] == [False, True]


def test_strangers_do_not_fill_the_journal(loop: SyncLoop, machine: Machine, journal: Journal) -> None:
    """Anybody can send a device what belongs to a verification. It takes one lane, and bounded room."""
    events = [{"type": "m.key.verification.request", "sender": f"@{n}:x", "content": {}} for n in range(300)]
    for batch in (1, 2):
        loop._record_to_device(events, batch)

    assert journal.rooms_with_work() == [TO_DEVICE]
    assert journal.waiting("verification") == 200
    assert len(machine.dropped) == 400
