"""A coordinator decides whether another room takes the place of one of the network's: the answer to a question of `bot.room_moves`."""

from bot.command import Context, Reply, on_reaction
from bot.db import room_moves
from bot.db.room_moves import Move
from bot.domain.places import COORDINATORS
from bot.domain.roles import Role
from bot.domain.room_moves import NO, QUESTION, YES, State, number_of
from bot.errors import UserError
from bot.rendering import template

_MOVED = template("<p>{% trans room=room %}Für »{{ room }}« gilt ab jetzt der neue Raum.{% endtrans %}</p>")
_KEPT = template("<p>{% trans room=room %}Für »{{ room }}« bleibt es beim alten Raum.{% endtrans %}</p>")


@on_reaction(QUESTION, YES, NO, needs=Role.COORDINATOR)
async def room_move_decided(ctx: Context, key: str, symbol: str) -> Reply:
    """Let the new room be what the old one was, or leave it at the old one."""
    number = number_of(key)
    move = await room_moves.get(ctx.session, number) if number is not None else None
    if move is None:
        raise UserError("Diese Frage kenne ich nicht mehr.")
    _check_undecided(ctx, move)
    data = {"room": ctx.rooms.label(move.key)}
    if symbol == NO:
        await room_moves.decline(ctx.session, move, by=ctx.sender, now=ctx.now)
        return Reply(_KEPT, data, audience=COORDINATORS)
    if not await room_moves.carry_out(ctx.session, move, by=ctx.sender, now=ctx.now):
        raise UserError("Das gilt nicht mehr: »%(room)s« ist inzwischen ein anderer Raum.", room=ctx.rooms.label(move.key))
    return Reply(_MOVED, data, audience=COORDINATORS)


def _check_undecided(ctx: Context, move: Move) -> None:
    """Raise `UserError` if somebody has decided already."""
    room = ctx.rooms.label(move.key)
    if move.state is State.DONE:
        raise UserError(
            "Der neue Raum für »%(room)s« gilt schon; das hat %(person)s entschieden.", room=room, person=move.decided_by
        )
    if move.state is not State.ASKED:
        raise UserError(
            "Für »%(room)s« bleibt es beim alten Raum; das hat %(person)s entschieden.", room=room, person=move.decided_by
        )
