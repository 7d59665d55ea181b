"""What has a date in the programme, an event or a report: which is meant, and which rooms hear of a change."""

from bot.command import Context, Saying
from bot.db import programme, reports
from bot.domain.matching import close_matches, fold
from bot.domain.places import COORDINATION, lab_of_room
from bot.domain.places import RESEARCH as RESEARCH_ROOM
from bot.domain.programme import Event
from bot.domain.reports import OwedBy, Report
from bot.errors import UserError
from bot.rendering import Template


async def dated_meant(ctx: Context, word: str) -> Event | Report:
    """Return the event or report with this key, or the only one whose title is this. Raises `UserError`."""
    every: list[Event | Report] = [*await programme.every_event(ctx.session), *await reports.every(ctx.session)]
    found = [dated for dated in every if fold(word) == fold(dated.key)] or [d for d in every if fold(word) == fold(d.title)]
    if len(found) == 1:
        return found[0]
    keys = [dated.key for dated in found or every]
    if found:
        raise UserError("»%(word)s« kann mehreres meinen: %(keys)s.", word=word, keys=" · ".join(keys))
    guesses = close_matches(word, keys)
    if guesses:
        raise UserError("»%(word)s« kenne ich nicht. Meintest du %(guess)s?", word=word, guess=" · ".join(guesses))
    raise UserError("»%(word)s« kenne ich nicht. Es gibt: %(keys)s.", word=word, keys=", ".join(keys) or "–")


def all_rooms(ctx: Context, template: Template, dated: Event | Report, **data: object) -> tuple[Saying, ...]:
    """Return what every room hears that a change concerns: of an event all but coordination, of a report those who owe it."""
    return tuple(
        Saying(f"date:{dated.key}:{ctx.message.event_id}:{room}", room, template, data)
        for room in ctx.rooms.keys()
        if _concerns(room, dated)
    )


def _concerns(room: str, dated: Event | Report) -> bool:
    if isinstance(dated, Event):
        return room != COORDINATION
    return lab_of_room(room) is not None if dated.owed_by is OwedBy.LAB else room == RESEARCH_ROOM
