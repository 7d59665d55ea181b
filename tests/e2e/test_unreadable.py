"""What the bot cannot decrypt, or must not obey: kept until its key comes, and nobody is left without a word."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession

from bot.demo.homeserver import Homeserver
from bot.demo.people import Person
from tests.e2e.conftest import Databases
from tests.e2e.running import BREMEN, COORDINATION, HESSEN, Net, free_port, network

NOT_DECRYPTED = "Ich konnte eine Nachricht von"
IN_CLEAR = "Deine Nachricht kam unverschlüsselt an"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def net(homeserver: Homeserver, databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Net]:
    """The network with its bot at work, and its pages."""
    folder = tmp_path_factory.mktemp("unreadable")
    async with databases("sqlite", folder) as url, network(homeserver, folder, url) as net:
        net.bot.settings["web"] = {"listen": f"127.0.0.1:{free_port()}"}
        await net.bot.start("2020-10-12T09:00")
        await net.bot_in()
        yield net
        assert net.bot.complaints() == []
        assert await net.bot.stop() == 0


@dataclass
class Late:
    """Keeps back the keys that a person's device sends for its next message in a room, until they are let go."""

    person: Person
    kept: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list[tuple[str, Mapping[str, Any]]])

    @property
    def _keys(self) -> Any:
        assert self.person.device is not None
        return self.person.device._ready()._room_keys

    async def say(self, room: str, *bodies: str) -> list[str]:
        """Say something under a new key, which nobody gets yet; return the event ids."""
        send: Callable[..., Awaitable[None]] = self._keys._to_device

        async def keep(event_type: str, messages: Mapping[str, Any]) -> None:
            self.kept.append((event_type, messages))

        self._keys._keys.pop(room, None)
        self._keys._to_device = keep
        try:
            return [await self.person.say(room, body) for body in bodies]
        finally:
            self._keys._to_device = send

    async def let_go(self) -> None:
        """Send the keys after all."""
        for event_type, messages in self.kept:
            await self._keys._to_device(event_type, messages)


async def figures(net: Net) -> str:
    """Return the bot's metrics."""
    async with ClientSession() as session, session.get(f"http://{net.bot.settings['web']['listen']}/metrics") as answer:
        return await answer.text()


async def test_a_command_waits_for_its_key(net: Net) -> None:
    """The key is late: the homeserver was slow, or the sender's client was. The command has its answer then, also after a restart."""
    late = Late(net["wiebke"])
    (asked,) = await late.say(net.rooms[BREMEN], "!netz programm")
    await net.bot.says("event_kept", event_id=asked)
    assert 'netzwart_unreadable_events{room="lab:bremen"} 1.0' in await figures(net)
    status, said = await net.bot.do("check")
    assert (status, "! Raum lab:bremen: 1 Nachricht kann ich nicht entschlüsseln; ihr Schlüssel fehlt." in said) == (0, True)
    assert await net.bot.stop() == 0
    await net.bot.start()

    await late.let_go()

    assert "Als Nächstes" in (await net.answer("wiebke", asked)).body
    assert 'netzwart_unreadable_events{room="lab:bremen"} 0.0' in await figures(net)


async def test_after_a_while_somebody_is_told_once(net: Net) -> None:
    """Two commands under one key that does not come: one sentence, to the first. They were asked to say it again, so what comes late,
    after all, is done with: it would have its effect twice."""
    late = Late(net["doerte"])
    asked = await late.say(net.rooms[HESSEN], "!netz programm", "!netz labor bremen")
    await net.bot.says("event_kept", event_id=asked[1])
    after = net["doerte"].last
    assert await net.bot.jump() is not None  # four days pass
    await net.settled("karla", COORDINATION)  # and something comes: it looks with every sync

    told = await net.answer("doerte", asked[0])

    assert told.body.startswith(NOT_DECRYPTED)
    assert told.content["m.mentions"] == {"user_ids": [net["doerte"].user_id]}
    assert told.msgtype == "m.notice"
    await late.let_go()
    await net.bot.says("event_came_too_late", event_id=asked[1])
    await net.settled("doerte", HESSEN)
    answers = [seen.body for seen in net.heard("doerte", HESSEN, after) if seen.replies_to in asked]
    assert [NOT_DECRYPTED in body for body in answers] == [True]
    assert 'netzwart_unreadable_events{room="lab:bergstrasse"} 0.0' in await figures(net)


async def test_what_is_said_in_clear_in_an_encrypted_room_is_not_obeyed(net: Net) -> None:
    """Anybody on the way could have written it. Who did learns how to do better, encrypted; chatting in clear is not our business."""
    after = net["karla"].last
    content = {"msgtype": "m.text", "body": "!netz rundruf Gefälscht", "m.mentions": {}}
    await net["karla"].send_in_clear(net.rooms[COORDINATION], "m.room.message", {**content, "body": "Guten Morgen"})
    forged = await net["karla"].send_in_clear(net.rooms[COORDINATION], "m.room.message", content)

    answer = await net.answer("karla", forged)

    assert (answer.body.startswith(IN_CLEAR), answer.encrypted) == (True, True)
    await net.settled("karla", COORDINATION)
    assert 'netzwart_messages_refused_total{reason="plaintext"} 1.0' in await figures(net)
    assert [seen.replies_to for seen in net.heard("karla", COORDINATION, after)][:1] == [forged]
