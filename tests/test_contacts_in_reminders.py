"""A reminder mentions the contact, else the deputy, else nobody; who is not in the room any more is told to coordination."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import contacts
from bot.db.engine import Database
from bot.domain.contacts import ContactRole
from bot.domain.reminders import Reminder
from bot.reminder_policy import ReminderPolicy, ReminderSettings
from bot.rendering import template
from tests.conversation import Said, example_network, room_id
from tests.schedules.policies import Reminded, moment, text

FIRST = moment("2020-10-13T08:00")
BREMEN = "lab:bremen"
ANKE, BEATE = "@anke:example.org", "@beate:example.org"


class Daily(ReminderPolicy[Mapping[str, tuple[str, ...]]]):
    """Says something in one lab's room on each day, to whom it is to mention."""

    name = "daily"
    template = template("<p>{% if mention %}{{ mention|pill }}: {% endif %}Guten Tag</p>")
    mentions = True

    async def facts(
        self,
        session: AsyncSession,
        settings: ReminderSettings,  # noqa: ARG002
        zone: ZoneInfo,
        now: datetime,
    ) -> Mapping[str, tuple[str, ...]]:
        return await contacts.mentions(session, now.astimezone(zone).date())

    def plan(self, facts: Mapping[str, tuple[str, ...]]) -> list[Reminder]:
        times: Sequence[datetime] = [FIRST + timedelta(days=days) for days in range(60)]
        people = facts.get("bremen", ())
        return [
            Reminder(f"daily:{at:%m-%d}", "daily", "bremen", "once", BREMEN, at, at + timedelta(hours=2), mentions=people)
            for at in times
        ]


@pytest.fixture
async def reminded(database: Database) -> Reminded:
    """The bot in Bremen's room with Anke and Beate, who are contact and deputy."""
    reminded = await Reminded.begin(database, Daily(), "2020-10-12T09:00", example_network())
    for key in reminded.rooms.keys():
        reminded.rooms.set_room_id(key, room_id(key))
    reminded.members.rooms[room_id(BREMEN)] = {ANKE, BEATE}
    async with database.begin() as session:
        for role, person in ((ContactRole.CONTACT, ANKE), (ContactRole.DEPUTY, BEATE)):
            await contacts.name(session, "bremen", role, person, by=ANKE, now=FIRST)
    return reminded


async def _away(reminded: Reminded, person: str, until: str) -> None:
    async with reminded.database.begin() as session:
        await contacts.leave(session, person, until=moment(until).date(), by=person, now=FIRST)


def _missing(person: str) -> Said:
    return text(
        "coordination",
        f"{person} soll in »{room_id(BREMEN)}« an etwas erinnert werden, ist dort aber nicht (mehr). Wer ist jetzt Kontakt?",
    )


async def test_the_contact_the_deputy_nobody(reminded: Reminded) -> None:
    """By the day on which it is said: the last day away is one."""
    assert await reminded.at("2020-10-13T08:00") == [text(BREMEN, f"{ANKE}: Guten Tag")]
    await _away(reminded, ANKE, "2020-10-15")
    assert await reminded.at("2020-10-15T08:00") == [text(BREMEN, f"{BEATE}: Guten Tag")]
    await _away(reminded, BEATE, "2020-10-20")
    await _away(reminded, ANKE, "2020-10-20")
    assert await reminded.at("2020-10-20T08:00") == [text(BREMEN, "Guten Tag")]
    assert await reminded.at("2020-10-21T08:00") == [text(BREMEN, f"{ANKE}: Guten Tag")]


async def test_who_is_not_in_the_room_any_more(reminded: Reminded) -> None:
    """The deputy is mentioned, and coordinators are told: once a month, and of the next one as well."""
    reminded.members.rooms[room_id(BREMEN)] = {BEATE}
    assert await reminded.at("2020-10-13T08:00") == [text(BREMEN, f"{BEATE}: Guten Tag"), _missing(ANKE)]
    assert await reminded.at("2020-10-14T08:00") == [text(BREMEN, f"{BEATE}: Guten Tag")]
    assert await reminded.at("2020-11-02T08:00") == [text(BREMEN, f"{BEATE}: Guten Tag"), _missing(ANKE)]
    reminded.members.rooms[room_id(BREMEN)] = set()
    await _away(reminded, ANKE, "2020-11-03")
    assert await reminded.at("2020-11-03T08:00") == [text(BREMEN, "Guten Tag"), _missing(BEATE)]


async def test_a_homeserver_that_does_not_answer(reminded: Reminded) -> None:
    """The reminder is not held up, and nobody is said to be gone."""
    reminded.members.silent.add(room_id(BREMEN))
    assert await reminded.at("2020-10-13T08:00") == [text(BREMEN, f"{ANKE}: Guten Tag")]
