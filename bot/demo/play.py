"""What `netzwart demo` runs: a homeserver, the bot, a day of the network, and then, on a terminal, a prompt."""

import asyncio
import importlib.util
import signal
from asyncio import FIRST_COMPLETED
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TextIO, TypeVar

import bot
from bot import logs
from bot.demo.cast import Cast, display_name, read_cast
from bot.demo.errors import DemoFailed, Refused, Unreachable
from bot.demo.folder import own_folder
from bot.demo.homeserver import Homeserver
from bot.demo.keeper import NETZWART, Bot
from bot.demo.prompt import Prompt
from bot.demo.scenes import Day, scenes
from bot.demo.screen import Screen
from bot.demo.stage import build
from bot.demo.texts import _

FOLDER = Path(".demo")
DATA = Path(bot.__file__).resolve().parent.parent / "examples" / "regogl.toml"
CLOCK_AT = "2020-10-12T09:00"
DONE, FAILED = 0, 1
T = TypeVar("T")
SIGNALLED = 128  # plus the signal's number, as shells have it


def main(
    folder: Path = FOLDER,
    *,
    interactive: bool,
    command: Sequence[str] = NETZWART,
    data: Path = DATA,
    out: TextIO | None = None,
) -> int:
    """Play the demo in `folder` and return the exit status.

    0: all arrived. 1: something did not, and one line said what. 130 after Ctrl-C, 143 after SIGTERM, 129 after
    SIGHUP. No process and no file outside `folder` is left in any case. `command` is how `netzwart` is called, `data`
    the example network, `out` where to write if not to standard output. To be called from the main thread, and not
    from within an event loop (it handles signals).
    """
    screen = Screen(out)
    logs.silence()
    try:
        with own_folder(folder) as own:
            return asyncio.run(_until_signalled(_play(own, screen, command, data, interactive=interactive)))
    except DemoFailed as failed:
        screen.wrong(failed.line, failed.log_lines)
    except (Refused, Unreachable) as failed:
        screen.wrong(_("Der Homeserver macht nicht mit: %(error)s", error=failed))
    except KeyboardInterrupt:
        return SIGNALLED + signal.SIGINT
    return FAILED


async def _until_signalled(playing: Coroutine[None, None, None]) -> int:
    """Await `playing` and return 0, or what a signal makes of it: it is cancelled, and cleans up, first."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(playing)
    came: list[signal.Signals] = []

    def stop(by: signal.Signals) -> None:
        if not came:  # once: a second Ctrl-C must not cut the cleaning up short
            task.cancel()
        came.append(by)

    for wanted in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(wanted, stop, wanted)
    try:
        await task
    except asyncio.CancelledError:
        if not came:
            raise
        return SIGNALLED + came[0]
    return DONE


async def _play(folder: Path, screen: Screen, command: Sequence[str], data: Path, *, interactive: bool) -> None:
    if importlib.util.find_spec("synapse") is None:
        raise DemoFailed(_("Für die Vorführung fehlt Synapse: pip install 'netzwart[demo]'"))
    cast = read_cast(data)
    keeper = Bot(folder, clock_at=CLOCK_AT, command=command)
    screen.scene(_("Ein Homeserver, Räume und Leute"))
    screen.note(_("Synapse startet in %(folder)s …", folder=folder))
    async with AsyncExitStack() as opened:
        homeserver = await opened.enter_async_context(Homeserver(folder / "synapse"))
        account = await _while_alive(build(homeserver, cast, opened), homeserver.died)
        _introduce(screen, homeserver, cast)
        keeper.configure(homeserver, account, cast)
        await keeper.do("migrate")
        await keeper.do("import", str(data), "--yes")
        await opened.enter_async_context(keeper)
        day = Day(cast, account.user_id, keeper, screen)
        await _while_alive(_perform(day, interactive=interactive), homeserver.died, keeper.died)


async def _perform(day: Day, *, interactive: bool) -> None:
    """Play the scenes; whatever goes wrong, the bot's log says most about it."""
    for title, scene in scenes():
        day.screen.scene(title)
        try:
            await scene(day)
        except DemoFailed as failed:
            raise type(failed)(failed.line, failed.log_lines or day.bot.last_lines()) from failed
    day.screen.note(_("Alles angekommen."))
    if interactive:
        await Prompt(day).run()


def _introduce(screen: Screen, homeserver: Homeserver, cast: Cast) -> None:
    """Show where the homeserver is and who is there, so that any Matrix client of this machine can join in."""
    screen.note(_("Homeserver: %(url)s (nur von diesem Rechner aus, bis die Vorführung endet)", url=homeserver.url))
    screen.note(_("Alle Räume sind Ende-zu-Ende-verschlüsselt, und jedes Gerät ist beglaubigt (Cross-Signing)."))
    rows = [(display_name(name), person.user_id, person.account.password, cast.roles[name]) for name, person in cast.people.items()]
    screen.table([_("Name"), _("Benutzer"), _("Passwort"), _("Raum")], rows)


async def _while_alive(doing: Coroutine[None, None, T], *deaths: Callable[[], Coroutine[None, None, None]]) -> T:
    """Return what `doing` returns, unless a process ends before: then its `ProcessFailed` is raised."""
    task = asyncio.ensure_future(doing)
    watching = [asyncio.ensure_future(death()) for death in deaths]
    try:
        await asyncio.wait([task, *watching], return_when=FIRST_COMPLETED)
        for watch in watching:
            if watch.done() and not task.done():
                await watch
        return await task
    finally:
        for each in (task, *watching):
            each.cancel()
        await asyncio.gather(task, *watching, return_exceptions=True)
