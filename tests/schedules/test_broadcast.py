"""Broadcasts with a time: out at that time, once; late after an outage; not at all when it is too late or was withdrawn."""

import asyncio
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

import schedules
from bot.config import RemindersConfig
from bot.db import broadcasts, deliveries, network
from bot.db.engine import Database
from bot.domain.broadcasts import lab_keys
from bot.registry import find_policies
from bot.scheduler import Scheduler
from bot.simulation import simulate
from tests.commands.conftest import PEOPLE
from tests.conversation import ZONE, Conversation, Said, example_network, notice

PREVIEW = "broadcast-preview:1"
NOTICE = "Rundruf der Koordination\n\nGuten Tag"
LATE = f"Verspätet, weil ich nicht da war; geplant war Freitag, 30. Oktober 2020, 09:00.\n\n{NOTICE}"
MISSED = (
    "Rundruf 1 war geplant für Freitag, 30. Oktober 2020, 09:00. Da war ich nicht da, und jetzt ist es zu lange her: niemand hat ihn"
    " bekommen. Wird er noch gebraucht, schickt ihn bitte noch einmal."
)
POLICIES = find_policies(schedules)
AT = datetime(2020, 10, 30, 9, tzinfo=ZONE)


class Evening(Conversation):
    """A conversation with somebody who looks after the reminders."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, PEOPLE, example_network())
        self.scheduler = Scheduler(
            database=database,
            policies=POLICIES,
            settings=RemindersConfig(),
            network_rooms=self.network_rooms,
            clock=self.clock,
            zone=ZONE,
            language="de",
            prefix="!netz",
            members=self.members.joined,
            written=lambda: None,
        )

    async def look(self) -> datetime | None:
        """Let the policy look twice, as if it had forgotten the first time."""
        policy = next(policy for policy in POLICIES if policy.name == "broadcast")
        await self.scheduler.look(policy)
        return await self.scheduler.look(policy)

    async def at(self, moment: datetime) -> list[Said]:
        """Return what the policy says at a time."""
        self.clock.shown = moment
        await self.look()
        return await self.what_was_said()


@pytest.fixture
async def netz(database: Database) -> Evening:
    """The bot, with a broadcast for Bremen and Bergstraße that has been confirmed and waits; the policy has not looked since."""
    async with database.begin() as session:
        await network.replace(session, example_network())
    netz = Evening(database)
    await netz.say("anke", "lab:bremen", "!netz sprache en")
    await netz.say("karla", "coordination", "!netz rundruf an bremen, bergstrasse am 30.10.2020 um 9 Uhr Guten Tag")
    await netz.react("karla", "coordination", PREVIEW, "✅")
    return netz


async def test_at_its_time_once_and_in_the_language_of_each_room(netz: Evening) -> None:
    assert await netz.look() == AT
    assert await netz.at(AT - timedelta(minutes=1)) == []
    assert await netz.at(AT) == [
        Said("lab:bergstrasse", "text", NOTICE),
        Said("lab:bremen", "text", "Broadcast from the coordinators\n\nGuten Tag"),
    ]
    assert [row.key for row in netz.written] == ["broadcast:1:lab:bergstrasse", "broadcast:1:lab:bremen"]
    assert await netz.at(AT + timedelta(days=8)) == []


async def test_afterwards_nothing_can_be_withdrawn(netz: Evening) -> None:
    await netz.at(AT)
    for symbol in "✅❌":
        assert await netz.react("konrad", "coordination", PREVIEW, symbol) == [
            notice("coordination", "Rundruf 1 hat @karla:example.org schon verschickt.")
        ]
    (status,) = await netz.say("karla", "coordination", "!netz rundruf status")
    assert status.words.endswith("In 2 von 2 Räumen angekommen.")


async def test_missed_while_away_it_comes_late_and_says_so(netz: Evening) -> None:
    """Confirmed at the last moment before an outage: the policy has never seen it, and yet it was missed and is not new."""
    said = await netz.at(AT + timedelta(days=3))
    assert said[0] == Said("lab:bergstrasse", "text", LATE)
    assert len(said) == 2


async def test_a_little_late_is_not_worth_a_word(netz: Evening) -> None:
    assert (await netz.at(AT + timedelta(minutes=59)))[0] == Said("lab:bergstrasse", "text", NOTICE)


async def test_withdrawn_it_does_not_come(netz: Evening) -> None:
    """Also if the ❌ is handled only after the time, when the bot is back, and before it looks."""
    netz.clock.shown = AT + timedelta(days=3)
    await netz.react("konrad", "coordination", PREVIEW, "❌")
    assert await netz.at(AT + timedelta(days=3)) == []
    assert await netz.at(AT + timedelta(days=7)) == []


async def test_not_confirmed_it_does_not_come(netz: Evening) -> None:
    await netz.say("karla", "coordination", "!netz rundruf am 30.10.2020 um 9 Uhr Niemals")
    await netz.at(AT)
    assert not any("Niemals" in row.content["body"] for row in netz.written)


async def test_too_late_coordinators_are_told_once_instead(netz: Evening) -> None:
    assert await netz.at(AT + timedelta(days=7)) == [Said("coordination", "text", MISSED)]
    assert await netz.at(AT + timedelta(days=8)) == []
    assert await netz.say("karla", "coordination", "!netz rundruf status") == [
        notice(
            "coordination",
            "Rundruf 1, von @karla:example.org, 12. Oktober 2020, 09:00",
            "Ausgefallen, weil ich nicht da war (geplant für Freitag, 30. Oktober 2020, 09:00); niemand hat ihn bekommen.",
        )
    ]


async def test_withdrawn_between_the_row_and_its_sending(netz: Evening) -> None:
    """The drain asks once more: what was withdrawn at the very last moment is dropped."""
    netz.clock.shown = AT
    await netz.look()
    async with netz.database.begin() as session:
        row = (await deliveries.with_prefix(session, "broadcast:1:"))[0]
        assert await netz.scheduler.still_wanted(session, row, AT) is None
    async with netz.database.begin() as session:
        await session.execute(sa.text("UPDATE broadcasts SET state = 'withdrawn'"))
        assert await netz.scheduler.still_wanted(session, row, AT) == "no longer due"


async def test_withdrawn_while_the_rows_are_being_written(netz: Evening) -> None:
    """The ❌ waits until that is decided. Else it would promise that nobody gets what is being sent."""
    netz.clock.shown = AT
    async with netz.database.begin() as session:
        (found,) = await broadcasts.scheduled(session)  # the policy is looking
        withdrawing = asyncio.create_task(netz.click("konrad", "coordination", PREVIEW, "❌"))
        assert (await asyncio.wait({withdrawing}, timeout=0.3))[0] == set()
        for lab, key in lab_keys(found.id, found.labs).items():
            await deliveries.add(session, key=key, room=f"lab:{lab}", content={"msgtype": "m.text", "body": ""}, now=AT)
    await withdrawing
    *_, answer = await netz.what_was_said()
    assert answer == notice("coordination", "Rundruf 1 hat @karla:example.org schon verschickt.")


async def test_a_lab_that_lost_its_room_stops_nobody(netz: Evening) -> None:
    """It is named as one that waits."""
    fewer = {key: people for key, people in PEOPLE.items() if key != "lab:bergstrasse"}
    without = Conversation(netz.database, fewer, example_network())
    netz.scheduler._rooms = without.network_rooms
    assert [line.room for line in await netz.at(AT)] == ["lab:bremen"]


async def test_what_waits_for_its_room_says_so_anew(netz: Evening) -> None:
    """Written down in time, sent two days later: it is late then."""
    netz.clock.shown = AT
    await netz.look()
    later = AT + timedelta(days=2)
    async with netz.database.begin() as session:
        row = (await deliveries.with_prefix(session, "broadcast:1:lab:bergstrasse"))[0]
        assert await netz.scheduler.refresh(session, row, AT + timedelta(minutes=5)) is None
        fresh = await netz.scheduler.refresh(session, row, later)
    assert fresh is not None
    assert (fresh["body"], fresh["netzwart.key"]) == (LATE, row.key)


async def test_simulated_nothing_is_missed(netz: Evening) -> None:
    """A simulation asks what would be said if the bot is there."""
    found = (await simulate(netz.database, POLICIES, RemindersConfig(), ZONE, AT, AT + timedelta(days=20))).said
    assert [(s.at, s.reminder.room) for s in found if s.reminder.policy == "broadcast"] == [
        (AT, "lab:bergstrasse"),
        (AT, "lab:bremen"),
    ]
