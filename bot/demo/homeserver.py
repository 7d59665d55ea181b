"""A real Synapse on loopback, as small and as fast as it gets: for the demo and for the test-suite.

It keeps everything in one folder (SQLite), federates with nobody, and knows no rate limits worth speaking of.
"""

import asyncio
import hashlib
import hmac
import json
import random
import secrets
import socket
import sys
from asyncio.subprocess import Process
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from bot.demo.api import Api
from bot.demo.children import end, last_lines, start_leashed
from bot.demo.errors import ProcessFailed, Refused, Unreachable
from bot.demo.texts import _

SERVER_NAME = "netz.example"
READY_WITHIN = 60.0  # seconds; 1.5 to 5 are usual
POLL_EVERY = 0.05
# Below the range that the kernel gives to outgoing connections: a client that retries against a stopped homeserver
# could otherwise be given the very port it connects to, and talk to itself.
PORTS = range(20000, 32000)
PLENTY = {"per_second": 100_000, "burst_count": 100_000}


@dataclass(frozen=True, slots=True)
class Account:
    """An account on the homeserver, logged in once: `access_token` belongs to `device_id`."""

    user_id: str
    password: str = field(repr=False)
    device_id: str
    access_token: str = field(repr=False)

    @property
    def name(self) -> str:
        """The local part of the user id: `karla` for `@karla:netz.example`."""
        return self.user_id[1:].partition(":")[0]


class Homeserver:
    """A Synapse in `folder`, which is made if need be; what an earlier one left there is used again.

    `overrides` replace whole top-level keys of its configuration (`homeserver.yaml`), such as
    `{"rc_message": {"per_second": 1, "burst_count": 1}}`. An async context manager; or `start()` and `stop()` it.
    """

    def __init__(self, folder: Path, *, server_name: str = SERVER_NAME, overrides: Mapping[str, object] | None = None) -> None:
        self.folder = folder.resolve()
        self.server_name = server_name
        self.port = _free_port()
        self.log = self.folder / "homeserver.log"
        self._overrides = dict(overrides or {})
        self._secret = secrets.token_urlsafe(32)
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """Where the client-server API answers, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None else None

    def user_id(self, name: str) -> str:
        """Return the user id of the local part `name`."""
        return f"@{name}:{self.server_name}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self, *, ready_within: float = READY_WITHIN) -> None:
        """Start it and return when it answers.

        Raises `ProcessFailed`, with the log's last lines, if it ends or does not answer within `ready_within` seconds.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self._write_configuration()
        command = [sys.executable, "-m", "synapse.app.homeserver", "--config-path", str(config)]
        with self.log.open("ab") as log:
            self._process = await start_leashed(command, folder=self.folder, output=log.fileno())
        try:
            await self._until_ready(self._process, ready_within)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop it: SIGTERM, some patience, SIGKILL. Does nothing if it does not run."""
        process, self._process = self._process, None
        if process is not None:
            await end(process)

    async def restart(self) -> None:
        """Stop it and start it again, at the same address, with the same accounts and rooms."""
        await self.stop()
        await self.start()

    async def kill(self) -> None:
        """End it at once, as a power cut would."""
        process, self._process = self._process, None
        if process is not None:
            await end(process, patience=0)

    async def died(self) -> None:
        """Wait until it ends by itself and raise `ProcessFailed` then. Never returns."""
        if self._process is not None:
            status = await self._process.wait()
            raise ProcessFailed(_("Der Homeserver hat sich beendet (Status %(status)s).", status=status), self._last_lines())

    async def register(
        self, name: str, password: str | None = None, *, displayname: str | None = None, admin: bool = False
    ) -> Account:
        """Make an account with the local part `name`; its password is random unless one is given.

        Raises `Refused` (`M_USER_IN_USE`) if there is one already.
        """
        password = password or secrets.token_hex(5)
        async with Api(self.url) as api:
            nonce = str((await api.request("GET", "/_synapse/admin/v1/register"))["nonce"])
            said = [nonce, name, password, "admin" if admin else "notadmin"]
            answer = await api.request(
                "POST",
                "/_synapse/admin/v1/register",
                {
                    "nonce": nonce,
                    "username": name,
                    "password": password,
                    "displayname": displayname or name,
                    "admin": admin,
                    "mac": hmac.new(self._secret.encode(), "\0".join(said).encode(), hashlib.sha1).hexdigest(),
                },
            )
        return Account(str(answer["user_id"]), password, str(answer["device_id"]), str(answer["access_token"]))

    async def _until_ready(self, process: Process, within: float) -> None:
        late = _("Der Homeserver antwortet nach %(seconds)g Sekunden nicht.", seconds=within)
        try:
            async with asyncio.timeout(within), Api(self.url) as api:
                while not await _answers(api):
                    if process.returncode is not None:
                        await self.died()
                    await asyncio.sleep(POLL_EVERY)
        except TimeoutError:
            raise ProcessFailed(late, self._last_lines()) from None

    def _last_lines(self) -> list[str]:
        return last_lines(self.log)

    def _write_configuration(self) -> Path:
        """Write Synapse's configuration (JSON is YAML) and return its path. Secrets stay the same over a restart."""
        path = self.folder / "homeserver.yaml"
        if path.exists():
            self._secret = str(json.loads(path.read_text())["registration_shared_secret"])
        key = self.folder / "signing.key"
        if not key.exists():
            key.write_text(f"ed25519 demo {b64encode(secrets.token_bytes(32)).decode().rstrip('=')}\n")
        logging = self.folder / "homeserver.log.yaml"
        logging.write_text(json.dumps(_LOGGING))
        path.touch(mode=0o600)
        path.write_text(json.dumps(self._configuration() | self._overrides, indent=1))
        return path

    def _configuration(self) -> dict[str, object]:
        return {
            "server_name": self.server_name,
            "public_baseurl": self.url + "/",
            "listeners": [{
                "type": "http", "port": self.port, "bind_addresses": ["127.0.0.1"], "resources": [{"names": ["client"]}]
            }],
            "database": {"name": "sqlite3", "args": {"database": str(self.folder / "homeserver.db")}},
            "media_store_path": str(self.folder / "media"),
            "signing_key_path": str(self.folder / "signing.key"),
            "log_config": str(self.folder / "homeserver.log.yaml"),
            "registration_shared_secret": self._secret,
            "macaroon_secret_key": hashlib.sha256(self._secret.encode()).hexdigest(),
            **_SMALL,
            **_UNLIMITED,
        }  # fmt: skip


_SMALL: dict[str, object] = {
    "report_stats": False,
    "bcrypt_rounds": 4,
    "presence": {"enabled": False},
    "user_directory": {"enabled": False},
    "start_pushers": False,
    "url_preview_enabled": False,
    "trusted_key_servers": [],
    "suppress_key_server_warning": True,
    "federation_domain_whitelist": [],
    "allow_public_rooms_over_federation": False,
}

_UNLIMITED: dict[str, object] = {
    "rc_message": PLENTY,
    "rc_registration": PLENTY,
    "rc_login": {"address": PLENTY, "account": PLENTY, "failed_attempts": PLENTY},
    "rc_joins": {"local": PLENTY, "remote": PLENTY},
    "rc_joins_per_room": PLENTY,
    "rc_invites": {"per_room": PLENTY, "per_user": PLENTY, "per_issuer": PLENTY},
    "rc_room_creation": PLENTY,
    "rc_admin_redaction": PLENTY,
    "rc_key_requests": PLENTY,
    "rc_media_create": PLENTY,
    "rc_delayed_event_mgmt": PLENTY,
    "rc_reports": PLENTY,
    "rc_user_directory": PLENTY,
}

_LOGGING: dict[str, object] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"level": "WARNING", "handlers": ["out"]},
}


async def _answers(api: Api) -> bool:
    try:
        await api.request("GET", "/_matrix/client/versions")
    except (Unreachable, Refused):
        return False
    return True


def _free_port() -> int:
    """Return a port of `PORTS` on loopback that nobody listens on now."""
    for port in random.sample(PORTS, 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ProcessFailed(_("Auf diesem Rechner ist kein freier Port zu finden."))
