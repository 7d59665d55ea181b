"""No stranger and no member can stop or mute the bot, whatever they send to its device or say, encrypted, in its rooms."""

import asyncio
import itertools
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Collection, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import quote

import pytest
import pytest_asyncio
from aiohttp import ClientSession
from vodozemac import GroupSession

from bot.demo.homeserver import Homeserver
from bot.demo.people import Person
from bot.demo.reading import member
from tests.e2e.conftest import Databases
from tests.e2e.poison import (
    BAD_KEYS,
    ENCRYPTED,
    OFF,
    Handmade,
    Peer,
    brackets,
    broken_envelopes,
    broken_events,
    broken_keys,
    broken_plain,
    broken_plaintexts,
    deep_plain,
    in_clear,
    unheard_of,
    unknown_sessions,
)
from tests.e2e.running import BREMEN, HESSEN, WITHIN, Json, Net, free_port, network

COMMAND = "!netz labor bremen"
ANSWER = "Bremen und Region"
_SAMPLE = re.compile(r'netzwart_dropped_events_total\{kind="(\w+)",reason="(\w+)"\} (\S+)')


@dataclass
class Poisoned:
    """The network; Mallory, a member of Bremen's lab, and Stella, whom nobody knows: each with a device made by hand."""

    net: Net
    mallory: Handmade
    stella: Handmade
    to_bot: dict[str, Peer]
    page: str

    @property
    def room(self) -> str:
        return self.net.rooms[BREMEN]

    async def dropped(self) -> Counter[tuple[str, str]]:
        """Return how many events were left out, by kind and reason, as the metrics say now: for a moment, the page stays the same."""
        async with ClientSession() as session, asyncio.timeout(WITHIN):
            before = now = await self._page(session)
            while now == before:
                await asyncio.sleep(0.05)
                now = await self._page(session)
        return Counter({(kind, reason): int(float(n)) for kind, reason, n in _SAMPLE.findall(now)})

    async def _page(self, session: ClientSession) -> str:
        async with session.get(f"{self.page}/metrics") as answer:
            return await answer.text()

    async def answered(self, content: Json, *, reader: str = "wiebke", room: str = BREMEN) -> str:
        """Let Mallory send the content of an encrypted event; return the words of the bot's answer."""
        event_id = await self.mallory.person.send_in_clear(self.net.room(room), "m.room.encrypted", content)
        return (await self.net.answer(reader, event_id)).body

    async def through(self) -> None:
        """Show that the bot has got through all that was sent: it obeys a command for which the key was sent last."""
        megolm = GroupSession()
        await self.mallory.share(self.to_bot["mallory"], self.room, megolm)
        assert ANSWER in await self.answered(self.mallory.said(self.room, COMMAND, megolm))

    async def poison(self, whose: str, contents: Iterable[object], kind: str = "m.room.encrypted") -> int:
        """Send these to the bot's device; return how many the homeserver took."""
        device, peer = (self.mallory, self.to_bot["mallory"]) if whose == "mallory" else (self.stella, self.to_bot["stella"])
        return await taken(device.send_to(peer, content, kind) for content in contents)

    async def say(self, contents: Iterable[Json]) -> list[str]:
        """Let Mallory send contents of encrypted events into Bremen's room; return the ids of those that the homeserver took."""
        sent: list[str] = []
        for content in contents:
            await taken([self._say(content, sent)])
        return sent

    async def _say(self, content: Json, sent: list[str]) -> None:
        sent.append(await self.mallory.person.send_in_clear(self.room, "m.room.encrypted", content))

    def logged(self) -> Counter[tuple[str, str, str]]:
        """Return how often it is in the log that something was left out, by kind, reason and sender."""
        lines = (line for line in self.net.bot.log if line["event"] == "malformed_dropped")
        return Counter((line["kind"], line["reason"], line["sender"]) for line in lines)


async def taken(requests: Iterable[Awaitable[None]], at_once: int = 20) -> int:
    """Await requests, many at a time; return how many went well. What the homeserver itself refuses harms nobody."""
    count = 0
    waiting = iter(requests)
    while portion := list(itertools.islice(waiting, at_once)):
        results = await asyncio.gather(*portion, return_exceptions=True)
        count += sum(result is None for result in results)
    return count


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def poisoned(
    homeserver: Homeserver, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Poisoned]:
    folder = tmp_path_factory.mktemp("poison")
    listen = f"127.0.0.1:{free_port()}"
    async with databases("sqlite", folder) as url, network(homeserver, folder, url) as net, AsyncExitStack() as opened:
        net.bot.settings["web"] = {"listen": listen}
        await net.bot.start()
        await net.bot_in()
        device_id = (await net.bot.says("ready"))["device_id"]
        made: dict[str, Handmade] = {}
        for name in ("mallory", "stella"):
            person = Person(homeserver.url, await homeserver.register(f"{name}-{net.mark}"))
            made[name] = Handmade(await opened.enter_async_context(person))
        await made["mallory"].upload()
        await enter(net, made["mallory"].person)
        to_bot = {name: await device.meet(net.user_id, device_id) for name, device in made.items()}
        await made["mallory"].share(to_bot["mallory"], net.rooms[BREMEN])
        yield Poisoned(net, made["mallory"], made["stella"], to_bot, f"http://{listen}")
        assert await net.bot.stop() == 0


async def enter(net: Net, person: Person, room: str = BREMEN) -> None:
    """Let somebody into a lab's room."""
    maker = {BREMEN: "wiebke", HESSEN: "doerte"}[room]
    await net[maker].invite(net.rooms[room], person.user_id)
    await person.join(net.rooms[room])
    await net[maker].sees(member(net.rooms[room], person.user_id, "join"))


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def unharmed(poisoned: Poisoned) -> AsyncIterator[None]:
    """After each test the bot works as before, has complained of nothing, and has logged each (kind, reason, sender) once."""
    yield
    await poisoned.through()
    assert poisoned.net.bot.complaints() == []
    assert {case: times for case, times in poisoned.logged().items() if times != 1} == {}


async def test_a_good_message_of_a_device_made_by_hand(poisoned: Poisoned) -> None:
    """Else what follows would prove nothing."""
    assert ANSWER in await poisoned.answered(poisoned.mallory.said(poisoned.room, COMMAND))


@pytest.mark.parametrize("whose", ["stella", "mallory"])
async def test_no_olm_message_stops_it(poisoned: Poisoned, whose: str) -> None:
    """From somebody who shares no room with it, and from somebody who does."""
    device = poisoned.stella if whose == "stella" else poisoned.mallory
    peer = poisoned.to_bot[whose]
    before = await poisoned.dropped()

    sent = await poisoned.poison(whose, broken_envelopes(device, peer))
    sent += await poisoned.poison(whose, unheard_of(device, peer))
    sent += await poisoned.poison(whose, (device.olm(peer, plaintext) for plaintext in broken_plaintexts(device, peer)))
    await poisoned.through()

    more = await poisoned.dropped() - before
    assert sent > 200
    assert sum(more.values()) == sent
    assert {kind for kind, _reason in more} == {"to_device"}
    assert any(sender == device.user_id for _kind, _reason, sender in poisoned.logged())


@pytest.mark.parametrize("whose", ["stella", "mallory"])
async def test_no_room_key_stops_it(poisoned: Poisoned, whose: str) -> None:
    """Well encrypted junk, keys for other rooms, keys that nobody asked for."""
    device = poisoned.stella if whose == "stella" else poisoned.mallory
    peer = poisoned.to_bot[whose]
    junk = broken_keys(device, peer, poisoned.room, poisoned.net.rooms[HESSEN])

    sent = await poisoned.poison(whose, (device.olm(peer, plaintext) for plaintext in junk))

    assert sent > 40


async def test_what_comes_to_its_device_in_clear_does_nothing(poisoned: Poisoned) -> None:
    """Keys in clear, requests for keys with junk in them, kinds that do not exist."""
    sent = 0
    for kind, content in in_clear(poisoned.room):
        sent += await poisoned.poison("stella", [content], kind)
        sent += await poisoned.poison("mallory", [content], kind)

    assert sent > 60


async def test_no_encrypted_event_of_a_room_stops_it(poisoned: Poisoned) -> None:
    """Broken from outside, and broken inside under a good key. None has an effect; each is counted."""
    mallory, room = poisoned.mallory, poisoned.room
    after = poisoned.net["wiebke"].last
    before = await poisoned.dropped()

    events = await poisoned.say(broken_events(mallory.said(room, COMMAND)))
    inside = await poisoned.say(map(mallory.encrypted, broken_plain(room, poisoned.net.rooms[HESSEN])))
    deep = await poisoned.say(map(mallory.encrypted, deep_plain(room)))
    await poisoned.say(unknown_sessions(mallory.said(room, COMMAND)))
    await poisoned.net.silent("wiebke", BREMEN, after)

    more = await poisoned.dropped() - before
    assert min(len(events), len(inside), len(deep)) > 30
    assert {kind for kind, _reason in more} == {"megolm"}
    assert len(events) + len(inside) <= sum(more.values()) <= len(events) + len(inside) + len(deep)


async def test_json_as_deep_as_the_homeserver_takes_it(poisoned: Poisoned) -> None:
    """To its device from a stranger, and in a room, in clear and beside a ciphertext: it can be read, and written down."""
    stella, mallory, to_bot = poisoned.stella, poisoned.mallory, poisoned.to_bot["stella"]
    room = f"/rooms/{quote(poisoned.room, safe='')}/send"
    sent = 0
    for depth in range(860, 960, 4):
        deep = brackets(depth)
        for kind in (ENCRYPTED, "m.room_key", "x"):
            body = f'{{"messages": {{"{to_bot.user_id}": {{"{to_bot.device_id}": {{"deep": {deep}}}}}}}}}'
            sent += await stella.put(f"/sendToDevice/{kind}", body)
        said = json.dumps(mallory.said(poisoned.room, "Moin"))
        sent += await mallory.put(f"{room}/{ENCRYPTED}", f'{said[:-1]}, "deep": {deep}}}')
        sent += await mallory.put(f"{room}/{ENCRYPTED}", f'{said[:-1]}, "m.relates_to": {{"deep": {deep}}}}}')
        sent += await mallory.put(f"{room}/m.room.message", f'{{"msgtype": "m.text", "body": "Moin", "deep": {deep}}}')
    await poisoned.through()

    assert sent > 60


async def test_a_ciphertext_is_heard_once(poisoned: Poisoned) -> None:
    """Whoever runs the homeserver, or is in the room, can send it again under another event id, now or after a restart."""
    said = poisoned.mallory.said(poisoned.room, COMMAND)
    assert ANSWER in await poisoned.answered(said)
    after, before = poisoned.net["wiebke"].last, await poisoned.dropped()

    await poisoned.say([said, {**said, "device_id": "X"}])
    await poisoned.net.silent("wiebke", BREMEN, after)

    assert await poisoned.dropped() - before == {("megolm", "replayed"): 2}
    await poisoned.net.bot.stop()
    await poisoned.net.bot.start()
    await poisoned.say([said])
    await poisoned.net.silent("wiebke", BREMEN, after=poisoned.net["wiebke"].last)


@pytest.mark.parametrize("left_out", [("sender_key",), ("device_id",), ("sender_key", "device_id")], ids="+".join)
async def test_an_event_need_not_say_whose_device_it_is_from(poisoned: Poisoned, left_out: Collection[str]) -> None:
    """Both fields are deprecated, and clients leave them out."""
    said = poisoned.mallory.said(poisoned.room, COMMAND)

    assert ANSWER in await poisoned.answered({name: value for name, value in said.items() if name not in left_out})


async def test_an_event_may_say_anything_about_whose_device_it_is_from(poisoned: Poisoned) -> None:
    """They prove nothing, so that nothing hangs on them."""
    for wrong in [*OFF, "ä" * 5000]:
        said = {**poisoned.mallory.said(poisoned.room, COMMAND), "sender_key": wrong, "device_id": wrong}
        for event_id in await poisoned.say([said]):
            assert ANSWER in (await poisoned.net.answer("wiebke", event_id)).body


async def test_another_members_words_stay_their_own(poisoned: Poisoned, homeserver: Homeserver) -> None:
    """Mallory sends Vera's ciphertext as her own: not heard. She claims Vera's key as her own: she is heard, as Mallory."""
    net, room, mallory = poisoned.net, poisoned.net.rooms[BREMEN], poisoned.mallory
    account = await homeserver.register(f"vera-{net.mark}")
    async with Person(homeserver.url, account) as person:
        vera = Handmade(person)
        await vera.upload()
        await enter(net, person)
        await enter(net, person, HESSEN)
        to_bot = poisoned.to_bot["mallory"]
        await vera.share(await vera.meet(net.user_id, to_bot.device_id), room)
        first, second = vera.said(room, "!netz ich"), vera.said(room, "!netz ich")
        (said,) = [await person.send_in_clear(room, "m.room.encrypted", first)]
        assert "Bergstraße" in (await net.answer("wiebke", said)).body
        after = net["wiebke"].last

        await poisoned.say([first, second])
        await net.silent("wiebke", BREMEN, after)
        await mallory.share(to_bot, room, vera.megolm)
        answer = await poisoned.answered(vera.said(room, "!netz ich"))

        assert "Bremen" in answer
        assert "Bergstraße" not in answer
        assert "Bergstraße" in (await net.answer("wiebke", await person.send_in_clear(room, "m.room.encrypted", second))).body


async def test_no_members_keys_keep_the_others_from_reading(poisoned: Poisoned, homeserver: Homeserver) -> None:
    """A device for each way in which keys can be wrong, all in one room; the others in it read what the bot says then."""
    net = poisoned.net
    jonas = net["jonas"].account
    theirs = (await poisoned.mallory.keys_of(jonas.user_id, jonas.device_id))[f"curve25519:{jonas.device_id}"]
    uploaded = 0
    for number, keys in enumerate(BAD_KEYS):
        account = await homeserver.register(f"bad{number}-{net.mark}")
        async with Person(homeserver.url, account) as person:
            device = Handmade(person)
            uploaded += await taken([device.upload(**keys(device, theirs))])
            await enter(net, person)

    asked = await net["wiebke"].say(net.rooms[BREMEN], COMMAND)

    assert uploaded > 7
    for reader in ("wiebke", "jonas"):
        assert ANSWER in (await net.answer(reader, asked)).body


async def test_a_thousand_in_a_row(poisoned: Poisoned) -> None:
    """From both sides at once; then a command is answered in the usual time."""
    stella, mallory, room = poisoned.stella, poisoned.mallory, poisoned.room
    to_bot = poisoned.to_bot
    junk = [
        *broken_envelopes(stella, to_bot["stella"]),
        *(stella.olm(to_bot["stella"], text) for text in broken_plaintexts(stella, to_bot["stella"])),
        *(mallory.olm(to_bot["mallory"], text) for text in broken_keys(mallory, to_bot["mallory"], room, "!x:netz.example")),
    ]
    events = [*broken_events(mallory.said(room, COMMAND)), *map(mallory.encrypted, broken_plain(room, "!x:netz.example"))]

    sent, said = await asyncio.gather(
        poisoned.poison("stella", itertools.islice(itertools.cycle(junk), 700)),
        poisoned.say(itertools.islice(itertools.cycle(events), 330)),
    )
    asked = await poisoned.net["wiebke"].say(room, COMMAND)
    async with asyncio.timeout(WITHIN):
        assert ANSWER in (await poisoned.net.answer("wiebke", asked)).body

    assert sent + len(said) >= 950
