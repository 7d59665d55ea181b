"""The journal: what came is there until it is done, in order, and nothing overtakes a gap."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from peewee import SqliteDatabase

from bot.matrix.journal import Gap, Journal

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
