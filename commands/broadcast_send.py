"""A coordinator's notice to the labs: a preview, and after a coordinator's ✅ the same words once in every lab's room."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated

from bot.command import Context, Reply, Saying, command, on_reaction
from bot.converters import rest
from bot.db import broadcasts, labs
from bot.db.broadcasts import Broadcast
from bot.domain.broadcasts import EXPIRES_AFTER, PREVIEW, State, lab_keys, number_of, preview_key
from bot.domain.chat_words import first_words, unquoted
from bot.domain.labs import Kind, Lab, Selector, UnknownSelector, read_selectors, selectors
from bot.domain.matching import close_matches, fold
from bot.domain.places import COORDINATORS, lab_room
from bot.domain.roles import Role
from bot.errors import UsageError, UserError, text
from bot.rendering import content, render, template
from bot.rendering.markup import markdown_to_html
from bot.rendering.states import state_name, state_names

MOST_CHARACTERS = 15_000
MOST_NAMES = 30
"""Names of rooms that a preview lists."""
_FRAME_BYTES = 5_000
"""What a preview says around the text itself."""
_TO = ("an", "to")
YES, NO = "✅", "❌"

Words = Annotated[str, rest(text("text"), usage=text("[an <wen>] <text>"), keeps_quotes=True)]

_PREVIEW = template(
    "<p><strong>{% trans n=number %}Rundruf {{ n }}: Vorschau{% endtrans %}</strong></p>"
    "<blockquote>{{ text|markdown }}</blockquote>"
    "<p>{% trans n=rooms|length %}Geht an einen Laborraum{% pluralize %}Geht an {{ n }} Laborräume{% endtrans %}"
    "{% if filtered %}: {{ rooms[:most]|join(' · ') }}{% if rooms|length > most %} …{% endif %}{% endif %}."
    "{% if without %} {% trans labs=without|join(' · ') %}Ohne Raum, daher nichts an: {{ labs }}.{% endtrans %}{% endif %}</p>"
    "<p>{% trans until=until|when %}✅ verschickt, ❌ verwirft. Das gilt bis {{ until }}.{% endtrans %}</p>"
)
_NOTICE = template("<p><strong>{% trans %}Rundruf der Koordination{% endtrans %}</strong></p>{{ text|markdown }}")
_ON_ITS_WAY = template(
    "<p>{% trans n=rooms, number=number %}Rundruf {{ number }} ist unterwegs in einen Laborraum.{% pluralize %}"
    "Rundruf {{ number }} ist unterwegs in {{ n }} Laborräume.{% endtrans %}"
    " {% trans number=number, prefix=prefix %}Ob er da ist: <code>{{ prefix }} rundruf status {{ number }}</code>{% endtrans %}</p>"
)
_DISCARDED = template("<p>{% trans number=number %}Rundruf {{ number }} ist verworfen; niemand hat ihn bekommen.{% endtrans %}</p>")


@dataclass(frozen=True, slots=True)
class Addressed:
    """A text, and the labs that it is for. `filtered`: whether they were named."""

    text: str
    labs: tuple[Lab, ...]
    filtered: bool


@command("rundruf", "broadcast", needs=Role.COORDINATOR, examples=["an hessen Bitte meldet euch bis Freitag an."])
async def broadcast_send(ctx: Context, words: Words) -> Reply:
    """Schickt eine Nachricht in die Räume aller Labore oder einiger; vorher gibt es eine Vorschau. Der Text darf Markdown sein."""
    said = _addressed(ctx, words, await labs.every(ctx.session))
    _check_length(said.text)
    rooms = [lab for lab in said.labs if lab_room(lab.key) in ctx.rooms.keys()]
    if not rooms:
        raise UserError("Keines dieser Labore hat einen Raum, den ich kenne.")
    until = ctx.now + EXPIRES_AFTER
    keys = [lab.key for lab in rooms]
    number = await broadcasts.add(ctx.session, author=ctx.sender, text=said.text, labs=keys, now=ctx.now, expires_at=until)
    data = {
        "number": number,
        "text": said.text,
        "rooms": [lab.name for lab in rooms],
        "without": [lab.name for lab in said.labs if lab not in rooms][:MOST_NAMES],
        "filtered": said.filtered,
        "most": MOST_NAMES,
        "until": until,
    }
    return Reply(_PREVIEW, data, audience=COORDINATORS, only_at_home=True, key=preview_key(number), reactions=(YES, NO))


@on_reaction(PREVIEW, YES, NO, needs=Role.COORDINATOR)
async def broadcast_decided(ctx: Context, key: str, symbol: str) -> Reply:
    """Send a broadcast, or discard it."""
    number = number_of(key)
    found = await broadcasts.get(ctx.session, number) if number is not None else None
    if found is None:
        raise UserError("Das ist keine Vorschau eines Rundrufs.")
    _check_undecided(ctx, found)
    state = State.CONFIRMED if symbol == YES else State.DISCARDED
    await broadcasts.decide(ctx.session, found.id, state=state, by=ctx.sender, now=ctx.now)
    if state is State.DISCARDED:
        return Reply(_DISCARDED, {"number": found.id}, audience=COORDINATORS)
    notices = tuple(
        Saying(delivery_key, lab_room(lab), _NOTICE, {"text": found.text})
        for lab, delivery_key in lab_keys(found.id, found.labs).items()
    )
    data = {"number": found.id, "rooms": len(notices), "prefix": ctx.prefix}
    return Reply(_ON_ITS_WAY, data, audience=COORDINATORS, also=notices)


def _check_undecided(ctx: Context, found: Broadcast) -> None:
    match found.state:
        case State.CONFIRMED:
            raise UserError("Rundruf %(number)s hat %(person)s schon verschickt.", number=found.id, person=found.decided_by)
        case State.DISCARDED:
            raise UserError("Rundruf %(number)s hat %(person)s schon verworfen.", number=found.id, person=found.decided_by)
        case State.PREVIEW if ctx.now >= found.expires_at:
            raise UserError(
                "Die Vorschau von Rundruf %(number)s ist abgelaufen, verschickt ist nichts. Bitte schreib ihn noch einmal.",
                number=found.id,
            )
        case State.PREVIEW:
            return


def _addressed(ctx: Context, words: str, every: list[Lab]) -> Addressed:
    """Return whom the words are for and what they say. Raises `UsageError` without a text, `UserError` for an unknown addressee."""
    opening = first_words(words, 1)[0]
    if fold(opening.text) not in _TO or opening.text != words[opening.start : opening.end]:
        return Addressed(unquoted(words).strip(), tuple(every), filtered=False)
    known = selectors(every, state_names)
    try:
        chosen, said = read_selectors(words[opening.end :], known)
    except UnknownSelector as unknown:
        raise _unknown(ctx, str(unknown), known.values(), every) from None
    keys = {lab for selector in chosen for lab in selector.labs}
    to_all = any(selector.kind is Kind.ALL for selector in chosen)
    return Addressed(unquoted(said).strip(), tuple(lab for lab in every if lab.key in keys), filtered=not to_all)


def _unknown(ctx: Context, word: str, known: Collection[Selector], every: Sequence[Lab]) -> UserError:
    if not word:
        return _no_text()
    states = sorted({state_name(lab.state, ctx.language) for lab in every})
    topics = sorted({topic for lab in every for topic in lab.topics})
    guesses = close_matches(
        word, [*states, *topics, *(lab.key for lab in every), *(s.name for s in known if s.kind is not Kind.STATE)]
    )
    return UserError(
        "»%(word)s« ist kein Labor, kein Land und kein Thema.%(guess)s Möglich ist: alle; Länder: %(states)s; Labore: %(labs)s;"
        " Themen: %(topics)s. Soll der Text selbst mit »an« beginnen, setz ihn in Anführungszeichen oder fang anders an.",
        word=word[:60],
        guess=text(" Meintest du %(guess)s?", guess=" · ".join(guesses)) if guesses else "",
        states=", ".join(states),
        labs=", ".join(lab.key for lab in every),
        topics=", ".join(topics),
    )


def _no_text() -> UsageError:
    return UsageError("Da fehlt noch etwas: %(argument)s.", argument=text("text"))


def _check_length(said: str) -> None:
    """Raise `UserError` for a text that does not fit into one message, and `UsageError` for one that shows nothing."""
    if len(said) > MOST_CHARACTERS:
        raise UserError(
            "Der Text ist zu lang: %(length)s Zeichen, höchstens %(most)s gehen.", length=len(said), most=MOST_CHARACTERS
        )
    if not markdown_to_html(said):
        raise _no_text()
    notice = content.message(render(_NOTICE, "de", {"text": said}), "", notifies=True)
    if len(json.dumps(notice, ensure_ascii=False).encode()) > content.MOST_BYTES - _FRAME_BYTES:
        raise UserError("Der Text ist zu groß für eine Nachricht. Bitte kürz ihn oder leg ihn anderswo ab und schick den Link.")
