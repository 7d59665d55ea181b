"""Own reminders, as their commands share them: whose they are, in which zone, who is to be mentioned, and how one is set."""

import re
from typing import Annotated
from zoneinfo import ZoneInfo

from bot.command import Context, Message, Reply
from bot.converters import rest
from bot.db import own_reminders, rooms
from bot.domain.chat_words import first_words, user_ids
from bot.domain.matching import fold
from bot.domain.own_reminders import MOST_IN_ROOM, MOST_OF_PERSON, OwnReminder, Wish, next_times, read_key, read_wish
from bot.domain.places import PlaceKind
from bot.errors import Denied, UserError, text
from bot.rendering import EVERYBODY, template

_TIMES_SHOWN = 3
_ME = ("mich", "me")
_AND = re.compile(r"(?:und|and|&)\s+", re.IGNORECASE)
_AFTER_NAME = re.compile(r"^[,:]*\s*")
_LINK = re.compile(r"\[[^\]\n]{1,300}\]\(https://matrix\.to/#/(@[^)\s]{1,255})\)")
"""A mention as clients write it into the text that have no other way to."""
_TO_ALL = re.compile(rf"(?<!\S){EVERYBODY}\b", re.IGNORECASE)

WishWords = Annotated[str, rest(text("text"), usage=text("[wen] <wann> [bis erledigt] <text>"), keeps_quotes=True)]

_SET = template(
    "<p>⏰ {% if rule %}{% trans number=number, rhythm=rule|rhythm %}Erinnerung {{ number }}: {{ rhythm }}.{% endtrans %}"
    "<br/>{% trans %}Die nächsten Male:{% endtrans %}"
    " {% for time in times %}{{ time|day_and_time }}{% if not loop.last %} · {% endif %}{% endfor %}"
    "{% else %}{% trans number=number, at=times[0]|day_and_time %}Erinnerung {{ number }}: {{ at }}{% endtrans %}{% endif %}"
    "{% if zone %} ({{ zone }}){% endif %}."
    "{% if opens %}<br/>{% trans time=opens %}Ohne Uhrzeit nehme ich den Beginn der Bürozeit, {{ time }}.{% endtrans %}{% endif %}"
    "{% if every %}<br/>{% trans every=every|rhythm %}Danach {{ every }} wieder, bis jemand ✅ darunter setzt.{% endtrans %}{% endif %}"
    "{% if mentions %}<br/>{% trans people=mentions|join(' · ') %}Erwähnt wird: {{ people }}{% endtrans %}{% endif %}"
    "{% if unheard %}<br/>{% trans %}Noch darf ich in diesem Raum nicht alle benachrichtigen; dafür muss mir jemand das Recht dazu geben."
    "{% endtrans %}{% endif %}"
    "{% if absent %}<br/>{% trans n=absent|length, people=absent|join(' · ') %}Nicht in diesem Raum ist {{ people }}; ich erwähne nur, wer"
    " die Erinnerung sieht.{% pluralize %}Nicht in diesem Raum sind {{ people }}; ich erwähne nur, wer die Erinnerung sieht.{% endtrans %}"
    "{% endif %}"
    "{% if withheld %}<br/>{% trans %}Außer dir erwähne ich niemanden: das darf in diesem Raum nur, wer alle benachrichtigen darf."
    "{% endtrans %}{% endif %}"
    "<br/>{% trans number=number, prefix=prefix %}Doch nicht? <code>{{ prefix }} erinnerung löschen {{ number }}</code>{% endtrans %}</p>"
)


def here(ctx: Context) -> str:
    """Return the room as reminders are kept for it: its key, so that they follow an upgrade, or its id.

    Raises `Denied` if who asks is not in it.
    """
    key = ctx.place.key
    if key is not None and key not in ctx.roles.rooms:
        raise Denied("Das darf nur, wer in »%(room)s« ist; bitte schreib es dort.", room=ctx.rooms.label(key))
    return key or ctx.place.room_id


def network_zone(ctx: Context) -> ZoneInfo:
    """Return the network's time zone."""
    zone = ctx.now.tzinfo
    return zone if isinstance(zone, ZoneInfo) else ZoneInfo("UTC")


async def zone_of(ctx: Context, room: str) -> ZoneInfo:
    """Return the time zone of a room."""
    name = await rooms.timezone_of(ctx.session, room)
    return ZoneInfo(name) if name else network_zone(ctx)


def foreign(ctx: Context, zone: ZoneInfo) -> str:
    """Return the name of a zone where it has to be said, because it is not the network's."""
    return "" if zone.key == network_zone(ctx).key else zone.key


async def meant(ctx: Context, number: int) -> OwnReminder:
    """Return the reminder of this room with that number, or, in a direct chat, one's own in any room. Nobody else changes it meanwhile.

    Raises `UserError`.
    """
    room = here(ctx)
    found = await own_reminders.get(ctx.session, number, hold=True)
    own = ctx.place.kind is PlaceKind.DIRECT and found is not None and found.author == ctx.sender
    if found is None or not (found.room == room or own):
        raise UserError(
            "Eine Erinnerung %(number)s gibt es hier nicht. Welche es gibt: %(prefix)s erinnerungen",
            number=number,
            prefix=ctx.prefix,
        )
    return found


async def meant_by_reaction(ctx: Context, key: str) -> OwnReminder:
    """Return the reminder that was said under a key. Raises `UserError` if it is deleted."""
    named = read_key(key)
    found = await own_reminders.get(ctx.session, named[0], hold=True) if named else None
    if found is None or found.room != here(ctx):
        raise UserError("Diese Erinnerung gibt es nicht mehr.")
    return found


async def set_reminder(ctx: Context, words: str, *, alarm: bool = False) -> Reply:
    """Set a reminder, and say exactly when it comes. Raises `UserError`."""
    room = here(ctx)
    zone = await zone_of(ctx, room)
    addressed, words = _addressees(ctx, words)
    wish = read_wish(words, ctx.now.astimezone(zone), ctx.opens, alarm=alarm)
    await check_limits(ctx, ctx.sender, room)
    absent = tuple(person for person in dict.fromkeys([*addressed, *sorted(ctx.named)]) if _is_elsewhere(ctx, person))
    mentions, withheld = _mentions(ctx, addressed, wish.text, absent)
    number = await own_reminders.add(ctx.session, wish, room=room, author=ctx.sender, mentions=mentions, zone=zone, now=ctx.now)
    data = {
        "number": number,
        "rule": wish.rule,
        "times": _times(ctx, wish, zone),
        "zone": foreign(ctx, zone),
        "opens": f"{wish.opens:%H:%M}" if wish.opens else "",
        "every": wish.every,
        "mentions": () if mentions == (ctx.sender,) else mentions,
        "absent": absent,
        "unheard": EVERYBODY in mentions and not ctx.everybody_hears,
        "withheld": withheld,
        "prefix": ctx.prefix,
    }
    return Reply(_SET, data)


def _times(ctx: Context, wish: Wish, zone: ZoneInfo) -> list[object]:
    return [*next_times(wish.rule, ctx.now, zone, _TIMES_SHOWN)] if wish.rule else [wish.due_at]


def _addressees(ctx: Context, words: str) -> tuple[tuple[str, ...], str]:
    """Return whom the words begin with (`mich`, `@room`, people), and what follows."""
    addressed: list[str] = []
    found = _addressee(ctx, words)
    while found:
        addressed.append(found[0])
        words = _AFTER_NAME.sub("", words[found[1] :])
        joint = _AND.match(words)
        after = words[joint.end() :] if joint else words
        found = _addressee(ctx, after)
        words = after if found else words
    return tuple(dict.fromkeys(addressed)), words


def _addressee(ctx: Context, words: str) -> tuple[str, int] | None:
    """Return whom the words begin with, and where that ends: by a pill's name, by `@room` or `mich`, or by user id. None if with nobody."""
    for label, person in _pills(ctx):
        if words.startswith(label) and not words[len(label) : len(label) + 1].isalnum():
            return person, len(label)
    link = _LINK.match(words)
    if link:
        return link[1], link.end()
    first = first_words(words, 1)
    word = first[0].text.rstrip(",:") if first else ""
    if fold(word) in _ME:
        return ctx.sender, first[0].end
    if fold(word) == EVERYBODY:
        return EVERYBODY, first[0].end
    return (word, first[0].end) if word and user_ids(word) == [word] else None


def _pills(ctx: Context) -> list[tuple[str, str]]:
    """Return what pills show, with and without an @, and whom they mean; the longest first. Only whom the message mentions."""
    pills = ctx.message.pills.items() if isinstance(ctx.message, Message) else ()
    spelled = [(f"{at}{label}", person) for label, person in pills for at in ("", "@") if person in ctx.named and label.strip()]
    return sorted(spelled, key=lambda pill: len(pill[0]), reverse=True)


def _is_elsewhere(ctx: Context, person: str) -> bool:
    """Whether somebody who was named would not see what is said in this room. In a direct chat, nobody else would."""
    if person in (ctx.sender, EVERYBODY):
        return False
    return ctx.place.key is None or person not in ctx.named or ctx.place.key not in ctx.named[person].rooms


def _mentions(ctx: Context, addressed: tuple[str, ...], said: str, absent: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
    """Return whom the reminder mentions, and whether others were meant whom the author may not have mentioned."""
    to_all = (EVERYBODY,) if _TO_ALL.search(said) else ()
    everybody = dict.fromkeys([*(addressed or (ctx.sender,)), *to_all, *sorted(ctx.named)])
    meant = [person for person in everybody if person not in absent] or [ctx.sender]
    if set(meant) <= {ctx.sender} or ctx.may_notify:
        return tuple(meant), False
    return (ctx.sender,), True


async def check_limits(ctx: Context, author: str, room: str) -> None:
    """Raise `UserError` if nothing more can be open, of this author or in this room."""
    of_person, in_room = await own_reminders.count_open(ctx.session, author=author, room=room)
    if of_person >= MOST_OF_PERSON:
        raise UserError("Du hast schon %(count)s Erinnerungen offen; mehr gehen nicht. Lösch bitte zuerst eine.", count=of_person)
    if in_room >= MOST_IN_ROOM:
        raise UserError(
            "In diesem Raum sind schon %(count)s Erinnerungen offen; mehr gehen nicht. Löscht bitte zuerst eine.", count=in_room
        )
