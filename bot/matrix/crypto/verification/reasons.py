"""Why a verification ends before it is done: the code for the other side's program, and a sentence for the person in front of it.

Codes: Client-Server API v1.18, `m.key.verification.cancel` and "SAS error handling".
"""

from dataclasses import dataclass

from bot.errors import NetzwartError, Text, text


@dataclass(frozen=True, slots=True)
class Why:
    """A cancellation: what the log calls it, its code, and its sentence."""

    name: str
    code: str
    text: Text


class Stopped(NetzwartError):
    """A verification cannot go on. `why` says what the other side is told."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.name)
        self.why = why


NOT_FOR_YOU = Why(
    "stranger",
    "m.user",
    text(
        "Emoji vergleiche ich nur mit Menschen aus dem Netzwerk; nötig ist es nicht, denn mein Konto hat dieses Gerät selbst"
        " unterschrieben (Cross-Signing), und daran erkennt dein Programm es."
    ),
)
TOO_MANY = Why("too_many", "m.user", text("Es laufen schon zu viele Prüfungen; versuche es in zehn Minuten noch einmal."))
CANNOT_LOOK = Why("cannot_look", "m.user", text("Ich kann gerade nicht nachsehen, wer du bist; versuche es später noch einmal."))
RESTARTED = Why(
    "restarted", "m.user", text("Ich bin neu gestartet und habe diese Prüfung verloren; beginne sie bitte noch einmal.")
)
TWICE = Why(
    "one_device_twice",
    "m.unexpected_message",
    text("Mit diesem Gerät lief schon eine Prüfung; beide sind abgebrochen. Beginne bitte noch einmal."),
)
NO_EMOJI = Why(
    "no_emoji", "m.unknown_method", text("Ich kann nur Emoji vergleichen (m.sas.v1); das bietet dein Programm nicht an.")
)
NO_AGREEMENT = Why("no_agreement", "m.unknown_method", text("Dein Programm und ich beherrschen kein gemeinsames Verfahren."))
UNKNOWN = Why("unknown", "m.unknown_transaction", text("Diese Prüfung kenne ich nicht; beginne bitte eine neue."))
UNEXPECTED = Why(
    "unexpected",
    "m.unexpected_message",
    text("Diese Nachricht gehört nicht an diese Stelle; beginne die Prüfung bitte noch einmal."),
)
MALFORMED = Why("malformed", "m.invalid_message", text("Diese Nachricht ist nicht so aufgebaut, wie Matrix es vorsieht."))
WRONG_COMMITMENT = Why(
    "wrong_commitment",
    "m.mismatched_commitment",
    text("Der Schlüssel ist nicht der angekündigte; jemand könnte dazwischen sein. Ich breche ab."),
)
NO_MATCH = Why(
    "no_match",
    "m.mismatched_sas",
    text("Die Emoji stimmen nicht überein, sagt meine Verwaltung; jemand könnte dazwischen sein. Ich breche ab."),
)
WRONG_KEYS = Why(
    "wrong_keys", "m.key_mismatch", text("Die Schlüssel deines Geräts sind nicht die, die der Homeserver mir nennt. Ich breche ab.")
)
NO_SUCH_DEVICE = Why(
    "no_such_device",
    "m.key_mismatch",
    text("Zu deinem Gerät nennt mir der Homeserver keine Schlüssel; versuche es gleich noch einmal."),
)
TIMEOUT = Why("timeout", "m.timeout", text("Die Prüfung ist nach zehn Minuten noch nicht fertig; beginne sie bitte noch einmal."))
NOBODY_COMPARED = Why(
    "nobody_compared",
    "m.timeout",
    text(
        "Meine Verwaltung hat die Emoji nicht rechtzeitig verglichen (netzwart device verify); verabrede dich mit ihr und beginne"
        " noch einmal."
    ),
)
