"""After the day: type as any of the people, and see what arrives in the room."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable

from bot.demo.errors import Refused, Unreachable
from bot.demo.people import Person
from bot.demo.reading import Seen
from bot.demo.scenes import Day, words
from bot.demo.texts import _

CHUNK = 4096


class Prompt:
    """A line at a time from standard input: text is said in the current room as the current person, `/…` steers."""

    def __init__(self, day: Day) -> None:
        self._day = day
        self._screen = day.screen
        self._person = day.cast.person(day.cast.coordination.asker)
        self._room = day.cast.coordination.room_id
        self._following: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Go on until `/ende` or the end of the input."""
        self._help("")
        self._follow()
        lines = Lines()
        try:
            while (line := await lines.next()) is not None and line.strip() != "/ende":
                await self._take(line.strip())
        finally:
            lines.close()
            self._unfollow()

    async def _take(self, line: str) -> None:
        word, _space, rest = line.partition(" ")
        steering: dict[str, Callable[[str], Awaitable[None] | None]] = {
            "/als": self._become, "/raum": self._enter, "/direkt": self._direct, "/leute": self._who,
            "/reaktion": self._react, "/zeit": self._jump, "/hilfe": self._help,
        }  # fmt: skip
        try:
            if word in steering:
                doing = steering[word](rest.strip())
                if doing is not None:
                    await doing
            elif word.startswith("/"):
                self._screen.note(_("%(word)s kenne ich nicht. /hilfe zeigt, was es gibt.", word=word))
            elif line and self._room:
                await self._person.say(self._room, line)
        except (Refused, Unreachable) as error:
            self._screen.note(_("Das ging nicht: %(error)s", error=error))

    def _help(self, _rest: str) -> None:
        self._screen.scene(_("Jetzt du"))
        for line in (
            _("Text geht in den Raum, in dem du bist; zum Beispiel: !netz hilfe"),
            _("/als NAME        als jemand anderes sprechen (/leute zeigt alle)"),
            _("/raum NAME       in einen Raum gehen: koordination, netzwerk, forschung, labor-bremen, …"),
            _("/direkt          ein Direktchat mit dem Bot"),
            _("/reaktion ✅     auf die letzte Nachricht des Bots reagieren"),
            _("/zeit            die Uhr des Bots springt zur nächsten Erinnerung"),
            _("/ende            aufhören"),
        ):
            self._screen.note(line)
        self._where()

    def _where(self) -> None:
        if not self._room:
            self._screen.note(_("%(person)s ist in keinem Raum. Mit /direkt geht es weiter.", person=self._person.displayname))
            return
        place = self._day.room_name(self._room)
        self._screen.note(_("Du bist %(person)s im Raum „%(room)s“.", person=self._person.displayname, room=place))

    def _who(self, _rest: str) -> None:
        for name, role in self._day.cast.roles.items():
            self._screen.note(f"{name:12}{role}")

    def _become(self, name: str) -> None:
        person = self._day.cast.people.get(name.lower())
        if person is None:
            self._screen.note(_("%(name)s gibt es hier nicht. /leute zeigt alle.", name=name))
            return
        self._person = person
        own = self._day.cast.rooms_of(person.name)
        if self._room not in own:
            self._room = own[0] if own else ""
        self._follow()
        self._where()

    def _enter(self, alias: str) -> None:
        room = next((room for room in self._day.cast.rooms if room.alias == alias.lower().lstrip("#")), None)
        if room is None:
            self._screen.note(_("Es gibt: %(rooms)s", rooms=", ".join(room.alias for room in self._day.cast.rooms)))
            return
        if room.room_id in self._day.cast.rooms_of(self._person.name):
            self._go(room.room_id)
        else:
            self._screen.note(_("%(person)s ist nicht im Raum „%(room)s“.", person=self._person.displayname, room=room.name))

    async def _direct(self, _rest: str) -> None:
        self._go(await self._person.direct_chat(self._day.user_id))

    def _go(self, room_id: str) -> None:
        self._room = room_id
        self._follow()
        self._where()

    async def _react(self, key: str) -> None:
        said = self._person.saw(lambda seen: (seen.room_id, seen.sender) == (self._room, self._day.user_id) and bool(seen.body))
        if said:
            await self._person.react(self._room, said[-1].event_id, key or "✅")
        else:
            self._screen.note(_("Hier hat der Bot noch nichts gesagt."))

    def _jump(self, _rest: str) -> None:
        self._day.bot.jump()

    def _follow(self) -> None:
        """Show what arrives for the current person in the current room from now on."""
        self._unfollow()
        self._following = asyncio.create_task(self._show_arrivals(self._person, self._room, self._person.last))

    def _unfollow(self) -> None:
        if self._following is not None:
            self._following.cancel()

    async def _show_arrivals(self, person: Person, room_id: str, after: int) -> None:
        def shown(seen: Seen) -> bool:
            return seen.room_id == room_id and bool(words(seen))

        while True:
            seen = await person.reading.first(shown, after)
            after = seen.number
            self._day.show(seen)


class Lines:
    """Standard input line by line, without a thread that nobody could interrupt."""

    def __init__(self) -> None:
        self._descriptor = sys.stdin.fileno()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._rest = b""
        asyncio.get_running_loop().add_reader(self._descriptor, self._read)

    async def next(self) -> str | None:
        """Return the next line; `None` at the end of the input."""
        return await self._lines.get()

    def close(self) -> None:
        """Stop reading."""
        asyncio.get_running_loop().remove_reader(self._descriptor)

    def _read(self) -> None:
        chunk = os.read(self._descriptor, CHUNK)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._lines.put_nowait(line.decode("utf-8", "replace"))
        if not chunk:
            self.close()
            self._lines.put_nowait(None)
