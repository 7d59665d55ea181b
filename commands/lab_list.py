"""All labs, or those of a state or topic."""

from collections.abc import Iterable
from typing import Annotated

from bot.command import Context, Reply, command
from bot.converters import name
from bot.db import labs
from bot.domain.labs import Kind, Lab, Selector, UnknownSelector, read_selectors, selectors
from bot.domain.matching import close_matches
from bot.domain.roles import Role
from bot.errors import UserError, text
from bot.rendering import template
from bot.rendering.states import state_name, state_names

StateOrTopic = Annotated[str, name(text("land, thema"), usage=text("[land, thema]"))]

_LABS = template(
    "<p><strong>{% trans n=labs|length %}Ein Labor{% pluralize %}{{ n }} Labore{% endtrans %}</strong>"
    "{% for choice in chosen %}{{ ': ' if loop.first else ' · ' }}"
    "{{ choice.name|state if choice.kind == 'state' else choice.name }}{% endfor %}</p>"
    "{% if labs %}<ul>{% for lab in labs %}"
    "<li>{{ lab.name }} ({{ lab.state|state }}){% if lab.topics %}: {{ lab.topics|join(', ') }}{% endif %}</li>"
    "{% endfor %}</ul>"
    "<p>{% trans prefix=prefix, key=labs[0].key %}Mehr zu einem: <code>{{ prefix }} labor {{ key }}</code>{% endtrans %}</p>"
    "{% endif %}"
)


@command("labore", "labs", needs=Role.MEMBER, examples=[text("hessen"), text("hessen, Partizipation"), ""])
async def lab_list(ctx: Context, which: StateOrTopic | None = None) -> Reply:
    """Zeigt die Labore, alle oder die eines Landes oder zu einem Thema."""
    every = await labs.every(ctx.session)
    chosen = _chosen(ctx, every, which) if which else []
    return Reply(_LABS, {"labs": _of_all_kinds(every, chosen), "chosen": chosen, "prefix": ctx.prefix})


def _chosen(ctx: Context, every: list[Lab], words: str) -> list[Selector]:
    known = selectors(every, state_names, (Kind.STATE, Kind.TOPIC))
    chosen: list[Selector] = []
    words = words.strip(" ,")
    while words:
        try:
            found, words = read_selectors(words, known)
        except UnknownSelector as unknown:
            raise _unknown(ctx, str(unknown), known.values()) from None
        chosen += found
    return list(dict.fromkeys(chosen))


def _of_all_kinds(every: list[Lab], chosen: list[Selector]) -> list[Lab]:
    """Return the labs that are in one of the states and work on one of the topics."""
    kinds = {choice.kind for choice in chosen}
    by_kind = [{lab for choice in chosen if choice.kind is kind for lab in choice.labs} for kind in kinds]
    return [lab for lab in every if all(lab.key in labs_of_kind for labs_of_kind in by_kind)]


def _unknown(ctx: Context, word: str, known: Iterable[Selector]) -> UserError:
    choices = list(dict.fromkeys(known))
    states = sorted(state_name(choice.name, ctx.language) for choice in choices if choice.kind is Kind.STATE)
    topics = sorted(choice.name for choice in choices if choice.kind is Kind.TOPIC)
    guesses = close_matches(word, [*states, *topics])
    if guesses:
        return UserError("Zu »%(word)s« kenne ich kein Labor. Meintest du %(guess)s?", word=word, guess=" · ".join(guesses))
    return UserError(
        "Zu »%(word)s« kenne ich kein Labor. Länder: %(states)s. Themen: %(topics)s.",
        word=word,
        states=", ".join(states),
        topics=", ".join(topics),
    )
