"""Guards around what parses things from outside: anybody can send anything, and one such thing must never cost more than itself."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from nio import Event, SyncResponse

from bot.matrix.crypto.store import Dropped
from bot.matrix.crypto.values import list_of, object_of, objects_of


@contextmanager
def whatever_it_raises(failed: Callable[[BaseException], None]) -> Generator[None]:
    """Hand every exception from inside to `failed`. Rust code that panics raises something beside `Exception`: that one, too."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  (parsers of hostile input raise whatever they meet; the caller counts and logs each)
        failed(error)
    except BaseException as panic:
        if type(panic).__name__ != "PanicException":
            raise
        failed(panic)


def guard(olm: Any) -> None:
    """Take from nio's Olm machine what is done elsewhere in this package, and better."""
    olm.handle_key_verification = _nothing  # `verification` does it; nio knows an older form only
    olm._decrypt_megolm_no_error = _nothing  # noqa: SLF001  (nio's only hook; `decryption` does it, and lets nothing but messages through)


def _nothing(*_args: Any, **_kwargs: Any) -> None:
    return None


def parsed_sync(raw: dict[str, Any], dropped: Dropped) -> SyncResponse | None:
    """Return nio's view of the rooms in a sync, None if it is none. Events that its parsers cannot bear are left out of it, and only of it.

    What was sent to our device is not for nio to handle, and `raw` stays as it is: nio takes events apart while it parses them.
    """
    for choose in (list_of, _bearable):
        with whatever_it_raises(lambda error: dropped("sync", error, "")):
            parsed: Any = SyncResponse.from_dict(_for_nio(raw, choose))
            if isinstance(parsed, SyncResponse):
                return parsed
    return None


def _for_nio(raw: dict[str, Any], choose: Callable[[object], list[Any]]) -> dict[str, Any]:
    """Return a copy of a sync, down to its events, with those that are chosen; of joined rooms, which is all that nio is needed for."""
    rooms = object_of(raw.get("rooms"))
    joined = {
        room_id: _room(object_of(room), ("state", "timeline"), choose) for room_id, room in object_of(rooms.get("join")).items()
    }
    return {**raw, "to_device": {"events": []}, "rooms": {"join": joined, "invite": {}, "leave": {}}}


def _room(room: dict[str, Any], parts: tuple[str, ...], choose: Callable[[object], list[Any]]) -> dict[str, Any]:
    copies = {
        part: {**object_of(room.get(part)), "events": [{**event} for event in choose(object_of(room.get(part)).get("events"))]}
        for part in parts
    }
    return {**room, **copies}


def _bearable(events: object) -> list[Any]:
    """Return the events that nio can parse."""
    return [event for event in objects_of(events) if _parses(event)]


def _parses(event: dict[str, Any]) -> bool:
    failures: list[BaseException] = []
    with whatever_it_raises(failures.append):
        Event.parse_event({**event})
    return not failures
