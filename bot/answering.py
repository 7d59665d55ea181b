"""From a reply to deliveries: in which room an answer may be shown, in which language, under which key."""

from collections.abc import Callable, Mapping
from typing import Any

from bot.command import Attachment, Context, Message, Reply, Saying
from bot.db import attachments, deliveries, rooms
from bot.domain.places import COORDINATION, PlaceKind
from bot.errors import Denied
from bot.network_rooms import NetworkRooms
from bot.rendering import Template, content, files, render, template

DONE_SYMBOL = "✅"

_ELSEWHERE = template(
    "<p>{% if direct %}{% trans room=room %}Die Antwort steht in »{{ room }}«.{% endtrans %}"
    "{% else %}{% trans room=room %}Das gehört nicht in diesen Raum; die Antwort steht in »{{ room }}«.{% endtrans %}"
    "{% endif %}</p>"
)
_ASKED_ELSEWHERE = template("<p>{% trans person=sender|pill %}Antwort für {{ person }}:{% endtrans %}</p>")


class Answering:
    """Writes answers down, for the drain to send. Everything within the command's transaction."""

    def __init__(self, network_rooms: NetworkRooms, is_open: Callable[[str], bool]) -> None:
        self._rooms = network_rooms
        self._is_open = is_open

    async def write(self, ctx: Context, reply: Reply) -> None:
        """Write the reply and what is said beside it."""
        event = ctx.message.event_id
        if reply.template is None:
            await self._react(ctx, f"reply:{event}", DONE_SYMBOL, event)
        elif self._may_stand_here(ctx, reply):
            await self._answer_here(ctx, reply.template, reply)
        else:
            await self._answer_at_home(ctx, reply.template, reply)
        for saying in reply.also:
            await self._say(ctx, saying)
        for number, file in enumerate(reply.files):
            await self._show_again(ctx, reply, file, number)

    @staticmethod
    def _may_stand_here(ctx: Context, reply: Reply) -> bool:
        if reply.only_at_home:
            return ctx.place.key is not None and ctx.place.key == reply.audience.home
        return reply.audience.may_see(ctx.place)

    async def _answer_here(self, ctx: Context, source: Template, reply: Reply) -> None:
        key = reply.key or f"reply:{ctx.message.event_id}"
        rendered = render(source, ctx.language, reply.data)
        body = self._as_reply(ctx, content.message(rendered, key, notifies=False))
        await self._add(ctx, key, self._here(ctx), body, reply.attachment)
        await self._add_reactions(ctx, key, self._here(ctx), reply.reactions)

    async def _answer_at_home(self, ctx: Context, source: Template, reply: Reply) -> None:
        home = self._home(ctx, reply)
        key = reply.key or f"reply:{ctx.message.event_id}"
        language = await self._language(ctx, home)
        intro = render(_ASKED_ELSEWHERE, language, {"sender": ctx.sender})
        answer = render(source, language, reply.data)
        whole = type(answer)(f"{intro.body}\n\n{answer.body}", intro.html + answer.html, intro.mentions + answer.mentions)
        await self._add(ctx, key, home, content.message(whole, key, notifies=False), reply.attachment)
        await self._add_reactions(ctx, key, home, reply.reactions)
        direct = ctx.place.kind is PlaceKind.DIRECT
        hint = render(_ELSEWHERE, ctx.language, {"room": self._rooms.label(home), "direct": direct})
        hint_key = f"hint:{ctx.message.event_id}"
        body = self._as_reply(ctx, content.message(hint, hint_key, notifies=False))
        await self._add(ctx, hint_key, self._here(ctx), body)

    async def _show_again(self, ctx: Context, reply: Reply, file: Mapping[str, Any], number: int) -> None:
        """Show a file that was posted elsewhere where the answer stands. It is not uploaded again: its event says where it lies."""
        room = self._here(ctx) if self._may_stand_here(ctx, reply) else self._home(ctx, reply)
        key = f"file:{ctx.message.event_id}:{number}"
        await deliveries.add(ctx.session, key=key, room=room, content={**file, content.KEY_FIELD: key}, now=ctx.now)

    def _here(self, ctx: Context) -> str:
        """Return the room where it was asked: its key if it is a configured one, else its id."""
        place = self._rooms.place(ctx.place.room_id)
        return (place.key if place else None) or ctx.place.room_id

    def _home(self, ctx: Context, reply: Reply) -> str:
        """Return the room where the answer may be shown to the one who asked. Raises `Denied` if there is none."""
        home = reply.audience.home
        if home and ctx.roles.coordinator and home not in ctx.roles.rooms:
            home = COORDINATION
        room_id = self._rooms.room_id(home) if home else None
        if home is None or room_id is None or ctx.place.kind is PlaceKind.UNKNOWN or self._is_open(room_id):
            raise Denied("Das kann ich hier nicht beantworten. Bitte schreib mir direkt.")
        return home

    async def _say(self, ctx: Context, saying: Saying) -> None:
        rendered = render(saying.template, await self._language(ctx, saying.room), saying.data)
        await self._add(ctx, saying.key, saying.room, content.message(rendered, saying.key, notifies=True))

    async def _language(self, ctx: Context, room: str) -> str:
        room_id = self._rooms.room_id(room) or room
        return await rooms.language_of(ctx.session, room_id) or ctx.network_language

    def _as_reply(self, ctx: Context, body: dict[str, object]) -> dict[str, object]:
        if isinstance(ctx.message, Message):
            return content.in_reply_to(body, ctx.message.event_id, ctx.message.thread)
        return content.in_reply_to(body, ctx.message.target, None)

    async def _add_reactions(self, ctx: Context, key: str, room: str, symbols: tuple[str, ...]) -> None:
        for number, symbol in enumerate(symbols):
            own_key = f"{key}:reaction-{number}"
            body = content.reaction(symbol, "", own_key)
            await deliveries.add(
                ctx.session, key=own_key, room=room, content=body, event_type="m.reaction", annotates=key, now=ctx.now
            )

    async def _react(self, ctx: Context, key: str, symbol: str, event_id: str) -> None:
        body = content.reaction(symbol, event_id, key)
        room = self._here(ctx)
        await deliveries.add(ctx.session, key=key, room=room, content=body, event_type="m.reaction", now=ctx.now)

    async def _add(self, ctx: Context, key: str, room: str, body: dict[str, object], file: Attachment | None = None) -> None:
        if file is None:
            await deliveries.add(ctx.session, key=key, room=room, content=body, now=ctx.now)
            return
        size = (file.width, file.height) if file.width and file.height else None
        body = files.with_file(body, name=file.name, mimetype=file.mimetype, length=len(file.data), size=size)
        if await deliveries.add(ctx.session, key=key, room=room, content=body, now=ctx.now):
            await attachments.keep(ctx.session, key, name=file.name, mimetype=file.mimetype, data=file.data, now=ctx.now)
