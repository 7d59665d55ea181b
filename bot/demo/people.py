"""A person at the homeserver: writes over the client-server API, and sees what arrives.

async with Person(homeserver.url, await homeserver.register("karla")) as karla:
    asked = await karla.say(room, "!netz programm")
    answer = await karla.sees(message(room=room, answers=asked))
"""

import itertools
import secrets
from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from bot.demo.api import Api, Json, client
from bot.demo.encrypting import EncryptingDevice
from bot.demo.homeserver import Account
from bot.demo.reading import Predicate, Reader, Reading, Seen, first_within

SEES_WITHIN = 60.0  # seconds
ENCRYPTION: Json = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}


class Person:
    """Somebody with an account. As an async context manager they read along from the beginning to the end.

    With a `folder`, for the keys of their device, they read and write in encrypted rooms as well. Every method raises `Refused` when
    the homeserver says no, and `Unreachable` when it says nothing.
    """

    def __init__(self, url: str, account: Account, *, displayname: str | None = None, folder: Path | None = None) -> None:
        self.account = account
        self.displayname = displayname or account.name
        self.api = Api(url, account.access_token)
        self.device = None if folder is None else EncryptingDevice(url, account, folder)
        self.reading: Reading = Reader(self.api, self.device)
        self._transactions = (f"{secrets.token_hex(4)}-{number}" for number in itertools.count())

    @classmethod
    async def login(cls, url: str, user: str, password: str) -> Self:
        """Log in as `user` (a user id or its local part) on a new device and return the person, not reading yet."""
        async with Api(url) as api:
            answer = await api.request(
                "POST",
                client("login"),
                {
                    "type": "m.login.password",
                    "identifier": {"type": "m.id.user", "user": user},
                    "password": password,
                },
            )
        return cls(url, Account(answer["user_id"], password, answer["device_id"], answer["access_token"]))

    @property
    def user_id(self) -> str:
        """`@karla:netz.example`."""
        return self.account.user_id

    @property
    def name(self) -> str:
        """The local part of the user id: `karla`."""
        return self.account.name

    async def __aenter__(self) -> Self:
        if self.device is not None:
            await self.device.start()
        await self.reading.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.reading.stop()
        if self.device is not None:
            await self.device.stop()
        await self.api.close()

    # What they see

    @property
    def last(self) -> int:
        """The number of the last event seen so far: an `after` for `sees`."""
        return len(self.reading.seen)

    def saw(self, predicate: Predicate, *, after: int = 0) -> list[Seen]:
        """Return all that has arrived so far, with a number above `after`, that fits."""
        return [seen for seen in self.reading.seen[after:] if predicate(seen)]

    async def sees(
        self, predicate: Predicate, within: float = SEES_WITHIN, *, after: int = 0, what: str = "…"
    ) -> Seen:  # fmt: skip
        """Return the first event that fits, of those with a number above `after`: it may have arrived already.

        Raises `Missing`, which says `what`, if there is none within `within` seconds.
        """
        return await first_within(self.reading, predicate, within, after, what)

    # Rooms

    async def create_room(
        self,
        name: str,
        *,
        alias: str | None = None,
        topic: str | None = None,
        invite: Collection[str] = (),
        encrypted: bool = False,
        options: Mapping[str, object] | None = None,
    ) -> str:
        """Make a private room (invite only) and return its id.

        `alias` is a local part; `options` go into the request as they are.
        """
        wanted: Json = {"name": name, "preset": "private_chat", "invite": list(invite)}
        wanted |= {"initial_state": [ENCRYPTION]} if encrypted else {}
        wanted |= {} if alias is None else {"room_alias_name": alias}
        wanted |= {} if topic is None else {"topic": topic}
        answer = await self.api.request("POST", client("createRoom"), {**wanted, **(options or {})})
        return str(answer["room_id"])

    async def direct_chat(self, user_id: str, *, encrypted: bool | None = None) -> str:
        """Make a direct chat, invite `user_id` to it, and return its room id. Encrypted if we can, unless told otherwise."""
        wanted: Json = {"preset": "trusted_private_chat", "is_direct": True, "invite": [user_id]}
        wanted |= {"initial_state": [ENCRYPTION]} if encrypted or (encrypted is None and self.device) else {}
        return str((await self.api.request("POST", client("createRoom"), wanted))["room_id"])

    async def join(self, room: str) -> str:
        """Join a room, given by id or alias, and return its id."""
        return str((await self.api.request("POST", client("join", room), {}))["room_id"])

    async def leave(self, room: str, reason: str = "") -> None:
        """Leave a room, or decline an invite."""
        await self._membership(room, "leave", None, reason)

    async def invite(self, room: str, user_id: str, reason: str = "") -> None:
        """Invite somebody to a room."""
        await self._membership(room, "invite", user_id, reason)

    async def kick(self, room: str, user_id: str, reason: str = "") -> None:
        """Remove somebody from a room."""
        await self._membership(room, "kick", user_id, reason)

    async def ban(self, room: str, user_id: str, reason: str = "") -> None:
        """Remove somebody from a room for good."""
        await self._membership(room, "ban", user_id, reason)

    async def unban(self, room: str, user_id: str) -> None:
        """Take a ban back."""
        await self._membership(room, "unban", user_id, "")

    async def members(self, room: str) -> set[str]:
        """Return the user ids of those who are joined now."""
        return set((await self.api.request("GET", client("rooms", room, "joined_members")))["joined"])

    async def room_id(self, alias: str) -> str:
        """Return the room id that `alias` stands for."""
        return str((await self.api.request("GET", client("directory", "room", alias)))["room_id"])

    async def set_state(self, room: str, kind: str, content: Mapping[str, object], state_key: str = "") -> str:
        """Send a state event and return its id."""
        path = client("rooms", room, "state", kind, state_key)
        return str((await self.api.request("PUT", path, content))["event_id"])

    # Messages; each returns the event id

    async def say(
        self,
        room: str,
        body: str,
        *,
        mentions: Collection[str] = (),
        reply_to: str | None = None,
        thread: str | None = None,
        msgtype: str = "m.text",
    ) -> str:
        """Send a message: mentioning people, as a reply to an event, in the thread of a root event."""
        content: Json = {
            "msgtype": msgtype,
            "body": body,
            "m.mentions": {"user_ids": list(mentions)} if mentions else {},
        }
        related = _relation(reply_to, thread)
        return await self.send(room, "m.room.message", content | ({"m.relates_to": related} if related else {}))

    async def react(self, room: str, event_id: str, key: str) -> str:
        """React to an event with the emoji `key`."""
        related = {"rel_type": "m.annotation", "event_id": event_id, "key": key}
        return await self.send(room, "m.reaction", {"m.relates_to": related})

    async def edit(self, room: str, event_id: str, body: str) -> str:
        """Replace the text of an own message."""
        new: Json = {"msgtype": "m.text", "body": body, "m.mentions": {}}
        related = {"rel_type": "m.replace", "event_id": event_id}
        return await self.send(room, "m.room.message", {**new, "body": f"* {body}", "m.new_content": new, "m.relates_to": related})

    async def redact(self, room: str, event_id: str, reason: str = "") -> str:
        """Remove the content of an event."""
        path = client("rooms", room, "redact", event_id, next(self._transactions))
        return str((await self.api.request("PUT", path, {"reason": reason} if reason else {}))["event_id"])

    async def send(self, room: str, kind: str, content: Mapping[str, object]) -> str:
        """Send an event of the type `kind`, encrypted if the room is and we can."""
        if self.device is not None:
            kind, content = await self.device.encrypt(room, kind, content)
        return await self.send_in_clear(room, kind, content)

    async def send_in_clear(self, room: str, kind: str, content: Mapping[str, object]) -> str:
        """Send an event as it is, whatever the room is."""
        path = client("rooms", room, "send", kind, next(self._transactions))
        return str((await self.api.request("PUT", path, content))["event_id"])

    async def _membership(self, room: str, change: str, user_id: str | None, reason: str) -> None:
        body = {key: value for key, value in (("user_id", user_id), ("reason", reason)) if value}
        await self.api.request("POST", client("rooms", room, change), body)


def _relation(reply_to: str | None, thread: str | None) -> Json:
    """Return `m.relates_to`. In a thread, a reply to nothing in particular carries the fallback of the spec."""
    replied = reply_to or thread
    related: Json = {"m.in_reply_to": {"event_id": replied}} if replied else {}
    if thread is not None:
        related |= {"rel_type": "m.thread", "event_id": thread, "is_falling_back": reply_to is None}
    return related
