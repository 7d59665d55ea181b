"""What is written down of a sync: what must not be obeyed is marked by what we know, and strangers fill nothing."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from bot.matrix.client import GuardedClient
from bot.matrix.crypto.guards import parsed_sync
from bot.matrix.journal import INVITES, Gap, Journal
from bot.matrix.sync import TO_DEVICE, SyncLoop
from tests.effort import calls
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


def invites(inviter: str, first: int, count: int) -> dict[str, Any]:
    state = {"type": "m.room.member", "state_key": "@bot:example.org", "sender": inviter, "content": {"membership": "invite"}}
    return {f"!{number}:x": {"invite_state": {"events": [state]}} for number in range(first, first + count)}


def test_invites_are_bounded(loop: SyncLoop, machine: Machine, journal: Journal) -> None:
    """Anybody can invite us to any number of rooms. One person fills neither the lane nor the disk."""
    loop._record_invites(invites("@mallory:x", 0, 10_000) | invites("@karla:x", 10_000, 1), 1)
    assert journal.rooms_with_work() == [INVITES]
    assert journal.inviters() == {"@mallory:x": 100, "@karla:x": 1}
    assert len(machine.dropped) == 9900
    for number in range(20):
        loop._record_invites(invites(f"@m{number}:x", 20_000 + 100 * number, 100), 2)
    assert sum(journal.inviters().values()) == 1000


def joins(count: int) -> list[dict[str, Any]]:
    """Return what a homeserver tells of so many people who join at once."""
    return [
        {
            "type": "m.room.member",
            "state_key": f"@u{number}:example.org",
            "sender": f"@u{number}:example.org",
            "event_id": f"${number:043}",
            "origin_server_ts": number,
            "content": {"membership": "join", "displayname": f"User {number}", "avatar_url": "mxc://example.org/abc"},
            "unsigned": {"age": 5, "prev_content": {"membership": "invite"}},
        }
        for number in range(count)
    ]


@pytest.mark.parametrize("part", ["state", "timeline"])
def test_many_people_who_join_at_once(loop: SyncLoop, machine: Machine, journal: Journal, part: str) -> None:
    """Nothing else goes on while a sync is written: ten thousand joins (half a second, if nio saw them) must not hold up the others.

    Of those who come, nothing is kept; what somebody says after them is there.
    """
    journal.enter_room(ROOM)
    said = clear("$1")
    room: dict[str, Any] = {"state": {"events": []}, "timeline": {"events": [said], "limited": False, "prev_batch": "t1"}}
    room[part]["events"] = [*joins(10_000), *room[part]["events"]]
    people = [f"@u{number}:example.org" for number in range(10_000)]
    raw = {"next_batch": "s1", "rooms": {"join": {ROOM: room}}, "device_lists": {"changed": people, "left": []}}
    with calls() as made:
        parsed = parsed_sync(raw, machine.encryption.dropped)
        assert parsed is not None
        with journal.transaction():
            machine.encryption.learn(raw, 1)
            loop._record(raw, "s0", 1, frozenset())
    assert made.count < 1_000_000  # measured: 570,000; several million if nio saw them
    assert kinds(journal) == ["event"]


async def test_a_gap_does_not_end_with_an_empty_page(loop: SyncLoop, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """What we may not see, and who comes and goes, is left out of a page, and others follow it."""
    pages = {"t0": {"chunk": [], "end": "t1"}, "t1": {"chunk": [clear("$1")], "end": "t2"}, "t2": {"chunk": [], "end": "t9"}}
    asked: list[str] = []

    async def call(_method: str, path: str, **_more: object) -> dict[str, Any]:
        asked.append(path)
        return pages[dict(parse_qsl(urlsplit(path).query))["from"]]

    monkeypatch.setattr(loop._client, "call", call)
    journal.open_gap(Gap(ROOM, 1, "t0", "t9", awaits_join=False))
    await loop._fill_gaps()
    assert (kinds(journal), journal.gaps()) == (["event"], [])
    assert all("m.room.member" in path for path in asked)  # not asked for: ten thousand of them are fifty pages


async def test_a_gap_before_our_own_join_is_searched_for_it(
    loop: SyncLoop, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it is found, members are asked for; what comes after it is ours to hear."""
    ours = joins(1)[0] | {"state_key": loop._client.user_id, "sender": loop._client.user_id, "unsigned": {}}
    pages = {"t0": {"chunk": [clear("$0"), ours, clear("$1")], "end": "t1"}, "t1": {"chunk": [clear("$2")], "end": "t9"}}
    filtered: list[bool] = []

    async def call(_method: str, path: str, **_more: object) -> dict[str, Any]:
        query = dict(parse_qsl(urlsplit(path).query))
        filtered.append("filter" in query)
        return pages[query["from"]]

    monkeypatch.setattr(loop._client, "call", call)
    journal.open_gap(Gap(ROOM, 1, "t0", "t9", awaits_join=True))
    await loop._fill_gaps()
    assert (len(kinds(journal)), filtered) == (2, [False, True])
