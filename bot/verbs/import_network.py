"""`netzwart import FILE`: make the database say what a data file says, all of it or nothing."""

from collections.abc import Callable
from pathlib import Path

from bot.db.engine import Database
from bot.db.network import blocked_removals, hold, load, replace
from bot.db.wakeups import FACTS, tell
from bot.domain.changes import Change, compare, told
from bot.domain.network import Network
from bot.errors import Text, ntext, text
from bot.network_file import FileMistakes, read_network_file

APPLIED, DECLINED, MISTAKES = 0, 1, 2


async def import_network(
    database: Database,
    file: Path,
    *,
    yes: bool,
    ask: Callable[[str], bool],
    show: Callable[[str], None],
    translate: Callable[[Text], str],
) -> int:
    """Show what `file` would change, ask (unless `yes`), and apply it in one transaction.

    `ask` gets a question and returns the answer, `show` gets one line. Returns the exit status: 0 applied or nothing to
    change, 1 declined, 2 the file has mistakes or drops what must stay. Nothing is applied that was not shown: if somebody
    changes the network while the question stands, the new difference is shown and asked about.
    """

    def say(*lines: Text) -> None:
        for line in lines:
            show(translate(line))

    try:
        new = read_network_file(file)
    except FileMistakes as error:
        say(*error.told(file.name))
        say(ntext("Ein Fehler; nichts wurde geändert.", "%(n)s Fehler; nichts wurde geändert.", len(error.mistakes)))
        return MISTAKES

    def agreed(changes: list[Change]) -> bool:
        say(*told(changes))
        question = ntext("Diese Änderung übernehmen?", "Diese %(n)s Änderungen übernehmen?", len(changes))
        return yes or ask(translate(question))

    status, last_line = await _import(database, new, agreed, say)
    say(last_line)
    return status


async def _import(
    database: Database, new: Network, agreed: Callable[[list[Change]], bool], say: Callable[[Text], None]
) -> tuple[int, Text]:
    """Ask and apply until what was agreed is what was applied. Return the exit status and how it ended."""
    accepted: list[Change] = []
    while True:
        blocked, changes = await _compare_or_apply(database, new, accepted)
        if blocked:
            for line in blocked:
                say(line)
            return MISTAKES, text("Nichts wurde geändert.")
        if not changes:
            return APPLIED, text("Nichts zu ändern: Die Datenbank sagt schon dasselbe wie die Datei.")
        if changes == accepted:
            return APPLIED, ntext("Eine Änderung übernommen.", "%(n)s Änderungen übernommen.", len(changes))
        if accepted:
            say(text("In der Zwischenzeit hat sich das Netz geändert. Jetzt würde sich ändern:"))
        if not agreed(changes):
            return DECLINED, text("Abgelehnt; nichts wurde geändert.")
        accepted = changes


async def _compare_or_apply(database: Database, new: Network, accepted: list[Change]) -> tuple[list[Text], list[Change]]:
    """Return what stands against `new` and what would change; it is applied if that is just what was `accepted`."""
    async with database.begin() as session:
        if accepted:
            await hold(session)
        blocked = await blocked_removals(session, new)
        changes = compare(await load(session), new)
        if accepted == changes and changes and not blocked:
            await replace(session, new)
            await tell(session, FACTS)
        return blocked, changes
