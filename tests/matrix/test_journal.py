"""The journal: what came is there until it is done, in order, and nothing overtakes a gap."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from peewee import SqliteDatabase

from bot.matrix.journal import MOST_KEPT, Gap, Journal

A, B = "!a:netz.example", "!b:netz.example"


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    database = SqliteDatabase(str(tmp_path / "device.sqlite"))
    database.connect()
    return Journal(database)


def _add(journal: Journal, event_id: str, room_id: str, batch: int, *, fills_gap: bool = False) -> None:
    journal.add(event_id=event_id, room_id=room_id, kind="event", source={"id": event_id}, batch=batch, fills_gap=fills_gap)


def _work_off(journal: Journal, room_id: str) -> list[str]:
    done: list[str] = []
    while (entry := journal.next_in(room_id)) is not None:
        done.append(entry.event_id)
        journal.done(entry.seq)
    return done


def test_the_place_in_the_stream(journal: Journal) -> None:
    assert journal.next_batch() is None
    assert [journal.advance("s1"), journal.advance("s2")] == [1, 2]
    assert journal.next_batch() == "s2"


def test_an_event_that_comes_twice_stands_there_once(journal: Journal) -> None:
    _add(journal, "$1", A, 1)
    _add(journal, "$1", A, 2)
    assert _work_off(journal, A) == ["$1"]


def test_nothing_overtakes_a_gap(journal: Journal) -> None:
    """What fills the gap came later but belongs before; other rooms do not wait."""
    _add(journal, "$before", A, 1)
    journal.open_gap(Gap(A, 2, "s1", "t2", awaits_join=False))
    _add(journal, "$after", A, 2)
    _add(journal, "$later", A, 3)
    _add(journal, "$other", B, 2)
    assert _work_off(journal, A) == ["$before"]
    assert journal.rooms_with_work() == [B]
    _add(journal, "$gap-1", A, 2, fills_gap=True)
    assert _work_off(journal, A) == ["$gap-1"]
    _add(journal, "$gap-2", A, 2, fills_gap=True)
    journal.close_gap(journal.gaps()[0])
    assert _work_off(journal, A) == ["$gap-2", "$after", "$later"]


def test_a_transaction_that_fails_leaves_nothing(journal: Journal) -> None:
    """Place, events and gaps agree after a crash: all of a sync or none of it."""

    def crash() -> None:
        with journal.transaction():
            journal.advance("s1")
            _add(journal, "$1", A, 1)
            journal.open_gap(Gap(A, 1, "s0", "t1", awaits_join=True))
            raise sqlite3.OperationalError("disk full")

    with pytest.raises(sqlite3.OperationalError):
        crash()
    state: list[Any] = [journal.next_batch(), journal.next_in(A), journal.gaps()]
    assert state == [None, None, []]


def test_a_room_is_entered_once_until_it_is_left(journal: Journal) -> None:
    assert [journal.enter_room(A), journal.enter_room(A)] == [False, True]
    journal.open_gap(Gap(A, 1, "s0", "t1", awaits_join=False))
    journal.leave_room(A)
    assert (journal.gaps(), journal.enter_room(A)) == ([], False)


def _keep(journal: Journal, event_id: str, room_id: str = A, *, sender: str = "@a:x", session: str = "S", now: float = 100) -> None:
    source = {"event_id": event_id, "sender": sender}
    journal.keep(source, room_id, session_id=session, batch=1, now=now)


def _kept(journal: Journal, session: str | None = None) -> list[str]:
    return [event.event_id for event in journal.unreadable(session)]


def test_what_cannot_be_read_is_kept_by_its_key(journal: Journal) -> None:
    """A gap and a sync may bring the same event; when its key comes, only what it opens is tried again."""
    for event_id, session in (("$1", "S"), ("$2", "T"), ("$1", "S"), ("$3", "S")):
        _keep(journal, event_id, session=session)
    assert (_kept(journal), _kept(journal, "S"), journal.unreadable_rooms()) == (["$1", "$2", "$3"], ["$1", "$3"], {A: 3})
    journal.let_go("$1")
    assert _kept(journal, "S") == ["$3"]


def test_each_sender_is_told_once_a_room(journal: Journal) -> None:
    """Of the oldest, and only when it has waited long enough. What comes later is told of later."""
    _keep(journal, "$1", now=100)
    _keep(journal, "$2", session="T", now=101)
    _keep(journal, "$3", sender="@b:x", now=102)
    _keep(journal, "$4", B, now=103)
    _keep(journal, "$5", now=200)

    assert [journal.give_word(150), journal.give_word(150)] == [3, 0]
    first = journal.next_in(A)
    assert first is not None
    assert first.source == {"sender": "@a:x", "event_ids": ["$1", "$2"]}, "another device may be able to read one of them"

    assert _work_off(journal, A) == ["unreadable:$1", "unreadable:$3"]
    assert _work_off(journal, B) == ["unreadable:$4"]
    assert journal.give_word(250) == 1
    assert len(_kept(journal)) == 5, "the keys may come all the same"


def test_a_flood_of_what_cannot_be_read_is_bounded(journal: Journal) -> None:
    """Anybody in a room can make up sessions. The newest are kept, and of other rooms all."""
    _keep(journal, "$elsewhere", B)
    with journal.transaction():
        for number in range(MOST_KEPT + 5):
            _keep(journal, f"${number}", session=str(number))
    assert journal.unreadable_rooms() == {A: MOST_KEPT, B: 1}
    assert _kept(journal)[1] == "$5"


def test_what_waited_too_long_or_was_left_behind_is_forgotten(journal: Journal) -> None:
    _keep(journal, "$old", now=100)
    _keep(journal, "$new", now=200)
    _keep(journal, "$left", B, now=200)
    assert [journal.forget(150), _kept(journal)] == [1, ["$new", "$left"]]
    journal.leave_room(B)
    assert _kept(journal) == ["$new"]
