"""The network is told of an event on the working day before it."""

from dataclasses import replace
from datetime import datetime

import pytest
import sqlalchemy as sa

from bot.db import rooms, tables
from bot.db.engine import Database
from bot.domain.dates import PartialDate
from bot.domain.network import Network
from schedules.workshop_tomorrow import policy
from tests.conversation import ZONE
from tests.schedules.policies import Reminded, example, text

WORKSHOP_2 = text("network", "Morgen beginnt: 2. Netzwerk-Workshop, 24.–27. November 2020, online.")


async def begin(database: Database, at: str = "2020-10-12T09:00", when: str = "2020-11-24/2020-11-27") -> Reminded:
    """Begin with the second workshop on other days."""
    return await Reminded.begin(database, policy, at, with_workshop_on(when))


def with_workshop_on(when: str) -> Network:
    """Return the network of the example with its second workshop on other days."""
    found = example()
    return replace(found, events=tuple(replace(e, when=PartialDate.parse(when)) if e.number == 2 else e for e in found.events))


async def test_the_day_before_at_the_opening_of_office_hours(database: Database) -> None:
    """Once, to the network's room, and not before its time."""
    reminded = await begin(database)
    assert await reminded.next_after("2020-10-12T09:00") == datetime(2020, 11, 23, 8, tzinfo=ZONE)
    assert await reminded.at("2020-11-23T07:59") == []
    assert await reminded.at("2020-11-23T08:00") == [WORKSHOP_2]
    assert await reminded.at("2020-11-24T08:00") == []


@pytest.mark.parametrize(
    ("when", "at", "said"),
    [
        # A weekend lies between: "tomorrow" would be wrong.
        ("2020-11-23", "2020-11-20T08:00", "Am Montag beginnt: 2. Netzwerk-Workshop, 23. November 2020, online."),
        # A holiday of all Germany is no working day (3 October 2022 is a Monday) …
        ("2022-10-04", "2022-09-30T08:00", "Am Dienstag beginnt: 2. Netzwerk-Workshop, 4. Oktober 2022, online."),
        # … but one of some states is: Corpus Christi, 3 June 2021.
        ("2021-06-04", "2021-06-03T08:00", "Morgen beginnt: 2. Netzwerk-Workshop, 4. Juni 2021, online."),
        # The clocks change in the night to Sunday: it is still 8 o'clock.
        ("2022-03-29", "2022-03-28T08:00", "Morgen beginnt: 2. Netzwerk-Workshop, 29. März 2022, online."),
    ],
)
async def test_the_working_day_before(database: Database, when: str, at: str, said: str) -> None:
    reminded = await begin(database, when=when)
    coming = datetime.fromisoformat(at).replace(tzinfo=ZONE)
    assert await reminded.next_after(f"{at[:10]}T00:00") == coming
    assert await reminded.at(at) == [text("network", said)]


async def test_the_place_and_the_language_of_the_room(database: Database) -> None:
    """Where it is, in the words of the network's room."""
    reminded = await begin(database)
    async with database.begin() as session:
        await rooms.set_language(session, "network", "en")
    assert await reminded.at("2021-09-29T08:00") == [
        text("network", "Tomorrow: 4. Netzwerk-Workshop, 30 September – 1 October 2021, Merzenich.")
    ]


async def test_late_in_the_same_day_it_says_so(database: Database) -> None:
    """Back in the afternoon it still helps; in the evening nobody is disturbed, and next morning it has begun."""
    reminded = await begin(database)
    late = text("network", f"Verspätet, weil ich nicht da war: {WORKSHOP_2.words}")
    assert await reminded.at("2020-11-23T18:30") == []
    assert await reminded.at("2020-11-23T15:00") == [late]
    assert await reminded.at("2021-03-16T08:00") == [], "the next one begins today"


async def test_moved_after_it_was_said(database: Database) -> None:
    """The old day's notice has lost its sense, the new day has one of its own."""
    reminded = await begin(database)
    assert await reminded.at("2020-11-23T08:00") == [WORKSHOP_2]
    await reminded.now_has(with_workshop_on("2020-12-08/2020-12-10"))
    assert not await reminded.still_wanted("workshop-tomorrow:workshop-2:network:2020-11-24/2020-11-27:1")
    assert await reminded.at("2020-12-07T08:00") == [
        text("network", "Morgen beginnt: 2. Netzwerk-Workshop, 8.–10. Dezember 2020, online.")
    ]


async def test_cancelled_before_and_after_it_was_said(database: Database) -> None:
    """What was written down and waits for its room is not said any more; what was not yet, never."""
    reminded = await begin(database)
    assert await reminded.at("2020-11-23T08:00") == [WORKSHOP_2]
    async with database.begin() as session:
        await session.execute(sa.update(tables.events).values(cancelled=True))
    assert not await reminded.still_wanted("workshop-tomorrow:workshop-2:network:2020-11-24/2020-11-27:1")
    assert await reminded.at("2021-03-15T08:00") == []


async def test_a_month_is_no_day(database: Database) -> None:
    """Nobody is told "tomorrow" of a month."""
    reminded = await begin(database, at="2021-12-01T09:00")
    assert await reminded.next_after("2021-12-01T09:00") is None
