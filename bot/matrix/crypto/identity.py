"""Our cross-signing identity at the homeserver (specification v1.18, "Cross-signing"): who the bot is, whatever device it is on.

A master key signs a self-signing key, which signs devices. Clients leave a device alone that its owner has not signed (MSC4153), so ours is
signed before anything is sent. What somebody else has put in our identity's place is never overwritten without being told to.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, cast

import structlog

from bot.errors import ChatUnavailable, text
from bot.matrix.crypto.device_lists import device_of, is_key
from bot.matrix.crypto.identity_file import IdentityFile, IdentityTrouble, Seeds, printable
from bot.matrix.crypto.interactive_auth import PersonNeeded, authenticated
from bot.matrix.crypto.server import Server
from bot.matrix.crypto.signing import is_signed, public_key, sign

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Device:
    """A device and its two public identity keys, in unpadded base64."""

    user_id: str
    device_id: str
    ed25519: str
    curve25519: str


class Kind(Enum):
    """How the homeserver's identity for our account stands to the one that we keep."""

    NOTHING = "the homeserver has none"
    OURS = "the homeserver has ours"
    REPLACED = "the homeserver has another than we keep"
    NOT_KEPT = "the homeserver has one and we keep none"


@dataclass(frozen=True, slots=True)
class Standing:
    """`fingerprint`: our public master key, None if we keep none. `found`: the homeserver's where it is not ours."""

    kind: Kind
    fingerprint: str | None
    found: str | None = None
    device_signed: bool = False


@dataclass(frozen=True, slots=True)
class Published:
    """What the homeserver says of our account's keys, as far as it makes sense; devices only with their own good signature."""

    user_id: str
    master: str | None
    self_signing: str | None
    devices: Mapping[str, Device]
    raw: Mapping[str, dict[str, Any]] = field(repr=False)

    def is_signed(self, device_id: str) -> bool:
        """Whether a device carries the signature of the published self-signing key."""
        key, raw = self.self_signing, self.raw.get(device_id)
        return key is not None and raw is not None and is_signed(raw, by=key, user_id=self.user_id, key_id=key)

    def standing(self, seeds: Seeds | None, device_id: str | None = None) -> Standing:
        """Compare with what we keep, and say whether the published identity has signed a device."""
        kept = seeds.fingerprint if seeds else None
        signed = device_id is not None and self.is_signed(device_id)
        if self.master is None:
            return Standing(Kind.NOTHING, kept)
        if seeds is None:
            return Standing(Kind.NOT_KEPT, None, self.master, signed)
        if self.master != kept:
            return Standing(Kind.REPLACED, kept, self.master, signed)
        if self.self_signing not in (None, public_key(seeds.self_signing)):
            return Standing(Kind.REPLACED, kept, self.self_signing, signed)
        return Standing(Kind.OURS, kept, device_signed=signed)


class DeviceNotSigned(IdentityTrouble):
    """A device was not signed: it is not what it should be, or the homeserver did not take the signature."""


class IdentityNotKept(IdentityTrouble):
    """The homeserver has an identity for our account, and we have not its seeds. `found`: its public master key."""

    def __init__(self, found: str, *, stored: bool) -> None:
        if stored:
            said = text(
                "Das Konto hat schon eine Identität (%(found)s), und ihre Schlüssel liegen nicht hier. Lege die gesicherten Dateien zurück,"
                " oder hole sie mit dem Wiederherstellungsschlüssel: netzwart device recover --keep-device --recovery-key DATEI",
                found=grouped(found),
            )
        else:
            said = text(
                "Das Konto hat schon eine Identität (%(found)s), und ihre Schlüssel liegen nicht hier. Lege die gesicherten Dateien zurück,"
                " oder gib dem Konto eine neue: netzwart device reset",
                found=grouped(found),
            )
        super().__init__(said)
        self.found = found


def grouped(key: str) -> str:
    """Return a public key as people compare it: in groups of four."""
    return " ".join(key[start : start + 4] for start in range(0, len(key), 4))


class Identity:
    """The cross-signing identity of `user_id`, on a homeserver that one of its devices is logged in to.

    Everything raises as `Server.call` does, and `ChatUnavailable` if the homeserver's answer makes no sense.
    """

    def __init__(self, server: Server, user_id: str) -> None:
        self._server = server
        self._user_id = user_id

    async def published(self) -> Published:
        """Ask the homeserver for our account's keys."""
        user_id = self._user_id
        answer = await self._server.call("POST", "/keys/query", {"device_keys": {user_id: []}})
        devices = _of_user(answer, "device_keys", user_id)
        if not isinstance(answer.get("device_keys"), dict):
            raise _nonsense("device_keys")
        checked = {str(device_id): _device(raw, user_id, device_id) for device_id, raw in (devices or {}).items()}
        master = _key(answer, "master_keys", "master", user_id)
        return Published(
            user_id,
            master,
            _key(answer, "self_signing_keys", "self_signing", user_id, signed_by=master),
            {device_id: device for device_id, device in checked.items() if device is not None},
            {device_id: raw for device_id, raw in (devices or {}).items() if checked[device_id] is not None},
        )

    async def look(self, file: IdentityFile, device_id: str | None = None) -> Standing:
        """Compare as `state` does, with what is kept in `file`. Raises `IdentityUnreadable`, too."""
        published = await self.published()
        return published.standing(file.in_use(published.master), device_id)

    async def state(self, seeds: Seeds | None, device_id: str | None = None) -> Standing:
        """Compare the homeserver's identity with ours, and say whether it has signed a device. Changes nothing."""
        return (await self.published()).standing(seeds, device_id)

    async def upload(self, seeds: Seeds, password: str | None, *, replacing: bool) -> None:
        """Make `seeds`, which must be kept already, our account's identity. With `replacing`, whatever it had before.

        Uploading the same again is harmless. Raises `PersonNeeded` if the homeserver wants more than the password. Synapse wants it, too,
        while another process is half-way through uploading the same identity: that is `ChatUnavailable`, worth another try.
        """

        async def nobody_elses() -> None:
            if not replacing:
                await self._check_nobody_elses(seeds)

        try:
            await authenticated(
                self._server,
                "POST",
                "/keys/device_signing/upload",
                public_parts(seeds, self._user_id),
                user_id=self._user_id,
                password=password,
                before=nobody_elses,
            )
        except PersonNeeded:
            if (await self.published()).master != seeds.fingerprint:
                raise
            raise ChatUnavailable("another process is uploading the same identity at this moment") from None

    async def _check_nobody_elses(self, seeds: Seeds) -> None:
        """Raise `IdentityNotKept` if the homeserver has turned out to have another identity: a password would overwrite it."""
        standing = (await self.published()).standing(seeds)
        if standing.found is not None:
            raise IdentityNotKept(standing.found, stored=False)

    async def sign_device(self, seeds: Seeds, expected: Device) -> None:
        """Sign a device of our account. Raises `DeviceNotSigned` if the homeserver shows another than the `expected` one."""
        published = await self.published()
        found = published.devices.get(expected.device_id)
        if found is None:
            raise DeviceNotSigned(
                text(
                    "Das Gerät %(device)s hat auf dem Homeserver keine gültigen Schlüssel; sie kommen mit netzwart run.",
                    device=printable(expected.device_id),
                )
            )
        if found != expected:
            raise DeviceNotSigned(
                text(
                    "Das Gerät %(device)s wird nicht beglaubigt: der Homeserver zeigt den Schlüssel %(found)s, erwartet ist %(expected)s."
                    " Ist der Ordner state_dir verloren oder vertauscht: netzwart device recover",
                    device=printable(expected.device_id),
                    found=grouped(found.ed25519),
                    expected=grouped(expected.ed25519),
                )
            )
        if not _signed_with(seeds, published, expected.device_id):
            await self._upload_signature(seeds, published.raw[expected.device_id], expected.device_id)

    async def _upload_signature(self, seeds: Seeds, raw: Mapping[str, Any], device_id: str) -> None:
        bare = {name: value for name, value in raw.items() if name not in ("signatures", "unsigned")}
        signed = sign(bare, seed=seeds.self_signing, user_id=self._user_id)
        answer = await self._server.call("POST", "/keys/signatures/upload", {self._user_id: {device_id: signed}})
        failures = answer.get("failures")
        if failures or not _signed_with(seeds, await self.published(), device_id):
            raise DeviceNotSigned(
                text(
                    "Der Homeserver hat die Beglaubigung des Geräts %(device)s nicht angenommen: %(reason)s",
                    device=printable(device_id),
                    reason=printable(failures or "–"),
                )
            )
        log.info("device_signed", device_id=device_id)


def public_parts(seeds: Seeds, user_id: str) -> dict[str, Any]:
    """Return the body that makes these our account's keys: the master key signs the two others."""

    def part(usage: str, seed: bytes) -> dict[str, Any]:
        public = public_key(seed)
        return {"user_id": user_id, "usage": [usage], "keys": {f"ed25519:{public}": public}}

    return {
        "master_key": part("master", seeds.master),
        "self_signing_key": sign(part("self_signing", seeds.self_signing), seed=seeds.master, user_id=user_id),
        "user_signing_key": sign(part("user_signing", seeds.user_signing), seed=seeds.master, user_id=user_id),
    }


async def establish(server: Server, who: Device, file: IdentityFile, password: str | None) -> Standing:
    """Make sure that our account has an identity, that it is ours, and that it has signed our device. Can be repeated.

    To be called after the device's keys are uploaded and before anything is sent. An identity that somebody put in place of ours is
    left alone: then `kind` is `REPLACED`, and the device is not signed by it. Raises `IdentityTrouble` (the text says what to do), and as
    `Server.call`.
    """
    identity = Identity(server, who.user_id)
    published = await identity.published()
    seeds = _kept(file, published)
    standing = published.standing(seeds)
    if standing.kind is Kind.REPLACED:
        return standing
    if standing.kind is Kind.NOT_KEPT and standing.found is not None:
        raise IdentityNotKept(standing.found, stored=await _is_stored(server, who.user_id))
    seeds = seeds or file.create()
    if standing.kind is Kind.NOTHING or published.self_signing is None:
        await identity.upload(seeds, password, replacing=False)
        log.info("identity_uploaded", master_key=seeds.fingerprint)
    await identity.sign_device(seeds, who)
    return Standing(Kind.OURS, seeds.fingerprint, device_signed=True)


def _kept(file: IdentityFile, published: Published) -> Seeds | None:
    """Return the seeds in use. A replacement that the homeserver has already is one: a crash came before it was put into place."""
    seeds = file.in_use(published.master)
    if seeds is not None and seeds == file.staged():
        file.promote()
    return seeds


async def _is_stored(server: Server, user_id: str) -> bool:
    from bot.matrix.crypto.secret_storage import SecretStorage

    return await SecretStorage(server, user_id).default_key() is not None


def _signed_with(seeds: Seeds, published: Published, device_id: str) -> bool:
    return published.self_signing == public_key(seeds.self_signing) and published.is_signed(device_id)


# What the homeserver answers may be anything.


def _nonsense(what: str) -> ChatUnavailable:
    return ChatUnavailable(f"the homeserver's answer about our own keys makes no sense: {what}")


def _of_user(answer: Mapping[str, Any], section: str, user_id: str) -> dict[str, Any] | None:
    """Return what a section says of us, None if nothing. Raises `ChatUnavailable` for what is no object."""
    users: Any = answer.get(section)
    entry: Any = cast("dict[str, Any]", users).get(user_id) if isinstance(users, dict) else users
    if entry is None:
        return None
    if not isinstance(users, dict) or not isinstance(entry, dict):
        raise _nonsense(section)
    return cast("dict[str, Any]", entry)


def _key(answer: Mapping[str, Any], section: str, usage: str, user_id: str, *, signed_by: str | None = None) -> str | None:
    """Return a published cross-signing key. One that makes no sense is an error: it must not look as if there were none."""
    entry = _of_user(answer, section, user_id)
    if entry is None:
        return None
    keys: Any = entry.get("keys")
    usages: Any = entry.get("usage")
    if entry.get("user_id") != user_id or not isinstance(usages, list) or usage not in usages or not isinstance(keys, dict):
        raise _nonsense(section)
    values = list(cast("dict[str, Any]", keys).items())
    if len(values) != 1 or not _is_key(values[0][1]) or values[0][0] != f"ed25519:{values[0][1]}":
        raise _nonsense(section)
    key = str(values[0][1])
    if usage != "master" and (signed_by is None or not is_signed(entry, by=signed_by, user_id=user_id, key_id=signed_by)):
        raise _nonsense(section)
    return key


def _device(raw: Any, user_id: str, device_id: str) -> Device | None:
    """Return a device if it is what it says and has signed itself, else None."""
    found = device_of(user_id, device_id, raw, None)
    return None if found is None else Device(user_id, device_id, found.ed25519, found.curve25519)


def _is_key(value: Any) -> bool:
    """Whether this is a key in unpadded base64: with padding, clients would not find it."""
    return is_key(value) and not value.endswith("=")
