"""Own reminders at their time: once, whatever crashes and however many bots look; late after an outage, and never a flood."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import deliveries, own_reminders
from bot.db.deliveries import Delivery
from bot.db.engine import Database
from bot.db.tables import deliveries as rows
from bot.domain.own_reminders import Wish
from bot.domain.recurrence import Recurrence
from bot.domain.reminders import Reminder
from schedules.own_reminder import AT_ONCE, OwnReminders, policy
from tests.commands.conftest import PEOPLE
from tests.conversation import ZONE, Conversation, Said, example_network, user_id
from tests.schedules.policies import Looking, moment

BREMEN = "lab:bremen"
HINT = "💤 eine Stunde später · ✅ erledigt"
DIRECT = "!direct-anke:example.org"


class Evening(Conversation):
    """A conversation with a bot that looks after own reminders."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, PEOPLE, example_network())
        self.looking = Looking(self, policy)

    async def at(self, when: str) -> list[str]:
        """Return what is said at a time, without what can be done with it."""
        self.clock.shown = moment(when)
        while (coming := await self.looking.look()) is not None and coming <= self.clock.now():
            pass
        return [said.words.removesuffix(HINT).strip() for said in await self.what_was_said() if said.how == "text"]

    async def row(self, key: str) -> Delivery:
        """Return what was written down under a key."""
        async with self.database.begin() as session:
            (row,) = [row for row in await deliveries.with_prefix(session, key) if row.key == key]
            return row

    async def unwanted(self, key: str) -> str | None:
        """Return why what was written down under a key is not to be said any more."""
        row = await self.row(key)
        async with self.database.begin() as session:
            return await self.looking.scheduler.still_wanted(session, row, self.clock.now())


@pytest.fixture
async def netz(database: Database) -> Evening:
    """The bot on 12 October 2020, 9:00."""
    return Evening(database)


async def test_missed_once_it_comes_late_and_once(netz: Evening) -> None:
    """Nothing is lost while the bot is down (matrix-reminder-bot, issues 88 and 89)."""
    await netz.say("anke", BREMEN, "!netz erinnern morgen 10 Uhr Tee")
    late = "⏰ @anke:example.org: Tee\n\nVerspätet; geplant war Dienstag, 13. Oktober 2020, 10:00."
    assert await netz.at("2020-12-24T18:00") == [late]
    assert await netz.at("2020-12-24T18:05") == []


async def test_a_few_minutes_are_not_late(netz: Evening) -> None:
    await netz.say("anke", BREMEN, "!netz erinnern morgen 10 Uhr Tee")
    assert await netz.at("2020-10-13T10:05") == ["⏰ @anke:example.org: Tee"]


async def test_no_flood_at_the_start(netz: Evening) -> None:
    """Away for a year: of each that comes again and again the last time, once (matrix-reminder-bot, issue 9)."""
    for words in (
        "jeden Tag 9 Uhr Tägliches",
        "alle 2 Stunden Stunden",
        'cron "0,15,30,45 * * * *" Viertel',
        "jeden Montag 9 Uhr Wöchentliches",
    ):
        await netz.say("anke", BREMEN, f"!netz erinnern {words}")
    await netz.say("anke", BREMEN, "!netz wecker morgen 10 Uhr Wecker")
    said = await netz.at("2021-10-12T12:20")
    assert sorted(line.split("\n")[0].removeprefix("⏰ @anke:example.org: ") for line in said) == [
        "Stunden",
        "Tägliches",
        "Viertel",
        "Wecker",
        "Wöchentliches",
    ]
    assert "Verspätet; geplant war Montag, 11. Oktober 2021, 09:00." in "\n".join(said)
    assert await netz.at("2021-10-12T12:21") == []


async def test_an_alarm_wakes_the_policy_again(netz: Evening) -> None:
    """What is said now comes again sooner than anything that was read with it."""
    await netz.say("anke", BREMEN, "!netz wecker um 14 Uhr Tee")
    await netz.say("anke", BREMEN, "!netz erinnern um 18 Uhr Abendbrot")
    assert await netz.looking.look() == moment("2020-10-12T14:00")
    netz.clock.shown = moment("2020-10-12T14:00")
    assert await netz.looking.look() == moment("2020-10-12T14:05")
    assert await netz.looking.look() == moment("2020-10-12T14:05")


async def test_only_what_is_due_is_read(netz: Evening) -> None:
    for hour in range(10, 19):
        await netz.say("anke", BREMEN, f"!netz erinnern um {hour} Uhr Tee")
    now = moment("2020-10-12T11:30")
    async with netz.database.begin() as session:
        facts = await policy.facts(session, netz.looking.scheduler._settings, ZONE, now)
    assert [found.id for found in facts.due] == [1, 2]
    assert facts.coming == moment("2020-10-12T12:00")


async def test_very_many_at_once_leave_in_order(netz: Evening) -> None:
    """More than is written down in one transaction: the rest follows at once, in the order in which they were set."""
    async with netz.database.begin() as session:
        for number in range(2 * AT_ONCE + 5):
            wish = Wish(moment("2020-10-12T10:00"), None, None, f"Nummer {number}")
            await own_reminders.add(session, wish, room=BREMEN, author="@a:x", mentions=(), zone=ZONE, now=netz.clock.now())
    netz.clock.shown = moment("2020-10-12T10:00")
    assert await netz.looking.look() == netz.clock.now()
    said = await netz.at("2020-10-12T10:00")
    assert [line.rpartition(" ")[2] for line in said] == [str(number) for number in range(2 * AT_ONCE + 5)]


async def test_several_bots_say_it_once(netz: Evening) -> None:
    """They look at the same moment, and each moves on only what it has written down."""
    for hour in (10, 10, 10, 11):
        await netz.say("anke", BREMEN, f"!netz erinnern jeden Tag {hour} Uhr Tee")
    netz.clock.shown = moment("2020-10-12T10:00")
    await asyncio.gather(*(Looking(netz, policy).look() for _ in range(4)))
    said = [said for said in await netz.what_was_said() if said.how == "text"]
    assert len(said) == 3
    async with netz.database.begin() as session:
        found = await own_reminders.open_in(session, BREMEN)
    assert [(r.id, r.occurrence, r.due_at) for r in found] == [
        (4, 0, moment("2020-10-12T11:00")),
        *((number, 1, moment("2020-10-13T10:00")) for number in (1, 2, 3)),
    ]


async def test_in_somebodys_hands_when_its_time_comes(netz: Evening) -> None:
    """A command that changes it, and fails in the end: it is said all the same, at its time."""
    await netz.say("anke", BREMEN, "!netz erinnern um 10 Uhr Tee")
    netz.clock.shown = moment("2020-10-12T10:00")
    async with netz.database.begin() as session:
        await own_reminders.get(session, 1, hold=True)
        looking = asyncio.create_task(netz.looking.look())
        await asyncio.sleep(0.2)
        await session.rollback()
    await looking
    assert [said.how for said in await netz.what_was_said()] == ["text", "reaction", "reaction"]


class Dying(OwnReminders):
    """Is killed when all is written, before it is committed."""

    async def written(self, session: AsyncSession, reminders: Sequence[Reminder], now: datetime) -> None:
        await super().written(session, reminders, now)
        if reminders:
            raise SystemError


async def test_killed_between_saying_and_moving_on(netz: Evening) -> None:
    """Both are one transaction: neither is done, and the next look does both."""
    await netz.say("anke", BREMEN, "!netz erinnern jeden Tag 10 Uhr Tee")
    netz.clock.shown = moment("2020-10-12T10:00")
    with pytest.raises(SystemError):
        await Looking(netz, Dying()).look()
    assert await netz.what_was_said() == []
    assert len(await netz.at("2020-10-12T10:00")) == 1
    assert await netz.at("2020-10-12T10:01") == []


@pytest.mark.parametrize("settled", ["erinnerung löschen 1", "erledigt 1", "verschieben 1 morgen 10 Uhr"])
async def test_settled_while_it_waits_for_its_room(netz: Evening, settled: str) -> None:
    """It was written down and could not be sent; then it lost its sense, and its buttons with it."""
    await netz.say("anke", BREMEN, "!netz erinnern um 10 Uhr Tee")
    netz.clock.shown = moment("2020-10-12T10:00")
    await netz.looking.look()
    keys = ["own-reminder:1:0", "own-reminder:1:0:reaction-0", "own-reminder:1:0:reaction-1"]
    assert [await netz.unwanted(key) for key in keys] == [None] * 3
    await netz.say("anke", BREMEN, f"!netz {settled}")
    assert [await netz.unwanted(key) for key in keys] == ["no longer due"] * 3


async def test_of_what_waits_for_its_room_the_last_is_said(netz: Evening) -> None:
    """A room that cannot be reached for a day does not get every ring of an alarm afterwards."""
    await netz.say("anke", BREMEN, "!netz wecker um 10 Uhr Tee")
    for minute in (0, 5, 10):
        netz.clock.shown = moment(f"2020-10-12T10:{minute:02d}")
        await netz.looking.look()
    assert [await netz.unwanted(f"own-reminder:1:{number}") for number in range(3)] == ["no longer due", "no longer due", None]


async def test_what_waited_says_that_it_is_late_and_its_buttons_stay(netz: Evening) -> None:
    await netz.say("anke", BREMEN, "!netz erinnern um 10 Uhr Tee")
    netz.clock.shown = moment("2020-10-12T10:00")
    await netz.looking.look()
    message, button = await netz.row("own-reminder:1:0"), await netz.row("own-reminder:1:0:reaction-0")
    later = moment("2020-10-12T12:00")
    async with netz.database.begin() as session:
        fresh = await netz.looking.scheduler.refresh(session, message, later)
        assert await netz.looking.scheduler.refresh(session, button, later) is None
    assert fresh is not None
    assert "Verspätet; geplant war Montag, 12. Oktober 2020, 10:00." in str(fresh["body"])
    assert fresh["m.mentions"] == {"user_ids": [user_id("anke")]}


async def test_a_room_that_is_no_longer_configured_holds_up_nobody(netz: Evening) -> None:
    """Its reminders wait, and those of others are not behind them."""
    async with netz.database.begin() as session:
        for number in range(AT_ONCE):
            wish = Wish(moment("2020-10-12T10:00"), None, None, f"Nummer {number}")
            await own_reminders.add(session, wish, room="lab:gone", author="@a:x", mentions=(), zone=ZONE, now=netz.clock.now())
    await netz.say("anke", BREMEN, "!netz erinnern um 11 Uhr Tee")
    assert await netz.at("2020-10-12T11:00") == ["⏰ @anke:example.org: Tee"]


async def _refuse(netz: Evening, room: str, note: str) -> None:
    """Let what waits for a room have been refused."""
    async with netz.database.begin() as session:
        waiting = sa.and_(rows.c.room == room, rows.c.done_at.is_(None))
        await session.execute(rows.update().where(waiting).values(note=note, attempts=1))


@pytest.mark.parametrize("note", ["we are not in this room", "M_FORBIDDEN You don't have permission to post that to the room"])
async def test_a_direct_chat_that_refuses_us(netz: Evening, note: str) -> None:
    """Coordinators hear that, not what it was about, and once a month (matrix-reminder-bot, issue 158)."""
    await netz.say("anke", "direct", "erinnern um 10 Uhr Geheimes")
    netz.clock.shown = moment("2020-10-12T10:00")
    await netz.looking.look()
    await _refuse(netz, DIRECT, note)
    await netz.looking.look()
    told = Said(
        "coordination",
        "text",
        "Ich kann @anke:example.org nicht erinnern: im Direktchat darf ich nichts mehr schreiben. Was ich dort zu sagen habe, hebe ich auf."
        " Bitte sagt es weiter; lädt @anke:example.org mich wieder ein, geht es von selbst weiter.",
    )
    key = f"own-reminder-refused:{DIRECT}:2020-10"
    assert await netz.unwanted(key) is None
    assert told in await netz.what_was_said()
    await _refuse(netz, DIRECT, note)
    await netz.looking.look()
    assert await netz.what_was_said() == []
    assert await netz.unwanted(key) == "no longer due", "it was said meanwhile"


async def test_a_homeserver_that_is_away_refuses_nothing(netz: Evening) -> None:
    await netz.say("anke", "direct", "erinnern um 10 Uhr Tee")
    netz.clock.shown = moment("2020-10-12T10:00")
    await netz.looking.look()
    await _refuse(netz, DIRECT, "HTTP 502")
    await netz.looking.look()
    assert [said.room for said in await netz.what_was_said() if said.how == "text"] == ["direct"]


@pytest.mark.parametrize(("day", "hours"), [("2020-10-25", 25), ("2021-03-28", 23)])
async def test_across_a_change_of_clocks(netz: Evening, day: str, hours: int) -> None:
    """The night is longer or shorter, the hour stays."""
    rule = Recurrence.parse("FREQ=DAILY;BYHOUR=9;BYMINUTE=0")
    before = moment(f"{day}T09:00") - timedelta(days=1)
    async with netz.database.begin() as session:
        wish = Wish(before, rule, None, "Tee")
        await own_reminders.add(session, wish, room=BREMEN, author="@a:x", mentions=(), zone=ZONE, now=netz.clock.now())
    netz.clock.shown = before.astimezone(UTC)
    coming = await netz.looking.look()
    assert coming == moment(f"{day}T09:00")
    assert coming is not None
    assert coming - before.astimezone(UTC) == timedelta(hours=hours)
