"""Guards around what parses things from outside: anybody can send anything, and one such thing must never cost more than itself."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from nio import Event, SyncResponse

from bot.matrix.crypto.store import Dropped
from bot.matrix.crypto.values import list_of, object_of, objects_of

_KNOWN_TO_NIO = ("m.room.name", "m.room.join_rules", "m.room.history_visibility")
"""Of which events of a room nio keeps what we ask it for."""


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

    `raw` stays as it is: nio takes events apart while it parses them.
    """
    for choose in (list_of, _bearable):
        with whatever_it_raises(lambda error: dropped("sync", error, "")):
            parsed: Any = SyncResponse.from_dict(_for_nio(raw, choose))
            if isinstance(parsed, SyncResponse):
                return parsed
    return None


def _for_nio(raw: dict[str, Any], choose: Callable[[object], list[Any]]) -> dict[str, Any]:
    """Return what nio is to know of a sync: in which rooms we are, and what is in `_KNOWN_TO_NIO` of each, of the events that are chosen.

    Members, messages, keys and lists of devices are dealt with elsewhere, and better: nio takes over 70 µs for each event, which ten
    thousand people who join at once make most of a second in which nothing else goes on.
    """
    rooms = object_of(object_of(raw.get("rooms")).get("join"))
    joined = {room_id: _room(object_of(room), choose) for room_id, room in rooms.items()}
    return {"next_batch": raw.get("next_batch"), "rooms": {"join": joined}}


def _room(room: dict[str, Any], choose: Callable[[object], list[Any]]) -> dict[str, Any]:
    return {part: {"events": [{**event} for event in choose(_known(room, part))]} for part in ("state", "timeline")}


def _known(room: dict[str, Any], part: str) -> list[dict[str, Any]]:
    events = objects_of(object_of(room.get(part)).get("events"))
    return [event for event in events if event.get("type") in _KNOWN_TO_NIO]


def _bearable(events: object) -> list[Any]:
    """Return the events that nio can parse."""
    return [event for event in objects_of(events) if _parses(event)]


def _parses(event: dict[str, Any]) -> bool:
    failures: list[BaseException] = []
    with whatever_it_raises(failures.append):
        Event.parse_event({**event})
    return not failures
