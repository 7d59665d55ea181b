"""Which rooms are encrypted, and who is to read in them.

Once encrypted, always encrypted: no later event and no lost sync turns that off again (specification v1.18, 11.12.1). A room of which we
know nothing is asked about before anything is said in it.
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

from bot.errors import ChatUnavailable
from bot.matrix.crypto.decryption import MEGOLM
from bot.matrix.crypto.server import Server, refusal
from bot.matrix.crypto.store import Rows
from bot.matrix.crypto.values import object_of, objects_of

KIND = "m.room.encryption"
_MINUTE, _WAITS_A_MINUTE = 60.0, 6
_FRESH = 60.0
"""Seconds after a sync for which what it said of a room's members is relied on."""

_LATEST = 2**63
SETTLES = 3.0
"""Seconds that others' clients get to learn of our device, after a room was encrypted or somebody has joined it, we or they. A client that
gets a key from a device that it does not know yet may shut out for good what comes with it (seen with matrix-js-sdk 37.5)."""


class EncryptedRooms(Rows):
    """What is known of encryption in rooms. `since`: milliseconds since 1970, by the homeserver's clock."""

    schema = """
    CREATE TABLE IF NOT EXISTS crypto_room (room_id TEXT PRIMARY KEY, settings TEXT NOT NULL, since INTEGER NOT NULL)
    """

    def __init__(self, database: object, server: Server, user_id: str, settles: float) -> None:
        super().__init__(database)
        self._settles = settles
        self._server = server
        self._user_id = user_id
        self._known: dict[str, tuple[dict[str, Any], int]] = {
            room_id: (json.loads(settings), since) for room_id, settings, since in self._all("SELECT * FROM crypto_room")
        }
        self._recipients: dict[str, frozenset[str]] = {}
        self._versions: Counter[str] = Counter()
        self._settled: dict[str, float] = {}
        self._joins: defaultdict[str, list[float]] = defaultdict(list)  # when somebody else's made us wait
        self._heard_at = time.monotonic()

    # What a sync says; called within its transaction.

    def learn(self, room_id: str, event: Mapping[str, Any], *, just_now: bool) -> None:
        """Take from a state event of a room what it says about encryption, and about who is to read.

        `just_now`: it stands in the timeline; otherwise it may be as old as the room.
        """
        if event.get("type") == "m.room.member":
            self.forget_readers(room_id)
            if just_now and _joins(event) and (event.get("state_key") == self._user_id or self._may_settle_again(room_id)):
                self._settle(room_id)
        elif event.get("type") == KIND and event.get("state_key") == "":
            at: Any = event.get("origin_server_ts")
            self._encrypted(room_id, event.get("content"), at if isinstance(at, int) and 0 <= at < _LATEST else 0)

    def forget_readers(self, room_id: str) -> None:
        """Ask again who is to read: something in the room was missed."""
        self._versions[room_id] += 1
        self._recipients.pop(room_id, None)

    def forget_all_readers(self) -> None:
        """Ask again who is to read, in every room."""
        for room_id in {*self._known, *self._recipients}:
            self.forget_readers(room_id)

    # What is known

    def encrypted_at(self, room_id: str, milliseconds: object) -> bool:
        """Whether the room was encrypted at that time, as far as we know. A time that is none is no excuse."""
        known = self._known.get(room_id)
        return known is not None and not (isinstance(milliseconds, int) and milliseconds < known[1])

    def encrypted(self) -> frozenset[str]:
        """Return the rooms that are encrypted, as far as we know."""
        return frozenset(self._known)

    async def settings(self, room_id: str) -> Mapping[str, Any] | None:
        """Return the content of a room's `m.room.encryption`, None if the homeserver says now that it has none. Raises as `Server.call`.

        Not remembered: encryption may be switched on at any moment, and the sync that tells of it comes later.
        """
        known = self._known.get(room_id)
        if known is not None:
            return known[0]
        status, answer = await self._server.ask("GET", f"/rooms/{quote(room_id, safe='')}/state/{KIND}/")
        if status == HTTPStatus.NOT_FOUND and answer.get("errcode") == "M_NOT_FOUND":
            return None
        if status != HTTPStatus.OK:
            raise refusal(answer, status)
        if not isinstance(answer.get("algorithm"), str):
            raise ChatUnavailable("what the homeserver says of the room's encryption says nothing")
        with self.transaction():
            self._encrypted(room_id, answer, 0)
        return self._known[room_id][0]

    async def recipients(self, room_id: str) -> frozenset[str]:
        """Return the user ids of those who are to read what is said in a room now: who is joined. Raises as `Server.call`.

        Not who is invited: their clients do not know our device yet, and would shut out what comes with its key.
        """
        if time.monotonic() - self._heard_at > _FRESH:
            self._recipients.clear()  # who has left meanwhile, no sync has told
        while room_id not in self._recipients:
            version = self._versions[room_id]
            answer = await self._server.call("GET", f"/rooms/{quote(room_id, safe='')}/members?membership=join")
            joined = _joined(answer.get("chunk"))
            if version == self._versions[room_id]:  # otherwise somebody has come or gone while we asked
                self._recipients[room_id] = joined
        return self._recipients[room_id]

    def version(self, room_id: str) -> int:
        """Return a number that changes when somebody comes or goes."""
        return self._versions[room_id]

    def heard(self) -> None:
        """A sync has come: what it did not say has not changed."""
        self._heard_at = time.monotonic()

    def settles_in(self, room_id: str) -> float:
        """Return the seconds until something may be said in a room that is new to us, or newly encrypted; 0 or less: now."""
        return self._settled.get(room_id, 0.0) - time.monotonic()

    def _settle(self, room_id: str) -> None:
        self._settled[room_id] = time.monotonic() + self._settles

    def _may_settle_again(self, room_id: str) -> bool:
        """Whether somebody else's join makes us wait: a few times a minute, or people who come and go would keep us silent."""
        now = time.monotonic()
        joins = self._joins[room_id] = [at for at in self._joins[room_id] if now - at < _MINUTE]
        if self.settles_in(room_id) > 0 or len(joins) >= _WAITS_A_MINUTE:
            return False
        joins.append(now)
        return True

    def _encrypted(self, room_id: str, content: object, since: int) -> None:
        settings = object_of(content)
        before = self._known.get(room_id)
        if before is not None and settings.get("algorithm") != MEGOLM:
            return
        if before is None:
            self._settle(room_id)
        self._known[room_id] = (
            settings,
            before[1] if before and before[1] else since,
        )  # 0: we had asked, and were not told since when
        self._run("INSERT OR REPLACE INTO crypto_room VALUES (?, ?, ?)", room_id, json.dumps(settings), self._known[room_id][1])


def _joined(chunk: object) -> frozenset[str]:
    """Return who is joined, of a list of membership events. Raises `ChatUnavailable` if it is no list."""
    if not isinstance(chunk, list):
        raise ChatUnavailable("no list of members in the answer")
    events = (event for event in objects_of(cast("object", chunk)) if object_of(event.get("content")).get("membership") == "join")
    return frozenset(user_id for event in events if isinstance(user_id := event.get("state_key"), str))


def _joins(event: Mapping[str, Any]) -> bool:
    """Whether this membership event is somebody's coming, and no change of their name."""
    before = object_of(object_of(event.get("unsigned")).get("prev_content"))
    return object_of(event.get("content")).get("membership") == "join" and before.get("membership") != "join"
