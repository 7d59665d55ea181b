"""The day: what is asked, and what has to come of it. Every line shown was read back from the homeserver.

Each scene raises `Missing` when something that belongs to it does not arrive, or arrives where it must not.
"""

from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from bot.demo.cast import STRANGER, Cast, Room, display_name, local_part
from bot.demo.errors import Missing
from bot.demo.keeper import Bot
from bot.demo.people import Person
from bot.demo.reading import Predicate, Seen, event, member, message, reaction
from bot.demo.screen import Screen
from bot.demo.texts import _
from bot.demo.together import together

WITHIN = 60.0  # seconds until what should arrive counts as missing
JUMPS, JUMP_WITHIN = 12, 6.0  # other reminders may be due before the one that we wait for
REPORT = "labor-1"
REMINDER_SAYS = ("In 14 Tagen", "Sachstandsbericht 1")  # all of it
BROADCAST = "**Einladung** zum 2. Netzwerk-Workshop vom 24. bis 27. November: Bitte meldet euch bis zum 10. November an."
BROADCAST_SAYS = "Einladung"
YES, NO = "✅", "❌"

RoomPredicate: TypeAlias = Callable[[Seen, Room], bool]
Marks: TypeAlias = dict[str, int]  # per person, how much they had seen


@dataclass(frozen=True, slots=True)
class Day:
    """What the scenes need: the people and rooms, the bot's user id and process, the screen."""

    cast: Cast
    user_id: str
    bot: Bot
    screen: Screen

    def show(self, seen: Seen, *, short: bool = False) -> Seen:
        """Show an event as a chat line and return it. Raises `Missing` if the bot said it in clear: every room here is encrypted."""
        by_bot = seen.sender == self.user_id
        if by_bot and seen.type == "m.room.message" and not seen.encrypted:
            raise Missing(_("Der Bot hat unverschlüsselt geschrieben: „%(words)s“", words=seen.body))
        self.screen.chat(
            f"{seen.at.astimezone():%H:%M:%S}",
            self.room_name(seen.room_id),
            "Netzwart" if by_bot else display_name(seen.sender[1:].partition(":")[0]),
            words(seen),
            by_bot=by_bot,
            short=short,
        )
        return seen

    def room_name(self, room_id: str) -> str:
        """Return the name of a room of the network; any other is a direct chat."""
        return next((room.name for room in self.cast.rooms if room.room_id == room_id), _("Direktchat"))

    async def says(self, person: Person, room_id: str, body: str, *, short: bool = False) -> Seen:
        """Let `person` say `body`, and show it as it came back."""
        sent = await person.say(room_id, body)
        return self.show(await person.sees(event(sent), WITHIN, what=body), short=short)

    async def expect(self, person: Person, predicate: Predicate, what: str, after: int = 0) -> Seen:
        """Wait until `person` sees what `predicate` describes; raise `Missing`, saying `what`, if they do not."""
        return await person.sees(predicate, WITHIN, after=after, what=what)

    async def asks(self, person: Person, room_id: str, command: str) -> Seen:
        """Let `person` give a command; show and return the answer."""
        asked = await self.says(person, room_id, command)
        what = _("die Antwort auf „%(command)s“", command=command)
        answer = message(room=room_id, sender=self.user_id, answers=asked.event_id)
        return self.show(await self.expect(person, answer, what))

    def marks(self) -> Marks:
        """Return where each person's reading is now."""
        return {name: person.last for name, person in self.cast.people.items()}

    def from_bot(self, *said: str) -> RoomPredicate:
        """Return whether an event is an `m.text` from the bot in a room, with all that is `said` in it."""
        return lambda seen, room: (
            message(room=room.room_id, sender=self.user_id, msgtype="m.text")(seen) and all(part in seen.body for part in said)
        )

    async def arrives_in(self, rooms: Sequence[Room], wanted: RoomPredicate, marks: Marks, what: str) -> None:
        """Show what arrives in each of `rooms`, as one of its members gets it: the first in full.

        Raises `Missing`, which names the rooms where nothing came in time or where it came twice.
        """
        arrived = await together(*(self._arrival(room, wanted, marks) for room in rooms))
        for at, seen in enumerate(filter(None, arrived)):
            self.show(seen, short=at > 0)
        without = [room.name for room, seen in zip(rooms, arrived, strict=True) if seen is None]
        if without:
            raise Missing(_("%(what)s nicht angekommen in: %(rooms)s", what=what, rooms=", ".join(without)))
        double = [room.name for room in rooms if len(self._arrivals(room, wanted, marks)) > 1]
        if double:
            raise Missing(_("%(what)s doppelt angekommen in: %(rooms)s", what=what, rooms=", ".join(double)))

    async def _arrival(self, room: Room, wanted: RoomPredicate, marks: Marks) -> Seen | None:
        person = self.cast.person(room.asker)
        with suppress(Missing):
            return await person.sees(lambda seen: wanted(seen, room), WITHIN, after=marks[person.name])
        return None

    def _arrivals(self, room: Room, wanted: RoomPredicate, marks: Marks) -> list[Seen]:
        person = self.cast.person(room.asker)
        return person.saw(lambda seen: wanted(seen, room), after=marks[person.name])


def words(seen: Seen) -> str:
    """Return what a chat line says of an event."""
    if seen.type == "m.reaction":
        return seen.key
    if seen.type != "m.room.member":
        return seen.body
    whom = "" if seen.sender == seen.state_key else display_name(str(seen.state_key)[1:].partition(":")[0])
    declined = seen.membership_before == "invite"
    kinds = {
        "invite": _("lädt %(whom)s ein", whom=whom),
        "join": _("tritt bei"),
        "leave": _("entfernt %(whom)s", whom=whom) if whom else _("lehnt die Einladung ab") if declined else _("geht"),
        "ban": _("schließt %(whom)s aus", whom=whom),
    }
    reason = f": {seen.reason}" if seen.reason else ""
    return kinds.get(seen.membership, seen.membership) + reason


async def bot_arrives(day: Day) -> None:
    """The bot, which has been invited to every room of the network, joins them all."""
    for room in day.cast.rooms:
        joined = member(room.room_id, day.user_id, "join")
        what = _("der Beitritt des Bots im Raum „%(room)s“", room=room.name)
        day.show(await day.expect(day.cast.person(room.asker), joined, what))


async def some_have_submitted(day: Day) -> None:
    """A few labs have their first report ready and say so."""
    for room in day.cast.submitted:
        person = day.cast.person(room.asker)
        command = f"!netz bericht abgegeben {REPORT} https://{room.alias}.example/sachstandsbericht-1.pdf"
        said = await day.says(person, room.room_id, command)
        done = reaction(said.event_id, YES, sender=day.user_id)
        day.show(await day.expect(person, done, _("das ✅ zu „%(command)s“", command=command)))


async def lab_asks(day: Day) -> None:
    """A lab asks for the programme, for another lab, for its own reports, and for a picture."""
    room = day.cast.asking
    other = next(lab for lab in reversed(day.cast.labs) if lab is not room)
    for command in ("!netz programm", f"!netz labor {other.lab}", "!netz berichte"):
        await day.asks(day.cast.person(room.asker), room.room_id, command)
    picture = await day.asks(day.cast.person(room.asker), room.room_id, "!netz zeitplan")
    if picture.msgtype != "m.image" or "file" not in picture.content:
        raise Missing(_("Der Zeitplan kam ohne verschlüsseltes Bild."))
    day.screen.note(_("Dazu ein Bild, verschlüsselt hochgeladen: %(name)s", name=picture.content["filename"]))


async def stranger_is_declined(day: Day) -> None:
    """Somebody who is in no room invites the bot to a direct chat. It declines, and says which room would help."""
    stranger = day.cast.person(local_part(STRANGER))
    room_id = await stranger.direct_chat(day.user_id)
    what = _("der Bot lehnt die Einladung einer fremden Person ab")
    day.show(await day.expect(stranger, member(room_id, day.user_id, "invite"), what))
    answered = await day.expect(stranger, lambda seen: _answers_invite(seen, room_id, day.user_id), what)
    day.show(answered)
    if answered.membership != "leave":
        raise Missing(_("Der Bot hat die Einladung einer fremden Person angenommen."))
    _check_names_room(day.cast.rooms, answered.reason)


async def thrown_out_is_refused(day: Day) -> None:
    """Somebody has a direct chat with the bot, loses all rooms, and asks again: who may what is decided now."""
    name, lab, network = day.cast.thrown_out, day.cast.asking, day.cast.network_room
    person = day.cast.person(name)
    room_id = await person.direct_chat(day.user_id)
    what = _("der Bot nimmt die Einladung zum Direktchat an")
    day.show(await day.expect(person, member(room_id, day.user_id, "join"), what))
    await day.asks(person, room_id, "!netz ich")
    for room in (network, lab):
        await day.cast.person(room.asker).kick(room.room_id, person.user_id, _("hat das Netz verlassen"))
        gone = member(room.room_id, person.user_id, "leave")
        day.show(await day.expect(person, gone, _("der Austritt aus „%(room)s“", room=room.name)))
        room.members.remove(name)
    refusal = await day.asks(person, room_id, "!netz programm")
    _check_names_room(day.cast.rooms, refusal.body)


async def broadcast_is_refused(day: Day) -> None:
    """A broadcast is for coordinators: a lab is told which room would grant it."""
    room = day.cast.asking
    refusal = await day.asks(day.cast.person(room.asker), room.room_id, "!netz rundruf Hallo")
    _check_names_room([day.cast.coordination], refusal.body)


async def coordinator_broadcasts(day: Day) -> None:
    """A coordinator writes to all labs: preview, confirmation, and the same notice once in every lab's room."""
    room = day.cast.coordination
    coordinator = day.cast.person(room.asker)
    preview = await day.asks(coordinator, room.room_id, f"!netz rundruf {BROADCAST}")
    for key in (YES, NO):
        offered = reaction(preview.event_id, key, sender=day.user_id)
        what = _("das %(key)s des Bots zu seiner Vorschau", key=key)
        day.show(await day.expect(coordinator, offered, what))
    marks = day.marks()
    confirmed = await coordinator.react(room.room_id, preview.event_id, YES)
    day.show(await day.expect(coordinator, event(confirmed), _("die Bestätigung des Rundrufs")))
    await day.arrives_in(day.cast.labs, day.from_bot(BROADCAST_SAYS), marks, _("Rundruf"))
    day.screen.note(_("Angekommen in %(n)d von %(all)d Laborräumen.", n=len(day.cast.labs), all=len(day.cast.labs)))


async def reminder_fires(day: Day) -> None:
    """The clock jumps to the reminder of the first report: it comes where the report is owed, and nowhere else."""
    submitted = day.cast.submitted
    owing = [lab for lab in day.cast.labs if lab not in submitted]
    marks, reminds = day.marks(), day.from_bot(*REMINDER_SAYS)
    await _jump_until_seen(day, owing[0], reminds, marks)
    await day.arrives_in(owing, reminds, marks, _("Erinnerung"))
    day.screen.note(_("Die anderen haben schon abgegeben. Zur Gegenprobe je eine Frage dort:"))
    for room in submitted:
        person = day.cast.person(room.asker)
        await day.asks(person, room.room_id, f"!netz bericht {REPORT}")
        # What the bot says in a room keeps its order: after this answer, no reminder is on its way here any more.
        if wrong := person.saw(lambda seen, room=room: reminds(seen, room), after=marks[person.name]):
            day.show(wrong[0])
            raise Missing(_("Im Raum „%(room)s“ ist abgegeben, und doch kam eine Erinnerung.", room=room.name))
    day.screen.note(
        _(
            "Erinnert: %(owing)d Laborräume. Nicht erinnert, weil abgegeben: %(submitted)d.",
            owing=len(owing),
            submitted=len(submitted),
        )
    )


async def _jump_until_seen(day: Day, room: Room, reminds: RoomPredicate, marks: Marks) -> None:
    person = day.cast.person(room.asker)
    for _jump in range(JUMPS):
        day.bot.jump()
        with suppress(Missing):
            await person.sees(lambda seen: reminds(seen, room), JUMP_WITHIN, after=marks[person.name])
            return
    raise Missing(_("Auch nach %(n)d Zeitsprüngen keine Erinnerung im Raum „%(room)s“.", n=JUMPS, room=room.name))


def _answers_invite(seen: Seen, room_id: str, user_id: str) -> bool:
    return seen.room_id == room_id and seen.state_key == user_id and seen.membership in {"join", "leave"}


def _check_names_room(rooms: Sequence[Room], words_of_bot: str) -> None:
    """Raise `Missing` unless the bot's words name one of `rooms`."""
    if not any(name in words_of_bot for room in rooms for name in (room.name, f"#{room.alias}:", room.room_id)):
        raise Missing(_("Die Absage nennt keinen Raum, der das Recht gäbe: „%(words)s“", words=words_of_bot))


Scene: TypeAlias = Callable[[Day], Coroutine[None, None, None]]


def scenes() -> list[tuple[str, Scene]]:
    """Return the day: what each scene is called, and the scene."""
    return [
        (_("Es ist Montag, der 12. Oktober 2020: Netzwart kommt in die Räume"), bot_arrives),
        (_("Einige Labore haben ihren ersten Bericht abgegeben"), some_have_submitted),
        (_("Ein Labor fragt"), lab_asks),
        (_("Eine fremde Person lädt den Bot ein"), stranger_is_declined),
        (_("Wer nicht mehr dazugehört, fragt im Direktchat"), thrown_out_is_refused),
        (_("Ein Labor versucht einen Rundruf"), broadcast_is_refused),
        (_("Die Koordination ruft alle Labore"), coordinator_broadcasts),
        (_("Die Uhr springt auf Freitag, den 16. Oktober 2020: 14 Tage vor dem Sachstandsbericht 1"), reminder_fires),
    ]
