"""A device made by hand, on vodozemac alone: it can say anything, well encrypted or not. And what it says to do harm."""

import itertools
import json
import secrets
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeAlias
from urllib.parse import quote

from aiohttp import ClientSession
from vodozemac import Account, Curve25519PublicKey, Curve25519SecretKey, GroupSession, PreKeyMessage, Session

from bot.demo.api import client
from bot.demo.people import Person
from bot.matrix.crypto.signing import canonical
from tests.e2e.running import Json

OLM, MEGOLM, ENCRYPTED = "m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2", "m.room.encrypted"
_numbers = itertools.count(1)


def base64(raw: bytes) -> str:
    """Return base64 as Matrix has it, without padding."""
    return b64encode(raw).decode().rstrip("=")


def brackets(depth: int, inside: str = "") -> str:
    """Return JSON arrays, one in the other."""
    return "[" * depth + inside + "]" * depth


@dataclass
class Peer:
    """A device of somebody else, as a device made by hand talks to it."""

    user_id: str
    device_id: str
    curve25519: str
    ed25519: str
    session: Session


@dataclass
class Handmade:
    """The device of `person`, who reads no encrypted rooms otherwise."""

    person: Person
    device_id: str = ""
    account: Account = field(default_factory=Account)
    megolm: GroupSession = field(default_factory=GroupSession)

    def __post_init__(self) -> None:
        self.device_id = self.device_id or self.person.account.device_id

    @property
    def user_id(self) -> str:
        return self.person.user_id

    @property
    def curve25519(self) -> str:
        return self.account.curve25519_key.to_base64()

    @property
    def ed25519(self) -> str:
        return self.account.ed25519_key.to_base64()

    # What it shows of itself

    def signed(self, value: Mapping[str, Any]) -> Json:
        signature = self.account.sign(canonical(value)).to_base64()
        return {**value, "signatures": {self.user_id: {f"ed25519:{self.device_id}": signature}}}

    def device_keys(self, **instead: object) -> Json:
        keys = {f"curve25519:{self.device_id}": self.curve25519, f"ed25519:{self.device_id}": self.ed25519}
        return {"user_id": self.user_id, "device_id": self.device_id, "algorithms": [OLM, MEGOLM], "keys": keys, **instead}

    def one_time_keys(self, count: int = 5) -> Json:
        self.account.generate_one_time_keys(count)
        found = self.account.one_time_keys
        self.account.mark_keys_as_published()
        return {f"signed_curve25519:{name}": self.signed({"key": key.to_base64()}) for name, key in found.items()}

    async def upload(self, **body: object) -> None:
        """Upload keys: good ones, if nothing else is given."""
        await self.person.api.request(
            "POST",
            client("keys", "upload"),
            body or {"device_keys": self.signed(self.device_keys()), "one_time_keys": self.one_time_keys()},
        )

    # To devices

    async def meet(self, user_id: str, device_id: str) -> Peer:
        """Claim a one-time key of a device and begin an Olm session with it."""
        keys = await self.keys_of(user_id, device_id)
        claimed = {"one_time_keys": {user_id: {device_id: "signed_curve25519"}}}
        answer = await self.person.api.request("POST", client("keys", "claim"), claimed)
        (key,) = answer["one_time_keys"][user_id][device_id].values()
        return self.peer(user_id, device_id, keys, key["key"])

    async def keys_of(self, user_id: str, device_id: str) -> Json:
        answer = await self.person.api.request("POST", client("keys", "query"), {"device_keys": {user_id: [device_id]}})
        return answer["device_keys"][user_id][device_id]["keys"]

    def peer(self, user_id: str, device_id: str, keys: Json, one_time_key: str) -> Peer:
        curve25519, ed25519 = keys[f"curve25519:{device_id}"], keys[f"ed25519:{device_id}"]
        to, once = (Curve25519PublicKey.from_base64(key) for key in (curve25519, one_time_key))
        return Peer(user_id, device_id, curve25519, ed25519, self.account.create_outbound_session(to, once))

    def olm(self, peer: Peer, plaintext: bytes) -> Json:
        """Return the content of an event with this plaintext in it."""
        kind, body = peer.session.encrypt(plaintext).to_parts()
        ciphertext = {peer.curve25519: {"type": kind, "body": base64(body)}}
        return {"algorithm": OLM, "sender_key": self.curve25519, "ciphertext": ciphertext}

    def envelope(self, peer: Peer, kind: str, content: object, **instead: object) -> bytes:
        """Return the plaintext that a good client would encrypt, with something else in it."""
        return json.dumps({
            "type": kind,
            "content": content,
            "sender": self.user_id,
            "sender_device": self.device_id,
            "keys": {"ed25519": self.ed25519},
            "recipient": peer.user_id,
            "recipient_keys": {"ed25519": peer.ed25519},
            **instead,
        }).encode()  # fmt: skip

    async def send_to(self, peer: Peer, content: object, kind: str = ENCRYPTED) -> None:
        path = f"/_matrix/client/v3/sendToDevice/{quote(kind)}/{secrets.token_hex(6)}-{next(_numbers)}"
        await self.person.api.request("PUT", path, {"messages": {peer.user_id: {peer.device_id: content}}})

    async def put(self, path: str, body: str) -> bool:
        """Put JSON as it stands, which may be nested deeper than we could encode it. Return whether the homeserver took it."""
        headers = {"Authorization": f"Bearer {self.person.account.access_token}", "Content-Type": "application/json"}
        url = f"{self.person.api.url}/_matrix/client/v3{path}/{secrets.token_hex(6)}"
        async with ClientSession() as session, session.put(url, data=body.encode(), headers=headers) as answer:
            return answer.status == HTTPStatus.OK

    # In rooms

    def room_key(self, room_id: str, megolm: GroupSession | None = None) -> Json:
        session = megolm or self.megolm
        key = session.session_key.to_base64()
        return {"algorithm": MEGOLM, "room_id": room_id, "session_id": session.session_id, "session_key": key}

    async def share(self, peer: Peer, room_id: str, megolm: GroupSession | None = None) -> None:
        """Let a device have the key of what we say from now on."""
        await self.send_to(peer, self.olm(peer, self.envelope(peer, "m.room_key", self.room_key(room_id, megolm))))

    def encrypted(self, plaintext: bytes, megolm: GroupSession | None = None) -> Json:
        """Return the content of an event in a room, with anything at all in it."""
        session = megolm or self.megolm
        return {
            "algorithm": MEGOLM,
            "sender_key": self.curve25519,
            "device_id": self.device_id,
            "session_id": session.session_id,
            "ciphertext": session.encrypt(plaintext).to_base64(),
        }

    def said(self, room_id: str, body: str, megolm: GroupSession | None = None) -> Json:
        """Return the content of an encrypted message that is as it should be."""
        return self.encrypted(plain(room_id, body), megolm)


def plain(room_id: str, body: str, **instead: object) -> bytes:
    """Return what stands inside an encrypted message."""
    content = {"msgtype": "m.text", "body": body, "m.mentions": {}}
    return json.dumps({"type": "m.room.message", "content": content, "room_id": room_id, **instead}).encode()


# What a stranger sends

OFF: list[Any] = [None, 5, -1, 1.5, True, "", "x", [], {}, [5], {"a": 1}]
"""What is not what it ought to be."""

NOT_BASE64 = ["", "!!!", "ä" * 20, "A", "AAAA", "A" * 43, "_-" * 30, "x" * 60_000, "\x00", "=" * 8]


def broken_envelopes(device: Handmade, peer: Peer) -> Iterator[Json]:
    """Yield events that can be taken for Olm messages, and are none."""
    good = device.olm(peer, device.envelope(peer, "m.dummy", {}))
    yield from ({**good, "ciphertext": wrong} for wrong in _broken_ciphertexts(peer.curve25519, good["ciphertext"]))
    stray = Curve25519SecretKey().public_key().to_base64()
    for name, wrong in (
        *(("sender_key", wrong) for wrong in [*OFF, *NOT_BASE64, peer.curve25519, stray]),
        *(("algorithm", wrong) for wrong in [*OFF, MEGOLM, "m.olm.v2", f"{OLM} "]),
    ):
        yield {**good, name: wrong}
    yield from ({name: value for name, value in good.items() if name != missing} for missing in good)


def _broken_ciphertexts(own: str, good: Json) -> Iterator[Any]:
    body = good[own]["body"]
    for wrong in [*NOT_BASE64, body[:40], body[:-8], "B" + body[1:], *OFF]:
        yield from ({own: {"type": kind, "body": wrong}} for kind in (0, 1))
    yield from ({own: {"type": wrong, "body": body}} for wrong in [2, 99, -1, "0", None, [], {}, 1.5])
    yield from ({own: wrong} for wrong in [*OFF, {"type": 0}, {"body": body}])
    yield from [*OFF, {own: []}, {"x" * 60_000: {"type": 0, "body": body}}]
    yield from ({own: {"type": 0, "body": json.loads(brackets(depth))}} for depth in (100, 500, 800))


def broken_plaintexts(device: Handmade, peer: Peer) -> Iterator[bytes]:
    """Yield what may stand in a well encrypted Olm message, and is none of our business."""
    good: Json = json.loads(device.envelope(peer, "m.dummy", {}))
    yield from (b"", b"{", b"\xff\xfe\xfd", b"null", b"[]", b"5", b'"x"', b"NaN", b'{"a":' * 5000, b"[" * 40_000, b"9" * 5000)
    yield from (brackets(depth).encode() for depth in range(900, 1000, 20))
    yield from (json.dumps({key: value for key, value in good.items() if key != missing}).encode() for missing in good)
    for name in good:
        harmless = {"content": dict, "keys": dict, "sender_device": str}.get(name, type(None))
        yield from (json.dumps({**good, name: wrong}).encode() for wrong in OFF if wrong is None or not isinstance(wrong, harmless))
    yield device.envelope(peer, "m.dummy", {}, sender="@karla:netz.example")
    yield device.envelope(peer, "m.dummy", {}, recipient=device.user_id)
    yield device.envelope(peer, "m.dummy", {}, recipient_keys={"ed25519": device.ed25519})
    yield device.envelope(peer, "m.dummy", {}, recipient_keys={})
    yield device.envelope(peer, "m.room.message", {"msgtype": "m.text", "body": "!netz labore"})
    yield device.envelope(peer, "m.room_key", {})
    yield device.envelope(peer, "m.key.verification.start", {"from_device": 5})


def broken_keys(device: Handmade, peer: Peer, room_id: str, elsewhere: str) -> Iterator[bytes]:
    """Yield room keys that are none, each well encrypted. The room's own key stays what it was."""
    good = device.room_key(room_id, GroupSession())
    for name in good:
        for wrong in [*OFF, "x" * 1000, "A" * 305, "\ud83d"]:
            if not (name == "algorithm" and wrong == MEGOLM):
                yield device.envelope(peer, "m.room_key", {**good, name: wrong})
        yield device.envelope(peer, "m.room_key", {key: value for key, value in good.items() if key != name})
    yield device.envelope(peer, "m.room_key", {**good, "room_id": elsewhere, "session_id": GroupSession().session_id})
    yield device.envelope(peer, "m.room_key", {**good, "session_key": good["session_key"][:-4]})
    yield device.envelope(peer, "m.room_key", good, keys={})
    yield device.envelope(peer, "m.room_key", good, keys={"ed25519": 5})
    forwarded = {
        **good,
        "sender_key": device.curve25519,
        "sender_claimed_ed25519_key": device.ed25519,
        "forwarding_curve25519_key_chain": [],
    }
    yield device.envelope(peer, "m.forwarded_room_key", forwarded)
    yield device.envelope(peer, "m.forwarded_room_key", {**forwarded, "forwarding_curve25519_key_chain": 5})


def in_clear(room_id: str) -> Iterator[tuple[str, object]]:
    """Yield kind and content of what may come unencrypted, for a device to act on; it must not."""
    key: Json = {"algorithm": MEGOLM, "room_id": room_id, "session_id": "x", "session_key": "y"}
    request = {"action": "request", "request_id": "1", "requesting_device_id": "X", "body": {**key, "sender_key": "z"}}
    for kind in (
        "m.room_key",
        "m.forwarded_room_key",
        "m.room_key.withheld",
        "m.dummy",
        "m.secret.request",
        "m.secret.send",
        "",
        "x",
    ):
        yield from ((kind or "m", content) for content in ({}, key, {"a": 5}))
    yield from (("m.room_key_request", content) for content in (request, {**request, "body": 5}, {"action": []}, {"action": "x"}))
    cancel = {"action": "request_cancellation", "request_id": "x", "requesting_device_id": "y"}
    yield from (("m.room_key_request", {**cancel, name: wrong}) for name in cancel for wrong in OFF)


# What a member says


def broken_plain(room_id: str, elsewhere: str) -> Iterator[bytes]:
    """Yield what may stand in a well encrypted event of a room, and must do nothing."""
    good: Json = json.loads(plain(room_id, "!netz labore"))
    yield from (b"", b"{", b"\xff\xfe\xfd", b"null", b"5", b"[]", b'["x"]', b'"x"', b"true", b"[" * 45_000, b"9" * 5000, b"{}")
    for name in good:
        yield json.dumps({key: value for key, value in good.items() if key != name}).encode()
        yield from (
            json.dumps({**good, name: wrong}).encode() for wrong in OFF if not (name == "content" and isinstance(wrong, dict))
        )
    yield plain(elsewhere, "!netz labore")
    yield plain(room_id, "!netz labore", state_key="")
    yield plain(room_id, "!netz labore", state_key=None)
    for kind in ("m.room.join_rules", "m.room.member", "m.room.encryption", "m.room.redaction", "m.room.encrypted", "m.room_key"):
        yield plain(room_id, "x", type=kind, content={"join_rule": "public", "membership": "leave", "algorithm": "none"})
        yield plain(room_id, "x", type=kind, content={"join_rule": "public"}, state_key="")


def deep_plain(room_id: str) -> Iterator[bytes]:
    """Yield messages, no commands, nested as deep as JSON of Python's may be, and deeper."""
    for depth in (100, *range(900, 1000, 4), 2000):
        yield b'{"deep":%s,%s' % (brackets(depth).encode(), plain(room_id, "Moin")[1:])
        yield plain(room_id, "Moin").replace(b'"m.mentions": {}', b'"m.mentions": {"a": %s}' % brackets(depth).encode())


def broken_events(good: Json) -> Iterator[Json]:
    """Yield contents of encrypted events that are not as they should be; `good`: a whole one."""
    yield {}
    for name in ("algorithm", "ciphertext", "session_id"):
        yield {key: value for key, value in good.items() if key != name}
        yield from ({**good, name: wrong} for wrong in OFF)
    yield from ({**good, "ciphertext": wrong} for wrong in [*NOT_BASE64, good["ciphertext"][:-20], "B" + good["ciphertext"][1:]])
    yield from ({**good, "session_id": wrong} for wrong in ("ä ö\n" * 5, "x" * 30_000))
    yield {**good, "algorithm": OLM, "ciphertext": {}}


def unknown_sessions(good: Json) -> Iterator[Json]:
    """Yield events whose key nobody will ever send."""
    yield from ({**good, "session_id": wrong} for wrong in ("A" * 43, *(GroupSession().session_id for _ in range(5))))


def unheard_of(device: Handmade, peer: Peer) -> Iterator[Json]:
    """Yield Olm messages for one-time keys that the other device never had, the first of their session."""
    keys = {f"curve25519:{peer.device_id}": peer.curve25519, f"ed25519:{peer.device_id}": peer.ed25519}
    for _ in range(5):
        stray = device.peer(peer.user_id, peer.device_id, keys, Curve25519SecretKey().public_key().to_base64())
        message = device.olm(stray, device.envelope(peer, "m.dummy", {}))
        PreKeyMessage.from_base64(message["ciphertext"][peer.curve25519]["body"])
        yield message


# What a member uploads as their keys; each with the Curve25519 key of somebody else to pose with

BadKeys: TypeAlias = Callable[[Handmade, str], Json]


def _with_keys(**instead: object) -> BadKeys:
    def made(device: Handmade, theirs: str) -> Json:
        good = device.device_keys()
        wrong = {f"{name}:{device.device_id}": theirs if value == "theirs" else value for name, value in instead.items()}
        return {
            "device_keys": device.signed({**good, "keys": {**good["keys"], **wrong}}),
            "one_time_keys": device.one_time_keys(),
        }

    return made


def _with_one_time_keys(*values: object) -> BadKeys:
    def made(device: Handmade, theirs: str) -> Json:
        del theirs
        named = {f"signed_curve25519:AAAA{n}": value for n, value in enumerate(values)}
        return {"device_keys": device.signed(device.device_keys()), "one_time_keys": named}

    return made


def _with_signed_one_time_key(key: object) -> BadKeys:
    def made(device: Handmade, theirs: str) -> Json:
        del theirs
        return {
            "device_keys": device.signed(device.device_keys()),
            "one_time_keys": {"signed_curve25519:AAAA": device.signed({"key": key})},
        }

    return made


def _with_bad_signatures(signatures: object) -> BadKeys:
    def made(device: Handmade, theirs: str) -> Json:
        del theirs
        return {
            "device_keys": {**device.signed(device.device_keys()), "signatures": signatures},
            "one_time_keys": device.one_time_keys(),
        }

    return made


def _with_a_signature_of_something_else(device: Handmade, theirs: str) -> Json:
    del theirs
    return {"device_keys": {**device.signed(device.device_keys()), "algorithms": ["x"]}, "one_time_keys": device.one_time_keys()}


def _with_anothers_one_time_key(device: Handmade, theirs: str) -> Json:
    signatures = {device.user_id: {f"ed25519:{device.device_id}": "A" * 86}}
    return _with_one_time_keys({"key": theirs, "signatures": signatures})(device, theirs)


BAD_KEYS: list[BadKeys] = [
    _with_bad_signatures({}),
    _with_bad_signatures({"@x:y": {"ed25519:X": "A" * 86}}),
    _with_a_signature_of_something_else,
    _with_keys(curve25519="junk"),
    _with_keys(curve25519="AAAA", ed25519="AAAA"),
    _with_keys(curve25519="A" * 43),
    _with_keys(curve25519="theirs"),
    _with_keys(ed25519="theirs"),
    _with_one_time_keys(),
    _with_one_time_keys({"key": "A" * 43}),
    _with_one_time_keys({"key": "A" * 43, "signatures": 5}),
    _with_one_time_keys("x"),
    _with_one_time_keys([]),
    _with_one_time_keys({"key": 5}),
    _with_anothers_one_time_key,
    *(_with_signed_one_time_key(key) for key in ("junk", "", "A" * 43, "A" * 400, 5, None)),
]
