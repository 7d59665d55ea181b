"""A person at a client that is not ours: matrix-js-sdk with its crypto in Rust, as it is in Element Web.

async with ForeignClient(homeserver.url, await homeserver.register("anke")) as anke:
    room = await anke.create_room("Labor", invite=[bot])
    asked = await anke.say(room, "!netz hilfe")
    answer = await anke.sees(message(room=room, answers=asked))
    assert answer.unwarned

Unless told otherwise it is what Element means to be: cross-signed, and shutting out every device that its owner has not
cross-signed (`OnlySignedDevicesIsolationMode`, MSC4153), both in what it reads and in what it sends.
"""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from types import TracebackType
from typing import Literal, Self, TypeAlias, TypeVar

from bot.demo.api import Api, client
from bot.demo.homeserver import Account
from tests.foreign.program import Json, Program
from tests.foreign.sights import Predicate, Sight, Standing

SEES_WITHIN = 30.0  # seconds
Isolation: TypeAlias = Literal["only_signed", "all"]
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Attachment:
    """What was attached to a message, decrypted; the hash in the event was the hash of what the homeserver stores."""

    data: bytes
    mimetype: str
    stored_size: int

    @property
    def size(self) -> int:
        """In bytes, decrypted."""
        return len(self.data)

    @property
    def sha256(self) -> str:
        """In hexadecimal, of the decrypted data."""
        return sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class UserStatus:
    """What the client holds of another person: `verified` by this one's own verification of them."""

    has_cross_signing_keys: bool
    verified: bool
    was_verified: bool
    needs_approval: bool


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """What the client holds of a device: signed by its owner; `verified` if the owner is verified, too."""

    signed_by_owner: bool
    verified: bool


async def new_device(url: str, account: Account) -> Account:
    """Log in with the account's password; return the account with a device of its own."""
    login = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": account.user_id},
        "password": account.password,
    }
    async with Api(url) as api:
        told = await api.request("POST", client("login"), login)
    return replace(account, device_id=told["device_id"], access_token=told["access_token"])


class ForeignClient:
    """One device of one person. As an async context manager it is logged in, and reads along, from beginning to end.

    `signs`: make cross-signing keys and sign this device before anything is sent; else the device stays as it is, until `signed_by`.
    Every method raises `program.Failed` with the sdk's message when it cannot be done.
    """

    def __init__(self, url: str, account: Account, *, signs: bool = True, isolation: Isolation = "only_signed") -> None:
        self.account = account
        self.keys: Mapping[str, str] = {}
        self.version = ""
        self.signed = False
        self._url = url
        self._signs = signs
        self._isolation: Isolation = isolation
        self._program = Program(self._take)
        self._sights: dict[str, Sight] = {}
        self._standings: dict[str, Standing] = {}
        self._news = asyncio.Event()

    @property
    def user_id(self) -> str:
        """`@karla:netz.example`."""
        return self.account.user_id

    @property
    def device_id(self) -> str:
        """The device's."""
        return self.account.device_id

    async def __aenter__(self) -> Self:
        await self._program.start()
        try:
            await self._log_in()
        except BaseException:
            await self._program.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._program.stop()

    async def _log_in(self) -> None:
        account = self.account
        told = await self._program.ask(
            "login", url=self._url, user_id=account.user_id, device_id=account.device_id, access_token=account.access_token
        )
        self.version, self.keys = told["version"], told["keys"]
        await self.set_isolation(self._isolation)
        if self._signs:
            await self.bootstrap()
        await self._program.ask("start")

    # Keys

    async def bootstrap(self, *, anew: bool = False) -> None:
        """Make cross-signing keys and sign this device; `anew`: even if there are some, as after a reset."""
        await self._program.ask("bootstrap", password=self.account.password, anew=anew)
        self.signed = True

    async def signed_by(self, other: "ForeignClient") -> None:
        """Take the private cross-signing keys from another device of the same person, and sign this one by them."""
        secrets = await other._program.ask("export_secrets")
        await self._program.ask("import_secrets", secrets=secrets)
        self.signed = True

    async def set_isolation(self, mode: Isolation) -> None:
        """Shut out devices that their owners have not signed, or none."""
        await self._program.ask("set_isolation", mode=mode)

    async def user_status(self, user_id: str) -> UserStatus:
        """Return what this client holds of a person; asks the homeserver if it knows nothing."""
        return UserStatus(**await self._program.ask("user_status", user_id=user_id))

    async def until_verified(self, user_id: str) -> None:
        """Return once this person's verification of another counts: some time after the verification is over."""
        await self._program.ask("until_verified", user_id=user_id, within=SEES_WITHIN)

    async def knows(self, other: "ForeignClient") -> None:
        """Return once this client knows another one's device, as signed or not as it is.

        What arrives from a device before that is shut out as `UNSIGNED_SENDER_DEVICE`, and not looked at again.
        """
        await self.until_device(other.user_id, other.device_id, signed=other.signed)

    async def until_device(self, user_id: str, device_id: str, *, signed: bool) -> None:
        """Return once this client knows a device of somebody with whom it shares an encrypted room, signed by its owner or not."""
        asked = {"user_id": user_id, "device_id": device_id, "signed": signed}
        await self._program.ask("until_device", within=SEES_WITHIN, **asked)

    async def device_status(self, user_id: str, device_id: str) -> DeviceStatus | None:
        """Return what this client holds of a device; None if it knows none, as of people with whom it shares no encrypted room."""
        told = await self._program.ask("device_status", user_id=user_id, device_id=device_id)
        return None if told is None else DeviceStatus(**told)

    async def room_keys(self, room: str) -> set[str]:
        """Return the ids of the sessions in a room that this device holds a key of."""
        return set(await self._program.ask("room_keys", room=room))

    async def caught_up(self) -> None:
        """Return when everything that was sent to this device up to now, such as room keys, has been taken in."""
        await self._program.ask("caught_up")

    # Rooms

    async def create_room(
        self, name: str, *, alias: str | None = None, invite: Collection[str] = (), encrypted: bool = True, direct: bool = False
    ) -> str:  # fmt: skip
        """Make a private room, encrypted from its beginning, and return its id. `alias` is a local part."""
        options: Json = {"name": name, "invite": list(invite), "is_direct": direct}
        options |= {} if alias is None else {"room_alias_name": alias}
        return await self._program.ask("create_room", encrypted=encrypted, **options)

    async def enable_encryption(self, room: str) -> None:
        """Encrypt a room from now on."""
        await self._program.ask("enable_encryption", room=room)

    async def join(self, room: str) -> str:
        """Join a room, given by id or alias, and return its id once this client knows the room."""
        return await self._program.ask("join", room=room)

    async def leave(self, room: str) -> None:
        """Leave a room, or decline an invite."""
        await self._program.ask("leave", room=room)

    async def invite(self, room: str, user_id: str) -> None:
        """Invite somebody to a room."""
        await self._program.ask("invite", room=room, user_id=user_id)

    async def kick(self, room: str, user_id: str) -> None:
        """Remove somebody from a room."""
        await self._program.ask("kick", room=room, user_id=user_id)

    async def until_member(self, room: str, user_id: str, membership: str = "join") -> None:
        """Return once this client knows of somebody's membership."""
        await self._program.ask("until_member", room=room, user_id=user_id, membership=membership)

    async def until_encrypted(self, room: str) -> None:
        """Return once this client knows that a room is encrypted."""
        await self._program.ask("until_encrypted", room=room)

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
        related = _relation(reply_to, thread)
        content = _text(body, msgtype, mentions) | ({"m.relates_to": related} if related else {})
        return await self.send(room, "m.room.message", content)

    async def edit(self, room: str, event_id: str, body: str) -> str:
        """Replace the text of an own message."""
        related = {"rel_type": "m.replace", "event_id": event_id}
        content = _text(f"* {body}") | {"m.new_content": _text(body), "m.relates_to": related}
        return await self.send(room, "m.room.message", content)

    async def react(self, room: str, event_id: str, key: str) -> str:
        """React to an event with the emoji `key`."""
        related = {"rel_type": "m.annotation", "event_id": event_id, "key": key}
        return await self.send(room, "m.reaction", {"m.relates_to": related})

    async def redact(self, room: str, event_id: str, reason: str = "") -> str:
        """Remove the content of an event."""
        return await self._program.ask("redact", room=room, event_id=event_id, reason=reason)

    async def send_file(self, room: str, name: str, data: bytes, mimetype: str) -> str:
        """Send a file, encrypted; a picture as `m.image`."""
        file = await self._program.ask("upload", bytes=b64encode(data).decode())
        kind = "m.image" if mimetype.startswith("image/") else "m.file"
        info = {"mimetype": mimetype, "size": len(data)}
        return await self.send(room, "m.room.message", _text(name, kind) | {"file": file, "info": info})

    async def send(self, room: str, kind: str, content: Mapping[str, object]) -> str:
        """Send an event of the type `kind`; in an encrypted room encrypted, reactions excepted."""
        return await self._program.ask("send", room=room, type=kind, content=content)

    # What it sees

    async def sees(self, predicate: Predicate, within: float = SEES_WITHIN, *, what: str = "what was waited for") -> Sight:
        """Return the first event that fits, in the state it is in now; waits for it, and says what it did see if none comes."""
        try:
            async with asyncio.timeout(within):
                return await self._until(lambda: next(filter(predicate, self._sights.values()), None))
        except TimeoutError:
            raise AssertionError(self._not_seen(what, within)) from None

    def saw(self, predicate: Predicate) -> list[Sight]:
        """Return all that has arrived so far, in its order and in the state it is in now, that fits."""
        return list(filter(predicate, self._sights.values()))

    async def reads_back(self, room: str) -> list[Sight]:
        """Return all events of a room that the homeserver shows this person, oldest first, each tried to be decrypted."""
        return [Sight.of(line) for line in await self._program.ask("events", room=room)]

    async def tries(self, sight: Sight) -> Sight:
        """Have this client try to decrypt an event that somebody else got; return how it looks here."""
        return Sight.of(await self._program.ask("decrypt", raw=sight.raw))

    async def download(self, sight: Sight) -> Attachment:
        """Fetch and decrypt what is attached to a message. Raises `Failed` if its hash is not the one in the event."""
        told = await self._program.ask("download", file=sight.content["file"])
        return Attachment(b64decode(told["bytes"]), str(sight.content["info"]["mimetype"]), int(told["stored_size"]))

    # Verification

    async def verify_in_room(self, user_id: str, room: str) -> "Verification":
        """Ask somebody for verification in a direct chat."""
        return Verification(self, await self._program.ask("verify_in_room", user_id=user_id, room=room))

    async def verify_device(self, user_id: str, device_id: str) -> "Verification":
        """Ask a device for verification, by to-device messages."""
        return Verification(self, await self._program.ask("verify_device", user_id=user_id, device_id=device_id))

    async def asked_to_verify(self, user_id: str, within: float = SEES_WITHIN) -> "Verification":
        """Return the verification that somebody asks this person for; wait for it."""

        def asked() -> Standing | None:
            return next((now for now in self._standings.values() if now.user_id == user_id and not now.initiated_by_me), None)

        async with asyncio.timeout(within):
            return Verification(self, (await self._until(asked)).verification)

    # Inside

    async def _until(self, find: Callable[[], Found | None]) -> Found:
        while True:
            news = self._news
            if (found := find()) is not None:
                return found
            await news.wait()

    def _take(self, line: Json) -> None:
        if line["event"] == "seen":
            sight = Sight.of(line)
            self._sights[sight.event_id] = sight
        elif line["event"] == "verification":
            self._take_standing(line)
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _take_standing(self, line: Json) -> None:
        told = {name: line[name] for name in Standing.__slots__ if name in line}
        if "emoji" in told:
            told["emoji"] = tuple(symbol for symbol, _name in told["emoji"])
        before = self._standings.get(line["verification"], Standing(line["verification"]))
        self._standings[line["verification"]] = replace(before, **told)

    def _not_seen(self, what: str, within: float) -> str:
        seen = [
            f"  {sight.sender} {sight.wire_type}→{sight.type} {sight.failure or sight.shield} {str(sight.content)[:160]}"
            for sight in [*self._sights.values()][-25:]
        ]
        head = f"{self.user_id} did not see {what} within {within:g} s, but:"
        return "\n".join([head, *seen, "the sdk's last words:", self._program.noise])


class Verification:
    """A verification between a client's person and somebody, from the client's side."""

    def __init__(self, client: ForeignClient, verification: str) -> None:
        self.id = verification
        self._client = client

    @property
    def standing(self) -> Standing:
        """How it stands now."""
        return self._client._standings[self.id]

    async def accept(self) -> None:
        """Say that this side is ready."""
        await self._do("accept")

    async def start(self) -> None:
        """Begin to compare emoji, or go on with what the other side has begun."""
        await self._do("start_sas")

    async def confirm(self) -> None:
        """Say that the emoji are the same."""
        await self._do("confirm")

    async def mismatch(self) -> None:
        """Say that the emoji are not the same."""
        await self._do("mismatch")

    async def cancel(self) -> None:
        """Call it off."""
        await self._do("cancel")

    async def emoji(self, within: float = SEES_WITHIN) -> tuple[str, ...]:
        """Return the emoji that are shown; wait for them."""
        return (await self._stands(lambda now: bool(now.emoji), within)).emoji

    async def reaches(self, *phases: str, within: float = SEES_WITHIN) -> Standing:
        """Return how it stands once it is in one of the `phases`."""
        return await self._stands(lambda now: now.phase in phases, within)

    async def ends(self, within: float = SEES_WITHIN) -> Standing:
        """Return how it ended, done or cancelled; waits for it."""
        return await self._stands(lambda now: now.over, within)

    async def _do(self, what: str) -> None:
        await self._client._program.ask(what, verification=self.id)

    async def _stands(self, fits: Callable[[Standing], bool], within: float) -> Standing:
        try:
            async with asyncio.timeout(within):
                return await self._client._until(lambda: self.standing if fits(self.standing) else None)
        except TimeoutError:
            raise AssertionError(f"after {within:g} s it stands at {self.standing}\n{self._client._program.noise}") from None


def _text(body: str, msgtype: str = "m.text", mentions: Collection[str] = ()) -> Json:
    return {"msgtype": msgtype, "body": body, "m.mentions": {"user_ids": list(mentions)} if mentions else {}}


def _relation(reply_to: str | None, thread: str | None) -> Json:
    replied = reply_to or thread
    related: Json = {"m.in_reply_to": {"event_id": replied}} if replied else {}
    if thread is not None:
        related |= {"rel_type": "m.thread", "event_id": thread, "is_falling_back": reply_to is None}
    return related
