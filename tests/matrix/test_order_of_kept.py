"""What cannot be decrypted at once comes to its place all the same: nobody in its room is answered before it."""

from pathlib import Path

import pytest
import pytest_asyncio

from bot.matrix.client import GuardedClient
from bot.matrix.journal import Journal
from bot.matrix.sync import SyncLoop
from tests.matrix.crypto.exchange import ROOM, Exchange, Json, Machine, away, encrypted

BOT, KARLA, THEA = (f"@{name}:example.org" for name in ("bot", "karla", "thea"))


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


@pytest_asyncio.fixture(loop_scope="session")
async def bot(exchange: Exchange, tmp_path: Path) -> Machine:
    """The bot's device, in a room with Karla, whose devices it knows, and Thea, whom it has never heard of."""
    encrypted(exchange, BOT, KARLA, THEA)
    bot = Machine(exchange, tmp_path / "bot")
    await bot.sync()
    return bot


@pytest_asyncio.fixture(loop_scope="session")
async def events(exchange: Exchange, bot: Machine, tmp_path: Path) -> list[Json]:
    """What Thea and Karla say in turn."""
    karla = Machine(exchange, tmp_path / "karla", KARLA, "PHONE")
    thea = Machine(exchange, tmp_path / "thea", THEA, "PHONE")
    for person in (karla, thea):
        await person.sync()
    await bot.encryption.devices.refresh([KARLA])
    return [await person.says(f"!netz hilfe {n}") for n, person in enumerate((thea, karla, thea, karla))]


def begin(bot: Machine, folder: Path) -> tuple[SyncLoop, Journal]:
    """Begin to sync, as a process does that has just started."""

    async def look(_rooms: object) -> None:
        return None

    journal = Journal(bot.database)
    client = GuardedClient("http://127.0.0.1:9", bot.user_id, bot.device_id, folder)
    client.user_id = bot.user_id
    return SyncLoop(client, journal, bot.encryption, lambda: None, look=look, patience=300, now=lambda: 0.0), journal


def synced(loop: SyncLoop, bot: Machine, journal: Journal, *events: Json, fills_gap: bool = False) -> None:
    """Write down what stood in a room, with the keys that came for it."""
    bot.learn()
    with journal.transaction():
        journal.enter_room(ROOM)
        batch = journal.advance("s")
        for event in events:
            loop._take(ROOM, event, batch, fills_gap=fills_gap)


def order(journal: Journal) -> list[str]:
    """Return what can be handled, in its order, and strike it out."""
    found: list[str] = []
    while (entry := journal.next_in(ROOM)) is not None:
        found.append(entry.event_id)
        journal.done(entry.seq)
    return found


@pytest.mark.parametrize("killed", [False, True])
async def test_nobody_overtakes_whom_we_do_not_know(bot: Machine, events: list[Json], tmp_path: Path, *, killed: bool) -> None:
    """Until their devices were asked for, what others said after them waits. A crash before that changes nothing."""
    loop, journal = begin(bot, tmp_path)
    ids = [event["event_id"] for event in events]
    synced(loop, bot, journal, *events)
    assert order(journal) == []
    assert journal.rooms_with_work() == []
    if killed:
        bot.restart()
        loop, journal = begin(bot, tmp_path)

    await loop._learn()

    assert order(journal) == ids


async def test_who_cannot_be_known_holds_up_nobody(exchange: Exchange, bot: Machine, events: list[Json], tmp_path: Path) -> None:
    """The homeserver does not say: the others are answered now, and they are when it does."""
    loop, journal = begin(bot, tmp_path)
    ids = [event["event_id"] for event in events]
    exchange.instead = away
    synced(loop, bot, journal, *events)
    await loop._learn()
    assert order(journal) == [ids[1], ids[3]]

    exchange.instead = None
    await loop._learn()
    assert order(journal) == [ids[0], ids[2]]


async def test_what_came_in_a_gap_stays_before_what_came_after_it(bot: Machine, events: list[Json], tmp_path: Path) -> None:
    """Its place is in the gap, whenever it could be read."""
    loop, journal = begin(bot, tmp_path)
    first, *rest = events
    bot.learn()
    with journal.transaction():
        batch = journal.advance("s")
        for event in rest:
            loop._take(ROOM, event, batch)
        loop._take(ROOM, first, batch, fills_gap=True)

    await loop._learn()

    assert order(journal) == [event["event_id"] for event in events]


def test_a_journal_of_an_earlier_netzwart(tmp_path: Path) -> None:
    """It has no column for the place: what it has kept comes after what stands there."""
    bot = Machine(Exchange(), tmp_path)
    bot.database.execute_sql("DROP TABLE IF EXISTS journal_unreadable")
    bot.database.execute_sql(
        "CREATE TABLE journal_unreadable (seq INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE, room_id TEXT NOT NULL,"
        " sender TEXT NOT NULL, session_id TEXT NOT NULL, source TEXT NOT NULL, batch INTEGER NOT NULL, since REAL NOT NULL,"
        " told INTEGER NOT NULL DEFAULT 0)"
    )
    bot.database.execute_sql("INSERT INTO journal_unreadable VALUES (1, '$1', '!room', '@a:b', 's', '{}', 1, 0, 0)")

    (kept,) = Journal(bot.database).unreadable()

    assert (kept.event_id, kept.place) == ("$1", None)
