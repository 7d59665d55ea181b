import pytest_asyncio

from bot.db.engine import Database
from tests.conversation import Conversation, example_network

PEOPLE = {
    "coordination": ["karla", "konrad"],
    "network": ["karla", "konrad", "fatma", "anke", "bernd", "nora"],
    "research": ["fatma"],
    **{f"lab:{lab.key}": list[str]() for lab in example_network().labs},
    "lab:bremen": ["anke"],
    "lab:bergstrasse": ["bernd"],
    "lab:wuerzburg": ["anke-zwei"],
}
"""Karla and Konrad coordinate, Fatma researches, Anke is Bremen, Bernd is Bergstraße, Nora is only in the network's room.

Nobody calls the room `unknown` theirs; Xaver is in no room at all.
"""


@pytest_asyncio.fixture(loop_scope="session")
async def netz(database: Database) -> Conversation:
    """The bot among the people of the example network, on 12 October 2020."""
    return await Conversation.begin(database, PEOPLE)
