"""Emoji verification in the running bot: what arrives goes to the state machine, what it answers is sent, in order."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import structlog

from bot.clock import Clock
from bot.errors import ChatUnavailable, LoginFailed
from bot.matrix.client import GuardedClient
from bot.matrix.crypto.encryption import Encryption
from bot.matrix.crypto.verification import Incoming, Me, Outgoing, TheirKeys, Verifications
from bot.matrix.journal import Entry
from bot.matrix.own_device import own_device
from bot.matrix.sender import RoomSender
from bot.waiting import pause, unless

log = structlog.get_logger(__name__)

_TRIES, _PAUSE = 10, 3.0
_CANCEL = "m.key.verification.cancel"


class Verifying:
    """Verifications of this device. `may`: whether somebody is of the network; `master_key`: our public one, None if there is none."""

    def __init__(
        self,
        client: GuardedClient,
        encryption: Encryption,
        sender: RoomSender,
        *,
        language: str,
        state_dir: Path,
        clock: Clock,
        may: Callable[[str], Awaitable[bool]],
        master_key: Callable[[], str | None],
    ) -> None:
        self._client = client
        self._encryption = encryption
        self._sender = sender
        us = own_device(client)
        me = Me(us.user_id, us.device_id, us.ed25519, master_key)
        self._verifications = Verifications(
            me, language=language, state_dir=state_dir, clock=clock, may=may, their_keys=self._their_keys
        )
        self._leftovers = self._verifications.cancelled_leftovers()  # before anything new is written where they stand
        self._outgoing: asyncio.Queue[Outgoing] = asyncio.Queue()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End `run`. What is under way is cancelled at the next start."""
        self._stopping.set()

    async def handle(self, entry: Entry) -> None:
        """Take an event of a verification: from a room, or sent to our device (then `entry.room_id` is none)."""
        source = entry.source
        in_room = entry.room_id.startswith("!")
        event = Incoming(
            source.get("sender"),
            source.get("type"),
            source.get("content"),
            room_id=entry.room_id if in_room else None,
            event_id=entry.event_id if in_room else None,
            origin_server_ts=source.get("origin_server_ts"),
        )
        await self._queue(await self._verifications.handle(event))

    async def run(self) -> None:
        """Send until `stop()`; first that what the last process left open is cancelled."""
        for outgoing in self._leftovers:
            await self._send(outgoing)
        self._verifications.forget_leftovers()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._verifications.watch(self._queue, self._stopping))
            tasks.create_task(self._send_all())

    async def _queue(self, outgoing: list[Outgoing]) -> None:
        for each in outgoing:
            self._outgoing.put_nowait(each)

    async def _send_all(self) -> None:
        while (outgoing := await unless(self._stopping, self._outgoing.get())) is not None:
            await self._send(outgoing)

    async def _send(self, outgoing: Outgoing) -> None:
        """Send it, tried again for half a minute; what cannot be sent then is let go: the other side has a time-out of its own."""
        transaction_id = f"netzwart-{uuid4()}"
        for _ in range(_TRIES):
            try:
                await self._put(outgoing, transaction_id)
            except (ChatUnavailable, LoginFailed) as error:
                log.warning("verification_not_sent", type=outgoing.type, reason=str(error))
                await pause(_PAUSE, self._stopping)
            except Exception:  # a dialog that cannot go on must not end the bot; logged whole, and the other side has a time-out
                log.exception("verification_not_sent", type=outgoing.type)
                return
            else:
                return
            if self._stopping.is_set():
                return

    async def _put(self, outgoing: Outgoing, transaction_id: str) -> None:
        if outgoing.room_id is None:
            messages = {outgoing.user_id: {outgoing.device_id or "*": outgoing.content}}
            path = f"/sendToDevice/{quote(outgoing.type)}/{transaction_id}"
            await self._client.call("PUT", path, {"messages": messages})
            return
        await self._sender.tell(outgoing.room_id, outgoing.type, outgoing.content, transaction_id)
        reason = outgoing.content.get("reason")
        if outgoing.type == _CANCEL and isinstance(reason, str):  # clients show a sentence of their own in place of it
            said: dict[str, object] = {"msgtype": "m.notice", "body": reason, "m.mentions": dict[str, object]()}
            await self._sender.tell(outgoing.room_id, "m.room.message", said, f"{transaction_id}-reason")

    async def _their_keys(self, user_id: str, device_id: str) -> TheirKeys | None:
        devices = self._encryption.devices
        await devices.refresh([user_id])
        found = [device for device in devices.devices(user_id) if device.device_id == device_id]
        return TheirKeys(found[0].ed25519) if found else None
