"""Emoji verification: whoever begins it with the bot gets to its end, or is told at once why not.

The other side is written here once more after the specification, on vodozemac alone, so that no mistake cancels itself out.
"""

import asyncio
import base64
import hashlib
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nio.crypto.sas import Sas as NioSas
from structlog.testing import capture_logs
from vodozemac import Curve25519PublicKey, EstablishedSas, Sas

from bot.clock import FixedClock
from bot.errors import ChatUnavailable
from bot.matrix.crypto.verification import Incoming, Me, Outgoing, Pending, TheirKeys, VerificationFolder, Verifications
from bot.matrix.crypto.verification.emoji import named, symbols
from bot.verbs.device_verify import device_verify

BOT, ROOM = "@netzwart:example.org", "!dm:example.org"
START = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
OFFER = {
    "key_agreement_protocols": ["curve25519-hkdf-sha256"],
    "hashes": ["sha256"],
    "message_authentication_codes": ["hkdf-hmac-sha256.v2", "hkdf-hmac-sha256"],
    "short_authentication_string": ["decimal", "emoji"],
}
_numbers = itertools.count(1)


@dataclass
class Bot:
    """The bot's side with its surroundings: a clock to set, people who may, devices that there are."""

    state: Path
    clock: FixedClock = field(default_factory=lambda: FixedClock(START))
    language: str = "de"
    master: str | None = "botMaster"
    device_id: str = "BOT"
    strangers: set[str] = field(default_factory=set[str])
    away: bool = False
    keys: dict[tuple[str, str], TheirKeys] = field(default_factory=dict[tuple[str, str], TheirKeys])

    def __post_init__(self) -> None:
        self.all = self.started()

    def started(self) -> Verifications:
        """Return the verifications of a process that has just started."""
        me = Me(BOT, self.device_id, "botDevice", lambda: self.master)
        return Verifications(
            me, language=self.language, state_dir=self.state, clock=self.clock, may=self.may, their_keys=self.their_keys
        )

    async def may(self, user_id: str) -> bool:
        if self.away:
            raise ChatUnavailable("HTTP 502")
        return user_id not in self.strangers

    async def their_keys(self, user_id: str, device_id: str) -> TheirKeys | None:
        return self.keys.get((user_id, device_id))

    async def later(self, **period: float) -> list[Outgoing]:
        """Let time pass; return what the bot says then."""
        self.clock.shown += timedelta(**period)
        return await self.all.tick()

    async def answer(self, *, match: bool) -> list[Outgoing]:
        """Be the administrator, for what waits longest."""
        folder = VerificationFolder(self.state)
        folder.say(folder.waiting()[0], match=match)
        return await self.all.tick()


@dataclass
class Client:
    """A client of somebody who verifies the bot. `room` None: between devices."""

    bot: Bot
    room: str | None
    user: str = "@anke:example.org"
    device: str = "ANKE"
    ed25519: str = "ankeDevice"
    master: str = "ankeMaster"
    starts: bool = True
    offer: dict[str, Any] = field(default_factory=lambda: dict(OFFER))
    transaction: str = ""
    said: list[str] = field(default_factory=list[str])
    heard: list[Outgoing] = field(default_factory=list[Outgoing])
    first: bool = True  # whose start counts
    emoji: list[int] | None = None

    def __post_init__(self) -> None:
        self.sas = Sas()
        self.key = self.sas.public_key.to_base64()
        self.secret: EstablishedSas | None = None
        self.start_content: dict[str, Any] = {}
        self.commitment = ""
        self.mac_method = "hkdf-hmac-sha256.v2"
        self.transaction = self.transaction or f"{'$' if self.room else ''}t{next(_numbers)}"
        self.bot.keys.setdefault((self.user, self.device), TheirKeys(self.ed25519, self.master))

    def event(self, kind: str, content: dict[str, Any]) -> Incoming:
        """Return a message as it reaches the bot."""
        self.said.append(kind)
        kind = f"m.key.verification.{kind}"
        if self.room is None:
            return Incoming(self.user, kind, {**content, "transaction_id": self.transaction})
        relation = {"rel_type": "m.reference", "event_id": self.transaction}
        return Incoming(
            self.user, kind, {**content, "m.relates_to": relation}, self.room, f"$e{next(_numbers)}", _ms(self.bot.clock.now())
        )

    def request(self, *, sent: datetime | None = None, **changed: Any) -> Incoming:
        sent_at = _ms(sent or self.bot.clock.now())
        content = {"from_device": self.device, "methods": ["m.sas.v1", "m.qr_code.show.v1"], **changed}
        if self.room is None:
            return self.event("request", {"timestamp": sent_at, **content})
        self.said.append("request")
        content = {"msgtype": "m.key.verification.request", "body": "Bitte", "to": BOT, **content}
        return Incoming(self.user, "m.room.message", content, self.room, self.transaction, sent_at)

    async def say(self, event: Incoming) -> list[Outgoing]:
        """Say something and go on for as long as there is an answer. Return everything that the bot said."""
        said: list[Outgoing] = []
        waiting = [event]
        while waiting:
            answers = await self.bot.all.handle(waiting.pop(0))
            said += answers
            for answer in answers:
                waiting += self.hear(answer)
        return said

    async def go_on(self, said: list[Outgoing]) -> list[Outgoing]:
        """Hear what the bot said of itself, and go on as `say` does."""
        more = [each for answer in said for event in self.hear(answer) for each in await self.say(event)]
        return said + more

    def hear(self, said: Outgoing) -> list[Incoming]:
        """Return what the client says to a message of the bot."""
        if self.room is None:
            assert (said.user_id, said.device_id, said.room_id) == (self.user, self.device, None)
            assert said.content["transaction_id"] == self.transaction
            assert "m.relates_to" not in said.content
        else:
            assert (said.room_id, said.device_id) == (self.room, None)
            assert said.content["m.relates_to"] == {"rel_type": "m.reference", "event_id": self.transaction}
            assert "transaction_id" not in said.content
        self.heard.append(said)
        hearing = getattr(self, f"hear_{said.type.removeprefix('m.key.verification.')}")
        return hearing(said.content)

    def hear_ready(self, content: dict[str, Any]) -> list[Incoming]:
        assert content["from_device"] == "BOT"
        assert content["methods"] == ["m.sas.v1"]
        return [self.start()] if self.starts else []

    def start(self, **changed: Any) -> Incoming:
        event = self.event("start", {"from_device": self.device, "method": "m.sas.v1", **self.offer, **changed})
        assert isinstance(event.content, dict)
        self.start_content = event.content
        return event

    def hear_accept(self, content: dict[str, Any]) -> list[Incoming]:
        assert content["method"] == "m.sas.v1"
        assert (content["key_agreement_protocol"], content["hash"]) == ("curve25519-hkdf-sha256", "sha256")
        assert content["short_authentication_string"] == self.offer["short_authentication_string"]
        self.commitment, self.mac_method = content["commitment"], content["message_authentication_code"]
        return [self.event("key", {"key": self.key})]

    def hear_start(self, content: dict[str, Any]) -> list[Incoming]:
        """The bot began: choose of its offer, and promise our key to it."""
        assert {name: content[name] for name in OFFER} == OFFER
        self.first = False
        accept = {
            "method": "m.sas.v1",
            "key_agreement_protocol": "curve25519-hkdf-sha256",
            "hash": "sha256",
            "message_authentication_code": self.mac_method,
            "short_authentication_string": ["emoji"],
            "commitment": _commitment(self.key, content),
        }
        return [self.event("accept", accept)]

    def hear_key(self, content: dict[str, Any]) -> list[Incoming]:
        assert not self.first or self.commitment == _commitment(content["key"], self.start_content)
        self.secret = self.sas.diffie_hellman(Curve25519PublicKey.from_base64(content["key"]))
        mine, bots = (self.user, self.device, self.key), (BOT, "BOT", content["key"])
        order = (*mine, *bots) if self.first else (*bots, *mine)
        drawn = self.secret.bytes("|".join(["MATRIX_KEY_VERIFICATION_SAS", *order, self.transaction]))
        self.emoji, self.decimals = list(drawn.emoji_indices), drawn.decimals
        return [] if self.first else [self.event("key", {"key": self.key})]

    def hear_mac(self, content: dict[str, Any]) -> list[Incoming]:
        keys = {"ed25519:BOT": "botDevice"} | ({f"ed25519:{self.bot.master}": self.bot.master} if self.bot.master else {})
        info = f"MATRIX_KEY_VERIFICATION_MAC{BOT}BOT{self.user}{self.device}{self.transaction}"
        assert content["mac"] == {name: self.mac(key or "", f"{info}{name}") for name, key in keys.items()}
        assert content["keys"] == self.mac(",".join(sorted(keys)), f"{info}KEY_IDS")
        return []

    def confirm(self, **keys: str) -> Incoming:
        """The person says that the emoji match."""
        vouched = keys or {self.device: self.ed25519, self.master: self.master}
        info = f"MATRIX_KEY_VERIFICATION_MAC{self.user}{self.device}{BOT}BOT{self.transaction}"
        named_keys = {f"ed25519:{name}": key for name, key in vouched.items()}
        macs = {name: self.mac(key, f"{info}{name}") for name, key in named_keys.items()}
        return self.event("mac", {"mac": macs, "keys": self.mac(",".join(sorted(named_keys)), f"{info}KEY_IDS")})

    def mac(self, content: str, info: str) -> str:
        assert self.secret is not None
        if self.mac_method == "hkdf-hmac-sha256":
            return self.secret.calculate_mac_invalid_base64(content, info)
        return self.secret.calculate_mac(content, info)

    def hear_done(self, _: dict[str, Any]) -> list[Incoming]:
        return [self.event("done", {})]

    def hear_cancel(self, content: dict[str, Any]) -> list[Incoming]:
        assert isinstance(content["reason"], str)
        return []


def _ms(when: datetime) -> int:
    return round(when.timestamp() * 1000)


def _commitment(key: str, start: dict[str, Any]) -> str:
    canonical = json.dumps(start, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return base64.b64encode(hashlib.sha256((key + canonical).encode()).digest()).decode().rstrip("=")


def kinds(said: list[Outgoing]) -> list[str]:
    """Return what kinds of messages were said; of a cancellation, why."""
    return [each.content.get("code", each.type.removeprefix("m.key.verification.")) for each in said]


@pytest.fixture
def bot(tmp_path: Path) -> Bot:
    return Bot(tmp_path)


@pytest.fixture(params=[None, ROOM], ids=["to-device", "room"])
def room(request: pytest.FixtureRequest) -> str | None:
    return request.param


# Carried through.


async def test_they_confirm_first(bot: Bot, room: str | None) -> None:
    anke = Client(bot, room)
    assert kinds(await anke.say(anke.request())) == ["ready", "accept", "key"]
    assert anke.emoji is not None
    assert [list(each.emoji) for each in bot.all.pending] == [anke.emoji]
    assert [each.decimals for each in bot.all.pending] == [anke.decimals]
    assert await anke.say(anke.confirm()) == []
    assert kinds(await anke.go_on(await bot.answer(match=True))) == ["mac", "done"]
    assert anke.said == ["request", "start", "key", "mac", "done"]
    assert (bot.all.under_way, list((bot.state / "verification").iterdir())) == (0, [])


async def test_the_administrator_confirms_first(bot: Bot, room: str | None) -> None:
    anke = Client(bot, room)
    await anke.say(anke.request())
    assert kinds(await anke.go_on(await bot.answer(match=True))) == ["mac"]
    assert await bot.later(minutes=4, seconds=59) == []
    assert kinds(await anke.say(anke.confirm())) == ["done"]
    assert bot.all.under_way == 0
    assert await bot.later(hours=1) == []


async def test_the_bot_begins_if_they_do_not(bot: Bot, room: str | None) -> None:
    anke = Client(bot, room, starts=False)
    assert kinds(await anke.say(anke.request())) == ["ready"]
    assert await bot.later(seconds=59) == []
    assert kinds(await anke.go_on(await bot.later(seconds=1))) == ["start", "key"]
    assert [list(each.emoji) for each in bot.all.pending] == [anke.emoji]
    await anke.say(anke.confirm())
    assert kinds(await anke.go_on(await bot.answer(match=True))) == ["mac", "done"]


async def test_what_both_know_best_is_chosen(bot: Bot) -> None:
    """An old client knows only the MAC that libolm wrote wrongly, and one without pictures only numbers."""
    old = {"message_authentication_codes": ["hkdf-hmac-sha256", "x"], "short_authentication_string": ["decimal"]}
    anke = Client(bot, ROOM, offer=OFFER | old)
    await anke.say(anke.request())
    assert anke.mac_method == "hkdf-hmac-sha256"
    assert [(each.emoji, each.decimals) for each in bot.all.pending] == [((), anke.decimals)]
    await anke.say(anke.confirm())
    assert kinds(await anke.go_on(await bot.answer(match=True))) == ["mac", "done"]


async def test_without_an_identity_the_device_is_vouched_for_alone(bot: Bot) -> None:
    bot.master = None
    anke = Client(bot, ROOM)
    await anke.say(anke.request())
    await anke.say(anke.confirm())
    assert kinds(await anke.go_on(await bot.answer(match=True))) == ["mac", "done"]


async def test_both_begin_and_the_smaller_user_id_counts(bot: Bot, room: str | None) -> None:
    """`@anke` is smaller than `@netzwart`, `@zoe` is not."""
    anke, zoe = Client(bot, room, starts=False), Client(bot, room, user="@zoe:example.org", starts=False)
    for each in (anke, zoe):
        await each.say(each.request())
    own_starts = await bot.later(minutes=1)
    assert kinds(own_starts) == ["start", "start"]
    assert kinds(await anke.say(anke.start())) == ["accept", "key"]
    assert await zoe.say(zoe.start()) == []
    assert kinds(await zoe.go_on(own_starts[1:])) == ["start", "key"]
    assert [list(each.emoji) for each in bot.all.pending] == [anke.emoji, zoe.emoji]
    bot.clock.shown += timedelta(seconds=1)
    for each in (anke, zoe):
        await each.say(each.confirm())
    for pending in VerificationFolder(bot.state).waiting():
        VerificationFolder(bot.state).say(pending, match=True)
    assert kinds(await bot.all.tick()) == ["mac", "done"] * 2


async def test_the_bots_own_account_verifies_it(bot: Bot) -> None:
    """Between two devices of one user, the smaller device id's start counts."""
    smaller, larger = (Client(bot, None, user=BOT, device=name, starts=False) for name in ("ADMIN", "ZADMIN"))
    for each in (smaller, larger):
        await each.say(each.request())
    await bot.later(minutes=1)
    assert kinds(await smaller.say(smaller.start())) == ["accept", "key"]
    assert await larger.say(larger.start()) == []


async def test_other_methods_crossing(bot: Bot) -> None:
    anke = Client(bot, None, starts=False)
    await anke.say(anke.request())
    await bot.later(minutes=1)
    assert kinds(await anke.say(anke.start(method="m.reciprocate.v1"))) == ["m.unexpected_message"]


async def test_emoji_are_logged_in_the_language_of_the_network(bot: Bot) -> None:
    anke = Client(bot, ROOM)
    with capture_logs() as lines:
        await anke.say(anke.request())
    assert anke.emoji is not None
    (line,) = [line for line in lines if line["event"] == "verification_emoji"]
    assert (line["user_id"], line["device_id"], line["log_level"]) == (anke.user, anke.device, "warning")
    assert line["emoji"] == " · ".join(named(anke.emoji, "de"))


def test_emoji_are_those_that_others_show() -> None:
    assert symbols() == [symbol for symbol, _ in NioSas.emoji]
    assert named([0, 34, 63], "de") == ["🐶 Hund", "🔧 Schraubenschlüssel", "📌 Stecknadel"]
    assert named([0, 34, 63], "en") == ["🐶 Dog", "🔧 Spanner", "📌 Pin"]
    assert len(set(named(range(64), "de"))) == len(set(named(range(64), "en"))) == 64


# The administrator.


@dataclass
class Terminal:
    """An administrator at `netzwart device verify`, with a bot that runs or does not."""

    bot: Bot
    answers: list[bool] = field(default_factory=list[bool])
    lines: list[str] = field(default_factory=list[str])
    meanwhile: Callable[[], None] = lambda: None
    sent: list[Outgoing] = field(default_factory=list[Outgoing])

    async def run(self, *, running: bool = True, language: str = "de") -> int:
        stopping = asyncio.Event()
        watching = asyncio.create_task(self.bot.all.watch(self.send, stopping)) if running else None
        status = await device_verify(self.bot.state, language, ask=self.ask, show=self.lines.append, seconds=2 if running else 0.1)
        stopping.set()
        if watching:
            await watching
        return status

    async def send(self, said: list[Outgoing]) -> None:
        self.sent += said

    def ask(self, question: str) -> bool:
        self.lines.append(question)
        self.meanwhile()
        return self.answers.pop(0)


async def test_device_verify(bot: Bot) -> None:
    anke, zoe = Client(bot, ROOM), Client(bot, None, user="@zoe:example.org", device="ZOE")
    for each in (anke, zoe):
        await each.say(each.request())
    terminal = Terminal(bot, answers=[True, False])
    assert await terminal.run() == 1
    assert anke.emoji is not None
    numbers = " ".join(map(str, anke.decimals))
    assert terminal.lines[:12] == [
        "Prüfung mit @anke:example.org, Gerät ANKE:",
        *(f"  {each}" for each in named(anke.emoji, "de")),
        f"  als Zahlen: {numbers}",
        "Vergleiche sie mit dem, was dort steht: nebeneinander oder am Telefon, nicht über Matrix.",
        "Stimmen sie überein?",
        "Bestätigt. Sobald auch @anke:example.org bestätigt, ist die Prüfung fertig.",
    ]
    assert terminal.lines[12:13] == ["Prüfung mit @zoe:example.org, Gerät ZOE:"]
    assert terminal.lines[-1] == "Abgebrochen; @zoe:example.org erfährt, dass die Emoji nicht übereinstimmen."
    assert [(each.user_id, *kinds([each])) for each in terminal.sent] == [(anke.user, "mac"), (zoe.user, "m.mismatched_sas")]


async def test_device_verify_all_good(bot: Bot) -> None:
    anke = Client(bot, ROOM)
    await anke.say(anke.request())
    terminal = Terminal(bot, answers=[True])
    assert await terminal.run() == 0
    assert kinds(terminal.sent) == ["mac"]


async def test_device_verify_with_nothing_to_verify(bot: Bot) -> None:
    terminal = Terminal(bot)
    assert await terminal.run() == 1
    assert len(terminal.lines) == 1
    assert terminal.lines[0].startswith("Keine Prüfung wartet.")


async def test_device_verify_without_a_running_bot(bot: Bot) -> None:
    anke = Client(bot, ROOM)
    await anke.say(anke.request())
    terminal = Terminal(bot, answers=[True])
    assert await terminal.run(running=False) == 1
    assert terminal.lines[-1] == "Netzwart hat die Antwort noch nicht geholt; läuft er?"


async def test_device_verify_too_late(bot: Bot) -> None:
    """Somebody who answers what is over must not believe to have confirmed it."""
    anke = Client(bot, ROOM)
    await anke.say(anke.request())
    pending = bot.all.pending[0]
    terminal = Terminal(bot, answers=[True], meanwhile=lambda: VerificationFolder(bot.state).take_down(pending))
    assert await terminal.run(running=False) == 1
    assert terminal.lines[-1] == "Diese Prüfung ist inzwischen zu Ende; beginne eine neue."


async def test_files_are_for_the_owner_and_their_names_the_bots(bot: Bot) -> None:
    anke = Client(bot, None, transaction="../../../etc/cron.d/x")
    await anke.say(anke.request())
    files = {path.name: path.stat().st_mode & 0o777 for path in bot.state.rglob("*")}
    assert files == {"verification": 0o700, "open.json": 0o600, f"{bot.all.pending[0].id}.json": 0o600}


async def test_what_somebody_left_in_the_folder_is_nothing(bot: Bot) -> None:
    folder = bot.state / "verification"
    folder.mkdir()
    for name, content in (("0" * 16, "{"), ("1" * 16, "[]"), ("2" * 16, '{"emoji": [64], "decimals": [1, 2, 3]}'), ("x", "{}")):
        (folder / f"{name}.json").write_text(content, "utf-8")
    (folder / "open.json").write_text('[1, {"user_id": []}]', "utf-8")
    assert VerificationFolder(bot.state).waiting() == []
    assert bot.all.cancelled_leftovers() == []
    (folder / "open.json").write_text("}", "utf-8")
    assert bot.all.cancelled_leftovers() == []


async def test_a_folder_that_cannot_be_written_ends_in_a_time_out(bot: Bot) -> None:
    (bot.state / "verification").write_text("in the way", "utf-8")
    anke = Client(bot, ROOM)
    assert kinds(await anke.say(anke.request())) == ["ready", "accept", "key"]
    assert kinds(await bot.later(minutes=5)) == ["m.timeout"]


# Something is wrong.


async def test_the_administrator_says_no(bot: Bot, room: str | None) -> None:
    anke = Client(bot, room)
    await anke.say(anke.request())
    assert kinds(await anke.go_on(await bot.answer(match=False))) == ["m.mismatched_sas"]
    assert await anke.say(anke.confirm()) == []


async def test_who_says_yes_and_no_says_no(bot: Bot) -> None:
    anke = Client(bot, ROOM)
    await anke.say(anke.request())
    for match in (True, False):
        VerificationFolder(bot.state).say(bot.all.pending[0], match=match)
    assert kinds(await bot.all.tick()) == ["m.mismatched_sas"]


async def test_they_say_no(bot: Bot, room: str | None) -> None:
    anke = Client(bot, room)
    await anke.say(anke.request())
    assert await anke.say(anke.event("cancel", {"code": "m.mismatched_sas", "reason": "x"})) == []
    assert (bot.all.under_way, bot.all.pending) == (0, ())


async def test_somebody_in_between_shows_other_emoji(bot: Bot) -> None:
    """Mallory speaks with both under Anke's and the bot's names: the strings are bound to the keys, so they differ."""
    mallory = Client(bot, ROOM)
    await mallory.say(mallory.request())
    anke, as_bot = Client(bot, ROOM, transaction=mallory.transaction), Sas().public_key.to_base64()
    anke.start()
    anke.commitment = _commitment(as_bot, anke.start_content)
    anke.hear_key({"key": as_bot})
    assert [list(each.emoji) for each in bot.all.pending] == [mallory.emoji] != [anke.emoji]


@pytest.mark.parametrize(
    "keys",
    [
        {"ANKE": "anotherKey"},
        {"ANKE": "ankeDevice", "ankeMaster": "anotherKey"},
        {"ankeMaster": "ankeMaster"},
        {"OTHER": "otherDevice"},
    ],
    ids=["device", "master", "no device", "another device"],
)
async def test_wrong_keys(bot: Bot, room: str | None, keys: dict[str, str]) -> None:
    anke = Client(bot, room)
    await anke.say(anke.request())
    assert kinds(await anke.say(anke.confirm(**keys))) == ["m.key_mismatch"]


async def test_keys_that_the_bot_does_not_know_are_no_mistake(bot: Bot) -> None:
    anke = Client(bot, ROOM)
    await anke.say(anke.request())
    assert await anke.say(anke.confirm(ANKE="ankeDevice", ankeMaster="ankeMaster", NEW="newKey")) == []


@pytest.mark.parametrize("said", ["wrong", "ä", "=" * 5, "A" * 43])
@pytest.mark.parametrize("where", ["mac", "keys"])
async def test_wrong_macs(bot: Bot, said: str, where: str) -> None:
    anke = Client(bot, ROOM)
    await anke.say(anke.request())
    right: Any = anke.confirm().content
    wrong = {**right, "keys": said} if where == "keys" else {**right, "mac": {**right["mac"], "ed25519:ANKE": said}}
    assert kinds(await anke.say(anke.event("mac", wrong))) == ["m.key_mismatch"]


async def test_a_key_other_than_promised(bot: Bot, room: str | None) -> None:
    anke = Client(bot, room, starts=False)
    await anke.say(anke.request())
    start = (await bot.later(minutes=1))[0]
    (accept,) = anke.hear(start)
    anke.key = Sas().public_key.to_base64()
    assert kinds(await anke.say(accept)) == ["key", "m.mismatched_commitment"]


@pytest.mark.parametrize("key", ["A" * 43, "", "not base64", 7, None, "A" * 900, "\ud800"])
async def test_keys_that_are_none(bot: Bot, key: Any) -> None:
    """43 A are a point at which every secret is the same."""
    anke = Client(bot, ROOM)
    anke.key = key
    assert kinds(await anke.say(anke.request())) == ["ready", "accept", "m.invalid_message"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"method": "m.qr_code.scan.v1"}, "m.unknown_method"),
        ({"method": None}, "m.invalid_message"),
        ({"from_device": "OTHER"}, "m.invalid_message"),
        ({"hashes": ["md5"]}, "m.unknown_method"),
        ({"hashes": "sha256"}, "m.invalid_message"),
        ({"key_agreement_protocols": ["curve25519"]}, "m.unknown_method"),
        ({"message_authentication_codes": []}, "m.unknown_method"),
        ({"short_authentication_string": ["smell"]}, "m.unknown_method"),
        ({"short_authentication_string": [None]}, "m.invalid_message"),
        ({"hashes": ["sha256"] * 1000}, "m.invalid_message"),
        ({"more": "\ud800"}, "m.invalid_message"),
        ({"more": float("nan")}, "m.invalid_message"),
    ],
)
async def test_starts_that_lead_nowhere(bot: Bot, changed: dict[str, Any], code: str) -> None:
    anke = Client(bot, ROOM, starts=False)
    await anke.say(anke.request())
    assert kinds(await anke.say(anke.start(**changed))) == [code]


async def test_a_start_too_deep_to_be_written_down(bot: Bot) -> None:
    anke = Client(bot, ROOM, starts=False)
    await anke.say(anke.request())
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert kinds(await bot.all.handle(anke.start(more=deep))) == ["m.invalid_message"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"commitment": None}, "m.invalid_message"),
        ({"hash": "md5"}, "m.unknown_method"),
        ({"key_agreement_protocol": "curve25519"}, "m.unknown_method"),
        ({"message_authentication_code": "none"}, "m.unknown_method"),
        ({"short_authentication_string": []}, "m.unknown_method"),
        ({"short_authentication_string": ["emoji", "smell"]}, "m.unknown_method"),
    ],
)
async def test_accepts_that_lead_nowhere(bot: Bot, changed: dict[str, Any], code: str) -> None:
    anke = Client(bot, ROOM, starts=False)
    await anke.say(anke.request())
    (accept,) = anke.hear((await bot.later(minutes=1))[0])
    assert isinstance(accept.content, dict)
    assert kinds(await anke.say(anke.event("accept", {**accept.content, **changed}))) == [code]


@pytest.mark.parametrize("kind", ["ready", "accept", "key", "mac", "done"])
async def test_out_of_turn(bot: Bot, room: str | None, kind: str) -> None:
    anke = Client(bot, room, starts=False)
    await anke.say(anke.request())
    assert kinds(await anke.say(anke.event(kind, {}))) == ["m.unexpected_message"]
    assert bot.all.under_way == 0


@pytest.mark.parametrize("kind", ["start", "key", "done"])
async def test_out_of_turn_at_the_end(bot: Bot, kind: str) -> None:
    anke = Client(bot, None)
    await anke.say(anke.request())
    assert kinds(await anke.say(anke.event(kind, {}))) == ["m.unexpected_message"]


async def test_two_macs(bot: Bot) -> None:
    anke = Client(bot, None)
    await anke.say(anke.request())
    assert await anke.say(anke.confirm()) == []
    assert kinds(await anke.say(anke.confirm())) == ["m.unexpected_message"]


async def test_an_event_that_comes_twice_counts_once(bot: Bot) -> None:
    anke = Client(bot, ROOM, starts=False)
    request = anke.request()
    await anke.say(request)
    start = anke.start()
    assert kinds(await anke.say(start)) == ["accept", "key"]
    assert await bot.all.handle(start) == []


# Time.


async def test_ten_minutes_from_the_request_on(bot: Bot, room: str | None) -> None:
    anke = Client(bot, room, starts=False)
    await anke.say(anke.request(sent=START - timedelta(minutes=2)))
    assert kinds(await bot.later(minutes=7)) == ["start"]
    assert kinds(await anke.go_on(await bot.later(minutes=1))) == ["m.timeout"]
    assert await anke.say(anke.start()) == []


async def test_nobody_compares(bot: Bot, room: str | None) -> None:
    anke = Client(bot, room)
    await anke.say(anke.request())
    assert await bot.later(minutes=4, seconds=59) == []
    cancelled = await bot.later(seconds=1)
    assert kinds(cancelled) == ["m.timeout"]
    assert cancelled[0].content["reason"].startswith("Meine Verwaltung hat die Emoji nicht rechtzeitig verglichen")
    assert VerificationFolder(bot.state).waiting() == []


async def test_they_do_not_confirm(bot: Bot, room: str | None) -> None:
    anke = Client(bot, room)
    await anke.say(anke.request())
    await bot.answer(match=True)
    assert await bot.later(minutes=9) == []
    assert kinds(await bot.later(minutes=1)) == ["m.timeout"]


async def test_restart(bot: Bot, room: str | None) -> None:
    anke = Client(bot, room)
    asked = anke.request()
    await anke.say(asked)
    for _ in range(2):  # a process that dies before it has sent them leaves them to the next
        bot.all = bot.started()
        cancelled = bot.all.cancelled_leftovers()
        assert kinds(cancelled) == ["m.user"]
        anke.hear(cancelled[0])
    bot.all.forget_leftovers()
    assert list((bot.state / "verification").iterdir()) == []
    assert await anke.say(asked) == []
    assert bot.started().cancelled_leftovers() == []


# Declined.


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"methods": ["m.qr_code.scan.v1", "m.reciprocate.v1"]}, "m.unknown_method"),
        ({"methods": []}, "m.unknown_method"),
        ({"methods": "m.sas.v1"}, "m.invalid_message"),
        ({"methods": [7]}, "m.invalid_message"),
        ({"from_device": "NOSUCH"}, "m.key_mismatch"),
    ],
)
async def test_requests_that_are_declined(bot: Bot, room: str | None, changed: dict[str, Any], code: str) -> None:
    said = await bot.all.handle(Client(bot, room).request(**changed))
    assert kinds(said) == [code]
    assert said[0].content["reason"]
    assert bot.all.under_way == 0


@pytest.mark.parametrize("timestamp", [None, "soon", True, 1.5, [1]])
async def test_a_request_of_no_time(bot: Bot, timestamp: Any) -> None:
    assert kinds(await bot.all.handle(Client(bot, None).request(timestamp=timestamp))) == ["m.invalid_message"]


@pytest.mark.parametrize("device", [None, 7, "\x1b[2J", ""])
async def test_a_request_of_no_device_is_declined_at_all_of_them(bot: Bot, device: Any) -> None:
    said = await bot.all.handle(Client(bot, None).request(from_device=device))
    assert [(each.device_id, *kinds([each])) for each in said] == [("*", "m.invalid_message")]


@pytest.mark.parametrize("minutes", [-10, -11, 5, 10**6, -(10**6)])
async def test_requests_of_another_time_are_ignored(bot: Bot, room: str | None, minutes: int) -> None:
    assert await bot.all.handle(Client(bot, room).request(sent=START + timedelta(minutes=minutes))) == []


async def test_a_time_that_no_calendar_has(bot: Bot) -> None:
    assert await bot.all.handle(Client(bot, None).request(timestamp=10**400)) == []
    assert await bot.all.handle(Client(bot, None).request(timestamp=-(10**400))) == []


@pytest.mark.parametrize("language", ["de", "en"])
async def test_strangers_learn_of_cross_signing(tmp_path: Path, room: str | None, language: str) -> None:
    bot = Bot(tmp_path, language=language, strangers={"@anke:example.org"})
    anke = Client(bot, room)
    said = await anke.say(anke.request())
    assert kinds(said) == ["m.user"]
    assert "cross-signing" in said[0].content["reason"].lower()


async def test_a_homeserver_that_is_away(bot: Bot) -> None:
    bot.away = True
    anke = Client(bot, ROOM)
    said = await anke.say(anke.request())
    assert kinds(said) == ["m.user"]
    assert said[0].content["reason"].startswith("Ich kann gerade nicht nachsehen")


async def test_one_device_twice(bot: Bot, room: str | None) -> None:
    first, second = Client(bot, room), Client(bot, room)
    await first.say(first.request())
    assert kinds(await bot.all.handle(second.request())) == ["m.unexpected_message"] * 2
    assert bot.all.under_way == 0


async def test_three_of_one_and_ten_of_all(bot: Bot) -> None:
    async def ask(user: int, device: int) -> list[str]:
        client = Client(bot, ROOM, user=f"@u{user}:example.org", device=f"D{device}", starts=False)
        return kinds(await client.say(client.request()))

    assert [await ask(1, device) for device in range(4)] == [["ready"]] * 3 + [["m.user"]]
    assert [await ask(user, 1) for user in range(2, 10)] == [["ready"]] * 7 + [["m.user"]]
    assert kinds(await bot.later(minutes=10)) == ["m.timeout"] * 10
    assert await ask(1, 4) == ["ready"]


async def test_who_cannot_stop_is_not_answered_for_ever(bot: Bot) -> None:
    bot.strangers = {"@anke:example.org"}
    for _ in range(20):
        assert kinds(await bot.all.handle(Client(bot, None).request())) == ["m.user"]
    assert await bot.all.handle(Client(bot, None).request()) == []
    zoe = Client(bot, None, user="@zoe:example.org")
    assert kinds(await zoe.say(zoe.request())) == ["ready", "accept", "key"]
    bot.clock.shown += timedelta(minutes=10)
    assert kinds(await bot.all.handle(Client(bot, None).request())) == ["m.user"]


@pytest.mark.parametrize("kind", ["ready", "start", "accept", "key", "mac"])
async def test_unknown_between_devices(bot: Bot, kind: str) -> None:
    anke = Client(bot, None)
    said = await bot.all.handle(anke.event(kind, {}))
    assert [(each.device_id, *kinds([each])) for each in said] == [("*", "m.unknown_transaction")]
    assert await bot.all.handle(anke.event(kind, {})) == []
    assert kinds(await bot.all.handle(Client(bot, None).event(kind, {"from_device": "ANKE"}))) == ["m.unknown_transaction"]


@pytest.mark.parametrize("kind", ["cancel", "done", "something"])
async def test_unknown_but_over(bot: Bot, kind: str) -> None:
    assert await bot.all.handle(Client(bot, None).event(kind, {})) == []


# Rooms have others in them, and the bot other devices.


async def test_others_verify_each_other_in_a_room_of_the_bot(bot: Bot) -> None:
    zoe = Client(bot, ROOM, user="@zoe:example.org")
    assert await bot.all.handle(zoe.request(to="@anke:example.org")) == []
    for kind in ("ready", "start", "accept", "key", "mac", "done", "cancel"):
        assert await bot.all.handle(zoe.event(kind, {})) == []


async def test_nobody_else_can_meddle(bot: Bot, room: str | None) -> None:
    anke, mallory = Client(bot, room), Client(bot, room, user="@mallory:example.org")
    await anke.say(anke.request())
    mallory.transaction = anke.transaction
    for kind in ("cancel", "start", "mac"):
        said = await bot.all.handle(mallory.event(kind, {}))
        assert all(each.user_id == mallory.user for each in said)
    assert bot.all.under_way == 1


async def test_another_device_of_the_bot_was_ready_before(bot: Bot) -> None:
    anke = Client(bot, ROOM, starts=False)
    await anke.say(anke.request())
    other = Incoming(BOT, "m.key.verification.ready", Client.event(anke, "ready", {"from_device": "BOT2"}).content, ROOM, "$x")
    assert await bot.all.handle(other) == []
    assert bot.all.under_way == 0
    assert await anke.say(anke.start()) == []


async def test_another_device_of_the_bot_was_ready_after(bot: Bot) -> None:
    anke = Client(bot, ROOM, starts=False)
    await anke.say(anke.request())
    for device in ("BOT", "BOT2"):
        content = Client.event(anke, "ready", {"from_device": device}).content
        assert await bot.all.handle(Incoming(BOT, "m.key.verification.ready", content, ROOM, f"${device}")) == []
    assert kinds(await anke.say(anke.start())) == ["accept", "key"]
    own = Incoming(BOT, "m.key.verification.key", Client.event(anke, "key", {"key": "x"}).content, ROOM, "$own")
    assert await bot.all.handle(own) == []
    assert bot.all.under_way == 1


async def test_another_device_of_the_bot_declines(bot: Bot) -> None:
    anke = Client(bot, ROOM, starts=False)
    await anke.say(anke.request())
    content = Client.event(anke, "cancel", {"code": "m.user"}).content
    assert await bot.all.handle(Incoming(BOT, "m.key.verification.cancel", content, ROOM, "$c")) == []
    assert bot.all.under_way == 0


async def test_another_device_of_the_bot_was_accepted(bot: Bot) -> None:
    anke = Client(bot, None, starts=False)
    await anke.say(anke.request())
    assert await anke.say(anke.event("cancel", {"code": "m.accepted"})) == []
    assert (bot.all.under_way, await bot.later(minutes=10)) == (0, [])


async def test_its_own_message_to_all_devices(bot: Bot) -> None:
    own = Client(bot, None, user=BOT, device="BOT")
    assert await bot.all.handle(own.request()) == []


# Anything at all.

_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_USERS = st.sampled_from(["@a:x.org", "@b:x.org", "@z:x.org", BOT])
_IDS = st.sampled_from(["$1", "$2", "$3"])
_KINDS = st.sampled_from(["request", "ready", "start", "accept", "key", "mac", "done", "cancel"])
_PLAUSIBLE: dict[str, st.SearchStrategy[Any]] = {
    "from_device": st.sampled_from(["A", "B", "BOT", "NOSUCH"]),
    "to": st.just(BOT),
    "msgtype": st.just("m.key.verification.request"),
    "methods": st.just(["m.sas.v1"]),
    "method": st.sampled_from(["m.sas.v1", "m.sas.v2"]),
    "timestamp": st.sampled_from([_ms(START), _ms(START) - 300_000]),
    "transaction_id": _IDS,
    "m.relates_to": st.fixed_dictionaries({"rel_type": st.just("m.reference"), "event_id": _IDS}),
    "key": st.builds(Sas).map(lambda sas: sas.public_key.to_base64()),
    "mac": st.just({"ed25519:A": "x"}),
    "keys": st.just("x"),
    "key_agreement_protocol": st.just("curve25519-hkdf-sha256"),
    "hash": st.just("sha256"),
    "message_authentication_code": st.just("hkdf-hmac-sha256.v2"),
    "commitment": st.just("x"),
} | {name: st.just(value) for name, value in OFFER.items()}


@st.composite
def _contents(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a content that fits everywhere, and spoil some of it."""
    spoilt = st.dictionaries(st.sampled_from([*_PLAUSIBLE, "x", "code"]), _JUNK, max_size=2)
    return {**draw(st.fixed_dictionaries(_PLAUSIBLE)), **draw(spoilt)}


@st.composite
def _events(draw: st.DrawFn) -> Incoming:
    room, kind = draw(st.sampled_from([None, ROOM])), draw(_KINDS)
    event_type = "m.room.message" if kind == "request" and room else f"m.key.verification.{kind}"
    event_id = draw(_IDS | st.uuids().map(lambda each: f"${each}"))
    return Incoming(draw(_USERS), event_type, draw(_contents()), room, event_id, _ms(START))


_ANYTHING = st.builds(Incoming, _USERS | _JUNK, _JUNK | st.just("m.room.message"), _JUNK | _contents(), _JUNK, _JUNK, _JUNK)
_STEPS = st.lists(_events() | _ANYTHING | st.sampled_from([30.0, 61.0]) | st.booleans(), max_size=30)


@given(steps=_STEPS)
@settings(deadline=None, max_examples=150)
async def test_whatever_comes_it_never_raises_and_always_ends(steps: list[Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every verification that the bot was ready for ends: it says done or cancel, or the other side has cancelled."""
    bot = Bot(tmp_path_factory.mktemp("state"), strangers={"@b:x.org"})
    bot.keys = {(user, device): TheirKeys("k", "m") for user in ("@a:x.org", "@z:x.org", BOT) for device in ("A", "B")}
    said: list[Outgoing] = []
    given_up: set[tuple[object, ...]] = set()
    for step in steps:
        if isinstance(step, float):
            said += await bot.later(seconds=step)
        elif isinstance(step, bool):
            said += await bot.answer(match=step) if bot.all.pending else []
        else:
            said += await bot.all.handle(step)
            given_up |= _given_up(step)
    said += await bot.later(minutes=11)
    assert _still_hanging(said, given_up) == set()
    assert (bot.all.under_way, bot.all.pending, VerificationFolder(bot.state).waiting()) == (0, (), [])
    assert json.dumps([each.content for each in said]).encode()


def _given_up(event: Incoming) -> set[tuple[object, ...]]:
    """Return what an event takes from the bot: a cancellation does, and in a room another device of the bot."""
    content: Any = event.content if isinstance(event.content, dict) else {}
    if event.room_id is None:
        ends = event.type == "m.key.verification.cancel"
        return (
            {(None, event.sender, content["transaction_id"])} if ends and isinstance(content.get("transaction_id"), str) else set()
        )
    ends = event.type in ("m.key.verification.cancel", "m.key.verification.ready") if event.sender == BOT else False
    relation = content.get("m.relates_to")
    about = relation.get("event_id") if isinstance(relation, dict) else None
    if not isinstance(about, str) or not (ends or event.type == "m.key.verification.cancel"):
        return set()
    return {(event.room_id, user, about) for user in (["@a:x.org", "@z:x.org"] if event.sender == BOT else [event.sender])}


def _still_hanging(said: list[Outgoing], given_up: set[tuple[object, ...]]) -> set[tuple[object, ...]]:
    def places(kind: str) -> set[tuple[object, ...]]:
        return {_place(each) for each in said if each.type == f"m.key.verification.{kind}"}

    return places("ready") - places("done") - places("cancel") - given_up


def _place(said: Outgoing) -> tuple[object, ...]:
    about = said.content["m.relates_to"]["event_id"] if said.room_id else said.content["transaction_id"]
    return said.room_id, said.user_id, about


async def progressed(bot: Bot, anke: Client, steps: int) -> list[Outgoing]:
    """Go so many steps of a good conversation, up to the bot's MAC. Return what the bot said."""
    said: list[Outgoing] = []
    waiting = [anke.request()]
    for _ in range(steps):
        if waiting:
            answers = await bot.all.handle(waiting.pop(0))
        else:
            answers = await (bot.answer(match=True) if bot.all.pending else bot.later(minutes=1))
        waiting += [event for answer in answers for event in anke.hear(answer)]
        said += answers
    return said


@given(
    steps=st.integers(1, 5),
    starts=st.booleans(),
    kind=st.sampled_from(["request", "ready", "start", "accept", "key", "mac", "done"]),
    content=_contents(),
    room=st.sampled_from([None, ROOM]),
)
@settings(deadline=None, max_examples=150)
async def test_whatever_comes_in_the_middle_it_ends(
    tmp_path_factory: pytest.TempPathFactory, *, steps: int, starts: bool, kind: str, content: dict[str, Any], room: str | None
) -> None:
    bot = Bot(tmp_path_factory.mktemp("state"))
    anke = Client(bot, room, starts=starts)
    said = await progressed(bot, anke, steps)
    said += await bot.all.handle(anke.event(kind, content))
    said += await bot.later(minutes=11)
    assert _still_hanging(said, set()) == set()
    assert (bot.all.under_way, VerificationFolder(bot.state).waiting()) == (0, [])


async def test_what_is_disturbed_above_would_have_been_good(bot: Bot) -> None:
    assert kinds(await progressed(bot, Client(bot, ROOM), 4)) == ["ready", "accept", "key", "mac"]
    assert kinds(await progressed(bot, Client(bot, None, device="A", starts=False), 5)) == ["ready", "start", "key", "mac"]


async def test_the_shape_of_what_waits(bot: Bot) -> None:
    """`waiting` gives back what was put up."""
    anke = Client(bot, ROOM)
    await anke.say(anke.request())
    assert VerificationFolder(bot.state).waiting() == list(bot.all.pending)
    assert all(isinstance(each, Pending) for each in bot.all.pending)
