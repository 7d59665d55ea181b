"""After a deadline: the debtor is asked again and again, coordinators hear of it once, and whoever has handed in is left in peace."""

from datetime import datetime, timedelta

import pytest

import schedules
from bot.config import RemindersConfig, SeriesConfig
from bot.db import deliveries, network, reports
from bot.db.engine import Database
from bot.domain.dates import PartialDate
from bot.registry import find_policies
from bot.scheduler import Scheduler
from tests.commands.conftest import PEOPLE
from tests.conversation import ZONE, Conversation, Said, example_network

POLICIES = {policy.name: policy for policy in find_policies(schedules)}


class Watched(Conversation):
    """A conversation in which time passes and the report policies look."""

    settings = RemindersConfig()

    def __init__(self, database: Database) -> None:
        super().__init__(database, PEOPLE, example_network())

    async def at(self, day: str, *policies: str) -> list[Said]:
        """Return what these policies say at a time; two bots look."""
        self.clock.shown = datetime.fromisoformat(day).replace(tzinfo=ZONE)
        for _ in range(2):
            scheduler = Scheduler(
                database=self.database,
                policies=tuple(POLICIES.values()),
                settings=self.settings,
                network_rooms=self.network_rooms,
                clock=self.clock,
                zone=ZONE,
                language="de",
                prefix="!netz",
                members=self.members.joined,
                written=lambda: None,
            )
            for policy in policies:
                await scheduler.look(POLICIES[policy])
        return await self.what_was_said()

    async def due(self, key: str, edtf: str) -> None:
        """Let a report be due at another time."""
        async with self.database.begin() as session:
            report = next(report for report in await reports.every(session) if report.key == key)
            await reports.set_due(session, report, PartialDate.parse(edtf))


@pytest.fixture
async def netz(database: Database) -> Watched:
    """A network whose report policies have looked before anything was due."""
    async with database.begin() as session:
        await network.replace(session, example_network())
    netz = Watched(database)
    await netz.at("2020-10-12T09:00", "report-overdue", "report-escalation", "report-deadline")
    return netz


def asked(title: str, due: str, days: int, key: str) -> str:
    """What the debtor of one report is told."""
    return (
        f"Noch nicht da: {title}, fällig war {due}. Das ist {days} Tage her.\n\nIst es schon abgegeben? Dann schreib:\n"
        f"!netz bericht abgegeben {key}\nBraucht ihr mehr Zeit? Dann sagt es bitte der Koordination."
    )


async def test_the_steps_after_a_deadline(netz: Watched) -> None:
    """Due on a Friday. Three days after is a Monday, ten a Monday, and so on every week; nothing in between."""
    said = await netz.at("2020-11-02T08:00", "report-overdue")
    words = asked("Sachstandsbericht 1", "30. Oktober 2020", 3, "labor-1")
    assert Said("lab:bremen", "text", words) in said
    assert Said("research", "text", asked("Sachstandsbericht 1", "30. Oktober 2020", 3, "forschung-1")) in said
    assert "coordination" not in {room for room, _, _ in said}
    assert await netz.at("2020-11-08T12:00", "report-overdue") == []
    for day, days in (("2020-11-09", 10), ("2020-11-16", 17), ("2020-11-23", 24), ("2020-11-30", 31)):
        said = await netz.at(f"{day}T08:00", "report-overdue")
        assert Said("lab:bremen", "text", asked("Sachstandsbericht 1", "30. Oktober 2020", days, "labor-1")) in said


async def test_a_step_on_a_day_off_comes_on_the_next_working_day(netz: Watched) -> None:
    """Due on a Friday; three days after is All Saints' Day, a holiday in Bavaria and a working day in Bremen."""
    await netz.due("labor-1", "2021-10-29")
    plan = POLICIES["report-overdue"]
    async with netz.database.begin() as session:
        facts = await plan.facts(session, netz.settings, ZONE, netz.clock.now())
    first = {
        r.lab: r.at.astimezone(ZONE).date().isoformat() for r in plan.plan(facts) if r.step == "-P3D" and r.subject == "labor-1"
    }
    assert (first["bremen"], first["wuerzburg"]) == ("2021-11-01", "2021-11-02")


async def test_of_a_month_its_last_day_counts(netz: Watched) -> None:
    """December 2020 is over on the 31st; three days after is a Sunday."""
    plan = POLICIES["report-overdue"]
    async with netz.database.begin() as session:
        facts = await plan.facts(session, netz.settings, ZONE, netz.clock.now())
    steps = [r for r in plan.plan(facts) if r.subject == "forschung-2"]
    assert steps[0].at == datetime(2021, 1, 4, 8, tzinfo=ZONE)
    assert {r.subject for r in plan.plan(facts)}.isdisjoint({"labor-2", "labor-projekt"}), "what is open cannot be missed"
    assert max(r.at for r in steps) < datetime(2021, 7, 5, tzinfo=ZONE), "half a year is enough"


async def test_coordinators_hear_of_it_once(netz: Watched) -> None:
    """More than seven days after: one message for all labs, whoever looks how often."""
    await netz.say("anke", "lab:bremen", "!netz bericht abgegeben labor-1")
    assert await netz.at("2020-11-06T18:00", "report-escalation") == []
    (said,) = await netz.at("2020-11-09T08:00", "report-escalation")
    assert said.room == "coordination"
    lines = said.words.split("\n")
    assert lines[0] == "Lange überfällig:"
    assert "Bremen" not in said.words
    assert "Würzburg und Gerbrunn, 30. Oktober 2020" in said.words
    assert "Forschung, 30. Oktober 2020" in said.words
    assert await netz.at("2020-12-01T08:00", "report-escalation") == []


@pytest.mark.parametrize("ended", ["abgegeben labor-1", "angenommen", "befreit"])
async def test_what_has_come_or_is_waived_is_not_asked_for(netz: Watched, ended: str) -> None:
    if ended != "befreit":
        await netz.say("anke", "lab:bremen", "!netz bericht abgegeben labor-1")
    if ended == "angenommen":
        await netz.say("karla", "coordination", "!netz bericht angenommen labor-1:bremen")
    if ended == "befreit":
        await netz.say("karla", "coordination", "!netz bericht befreien labor-1:bremen")
    assert "lab:bremen" not in {said.room for said in await netz.at("2020-11-02T08:00", "report-overdue")}


async def test_what_is_returned_is_asked_for_again(netz: Watched) -> None:
    await netz.say("anke", "lab:bremen", "!netz bericht abgegeben labor-1")
    await netz.say("karla", "coordination", "!netz bericht nachfordern labor-1:bremen Die Zahlen fehlen.")
    said = {said.room: said.words for said in await netz.at("2020-11-02T08:00", "report-overdue")}
    assert said["lab:bremen"].startswith("Noch nicht wieder da: Sachstandsbericht 1, fällig war 30. Oktober 2020.")


async def test_more_time_moves_the_steps_before_and_after(netz: Watched) -> None:
    """For that lab only. What was said of the old day is not said again, and the new day has steps of its own."""
    await netz.at("2020-10-16T08:00", "report-deadline")
    await netz.say("karla", "coordination", "!netz aufschub labor-1:bremen 20.11.2020")
    assert "lab:bremen" not in {said.room for said in await netz.at("2020-11-02T08:00", "report-overdue")}
    (bremen,) = [said for said in await netz.at("2020-11-06T08:00", "report-deadline") if said.room == "lab:bremen"]
    assert bremen.words.startswith("In 14 Tagen ist fällig: Sachstandsbericht 1 (20. November 2020).")
    said = {said.room: said.words for said in await netz.at("2020-11-23T08:00", "report-overdue")}
    assert said["lab:bremen"].startswith("Noch nicht da: Sachstandsbericht 1, fällig war 20. November 2020. Das ist 3 Tage her.")


async def test_a_step_whose_time_passed_because_the_date_was_moved_up_comes_at_once(netz: Watched) -> None:
    """And does not claim that the bot was away. Moved back and up again, it comes no second time."""
    await netz.at("2020-10-12T10:00", "report-deadline")
    await netz.due("labor-1", "2020-10-20")
    (bremen,) = [said for said in await netz.at("2020-10-13T10:00", "report-deadline") if said.room == "lab:bremen"]
    assert bremen.words.startswith("In 7 Tagen ist fällig: Sachstandsbericht 1 (20. Oktober 2020).")
    await netz.due("labor-1", "2020-10-30")
    await netz.at("2020-10-13T11:00", "report-deadline")
    await netz.due("labor-1", "2020-10-20")
    assert "lab:bremen" not in {said.room for said in await netz.at("2020-10-13T12:00", "report-deadline")}


async def test_a_series_may_have_a_ladder_of_its_own(netz: Watched) -> None:
    netz.settings = RemindersConfig(
        series={"forschung": SeriesConfig(steps=(timedelta(days=3),), overdue_steps=(), escalate_after=timedelta(days=1))}
    )
    assert {said.room for said in await netz.at("2020-10-16T08:00", "report-deadline")} >= {"lab:bremen"}
    said = await netz.at("2020-10-27T08:00", "report-deadline")
    assert [(s.room, s.words.split(" ist ")[0]) for s in said if s.room == "research"] == [("research", "In 3 Tagen")]
    assert "research" not in {said.room for said in await netz.at("2020-11-02T08:00", "report-overdue")}
    (told,) = await netz.at("2020-11-02T08:00", "report-escalation")
    assert "Forschung" in told.words
    assert "Bremen" not in told.words


async def test_handed_in_between_the_row_and_its_sending(netz: Watched) -> None:
    """The drain asks once more."""
    netz.clock.shown = datetime(2020, 11, 2, 8, tzinfo=ZONE)
    scheduler = Scheduler(
        database=netz.database,
        policies=tuple(POLICIES.values()),
        settings=netz.settings,
        network_rooms=netz.network_rooms,
        clock=netz.clock,
        zone=ZONE,
        language="de",
        prefix="!netz",
        members=netz.members.joined,
        written=lambda: None,
    )
    await scheduler.look(POLICIES["report-overdue"])
    async with netz.database.begin() as session:
        (row,) = await deliveries.with_prefix(session, "report-overdue:labor-1:bremen:2020-10-30:3")
        debt = next(d for d in await reports.debts(session, ["bremen"]) if d.report.key == "labor-1")
        await reports.submit(session, debt, by="@anke:example.org", link=None, now=netz.clock.now())
    async with netz.database.begin() as session:
        assert await scheduler.still_wanted(session, row, netz.clock.now()) == "no longer due"
