"""The sync loop: what comes from the homeserver is in the journal before anything is done with it.

Each turn, in this order: sync (one transaction: keys, inbox, gaps, place in the stream), key chores, filling of gaps. Effects and sends are
other tasks' work. No callbacks, no `sync_forever`.
"""

import asyncio
import random
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

import structlog
from nio import (
    ErrorResponse,
    InviteMemberEvent,
    KeysQueryError,
    KeysUploadError,
    LocalProtocolError,
    MessageDirection,
    RoomInfo,
    RoomMessagesResponse,
    SyncError,
    SyncResponse,
)

from bot.errors import LoginFailed
from bot.matrix.client import GuardedClient, NetworkTrouble
from bot.matrix.events import readable
from bot.matrix.journal import Gap, Journal
from bot.waiting import pause, unless

log = structlog.get_logger(__name__)

_STATE_TYPES = [
    "m.room.create",
    "m.room.name",
    "m.room.canonical_alias",
    "m.room.join_rules",
    "m.room.history_visibility",
    "m.room.encryption",
    "m.room.power_levels",
    "m.room.member",
    "m.room.tombstone",
]
_FILTER: dict[str, Any] = {
    "presence": {"types": []},
    "account_data": {"types": []},
    "room": {
        "timeline": {"limit": 50, "lazy_load_members": True},
        "state": {"types": _STATE_TYPES, "lazy_load_members": True},
        "ephemeral": {"types": []},
        "account_data": {"types": []},
    },
}
_LONG_POLL_MS = 30_000
_DEADLINE = 60.0
_FIRST_DEADLINE = 300.0
_LONGEST_PAUSE = 60.0
_PAGE = 200
_WILL_NEVER_COME = (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)


class SyncLoop:
    """Keeps the journal up to date. `arrived` is called when there is something new in it."""

    def __init__(self, client: GuardedClient, journal: Journal, arrived: Callable[[], None]) -> None:
        self._client = client
        self._journal = journal
        self._arrived = arrived
        self._fresh = True  # the next sync asks for the whole state: nio forgets its rooms with the process
        self._stopping = asyncio.Event()
        client.write_syncs_with(journal.transaction, self._record)

    def stop(self) -> None:
        """End `run` after the turn that is under way; a waiting sync is cut off (it has written nothing yet)."""
        self._stopping.set()

    async def run(self) -> None:
        """Sync until `stop()`. Raises `LoginFailed` when the homeserver does not know us any more."""
        failures = 0
        while not self._stopping.is_set():
            if await unless(self._stopping, self.turn()) is not False:
                failures = 0
            else:
                failures += 1
                await pause(min(_LONGEST_PAUSE, 2.0 ** min(failures, 6)) * random.uniform(0.5, 1.0), self._stopping)  # noqa: S311  (spreads retries)

    async def turn(self, *, wait_ms: int = _LONG_POLL_MS) -> bool:
        """Do one sync and its chores. Return whether it worked."""
        try:
            async with asyncio.timeout(_FIRST_DEADLINE if self._fresh else _DEADLINE):
                answer = await self._client.sync(
                    timeout=max(wait_ms, 1),
                    sync_filter=_FILTER,
                    since=self._journal.next_batch(),
                    full_state=self._fresh or None,
                )
        except NetworkTrouble as error:
            log.warning("sync_failed", reason=f"{type(error).__name__}: {error}")
            return False
        if isinstance(answer, SyncError):
            if answer.status_code in ("M_UNKNOWN_TOKEN", "M_MISSING_TOKEN"):
                raise LoginFailed(f"{answer.status_code} {answer.message}")
            log.warning("sync_failed", reason=str(answer), status=_status(answer))
            return False
        self._fresh = False
        await self._key_chores()
        await self._fill_gaps()
        self._arrived()
        return True

    # What is written down of a sync; called inside the transaction.

    def _record(self, answer: SyncResponse) -> None:
        since = self._journal.next_batch()
        batch = self._journal.advance(answer.next_batch)
        for room_id, info in answer.rooms.join.items():
            self._record_room(room_id, info, since, batch)
        for room_id, invite in answer.rooms.invite.items():
            self._record_invite(room_id, cast("list[object]", invite.invite_state), batch)
        for room_id in answer.rooms.leave:
            self._client.rooms.pop(room_id, None)  # nio keeps rooms that it was thrown out of
            self._client.invited_rooms.pop(room_id, None)
            self._journal.leave_room(room_id)
            log.info("room_left", room=room_id)

    def _record_room(self, room_id: str, info: RoomInfo, since: str | None, batch: int) -> None:
        known = self._journal.enter_room(room_id)
        if since is None:
            return  # a new device: what was said before it existed is not for it
        sources = _sources(cast("list[object]", info.timeline.events))
        joined_at = None if known else _own_join(sources, self._client.user_id)
        if info.timeline.limited and joined_at is None and info.timeline.prev_batch:
            self._journal.open_gap(Gap(room_id, batch, since, info.timeline.prev_batch, awaits_join=not known))
        for source in sources[joined_at + 1 if joined_at is not None else 0 :]:
            self._add(room_id, source, batch, fills_gap=False)

    def _record_invite(self, room_id: str, state: list[object], batch: int) -> None:
        for event in state:
            if isinstance(event, InviteMemberEvent) and event.state_key == self._client.user_id and event.membership == "invite":
                source = {"inviter": event.sender}
                self._journal.add(event_id=f"invite:{room_id}:{batch}", room_id=room_id, kind="invite", source=source, batch=batch)

    def _add(self, room_id: str, source: dict[str, Any], batch: int, *, fills_gap: bool) -> None:
        if readable(source, self._client.user_id):
            self._journal.add(
                event_id=source["event_id"], room_id=room_id, kind="event", source=source, batch=batch, fills_gap=fills_gap
            )

    # Chores after a sync.

    async def _key_chores(self) -> None:
        """Upload and ask for keys, as far as it is due. What fails is due again after the next sync."""
        try:
            if self._client.should_upload_keys:
                uploaded = await self._client.keys_upload()
                if isinstance(uploaded, KeysUploadError):
                    log.warning("keys_not_uploaded", reason=str(uploaded))
            if self._client.should_query_keys:
                queried = await self._client.keys_query()
                if isinstance(queried, KeysQueryError):
                    log.warning("keys_not_queried", reason=str(queried))
        except (*NetworkTrouble, LocalProtocolError) as error:
            log.warning("key_chores_failed", reason=f"{type(error).__name__}: {error}")
        except Exception:  # anybody's keys pass through nio here; what it cannot bear must not end the bot
            log.exception("key_chores_failed")

    async def _fill_gaps(self) -> None:
        """Fetch what the syncs left out, page by page; each page is written with the token where the next begins."""
        for gap in self._journal.gaps():
            current: Gap | None = gap
            while current is not None and not self._stopping.is_set():
                try:
                    current = await self._fill_page(current)
                except NetworkTrouble as error:
                    log.warning("gap_not_filled", room=gap.room_id, reason=f"{type(error).__name__}: {error}")
                    current = None  # the other rooms do not wait for this one

    async def _fill_page(self, gap: Gap) -> Gap | None:
        page = await self._client.room_messages(
            gap.room_id, start=gap.start, end=gap.stop, direction=MessageDirection.front, limit=_PAGE
        )
        if not isinstance(page, RoomMessagesResponse):
            if _status(page) in _WILL_NEVER_COME:
                log.error("gap_lost", room=gap.room_id, reason=str(page))
                self._journal.close_gap(gap)
                return None
            raise TimeoutError(str(page))
        sources = _sources(page.chunk)
        joined_at = _own_join(sources, self._client.user_id) if gap.awaits_join else -1
        finished = not page.end or page.end == gap.stop or not page.chunk
        with self._journal.transaction():
            if joined_at is not None:
                for source in sources[joined_at + 1 :]:
                    self._add(gap.room_id, source, gap.batch, fills_gap=True)
            if finished:
                self._journal.close_gap(gap)
                return None
            rest = Gap(gap.room_id, gap.batch, str(page.end), gap.stop, awaits_join=gap.awaits_join and joined_at is None)
            self._journal.open_gap(rest)
            return rest


def _sources(events: list[Any]) -> list[dict[str, Any]]:
    return [source for event in events if isinstance(source := getattr(event, "source", None), dict)]


def _own_join(sources: list[dict[str, Any]], user_id: str) -> int | None:
    """Return where our own join stands, or None. A change of our name is a join as well, but follows one."""
    for position, source in enumerate(sources):
        if source.get("type") != "m.room.member" or source.get("state_key") != user_id:
            continue
        unsigned = cast("dict[str, Any]", source.get("unsigned") or {})
        before = cast("dict[str, Any]", unsigned.get("prev_content") or {})
        if source.get("content", {}).get("membership") == "join" and before.get("membership") != "join":
            return position
    return None


def _status(answer: ErrorResponse) -> int | None:
    return getattr(answer.transport_response, "status", None)
