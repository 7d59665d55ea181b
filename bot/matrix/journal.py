"""The device's journal: what came from the homeserver and is not done yet.

It lives in the same SQLite file as nio's encryption store, so that keys, events and the place in the stream are written in one
transaction: after a crash they agree. One process and one device own it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.db.engine import DISK_FULL, reason_of, trouble_of
from bot.matrix.crypto.store import Rows, StoreTrouble
from bot.matrix.disk import Disk
from bot.trouble import Trouble

MOST_KEPT = 1000
"""How many events of a room are kept that cannot be decrypted."""

INVITES = "invites"
"""Not a room, but worked off as one: whoever invites us a thousand times takes one place. The room is `room_id` in an entry's source."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS journal_cursor (
    id INTEGER PRIMARY KEY CHECK (id = 1), next_batch TEXT NOT NULL, batch INTEGER NOT NULL
);
-- `part` 0: events that fill a gap and belong before the others of their batch, which have 1 (an invite: and how often it was tried)
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
CREATE TABLE IF NOT EXISTS journal_probe (id INTEGER PRIMARY KEY CHECK (id = 1), number INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS journal_heard (
    room_id TEXT PRIMARY KEY, event_id TEXT NOT NULL, at INTEGER NOT NULL, began INTEGER NOT NULL, batch INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS journal_unreadable (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE, room_id TEXT NOT NULL, sender TEXT NOT NULL,
    session_id TEXT NOT NULL, source TEXT NOT NULL, batch INTEGER NOT NULL, since REAL NOT NULL, told INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS journal_unreadable_session ON journal_unreadable (session_id);
"""

# `part` and `place`: those that it would have had in the inbox; `held`: what comes after it in its room waits until it was looked at again
_ADDED = (
    ("journal_gap", "encrypted", "INTEGER NOT NULL DEFAULT 0"),
    ("journal_unreadable", "part", "INTEGER NOT NULL DEFAULT 1"),
    ("journal_unreadable", "place", "INTEGER"),
    ("journal_unreadable", "held", "INTEGER NOT NULL DEFAULT 0"),
)
"""Columns that a journal of an earlier Netzwart does not have."""

_NOT_BEHIND_A_GAP = """
NOT EXISTS (
    SELECT 1 FROM journal_gap g WHERE g.room_id = i.room_id AND (g.batch < i.batch OR (g.batch = i.batch AND i.part = 1))
) AND NOT EXISTS (
    SELECT 1 FROM journal_unreadable u WHERE u.held = 1 AND u.room_id = i.room_id AND (u.batch, u.part, u.place) < (i.batch, i.part, i.seq)
)
"""
_ROOMS_WITH_WORK = f"SELECT room_id FROM journal_inbox i WHERE {_NOT_BEHIND_A_GAP} GROUP BY room_id ORDER BY min(seq)"  # noqa: S608  (constants)
_NEXT_IN_ROOM = f"""
SELECT seq, event_id, room_id, kind, source FROM journal_inbox i WHERE room_id = ? AND {_NOT_BEHIND_A_GAP}
ORDER BY batch, part, seq LIMIT ?
"""  # noqa: S608  (constants)
_INVITER = "json_extract(source, '$.inviter')"
_NEXT_INVITES = f"""
SELECT seq, event_id, room_id, kind, source FROM journal_inbox WHERE room_id = '{INVITES}'
ORDER BY part, count(*) OVER (PARTITION BY {_INVITER}), seq LIMIT ?
"""  # noqa: S608  (constants)


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that came and is not done. `source`: the event, as it would have come without encryption.

    `kind`: `event`; `event:<flaw>` for one that must not be obeyed, and why (`bot.command.Message.flaw`); `invite`; `left` for a room that
    we came out of; `unreadable` for one that could not be decrypted in time; `verification`.
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
class Heard:
    """The last event of a room that came; whatever it was. `at`: when it was sent, in milliseconds since 1970; `began`: the same of the
    first that came, None for one that is not written down yet.
    """

    room_id: str
    event_id: str
    at: int
    began: int | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An event that cannot be decrypted now. `told`: its sender was asked to say it again.

    `batch`, `fills_gap`, `place`: where it belongs, as `Journal.add` takes them.
    """

    event_id: str
    room_id: str
    source: dict[str, Any]
    batch: int
    told: bool
    fills_gap: bool
    place: int | None


class Journal(Rows):
    """Inbox, gaps, place in the stream, the last that came, and what cannot be read yet."""

    schema = _SCHEMA

    def __init__(self, database: object) -> None:
        super().__init__(database)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._run(f"PRAGMA {pragma}")
        for table, column, kind in _ADDED:
            if not any(each[1] == column for each in self._all(f"PRAGMA table_info({table})")):
                self._run(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
        self._run("CREATE INDEX IF NOT EXISTS journal_unreadable_held ON journal_unreadable (room_id) WHERE held = 1")
        self._disk = Disk(Path(self._all("PRAGMA database_list")[0][2]).parent)
        self._trouble = Trouble("journal_not_written", "journal_written_again")

    # Whether anything can be written

    @property
    def in_trouble(self) -> bool:
        """Whether something was wrong with the disk when `trouble` looked, or there is no room on it now."""
        return self._trouble.reason is not None or not self._disk.has_room()

    def trouble(self, weigh: Callable[[], int] = lambda: 0) -> str | None:
        """Return why nothing can be written, None if something was just now, and there is room for more. Logged as it comes and goes.

        `weigh()` gives the size of what is to be written, in bytes on its way; it is only called if that matters.
        """
        if not self._disk.has_room(weigh):
            self._trouble.failed(DISK_FULL, effect="nothing is taken from the homeserver meanwhile")
            return DISK_FULL
        try:
            self._run("INSERT INTO journal_probe VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET number = number + 1")
        except StoreTrouble as error:
            reason = trouble_of(error)
            self._trouble.failed(reason, said=reason_of(error), effect="nothing is taken from the homeserver meanwhile")
            return reason
        self._trouble.worked()
        return None

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

    def add(
        self,
        *,
        event_id: str,
        room_id: str,
        kind: str,
        source: dict[str, Any],
        batch: int,
        fills_gap: bool = False,
        place: int | None = None,
    ) -> None:
        """Write down something to do. What stands there already stays as it is. `place`: one that was kept free (`keep`); else the last."""
        self._run(
            "INSERT INTO journal_inbox (seq, event_id, room_id, kind, source, batch, part) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            place,
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
        return next(iter(self.next_few(room_id, 1)), None)

    def next_few(self, room_id: str, most: int) -> list[Entry]:
        """Return the oldest things to do in a room, in order; of invites, those of whoever has the fewest of them first."""
        found = self._all(_NEXT_INVITES, most) if room_id == INVITES else self._all(_NEXT_IN_ROOM, room_id, most)
        return [Entry(row[0], row[1], row[2], row[3], json.loads(row[4])) for row in found]

    def done(self, *seqs: int) -> None:
        """Strike out what is done. That its effect happened once is remembered in the shared database."""
        self._run(f"DELETE FROM journal_inbox WHERE seq IN ({', '.join('?' * len(seqs))})", *seqs)  # noqa: S608  (placeholders)

    def try_later(self, seq: int) -> None:
        """Let the other invites go first."""
        self._run("UPDATE journal_inbox SET part = part + 1 WHERE seq = ?", seq)

    def inviters(self) -> dict[str, int]:
        """Return how many invites are waiting, by who sent them."""
        counted = f"SELECT {_INVITER}, count(*) FROM journal_inbox WHERE room_id = '{INVITES}' GROUP BY 1"  # noqa: S608  (constants)
        return {row[0]: row[1] for row in self._all(counted)}

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

    def hear(self, heard: Heard, batch: int) -> None:
        """Remember the last event of a room."""
        self._run(
            "INSERT INTO journal_heard (room_id, event_id, at, began, batch) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (room_id) DO UPDATE SET event_id = excluded.event_id, at = excluded.at, batch = excluded.batch",
            heard.room_id,
            heard.event_id,
            heard.at,
            heard.at,
            batch,
        )

    def heard(self, room_id: str) -> Heard | None:
        """Return the last event of a room that came, None if none did since we are there."""
        row = self._one("SELECT room_id, event_id, at, began FROM journal_heard WHERE room_id = ?", room_id)
        return Heard(*row) if row else None

    def last_heard(self) -> Heard | None:
        """Return the last event that came."""
        row = self._one("SELECT room_id, event_id, at, began FROM journal_heard ORDER BY batch DESC, at DESC LIMIT 1")
        return Heard(*row) if row else None

    def rooms(self) -> set[str]:
        """Return the rooms that we are in."""
        return {row[0] for row in self._all("SELECT room_id FROM journal_room")}

    def enter_room(self, room_id: str) -> bool:
        """Remember that we are in a room. Return whether that was known already."""
        known = self._one("SELECT 1 FROM journal_room WHERE room_id = ?", room_id) is not None
        self._run("INSERT INTO journal_room (room_id) VALUES (?) ON CONFLICT DO NOTHING", room_id)
        return known

    def leave_room(self, room_id: str) -> None:
        """Remember that we are not in a room any more. Its gaps can never be filled, and its keys will not come."""
        self._run("DELETE FROM journal_room WHERE room_id = ?", room_id)
        self._run("DELETE FROM journal_heard WHERE room_id = ?", room_id)
        self._run("DELETE FROM journal_unreadable WHERE room_id = ?", room_id)
        self._run("DELETE FROM journal_gap WHERE room_id = ?", room_id)

    # What cannot be decrypted, or not yet

    def keep(
        self,
        source: Mapping[str, Any],
        room_id: str,
        *,
        session_id: str,
        batch: int,
        now: float,
        fills_gap: bool = False,
        holds: bool = False,
    ) -> int:
        """Keep an event, and its place, until its key comes; return how many are kept of its room. `now`: seconds since 1970.

        `holds`: what comes after it in its room waits until `release`. Of each room, the newest are kept, up to `MOST_KEPT`.
        """
        self._run(
            "INSERT INTO journal_unreadable (event_id, room_id, sender, session_id, source, batch, since, part, place, held)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            source["event_id"],
            room_id,
            source["sender"],
            session_id,
            json.dumps(source),
            batch,
            now,
            0 if fills_gap else 1,
            self._free_place(),
            int(holds),
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

    def _free_place(self) -> int:
        """Return a place in the inbox that nothing else will ever have."""
        (place,) = self._all(
            "INSERT INTO journal_inbox (event_id, room_id, kind, source, batch, part) VALUES ('', '', '', '', 0, 0) RETURNING seq"
        )[0]
        self.done(place)
        return place

    def holds(self) -> bool:
        """Whether anything waits for `release`."""
        return self._one("SELECT 1 FROM journal_unreadable WHERE held = 1") is not None

    def release(self) -> None:
        """Let nothing wait any longer for what could not be read."""
        self._run("UPDATE journal_unreadable SET held = 0 WHERE held = 1")

    def unreadable(self, session_id: str | None = None) -> list[Unreadable]:
        """Return what is kept, oldest first: that of a session, or all."""
        columns = "SELECT event_id, room_id, source, batch, told, part, place FROM journal_unreadable"
        if session_id is None:
            found = self._all(f"{columns} ORDER BY seq")
        else:
            found = self._all(f"{columns} WHERE session_id = ? ORDER BY seq", session_id)
        return [Unreadable(row[0], row[1], json.loads(row[2]), row[3], bool(row[4]), row[5] == 0, row[6]) for row in found]

    def let_go(self, event_id: str) -> None:
        """Keep an event no longer."""
        self._run("DELETE FROM journal_unreadable WHERE event_id = ?", event_id)

    def give_word(self, before: float) -> int:
        """Make an entry `unreadable` for each sender of whom something in a room has been kept since `before`; return how many.

        Its `source` names the sender and the `event_ids`, oldest first. The events stay: it can be asked which rooms cannot be read.
        """
        due: dict[tuple[str, str], list[tuple[str, int]]] = {}
        columns = "SELECT room_id, sender, event_id, batch FROM journal_unreadable"
        for room_id, sender, event_id, batch in self._all(f"{columns} WHERE since <= ? AND told = 0 ORDER BY seq", before):
            due.setdefault((room_id, sender), []).append((event_id, batch))
        if due:
            with self.transaction():
                for (room_id, sender), events in due.items():
                    oldest, batch = events[0]
                    source = {"event_ids": [event_id for event_id, _ in events], "sender": sender}
                    self.add(event_id=f"unreadable:{oldest}", room_id=room_id, kind="unreadable", source=source, batch=batch)
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
