"""A look at the homeserver from outside, for `netzwart check`: no sync, no encryption store, nothing is changed."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from bot.errors import ChatUnavailable
from bot.matrix import session as sessions
from bot.matrix.client import GuardedClient, log_in
from bot.matrix.crypto.server import Server

_SEND = "m.room.message"


@dataclass(frozen=True, slots=True)
class RoomState:
    """What matters of a room that we are in. `may_send`: whether our power is enough to say something."""

    encrypted: bool
    open: bool
    may_send: bool
    name: str | None


class Inspection:
    """Questions to the homeserver, each with the errors of `GuardedClient.call`."""

    def __init__(self, client: GuardedClient) -> None:
        self._client = client

    @property
    def server(self) -> Server:
        """The homeserver, for questions that are asked elsewhere."""
        return self._client

    async def who(self) -> str:
        """Return the user id that the token belongs to."""
        return str((await self._client.call("GET", "/account/whoami")).get("user_id"))

    async def resolve(self, room: str) -> str:
        """Return the room id of an alias or id."""
        return await self._client.resolve(room)

    async def joined(self) -> set[str]:
        """Return the rooms that we are in."""
        return set(cast("list[str]", (await self._client.call("GET", "/joined_rooms")).get("joined_rooms") or []))

    async def state(self, room_id: str) -> RoomState:
        """Return what matters of a room that we are in."""
        power = await self._client.state_of(room_id, "m.room.power_levels")
        name = (await self._client.state_of(room_id, "m.room.name")).get("name")
        return RoomState(
            encrypted=bool(await self._client.state_of(room_id, "m.room.encryption")),
            open=await self._client.is_open(room_id),
            may_send=_power_of(power, self._client.user_id) >= _power_for(power, _SEND),
            name=name if isinstance(name, str) else None,
        )


def _power_of(power: dict[str, Any], user_id: str) -> int:
    users: Any = power.get("users")
    level = cast("dict[str, Any]", users).get(user_id) if isinstance(users, dict) else None
    return level if isinstance(level, int) else int(power.get("users_default") or 0)


def _power_for(power: dict[str, Any], kind: str) -> int:
    events: Any = power.get("events")
    level = cast("dict[str, Any]", events).get(kind) if isinstance(events, dict) else None
    return level if isinstance(level, int) else int(power.get("events_default") or 0)


@asynccontextmanager
async def inspect(
    homeserver: str, user_id: str, state_dir: Path, *, token: str | None, device_id: str | None, password: str | None
) -> AsyncGenerator[Inspection]:
    """Give an inspection with the issued token, the login kept in the state folder, or one that lasts as long as this.

    Raises `LoginFailed` or `ChatUnavailable`.
    """
    kept = None if token else sessions.load(state_dir, user_id)
    passing = token is None and kept is None
    if kept is not None:
        token, device_id = kept.access_token, kept.device_id
    elif token is None:
        device_id, token = await log_in(homeserver, user_id, password or "")
    client = GuardedClient(homeserver, user_id, device_id or "", state_dir)
    client.access_token = token or ""
    client.user_id = user_id
    try:
        yield Inspection(client)
    finally:
        if passing:
            await _log_out(client)
        await client.close()


async def _log_out(client: GuardedClient) -> None:
    try:
        await client.call("POST", "/logout", {})
    except ChatUnavailable:
        return  # the device stays in the account's list; the check itself is done
