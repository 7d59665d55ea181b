"""The bot's cross-signing identity while it runs: made before it says anything, kept, watched, and rescued."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.demo.api import client
from bot.demo.homeserver import Homeserver
from bot.demo.people import Person
from bot.matrix.crypto.identity import public_parts
from bot.matrix.crypto.identity_file import new_seeds
from tests.e2e.conftest import Databases
from tests.e2e.running import BREMEN, COORDINATION, WITHIN, Json, Net, network


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def net(homeserver: Homeserver, databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Net]:
    """The network with its bot at work. The tests follow each other: they are the identity's life."""
    folder = tmp_path_factory.mktemp("identity")
    async with databases("sqlite", folder) as url, network(homeserver, folder, url) as net:
        await net.bot.start()
        await net.bot_in()
        yield net
        assert await net.bot.stop() == 0


async def keys(net: Net) -> Json:
    """Return what the homeserver says of the bot's keys, as anybody sees it."""
    return await net["wiebke"].api.request("POST", client("keys", "query"), {"device_keys": {net.user_id: []}})


async def master_key(net: Net) -> str:
    """Return the public master key of the bot's account."""
    return next(iter((await keys(net))["master_keys"][net.user_id]["keys"].values()))


async def signed_devices(net: Net) -> set[str]:
    """Return the bot's devices that carry a signature beside their own."""
    devices = (await keys(net))["device_keys"][net.user_id]
    return {name for name, device in devices.items() if len(device["signatures"][net.user_id]) > 1}


async def test_it_is_signed_before_it_joins(net: Net) -> None:
    """What is said before the signature stays unreadable: so it comes first. The files are for their owner only."""
    events = [line["event"] for line in net.bot.log]
    assert events.index("device_signed") < events.index("room_joined")
    assert len(await signed_devices(net)) == 1
    for name in ("identity.json", "identity.key"):
        assert (net.bot.folder / name).stat().st_mode & 0o777 == 0o600


async def test_a_later_start_has_the_same(net: Net) -> None:
    """A changed identity would warn everybody."""
    before = (await master_key(net), await signed_devices(net))
    assert await net.bot.stop() == 0
    await net.bot.start()

    assert (await master_key(net), await signed_devices(net)) == before
    assert "identity_uploaded" not in [line["event"] for line in net.bot.log]


async def test_a_lost_store_is_noticed_and_recovered_from(net: Net) -> None:
    """Its login is there and its keys are gone: it does not go on as if nothing were, says what to do, and that helps at once."""
    before, (old,) = await master_key(net), await signed_devices(net)
    assert await net.bot.stop() == 0
    for file in (net.bot.folder / "state").glob("*.sqlite*"):
        file.unlink()
    status, said = await net.bot.do("run")
    assert (status, "netzwart device recover" in said) == (2, True)

    status, said = await net.bot.do("device", "recover")

    assert status == 0, said
    await net.bot.start()
    assert await master_key(net) == before
    assert (await signed_devices(net)) - {old} != set()
    assert "Als Nächstes" in (await net.ask("wiebke", BREMEN, "!netz programm")).body


async def test_a_lost_state_folder_is_recovered_from(net: Net) -> None:
    """Everything of the device is gone; the seeds lie beside it and were kept."""
    before = await master_key(net)
    assert await net.bot.stop() == 0
    shutil.rmtree(net.bot.folder / "state")

    status, said = await net.bot.do("device", "recover")

    assert status == 0, said
    await net.bot.start()
    assert await master_key(net) == before
    assert "Als Nächstes" in (await net.ask("wiebke", BREMEN, "!netz programm")).body


async def test_an_issued_token_will_do(net: Net, tmp_path: Path) -> None:
    """Homeservers with delegated login issue one, and know no passwords. The identity is the account's, so it is the same."""
    before = await master_key(net)
    assert await net.bot.stop() == 0
    issued = await Person.login(net.homeserver.url, net.user_id, net.account.password)
    token = tmp_path / "token"
    token.write_text(f"{issued.account.access_token}\n")
    of_password = dict(net.bot.settings["matrix"])
    del net.bot.settings["matrix"]["password_file"]
    net.bot.settings["matrix"] |= {
        "access_token_file": str(token),
        "device_id": issued.account.device_id,
        "state_dir": str(net.bot.folder / "state-of-token"),
    }

    await net.bot.start()

    assert issued.account.device_id in await signed_devices(net)
    assert await master_key(net) == before
    assert "Als Nächstes" in (await net.ask("wiebke", BREMEN, "!netz programm")).body
    assert await net.bot.stop() == 0
    net.bot.settings["matrix"] = of_password
    await net.bot.start()


async def test_a_second_process_on_the_same_store_is_kept_off(net: Net) -> None:
    status, said = await net.bot.do("run")
    assert (status, said) == (2, f"Ein anderer Netzwart-Prozess benutzt schon {net.bot.folder / 'state'}.\n")


async def test_somebody_replaces_the_identity(net: Net) -> None:
    """Somebody with the account's password: coordinators are told, `check` says so, and the bot does not fight over it."""
    ours, after = await master_key(net), net["karla"].last
    parts = public_parts(new_seeds(), net.user_id)
    intruder = await Person.login(net.homeserver.url, net.user_id, net.account.password)
    who = {"type": "m.id.user", "user": net.user_id}
    auth = {"type": "m.login.password", "identifier": who, "password": net.account.password}
    await intruder.api.request("POST", client("keys", "device_signing", "upload"), {**parts, "auth": auth})
    await intruder.api.close()

    told = await net["karla"].sees(net.says(COORDINATION, "die Identität meines Kontos ersetzt"), WITHIN, after=after)

    found = await master_key(net)
    assert found != ours
    assert found in told.body
    assert (await net.bot.says("identity_replaced"))["found"] == found
    status, said = await net.bot.do("check")
    assert (status, "jemand hat sie ersetzt" in said) == (1, True)


async def test_reset_makes_it_the_bots_again(net: Net) -> None:
    """What the message to the administrator says."""
    status, said = await net.bot.do("device", "reset", "--yes")

    assert status == 0, said
    assert await net.bot.stop() == 0
    await net.bot.start()
    status, said = await net.bot.do("check")
    assert status == 0, said
    assert "Als Nächstes" in (await net.ask("wiebke", BREMEN, "!netz programm")).body
