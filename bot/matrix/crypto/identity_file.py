"""The seeds of our cross-signing keys at rest: encrypted, in a file of their own, apart from the device's store.

Whoever has them can say "this device is the bot's". So they are encrypted with a key that lies elsewhere (a file or the environment), and
they outlive every device: the homeserver asks for a password before it takes other ones.

Nothing here is ever half there. A file is written under another name first; a new identity stands beside the old one (`.next`) until the
homeserver has it; what is replaced is kept (`.old-DATE`, named after the day it was written).
"""

import contextlib
import json
import os
import secrets
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from bot import logs
from bot.errors import NetzwartError, Text, text
from bot.matrix.crypto.signing import SEED_BYTES, canonical, from_unpadded, public_key, unpadded

VERSION = 1
SECRETS = ("master", "self_signing", "user_signing")
_LARGEST_FILE = 65_536  # bytes; ours have about 600
_SALT_BYTES = 16
_NONCE_BYTES = 12
_KEY_BYTES = 32


class IdentityTrouble(NetzwartError):
    """Something stands between us and our identity. `text`: what is wrong and what would be right, for an administrator."""

    def __init__(self, message: Text) -> None:
        super().__init__(message.msgid % message.data)
        self.text = message


class IdentityUnreadable(IdentityTrouble):
    """The file with the seeds, or its key, is damaged, missing, somebody else's, or cannot be written."""


class KeyMissing(IdentityUnreadable):
    """There is a file with seeds, but nothing to open it with."""


@dataclass(frozen=True, slots=True)
class Seeds:
    """The private halves of the three cross-signing keys: Ed25519 seeds of 32 bytes each."""

    master: bytes = field(repr=False)
    self_signing: bytes = field(repr=False)
    user_signing: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """The public master key, unpadded base64: what people compare."""
        return public_key(self.master)


def new_seeds() -> Seeds:
    """Return seeds of an identity that nobody has had before."""
    return Seeds(*(secrets.token_bytes(SEED_BYTES) for _ in range(3)))


@dataclass(frozen=True, slots=True)
class _Scrypt:
    """The cost of guessing the key (RFC 7914). It takes 128·n·r bytes of memory, p times over."""

    n: int = 2**15
    r: int = 8
    p: int = 1

    def bearable(self) -> bool:
        """Whether these are parameters that we would use: a file may say anything, such as what takes all memory."""
        power_of_two = self.n > 0 and self.n & (self.n - 1) == 0
        return power_of_two and 2**15 <= self.n <= 2**18 and 1 <= self.r <= 16 and 1 <= self.p <= 4  # noqa: PLR2004  (at most 512 MiB)

    def derive(self, key: str, salt: bytes) -> bytes:
        """Return 32 bytes out of a key of any form."""
        return Scrypt(salt=salt, length=_KEY_BYTES, n=self.n, r=self.r, p=self.p).derive(key.encode())


@dataclass(frozen=True, slots=True)
class _Sealed:
    """What stands in the file."""

    user_id: str
    scrypt: _Scrypt
    salt: bytes
    nonce: bytes
    ciphertext: bytes

    def to_json(self) -> bytes:
        """Return the file's content. Its checksum tells a damaged file from a wrong key."""
        content: dict[str, Any] = {
            "version": VERSION,
            "user_id": self.user_id,
            "kdf": {"name": "scrypt", "n": self.scrypt.n, "r": self.scrypt.r, "p": self.scrypt.p, "salt": unpadded(self.salt)},
            "cipher": {"name": "chacha20-poly1305", "nonce": unpadded(self.nonce), "ciphertext": unpadded(self.ciphertext)},
        }
        return json.dumps({**content, "checksum": _checksum(content)}, indent=1, ensure_ascii=False).encode() + b"\n"


class _Damaged(ValueError):
    """The file's content is not what we wrote."""


def _checksum(content: dict[str, Any]) -> str:
    return sha256(canonical(content)).hexdigest()


def _parse(raw: bytes) -> _Sealed:
    """Return what a file holds. Raises `_Damaged` for anything that we have not written so."""
    try:
        given: dict[str, Any] = json.loads(raw)
        said = given.pop("checksum")
        kdf, cipher = given["kdf"], given["cipher"]
        sealed = _Sealed(
            given["user_id"],
            _Scrypt(kdf["n"], kdf["r"], kdf["p"]),
            from_unpadded(kdf["salt"]),
            from_unpadded(cipher["nonce"]),
            from_unpadded(cipher["ciphertext"]),
        )
        exact = json.loads(sealed.to_json()) == {**given, "checksum": said} and sealed.scrypt.bearable()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _Damaged from error
    if not exact or len(sealed.salt) != _SALT_BYTES or len(sealed.nonce) != _NONCE_BYTES:
        raise _Damaged
    return sealed


def _about(user_id: str) -> bytes:
    """Return what the cipher vouches for beside the seeds."""
    return canonical({"user_id": user_id, "version": VERSION})


def _seal(seeds: Seeds, key: str, user_id: str) -> _Sealed:
    scrypt, salt, nonce = _Scrypt(), secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    cipher = ChaCha20Poly1305(scrypt.derive(key, salt))
    plain = seeds.master + seeds.self_signing + seeds.user_signing
    return _Sealed(user_id, scrypt, salt, nonce, cipher.encrypt(nonce, plain, _about(user_id)))


def _unseal(sealed: _Sealed, key: str) -> Seeds:
    """Return the seeds. Raises `InvalidTag` if the key is another one."""
    cipher = ChaCha20Poly1305(sealed.scrypt.derive(key, sealed.salt))
    plain = cipher.decrypt(sealed.nonce, sealed.ciphertext, _about(sealed.user_id))
    return Seeds(*(plain[start : start + SEED_BYTES] for start in range(0, 3 * SEED_BYTES, SEED_BYTES)))


class IdentityFile:
    """The seeds of `user_id` in `path`. Their key is `key` if that is given (from the environment), else what is in `key_file`.

    Several processes may share both files. Everything raises `IdentityUnreadable` for what an administrator has to mend.
    """

    def __init__(self, path: Path, key_file: Path, user_id: str, *, key: str | None = None) -> None:
        self.path = path
        self.key_file = key_file
        self.user_id = user_id
        self._given_key = key
        self._next = path.with_name(f"{path.name}.next")
        logs.hide([key])

    @property
    def key_is_beside(self) -> bool:
        """Whether whoever takes the folder with the seeds takes their key with it."""
        return self._given_key is None and self.path.resolve().parent == self.key_file.resolve().parent

    def load(self) -> Seeds | None:
        """Return the seeds, None if there is no file."""
        return self._load(self.path)

    def create(self) -> Seeds:
        """Make an identity and keep it. If another process was faster, return its seeds: there is one identity only."""
        seeds = new_seeds()
        content = _seal(seeds, self._key_or_new(), self.user_id).to_json()
        if not _written(self.path, content, os.link):
            kept = self.load()
            if kept is None:
                _cannot_write(self.path, FileNotFoundError(0, "it was there and is gone"))
            return kept
        return seeds

    def stage(self, seeds: Seeds) -> None:
        """Keep seeds that are to replace those in use, beside them. They are not in use before `promote`."""
        if self.path.exists() and self._key() is None:
            self._set_aside()  # nobody can read it any more; while it is in its place, no new key is made
        _written(self._next, _seal(seeds, self._key_or_new(), self.user_id).to_json(), os.replace)

    def staged(self) -> Seeds | None:
        """Return the seeds that were staged and not promoted, None if there are none that can be read."""
        with contextlib.suppress(IdentityUnreadable):
            return self._load(self._next)
        return None

    def in_use(self, master: str | None) -> Seeds | None:
        """Return the seeds in use if the homeserver has this public master key: a replacement that has come there already is."""
        staged = self.staged()
        return staged if staged is not None and staged.fingerprint == master else self.load()

    def promote(self) -> None:
        """Use the staged seeds from now on; those before are set aside. Can be repeated after it was cut off anywhere."""
        try:
            if self.path.exists():
                self._set_aside()
            self._next.replace(self.path)
            _sync_folder(self.path.parent)
        except OSError as error:
            _cannot_write(self.path, error)

    def _set_aside(self) -> None:
        written = datetime.fromtimestamp(self.path.stat().st_mtime, UTC)
        name = f"{self.path.name}.old-{written:%Y-%m-%d}"
        names = (name if n == 1 else f"{name}-{n}" for n in range(1, 1000))
        self.path.replace(next(path for each in names if not (path := self.path.with_name(each)).exists()))

    def _load(self, path: Path) -> Seeds | None:
        raw = _read(path, _LARGEST_FILE + 1)
        if raw is None:
            return None
        try:
            sealed = _parse(raw)
        except _Damaged as error:
            raise IdentityUnreadable(
                text(
                    "Die Datei %(file)s ist beschädigt oder von einem anderen Netzwart; lege die Sicherung an ihre Stelle, oder hole die"
                    " Identität zurück: netzwart device recover --keep-device --recovery-key DATEI",
                    file=str(path),
                )
            ) from error
        if sealed.user_id != self.user_id:
            other = text(
                "Die Datei %(file)s gehört zu %(found)s, nicht zu %(wanted)s; gib jedem Konto mit matrix.identity_file eine eigene.",
                file=str(path),
                found=printable(sealed.user_id),
                wanted=self.user_id,
            )
            raise IdentityUnreadable(other)
        return self._opened(path, sealed)

    def _opened(self, path: Path, sealed: _Sealed) -> Seeds:
        key = self._key()
        if key is None:
            raise self._key_missing()
        try:
            return _unseal(sealed, key)
        except InvalidTag as error:
            where = "NETZWART_MATRIX__IDENTITY_KEY" if self._given_key is not None else str(self.key_file)
            raise IdentityUnreadable(
                text(
                    "Der Schlüssel in %(key)s passt nicht zur Datei %(file)s; nimm den, mit dem sie geschrieben wurde.",
                    key=where,
                    file=str(path),
                )
            ) from error

    def _key(self) -> str | None:
        """Return the key, None if there is no file with it."""
        if self._given_key is not None:
            return self._given_key
        raw = _read(self.key_file, _LARGEST_FILE)
        if raw is None:
            return None
        try:
            key = raw.decode("utf-8-sig").strip()
        except UnicodeDecodeError:
            key = ""
        if not key:
            raise IdentityUnreadable(
                text("In der Datei %(key)s steht kein Schlüssel: sie ist leer oder kein Text.", key=str(self.key_file))
            )
        logs.hide([key])
        return key

    def _key_or_new(self) -> str:
        key = self._key()
        if key is None and not self.path.exists():
            _written(self.key_file, b64encode(secrets.token_bytes(_KEY_BYTES)) + b"\n", os.link)
            key = self._key()
        if key is None:
            raise self._key_missing()
        return key

    def _key_missing(self) -> KeyMissing:
        return KeyMissing(
            text(
                "Zur Datei %(file)s fehlt der Schlüssel: %(key)s gibt es nicht. Lege ihn aus der Sicherung dorthin; ist er verloren:"
                " netzwart device reset",
                file=str(self.path),
                key=str(self.key_file),
            )
        )


def _read(path: Path, most: int) -> bytes | None:
    """Return the first `most` bytes of a file, None if there is none."""
    try:
        with path.open("rb") as file:
            return file.read(most)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise IdentityUnreadable(
            text("%(file)s kann nicht gelesen werden: %(reason)s", file=str(path), reason=error.strerror or str(error))
        ) from error


def _written(path: Path, content: bytes, put: Callable[[Path, Path], object]) -> bool:
    """Write a file whole or not at all, mode 0600. `put`: `os.replace`, or `os.link`, which leaves a file that is there (then False)."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            put(draft, path)
        except FileExistsError:
            return False
        finally:
            draft.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        _cannot_write(path, error)
    return True


def _sync_folder(folder: Path) -> None:
    """Make sure that what has been renamed in a folder is so after a power cut, too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _cannot_write(path: Path, error: OSError) -> NoReturn:
    raise IdentityUnreadable(
        text("%(file)s kann nicht geschrieben werden: %(reason)s", file=str(path), reason=error.strerror or str(error))
    ) from error


def printable(value: object) -> str:
    """Return what may be shown on a terminal of something that came from outside."""
    return "".join(letter for letter in str(value) if letter.isprintable())[:255]


def seeds_from(parts: dict[str, bytes]) -> Seeds:
    """Return seeds from `master`, `self_signing` and `user_signing`. Raises `ValueError` if one is missing or not 32 bytes."""
    given = [parts.get(name, b"") for name in SECRETS]
    if any(len(seed) != SEED_BYTES for seed in given):
        raise ValueError("a seed has 32 bytes")
    return Seeds(*given)
