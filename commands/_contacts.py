"""Who is contact and deputy of which lab: shared by the commands that show and name them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from bot.command import Context, Message, Reply
from bot.converters import rest
from bot.db import contacts, labs
from bot.domain.chat_words import one_line, user_ids
from bot.domain.contacts import ContactRole, after_leading_name
from bot.domain.labs import Lab
from bot.domain.matching import fold
from bot.domain.reports import RESEARCH, debtor_audience, debtor_room, own_debtors, shown_debtors
from bot.errors import Denied, Text, UserError, text
from bot.rendering import template
from commands._lab_meant import lab_meant
from commands._report_lines import debtor_name
from commands._report_meant import shown_only_in

Whom = Annotated[str, rest(text("wen"), usage=text("[labor] [@person|ich|niemand]"))]

_ROLES = {ContactRole.CONTACT: text("Kontakt"), ContactRole.DEPUTY: text("Vertretung")}
_MYSELF = ("ich", "mich", "me", "myself", "i")
_NOBODY = ("niemand", "niemanden", "keiner", "nobody", "none")
_RESEARCH_NAMES = ("forschung", "forschungsteam", "research")

_SHOWN = template(
    "<p><strong>{{ debtor }}</strong></p><ul>"
    "{% for line in lines %}<li>{{ line.role }}: "
    "{% if not line.person %}{% trans %}niemand{% endtrans %}"
    "{% else %}{{ line.person|pill if line.new else line.person }}"
    "{% if line.away_until %}, {% trans day=line.away_until|when %}abwesend bis {{ day }}{% endtrans %}{% endif %}{% endif %}</li>"
    "{% endfor %}</ul>"
)
_ALL = template(
    "<p>{% trans %}Wen ich erwähne, wenn ich erinnere:{% endtrans %}</p><ul>"
    "{% for debtor, lines in debtors %}<li>{{ debtor }}: "
    "{% for line in lines if line.person %}{{ line.role }} {{ line.person }}"
    "{% if line.away_until %} ({% trans day=line.away_until|when %}abwesend bis {{ day }}{% endtrans %}){% endif %}"
    "{{ ' · ' if not loop.last }}{% else %}{% trans %}niemand{% endtrans %}{% endfor %}</li>{% endfor %}</ul>"
)


@dataclass(frozen=True, slots=True)
class _Line:
    """One who is mentioned, if anybody is; `new`: named right now."""

    role: Text
    person: str | None
    away_until: date | None
    new: bool


async def contacts_of(ctx: Context, words: str | None, role: ContactRole) -> Reply:
    """Show the contact and the deputy of a lab, after somebody was named as the one or the other if `words` say so."""
    every = await labs.every(ctx.session)
    named, whom = await _debtor_named(ctx, words or "", every)
    debtor = _debtor_meant(ctx, role, named)
    away = await contacts.away(ctx.session, ctx.now.date())
    names = {lab.key: lab.name for lab in every}
    if debtor is None and not whom:
        keys = (*names, RESEARCH)
        everybody = await contacts.every(ctx.session)
        people = {key: {c.role: c.user_id for c in everybody if c.debtor == key} for key in keys}
        shown = [(debtor_name(key, names), _lines(people[key], away)) for key in keys]
        return Reply(_ALL, {"debtors": shown}, audience=debtor_audience(None))
    if debtor is None:
        raise _which_lab(ctx, role)
    new = await _name(ctx, debtor, role, whom) if whom else None
    lines = _lines(await contacts.of(ctx.session, debtor), away, new)
    return Reply(_SHOWN, {"debtor": debtor_name(debtor, names), "lines": lines}, audience=debtor_audience(debtor))


def _lines(people: Mapping[ContactRole, str], away: Mapping[str, date], new: str | None = None) -> list[_Line]:
    found = ((role, people.get(role)) for role in ContactRole)
    return [_Line(_ROLES[role], person, away.get(person or ""), person is not None and person == new) for role, person in found]


async def _debtor_named(ctx: Context, words: str, every: list[Lab]) -> tuple[str | None, str]:
    """Return for whom `words` say that it is, None if they do not say, and what follows. Raises `UserError` for a lab that is not there."""
    named, whom = after_leading_name(words, _names(every))
    person = next(iter(user_ids(whom)), None)
    before = whom.partition(person)[0].strip() if person else ""
    if named is None and before and person not in _mentioned(ctx):
        return (await lab_meant(ctx, one_line(before, 60))).key, whom[len(before) :].strip()
    return named, whom


def _names(every: list[Lab]) -> dict[str, str]:
    """Return what labs and the research team are called, folded. A place only if it is of one lab."""
    places = [(fold(place), lab.key) for lab in every for place in lab.municipalities]
    found = {place: key for place, key in places if [other for other, _ in places].count(place) == 1}
    found |= dict.fromkeys(_RESEARCH_NAMES, RESEARCH)
    return found | {fold(name): lab.key for lab in every for name in (lab.key, lab.name)}


def _debtor_meant(ctx: Context, role: ContactRole, named: str | None) -> str | None:
    """Return for whom it is; None if a coordinator did not say. Raises `Denied` for what is not theirs."""
    if named is not None:
        if ctx.roles.coordinator or named in own_debtors(ctx.roles, ctx.place):
            return named
        raise _only_in(ctx, debtor_room(named))
    own = shown_debtors(ctx.roles, ctx.place)
    if own is None:
        return None
    if not own:
        raise shown_only_in(ctx, ctx.place.key)
    if len(own) > 1:
        raise _which_lab(ctx, role)
    return next(iter(own))


async def _name(ctx: Context, debtor: str, role: ContactRole, whom: str) -> str | None:
    """Let the person that `whom` says be it. Return who it is, None for nobody. Raises `UserError` if that is not clear or not possible."""
    if fold(whom) in _NOBODY:
        await contacts.unname(ctx.session, debtor, role)
        return None
    person = _person(ctx, whom)
    rooms = ctx.roles.rooms if person == ctx.sender else ctx.named[person].rooms if person in ctx.named else frozenset[str]()
    room = debtor_room(debtor)
    if room not in rooms and person == ctx.sender:
        raise _only_in(ctx, room)
    if room not in rooms:
        raise UserError(
            "%(person)s ist gerade nicht in »%(room)s«. Kontakt oder Vertretung kann nur sein, wer dort ist.",
            person=one_line(person, 255),
            room=ctx.rooms.label(room),
        )
    await contacts.name(ctx.session, debtor, role, person, by=ctx.sender, now=ctx.now)
    return person


def _person(ctx: Context, whom: str) -> str:
    if fold(whom) in _MYSELF:
        return ctx.sender
    found = user_ids(whom) or sorted(_mentioned(ctx))
    if len(set(found)) > 1:
        raise UserError("Bitte nenne genau eine Person, zum Beispiel %(example)s.", example="@anke:example.org")
    if not found:
        raise UserError(
            "Wer ist »%(word)s«? Erwähne die Person mit @ oder schreib ihre Adresse, zum Beispiel %(example)s.",
            word=one_line(whom, 60),
            example="@anke:example.org",
        )
    return found[0]


def _mentioned(ctx: Context) -> set[str]:
    """Return whom the message mentions, the bot aside."""
    return {person for person in ctx.message.mentions if person in ctx.named} if isinstance(ctx.message, Message) else set()


def _only_in(ctx: Context, room: str) -> Denied:
    return Denied("Das darf nur, wer in »%(room)s« ist; bitte schreib es dort.", room=ctx.rooms.label(room))


def _which_lab(ctx: Context, role: ContactRole) -> UserError:
    match role:
        case ContactRole.CONTACT:
            example = text("%(prefix)s kontakt bremen @anke:example.org", prefix=ctx.prefix)
        case ContactRole.DEPUTY:
            example = text("%(prefix)s vertretung bremen @anke:example.org", prefix=ctx.prefix)
    return UserError("Für welches Labor? Schreib zum Beispiel: %(example)s", example=example)
