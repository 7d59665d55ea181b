"""A new command and a new reminder policy are one file each: found, helped, refused and run without any other edit."""

import importlib
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from zoneinfo import ZoneInfo

import pytest

import commands
from bot.clock import FixedClock
from bot.command import BadDeclaration
from bot.config import RemindersConfig
from bot.db import deliveries
from bot.db.engine import Database
from bot.network_rooms import NetworkRooms
from bot.registry import Registry, find_commands, find_policies
from bot.scheduler import Scheduler
from tests import conversation

COMMAND = '''
"""How many labs there are."""

from bot.command import Context, Reply, command
from bot.converters import Number
from bot.db import labs
from bot.domain.roles import Role
from bot.errors import UserError
from bot.rendering import template

ANSWER = template("<p>{% trans count=count, more=more %}{{ count }} Labore, mit deinen {{ more }} sind es mehr.{% endtrans %}</p>")


@command("zähle", "count", needs=Role.MEMBER, examples=["3"])
async def lab_count(ctx: Context, more: Number) -> Reply:
    """Zählt die Labore."""
    if more == 0:
        raise UserError("Null ist keine Zahl zum Zählen.")
    return Reply(ANSWER, {"count": len(await labs.every(ctx.session)), "more": more})
'''

POLICY = '''
"""Says good morning to the network on one day."""

from datetime import UTC, datetime, timedelta

from bot.domain.reminders import Reminder
from bot.reminder_policy import ReminderPolicy
from bot.rendering import template

AT = datetime(2020, 10, 13, 6, tzinfo=UTC)


class GoodMorning(ReminderPolicy[None]):
    """Once."""

    name = "good-morning"
    template = template("<p>{% trans %}Guten Morgen, Netzwerk!{% endtrans %}</p>")

    async def facts(self, session, settings, zone, now):
        return None

    def plan(self, facts):
        key = f"{self.name}:network:once"
        return [Reminder(key, self.name, "network", "once", "network", AT, AT + timedelta(hours=4))]


policy = GoodMorning()
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A package with one command and one policy in it, beside the bot's own."""
    folder = tmp_path / "added_later"
    for kind, source in (("commands", COMMAND), ("schedules", POLICY)):
        (folder / kind).mkdir(parents=True)
        (folder / kind / "__init__.py").touch()
        (folder / kind / "new.py").write_text(source, "utf-8")
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("added_later")
    for name in [name for name in sys.modules if name.startswith("added_later")]:
        del sys.modules[name]


def _registry(package: ModuleType) -> Registry:
    own, added = find_commands(commands), find_commands(importlib.import_module(f"{package.__name__}.commands"))
    return Registry(tuple(sorted((*own.commands, *added.commands), key=lambda c: c.names)), own.reactions)


async def test_a_new_command(database: Database, package: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "registry", lambda: _registry(package))
    people = {key: ["lena"] for key in ("network", "lab:bremen")}
    network = await conversation.Conversation.begin(database, people)
    for said, answered in {
        "!netz zähle 3": "13 Labore, mit deinen 3 sind es mehr.",
        "!netz zaehle 3": "13 Labore, mit deinen 3 sind es mehr.",
        "!netz count 3": "13 Labore, mit deinen 3 sind es mehr.",
        "!netz zähle": "Da fehlt noch etwas: nummer.\n\nSo geht es: !netz zähle <nummer>\nZum Beispiel: !netz zähle 3",
        "!netz zähle 0": "Null ist keine Zahl zum Zählen.",
        "!netz zäle 3": "»zäle 3« kenne ich nicht. Meintest du !netz zähle?",
    }.items():
        assert await network.say("lena", "lab:bremen", said) == [("lab:bremen", "notice", answered)]
    ((_, _, listed),) = await network.say("lena", "lab:bremen", "!netz hilfe")
    assert "• zähle <nummer> – Zählt die Labore." in listed
    ((_, _, explained),) = await network.say("lena", "lab:bremen", "!netz hilfe zähle")
    assert explained.startswith("!netz zähle <nummer>\nZählt die Labore.")


async def test_a_new_reminder_policy(database: Database, package: ModuleType) -> None:
    (policy,) = find_policies(importlib.import_module(f"{package.__name__}.schedules"))
    clock = FixedClock(datetime(2020, 10, 12, 12, tzinfo=UTC))
    scheduler = Scheduler(
        database=database,
        policies=[policy],
        settings=RemindersConfig(),
        network_rooms=NetworkRooms({"network": "!n"}),
        clock=clock,
        zone=ZoneInfo("Europe/Berlin"),
        language="de",
        prefix="!netz",
        members=conversation.Members({}).joined,
        written=lambda: None,
    )
    assert await scheduler.look(policy) == datetime(2020, 10, 13, 6, tzinfo=UTC)
    clock.shown = datetime(2020, 10, 13, 6, tzinfo=UTC)
    assert await scheduler.look(policy) is None
    async with database.begin() as session:
        (said,) = await deliveries.with_prefix(session, "")
    assert (said.room, said.content["body"], said.content["msgtype"]) == ("network", "Guten Morgen, Netzwerk!", "m.text")


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (COMMAND.replace('"""Zählt die Labore."""', ""), "docstring"),
        (COMMAND.replace("more: Number", "more: int"), "no converter"),
        (COMMAND.replace('examples=["3"]', 'examples=["drei"]'), "does not parse"),
        (COMMAND + COMMAND.replace("lab_count", "lab_count_again"), "called"),
    ],
    ids=["no help", "no converter", "wrong example", "two of one name"],
)
def test_a_mistake_in_a_new_command_is_found_at_the_start(broken: str, reason: str, package: ModuleType) -> None:
    (Path(package.__path__[0]) / "commands" / "new.py").write_text(broken, "utf-8")
    with pytest.raises(BadDeclaration, match=reason):
        find_commands(importlib.import_module(f"{package.__name__}.commands"))
