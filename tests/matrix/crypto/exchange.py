"""A homeserver's part in encryption, in memory: whose keys there are, and what devices send to one another. The Olm machines are real."""

import copy
import itertools
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from nio.crypto import Olm
from nio.store import SqliteStore

from bot.errors import ChatUnavailable
from bot.matrix.crypto.encryption import Encryption
from bot.matrix.crypto.server import API, refusal
from bot.matrix.crypto.signing import public_key, sign

Json = dict[str, Any]
Answer = tuple[int, Json]
ROOM, OTHER_ROOM = "!room:example.org", "!other:example.org"
MEGOLM = "m.megolm.v1.aes-sha2"
KIND = "signed_curve25519"
_numbers = itertools.count(1)


@dataclass
class Asked:
    """A request: `sender` is the device that made it."""

    sender: "Line"
    method: str
    path: str
    body: Json


@dataclass
class Exchange:
    """All that a homeserver knows. `instead(asked)` may answer in its place, or raise; `asked` is what was asked for so far."""

    device_keys: defaultdict[str, Json] = field(default_factory=lambda: defaultdict(dict))
    one_time_keys: dict[tuple[str, str], Json] = field(default_factory=dict)
    fallback_keys: dict[tuple[str, str], Json] = field(default_factory=dict)
    used_fallback: set[tuple[str, str]] = field(default_factory=set)
    master_keys: Json = field(default_factory=dict)
    self_signing_keys: Json = field(default_factory=dict)
    inboxes: defaultdict[tuple[str, str], list[Json]] = field(default_factory=lambda: defaultdict(list))
    joined: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    state: dict[str, Json] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    instead: Callable[[Asked], Awaitable[Answer | None]] | None = None

    def paths(self, start: str, sender: "Line | None" = None) -> list[Asked]:
        """Return what was asked for under paths that begin like this."""
        return [each for each in self.asked if each.path.startswith(start) and sender in (None, each.sender)]

    def taken_ids(self, device: tuple[str, str]) -> set[str]:
        return set(self._issued[device])

    def delete_device(self, user_id: str, device_id: str) -> None:
        """Forget a device, as when it is logged out."""
        del self.device_keys[user_id][device_id]
        for keys in (self.one_time_keys, self.fallback_keys, self._issued):
            keys.pop((user_id, device_id), None)

    _issued: defaultdict[tuple[str, str], dict[str, Any]] = field(default_factory=lambda: defaultdict(dict))

    async def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        if self.instead is not None and (answer := await self.instead(asked)) is not None:
            return answer
        for start, handler in (
            ("/keys/upload", self._upload),
            ("/keys/query", self._query),
            ("/keys/claim", self._claim),
            ("/sendToDevice/", self._send),
            ("/rooms/", self._room),
        ):
            if asked.path.startswith(start):
                return handler(asked)
        return 404, {"errcode": "M_UNRECOGNIZED"}

    def _upload(self, asked: Asked) -> Answer:
        device = asked.sender.device
        given: Json = asked.body.get("one_time_keys", {})
        for name, key in given.items():
            if self._issued[device].get(name, key) != key:  # as Synapse does
                return 400, {"errcode": "M_UNKNOWN", "error": f"One time key {name} already exists. Old key: …; new key: …"}
        self._issued[device] |= given
        self.one_time_keys.setdefault(device, {}).update(given)
        if "device_keys" in asked.body:
            self.device_keys[device[0]][device[1]] = asked.body["device_keys"]
        if asked.body.get("fallback_keys"):
            self.fallback_keys[device] = asked.body["fallback_keys"]
            self.used_fallback.discard(device)
        return 200, {"one_time_key_counts": {KIND: len(self.one_time_keys[device])}}

    def _query(self, asked: Asked) -> Answer:
        users = asked.body["device_keys"]
        there = {user: self.device_keys[user] for user in users if user.partition(":")[2] not in self.failures}
        return 200, copy.deepcopy({
            "device_keys": there,
            "failures": {name: {} for name in self.failures},
            "master_keys": {user: key for user, key in self.master_keys.items() if user in there},
            "self_signing_keys": {user: key for user, key in self.self_signing_keys.items() if user in there},
        })  # fmt: skip

    def _claim(self, asked: Asked) -> Answer:
        found: defaultdict[str, Json] = defaultdict(dict)
        for user_id, devices in asked.body["one_time_keys"].items():
            for device_id in devices:
                device = (user_id, device_id)
                if self.one_time_keys.get(device):
                    name, key = self.one_time_keys[device].popitem()
                    found[user_id][device_id] = {name: key}
                elif device in self.fallback_keys:
                    self.used_fallback.add(device)
                    found[user_id][device_id] = self.fallback_keys[device]
        return 200, {"one_time_keys": copy.deepcopy(dict(found)), "failures": {}}

    def _send(self, asked: Asked) -> Answer:
        kind = unquote(asked.path.split("/")[2])
        for user_id, devices in asked.body["messages"].items():
            for device_id, content in devices.items():
                event = {"type": kind, "sender": asked.sender.device[0], "content": content}
                self.inboxes[user_id, device_id].append(json.loads(json.dumps(event)))
        return 200, {}

    def _room(self, asked: Asked) -> Answer:
        room_id = unquote(asked.path.split("/")[2])
        if asked.path.endswith("/members?membership=join"):
            joined = {"membership": "join"}
            chunk = [{"type": "m.room.member", "state_key": user, "content": joined} for user in self.joined[room_id]]
            return 200, {"chunk": chunk}
        if room_id in self.state:
            return 200, self.state[room_id]
        return 404, {"errcode": "M_NOT_FOUND", "error": "Event not found."}


class Line:
    """The homeserver as one device calls it: a `Server`."""

    def __init__(self, exchange: Exchange, device: tuple[str, str]) -> None:
        self.exchange = exchange
        self.device = device

    async def call(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, api: str = API, seconds: float = 30
    ) -> Json:
        status, answer = await self.ask(method, path, body, api=api, seconds=seconds)
        if status == HTTPStatus.OK:
            return answer
        raise refusal(answer, status)

    async def ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, api: str = API, seconds: float = 30
    ) -> Answer:
        del api, seconds
        return await self.exchange.answer(Asked(self, method, path, json.loads(json.dumps(body or {}))))


class Machine:
    """A device: nio's Olm machine with its store in `folder`, and our `Encryption` on it."""

    def __init__(
        self,
        exchange: Exchange,
        folder: Path,
        user_id: str = "@bot:example.org",
        device_id: str = "BOT",
        *,
        only_signed: bool = False,
    ) -> None:
        self.exchange = exchange
        self.user_id = user_id
        self.device_id = device_id
        self.line = Line(exchange, (user_id, device_id))
        self.only_signed = only_signed
        self.dropped: list[tuple[str, str, str]] = []
        self.batch = 0
        self._folder = folder
        self._open()

    def _open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        store: Any = SqliteStore(self.user_id, self.device_id, str(self._folder), database_name=f"{self.device_id}.sqlite")
        self.database: Any = store.database
        self.database.execute_sql("PRAGMA synchronous=OFF")
        self.olm: Any = Olm(self.user_id, self.device_id, store)
        self.encryption = Encryption(
            self.line, self.olm, self.database, self._drop, kinds=None, only_signed=self.only_signed, settles=0
        )

    def restart(self) -> None:
        """Forget what is in memory and open the store again, as a process does that was killed."""
        self.database.close()
        self._open()

    def _drop(self, kind: str, reason: BaseException | str, sender: str) -> None:
        self.dropped.append((kind, reason if isinstance(reason, str) else type(reason).__name__, sender))

    @property
    def device(self) -> tuple[str, str]:
        return self.user_id, self.device_id

    async def sync(self, *, changed: tuple[str, ...] = (), left: tuple[str, ...] = (), rooms: Json | None = None) -> set[str]:
        """Take what is there for us, and do the chores; return the sessions whose keys came."""
        came = self.learn(changed=changed, left=left, rooms=rooms)
        await self.encryption.chores()
        return came

    def learn(self, *, changed: tuple[str, ...] = (), left: tuple[str, ...] = (), rooms: Json | None = None) -> set[str]:
        self.batch += 1
        events, self.exchange.inboxes[self.device] = self.exchange.inboxes[self.device], []
        used = self.device in self.exchange.used_fallback or self.device not in self.exchange.fallback_keys
        raw: Json = {
            "device_lists": {"changed": list(changed), "left": list(left)},
            "device_one_time_keys_count": {KIND: len(self.exchange.one_time_keys.get(self.device, {}))},
            "device_unused_fallback_key_types": [] if used else [KIND],
            "rooms": {"join": rooms or {}},
            "to_device": {"events": events},
        }
        with self.database.atomic():
            return self.encryption.learn(raw, self.batch)

    async def says(self, body: str, room_id: str = ROOM, *, kind: str = "m.room.message") -> Json:
        """Return the event that reaches a room when we say something there."""
        sent_kind, content = await self.encryption.encrypt(room_id, kind, {"msgtype": "m.text", "body": body})
        return {
            "type": sent_kind,
            "content": json.loads(json.dumps(content)),
            "sender": self.user_id,
            "event_id": f"${next(_numbers)}",
            "origin_server_ts": 0,
        }

    async def reads(self, event: Json, room_id: str = ROOM) -> str:
        """Sync, and return what an event says. Raises `Undecryptable` and `Worthless`."""
        await self.sync()
        self.encryption.devices.changed([event["sender"]], self.batch)
        await self.encryption.devices.refresh([event["sender"]])
        return str(self.encryption.decrypt(event, room_id).source["content"]["body"])


def encrypted(exchange: Exchange, *people: str, room_id: str = ROOM, **settings: object) -> None:
    """Make an encrypted room with these people in it."""
    exchange.joined[room_id] = list(people)
    exchange.state[room_id] = {"algorithm": MEGOLM, **settings}


def sign_devices(exchange: Exchange, user_id: str, *device_ids: str) -> None:
    """Give somebody a cross-signing identity, which signs these devices of theirs."""
    master, signing = b"\1" * 32, b"\2" * 32
    key = {"user_id": user_id, "usage": ["master"], "keys": {f"ed25519:{public_key(master)}": public_key(master)}}
    exchange.master_keys[user_id] = key
    described = {"user_id": user_id, "usage": ["self_signing"], "keys": {f"ed25519:{public_key(signing)}": public_key(signing)}}
    exchange.self_signing_keys[user_id] = sign(described, seed=master, user_id=user_id)
    for device_id in device_ids:
        devices = exchange.device_keys[user_id]
        devices[device_id] = sign(devices[device_id], seed=signing, user_id=user_id)


async def away(_asked: Asked) -> Answer | None:
    """Not there."""
    raise ChatUnavailable("away")
