"""Kills the process that it runs in at one of the points, as `kill -9` would.

python -m tests.nursery.traps POINT[:NTH] run --config …    dies when it passes the point for the nth time
"""

import importlib
import inspect
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Collection, Generator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from tests.crashes.points import POINTS, Moment, Point

_BEGIN = "bot.db.engine:Database.begin"
ARMED, CRASHED = "armed", "crash_point"
ORDER = "crash-point"
"""The file in the bot's folder that says where a process dies that is told by SIGUSR2: `POINT:NTH`."""


class PointGoneError(Exception):
    """A point names what is not there (any more): it was renamed, perhaps."""


def function_of(name: str) -> tuple[Any, str, Callable[..., Any]]:
    """Return where the function `module:name` stands, what it is called there, and itself. Raises `PointGoneError`."""
    module, _, path = name.partition(":")
    owner: Any = importlib.import_module(module)
    *classes, last = path.split(".")
    try:
        for part in classes:
            owner = getattr(owner, part)
        found = inspect.getattr_static(owner, last)
    except AttributeError as error:
        raise PointGoneError(name) from error
    if not inspect.isfunction(found):
        raise PointGoneError(f"{name} is no function")
    return owner, last, found


@dataclass
class Call:
    """One call of a function, and what it returned."""

    arguments: tuple[Any, ...]
    named: dict[str, Any]
    result: Any = None

    def fits(self, point: Point) -> bool:
        """Whether its arguments are such as the point wants."""
        return point.provided(*self.arguments, **self.named)

    def session(self) -> AsyncSession:
        """Return the session that it was made in."""
        return next(each for each in (*self.arguments, *self.named.values()) if isinstance(each, AsyncSession))


Around = Callable[[Call], AbstractContextManager[None]]


class Traps:
    """What stands around the functions of these points. Nothing happens until one is armed."""

    def __init__(self, points: Collection[str]) -> None:
        self._armed: str | None = None
        self._left = 0
        for name in points:
            self._set(name, POINTS[name])
        self._watch_commits()

    def arm(self, order: str) -> None:
        """Die at a point: `POINT` or `POINT:NTH`, counted from now on. Raises `KeyError` for one that nobody knows."""
        name, _, nth = order.partition(":")
        assert name in POINTS, name
        self._armed, self._left = name, int(nth or 1)
        _say({"event": ARMED, "point": name})

    def _passed(self, name: str) -> None:
        if name != self._armed:
            return
        self._left -= 1
        if self._left == 0:
            _say({"event": CRASHED, "point": name})
            os.kill(os.getpid(), signal.SIGKILL)
            signal.pause()  # not one step further

    def _set(self, name: str, point: Point) -> None:
        """Wrap a point's function, and the one that it lies inside."""
        inside = ContextVar(name, default=point.inside is None)

        @contextmanager
        def enter(call: Call) -> Generator[None]:
            was = inside.set(call.fits(point))
            try:
                yield
            finally:
                inside.reset(was)

        @contextmanager
        def call_it(call: Call) -> Generator[None]:
            meant = inside.get() and (point.inside is not None or call.fits(point))
            if meant and point.moment is Moment.BEFORE:
                self._passed(name)
            yield
            if not meant or (point.finding and not call.result):
                return
            if point.moment is Moment.AFTER:
                self._passed(name)
            elif point.moment is Moment.COMMITTED:
                call.session().info.setdefault("points", []).append(name)

        if point.inside is not None:
            _wrap(point.inside, enter)
        _wrap(point.function, call_it)

    def _watch_commits(self) -> None:
        owner, name, original = function_of(_BEGIN)

        @asynccontextmanager
        async def begin(database: Any) -> AsyncGenerator[AsyncSession]:
            async with original(database) as session:
                yield session
            for point in session.info.pop("points", ()):
                self._passed(point)

        setattr(owner, name, begin)


def _wrap(function: str, around: Around) -> None:
    """Let every call of a function happen inside of `around(call)`."""
    owner, name, original = function_of(function)

    @wraps(original)
    async def waiting(*arguments: Any, **named: Any) -> Any:
        call = Call(arguments, named)
        with around(call):
            call.result = await original(*arguments, **named)
        return call.result

    @wraps(original)
    def straight(*arguments: Any, **named: Any) -> Any:
        call = Call(arguments, named)
        with around(call):
            call.result = original(*arguments, **named)
        return call.result

    setattr(owner, name, waiting if inspect.iscoroutinefunction(original) else straight)


def _say(line: dict[str, str]) -> None:
    os.write(1, f"{json.dumps(line)}\n".encode())


def lay(order: str | None) -> None:
    """Die at the point that `order` names; without one, at that which the file `ORDER` names when SIGUSR2 comes."""
    if order is not None:
        Traps([order.partition(":")[0]]).arm(order)
        return
    traps = Traps(POINTS)

    def obey(_number: int, _frame: object) -> None:
        traps.arm(Path(ORDER).read_text("utf-8"))

    signal.signal(signal.SIGUSR2, obey)


def main() -> None:
    """Run `netzwart` with a trap laid."""
    from bot import cli

    lay(sys.argv.pop(1))
    cli.main()


if __name__ == "__main__":
    main()
