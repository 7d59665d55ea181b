"""The bot among people whose clients are not ours: they read all of it, nobody else does, and no client shows a warning.

One network, one story; its people of the end-to-end tests are there as well, at our own clients. Anke and Karin are at foreign ones.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio
from aiohttp import web

from bot.demo.children import child_environment
from bot.demo.homeserver import Homeserver
from bot.demo.people import ENCRYPTION, Person
from tests.e2e.between import Between, nothing
from tests.e2e.running import BAYERN, BREMEN, COORDINATION, HESSEN, PEOPLE, Bot, Net, network
from tests.foreign.client import ForeignClient, Verification
from tests.foreign.people import another_device, opened
from tests.foreign.sights import ENCRYPTED, Sight, event, failed, message, reaction, readable

PNG = b"\x89PNG\r\n\x1a\n"
REPORT = "Sachstandsbericht 1"
NOT_CONFIRMED = "Deine Nachricht kam von einem Gerät, das du nicht bestätigt hast"
LATE = 1.0
"""Seconds that a slow client needs to learn of a device. The bot waits for three."""

FROM_BEFORE = "HISTORICAL_MESSAGE_NO_KEY_BACKUP"
"""Sent before the device was there, and no key."""

WITHHELD = "MEGOLM_KEY_WITHHELD_FOR_UNVERIFIED_DEVICE"


@dataclass
class Stage:
    """The network, its bot at work, and who is there at a foreign client. All other devices are opened in `stack`.

    `between` is what the bot takes for its homeserver.
    """

    net: Net
    between: Between
    anke: ForeignClient
    karin: ForeignClient
    stack: AsyncExitStack

    async def opened(self, name: str) -> ForeignClient:
        """Return somebody new, cross-signed, reading along."""
        return await opened(self.stack, self.net.homeserver, name)

    async def another_device(self, first: ForeignClient) -> ForeignClient:
        """Return a second device of the same person, not signed, which itself takes every other device."""
        return await another_device(self.stack, self.net.homeserver, first, isolation="all")

    async def slow(self, name: str) -> ForeignClient:
        """Return somebody new, whose client learns of devices late from now on."""
        between = await self.stack.enter_async_context(Between(self.net.homeserver.url))
        await between.open()
        account = await self.net.homeserver.register(f"{name}-{self.net.mark}")
        client = await self.stack.enter_async_context(ForeignClient(between.url, account))
        between.after = _late_with_keys
        return client

    def maker(self, room: str) -> Person:
        """Return who has made a room (a key), and may invite and kick there."""
        return self.net[PEOPLE[room][0]]

    async def enter(self, client: ForeignClient, room: str) -> None:
        """Let somebody join a room (a key)."""
        await self.maker(room).invite(self.net.rooms[room], client.user_id)
        await client.join(self.net.rooms[room])

    async def ask(self, client: ForeignClient, room: str, body: str) -> Sight:
        """Let somebody ask in a room (a key); return the bot's answer as they see it."""
        return await self.answer(client, await client.say(self.net.room(room), body))

    async def answer(self, client: ForeignClient, asked: str) -> Sight:
        """Return the bot's answer to a question as somebody sees it."""
        return await client.sees(
            message(sender=self.net.user_id, answers=asked), what=f"an answer; the log: {self.net.bot.log[-5:]}"
        )

    async def told(self, client: ForeignClient, room: str, containing: str) -> Sight:
        """Return what the bot says of its own accord in a room (a key), as somebody sees it."""
        fits = message(room=self.net.rooms[room], sender=self.net.user_id, containing=containing, msgtype="m.text")
        return await client.sees(fits, what=f"»{containing}« in {room}")


async def _late_with_keys(request: web.Request) -> None:
    if request.path.endswith("/keys/query"):
        await asyncio.sleep(LATE)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """Anke is in the room of Bremen, Karin in the coordination's. Hessen's is not encrypted, Würzburg's waits for the bot."""
    folder = tmp_path_factory.mktemp("foreign")
    url = f"sqlite+aiosqlite:///{folder / 'netzwart.sqlite'}"
    async with (
        network(homeserver, folder, url, absent=[BAYERN], furnish=_without_encryption) as net,
        Between(homeserver.url) as between,
        AsyncExitStack() as stack,
    ):
        await between.open()
        net.bot.settings["matrix"]["homeserver"] = between.url
        anke, karin = await opened(stack, homeserver, "anke"), await opened(stack, homeserver, "karin")
        stage = Stage(net, between, anke, karin, stack)
        await stage.enter(anke, BREMEN)
        await stage.enter(karin, COORDINATION)
        await net.bot.start()
        await net.bot_in(*(key for key in PEOPLE if key != BAYERN))
        yield stage
        assert net.bot.complaints() == []
        assert await net.bot.stop() == 0


async def _without_encryption(net: Net) -> None:
    """Give the lab in Hessen another room."""
    net.rooms[HESSEN] = await net["doerte"].create_room("Offen")
    net.bot.settings["network.lab_rooms"][HESSEN.removeprefix("lab:")] = net.rooms[HESSEN]


async def test_a_question_and_its_answer(stage: Stage) -> None:
    """Anke's device shares its keys with signed devices only, so the bot's is one."""
    asked = await stage.anke.say(stage.net.rooms[BREMEN], "!netz programm")

    answer = await stage.answer(stage.anke, asked)

    assert answer.unwarned
    assert answer.body.startswith("Als Nächstes: 2. Netzwerk-Workshop")
    assert answer.content["m.mentions"] == {}
    assert (await stage.anke.sees(event(asked))).encrypted


async def test_a_picture(stage: Stage) -> None:
    """The homeserver has it encrypted, and the bot's words of it, which are its caption."""
    answer = await stage.ask(stage.anke, BREMEN, "!netz zeitplan")

    assert (answer.unwarned, answer.msgtype) == (True, "m.image")
    assert answer.body.startswith("Der Zeitplan des Netzwerks")
    got = await stage.anke.download(answer)
    width, height = (int.from_bytes(got.data[start : start + 4]) for start in (16, 20))
    assert got.data.startswith(PNG)
    assert answer.content["info"] == {"mimetype": "image/png", "size": got.size, "w": width, "h": height}


async def test_a_report_is_handed_in_by_replying_to_its_file(stage: Stage) -> None:
    """Encrypted as it is, it is shown to coordinators, who are not in the lab's room, and nothing is uploaded anew."""
    room, report = stage.net.rooms[BREMEN], b"%PDF-1.7 Sachstand in Bremen"
    posted = await stage.anke.send_file(room, "Sachstand Bremen.pdf", report, "application/pdf")

    said = await stage.anke.say(room, "!netz bericht abgegeben labor-2", reply_to=posted)
    await stage.anke.sees(reaction(said, "✅", sender=stage.net.user_id))
    answer = await stage.ask(stage.karin, COORDINATION, "!netz bericht labor-2:bremen")

    assert answer.unwarned
    assert "Datei: Sachstand Bremen.pdf" in answer.body
    shown = await stage.karin.sees(message(room=stage.net.rooms[COORDINATION], sender=stage.net.user_id, msgtype="m.file"))
    assert (shown.unwarned, shown.body) == (True, "Sachstand Bremen.pdf")
    got = await stage.karin.download(shown)
    assert (got.data, got.mimetype) == (report, "application/pdf")
    assert shown.content["file"]["url"] == (await stage.anke.sees(event(posted))).content["file"]["url"]


async def test_a_broadcast(stage: Stage) -> None:
    """Reactions are the only thing that goes in clear, here as everywhere."""
    preview = await stage.ask(stage.karin, COORDINATION, "!netz rundruf an bremen **Einladung** zum Workshop")
    assert preview.unwarned
    await stage.karin.sees(reaction(preview.event_id, "✅", sender=stage.net.user_id))

    await stage.karin.react(stage.net.rooms[COORDINATION], preview.event_id, "✅")

    assert (await stage.told(stage.anke, BREMEN, "Einladung")).unwarned
    confirmed = message(sender=stage.net.user_id, containing="ist unterwegs", answers=preview.event_id)
    assert (await stage.karin.sees(confirmed)).unwarned


async def test_a_reminder(stage: Stage) -> None:
    assert await stage.net.bot.jump() == "2020-10-16T08:00:00+02:00"

    reminder = await stage.told(stage.anke, BREMEN, REPORT)

    assert reminder.unwarned
    assert reminder.body.startswith("In 14 Tagen")


async def test_what_is_said_right_after_the_bot_has_come(stage: Stage) -> None:
    """To somebody who was there before, and whose client learns of the bot's device only now."""
    bernd = await stage.slow("bernd")
    await stage.enter(bernd, BAYERN)
    await stage.net.bot.says("delivery_postponed", key="report-deadline:labor-1:wuerzburg:2020-10-30:14")
    await stage.maker(BAYERN).invite(stage.net.rooms[BAYERN], stage.net.user_id)

    assert (await stage.told(bernd, BAYERN, REPORT)).unwarned


async def test_a_room_is_encrypted_while_the_bot_is_in_it(stage: Stage) -> None:
    """Nothing goes in clear any more, not even before the bot's sync has told it; nor before the clients know its device."""
    room, dorit = stage.net.rooms[HESSEN], await stage.slow("dorit")
    await stage.enter(dorit, HESSEN)
    before = await stage.ask(dorit, HESSEN, "!netz programm")
    synced = asyncio.Event()

    async def hold_back(request: web.Request) -> None:
        if request.path.endswith("/sync"):
            await synced.wait()

    stage.between.after = hold_back
    switched_on = await stage.maker(HESSEN).set_state(room, ENCRYPTION["type"], ENCRYPTION["content"])
    assert await stage.net.bot.jump() == "2020-10-23T08:00:00+02:00"
    reminder = await stage.told(dorit, HESSEN, "In 7 Tagen")
    stage.between.after = nothing
    synced.set()
    answer = await stage.ask(dorit, HESSEN, "!netz programm")

    assert not before.encrypted
    assert (reminder.unwarned, answer.unwarned) == (True, True)
    seen = await dorit.reads_back(room)
    after = seen[[sight.event_id for sight in seen].index(switched_on) :]
    assert [sight.wire_type for sight in after if sight.sender == stage.net.user_id] == [ENCRYPTED, ENCRYPTED]


async def test_who_comes_later(stage: Stage) -> None:
    """Reads what comes next, even if it was asked by somebody else at that moment, and not what was said before."""
    before = await stage.ask(stage.anke, BREMEN, "!netz programm")
    clara = await stage.slow("clara")
    await stage.enter(clara, BREMEN)

    after = await stage.ask(stage.anke, BREMEN, "!netz programm")

    assert (await clara.sees(readable(after.event_id))).unwarned
    assert (await stage.ask(clara, BREMEN, "!netz programm")).unwarned
    seen = {sight.event_id: sight for sight in await clara.reads_back(stage.net.rooms[BREMEN])}
    assert seen[before.event_id].failure == "HISTORICAL_MESSAGE_USER_NOT_JOINED"
    assert (await clara.tries(before)).failure == FROM_BEFORE


@pytest.mark.parametrize("goes", ["leaves", "is kicked"])
async def test_who_has_gone(stage: Stage, goes: str) -> None:
    """Cannot read what follows, not even when the ciphertext is handed to them: they never get the key."""
    room, bernd = stage.net.rooms[BREMEN], await stage.opened("bernd")
    await stage.enter(bernd, BREMEN)
    first = await stage.ask(bernd, BREMEN, "!netz programm")
    await (bernd.leave(room) if goes == "leaves" else stage.maker(BREMEN).kick(room, bernd.user_id))
    await stage.anke.until_member(room, bernd.user_id, "leave")

    second = await stage.ask(stage.anke, BREMEN, "!netz programm")

    await bernd.caught_up()
    assert (await bernd.tries(first)).unwarned
    assert (await bernd.tries(second)).failure == "MEGOLM_UNKNOWN_INBOUND_SESSION_ID"
    assert second.wire["session_id"] not in await bernd.room_keys(room)


async def test_a_new_device(stage: Stage) -> None:
    """Once it is signed; it asks, too."""
    before = await stage.ask(stage.anke, BREMEN, "!netz programm")
    second = await stage.another_device(stage.anke)
    await second.signed_by(stage.anke)

    after = await stage.ask(stage.anke, BREMEN, "!netz programm")

    assert (await second.sees(readable(after.event_id))).unwarned
    assert (await second.tries(before)).failure == FROM_BEFORE
    assert (await stage.ask(second, BREMEN, "!netz programm")).unwarned


async def test_a_device_that_is_not_signed(stage: Stage) -> None:
    """Is answered like any other, unless the administrator wants it otherwise."""
    second = await stage.another_device(stage.anke)

    answer = await stage.ask(second, BREMEN, "!netz programm")

    assert answer.unwarned
    assert (await stage.anke.sees(readable(answer.event_id))).unwarned
    assert (await stage.anke.sees(event(str(answer.replies_to)))).failure == "UNSIGNED_SENDER_DEVICE"


async def test_only_signed_devices(stage: Stage) -> None:
    """Another device gets no keys, and nothing is done for it: its owner is told so, and goes on at the device that is signed.

    Or signs the other one.
    """
    net, anke, second = stage.net, stage.anke, await stage.another_device(stage.anke)
    assert await net.bot.stop() == 0
    net.bot.settings["matrix"]["only_signed_devices"] = True
    await net.bot.start()

    commanded = await second.say(net.rooms[BREMEN], "!netz bericht abgegeben labor-1")
    refusal = await stage.answer(anke, commanded)
    status = await stage.ask(anke, BREMEN, "!netz bericht labor-1")

    assert refusal.unwarned
    assert refusal.body.startswith(NOT_CONFIRMED)
    assert status.unwarned
    assert "offen" in status.body
    for sight in (refusal, status):
        assert (await second.sees(failed(sight.event_id))).failure == WITHHELD

    assert await net.bot.stop() == 0
    await second.signed_by(anke)
    again = await second.say(net.rooms[BREMEN], "!netz bericht labor-1")
    await net.bot.start()  # and hears of the signature and of the question at once

    answer = await stage.answer(second, again)
    assert answer.unwarned
    assert "offen" in answer.body


async def test_verification_by_device(stage: Stage) -> None:
    """Begun at the bot's device; the administrator says yes."""
    ready = await stage.net.bot.says("ready")

    asking = await stage.anke.verify_device(stage.net.user_id, ready["device_id"])

    await _verify(stage, stage.anke, asking)


async def test_verification_in_a_direct_chat(stage: Stage) -> None:
    """As Element does it from somebody's profile."""
    room = await stage.karin.create_room("Netzwart", invite=[stage.net.user_id], direct=True)
    await stage.karin.until_member(room, stage.net.user_id)

    asking = await stage.karin.verify_in_room(stage.net.user_id, room)

    await _verify(stage, stage.karin, asking)


async def _verify(stage: Stage, person: ForeignClient, asking: Verification) -> None:
    """See it through to its end: both sides show the same emoji, and both say so."""
    bot, already = stage.net.bot, len(stage.net.bot.log)
    await asking.reaches("ready")
    await asking.start()
    shown = await asking.emoji()
    logged: str = (await bot.says("verification_emoji", after=already, user_id=person.user_id))["emoji"]
    assert [each.split(" ")[0] for each in logged.split(" · ")] == list(shown)

    status, said = await _administrator_says(bot, "y")
    await asking.confirm()

    assert (await asking.ends()).phase == "done"
    assert status == 0, said
    assert all(each in said for each in logged.split(" · "))
    await bot.says("verification_done", after=already, user_id=person.user_id)
    await person.until_verified(stage.net.user_id)


async def _administrator_says(bot: Bot, answer: str) -> tuple[int | None, str]:
    """Answer `netzwart device verify`; return its exit status and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "device", "verify", "--config", str(bot.config)),
        env=child_environment(os.environ),
        stdin=PIPE,
        stdout=PIPE,
        stderr=STDOUT,
    )
    said, _ = await process.communicate(f"{answer}\n".encode())
    return process.returncode, said.decode()
