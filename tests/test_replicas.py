"""Several devices on one database: what each of them cannot read, and the word that there is something to do."""

from datetime import UTC, datetime

from bot.db.engine import Database
from bot.replicas import Replicas

NOW = datetime(2020, 10, 12, 9, tzinfo=UTC)


def _ignore(_topic: str) -> None:
    """Hear nothing."""


async def test_only_what_no_device_can_read_is_asked_for_again(database: Database, database_url: str) -> None:
    """One device has the key and the other not: whoever wrote need not write again."""
    one, two = (Replicas(database, database_url, name, _ignore) for name in ("ONE", "TWO"))
    for replica in (one, two, one):
        await replica.presence.beat()
    assert await one.none_can_read(["$some", "$more"], NOW) == []
    assert await two.none_can_read(["$other", "$more"], NOW) == ["$more"]


async def test_a_device_alone_speaks_for_itself(database: Database, database_url: str) -> None:
    one = Replicas(database, database_url, "ONE", _ignore)
    await one.presence.beat()
    assert await one.none_can_read(["$some", "$more"], NOW) == ["$some", "$more"]
