"""The bot under demonstration: its configuration, its verbs as processes of their own, and its log."""

import asyncio
import json
import shlex
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from bot.demo.cast import Cast
from bot.demo.children import end, last_lines, start_leashed
from bot.demo.errors import ProcessFailed
from bot.demo.homeserver import Account, Homeserver
from bot.demo.texts import _

NETZWART = (sys.executable, "-m", "bot")
VERB_WITHIN = 60.0  # seconds for `migrate` or `import`
READY_WITHIN = 60.0
CHUNK = 65536


class Bot:
    """The bot with its configuration in `folder`; `command` is how `netzwart` is called.

    As an async context manager it runs from the first `ready` to the end. All that it writes is in `log`.
    """

    def __init__(self, folder: Path, *, clock_at: str, command: Sequence[str] = NETZWART) -> None:
        self.folder = folder
        self.config = folder / "config.toml"
        self.log = folder / "netzwart.log"
        self._clock_at = clock_at
        self._command = tuple(command)
        self._process: Process | None = None
        self._copying: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    def configure(self, homeserver: Homeserver, account: Account, cast: Cast) -> None:
        """Write `config.toml` and the password file, with the keys that an administrator would write."""
        password = self.folder / "password"
        password.touch(mode=0o600)
        password.write_text(account.password + "\n", encoding="utf-8")
        tables = _tables(self.folder, homeserver, account, cast, password)
        self.config.write_text("\n".join(_toml(name, table) for name, table in tables.items()), encoding="utf-8")

    async def do(self, verb: str, *arguments: str) -> None:
        """Run `netzwart VERB …` to its end. Raises `ProcessFailed` if it fails or takes too long."""
        said = shlex.join([verb, *arguments])
        process = await self._start(verb, *arguments)
        try:
            async with asyncio.timeout(VERB_WITHIN):
                await self._copy(process)
                status = await process.wait()
        except TimeoutError:
            raise ProcessFailed(_("netzwart %(verb)s wird nicht fertig.", verb=said), self.last_lines()) from None
        finally:
            await end(process)
        if status:
            line = _("netzwart %(verb)s ist gescheitert (Status %(status)d).", verb=said, status=status)
            raise ProcessFailed(line, self.last_lines())

    async def __aenter__(self) -> Self:
        """Start `netzwart run` and return when it says that it is ready; raises `ProcessFailed` if it does not."""
        self._process = await self._start("run", "--clock-at", self._clock_at)
        self._copying = asyncio.create_task(self._copy(self._process), name="the bot's log")
        try:
            await self._until_ready()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """End `netzwart run`."""
        process, self._process = self._process, None
        if process is not None:
            await end(process)
        copying, self._copying = self._copying, None
        if copying is not None:
            await copying

    async def died(self) -> None:
        """Wait until it ends by itself and raise `ProcessFailed` then. Never returns."""
        if self._process is not None:
            status = await self._process.wait()
            raise ProcessFailed(_("Der Bot hat sich beendet (Status %(status)d).", status=status), self.last_lines())

    def jump(self) -> None:
        """Let the bot's clock jump to its next due reminder."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGUSR1)

    def last_lines(self) -> list[str]:
        """Return what the bot said last."""
        return last_lines(self.log)

    async def _start(self, verb: str, *arguments: str) -> Process:
        command = [*self._command, verb, *arguments, "--config", str(self.config)]
        return await start_leashed(command, folder=self.folder, output=PIPE)

    async def _until_ready(self) -> None:
        ready, died = asyncio.create_task(self._ready.wait()), asyncio.create_task(self.died())
        try:
            done, _waiting = await asyncio.wait({ready, died}, timeout=READY_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
            died.cancel()
        if died in done:
            await died
        if not done:
            late = _("Der Bot ist nach %(seconds)d Sekunden nicht bereit.", seconds=READY_WITHIN)
            raise ProcessFailed(late, self.last_lines())

    async def _copy(self, process: Process) -> None:
        """Copy what `process` writes into the log, line by line, and notice when it says that it is ready."""
        if process.stdout is None:
            return
        rest = b""
        with self.log.open("ab") as log:
            while chunk := await process.stdout.read(CHUNK):
                log.write(chunk)
                log.flush()
                *lines, rest = (rest + chunk).split(b"\n")
                if any(map(_says_ready, lines)):
                    self._ready.set()


def _says_ready(line: bytes) -> bool:
    try:
        said: object = json.loads(line)
    except ValueError:
        return False
    return isinstance(said, dict) and cast("dict[str, object]", said).get("event") == "ready"


def _tables(folder: Path, homeserver: Homeserver, account: Account, cast: Cast, password: Path) -> dict[str, dict[str, str]]:
    def alias(local: str) -> str:
        return f"#{local}:{homeserver.server_name}"

    return {
        "matrix": {
            "homeserver": homeserver.url,
            "user_id": account.user_id,
            "password_file": str(password),
            "state_dir": str(folder / "state"),
            "prefix": "!netz",
        },
        "database": {"url": f"sqlite+aiosqlite:///{folder / 'netzwart.sqlite'}"},
        "network": {
            "name": cast.network,
            "timezone": cast.timezone,
            "language": "de",
            "coordination_room": alias(cast.coordination.alias),
            "network_room": alias(cast.network_room.alias),
            "research_room": alias(cast.research.alias),
        },
        "web": {"listen": "127.0.0.1:0"},  # any port: a bot in earnest may have the usual one
        "network.lab_rooms": {str(lab.lab): alias(lab.alias) for lab in cast.labs},
    }


def _toml(name: str, table: dict[str, str]) -> str:
    """Return a TOML table. A JSON string is a TOML basic string, and a JSON string a quoted key."""
    lines = [f"{_toml_key(key)} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()]
    return "\n".join([f"[{name}]", *lines, ""])


def _toml_key(key: str) -> str:
    bare = key.replace("-", "").replace("_", "")
    return key if bare.isascii() and bare.isalnum() else json.dumps(key, ensure_ascii=False)
