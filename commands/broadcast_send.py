"""A coordinator's notice to the labs: a preview, and after a coordinator's ✅ the same words once in every lab's room.

One with a time waits for it after the ✅ (`schedules/broadcast.py`); until then, ❌ withdraws it.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from bot.command import Context, Reply, Saying, command, on_reaction
from bot.converters import rest
from bot.db import broadcasts, deliveries, labs, policies
from bot.db.broadcasts import Broadcast
from bot.domain.broadcasts import EXPIRES_AFTER, POLICY, PREVIEW, State, lab_keys, ladder, number_of, preview_key
from bot.domain.chat_words import first_words, unquoted
from bot.domain.labs import Kind, Lab, Selector, UnknownSelector, read_selectors, selectors
from bot.domain.matching import close_matches, fold
from bot.domain.phrases import OPENINGS, DayOnly, Moment, Recurring, read_when
from bot.domain.phrases.refusals import no_when, shown
from bot.domain.places import COORDINATORS, lab_room
from bot.domain.roles import Role
from bot.errors import UsageError, UserError, text
from bot.rendering import content, render, template, template_file
from bot.rendering.markup import markdown_to_html
from bot.rendering.states import state_name, state_names

MOST_CHARACTERS = 15_000
MOST_NAMES = 30
"""Names of rooms that a preview lists."""
_FRAME_BYTES = 5_000
"""What a preview says around the text itself."""
_TO = ("an", "to")
_EXAMPLES = [
    text("an hessen Bitte meldet euch bis Freitag an."),
    text("am 30.10. um 9 Uhr Heute ist der Bericht fällig."),
]
YES, NO = "✅", "❌"

Words = Annotated[str, rest(text("text"), usage=text("[an <wen>] [am <zeit>] <text>"), keeps_quotes=True)]

_PREVIEW = template(
    "<p><strong>{% trans n=number %}Rundruf {{ n }}: Vorschau{% endtrans %}</strong></p>"
    "<blockquote>{{ text|markdown }}</blockquote>"
    "<p>{% trans n=rooms|length %}Geht an einen Laborraum{% pluralize %}Geht an {{ n }} Laborräume{% endtrans %}"
    "{% if filtered %}: {{ rooms[:most]|join(' · ') }}{% if rooms|length > most %} …{% endif %}{% endif %}."
    "{% if without %} {% trans labs=without|join(' · ') %}Ohne Raum, daher nichts an: {{ labs }}.{% endtrans %}{% endif %}"
    "{% if day %}<br/>{% trans day=day|when, time=time %}Geplant für {{ day }}, {{ time }}.{% endtrans %}{% endif %}</p>"
    "<p>{% if day %}{% trans until=until|when %}✅ bestätigt, ❌ verwirft. Das gilt bis {{ until }}.{% endtrans %}"
    "{% else %}{% trans until=until|when %}✅ verschickt, ❌ verwirft. Das gilt bis {{ until }}.{% endtrans %}{% endif %}</p>"
)
_NOTICE = template_file("broadcast.html.j2")
_ON_ITS_WAY = template(
    "<p>{% trans n=rooms, number=number %}Rundruf {{ number }} ist unterwegs in einen Laborraum.{% pluralize %}"
    "Rundruf {{ number }} ist unterwegs in {{ n }} Laborräume.{% endtrans %}"
    " {% trans number=number, prefix=prefix %}Ob er da ist: <code>{{ prefix }} rundruf status {{ number }}</code>{% endtrans %}</p>"
)
_WAITS = template(
    "<p>{% trans number=number, day=day|when, time=time %}Rundruf {{ number }} ist bestätigt, geplant für {{ day }}, {{ time }}."
    " Bis dahin zieht ein ❌ unter der Vorschau ihn zurück.{% endtrans %}</p>"
)
_WITHDRAWN = template(
    "<p>{% trans number=number %}Rundruf {{ number }} ist zurückgezogen; niemand hat ihn bekommen.{% endtrans %}</p>"
)
_DISCARDED = template("<p>{% trans number=number %}Rundruf {{ number }} ist verworfen; niemand hat ihn bekommen.{% endtrans %}</p>")


@dataclass(frozen=True, slots=True)
class Addressed:
    """A text, and the labs that it is for. `filtered`: whether they were named; `send_at`: when it goes out, None if at once."""

    text: str
    labs: tuple[Lab, ...]
    filtered: bool
    send_at: datetime | None


@command("rundruf", "broadcast", needs=Role.COORDINATOR, examples=_EXAMPLES)
async def broadcast_send(ctx: Context, words: Words) -> Reply:
    """Schickt allen Laboren oder einigen eine Nachricht, gleich oder später; vorher gibt es eine Vorschau. Der Text darf Markdown sein."""
    said = _addressed(ctx, words, await labs.every(ctx.session))
    _check_length(said.text)
    rooms = [lab for lab in said.labs if lab_room(lab.key) in ctx.rooms.keys()]
    if not rooms:
        raise UserError("Keines dieser Labore hat einen Raum, den ich kenne.")
    until = min(filter(None, (ctx.now + EXPIRES_AFTER, said.send_at)))
    number = await broadcasts.add(
        ctx.session,
        author=ctx.sender,
        text=said.text,
        labs=[lab.key for lab in rooms],
        now=ctx.now,
        expires_at=until,
        send_at=said.send_at,
    )
    data = {
        "number": number,
        "text": said.text,
        "rooms": [lab.name for lab in rooms],
        "without": [lab.name for lab in said.labs if lab not in rooms][:MOST_NAMES],
        "filtered": said.filtered,
        "most": MOST_NAMES,
        "until": until,
        **_planned(ctx, said.send_at),
    }
    return Reply(_PREVIEW, data, audience=COORDINATORS, only_at_home=True, key=preview_key(number), reactions=(YES, NO))


@on_reaction(PREVIEW, YES, NO, needs=Role.COORDINATOR)
async def broadcast_decided(ctx: Context, key: str, symbol: str) -> Reply:
    """Send a broadcast, now or at its time, or discard it; withdraw it if it waits for its time."""
    number = number_of(key)
    found = await broadcasts.get(ctx.session, number) if number is not None else None
    if found is None:
        raise UserError("Das ist keine Vorschau eines Rundrufs.")
    if found.state is State.CONFIRMED and not await _has_gone_out(ctx, found):
        if symbol == YES:
            raise UserError("Rundruf %(number)s hat %(person)s schon bestätigt.", number=found.id, person=found.decided_by)
        await _decide(ctx, found, State.WITHDRAWN)
        return Reply(_WITHDRAWN, {"number": found.id}, audience=COORDINATORS)
    _check_undecided(ctx, found)
    if symbol == NO:
        await _decide(ctx, found, State.DISCARDED)
        return Reply(_DISCARDED, {"number": found.id}, audience=COORDINATORS)
    await _decide(ctx, found, State.CONFIRMED)
    if found.send_at is not None:
        # The policy has seen it from now on: should nobody be here when its time comes, it was missed, and is not new.
        await policies.note_subjects(ctx.session, POLICY, {ladder(found.id)}, ctx.now)
        return Reply(_WAITS, {"number": found.id, **_planned(ctx, found.send_at)}, audience=COORDINATORS)
    notices = tuple(
        Saying(delivery_key, lab_room(lab), _NOTICE, {"text": found.text})
        for lab, delivery_key in lab_keys(found.id, found.labs).items()
    )
    data = {"number": found.id, "rooms": len(notices), "prefix": ctx.prefix}
    return Reply(_ON_ITS_WAY, data, audience=COORDINATORS, also=notices)


async def _decide(ctx: Context, found: Broadcast, state: State) -> None:
    await broadcasts.decide(ctx.session, found.id, state=state, by=ctx.sender, now=ctx.now)


async def _has_gone_out(ctx: Context, found: Broadcast) -> bool:
    """Whether any lab's notice is written down. Nobody else can write one while this transaction holds the broadcast."""
    return bool(await deliveries.known(ctx.session, list(lab_keys(found.id, found.labs).values())))


def _planned(ctx: Context, send_at: datetime | None) -> dict[str, object]:
    here = send_at.astimezone(ctx.now.tzinfo) if send_at else None
    return {"day": here.date() if here else None, "time": f"{here:%H:%M}" if here else ""}


def _check_undecided(ctx: Context, found: Broadcast) -> None:
    match found.state:
        case State.CONFIRMED:
            raise UserError("Rundruf %(number)s hat %(person)s schon verschickt.", number=found.id, person=found.decided_by)
        case State.DISCARDED:
            raise UserError("Rundruf %(number)s hat %(person)s schon verworfen.", number=found.id, person=found.decided_by)
        case State.WITHDRAWN:
            raise UserError("Rundruf %(number)s hat %(person)s schon zurückgezogen.", number=found.id, person=found.decided_by)
        case State.PREVIEW if ctx.now >= found.expires_at:
            raise UserError(
                "Die Vorschau von Rundruf %(number)s ist abgelaufen, verschickt ist nichts. Bitte schreib ihn noch einmal.",
                number=found.id,
            )
        case State.PREVIEW:
            return


def _addressed(ctx: Context, words: str, every: list[Lab]) -> Addressed:
    """Return whom the words are for, when, and what they say; whom and when come in any order.

    Raises `UsageError` without a text, `UserError` for an unknown addressee or time.
    """
    chosen: list[Selector] | None = None
    send_at: datetime | None = None
    while True:
        opening = _opening(words)
        if opening in _TO and chosen is None:
            chosen, words = _addressees(ctx, words, every)
        elif opening in OPENINGS and send_at is None:
            send_at, words = _send_at(words, ctx.now)
        else:
            break
    keys = {lab for selector in chosen or () for lab in selector.labs}
    filtered = chosen is not None and all(selector.kind is not Kind.ALL for selector in chosen)
    addressed = tuple(lab for lab in every if chosen is None or lab.key in keys)
    return Addressed(unquoted(words).strip(), addressed, filtered, send_at)


def _send_at(words: str, now: datetime) -> tuple[datetime, str]:
    """Return the time with which the words begin, and what follows it. Raises `UserError` for a day without an hour, or a recurrence."""
    when, rest_of_words = read_when(words, now)
    match when:
        case Moment(at):
            return at, rest_of_words
        case DayOnly():
            raise no_when(words, now)
        case Recurring():
            raise UserError(
                "Ein Rundruf geht nur einmal hinaus. Richtig wäre zum Beispiel »am %(day)s um 9 Uhr«; soll der Text selbst so beginnen,"
                " setz ihn in Anführungszeichen.",
                day=shown(now.date() + timedelta(days=1)),
            )


def _opening(words: str) -> str | None:
    """Return the first word as it is compared, None if it is quoted: then it belongs to the text."""
    first = first_words(words, 1)
    return fold(first[0].text) if first and first[0].text == words[first[0].start : first[0].end] else None


def _addressees(ctx: Context, words: str, every: list[Lab]) -> tuple[list[Selector], str]:
    known = selectors(every, state_names)
    try:
        return read_selectors(words[first_words(words, 1)[0].end :], known)
    except UnknownSelector as unknown:
        raise _unknown(ctx, str(unknown), known.values(), every) from None


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
