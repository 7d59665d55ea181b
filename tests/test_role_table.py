"""Who may do what where, written down by hand from the roles (design, section 3), and compared with what happens.

Columns are rooms: K coordination, N the network's room, F research, B the room of lab Bremen, S that of lab Bergstraße, D a direct chat, U
a room that the bot does not know. A cell says what becomes of a message there:

    A       answered in that room
    E>B     answered in another room, and said so
    D>BK    denied; the denial names the rooms B and K (L: "the room of your lab", without its name)
    ✅      done
    X       there is no such thing there: refused, but not for want of a right

`-` before it: this person is not in that room; the message came through all the same (just left, or forged).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import pytest
import sqlalchemy as sa

from bot.db import network, reports
from bot.db.engine import Database
from bot.db.tables import events, handled_events, own_reminders, report_decisions, submissions
from bot.domain.reports import Status
from tests.conversation import MORNING, Conversation, Said, example_network, registry

ROOMS = {
    "K": "coordination",
    "N": "network",
    "F": "research",
    "B": "lab:bremen",
    "S": "lab:bergstrasse",
    "D": "direct",
    "U": "unknown",
}
NAMES = {
    "L": "Raum deines Labors",
    "N": "»Netzwerk«",
    "B": "»Labor Bremen und Region«",
    "S": "»Labor Bergstraße«",
    "F": "»Forschung«",
    "K": "»Koordination«",
}
PEOPLE = {
    "guest": "",
    "member": "N",
    "bremen": "NB",
    "bergstrasse": "NS",
    "research": "NF",
    "coord": "KN",
    "coord+bremen": "KNB",
}
"""Who is in which of the network's rooms. Everybody can be in a direct chat and in any unknown room."""

TABLES = {
    # Nothing to hide: the answer says only what the caller may run there.
    "hilfe / hilfe ich": """
                   K       N       F       B       S       D       U
    guest         -A      -A      -A      -A      -A       A       A
    member        -A       A      -A      -A      -A       A       A
    bremen        -A       A      -A       A      -A       A       A
    bergstrasse   -A       A      -A      -A       A       A       A
    research      -A       A       A      -A      -A       A       A
    coord          A       A      -A      -A      -A       A       A
    coord+bremen   A       A      -A       A      -A       A       A
    """,
    # A guest learns which room would help. Which rooms a member is in is nobody's business outside the network.
    "ich": """
                   K       N       F       B       S       D       U
    guest         -A      -A      -A      -A      -A       A       A
    member        -A       A      -A      -A      -A       A       D>
    bremen        -A       A      -A       A      -A       A       D>
    bergstrasse   -A       A      -A      -A       A       A       D>
    research      -A       A       A      -A      -A       A       D>
    coord          A       A      -A      -A      -A       A       D>
    coord+bremen   A       A      -A       A      -A       A       D>
    """,
    # For everybody in the network, in every room of it.
    "labore / labor bremen / suche open data / programm / workshop 2 / phase / zeitplan": """
                   K       N       F       B       S       D       U
    guest         -D>N    -D>N    -D>N    -D>N    -D>N     D>N     D>N
    member        -A       A      -A      -A      -A       A       D>N
    bremen        -A       A      -A       A      -A       A       D>N
    bergstrasse   -A       A      -A      -A       A       A       D>N
    research      -A       A       A      -A      -A       A       D>N
    coord          A       A      -A      -A      -A       A       D>N
    coord+bremen   A       A      -A       A      -A       A       D>N
    """,
    # Everybody says for themselves that they are away; it is theirs to choose who hears it.
    "abwesend bis morgen / wieder da": """
                   K       N       F       B       S       D       U
    guest         -D>N    -D>N    -D>N    -D>N    -D>N     D>N     D>N
    member        -A       A      -A      -A      -A       A       D>N
    bremen        -A       A      -A       A      -A       A       D>N
    bergstrasse   -A       A      -A      -A       A       A       D>N
    research      -A       A       A      -A      -A       A       D>N
    coord          A       A      -A      -A      -A       A       D>N
    coord+bremen   A       A      -A       A      -A       A       D>N
    """,
    # Whom a lab has is that lab's business, and coordination's. In a lab's room only that room and coordination are asked who one is.
    "kontakt / vertretung": """
                   K       N       F       B       S       D       U
    guest         -D>LFK  -D>LFK  -D>LFK  -D>BFK  -D>SFK   D>LFK   D>LFK
    member        -D>LFK   D>LFK  -D>LFK  -D>BFK  -D>SFK   D>LFK   D>LFK
    bremen        -A       E>B    -D>FK    A      -D>SFK   A       D>N
    bergstrasse   -A       E>S    -D>FK   -D>BFK   A       A       D>N
    research      -A       E>F     A      -D>BFK  -D>SFK   A       D>N
    coord          A       E>K    -A      -A      -A       A       D>N
    coord+bremen   A       E>K    -A       A      -A       A       D>N
    """,
    "kontakt bremen / vertretung bremen / kontakt bremen niemand": """
                   K       N       F       B       S       D       U
    guest         -D>LFK  -D>LFK  -D>LFK  -D>BFK  -D>SFK   D>LFK   D>LFK
    member        -D>LFK   D>LFK  -D>LFK  -D>BFK  -D>SFK   D>LFK   D>LFK
    bremen        -A       E>B    -D>B     A      -D>SFK   A       D>N
    bergstrasse   -D>B     D>B    -D>B    -D>BFK   D>B     D>B     D>N
    research      -D>B     D>B     D>B    -D>BFK  -D>SFK   D>B     D>N
    coord          A       E>K    -E>K    -A      -E>K     A       D>N
    coord+bremen   A       E>B    -E>B     A      -E>K     A       D>N
    """,
    # A room's language is chosen by those who are in it.
    "sprache de": """
                   K       N       F       B       S       D       U
    guest         -D>N    -D>N    -D>N    -D>N    -D>N     D>N     D>N
    member        -D>K     A      -D>F    -D>B    -D>S     A       D>N
    bremen        -D>K     A      -D>F     A      -D>S     A       D>N
    bergstrasse   -D>K     A      -D>F    -D>B     A       A       D>N
    research      -D>K     A       A      -D>B    -D>S     A       D>N
    coord          A       A      -D>F    -D>B    -D>S     A       D>N
    coord+bremen   A       A      -D>F     A      -D>S     A       D>N
    """,
    # What a room is reminded of, and at which hours, is the business of those who are in it.
    "erinnern morgen 10 Uhr Tee / wecker morgen 10 Uhr Tee / erinnerungen / zeitzone / zeitzone UTC": """
                   K       N       F       B       S       D       U
    guest         -D>N    -D>N    -D>N    -D>N    -D>N     D>N     D>N
    member        -D>K     A      -D>F    -D>B    -D>S     A       D>N
    bremen        -D>K     A      -D>F     A      -D>S     A       D>N
    bergstrasse   -D>K     A      -D>F    -D>B     A       A       D>N
    research      -D>K     A       A      -D>B    -D>S     A       D>N
    coord          A       A      -D>F    -D>B    -D>S     A       D>N
    coord+bremen   A       A      -D>F     A      -D>S     A       D>N
    """,
    # This one was set in Bremen's room, by `bremen`: it is that room's, and its author's in a direct chat.
    "erinnerung löschen 1 / erinnerung erledigt 1 / verschieben 1 morgen 12 Uhr": """
                   K       N       F       B       S       D       U
    guest         -D>N    -D>N    -D>N    -D>N    -D>N     D>N     D>N
    member        -D>K     X      -D>F    -D>B    -D>S     X       D>N
    bremen        -D>K     X      -D>F     A      -D>S     A       D>N
    bergstrasse   -D>K     X      -D>F    -D>B     X       X       D>N
    research      -D>K     X       X      -D>B    -D>S     X       D>N
    coord          X       X      -D>F    -D>B    -D>S     X       D>N
    coord+bremen   X       X      -D>F     A      -D>S     X       D>N
    """,
    # Own reports; in a lab's room those of that lab, in the research room those of research. Coordinators see all, but not among others.
    "berichte": """
                   K       N       F       B       S       D       U
    guest         -D>LFK  -D>LFK  -D>LFK  -D>BFK  -D>SFK   D>LFK   D>LFK
    member        -D>LFK   D>LFK  -D>LFK  -D>BFK  -D>SFK   D>LFK   D>LFK
    bremen        -A       E>B    -D>FK    A      -D>SFK   A       D>N
    bergstrasse   -A       E>S    -D>FK   -D>BFK   A       A       D>N
    research      -A       E>F     A      -D>BFK  -D>SFK   A       D>N
    coord          A       E>K    -A      -A      -A       A       D>N
    coord+bremen   A       E>K    -A       A      -A       A       D>N
    """,
    "bericht labor-1": """
                   K       N       F       B       S       D       U
    guest         -D>LFK  -D>LFK  -D>LFK  -D>BFK  -D>SFK   D>LFK   D>LFK
    member        -D>LFK   D>LFK  -D>LFK  -D>BFK  -D>SFK   D>LFK   D>LFK
    bremen        -A       E>B    -E>B     A      -D>SFK   A       D>N
    bergstrasse   -A       E>S    -E>S    -D>BFK   A       A       D>N
    research      -D>LK    D>LK    D>LK   -D>BK   -D>SK    D>LK    D>N
    coord          A       E>K    -E>K    -A      -A       A       D>N
    coord+bremen   A       E>K    -E>K     A      -A       A       D>N
    """,
    # A coordinator who is in a lab's room gets what is that lab's there.
    "bericht labor-1:bremen": """
                   K       N       F       B       S       D       U
    guest         -D>LFK  -D>LFK  -D>LFK  -D>BFK  -D>SFK   D>LFK   D>LFK
    member        -D>LFK   D>LFK  -D>LFK  -D>BFK  -D>SFK   D>LFK   D>LFK
    bremen        -A       E>B    -E>B     A      -D>SFK   A       D>N
    bergstrasse   -D>BK    D>BK   -D>BK   -D>BFK   D>BK    D>BK    D>N
    research      -D>BK    D>BK    D>BK   -D>BK   -D>BK    D>BK    D>N
    coord          A       E>K    -E>K    -A      -E>K     A       D>N
    coord+bremen   A       E>B    -E>B     A      -E>B     A       D>N
    """,
    "bericht forschung-1": """
                   K       N       F       B       S       D       U
    guest         -D>LFK  -D>LFK  -D>LFK  -D>BFK  -D>SFK   D>LFK   D>LFK
    member        -D>LFK   D>LFK  -D>LFK  -D>BFK  -D>SFK   D>LFK   D>LFK
    bremen        -D>FK    D>FK   -D>FK    D>FK   -D>SFK   D>FK    D>N
    bergstrasse   -D>FK    D>FK   -D>FK   -D>BFK   D>FK    D>FK    D>N
    research      -A       E>F     A      -E>F    -E>F     A       D>N
    coord          A       E>K    -A      -E>K    -E>K     A       D>N
    coord+bremen   A       E>K    -A       E>K    -E>K     A       D>N
    """,
    # Nobody acts for a lab but its members, coordinators neither; in a lab's room only for that lab, in the research room for research.
    "bericht abgegeben labor-1 / bericht zurück labor-1": """
                   K       N       F       B       S       D       U
    guest         -D>LF   -D>LF   -D>LF   -D>BF   -D>SF    D>LF    D>LF
    member        -D>LF    D>LF   -D>LF   -D>BF   -D>SF    D>LF    D>LF
    bremen        -✅      ✅     -D>L     ✅     -D>SF    ✅      D>N
    bergstrasse   -✅      ✅     -D>L    -D>BF    ✅      ✅      D>N
    research      -D>L     D>L     D>L    -D>BF   -D>SF    D>L     D>N
    coord          D>LF    D>LF   -D>LF   -D>BF   -D>SF    D>LF    D>LF
    coord+bremen   ✅      ✅     -D>L     ✅     -D>SF    ✅      D>N
    """,
    "bericht abgegeben labor-1:bremen / bericht zurück labor-1:bremen": """
                   K       N       F       B       S       D       U
    guest         -D>LF   -D>LF   -D>LF   -D>BF   -D>SF    D>LF    D>LF
    member        -D>LF    D>LF   -D>LF   -D>BF   -D>SF    D>LF    D>LF
    bremen        -✅      ✅     -D>B     ✅     -D>SF    ✅      D>N
    bergstrasse   -D>B     D>B    -D>B    -D>BF    D>B     D>B     D>N
    research      -D>B     D>B     D>B    -D>BF   -D>SF    D>B     D>N
    coord          D>LF    D>LF   -D>LF   -D>BF   -D>SF    D>LF    D>LF
    coord+bremen   ✅      ✅     -D>B     ✅     -D>SF    ✅      D>N
    """,
    "bericht abgegeben forschung-1 / bericht zurück forschung-1": """
                   K       N       F       B       S       D       U
    guest         -D>LF   -D>LF   -D>LF   -D>BF   -D>SF    D>LF    D>LF
    member        -D>LF    D>LF   -D>LF   -D>BF   -D>SF    D>LF    D>LF
    bremen        -D>F     D>F    -D>F     D>F    -D>SF    D>F     D>N
    bergstrasse   -D>F     D>F    -D>F    -D>BF    D>F     D>F     D>N
    research      -✅      ✅      ✅     -D>BF   -D>SF    ✅      D>N
    coord          D>LF    D>LF   -D>LF   -D>BF   -D>SF    D>LF    D>LF
    coord+bremen   D>F     D>F    -D>F     D>F    -D>SF    D>F     D>N
    """,
    # The preview stands where every coordinator can confirm it, even if it was asked for in a direct chat.
    "rundruf Hallo / rundruf an hessen Hallo": """
                   K       N       F       B       S       D       U
    guest         -D>K    -D>K    -D>K    -D>K    -D>K     D>K     D>K
    member        -D>K     D>K    -D>K    -D>K    -D>K     D>K     D>K
    bremen        -D>K     D>K    -D>K     D>K    -D>K     D>K     D>K
    bergstrasse   -D>K     D>K    -D>K    -D>K     D>K     D>K     D>K
    research      -D>K     D>K     D>K    -D>K    -D>K     D>K     D>K
    coord          A       E>K    -E>K    -E>K    -E>K     E>K     D>N
    coord+bremen   A       E>K    -E>K     E>K    -E>K     E>K     D>N
    """,
    "rundruf status": """
                   K       N       F       B       S       D       U
    guest         -D>K    -D>K    -D>K    -D>K    -D>K     D>K     D>K
    member        -D>K     D>K    -D>K    -D>K    -D>K     D>K     D>K
    bremen        -D>K     D>K    -D>K     D>K    -D>K     D>K     D>K
    bergstrasse   -D>K     D>K    -D>K    -D>K     D>K     D>K     D>K
    research      -D>K     D>K     D>K    -D>K    -D>K     D>K     D>K
    coord          A       E>K    -E>K    -E>K    -E>K     A       D>N
    coord+bremen   A       E>K    -E>K     E>K    -E>K     A       D>N
    """,
    # Coordinators decide wherever they are; how things stand is said elsewhere if it cannot be done.
    "bericht angenommen labor-1:bremen / bericht nachfordern labor-1:bremen Da fehlt etwas / bericht befreien labor-1:bremen"
    " / bericht aufschub labor-1:bremen 15.11.2030": """
                   K       N       F       B       S       D       U
    guest         -D>K    -D>K    -D>K    -D>K    -D>K     D>K     D>K
    member        -D>K     D>K    -D>K    -D>K    -D>K     D>K     D>K
    bremen        -D>K     D>K    -D>K     D>K    -D>K     D>K     D>K
    bergstrasse   -D>K     D>K    -D>K    -D>K     D>K     D>K     D>K
    research      -D>K     D>K     D>K    -D>K    -D>K     D>K     D>K
    coord          ✅      ✅     -✅     -✅     -✅      ✅      D>N
    coord+bremen   ✅      ✅     -✅      ✅     -✅      ✅      D>N
    """,
    "bericht angenommen forschung-1 / bericht befreien forschung-1": """
                   K       N       F       B       S       D       U
    guest         -D>K    -D>K    -D>K    -D>K    -D>K     D>K     D>K
    member        -D>K     D>K    -D>K    -D>K    -D>K     D>K     D>K
    bremen        -D>K     D>K    -D>K     D>K    -D>K     D>K     D>K
    bergstrasse   -D>K     D>K    -D>K    -D>K     D>K     D>K     D>K
    research      -D>K     D>K     D>K    -D>K    -D>K     D>K     D>K
    coord          ✅      ✅     -✅     -✅     -✅      ✅      D>N
    coord+bremen   ✅      ✅     -✅      ✅     -✅      ✅      D>N
    """,
    "termin workshop-5 März 2030 / absagen workshop-5": """
                   K       N       F       B       S       D       U
    guest         -D>K    -D>K    -D>K    -D>K    -D>K     D>K     D>K
    member        -D>K     D>K    -D>K    -D>K    -D>K     D>K     D>K
    bremen        -D>K     D>K    -D>K     D>K    -D>K     D>K     D>K
    bergstrasse   -D>K     D>K    -D>K    -D>K     D>K     D>K     D>K
    research      -D>K     D>K     D>K    -D>K    -D>K     D>K     D>K
    coord          A       E>K    -E>K    -E>K    -E>K     A       D>N
    coord+bremen   A       E>K    -E>K     E>K    -E>K     A       D>N
    """,
}


@dataclass(frozen=True)
class Cell:
    """One cell of a table: `person` in `column` is expected to get `outcome`; `present`: they are in that room."""

    person: str
    column: str
    present: bool
    outcome: str


def cells(table: str) -> Iterator[Cell]:
    """Read a table."""
    head, *rows = (line.split() for line in table.strip().splitlines())
    for person, *outcomes in rows:
        for column, outcome in zip(head, outcomes, strict=True):
            yield Cell(person, column, not outcome.startswith("-"), outcome.removeprefix("-"))


ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True, ids=[""])
"""Who may what is decided before any database is asked."""

SAMPLES = [(said.strip(), table) for said_in_turn, table in TABLES.items() for said in said_in_turn.split(" / ")]


@ONE_DATABASE
@pytest.mark.parametrize(("said", "table"), SAMPLES, ids=[said for said, _ in SAMPLES])
async def test_who_may_do_what_where(database: Database, said: str, table: str) -> None:
    talk = await _talk(database)
    await talk.say("coord", "coordination", "!netz rundruf Damit es einen gibt")
    outcome, before = "", list[tuple[str, ...]]()
    for cell in cells(table):
        if not outcome.startswith("D"):  # what is denied changes nothing, as is asserted below
            await _begin_anew(database, handed_in=said.startswith(("bericht zurück", "bericht angenommen", "bericht nachfordern")))
            before = await _stands(database)
        answers = await talk.say(cell.person, ROOMS[cell.column], f"!netz {said}")
        outcome = await _outcome(database, talk, ROOMS[cell.column], answers)
        assert (cell, outcome) == (cell, cell.outcome), answers
        assert (await _stands(database) != before) == (outcome == "✅"), f"{cell}: only what is done has an effect"


async def _talk(database: Database) -> Conversation:
    people = {ROOMS[code]: [person for person, codes in PEOPLE.items() if code in codes] for code in "KNFBS"}
    return await Conversation.begin(database, people | {"lab:marburg-biedenkopf": []})


async def _outcome(database: Database, talk: Conversation, place: str, answers: list[Said]) -> str:
    """Return what became of the message that was said last, as a cell has it. What other rooms are told beside it does not count."""
    answers = [answer for answer in answers if answer.how != "text"]
    if [answer.how for answer in answers] == ["reaction"]:
        return f"{answers[0].words}" if answers[0].room == place else "✅ elsewhere"
    spoken = [answer for answer in answers if answer.how != "reaction"]
    async with database.begin() as session:
        query = sa.select(handled_events.c.command).where(handled_events.c.event_id == talk.last_event)
        handled = await session.scalar(query)
    elsewhere = [answer.room for answer in spoken if answer.room != place]
    if handled == "refused" and "gibt es hier nicht" in spoken[0].words:
        return "X"
    if handled == "refused":
        assert not elsewhere, "a denial stays where it was asked for"
        return "D>" + "".join(code for code, name in NAMES.items() if name in spoken[0].words)
    if elsewhere:
        assert len(spoken) == 2, "the answer, and where it is"
        return "E>" + "".join(code for code, room in ROOMS.items() if room in elsewhere)
    return "A" if len(spoken) == 1 else f"{len(spoken)} answers"


_REMINDER = {
    "id": 1,
    "room": "lab:bremen",
    "author": "@bremen:example.org",
    "text": "Tee",
    "mentions": [],
    "timezone": "Europe/Berlin",
    "created_at": MORNING,
    "due_at": MORNING + timedelta(hours=1),
}


async def _begin_anew(database: Database, *, handed_in: bool) -> None:
    """Let everything be as the data say, and every report that the tables name be handed in, or none."""
    owed = (("labor-1", "bremen"), ("labor-1", "bergstrasse"), ("forschung-1", "research"))
    async with database.begin() as session:
        await network.replace(session, example_network())
        await session.execute(events.update().values(cancelled=False))
        await session.execute(report_decisions.delete())
        await session.execute(submissions.delete())
        await session.execute(own_reminders.delete())
        await session.execute(own_reminders.insert().values(_REMINDER))
        for report, debtor in owed if handed_in else ():
            row = {"report": report, "debtor": debtor, "submitted_by": "@somebody:example.org", "submitted_at": MORNING}
            await session.execute(submissions.insert().values(row))


async def _stands(database: Database) -> list[tuple[str, ...]]:
    """Return how every report stands."""
    async with database.begin() as session:
        found = [debt for debt in await reports.debts(session) if debt.status is not Status.OPEN or debt.extended_to]
        return sorted((debt.report.key, debt.debtor, debt.status, str(debt.extended_to)) for debt in found)


def test_every_command_has_a_table() -> None:
    tabled: set[str] = set()
    for said, _ in SAMPLES:
        meant = registry().find(said)
        assert meant is not None, said
        tabled.add(meant[0].names[0])
    assert tabled == {command.names[0] for command in registry().commands}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_table_is_whole(table: str) -> None:
    """Every person, every room, and the minus exactly where somebody is not in a room."""
    expected: Mapping[tuple[str, str], bool] = {
        (person, column): column in codes or column in "DU" for person, codes in PEOPLE.items() for column in ROOMS
    }
    assert {(cell.person, cell.column): cell.present for cell in cells(table)} == expected


@ONE_DATABASE
async def test_help_lists_what_the_tables_allow(database: Database) -> None:
    """`hilfe` shows a command exactly where it would not be denied, whatever is asked of it."""
    talk = await _talk(database)
    allowed: dict[tuple[str, str], set[str]] = {}
    for said, table in SAMPLES:
        found = registry().find(said)
        assert found is not None
        for cell in cells(table):
            if cell.present and not cell.outcome.startswith("D"):
                allowed.setdefault((cell.person, cell.column), set()).add(found[0].names[0])
    for (person, column), names in allowed.items():
        (answer,) = await talk.say(person, ROOMS[column], "!netz hilfe")
        listed = {line.removeprefix("• ").split(" – ")[0] for line in answer.words.split("\n") if line.startswith("• ")}
        shown = {re.split(r" [<\[]", usage)[0] for usage in listed}
        assert shown - {"ich"} == names - {"ich"}, (person, column)
