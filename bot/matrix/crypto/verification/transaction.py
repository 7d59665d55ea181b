"""One verification from `ready` to `done`, step by step. No input or output, no time: what arrives is answered by what to send."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from vodozemac import EstablishedSas, Sas

from bot.matrix.crypto.verification import messages, sas
from bot.matrix.crypto.verification.messages import SAS, Channel, Outgoing, table, word
from bot.matrix.crypto.verification.reasons import MALFORMED, NO_AGREEMENT, UNEXPECTED, WRONG_COMMITMENT, Stopped
from bot.matrix.crypto.verification.sas import Macs, Party, ShortString, Terms


@dataclass(frozen=True, slots=True)
class Me:
    """This device. Keys are Ed25519, in unpadded base64; `master_key` returns None as long as there is no cross-signing identity."""

    user_id: str
    device_id: str
    ed25519: str
    master_key: Callable[[], str | None]


@dataclass(frozen=True, slots=True)
class TheirKeys:
    """What the homeserver says of the other device: its Ed25519 key and its owner's master key, in unpadded base64."""

    ed25519: str
    master_key: str | None = None


class Stage(Enum):
    """What is waited for."""

    READY = "a start, theirs or ours"
    STARTED = "their answer to our start"
    ACCEPTED = "their key; ours is promised to the start they sent"
    KEY_SENT = "their key, as they promised it to the start we sent"
    COMPARING = "the administrator's yes, and their MAC"
    DONE = "nothing more"


class Transaction:
    """One verification, of which we have said `ready`. What must end it raises `Stopped`; it is not to be used any more then."""

    def __init__(self, me: Me, channel: Channel, their_keys: TheirKeys) -> None:
        self._me = me
        self._channel = channel
        self._their_keys = their_keys
        self._sas = Sas()
        self._ours = Party(me.user_id, me.device_id, self._sas.public_key.to_base64())
        self._theirs = Party(channel.user_id, channel.device_id)
        self._own_start: dict[str, Any] = {}
        self._we_started = False
        self._terms: Terms | None = None
        self._promised = ""
        self._secret: EstablishedSas | None = None
        self._mac_sent = self._mac_seen = False
        self.stage = Stage.READY
        self.shown: ShortString | None = None  # what is to be compared, as soon as it is known

    def ready(self) -> list[Outgoing]:
        """Return the answer to the request."""
        return [self._channel.say(messages.READY, {"from_device": self._me.device_id, "methods": [SAS]})]

    def start(self) -> list[Outgoing]:
        """Begin ourselves, because the other side has not done so. Only at the stage `READY`."""
        offer = sas.offer(self._me.device_id)
        self._own_start = self._channel.placed(offer)
        self.stage = Stage.STARTED
        return [self._channel.say(messages.START, offer)]

    def receive(self, kind: str, content: Mapping[str, Any]) -> list[Outgoing]:
        """Return what to say to a message of the other side. Raises `Stopped` if it is malformed, wrong or out of its turn."""
        match self.stage, kind:
            case (Stage.READY, messages.START):
                return self._accept(content)
            case (Stage.STARTED, messages.START):
                return self._both_started(content)
            case (Stage.STARTED, messages.ACCEPT):
                return self._accepted(content)
            case (Stage.ACCEPTED | Stage.KEY_SENT, messages.KEY):
                return self._key(content)
            case (Stage.COMPARING, messages.MAC) if not self._mac_seen:
                return self._mac(content)
            case _:
                raise Stopped(UNEXPECTED)

    def confirm(self) -> list[Outgoing]:
        """The administrator says that the strings match: vouch for our own keys. Only at the stage `COMPARING`, and once."""
        own = {f"ed25519:{self._me.device_id}": self._me.ed25519}
        if master := self._me.master_key():
            own[f"ed25519:{master}"] = master
        self._mac_sent = True
        return [self._channel.say(messages.MAC, self._macs(self._ours, self._theirs).content(own)), *self._finished()]

    def _accept(self, start: Mapping[str, Any]) -> list[Outgoing]:
        if word(start, "method") != SAS:
            raise Stopped(NO_AGREEMENT)
        if word(start, "from_device") != self._theirs.device_id:
            raise Stopped(MALFORMED)
        self._terms = sas.chosen(start)
        self._we_started = False
        self.stage = Stage.ACCEPTED
        commitment = sas.commitment(self._ours.key, start)
        return [self._channel.say(messages.ACCEPT, sas.acceptance(self._terms, commitment))]

    def _both_started(self, start: Mapping[str, Any]) -> list[Outgoing]:
        """Two starts have crossed: the one of the smaller user id counts, or of the smaller device id if both are one user's."""
        if word(start, "method") != SAS:
            raise Stopped(UNEXPECTED)
        ours, theirs = (self._ours.user_id, self._ours.device_id), (self._theirs.user_id, self._theirs.device_id)
        return [] if ours < theirs else self._accept(start)

    def _accepted(self, accept: Mapping[str, Any]) -> list[Outgoing]:
        self._terms, self._promised = sas.accepted(accept)
        self._we_started = True
        self.stage = Stage.KEY_SENT
        return [self._channel.say(messages.KEY, {"key": self._ours.key})]

    def _key(self, content: Mapping[str, Any]) -> list[Outgoing]:
        their_key = sas.public_key(content)
        self._theirs = replace(self._theirs, key=their_key.to_base64())
        if self._we_started and sas.commitment(self._theirs.key, self._own_start) != self._promised:
            raise Stopped(WRONG_COMMITMENT)
        self._secret = sas.established(self._sas, their_key)
        starter, accepter = (self._ours, self._theirs) if self._we_started else (self._theirs, self._ours)
        self.shown = sas.short_string(self._secret, starter, accepter, self._channel.transaction_id, self._agreed)
        self.stage = Stage.COMPARING
        return [] if self._we_started else [self._channel.say(messages.KEY, {"key": self._ours.key})]

    def _mac(self, content: Mapping[str, Any]) -> list[Outgoing]:
        device = f"ed25519:{self._theirs.device_id}"
        known = {device: self._their_keys.ed25519}
        if master := self._their_keys.master_key:
            known.setdefault(f"ed25519:{master}", master)
        self._macs(self._theirs, self._ours).check(table(content, "mac"), word(content, "keys"), known, device)
        self._mac_seen = True
        return self._finished()

    def _finished(self) -> list[Outgoing]:
        if not (self._mac_sent and self._mac_seen):
            return []
        self.stage = Stage.DONE
        return [self._channel.say(messages.DONE, {})]

    def _macs(self, sender: Party, receiver: Party) -> Macs:
        if self._secret is None:
            raise Stopped(UNEXPECTED)
        return Macs(self._secret, self._agreed.mac, sender, receiver, self._channel.transaction_id)

    @property
    def _agreed(self) -> Terms:
        if self._terms is None:
            raise Stopped(UNEXPECTED)
        return self._terms
