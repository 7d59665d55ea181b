"""What an administrator meets: starting, stopping, secrets, and one clear line for each thing that has to be mended."""

import asyncio
import json
import os
import signal
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import sqlalchemy as sa

from bot import app, room_watch
from bot.clock import SystemClock
from bot.config import load_config
from bot.db.engine import connect
from bot.demo.api import client
from bot.demo.homeserver import Homeserver
from bot.rendering import catalogue
from bot.verbs.check import check
from tests.e2e.between import Between
from tests.e2e.conftest import Databases
from tests.e2e.running import BAYERN, BREMEN, COORDINATION, HESSEN, WITHIN, Bot, Net, fill, free_port, launched, network, send_raw

PASSWORD = "geheim \"\\ ' ü %s 🔑 {x}"
SAID = "Geheimnisvollerweise"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def between(homeserver: Homeserver) -> AsyncIterator[Between]:
    """What the bot takes for its homeserver."""
    async with Between(homeserver.url) as between:
        await between.open()
        yield between


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def net(
    homeserver: Homeserver, databases: Databases, tmp_path_factory: pytest.TempPathFactory, between: Between
) -> AsyncIterator[Net]:
    """The network with its bot at work, which says everything that it can say about it."""
    folder = tmp_path_factory.mktemp("operating")
    async with databases("sqlite", folder) as url, network(homeserver, folder, url, password=PASSWORD) as net:
        net.bot.launcher = launched
        net.bot.settings["matrix"]["homeserver"] = between.url
        net.bot.settings["log"]["level"] = "debug"
        await net.bot.start()
        await net.bot_in()
        yield net


@pytest.fixture
def another(net: Net, tmp_path: Path) -> Bot:
    """A second bot of the same account and network, with a state folder and a database of its own; not started."""
    settings = json.loads(json.dumps(net.bot.settings))
    settings["matrix"]["homeserver"] = net.homeserver.url
    settings["matrix"]["state_dir"] = str(tmp_path / "state")
    settings["database"]["url"] = f"sqlite+aiosqlite:///{tmp_path / 'netzwart.sqlite'}"
    return Bot(tmp_path, settings, launched)


# A bot at work


async def test_the_log_has_no_secrets_and_nothing_that_people_said(net: Net) -> None:
    """Even with everything logged, after commands, a direct chat, a broadcast, a refusal, and a message that no schema allows."""
    room = await net.direct_chat("jonas")
    await net.ask("jonas", room, f"suche {SAID}")
    await net.ask("wiebke", BREMEN, f"!netz labor {SAID}")
    preview = await net.ask("karla", COORDINATION, f"!netz rundruf {SAID}")
    await net["karla"].react(net.rooms[COORDINATION], preview.event_id, "✅")
    await net["thea"].sees(net.says(BAYERN, SAID))
    await send_raw(net["thea"], net.rooms[BAYERN], {"msgtype": "m.text", "body": "x", "format": 5, "formatted_body": [SAID]})
    await send_raw(net["thea"], net.rooms[BAYERN], {"m.relates_to": {"key": [SAID]}}, "m.reaction")
    await net.settled("thea", BAYERN)

    log = (net.bot.folder / "netzwart.log").read_text("utf-8")
    session = json.loads((net.bot.state / "session.json").read_text("utf-8"))

    for secret in (session["access_token"], PASSWORD, json.dumps(PASSWORD)[1:-1], json.dumps(PASSWORD, ensure_ascii=False)[1:-1]):
        assert secret not in log
    assert SAID not in log


async def test_what_it_writes_is_its_owners(net: Net) -> None:
    """Keys, the token, messages that wait: no other account of the machine reads them."""
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [net.bot.state, *net.bot.state.rglob("*")]}

    assert modes.pop("state") == 0o700
    assert set(modes.values()) == {0o600}


async def test_a_second_process_on_the_same_state_ends_at_once(net: Net) -> None:
    """Two of them would ruin the device's keys. The first is not troubled."""
    status, said = await net.bot.do("run")

    assert (status, said) == (2, f"Ein anderer Netzwart-Prozess benutzt schon {net.bot.state}.\n")
    await net.settled("wiebke", BREMEN)


async def test_the_homeserver_goes_away_and_comes_back(net: Net, between: Between) -> None:
    """What was said meanwhile is answered; what was to be said meanwhile is said."""
    before = len(net.bot.log)
    await between.close()
    asked = [await net["wiebke"].say(net.rooms[BREMEN], f"!netz workshop {n}") for n in (1, 2, 3)]
    await net.bot.says("sync_failed", after=before)
    await between.open()

    answers = [await net.answer("wiebke", event_id) for event_id in asked]

    assert [answer.number for answer in answers] == sorted(answer.number for answer in answers)
    assert net.bot.complaints() == []


async def test_everything_is_checked_while_it_runs(net: Net) -> None:
    """All is well: one line each, nothing to mend."""
    status, said = await net.bot.do("check")

    lines = said.splitlines()
    assert status == 0, said
    assert {line[0] for line in lines} <= {"✓", "!"}
    assert sum(line.endswith(": verschlüsselt.") for line in lines) == 6


async def test_a_revoked_token_ends_it_with_one_line(net: Net) -> None:
    """Somebody logged the bot's device out: it can do nothing, and must not ask for ever."""
    session = json.loads((net.bot.state / "session.json").read_text("utf-8"))
    token, net["xaver"].api.token = net["xaver"].api.token, session["access_token"]
    try:
        await net["xaver"].api.request("POST", client("logout"), {})
    finally:
        net["xaver"].api.token = token

    assert await net.bot.ended() == 2
    assert net.bot.log[-1]["event"].startswith("Der Homeserver lässt mich nicht hinein: M_UNKNOWN_TOKEN")
    assert [line for line in net.bot.complaints() if line is not net.bot.log[-1]] == []


# Starting


async def test_a_wrong_password_is_one_line(another: Bot) -> None:
    (another.folder / "wrong").write_text("falsch\n")
    another.settings["matrix"]["password_file"] = str(another.folder / "wrong")
    another.settings["log"]["level"] = "info"

    status, said = await another.do("run")

    assert status == 2
    assert said == "Der Homeserver lässt mich nicht hinein: M_FORBIDDEN Invalid username or password\n"


async def test_it_waits_for_a_homeserver_and_can_be_told_to_stop_waiting(another: Bot) -> None:
    """Both start at once after a power cut. Nothing to mend: no exit, and an orderly end when it is asked for."""
    another.settings["matrix"]["homeserver"] = f"http://127.0.0.1:{free_port()}"
    await another.launch()
    await another.says("homeserver_unreachable")

    assert await another.stop() == 0
    assert another.log[-1]["event"] == "stopped"


async def test_it_comes_up_with_its_homeserver(net: Net, another: Bot) -> None:
    """First for the login, then, with a login kept from before, for the first sync. It can be told to stop while there is none."""
    async with Between(net.homeserver.url) as between:
        another.settings["matrix"]["homeserver"] = between.url
        try:
            await another.launch()
            await another.says("homeserver_unreachable")
            await between.open()
            await another.says("ready")
            await between.close()
            await another.says("sync_failed")
            assert await another.stop() == 0

            await another.launch()
            await another.says("sync_failed")
            await between.open()
            await another.says("ready")
        finally:
            await another.kill()


async def test_it_can_be_told_to_stop_before_it_is_ready(another: Bot) -> None:
    """Logged in, and in its first sync."""
    (another.folder / "token").write_text("syt_x")
    another.settings["matrix"] |= {"access_token_file": str(another.folder / "token"), "device_id": "X"}
    del another.settings["matrix"]["password_file"]
    another.settings["matrix"]["homeserver"] = f"http://127.0.0.1:{free_port()}"
    await another.launch()
    await another.says("sync_failed")

    assert await another.stop() == 0


async def test_tables_of_another_version_are_one_line(another: Bot) -> None:
    url = another.settings["database"]["url"]
    await fill(url)
    await _execute(url, "UPDATE alembic_version SET version_num = '9999'")

    status, said = await another.do("run")

    assert status == 2
    assert said.startswith("Die Datenbank hat den Stand 9999, dieses Netzwart braucht ")
    assert said.count("\n") == 1


async def test_another_time_needs_a_homeserver_of_its_own(another: Bot) -> None:
    """A clock that is wrong on a real network would remind everybody of everything."""
    another.settings["matrix"]["homeserver"] = "https://127.0.0.1.matrix.example.org"

    status, said = await another.do("run", "--clock-at", "2020-10-12T09:00")

    assert (status, said.count("\n")) == (2, 1)
    assert said.startswith("--clock-at geht nur mit einem Homeserver auf diesem Rechner")


async def test_the_database_is_away_while_it_looks_after_its_rooms(another: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks every minute, here more often; a database that is away for a while does not end it."""
    for pause in ("_EVERY", "_AGAIN_IN", "_AT_MOST_EVERY"):
        monkeypatch.setattr(room_watch, pause, 0.05)
    looked: asyncio.Queue[None] = asyncio.Queue()
    settle = room_watch.RoomWatch.settle

    async def settle_noticed(watch: room_watch.RoomWatch) -> None:
        try:
            await settle(watch)
        finally:
            looked.put_nowait(None)

    monkeypatch.setattr(room_watch.RoomWatch, "settle", settle_noticed)
    url = another.settings["database"]["url"]
    await another.do("migrate")
    umask = os.umask(0o077)
    running = asyncio.create_task(app.run(load_config(another.config), SystemClock()))

    async def looks(times: int) -> None:
        async with asyncio.timeout(WITHIN):
            for _ in range(times):
                looking = asyncio.ensure_future(looked.get())
                await asyncio.wait((looking, running), return_when=asyncio.FIRST_COMPLETED)
                assert not running.done()

    try:
        await looks(1)
        await _execute(url, "ALTER TABLE rooms RENAME TO away")
        await looks(3)
        await _execute(url, "ALTER TABLE away RENAME TO rooms")
        await looks(2)
        signal.raise_signal(signal.SIGTERM)
        await running
    finally:
        running.cancel()
        await asyncio.wait((running,))
        os.umask(umask)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)


# Checking. The bot of these tests has joined, and does not run any more.


async def checked(bot: Bot) -> tuple[int, list[str]]:
    """Return the exit status of `netzwart check` and the lines that are not good."""
    bot.write_configuration()
    said: list[str] = []
    status = await check(load_config(bot.config), lambda line: said.append(catalogue("de").say(line)))
    return status, [line for line in said if line.startswith("✗")]


async def test_checking_finds_what_is_wrong_with_rooms(net: Net, another: Bot) -> None:
    """Each its own line: a room that the bot is not in, an alias that leads nowhere, a room that anybody may enter."""
    await fill(another.settings["database"]["url"])
    rooms = another.settings["network.lab_rooms"]
    rooms["bremen"] = f"#gibtesnicht:{net.homeserver.server_name}"
    elsewhere = await net["karla"].create_room("Ohne den Bot")
    another.settings["network"]["research_room"] = elsewhere
    await net["thea"].set_state(net.rooms[BAYERN], "m.room.join_rules", {"join_rule": "public"})
    await net["doerte"].set_state(net.rooms[HESSEN], "m.room.power_levels", await _silencing(net))
    try:
        status, wrong = await checked(another)
    finally:
        await net["thea"].set_state(net.rooms[BAYERN], "m.room.join_rules", {"join_rule": "invite"})

    assert status == 1
    assert len(wrong) == 4
    assert wrong[0] == f"✗ Raum research ({elsewhere}): ich bin nicht darin; lade mich ein."
    assert wrong[1].startswith(f"✗ Raum lab:bremen (#gibtesnicht:{net.homeserver.server_name}): nicht gefunden:")
    assert wrong[2] == f"✗ Raum lab:bergstrasse ({net.alias(HESSEN)}): ich darf dort nichts schreiben."
    assert wrong[3].startswith(f"✗ Raum lab:wuerzburg ({net.alias(BAYERN)}): öffentlich, auf Anklopfen offen oder für alle lesbar")


async def _silencing(net: Net) -> dict[str, object]:
    path = client("rooms", net.rooms[HESSEN], "state", "m.room.power_levels", "")
    return {**await net["doerte"].api.request("GET", path), "events_default": 50}


async def test_checking_finds_a_wrong_password_and_an_empty_database(another: Bot) -> None:
    (another.folder / "wrong").write_text("falsch\n")
    another.settings["matrix"]["password_file"] = str(another.folder / "wrong")

    status, wrong = await checked(another)

    assert status == 1
    assert wrong[0].startswith("✗ Datenbank: Stand –, gebraucht wird ")
    assert wrong[1].startswith("✗ Homeserver: keine Anmeldung: M_FORBIDDEN")
    assert len(wrong) == 2


async def test_checking_finds_no_homeserver_and_no_database(another: Bot) -> None:
    """With its exit status, as a script sees it."""
    another.settings["matrix"]["homeserver"] = f"http://127.0.0.1:{free_port()}"
    another.settings["database"]["url"] = f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none"

    status, said = await another.do("check", within=WITHIN)

    wrong = [line for line in said.splitlines() if line.startswith("✗")]
    assert status == 1, said
    assert wrong[0].startswith("✗ Datenbank: nicht erreichbar:")
    assert wrong[1].startswith(f"✗ Homeserver: {another.settings['matrix']['homeserver']} antwortet nicht:")
    assert len(wrong) == 2


async def _execute(url: str, statement: str) -> None:
    database = connect(url)
    async with database.begin() as session:
        await session.execute(sa.text(statement))
    await database.close()
