"""`netzwart import`: shown, asked, and applied as a whole or not at all."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.db.engine import Database, connect
from bot.db.network import load
from bot.db.tables import events, submissions
from bot.domain.network import Network
from bot.network_file import read_network
from bot.rendering import catalogue
from bot.verbs.import_network import import_network

OLD = """[network]
name = "Netz"
timezone = "Europe/Berlin"
language = "de"
[[labs]]
key = "bremen"
name = "Bremen"
state = "DE-HB"
[[events]]
key = "abschluss"
kind = "conference"
title = "Abschluss"
when = "2022-12"
[[report_series]]
key = "labor"
title = "Berichte"
owed_by = "lab"
reports = [{ key = "labor-1", title = "Bericht", due = "2020-10-30" }]
"""
NEW = OLD.replace("2022-12", "2022-12-01")
FIXED = "~ Veranstaltung »Abschluss« (abschluss): Termin 2022-12 → 2022-12-01"

BLOCKED = "Das Labor »Bremen« (bremen) fehlt in der Datei, hat aber schon einen Bericht abgegeben; es muss bleiben."
HANDED_IN = {
    "report": "labor-1",
    "debtor": "bremen",
    "submitted_by": "@a:example.org",
    "submitted_at": datetime(2020, 10, 12, tzinfo=UTC),
}


@dataclass
class Terminal:
    """Somebody who runs `netzwart import` on a file and answers its questions."""

    database: Database
    file: Path
    answers: list[bool] = field(default_factory=list[bool])
    lines: list[str] = field(default_factory=list[str])
    meanwhile: Callable[[], None] | None = None  # what somebody else does while the first question stands

    async def run(self, source: str, *, yes: bool = False) -> int:
        self.file.write_text(source, "utf-8")
        self.lines.clear()
        return await import_network(
            self.database, self.file, yes=yes, ask=self.ask, show=self.lines.append, translate=catalogue("de").say
        )

    def ask(self, question: str) -> bool:
        self.lines.append(question)
        if self.meanwhile:
            self.meanwhile()
            self.meanwhile = None
        return self.answers.pop(0)

    async def stands(self) -> Network | None:
        async with self.database.begin() as session:
            return await load(session)


@pytest.fixture
def terminal(database: Database, tmp_path: Path) -> Terminal:
    return Terminal(database, tmp_path / "netz.toml")


async def test_first_and_second_time(terminal: Terminal) -> None:
    terminal.answers = [True]
    assert await terminal.run(OLD) == 0
    assert terminal.lines == [
        "+ Netz »Netz«",
        "+ Labor »Bremen« (bremen)",
        "+ Veranstaltung »Abschluss« (abschluss)",
        "+ Berichtsreihe »Berichte« (labor)",
        "+ Bericht »Bericht« (labor-1)",
        "Diese 5 Änderungen übernehmen?",
        "5 Änderungen übernommen.",
    ]
    assert await terminal.stands() == read_network(OLD)
    assert await terminal.run(OLD) == 0
    assert terminal.lines == ["Nichts zu ändern: Die Datenbank sagt schon dasselbe wie die Datei."]


async def test_declined(terminal: Terminal) -> None:
    await terminal.run(OLD, yes=True)
    terminal.answers = [False]
    assert await terminal.run(NEW) == 1
    assert terminal.lines == [FIXED, "Diese Änderung übernehmen?", "Abgelehnt; nichts wurde geändert."]
    assert await terminal.stands() == read_network(OLD)


async def test_yes_asks_nothing(terminal: Terminal) -> None:
    await terminal.run(OLD, yes=True)
    assert await terminal.run(NEW, yes=True) == 0
    assert terminal.lines == [FIXED, "Eine Änderung übernommen."]
    assert await terminal.stands() == read_network(NEW)


async def test_mistakes(terminal: Terminal) -> None:
    """With any mistake in the file nothing of it is applied."""
    await terminal.run(OLD, yes=True)
    assert await terminal.run(NEW.replace("DE-HB", "DE-XY").replace("conference", "confrence"), yes=True) == 2
    assert terminal.lines == [
        "netz.toml, Zeile 8: Das Land »DE-XY« kenne ich nicht. Richtig wäre ein Kürzel wie DE-HE für Hessen (ISO 3166-2).",
        "netz.toml, Zeile 11: »confrence« kenne ich als »kind« nicht. Meintest du »conference«?",
        "2 Fehler; nichts wurde geändert.",
    ]
    assert await terminal.stands() == read_network(OLD)


async def test_no_such_file(terminal: Terminal) -> None:
    terminal.file = terminal.file.parent
    status = await import_network(
        terminal.database, terminal.file, yes=True, ask=terminal.ask, show=terminal.lines.append, translate=catalogue("de").say
    )
    assert (status, terminal.lines) == (
        2,
        [f"{terminal.file.name}: Das ist ein Ordner, keine Datei.", "Ein Fehler; nichts wurde geändert."],
    )


async def test_what_was_handed_in_blocks(terminal: Terminal) -> None:
    await terminal.run(OLD, yes=True)
    async with terminal.database.begin() as session:
        await session.execute(sa.insert(submissions).values(HANDED_IN))
    assert await terminal.run(NEW.replace("bremen", "hamburg"), yes=True) == 2
    assert terminal.lines == [
        BLOCKED,
        "Nichts wurde geändert.",
    ]
    assert await terminal.stands() == read_network(OLD)


async def test_somebody_changes_the_same_while_the_question_stands(terminal: Terminal, database_url: str) -> None:
    """What was agreed to is not what would be applied: the new difference is shown and asked about."""
    await terminal.run(OLD, yes=True)
    terminal.meanwhile = lambda: elsewhere(database_url, sa.update(events).values(when="2022-12-02"))
    terminal.answers = [True, False]
    assert await terminal.run(NEW) == 1
    assert terminal.lines == [
        FIXED,
        "Diese Änderung übernehmen?",
        "In der Zwischenzeit hat sich das Netz geändert. Jetzt würde sich ändern:",
        "~ Veranstaltung »Abschluss« (abschluss): Termin 2022-12-02 → 2022-12-01",
        "Diese Änderung übernehmen?",
        "Abgelehnt; nichts wurde geändert.",
    ]
    assert await terminal.stands() == read_network(OLD.replace("2022-12", "2022-12-02"))


async def test_somebody_does_the_same_while_the_question_stands(terminal: Terminal, database_url: str) -> None:
    await terminal.run(OLD, yes=True)
    terminal.meanwhile = lambda: elsewhere(database_url, sa.update(events).values(when="2022-12-01"))
    terminal.answers = [True]
    assert await terminal.run(NEW) == 0
    assert terminal.lines[2:] == ["Nichts zu ändern: Die Datenbank sagt schon dasselbe wie die Datei."]


async def test_a_report_comes_in_while_the_question_stands(terminal: Terminal, database_url: str) -> None:
    await terminal.run(OLD, yes=True)
    terminal.meanwhile = lambda: elsewhere(database_url, sa.insert(submissions).values(HANDED_IN))
    terminal.answers = [True]
    assert await terminal.run(OLD.replace("bremen", "hamburg")) == 2
    assert terminal.lines[3:] == [BLOCKED, "Nichts wurde geändert."]
    assert await terminal.stands() == read_network(OLD)


def elsewhere(url: str, statement: sa.Executable) -> None:
    """Execute a statement as another process would, while the one under test waits for an answer."""

    async def execute() -> None:
        other = connect(url)
        async with other.begin() as session:
            await session.execute(statement)
        await other.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, execute()).result()
