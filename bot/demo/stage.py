"""The stage: accounts, rooms and memberships on the homeserver, made by the people themselves."""

from contextlib import AsyncExitStack

from bot.demo.cast import BOT, Cast, Room, display_name
from bot.demo.homeserver import Account, Homeserver
from bot.demo.people import Person
from bot.demo.reading import member
from bot.demo.together import together


async def build(homeserver: Homeserver, cast: Cast, opened: AsyncExitStack) -> Account:
    """Register everybody, make all rooms, fill them, invite the bot, and return the bot's account.

    The people read along until `opened` is closed.
    """
    bot = await homeserver.register(BOT, displayname="Netzwart")
    people = await together(*(_register(homeserver, name) for name in cast.roles))
    cast.people = {person.name: person for person in people}
    for person in people:
        await opened.enter_async_context(person)
    await together(*(_furnish(cast, room, bot.user_id) for room in cast.rooms))
    return bot


async def _register(homeserver: Homeserver, name: str) -> Person:
    account = await homeserver.register(name, displayname=display_name(name))
    return Person(homeserver.url, account, displayname=display_name(name), folder=homeserver.folder.parent / "people" / name)


async def _furnish(cast: Cast, room: Room, bot: str) -> None:
    maker, *others = [cast.person(name) for name in room.members]
    guests = [other.user_id for other in others]
    room.room_id = await maker.create_room(room.name, alias=room.alias, topic=room.topic, invite=[*guests, bot], encrypted=True)
    await together(*(_accept(other, room.room_id) for other in others))


async def _accept(person: Person, room_id: str) -> None:
    await person.sees(member(room_id, person.user_id, "invite"))
    await person.join(room_id)
