"""The drain: what is written down is said once, in order, and only while it is wanted."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import FixedClock
from bot.db import attachments, deliveries, devices
from bot.db.deliveries import Delivery
from bot.db.engine import Database
from bot.db.tables import attachments as kept
from bot.db.tables import deliveries as table
from bot.delivery import Drain, Refresh, StillWanted, nothing_new
from bot.errors import ChatRefused, ChatUnavailable, Forbidden, HomeserverAway, NeverAccepted, SlowDown
from bot.matrix.client import refusal
from bot.network_rooms import NetworkRooms
from bot.pace import Pace
from bot.posting import Poster, StillOurs, transaction_id
from bot.rendering import files

NOW = datetime(2020, 10, 12, 9, tzinfo=UTC)
SECRET = b"shared by the devices"
A, B = "!a:netz.example", "!b:netz.example"


@dataclass
class Rooms:
    """The chat: keeps what was sent, refuses what it is told to, and remembers transaction ids per device as a homeserver does."""

    said: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    troubles: dict[str, list[ChatUnavailable]] = field(default_factory=dict[str, list[ChatUnavailable]])
    known: dict[str, str] = field(default_factory=dict[str, str])
    looked_for: list[str] = field(default_factory=list[str])
    contents: list[Mapping[str, object]] = field(default_factory=list[Mapping[str, object]])
    uploaded: list[tuple[str, str, str, bytes]] = field(default_factory=list[tuple[str, str, str, bytes]])
    upload_troubles: list[ChatUnavailable] = field(default_factory=list[ChatUnavailable])

    async def upload(self, room_id: str, name: str, mimetype: str, data: bytes) -> dict[str, object]:
        if self.upload_troubles:
            raise self.upload_troubles.pop(0)
        self.uploaded.append((room_id, name, mimetype, data))
        return {"url": f"mxc://netz.example/{len(self.uploaded)}"}

    async def send(
        self, room_id: str, event_type: str, content: Mapping[str, object], transaction_id: str, still_ours: StillOurs
    ) -> str | None:
        if self.troubles.get(room_id):
            raise self.troubles[room_id].pop(0)
        await asyncio.sleep(0)
        if not await still_ours():
            return None
        if transaction_id not in self.known:
            self.known[transaction_id] = f"${len(self.known)}"
            self.contents.append(content)
            self.said.append((room_id, str(content.get("body") or f"{event_type} {content.get('m.relates_to')}")))
        return self.known[transaction_id]

    async def find(self, room_id: str, key: str, transaction_id: str, not_before: datetime) -> str | None:
        del transaction_id, not_before
        self.looked_for.append(key)
        return "$found" if (room_id, key) in self.said else None


async def _wanted(_session: AsyncSession, row: Delivery, _now: datetime) -> str | None:
    return "lost its sense" if row.policy == "gone" else None


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def rooms() -> Rooms:
    return Rooms()


def _drain(
    database: Database,
    rooms: Rooms,
    clock: FixedClock,
    device: str = "DEVICE",
    *,
    alive: Collection[str] = ("DEVICE", "ONE", "TWO"),
    gone: Collection[str] = (),
    still_wanted: StillWanted = _wanted,
    refresh: Refresh = nothing_new,
) -> Drain:
    poster = Poster(database=database, chat=rooms, network_rooms=NetworkRooms({}), clock=clock, device=device, secret=SECRET)
    return Drain(
        database=database,
        poster=poster,
        clock=clock,
        device=device,
        still_wanted=still_wanted,
        alive=lambda: alive,
        gone=lambda: gone,
        refresh=refresh,
        pace=Pace(16, monotonic=lambda: clock.now().timestamp()),
    )


async def _write(database: Database, *lines: tuple[str, str], policy: str | None = None) -> None:
    async with database.begin() as session:
        for room, body in lines:
            await deliveries.add(session, key=body, room=room, content={"body": body}, now=NOW, policy=policy)


async def _outcomes(database: Database) -> dict[str, tuple[str | None, str | None]]:
    async with database.begin() as session:
        return {row.key: (row.outcome, row.event_id) for row in await deliveries.with_prefix(session, "")}


async def test_said_once_and_in_order_in_each_room(database: Database, rooms: Rooms, clock: FixedClock) -> None:
    await _write(database, *((room, f"{room[1]}{n}") for n in range(30) for room in (A, B)))
    drain = _drain(database, rooms, clock)
    await drain.settle()
    await drain.settle()
    for room in (A, B):
        assert [body for where, body in rooms.said if where == room] == [f"{room[1]}{n}" for n in range(30)]


async def test_a_key_is_written_down_once(database: Database) -> None:
    async with database.begin() as session:
        first = await deliveries.add(session, key="k", room=A, content={}, now=NOW)
        again = await deliveries.add(session, key="k", room=B, content={}, now=NOW)
    assert (first, again) == (True, False)


async def test_one_dead_room_stops_no_other_and_keeps_its_order(database: Database, rooms: Rooms, clock: FixedClock) -> None:
    rooms.troubles[A] = [ChatRefused("M_FORBIDDEN"), ChatUnavailable("502")]
    await _write(database, (A, "a1"), (A, "a2"), (B, "b1"))
    drain = _drain(database, rooms, clock)
    await drain.settle()
    assert rooms.said == [(B, "b1")]
    clock.shown += timedelta(minutes=6)
    await drain.settle()
    assert rooms.said == [(B, "b1")]
    clock.shown += timedelta(minutes=6)
    await drain.settle()
    assert rooms.said == [(B, "b1"), (A, "a1"), (A, "a2")]


async def test_what_is_never_accepted_blocks_nothing(database: Database, rooms: Rooms, clock: FixedClock) -> None:
    """Too large for the homeserver today is too large tomorrow; what comes after it must not wait for ever."""
    rooms.troubles[A] = [NeverAccepted("M_TOO_LARGE")]
    await _write(database, (A, "a1"), (A, "a2"))
    await _drain(database, rooms, clock).settle()
    assert rooms.said == [(A, "a2")]
    assert (await _outcomes(database))["a1"] == ("failed", None)


async def test_the_homeserver_says_how_long_to_wait(database: Database, rooms: Rooms, clock: FixedClock) -> None:
    rooms.troubles[A] = [ChatUnavailable("M_LIMIT_EXCEEDED", retry_after=7)]
    await _write(database, (A, "a1"))
    drain = _drain(database, rooms, clock)
    for seconds, said in ((0, 0), (6, 0), (1, 1)):
        clock.shown += timedelta(seconds=seconds)
        await drain.settle()
        assert len(rooms.said) == said


async def test_the_next_look_is_when_a_room_may_go_on(database: Database, rooms: Rooms, clock: FixedClock) -> None:
    """What waits behind the first in its room is long due, and must not hide that the first wants another try in a moment."""
    rooms.troubles[A] = [ChatUnavailable("slow down", 2)]
    await _write(database, (A, "first"), (A, "second"), (B, "elsewhere"))
    await _drain(database, rooms, clock).settle()

    async with database.begin() as session:
        assert await deliveries.next_retry(session, NOW) == NOW + timedelta(seconds=2)
        assert await deliveries.next_retry(session, NOW + timedelta(seconds=2)) is None


async def test_what_lost_its_sense_is_dropped(database: Database, rooms: Rooms, clock: FixedClock) -> None:
    """A submitted report needs no reminder, even if it was written down before."""
    await _write(database, (A, "reminder"), policy="gone")
    await _write(database, (A, "answer"))
    await _drain(database, rooms, clock).settle()
    assert rooms.said == [(A, "answer")]
    assert (await _outcomes(database))["reminder"] == ("dropped", None)


async def test_a_look_begun_just_before_a_reminder_was_due_does_not_drop_it(
    database: Database, rooms: Rooms, clock: FixedClock
) -> None:
    """The drain reads its clock, waits for the database, and finds a row that the scheduler wrote in that moment."""
    asked_at: list[datetime] = []

    async def wanted(_session: AsyncSession, _row: Delivery, now: datetime) -> str | None:
        asked_at.append(now)
        return None

    await _write(database, (A, "due now"))
    clock.shown = NOW - timedelta(milliseconds=5)
    drain = _drain(database, rooms, clock, still_wanted=wanted)

    await drain.settle()

    assert (rooms.said, asked_at) == ([(A, "due now")], [NOW])


async def test_what_waited_says_what_is_true_by_now(database: Database, rooms: Rooms, clock: FixedClock) -> None:
    """ "In 3 days", written down for a room that was closed for two of them."""
    rooms.troubles[A] = [ChatRefused("not in the room")]

    async def counted_anew(_session: AsyncSession, row: Delivery, now: datetime) -> dict[str, object] | None:
        return {"body": f"in {3 - (now - NOW).days} days"} if row.policy else None

    await _write(database, (A, "in 3 days"), policy="some")
    await _write(database, (A, "answer"))
    drain = _drain(database, rooms, clock, refresh=counted_anew)
    await drain.settle()
    clock.shown += timedelta(days=2)
    await drain.settle()
    assert rooms.said == [(A, "in 1 days"), (A, "answer")]
    async with database.begin() as session:
        assert [row.content["body"] for row in await deliveries.with_prefix(session, "in")] == ["in 1 days"]


async def test_killed_after_the_send_and_before_it_is_marked(database: Database, rooms: Rooms, clock: FixedClock) -> None:
    """The same device sends again under the same transaction id: in the room it stands once."""
    await _write(database, (A, "a1"))
    rooms.known[transaction_id(SECRET, "a1")] = "$sent-before-the-kill"
    async with database.begin() as session:
        await deliveries.claim(session, by="DEVICE", now=NOW, alive=(), most=5)
    await _drain(database, rooms, clock).settle()
    assert rooms.said == []
    assert await _outcomes(database) == {"a1": ("sent", "$sent-before-the-kill")}


async def test_what_another_device_may_have_sent_is_looked_for_first(database: Database, rooms: Rooms, clock: FixedClock) -> None:
    """Transaction ids do not reach across devices; and while the other is alive, what it has taken is left to it."""
    alive = {"DEVICE", "OTHER"}
    await _write(database, (A, "a1"))
    rooms.said.append((A, "a1"))
    async with database.begin() as session:
        await deliveries.claim(session, by="OTHER", now=NOW, alive=alive, most=5)
    drain = _drain(database, rooms, clock, alive=alive)
    await drain.settle()
    assert rooms.looked_for == []
    alive.remove("OTHER")
    await drain.settle()
    assert (rooms.looked_for, rooms.said) == (["a1"], [(A, "a1")])
    assert await _outcomes(database) == {"a1": ("sent", "$found")}


async def test_a_device_that_has_just_come_keeps_what_it_has_taken(database: Database, rooms: Rooms, clock: FixedClock) -> None:
    """Ours has not looked at who is here since; the newcomer may be sending at this moment."""
    await _write(database, (A, "a1"))
    async with database.begin() as session:
        await devices.beat(session, "NEWCOMER")
        await deliveries.claim(session, by="NEWCOMER", now=NOW, alive=(), most=5)
    gone: set[str] = set()
    drain = _drain(database, rooms, clock, gone=gone)
    await drain.settle()
    assert rooms.looked_for == []
    gone.add("NEWCOMER")
    await drain.settle()
    assert rooms.said == [(A, "a1")]


async def test_what_was_tried_longer_ago_than_ids_are_remembered_is_looked_for(
    database: Database, rooms: Rooms, clock: FixedClock
) -> None:
    rooms.troubles[A] = [ChatUnavailable("504")]
    await _write(database, (A, "a1"))
    drain = _drain(database, rooms, clock)
    await drain.settle()
    clock.shown += timedelta(hours=21)
    await drain.settle()
    assert (rooms.looked_for, rooms.said) == (["a1"], [(A, "a1")])


async def test_a_reaction_follows_what_it_belongs_to(database: Database, rooms: Rooms, clock: FixedClock) -> None:
    """The preview's event id is only known when it stands in the room."""
    relation = {"m.relates_to": {"rel_type": "m.annotation", "event_id": "", "key": "✅"}}
    await _write(database, (A, "preview"))
    async with database.begin() as session:
        await deliveries.add(
            session, key="preview:0", room=A, content=relation, event_type="m.reaction", annotates="preview", now=NOW
        )
    await _drain(database, rooms, clock).settle()
    assert rooms.said[1] == (A, "m.reaction {'rel_type': 'm.annotation', 'event_id': '$0', 'key': '✅'}")


async def test_a_reaction_to_what_could_never_be_said_blocks_no_room(database: Database, rooms: Rooms, clock: FixedClock) -> None:
    """Its preview was refused for good; the reaction goes with it, and what comes after is said."""
    relation = {"m.relates_to": {"rel_type": "m.annotation", "event_id": "", "key": "✅"}}
    rooms.troubles[A] = [NeverAccepted("M_TOO_LARGE")]
    await _write(database, (A, "preview"))
    async with database.begin() as session:
        await deliveries.add(
            session, key="preview:0", room=A, content=relation, event_type="m.reaction", annotates="preview", now=NOW
        )
    await _write(database, (A, "next"))
    await _drain(database, rooms, clock).settle()
    assert rooms.said == [(A, "next")]
    assert {key: outcome for key, (outcome, _) in (await _outcomes(database)).items()} == {
        "preview": "failed",
        "preview:0": "failed",
        "next": "sent",
    }


async def test_what_waits_for_a_room_is_tried_when_the_bot_comes_into_it(
    database: Database, rooms: Rooms, clock: FixedClock
) -> None:
    """Not at the next try in five minutes; what waits for other rooms goes on waiting."""
    rooms.troubles[A] = [ChatRefused("not in the room")]
    rooms.troubles[B] = [ChatRefused("not in the room")]
    await _write(database, (A, "a1"), (B, "b1"))
    drain = _drain(database, rooms, clock)
    await drain.settle()
    await drain.try_again({A})
    await drain.settle()
    assert rooms.said == [(A, "a1")]


async def test_two_drains_at_once_say_everything_once(database: Database, rooms: Rooms, clock: FixedClock) -> None:
    """Two processes on one database: no row is taken by both."""
    await _write(database, *((f"!{n % 7}:netz.example", f"{n:03}") for n in range(100)))
    drains = [_drain(database, rooms, clock, device) for device in ("ONE", "TWO")]
    while len(rooms.said) < 100:
        await asyncio.gather(*(drain.settle() for drain in drains))
    assert sorted(body for _, body in rooms.said) == [f"{n:03}" for n in range(100)]
    for room in range(7):
        in_room = [body for where, body in rooms.said if where == f"!{room}:netz.example"]
        assert in_room == sorted(in_room)


@pytest.mark.parametrize("code", ["M_UNKNOWN", "M_DUPLICATE_ANNOTATION", "M_TOO_LARGE"])
async def test_a_refusal_for_good_holds_up_nobody(database: Database, rooms: Rooms, clock: FixedClock, code: str) -> None:
    """Synapse answers 400 with all kinds of codes to what it will never take."""
    error = refusal({"errcode": code, "error": "Cannot start threads from an event with a relation"}, 400)
    assert isinstance(error, NeverAccepted)
    rooms.troubles[A] = [error]
    await _write(database, (A, "bad"), (A, "important"))
    await _drain(database, rooms, clock).settle()
    assert rooms.said == [(A, "important")]


async def test_an_answer_whose_relation_is_refused_is_said_without_it(database: Database, rooms: Rooms, clock: FixedClock) -> None:
    """What was answered may be gone, or a thread that cannot be: the person still gets an answer."""
    rooms.troubles[A] = [NeverAccepted("Can't send relation to unknown event")]
    related = {"body": "Antwort", "m.relates_to": {"m.in_reply_to": {"event_id": "$gone"}}}
    async with database.begin() as session:
        await deliveries.add(session, key="reply", room=A, content=related, now=NOW)
    await _drain(database, rooms, clock).settle()
    assert rooms.said == [(A, "Antwort")]


async def test_a_room_without_the_power_for_reactions_still_gets_messages(
    database: Database, rooms: Rooms, clock: FixedClock
) -> None:
    rooms.troubles[A] = [Forbidden("You don't have permission to post that to the room")]
    async with database.begin() as session:
        await deliveries.add(session, key="done", room=A, content={"m.relates_to": {}}, now=NOW, event_type="m.reaction")
    await _write(database, (A, "important"))
    await _drain(database, rooms, clock).settle()
    assert rooms.said == [(A, "important")]


async def test_a_mistake_of_ours_about_one_row_does_not_spin(database: Database, clock: FixedClock) -> None:
    """nio raises what its parsers meet, for example for a hostile one-time key."""
    tries: list[str] = []

    class Broken(Rooms):
        async def send(
            self, room_id: str, event_type: str, content: Mapping[str, object], transaction_id: str, still_ours: StillOurs
        ) -> str | None:
            if room_id == A:
                tries.append(transaction_id)
                raise ValueError("no key")
            return await super().send(room_id, event_type, content, transaction_id, still_ours)

    broken = Broken()
    await _write(database, (A, "a1"), (B, "b1"))
    await _drain(database, broken, clock).settle()
    assert (len(tries), broken.said) == (1, [(B, "b1")])


async def test_a_slow_device_that_lost_its_claim_does_not_send(database: Database, clock: FixedClock) -> None:
    """While it handed out keys for the message, it seemed dead and another took over: only one of them says it."""
    quick_rooms = Rooms()

    class Slow(Rooms):
        async def send(
            self, room_id: str, event_type: str, content: Mapping[str, object], transaction_id: str, still_ours: StillOurs
        ) -> str | None:
            await _drain(database, quick_rooms, clock, "QUICK", alive=["QUICK"]).settle()
            return await super().send(room_id, event_type, content, transaction_id, still_ours)

    slow_rooms = Slow()
    await _write(database, (A, "a1"))
    await _drain(database, slow_rooms, clock, "SLOW", alive=["SLOW", "QUICK"]).settle()
    assert (slow_rooms.said, quick_rooms.said, quick_rooms.looked_for) == ([], [(A, "a1")], ["a1"])


@pytest.mark.parametrize(("trouble", "pause"), [(HomeserverAway("502"), 1), (SlowDown("429", retry_after=7), 9)])
async def test_what_holds_for_all_rooms_is_found_out_once(
    database: Database, clock: FixedClock, trouble: ChatUnavailable, pause: int
) -> None:
    """A homeserver that is away, or wants us to be slower, is not asked again for each room that has something to say."""
    asked: list[str] = []

    class Away(Rooms):
        async def send(
            self, room_id: str, event_type: str, content: Mapping[str, object], transaction_id: str, still_ours: StillOurs
        ) -> str | None:
            asked.append(room_id)
            if away:
                raise trouble
            return await super().send(room_id, event_type, content, transaction_id, still_ours)

    everywhere, away, rooms = [f"!{n}:netz.example" for n in range(40)], True, Away()
    await _write(database, *((room, room) for room in everywhere))
    drain = _drain(database, rooms, clock)
    await drain.settle()
    assert len(asked) == 16
    for tries in (1, 2):
        clock.shown += timedelta(seconds=pause * 2)
        await drain.settle()
        assert len(asked) == 16 + tries
    away = False
    await drain.try_again(None)
    await drain.settle()
    assert sorted(room for room, _ in rooms.said) == sorted(everywhere)


async def test_what_another_had_begun_is_looked_for_however_often_it_fails(database: Database, clock: FixedClock) -> None:
    """The homeserver acted on ONE's send and answered 504; TWO takes over, and its first look fails. The row then looks like its own."""
    there = Rooms()

    class Away(Rooms):
        async def find(self, room_id: str, key: str, transaction_id: str, not_before: datetime) -> str | None:
            del room_id, key, transaction_id, not_before
            raise HomeserverAway("502")

    await _write(database, (A, "a1"))
    there.said.append((A, "a1"))
    async with database.begin() as session:
        (row,) = await deliveries.claim(session, by="ONE", now=NOW, alive=(), most=1)
        await deliveries.release(session, row.id, by="ONE", retry_at=NOW, note="504")
    await _drain(database, Away(), clock, "TWO").settle()
    clock.shown += timedelta(minutes=6)
    await _drain(database, there, clock, "TWO").settle()
    assert (there.looked_for, there.said) == (["a1"], [(A, "a1")])


async def test_a_room_that_seems_to_be_the_whole_homeserver_stops_no_other(database: Database, clock: FixedClock) -> None:
    """Sends to it run into their deadline, or are cut by something on the way, as if the homeserver were away."""

    class Heavy(Rooms):
        async def send(
            self, room_id: str, event_type: str, content: Mapping[str, object], transaction_id: str, still_ours: StillOurs
        ) -> str | None:
            if room_id == A:
                raise HomeserverAway("TimeoutError")
            return await super().send(room_id, event_type, content, transaction_id, still_ours)

    rooms = Heavy()
    await _write(database, (A, "a1"), *((f"!{n}:netz.example", f"{n}") for n in range(20)))
    drain = _drain(database, rooms, clock)
    for _ in range(10):
        await drain.settle()
        await drain.try_again(None)
        clock.shown += timedelta(seconds=1)
    assert len(rooms.said) == 20


async def test_who_lost_a_row_does_not_give_it_back(database: Database) -> None:
    """Its own send failed late, while another device is sending the row: a third must not find it free."""
    await _write(database, (A, "a1"))
    async with database.begin() as session:
        (row,) = await deliveries.claim(session, by="SLOW", now=NOW, alive=(), most=1)
        await deliveries.claim(session, by="QUICK", now=NOW, alive=["QUICK"], most=1)
        await deliveries.release(session, row.id, by="SLOW", retry_at=NOW, note="504")
        assert not await deliveries.mark_failed(session, row.id, "too large", NOW, by="SLOW")
        assert await deliveries.claim(session, by="THIRD", now=NOW, alive=["QUICK", "THIRD"], most=1) == []
        assert await deliveries.renew(session, row.id, by="QUICK", now=NOW)


async def test_at_the_end_everything_that_leaves_is_waited_for(database: Database, clock: FixedClock) -> None:
    """One that cannot be written down any more must not let go of the others: they would be taken over while they are being sent."""
    begun, go = asyncio.Event(), asyncio.Event()

    class Slow(Rooms):
        async def send(
            self, room_id: str, event_type: str, content: Mapping[str, object], transaction_id: str, still_ours: StillOurs
        ) -> str | None:
            begun.set()
            await go.wait()
            if room_id == A:
                raise OperationalError(None, None, Exception("the database is gone"))
            await asyncio.sleep(0.05)  # longer than the other one needs to fail
            return await super().send(room_id, event_type, content, transaction_id, still_ours)

    rooms = Slow()
    await _write(database, (A, "a1"), (B, "b1"))
    drain = _drain(database, rooms, clock)
    running = asyncio.create_task(drain.run())
    await begun.wait()
    drain.stop()
    go.set()
    await running
    assert rooms.said == [(B, "b1")]


async def test_a_clock_that_was_wrong_does_not_stop_a_room(database: Database, rooms: Rooms, clock: FixedClock) -> None:
    """Written, and put off, by a clock a month ahead."""
    rooms.troubles[A] = [ChatUnavailable("502")]
    await _write(database, (A, "a1"))
    drain = _drain(database, rooms, clock)
    await drain.settle()
    clock.shown -= timedelta(days=30)
    await drain.settle()
    assert rooms.said == [(A, "a1")]


async def test_a_row_that_cannot_be_checked_holds_up_nobody(database: Database, rooms: Rooms, clock: FixedClock) -> None:
    """Facts that cannot be read must not end the drain."""

    async def broken(_session: AsyncSession, row: Delivery, _now: datetime) -> str | None:
        if row.policy:
            raise KeyError("calendar")
        return None

    await _write(database, (A, "reminder"), policy="some")
    await _write(database, (B, "answer"))
    drain = _drain(database, rooms, clock, still_wanted=broken)
    await drain.settle()
    assert rooms.said == [(B, "answer")]


PICTURE = b"\x89PNG \x00\xff" * 20_000


async def _write_picture(database: Database, policy: str | None = None) -> None:
    """Write down a picture for room A, with words that say the same."""
    words = {"body": "words", "msgtype": "m.notice", "m.relates_to": {"m.in_reply_to": {"event_id": "$asked"}}}
    content = files.with_file(words, name="p.png", mimetype="image/png", length=len(PICTURE), size=(3, 2))
    async with database.begin() as session:
        await deliveries.add(session, key="words", room=A, content=content, now=NOW, policy=policy)
        await attachments.keep(session, "words", name="p.png", mimetype="image/png", data=PICTURE, now=NOW)


async def _kept(database: Database) -> int:
    async with database.begin() as session:
        return await session.scalar(sa.select(sa.func.count()).select_from(kept)) or 0


async def test_a_picture_is_uploaded_and_then_sent(database: Database, rooms: Rooms, clock: FixedClock) -> None:
    await _write_picture(database)
    await _write(database, (A, "a2"))
    await _drain(database, rooms, clock).settle()
    assert rooms.uploaded == [(A, "p.png", "image/png", PICTURE)]
    assert rooms.contents[0] == {
        "msgtype": "m.image",
        "body": "words",
        "filename": "p.png",
        "info": {"mimetype": "image/png", "size": len(PICTURE), "w": 3, "h": 2},
        "url": "mxc://netz.example/1",
        "m.relates_to": {"m.in_reply_to": {"event_id": "$asked"}},
    }
    assert rooms.said == [(A, "words"), (A, "a2")]
    assert await _kept(database) == 0


async def test_an_upload_that_fails_is_tried_again(database: Database, rooms: Rooms, clock: FixedClock) -> None:
    rooms.upload_troubles = [ChatUnavailable("502"), ChatUnavailable("M_LIMIT_EXCEEDED", retry_after=7)]
    await _write_picture(database)
    await _write(database, (A, "a2"), (B, "b1"))
    drain = _drain(database, rooms, clock)
    await drain.settle()
    assert (rooms.said, await _kept(database)) == ([(B, "b1")], 1)
    clock.shown += timedelta(seconds=6)
    await drain.settle()
    clock.shown += timedelta(seconds=6)
    await drain.settle()
    assert rooms.said == [(B, "b1")], "the homeserver said how long to wait"
    clock.shown += timedelta(seconds=1)
    await drain.settle()
    assert rooms.said == [(B, "b1"), (A, "words"), (A, "a2")]
    assert [content.get("msgtype") for content in rooms.contents] == [None, "m.image", None]
    assert await _kept(database) == 0


@pytest.mark.parametrize("trouble", [Forbidden("M_FORBIDDEN"), NeverAccepted("M_TOO_LARGE")], ids=["forbidden", "too large"])
async def test_where_nothing_can_be_uploaded_the_words_stand_alone(
    database: Database, rooms: Rooms, clock: FixedClock, trouble: ChatUnavailable
) -> None:
    """A homeserver that takes no files must not hold up what else is said in the room."""
    rooms.upload_troubles = [trouble]
    await _write_picture(database)
    await _drain(database, rooms, clock).settle()
    assert rooms.contents == [{"msgtype": "m.notice", "body": "words", "m.relates_to": {"m.in_reply_to": {"event_id": "$asked"}}}]
    assert await _outcomes(database) == {"words": ("sent", "$0")}
    assert await _kept(database) == 0


async def test_nobody_waits_long_for_a_picture(database: Database, rooms: Rooms, clock: FixedClock) -> None:
    """The media repository can be away for hours while messages go through."""
    rooms.upload_troubles = [ChatUnavailable("502")] * 100
    await _write_picture(database)
    await _write(database, (A, "a2"))
    drain = _drain(database, rooms, clock)
    for _ in range(16):
        await drain.settle()
        clock.shown += timedelta(minutes=1)
    assert rooms.said == [(A, "words"), (A, "a2")]
    assert [content.get("msgtype") for content in rooms.contents] == ["m.notice", None]


async def test_killed_between_the_upload_and_the_send(database: Database, rooms: Rooms, clock: FixedClock) -> None:
    """It is uploaded again, which nobody sees; the event is one, also if it was sent all the same."""
    for sent_before in (False, True):
        await _write_picture(database)
        if sent_before:
            rooms.known[transaction_id(SECRET, "words")] = "$sent-before-the-kill"
        async with database.begin() as session:
            await deliveries.claim(session, by="DEVICE", now=NOW, alive=(), most=5)
        await _drain(database, rooms, clock).settle()
        assert [body for _, body in rooms.said] == ["words"]
        assert await _kept(database) == 0
        async with database.begin() as session:
            await session.execute(table.delete())
    assert len(rooms.uploaded) == 2


async def test_a_picture_that_another_device_may_have_sent_is_not_uploaded(
    database: Database, rooms: Rooms, clock: FixedClock
) -> None:
    await _write_picture(database)
    rooms.said.append((A, "words"))
    async with database.begin() as session:
        await deliveries.claim(session, by="OTHER", now=NOW, alive=(), most=5)
    clock.shown += timedelta(seconds=121)
    await _drain(database, rooms, clock).settle()
    assert (rooms.looked_for, rooms.uploaded, await _kept(database)) == (["words"], [], 0)


async def test_a_picture_for_a_thread_that_cannot_be_is_uploaded_once(database: Database, rooms: Rooms, clock: FixedClock) -> None:
    rooms.troubles[A] = [NeverAccepted("M_UNKNOWN")]
    await _write_picture(database)
    await _drain(database, rooms, clock).settle()
    assert len(rooms.uploaded) == 1
    assert [(content["msgtype"], "m.relates_to" in content) for content in rooms.contents] == [("m.image", False)]


async def test_bytes_are_gone_with_what_is_dropped_or_failed(database: Database, rooms: Rooms, clock: FixedClock) -> None:
    await _write_picture(database, policy="gone")
    await _drain(database, rooms, clock).settle()
    assert (rooms.said, rooms.uploaded, await _kept(database)) == ([], [], 0)
    async with database.begin() as session:
        await session.execute(table.delete())
    rooms.troubles[A] = [NeverAccepted("M_TOO_LARGE"), NeverAccepted("M_TOO_LARGE")]
    await _write_picture(database)
    await _drain(database, rooms, clock).settle()
    assert await _outcomes(database) == {"words": ("failed", None)}
    assert await _kept(database) == 0


async def test_bytes_are_gone_with_their_row(database: Database) -> None:
    await _write_picture(database)
    async with database.begin() as session:
        await session.execute(table.delete())
    assert await _kept(database) == 0


async def test_reminders_wait_until_they_are_let_go(database: Database, rooms: Rooms, clock: FixedClock) -> None:
    """At a start: what came meanwhile may make them pointless. Answers do not wait, except behind a reminder in its room."""
    await _write(database, (A, "Erinnerung"), policy="any")
    await _write(database, (A, "Antwort danach"), (B, "Antwort"))
    drain = _drain(database, rooms, clock)
    drain.hold_reminders()
    await drain.settle()
    assert rooms.said == [(B, "Antwort")]
    drain.let_reminders_go()
    await drain.settle()
    assert rooms.said[1:] == [(A, "Erinnerung"), (A, "Antwort danach")]
