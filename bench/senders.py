"""Two ways to say something in an encrypted room: ours, and stock matrix-nio."""

import json
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Protocol, TypeAlias
from uuid import uuid4

from nio import AsyncClient, AsyncClientConfig, KeysUploadResponse, RoomSendResponse
from nio.store import SqliteStore

from bot.demo.homeserver import Account
from bot.matrix.client import GuardedClient
from bot.matrix.crypto.encryption import Encryption
from bot.matrix.journal import Journal
from bot.matrix.sender import RoomSender
from bot.matrix.sync import SyncLoop

_KIND = "m.room.message"
_SHARES_KEYS = "sendToDevice/m.room.encrypted"


class Failed(Exception):
    """A sender did not do its part: what was measured is worth nothing."""


class Requests:
    """What a client asks the homeserver for from now on."""

    def __init__(self, nio: Any) -> None:
        self._made: list[tuple[str, Any]] = []
        send = nio.send

        async def noting(method: str, path: str, data: Any = None, *rest: Any, **named: Any) -> Any:
            self._made.append((path, data))
            return await send(method, path, data, *rest, **named)

        nio.send = noting

    def take(self) -> tuple[Counter[str], int]:
        """Return how many requests there were of what kind since this was last called, and for how many devices keys were in them."""
        made, self._made = self._made, []
        kinds = Counter(_kind(path) for path, _ in made)
        bodies = [json.loads(data)["messages"] for path, data in made if _kind(path) == _SHARES_KEYS]
        return kinds, sum(len(devices) for body in bodies for devices in body.values())


def _kind(path: str) -> str:
    """Return what a request is about: `keys/claim`, `sendToDevice/m.room.encrypted`, `rooms/send`, …"""
    parts = path.partition("?")[0].removeprefix("/_matrix/client/").split("/")[1:]
    return f"{parts[0]}/{parts[2]}" if parts[0] == "rooms" else "/".join(parts[:2])


class Sender(Protocol):
    """A client with a device that is new."""

    requests: Requests

    async def sync(self) -> None:
        """Learn of the rooms that we are in; upload our keys."""
        ...

    async def say(self, room_id: str, words: str) -> None:
        """Send a message. Raises whatever it likes."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class Ours:
    """As the bot does it, but for the seconds that it lets others settle."""

    def __init__(self, url: str, account: Account, folder: Path) -> None:
        self._client = GuardedClient(url, account.user_id, account.device_id, folder)
        database = self._client.resume(account.access_token)
        journal = Journal(database)
        olm: Any = self._client.olm
        encryption = Encryption(self._client, olm, database, _ignore, kinds=None, settles=0)
        self._chat = RoomSender(self._client, encryption)
        self._loop = SyncLoop(self._client, journal, encryption, _nothing, look=_look, patience=0, now=float)
        self.requests = Requests(self._client)

    async def sync(self) -> None:
        """Do one turn of the bot's sync loop."""
        if not await self._loop.turn(wait_ms=0):
            raise Failed("sync")

    async def say(self, room_id: str, words: str) -> None:
        """Send it the drain's way."""
        await self._chat.send(room_id, _KIND, {"msgtype": "m.text", "body": words}, uuid4().hex, _always)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


class Stock:
    """matrix-nio as it comes, with its own SQLite store."""

    def __init__(self, url: str, account: Account, folder: Path) -> None:
        config = AsyncClientConfig(store=SqliteStore, encryption_enabled=True)
        self._client = AsyncClient(url, account.user_id, account.device_id, store_path=str(folder), config=config)
        self._client.restore_login(account.user_id, account.device_id, account.access_token)
        self.requests = Requests(self._client)

    async def sync(self) -> None:
        """Do what one turn of `sync_forever` does, but for the devices: `room_send` asks for them itself."""
        await self._client.sync(timeout=0, full_state=True)
        if self._client.should_upload_keys and not isinstance(answer := await self._client.keys_upload(), KeysUploadResponse):
            raise Failed(str(answer))

    async def say(self, room_id: str, words: str) -> None:
        """Send it with `room_send`."""
        content = {"msgtype": "m.text", "body": words}
        answer = await self._client.room_send(room_id, _KIND, content, ignore_unverified_devices=True)
        if not isinstance(answer, RoomSendResponse):
            raise Failed(str(answer))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


NewSender: TypeAlias = Callable[[str, Account, Path], Sender]
SENDERS: dict[str, NewSender] = {"ours": Ours, "nio": Stock}


def _ignore(_kind: str, _reason: BaseException | str, _sender: str) -> None:
    return None


async def _always() -> bool:
    return True


def _nothing() -> None:
    return None


async def _look(_rooms: Collection[str]) -> None:
    return None
