"""Time zones by the names that people type: `Europe/Berlin`, `berlin`, `new york`, `UTC`."""

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from bot.domain.chat_words import one_line
from bot.domain.matching import close_matches, fold
from bot.errors import UserError, text

_MOST_GUESSES = 3
_NO_PLACES = ("Etc/", "SystemV/", "posix/", "right/")


@cache
def _names() -> dict[str, list[str]]:
    """Return every zone by its folded name, and by that of its town."""
    found: dict[str, list[str]] = {"utc": ["UTC"]}
    for name in sorted(available_timezones()):
        if "/" in name and not name.startswith(_NO_PLACES):
            for typed in dict.fromkeys((_folded(name), _folded(name.rpartition("/")[2]))):
                found.setdefault(typed, []).append(name)
    return found


def _folded(name: str) -> str:
    return fold(name[:80]).replace("_", " ").strip()


def read_zone(typed: str) -> ZoneInfo:
    """Return the zone that somebody means. Raises `UserError` with guesses for what is none, or several."""
    names = _names().get(_folded(typed), [])
    if len(names) == 1:
        return ZoneInfo(names[0])
    guesses = names or [zone for name in close_matches(_folded(typed), list(_names())) for zone in _names()[name]]
    said = list(dict.fromkeys(guesses))[:_MOST_GUESSES]
    raise UserError(
        "»%(zone)s« ist keine Zeitzone, die ich kenne.%(guess)s Richtig wäre zum Beispiel Europe/Berlin.",
        zone=one_line(typed, 40),
        guess=text(" Meintest du %(guess)s?", guess=" · ".join(said)) if said else "",
    )
