"""What can go wrong, and what people are told of it.

    NetzwartError                    everything that we raise on purpose
    ├── UserError                    a refusal: one sentence, shown to the person who asked
    │   ├── UsageError               the words do not fit the command; the answer shows its usage
    │   ├── Denied                   the right is missing; the sentence names the room that would grant it
    │   └── NoDate                   the words are no date, or do not begin with one (in `bot.domain.phrases.refusals`)
    ├── MembershipUnknown            the homeserver did not say who is in a room: nothing may be decided on it
    ├── ChatUnavailable              the homeserver did not take or give a message; worth another try
    │   ├── HomeserverAway           … because it cannot be reached, or says itself that it cannot work now: the same for all rooms
    │   ├── SlowDown                 … because we ask too much of it: everything of ours has to wait
    │   └── ChatRefused              … and refused: it may work when somebody changed something (an invite, power)
    │       ├── Forbidden            … because we lack the power, or are not in the room
    │       └── NeverAccepted        … and will refuse this very content for ever
    ├── NotYet                       something has to be finished first; worth another try in a moment
    ├── DatabaseNotReady             tables missing or of another version
    ├── StoreInUse                   another process holds the device's journal and crypto store
    ├── StoreUnusable                the device's journal and crypto store cannot be opened: a full, broken or read-only disk
    ├── StoreLost                    the homeserver knows our device with other keys (in `bot.matrix.crypto.one_time_keys`)
    ├── IdentityTrouble              cross-signing wants an administrator (in `bot.matrix.crypto.identity_file`)
    └── LoginFailed                  the homeserver does not know us (any more)

A message for people is a `Text`: a German message id and its data. It is translated once, where it is shown.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence for people, not translated yet.

    `msgid` is the German sentence with `%(name)s` placeholders; `data` fills them (values may be `Text` themselves).
    With `plural` and `n`, the plural form is chosen by `n`, which is also available as `%(n)s`.
    """

    msgid: str
    data: dict[str, object] = field(default_factory=dict[str, object], hash=False)
    plural: str | None = None
    n: int = 1


def text(msgid: str, **data: object) -> Text:
    """Return a `Text`; its message id is what the catalogue collects."""
    return Text(msgid, data)


def ntext(msgid: str, plural: str, n: int, **data: object) -> Text:
    """Return a `Text` with a plural form, chosen by `n`."""
    return Text(msgid, {**data, "n": n}, plural, n)


class NetzwartError(Exception):
    """Everything that we raise on purpose."""


class UserError(NetzwartError):
    """A refusal that is shown to the person who asked: one sentence that says what is wrong and what would be right."""

    def __init__(self, msgid: str, **data: object) -> None:
        super().__init__(msgid)
        self.text = Text(msgid, data)


class UsageError(UserError):
    """The words do not fit the command. The answer shows the sentence and the command's usage."""


class Denied(UserError):
    """The right is missing. The sentence names the room that would grant it."""


class MembershipUnknown(NetzwartError):
    """The homeserver did not say who is in a room. `room_id` says which."""

    def __init__(self, room_id: str, reason: str) -> None:
        super().__init__(f"{room_id}: {reason}")
        self.room_id = room_id


class ChatUnavailable(NetzwartError):
    """The homeserver did not take or give something now. `retry_after`: seconds to wait if it said so."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class HomeserverAway(ChatUnavailable):
    """The homeserver cannot be reached, or whatever stands before it says that it does not work: nothing would come through."""


class SlowDown(ChatUnavailable):
    """The homeserver says that we ask too much of it (429). `retry_after`: how long everything of ours has to wait, if it said so."""


class ChatRefused(ChatUnavailable):
    """The homeserver refused: we are not in the room, or lack the power. It may work when somebody changed that."""


class Forbidden(ChatRefused):
    """The homeserver says that we may not (`M_FORBIDDEN`)."""


class NeverAccepted(ChatRefused):
    """The homeserver will not take this content however often it is offered: too large, or not well-formed."""


class NotYet(NetzwartError):
    """Something else has to be finished first; worth another try in a moment. Nothing has happened."""


class DatabaseNotReady(NetzwartError):
    """The shared database has no tables or those of another version."""

    def __init__(self, message: Text) -> None:
        super().__init__(message.msgid)
        self.text = message


class StoreInUse(NetzwartError):
    """Another process holds the state folder."""


class StoreUnusable(NetzwartError):
    """The device's files cannot be opened or written now. `str()` says what the disk says."""


class LoginFailed(NetzwartError):
    """The homeserver refused our password or token. `str()` is the homeserver's reason."""
