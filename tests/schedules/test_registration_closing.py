"""Labs are told that a registration closes: 14 and 3 days before, and on the day."""

from datetime import date

import pytest
import sqlalchemy as sa

from bot.db import rooms, tables
from bot.db.engine import Database
from schedules.registration_closing import policy
from tests.schedules.policies import Reminded, example, text

CONFERENCE = 'when = "2022-12-01"\nplace = "Berlin"\nregister_by = '


async def begin(database: Database, closes: str, at: str = "2021-05-01T09:00") -> Reminded:
    """Begin with a conference for which one may register until a day."""
    return await Reminded.begin(database, policy, at, example(lambda d: d.replace('when = "2022-12"', f'{CONFERENCE}"{closes}"')))


async def test_three_steps_in_every_lab_s_room(database: Database) -> None:
    """To the labs, and to nobody else."""
    reminded = await begin(database, "2022-11-22")
    first = await reminded.at("2022-11-08T08:00")
    assert len({said.room for said in first}) == len(first) == 13
    assert (
        text(
            "lab:bremen",
            "In 14 Tagen schließt die Anmeldung: Abschlusskonferenz, 1. Dezember 2022, Berlin."
            " Möglich ist sie bis Dienstag, 22. November 2022.",
        )
        in first
    )
    # Three days before is a Saturday: it comes on Friday, and counts the days that are left then.
    friday = await reminded.at("2022-11-18T08:00")
    assert friday[0].words.startswith("In 4 Tagen schließt die Anmeldung: Abschlusskonferenz, ")
    today = await reminded.at("2022-11-22T08:00")
    assert {said.words for said in today} == {"Heute schließt die Anmeldung: Abschlusskonferenz, 1. Dezember 2022, Berlin."}
    assert await reminded.at("2022-11-23T08:00") == []
    assert await reminded.next_after("2022-11-22T08:00") is None


async def test_holidays_of_the_lab_s_own_state(database: Database) -> None:
    """Reformation Day is off in Bremen and not in Hesse: Bremen is told on the Friday before."""
    reminded = await begin(database, "2022-10-31")
    friday = await reminded.at("2022-10-28T08:00")
    assert {"lab:bremen", "lab:partheland"} <= {said.room for said in friday}
    assert (
        text(
            "lab:bremen",
            "In 3 Tagen schließt die Anmeldung: Abschlusskonferenz, 1. Dezember 2022, Berlin."
            " Möglich ist sie bis Montag, 31. Oktober 2022.",
        )
        in friday
    )
    monday = {said.room for said in await reminded.at("2022-10-31T08:00")}
    assert "lab:bergstrasse" in monday
    assert "lab:bremen" not in monday


async def test_in_english_and_late(database: Database) -> None:
    """Who was away on a step says so; the step before is not made up for."""
    reminded = await begin(database, "2022-11-22")
    async with database.begin() as session:
        await rooms.set_language(session, "lab:bremen", "en")
    said = await reminded.at("2022-11-21T10:00")
    assert (
        text(
            "lab:bremen",
            "Late, because I was away: Registration closes tomorrow: Abschlusskonferenz, 1 December 2022, Berlin."
            " It is possible until Tuesday, 22 November 2022.",
        )
        in said
    )
    assert len(said) == 13


async def test_two_that_close_at_once_are_one_message(database: Database) -> None:
    data = example(
        lambda d: d.replace('when = "2022-12"', f'{CONFERENCE}"2022-11-22"').replace(
            'when = "2022-09"', 'when = "2022-11-28"\nregister_by = "2022-11-22"'
        )
    )
    reminded = await Reminded.begin(database, policy, "2021-05-01T09:00", data)
    said = await reminded.at("2022-11-22T08:00")
    assert len(said) == 13
    assert said[0].words == (
        "Heute schließt die Anmeldung: Abschlusskonferenz, 1. Dezember 2022, Berlin.\n\n"
        "Heute schließt die Anmeldung: 6. Netzwerk-Workshop, 28. November 2022."
    )


@pytest.mark.parametrize("change", ["moved", "cancelled", "without"])
async def test_what_was_written_down_loses_its_sense(database: Database, change: str) -> None:
    """Another last day, no event any more, no registration any more: what waits for its room is not said."""
    reminded = await begin(database, "2022-11-22")
    assert await reminded.at("2022-11-08T08:00") != []
    async with database.begin() as session:
        values: dict[str, dict[str, object]] = {"moved": {"register_by": date(2022, 11, 24)}, "cancelled": {"cancelled": True}}
        conference = tables.events.c.key == "abschluss"
        await session.execute(sa.update(tables.events).where(conference).values(values.get(change, {"register_by": None})))
    assert not await reminded.still_wanted("registration-closing:abschluss:bremen:2022-11-22:14")
    rooms_then = {said.room for said in await reminded.at("2022-11-24T08:00")}
    assert (len(rooms_then) == 13) == (change == "moved")


async def test_the_example_has_no_registration(database: Database) -> None:
    """What the file does not say is not invented."""
    reminded = await Reminded.begin(database, policy, "2020-10-12T09:00", example())
    assert await reminded.next_after("2020-10-12T09:00") is None
