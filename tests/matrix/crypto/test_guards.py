"""What cannot be parsed costs itself and nothing else."""

import asyncio
import copy
from typing import Any

import pytest
from nio import MegolmEvent, SyncResponse

from bot.matrix.client import GuardedClient
from bot.matrix.crypto.guards import guard, parsed_sync, whatever_it_raises
from tests.matrix.crypto.exchange import Exchange, Machine

Json = dict[str, Any]
ROOM = "!room:example.org"


class PanicException(BaseException):
    """What a panic in Rust is in Python; pyo3's own cannot be imported."""


@pytest.mark.parametrize(
    "error", [ValueError(), RecursionError(), MemoryError(), UnicodeDecodeError("x", b"", 0, 0, ""), PanicException()]
)
def test_every_failure_is_handed_on(error: BaseException) -> None:
    caught: list[BaseException] = []

    with whatever_it_raises(caught.append):
        raise error

    assert caught == [error]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), asyncio.CancelledError(), GeneratorExit()])
def test_what_ends_the_process_or_the_task_is_not(error: BaseException) -> None:
    caught: list[BaseException] = []

    with pytest.raises(type(error)), whatever_it_raises(caught.append):
        raise error

    assert caught == []


def event(number: int, **instead: object) -> Json:
    return {
        "type": "m.room.name",
        "state_key": "",
        "content": {"name": "Moin"},
        "sender": "@karla:example.org",
        "event_id": f"${number}",
        "origin_server_ts": 1,
        **instead,
    }


def sync(*events: object, **more: object) -> Json:
    room = {"timeline": {"events": list(events), "limited": False, "prev_batch": "p"}, "state": {"events": []}}
    return {"next_batch": "n", "rooms": {"join": {ROOM: room}}, **more}


def parsed(raw: Json) -> tuple[SyncResponse | None, list[str]]:
    dropped: list[str] = []
    return parsed_sync(raw, lambda kind, _reason, _sender: dropped.append(kind)), dropped


def events_of(response: SyncResponse | None) -> list[str]:
    assert response is not None
    found = (getattr(each, "event_id", None) for each in response.rooms.join[ROOM].timeline.events)
    return [event_id for event_id in found if isinstance(event_id, str)]


def test_a_sync_is_parsed_and_stays_as_it_is() -> None:
    """nio takes events apart while it parses them; the journal wants them whole. Of people and their words nio need not know."""
    others = [event(number, type=f"m.room.{kind}") for number, kind in enumerate(("message", "encrypted", "member"), 2)]
    raw = sync(event(1), *others)
    before = copy.deepcopy(raw)

    response, dropped = parsed(raw)

    assert (events_of(response), dropped, raw) == (["$1"], [], before)


JUNK: list[Any] = [
    None, 5, "x", [], {},
    event(9, type=5), event(9, type=None), event(9, type=[]), event(9, type={}), event(9, content=None), event(9, content=[]),
    event(9, content="x"), event(9, sender=5), event(9, sender={}), event(9, event_id=[]), event(9, origin_server_ts="x"),
    event(9, origin_server_ts=[]), event(9, unsigned=5), event(9, unsigned=[]), event(9, unsigned={"redacted_because": 5}),
    event(9, unsigned={"redacted_because": {}}), event(9, unsigned={"transaction_id": []}), event(9, state_key=5),
    event(9, type="m.room.encrypted", content=5), event(9, type="m.room.encrypted", content={"algorithm": []}),
    event(9, type="m.room.encrypted", content={"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": 5, "session_id": 5}),
    event(9, type="m.room.member", state_key="x", content={"membership": 5}),
    event(9, type="m.room.member", state_key="x", content={"membership": "join"}, unsigned={"prev_content": 5}),
    event(9, type="m.room.power_levels", state_key="", content={"users": []}),
    event(9, type="m.room.create", state_key="", content={"room_version": 5, "creator": 5}),
    event(9, type="m.room.name", state_key="", content={"name": 5}), event(9, type="m.room.join_rules", state_key="", content=5),
    event(9, type="m.reaction", content={"m.relates_to": 5}), event(9, type="m.call.invite", content={"lifetime": "x"}),
    event(9, content={"msgtype": {}, "body": []}), event(9, content={"msgtype": "m.image", "url": 5, "file": 5, "body": 5}),
]  # fmt: skip


@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: repr(junk)[:70])
def test_an_event_that_cannot_be_borne_takes_no_other_with_it(junk: Any) -> None:
    """Between two good ones, and in the state, and in an invite."""
    raw = sync(event(1), junk, event(2))
    room = raw["rooms"]["join"][ROOM]
    room["state"]["events"] = [junk, event(3, type="m.room.name", state_key="", content={"name": "Moin"})]

    response, _dropped = parsed(raw)

    assert {"$1", "$2"} <= set(events_of(response))
    assert response is not None
    assert "$3" in [each.event_id for each in response.rooms.join[ROOM].state if hasattr(each, "event_id")]


STATE_KINDS = {
    "m.room.member": {"membership": "join", "displayname": "x", "avatar_url": "x"},
    "m.room.power_levels": {"users": {"@x:y": 5}, "events": {"x": 5}, "users_default": 5, "state_default": 5},
    "m.room.create": {"room_version": "12", "creator": "@x:y", "m.federate": True, "predecessor": {"room_id": "!x"}},
    "m.room.name": {"name": "x"},
    "m.room.topic": {"topic": "x"},
    "m.room.canonical_alias": {"alias": "#x:y", "alt_aliases": ["#x:y"]},
    "m.room.join_rules": {"join_rule": "public"},
    "m.room.history_visibility": {"history_visibility": "joined"},
    "m.room.guest_access": {"guest_access": "forbidden"},
    "m.room.encryption": {"algorithm": "m.megolm.v1.aes-sha2"},
    "m.room.tombstone": {"replacement_room": "!x", "body": "x"},
    "m.room.avatar": {"url": "mxc://x/y"},
    "m.space.child": {"via": ["x"], "suggested": True},
    "m.space.parent": {"via": ["x"], "canonical": True},
}
WRONG: list[Any] = [None, 5, -1, 10**20, 1.5, True, "", "x", "\ud83d", [], [5], {}, {"a": 5}, {"@x:y": "5"}]


async def test_no_state_of_a_room_upsets_what_nio_makes_of_it(tmp_path: Any) -> None:
    """Whoever has the power in a room may put nearly anything into its state. What nio raises then would end the process, each time."""
    client = GuardedClient("http://127.0.0.1:9", "@bot:example.org", "BOT", tmp_path)
    try:
        client.resume("token")
        for kind, good in STATE_KINDS.items():
            contents = [{**good, name: wrong} for name in good for wrong in WRONG] + [dict[str, Any](), good]
            for number, content in enumerate(contents):
                for state_key in ("", "@x:y", "x", "@bot:example.org"):
                    made = event(number, type=kind, state_key=state_key, content=content, unsigned={"prev_content": content})
                    raw = sync(copy.deepcopy(made))
                    raw["rooms"]["join"][ROOM]["state"]["events"] = [made]
                    response, _dropped = parsed(raw)
                    assert response is not None
                    client.digest(response)
    finally:
        await client.close()


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"next_batch": 5},
        {"rooms": 5},
        {"next_batch": "n", "rooms": {"join": {ROOM: 5}}},
        {"next_batch": "n", "rooms": {"join": []}},
    ],
    ids=repr,
)
def test_what_is_no_sync_is_none_and_raises_nothing(raw: Json) -> None:
    parsed(raw)


def test_what_is_for_our_device_is_not_for_nio() -> None:
    """It would act on it, unguarded."""
    response, dropped = parsed(sync(event(1), to_device={"events": [{"type": "m.room.encrypted", "sender": 5, "content": []}]}))

    assert response is not None
    assert (response.to_device_events, dropped) == ([], [])


async def test_nio_decrypts_nothing_by_itself(exchange: Exchange, tmp_path: Any) -> None:
    """It takes whatever comes out of an event for true, of any type and from anybody."""
    machine = Machine(exchange, tmp_path)
    guard(machine.olm)
    fields = {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x", "session_id": "x", "sender_key": "x", "device_id": "x"}
    megolm: Any = MegolmEvent.from_dict(event(1, type="m.room.encrypted", content=fields))

    assert isinstance(megolm, MegolmEvent)
    assert machine.olm._decrypt_megolm_no_error(megolm, ROOM) is None
    assert machine.olm.handle_key_verification(object()) is None


@pytest.mark.parametrize("junk", [{"unsigned": None}, {"unsigned": 1}, {"unsigned": "x"}, {"content": 5}, {"sender": None}])
def test_nobody_mutes_the_bot_with_an_invite(junk: Any) -> None:
    """What an invite shows comes from the inviter's homeserver, and nobody has to accept it for it to be there."""
    member: Json = {"type": "m.room.member", "state_key": "@b:x", "sender": "@a:x", "content": {"membership": "invite"}}
    raw: Json = {"next_batch": "s2", "rooms": {"invite": {"!r:x": {"invite_state": {"events": [member | junk]}}}}}
    assert parsed_sync(raw, lambda _kind, _reason, _sender: None) is not None
