"""Which lab is meant: shared by the commands that take a lab's name."""

from bot.command import Context
from bot.db import labs
from bot.domain.labs import Lab, find_lab
from bot.domain.matching import close_matches
from bot.errors import UserError


async def lab_meant(ctx: Context, words: str) -> Lab:
    """Return the lab that `words` mean. Raises `UserError` with near misses, or with all that it may be."""
    every = await labs.every(ctx.session)
    found = find_lab(every, words)
    if len(found) == 1:
        return found[0]
    if found:
        names = " · ".join(lab.name for lab in found)
        raise UserError("»%(word)s« passt zu mehreren Laboren: %(labs)s.", word=words, labs=names)
    guesses = close_matches(words, [name for lab in every for name in (lab.key, lab.name, *lab.municipalities)])
    if guesses:
        raise UserError("Ein Labor »%(word)s« kenne ich nicht. Meintest du %(guess)s?", word=words, guess=" · ".join(guesses))
    raise UserError("Ein Labor »%(word)s« kenne ich nicht. Alle zeigt: %(prefix)s labore", word=words, prefix=ctx.prefix)
