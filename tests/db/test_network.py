"""The network in the database: what is put in comes out, and what the chat wrote stays."""

from dataclasses import replace as but
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from bot.db.engine import Database
from bot.db.network import blocked_removals, hold, load, replace
from bot.db.tables import events, labs, submissions
from bot.domain.network import Network
from bot.network_file import read_network_file
from bot.rendering import catalogue

EXAMPLE = read_network_file(Path(__file__).parents[2] / "examples" / "regogl.toml")


async def put(database: Database, new: Network) -> Network | None:
    """Replace the network; return what stands there afterwards."""
    async with database.begin() as session:
        await hold(session)
        await replace(session, new)
    async with database.begin() as session:
        return await load(session)


async def hand_in(database: Database, report: str, debtor: str) -> None:
    row = {"report": report, "debtor": debtor, "submitted_by": "@a:example.org", "submitted_at": datetime(2020, 10, 12, tzinfo=UTC)}
    async with database.begin() as session:
        await session.execute(sa.insert(submissions).values(row))


async def test_nothing_was_imported_yet(database: Database) -> None:
    async with database.begin() as session:
        assert await load(session) is None


async def test_what_is_put_in_comes_out(database: Database) -> None:
    assert await put(database, EXAMPLE) == EXAMPLE
    assert await put(database, EXAMPLE) == EXAMPLE


async def test_another_network_in_its_place(database: Database) -> None:
    """Added, changed, moved, removed, in every table; a report moves from a series that goes to one that comes."""
    await put(database, EXAMPLE)
    first, second = EXAMPLE.series
    moved = but(
        second, key="neu", title="Neu", reports=tuple(but(r, series="neu", series_title="Neu") for r in second.reports[::-1])
    )
    other = but(
        EXAMPLE,
        name="Anderes Netz",
        labs=(but(EXAMPLE.labs[5], name="Marburg", partners=EXAMPLE.labs[8].partners), *EXAMPLE.labs[:5]),
        events=(
            but(EXAMPLE.events[-1], place="Berlin", number=3, register_by=date(2022, 11, 22)),
            but(EXAMPLE.events[0], key="anfang"),
        ),
        phases=(but(EXAMPLE.phases[0], after="anfang", before="abschluss"),),
        series=(moved, but(first, reports=first.reports[1:])),
        topics=(),
    )
    assert await put(database, other) == other


async def test_no_more_events_and_reports(database: Database) -> None:
    await put(database, EXAMPLE)
    less = but(EXAMPLE, events=(), phases=(), series=(), reflection=())
    assert await put(database, less) == less


async def test_a_cancelled_event_stays_cancelled(database: Database) -> None:
    await put(database, EXAMPLE)
    async with database.begin() as session:
        await session.execute(sa.update(events).where(events.c.key == "workshop-4").values(cancelled=True))
    kept = tuple(but(event, cancelled=event.key == "workshop-4") for event in EXAMPLE.events)
    assert await put(database, EXAMPLE) == but(EXAMPLE, events=kept)


async def test_what_was_handed_in_stays(database: Database) -> None:
    await put(database, EXAMPLE)
    await hand_in(database, "labor-1", "bremen")
    await put(database, but(EXAMPLE, labs=EXAMPLE.labs[::-1]))
    async with database.begin() as session:
        assert (await session.execute(sa.select(submissions.c.report, submissions.c.debtor))).all() == [("labor-1", "bremen")]


async def test_blocked_removals(database: Database) -> None:
    """Labs and reports that somebody handed something in for cannot go; others can."""
    await put(database, EXAMPLE)
    for report, debtor in (("labor-1", "bremen"), ("labor-2", "bremen"), ("labor-1", "oberrhein"), ("forschung-1", "research")):
        await hand_in(database, report, debtor)
    less = but(EXAMPLE, labs=EXAMPLE.labs[4:], series=(but(EXAMPLE.series[0], reports=EXAMPLE.series[0].reports[1:]),))
    async with database.begin() as session:
        assert [catalogue("de").say(line) for line in await blocked_removals(session, less)] == [
            "Das Labor »Bremen und Region« (bremen) fehlt in der Datei, hat aber schon 2 Berichte abgegeben; es muss bleiben.",
            "Der Bericht »Sachstandsbericht 1« (forschung-1) fehlt in der Datei, wurde aber schon einmal abgegeben; er muss bleiben.",
            "Der Bericht »Sachstandsbericht 1« (labor-1) fehlt in der Datei, wurde aber schon 2-mal abgegeben; er muss bleiben.",
        ]
        assert await blocked_removals(session, EXAMPLE) == []


async def test_the_database_itself_refuses_to_lose_a_submission(database: Database) -> None:
    """Should `blocked_removals` not be asked: nothing is applied, not even what came before the refusal."""
    await put(database, EXAMPLE)
    await hand_in(database, "labor-1", "bremen")
    with pytest.raises(IntegrityError):
        await put(database, but(EXAMPLE, name="Anders", labs=EXAMPLE.labs[:3], series=()))
    async with database.begin() as session:
        assert await load(session) == EXAMPLE
        assert await session.scalar(sa.select(sa.func.count()).select_from(labs)) == 13
