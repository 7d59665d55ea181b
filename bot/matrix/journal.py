"""The device's journal: what came from the homeserver and is not done yet.

It lives in the same SQLite file as nio's encryption store, so that keys, events and the place in the stream are written in one
transaction: after a crash they agree. One process and one device own it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.matrix.crypto.store import Rows

MOST_KEPT = 1000
"""How many events of a room are kept that cannot be decrypted."""

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
    encrypted INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (room_id, batch)
);
CREATE TABLE IF NOT EXISTS journal_room (room_id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS journal_unreadable (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE, room_id TEXT NOT NULL, sender TEXT NOT NULL,
    session_id TEXT NOT NULL, source TEXT NOT NULL, batch INTEGER NOT NULL, since REAL NOT NULL, told INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS journal_unreadable_session ON journal_unreadable (session_id);
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


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that came and is not done. `source`: the event, as it would have come without encryption.

    `kind`: `event`; `event:<flaw>` for one that must not be obeyed, and why (`bot.command.Message.flaw`); `invite`; `unreadable` for one
    that could not be decrypted in time; `to_device`.
    """

    seq: int
    event_id: str
    room_id: str
    kind: str
    source: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of a room's timeline that the sync left out: from token `start` to token `stop`, both as the homeserver gave them.

    `awaits_join`: what comes before our own join is none of our business. `encrypted`: the room was encrypted before it.
    """

    room_id: str
    batch: int
    start: str
    stop: str
    awaits_join: bool
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An event that cannot be decrypted now. `batch`: where it belongs; `told`: its sender was asked to say it again."""

    event_id: str
    room_id: str
    source: dict[str, Any]
    batch: int
    told: bool


class Journal(Rows):
    """Inbox, gaps, place in the stream, and what cannot be read yet."""

    schema = _SCHEMA

    def __init__(self, database: object) -> None:
        super().__init__(database)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._run(f"PRAGMA {pragma}")
        if not any(column[1] == "encrypted" for column in self._all("PRAGMA table_info(journal_gap)")):  # of an earlier Netzwart
            self._run("ALTER TABLE journal_gap ADD COLUMN encrypted INTEGER NOT NULL DEFAULT 0")

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
            "INSERT OR REPLACE INTO journal_gap (room_id, batch, start, stop, awaits_join, encrypted) VALUES (?, ?, ?, ?, ?, ?)",
            gap.room_id,
            gap.batch,
            gap.start,
            gap.stop,
            int(gap.awaits_join),
            int(gap.encrypted),
        )

    def gaps(self) -> list[Gap]:
        """Return the open gaps, oldest first."""
        found = self._all("SELECT room_id, batch, start, stop, awaits_join, encrypted FROM journal_gap ORDER BY batch")
        return [Gap(row[0], row[1], row[2], row[3], bool(row[4]), bool(row[5])) for row in found]

    def close_gap(self, gap: Gap) -> None:
        """Forget a gap that is filled."""
        self._run("DELETE FROM journal_gap WHERE room_id = ? AND batch = ?", gap.room_id, gap.batch)

    def enter_room(self, room_id: str) -> bool:
        """Remember that we are in a room. Return whether that was known already."""
        known = self._one("SELECT 1 FROM journal_room WHERE room_id = ?", room_id) is not None
        self._run("INSERT INTO journal_room (room_id) VALUES (?) ON CONFLICT DO NOTHING", room_id)
        return known

    def leave_room(self, room_id: str) -> None:
        """Remember that we are not in a room any more. Its gaps can never be filled, and its keys will not come."""
        self._run("DELETE FROM journal_room WHERE room_id = ?", room_id)
        self._run("DELETE FROM journal_unreadable WHERE room_id = ?", room_id)
        self._run("DELETE FROM journal_gap WHERE room_id = ?", room_id)

    # What cannot be decrypted, or not yet

    def keep(self, source: Mapping[str, Any], room_id: str, *, session_id: str, batch: int, now: float) -> int:
        """Keep an event until its key comes; return how many are kept of its room. `now`: seconds since 1970.

        Of each room, the newest are kept, up to `MOST_KEPT`.
        """
        self._run(
            "INSERT INTO journal_unreadable (event_id, room_id, sender, session_id, source, batch, since) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            source["event_id"],
            room_id,
            source["sender"],
            session_id,
            json.dumps(source),
            batch,
            now,
        )
        self._run(
            "DELETE FROM journal_unreadable WHERE room_id = ? AND seq <= (SELECT seq FROM journal_unreadable WHERE room_id = ?"
            " ORDER BY seq DESC LIMIT 1 OFFSET ?)",
            room_id,
            room_id,
            MOST_KEPT,
        )
        counted = self._one("SELECT count(*) FROM journal_unreadable WHERE room_id = ?", room_id)
        return counted[0] if counted else 0

    def unreadable(self, session_id: str | None = None) -> list[Unreadable]:
        """Return what is kept, oldest first: that of a session, or all."""
        columns = "SELECT event_id, room_id, source, batch, told FROM journal_unreadable"
        if session_id is None:
            found = self._all(f"{columns} ORDER BY seq")
        else:
            found = self._all(f"{columns} WHERE session_id = ? ORDER BY seq", session_id)
        return [Unreadable(row[0], row[1], json.loads(row[2]), row[3], bool(row[4])) for row in found]

    def let_go(self, event_id: str) -> None:
        """Keep an event no longer."""
        self._run("DELETE FROM journal_unreadable WHERE event_id = ?", event_id)

    def give_word(self, before: float) -> int:
        """Make an entry `unreadable` for each sender of whom something in a room has been kept since `before`; return how many.

        The events stay, for whoever wants to know which rooms cannot be read.
        """
        due = self._all(
            "SELECT event_id, room_id, sender, batch, min(seq) FROM journal_unreadable WHERE since <= ? AND told = 0"
            " GROUP BY room_id, sender",
            before,
        )
        if due:
            with self.transaction():
                for event_id, room_id, sender, batch, _seq in due:
                    source = {"event_id": event_id, "sender": sender}
                    self.add(event_id=f"unreadable:{event_id}", room_id=room_id, kind="unreadable", source=source, batch=batch)
                self._run("UPDATE journal_unreadable SET told = 1 WHERE since <= ?", before)
        return len(due)

    def forget(self, before: float) -> int:
        """Let go of what has been kept since `before`: its key will not come any more. Return how much that was."""
        gone = self._all("DELETE FROM journal_unreadable WHERE since <= ? RETURNING event_id", before)
        return len(gone)

    def waiting(self, kind: str) -> int:
        """Return how many entries of a kind are not done."""
        counted = self._one("SELECT count(*) FROM journal_inbox WHERE kind = ?", kind)
        return counted[0] if counted else 0

    def unreadable_rooms(self) -> dict[str, int]:
        """Return how many events are kept, by room id."""
        return {row[0]: row[1] for row in self._all("SELECT room_id, count(*) FROM journal_unreadable GROUP BY room_id")}
