"""`netzwart device verify`: compare emoji with somebody who verifies the bot, and tell the running bot whether they match."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from bot.errors import Text, text
from bot.matrix.crypto.verification import Pending, VerificationFolder
from bot.matrix.crypto.verification.emoji import named
from bot.rendering import catalogue

CONFIRMED, NOT_CONFIRMED = 0, 1
_FETCHED_WITHIN = 5.0
_LOOK_EVERY = 0.1


async def device_verify(
    state_dir: Path, language: str, *, ask: Callable[[str], bool], show: Callable[[str], None], seconds: float = _FETCHED_WITHIN
) -> int:
    """Show each verification that waits, and ask whether the emoji match. `ask` returns the answer, `show` gets one line.

    Returns the exit status: 0 if all were confirmed and the running bot has fetched the answers (it is given `seconds` for each),
    1 otherwise. Raises `OSError` if the folder of the bot may not be read or written to.
    """
    folder, speech = VerificationFolder(state_dir), catalogue(language)

    def say(message: Text) -> None:
        show(speech.say(message))

    waiting = folder.waiting()
    if not waiting:
        say(
            text(
                "Keine Prüfung wartet. Beginne sie in deinem Programm (im Profil von Netzwart: verifizieren), und rufe dies auf, sobald"
                " dort Emoji stehen."
            )
        )
        return NOT_CONFIRMED
    status = CONFIRMED
    for pending in waiting:
        _show(pending, language, say, show)
        match = ask(speech.say(text("Stimmen sie überein?")))
        outcome, good = await _told(folder, pending, match=match, seconds=seconds)
        say(outcome)
        status = status if good else NOT_CONFIRMED
    return status


def _show(pending: Pending, language: str, say: Callable[[Text], None], show: Callable[[str], None]) -> None:
    say(text("Prüfung mit %(user)s, Gerät %(device)s:", user=pending.user_id, device=pending.device_id))
    for each in named(pending.emoji, language):
        show(f"  {each}")
    numbers = " ".join(map(str, pending.decimals))
    say(text("  als Zahlen: %(numbers)s", numbers=numbers))
    say(text("Vergleiche sie mit dem, was dort steht: nebeneinander oder am Telefon, nicht über Matrix."))


async def _told(folder: VerificationFolder, pending: Pending, *, match: bool, seconds: float) -> tuple[Text, bool]:
    """Tell the bot. Return how it went, and whether the verification goes on to its good end."""
    if not folder.is_waiting(pending):
        return text("Diese Prüfung ist inzwischen zu Ende; beginne eine neue."), False
    folder.say(pending, match=match)
    if not await _fetched(folder, pending, seconds):
        return text("Netzwart hat die Antwort noch nicht geholt; läuft er?"), False
    if match:
        return text("Bestätigt. Sobald auch %(user)s bestätigt, ist die Prüfung fertig.", user=pending.user_id), True
    return text("Abgebrochen; %(user)s erfährt, dass die Emoji nicht übereinstimmen.", user=pending.user_id), False


async def _fetched(folder: VerificationFolder, pending: Pending, seconds: float) -> bool:
    for _ in range(max(1, round(seconds / _LOOK_EVERY))):
        if not folder.is_waiting(pending):
            return True
        await asyncio.sleep(_LOOK_EVERY)
    return not folder.is_waiting(pending)
