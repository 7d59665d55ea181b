"""What help offers as an example works, in German and in English, for somebody who may."""

import pytest
import sqlalchemy as sa

from bot.command import Command
from bot.db.tables import handled_events
from bot.domain.roles import Role
from bot.rendering import catalogue
from tests.conversation import Conversation, registry, room_id, user_id

EXAMPLES = [
    (language, command, example)
    for command in registry().commands
    for language in ("de", "en")
    for example in command.shown(catalogue(language).say) or [""]
]
BEFORE = {
    "erinnerung löschen": ["erinnern morgen 9 Uhr Tee"] * 7,
    "erinnerung erledigt": ["erinnern morgen 9 Uhr Tee"] * 7,
    "verschieben": ["erinnern morgen 9 Uhr Tee"] * 7,
    "rundruf status": ["rundruf Hallo"] * 3,
    "bericht zurück": ["bericht abgegeben labor-1"],
    "bericht nachfordern": ["bericht abgegeben labor-1"],
    "bericht angenommen": ["bericht abgegeben labor-1", "bericht abgegeben forschung-1"],
}
"""What has to be said before, so that there is something to do."""


def _place(command: Command, example: str) -> str:
    """Return where it makes sense."""
    if not command.needs & Role.LAB and Role.COORDINATOR in command.needs:
        return "coordination"
    return "research" if example.startswith("forschung") else "lab:bremen"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True, ids=[""])
@pytest.mark.parametrize(("language", "command", "example"), EXAMPLES, ids=[f"{c.name(a)} {e}" for a, c, e in EXAMPLES])
async def test_an_example_works(netz: Conversation, language: str, command: Command, example: str) -> None:
    """Nobody who copies one is refused, whatever they see of it."""
    for key in ("lab:bremen", "research"):
        netz.members.rooms[room_id(key)] |= {user_id("karla"), user_id("bernd")}
    for said in BEFORE.get(command.names[0], []):
        await netz.say("karla", "research" if "forschung" in said else "lab:bremen", f"!netz {said}")
    place = _place(command, example)
    await netz.say("karla", place, f"!netz sprache {language}")

    answers = await netz.say("karla", place, f"!netz {command.name(language)} {example}")

    assert answers
    async with netz.database.begin() as session:
        done = await session.scalar(sa.select(handled_events.c.command).where(handled_events.c.event_id == netz.last_event))
    assert done == command.names[0], answers
