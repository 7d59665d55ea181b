"""There is always a key of ours that somebody can claim, and we can use every key that was ever claimed: crashes, refills, fallback."""

import shutil
from pathlib import Path

import pytest

from bot.matrix.crypto.one_time_keys import StoreLost
from bot.matrix.crypto.signing import is_signed
from tests.matrix.crypto.conftest import People
from tests.matrix.crypto.exchange import KIND, Answer, Asked, Exchange, Machine, away, encrypted

BOT, KARLA, WIEBKE = (f"@{name}:example.org" for name in ("bot", "karla", "wiebke"))
POOL = 50


def crashing(exchange: Exchange) -> None:
    """Let the homeserver store what is uploaded, and the answer never come."""

    async def instead(asked: Asked) -> Answer | None:
        if asked.path.startswith("/keys/upload"):
            exchange.instead = None
            await exchange.answer(asked)
            raise ConnectionError
        return None

    exchange.instead = instead


async def test_a_crash_between_upload_and_answer_makes_no_later_upload_fail(exchange: Exchange, tmp_path: Path) -> None:
    """The keys were saved before: the same are offered again, and the homeserver, which has them, takes them for what they are."""
    bot = Machine(exchange, tmp_path)
    crashing(exchange)
    with pytest.raises(ConnectionError):
        await bot.sync()
    stored = dict(exchange.one_time_keys[bot.device])

    bot.restart()
    await bot.sync()

    uploads = exchange.paths("/keys/upload")
    names = [{name: key["key"] for name, key in upload.body["one_time_keys"].items()} for upload in uploads]
    assert len(stored) == POOL
    assert names[0] == names[1]
    assert bot.encryption.uploaded


async def test_a_key_claimed_before_the_crash_can_be_used_after_it(exchange: Exchange, tmp_path: Path, person: People) -> None:
    bot = Machine(exchange, tmp_path / "bot")
    crashing(exchange)
    with pytest.raises(ConnectionError):
        await bot.sync()
    karla = await person("karla")
    encrypted(exchange, BOT, KARLA)
    event = await karla.says("Moin")

    bot.restart()
    await bot.sync()

    assert await bot.reads(event) == "Moin"


async def test_an_explicit_zero_refills(exchange: Exchange, bot: Machine) -> None:
    """nio takes it for "not said"."""
    exchange.one_time_keys[bot.device].clear()

    await bot.sync()

    assert len(exchange.one_time_keys[bot.device]) == POOL
    assert len(exchange.paths("/keys/upload")) == 2


async def test_only_what_is_missing_is_refilled(exchange: Exchange, bot: Machine) -> None:
    for _ in range(7):
        exchange.one_time_keys[bot.device].popitem()

    await bot.sync()
    await bot.sync()

    uploads = exchange.paths("/keys/upload")
    assert [len(upload.body["one_time_keys"]) for upload in uploads] == [POOL, 7]


async def test_a_full_pool_and_a_sync_that_says_nothing_of_it_upload_nothing(exchange: Exchange, bot: Machine) -> None:
    await bot.sync()
    bot.encryption.learn({}, 5)
    await bot.encryption.chores()

    assert len(exchange.paths("/keys/upload")) == 1


async def test_every_uploaded_key_is_signed_by_the_device(exchange: Exchange, bot: Machine) -> None:
    """Clients drop what is not."""
    ours = bot.olm.account.identity_keys["ed25519"]
    (fallback,) = exchange.fallback_keys[bot.device].values()

    for signed in (exchange.device_keys[BOT]["BOT"], fallback, *exchange.one_time_keys[bot.device].values()):
        assert is_signed(signed, by=ours, user_id=BOT, key_id="BOT")
    assert fallback["fallback"] is True


async def test_a_refused_upload_is_made_again(exchange: Exchange, tmp_path: Path) -> None:
    """The homeserver is away, or answers 500: due again after the next sync, with the same keys."""
    bot = Machine(exchange, tmp_path)

    async def broken(asked: Asked) -> Answer | None:
        return (500, {"errcode": "M_UNKNOWN"}) if asked.path.startswith("/keys/upload") else None

    for instead in (away, broken):
        exchange.instead = instead
        await bot.sync()
        assert not bot.encryption.uploaded
    exchange.instead = None
    await bot.sync()

    tried = [upload.body["one_time_keys"] for upload in exchange.paths("/keys/upload")]
    assert len(exchange.one_time_keys[bot.device]) == POOL
    assert tried[0] == tried[-1]


async def test_who_comes_when_the_pool_is_empty_gets_the_fallback_key(exchange: Exchange, bot: Machine, person: People) -> None:
    """As often as wanted; both can be read. Once used, it is replaced, and what comes late with the old one is still read."""
    karla, wiebke, late = await person("karla"), await person("wiebke"), await person("karla", "LATE")
    encrypted(exchange, BOT, KARLA, WIEBKE)
    before = exchange.fallback_keys[bot.device]
    exchange.one_time_keys[bot.device].clear()
    events = [await each.says("Moin") for each in (karla, wiebke, late)]
    late_key = exchange.inboxes[bot.device].pop()

    assert [await bot.reads(event) for event in events[:2]] == ["Moin", "Moin"]

    after = exchange.fallback_keys[bot.device]
    assert set(after) != set(before)
    exchange.inboxes[bot.device].append(late_key)
    assert await bot.reads(events[2]) == "Moin"
    await bot.sync()
    assert exchange.fallback_keys[bot.device] == after


async def test_ids_that_are_taken_are_given_up(exchange: Exchange, bot: Machine, tmp_path: Path, person: People) -> None:
    """The store was rolled back (a backup, a snapshot): the homeserver refuses its keys with 400, for ever if they were offered again."""
    bot.database.close()
    shutil.copytree(tmp_path / "bot", tmp_path / "backup")
    bot.restart()
    for _ in range(10):
        exchange.one_time_keys[bot.device].popitem()
    await bot.sync()
    bot.database.close()
    shutil.copytree(tmp_path / "backup", tmp_path / "bot", dirs_exist_ok=True)
    for _ in range(10):
        exchange.one_time_keys[bot.device].popitem()

    bot._open()
    await bot.sync()
    refused = len(exchange.one_time_keys[bot.device])
    await bot.sync()

    assert (refused, len(exchange.one_time_keys[bot.device])) == (POOL - 10, POOL)
    karla = await person("karla")
    encrypted(exchange, BOT, KARLA)
    assert await bot.reads(await karla.says("Moin")) == "Moin"


@pytest.mark.usefixtures("bot")
async def test_a_store_that_was_lost_is_noticed_before_anything_is_uploaded(exchange: Exchange, tmp_path: Path) -> None:
    """Its device has other keys at the homeserver: nobody would trust a second set, and nobody would read us."""
    known = exchange.device_keys[BOT]["BOT"]
    uploads = len(exchange.paths("/keys/upload"))

    anew = Machine(exchange, tmp_path / "anew")
    with pytest.raises(StoreLost) as lost:
        await anew.sync()

    assert (str(lost.value), exchange.device_keys[BOT]["BOT"], len(exchange.paths("/keys/upload"))) == ("BOT", known, uploads)


@pytest.mark.parametrize("junk", [{}, {"device_keys": 5}, {"device_keys": {BOT: []}}, {"device_keys": {BOT: {"BOT": {}}}}])
async def test_the_homeservers_word_on_our_device_may_be_junk(exchange: Exchange, tmp_path: Path, junk: dict[str, object]) -> None:
    """Neither a crash nor a lost store: what says nothing of our device says that there is none."""
    bot = Machine(exchange, tmp_path)

    async def answers(asked: Asked) -> Answer | None:
        return (200, junk) if asked.path.startswith("/keys/query") else None

    exchange.instead = answers
    if junk == {"device_keys": {BOT: {"BOT": {}}}}:
        with pytest.raises(StoreLost):
            await bot.sync()
        return
    await bot.sync()

    assert bot.encryption.uploaded
    assert f"{KIND}:" in next(iter(exchange.one_time_keys[bot.device]))
