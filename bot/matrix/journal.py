"""The device's journal: what came from the homeserver and is not done yet.

It lives in the same SQLite file as nio's encryption store, so that keys, events and the place in the stream are written in one
transaction: after a crash they agree. One process and one device own it.
"""

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, cast

_SCHEMA = """
CREATE TABLE IF NOT EXISTS journal_cursor (
    id INTEGER PRIMARY KEY CHECK (id = 1), next_batch TEXT NOT NULL, batch INTEGER NOT NULL
);
-- `part` 0: events that fill a gap and belong before the others of their batch, which have 1
CREATE TABLE IF NOT EXISTS journal_inbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE, room_id TEXT NOT NULL, kind TEXT NOT NULL,
    source TEXT NOT NULL, batch INTEGER NOT NULL, part INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS journal_inbox_room ON journal_inbox (room_id, batch, part, seq);
CREATE TABLE IF NOT EXISTS journal_gap (
    room_id TEXT NOT NULL, batch INTEGER NOT NULL, start TEXT NOT NULL, stop TEXT NOT NULL, awaits_join INTEGER NOT NULL,
    PRIMARY KEY (room_id, batch)
);
CREATE TABLE IF NOT EXISTS journal_room (room_id TEXT PRIMARY KEY);
"""

_NOT_BEHIND_A_GAP = """
NOT EXISTS (
    SELECT 1 FROM journal_gap g WHERE g.room_id = i.room_id AND (g.batch < i.batch OR (g.batch = i.batch AND i.part = 1))
)
"""
_ROOMS_WITH_WORK = f"SELECT room_id FROM journal_inbox i WHERE {_NOT_BEHIND_A_GAP} GROUP BY room_id ORDER BY min(seq)"  # noqa: S608  (constants)
_NEXT_IN_ROOM = f"""
SELECT seq, event_id, room_id, kind, source FROM journal_inbox i WHERE room_id = ? AND {_NOT_BEHIND_A_GAP}
ORDER BY batch, part, seq LIMIT 1
"""  # noqa: S608  (constants)


class _Connection(Protocol):
    """The part of peewee's database that is used here."""

    def execute_sql(self, sql: str, params: Sequence[object] | None = None) -> Any: ...

    def atomic(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that came and is not done. `kind`: `event` (a timeline event) or `invite`; `source`: the event as it came."""

    seq: int
    event_id: str
    room_id: str
    kind: str
    source: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of a room's timeline that the sync left out: from token `start` to token `stop`, both as the homeserver gave them.

    `awaits_join`: what comes before our own join is none of our business.
    """

    room_id: str
    batch: int
    start: str
    stop: str
    awaits_join: bool


class Journal:
    """Inbox, gaps and place in the stream. All calls are synchronous and short."""

    def __init__(self, database: object) -> None:
        self._database = cast("_Connection", database)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._database.execute_sql(f"PRAGMA {pragma}")
        for statement in _SCHEMA.split(";"):
            self._database.execute_sql(statement)

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Everything inside, nio's own writes too, is written as a whole or not at all."""
        with self._database.atomic():
            yield

    def next_batch(self) -> str | None:
        """Return the token from which the next sync goes on, or None before the first."""
        row = self._one("SELECT next_batch FROM journal_cursor WHERE id = 1")
        return row[0] if row else None

    def advance(self, next_batch: str) -> int:
        """Move the place in the stream; return the number of the batch that is being written."""
        self._run(
            "INSERT INTO journal_cursor (id, next_batch, batch) VALUES (1, ?, 1)"
            " ON CONFLICT (id) DO UPDATE SET next_batch = excluded.next_batch, batch = batch + 1",
            next_batch,
        )
        row = self._one("SELECT batch FROM journal_cursor WHERE id = 1")
        return row[0] if row else 1

    def add(self, *, event_id: str, room_id: str, kind: str, source: dict[str, Any], batch: int, fills_gap: bool = False) -> None:
        """Write down something to do. What stands there already stays as it is."""
        self._run(
            "INSERT INTO journal_inbox (event_id, room_id, kind, source, batch, part) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            event_id,
            room_id,
            kind,
            json.dumps(source),
            batch,
            0 if fills_gap else 1,
        )

    def rooms_with_work(self) -> list[str]:
        """Return the rooms in which something can be done now, the longest waiting first."""
        found = self._all(_ROOMS_WITH_WORK)
        return [row[0] for row in found]

    def next_in(self, room_id: str) -> Entry | None:
        """Return the oldest thing to do in a room; nothing that lies behind a gap that is still open."""
        row = self._one(_NEXT_IN_ROOM, room_id)
        return Entry(row[0], row[1], row[2], row[3], json.loads(row[4])) if row else None

    def done(self, seq: int) -> None:
        """Strike out what is done. That its effect happened once is remembered in the shared database."""
        self._run("DELETE FROM journal_inbox WHERE seq = ?", seq)

    def open_gap(self, gap: Gap) -> None:
        """Remember a gap."""
        self._run(
            "INSERT OR REPLACE INTO journal_gap (room_id, batch, start, stop, awaits_join) VALUES (?, ?, ?, ?, ?)",
            gap.room_id,
            gap.batch,
            gap.start,
            gap.stop,
            int(gap.awaits_join),
        )

    def gaps(self) -> list[Gap]:
        """Return the open gaps, oldest first."""
        found = self._all("SELECT room_id, batch, start, stop, awaits_join FROM journal_gap ORDER BY batch")
        return [Gap(row[0], row[1], row[2], row[3], bool(row[4])) for row in found]

    def close_gap(self, gap: Gap) -> None:
        """Forget a gap that is filled."""
        self._run("DELETE FROM journal_gap WHERE room_id = ? AND batch = ?", gap.room_id, gap.batch)

    def enter_room(self, room_id: str) -> bool:
        """Remember that we are in a room. Return whether that was known already."""
        known = self._one("SELECT 1 FROM journal_room WHERE room_id = ?", room_id) is not None
        self._run("INSERT INTO journal_room (room_id) VALUES (?) ON CONFLICT DO NOTHING", room_id)
        return known

    def leave_room(self, room_id: str) -> None:
        """Remember that we are not in a room any more. Its gaps can never be filled."""
        self._run("DELETE FROM journal_room WHERE room_id = ?", room_id)
        self._run("DELETE FROM journal_gap WHERE room_id = ?", room_id)

    def _run(self, sql: str, *values: object) -> None:
        self._database.execute_sql(sql, values)

    def _one(self, sql: str, *values: object) -> tuple[Any, ...] | None:
        return self._database.execute_sql(sql, values).fetchone()

    def _all(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self._database.execute_sql(sql, values).fetchall()
