"""A configured room becomes another one: it was upgraded, or its alias points elsewhere. What may become of that, and who decides."""

from enum import StrEnum

from bot.domain.places import NETWORK


class Reason(StrEnum):
    """Why a room is to be another one."""

    UPGRADED = "upgraded"
    ALIAS = "alias"


class State(StrEnum):
    """What became of it."""

    CLAIMED = "claimed"  # the new room says so, and the old one not yet
    SEEN = "seen"  # to be looked at
    ASKED = "asked"  # a coordinator is to decide
    DONE = "done"
    DECLINED = "declined"
    REFUSED = "refused"  # it is not what it was said to be


WANTED = frozenset((State.CLAIMED, State.SEEN, State.ASKED))
"""The bot wants to be in the new room, to look at it."""

QUESTION = "room-move:"
"""What the keys of the questions to coordinators begin with."""

YES, NO = "✅", "❌"


def question_key(number: int, room_id: str) -> str:
    """Return the key of the question about a move that is asked in a room. Asked again, if the coordinators have moved meanwhile."""
    return f"{QUESTION}{number}:{room_id}"


def number_of(key: str) -> int | None:
    """Return the number of the move that a question is about, None if it is none."""
    number = key.removeprefix(QUESTION).partition(":")[0]
    return int(number) if key.startswith(QUESTION) and number.isdecimal() else None


def follows_by_itself(key: str, reason: Reason) -> bool:
    """Whether the bot may follow without being told to. Not where being in the room grants more than membership."""
    return key == NETWORK and reason is Reason.UPGRADED
