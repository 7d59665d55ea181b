"""Who somebody is, asked of the homeserver at this moment."""

import asyncio
from collections.abc import Collection, Iterable
from typing import Protocol

from bot.domain.places import Place, PlaceKind
from bot.domain.roles import Role, Roles, granting_rooms, rooms_to_ask
from bot.errors import Denied, Text, ntext, text
from bot.network_rooms import NetworkRooms
from bot.rendering import EVERYBODY


class Membership(Protocol):
    """The seam to the homeserver's answer about who is in a room."""

    async def joined(self, room_id: str) -> frozenset[str]:
        """Return the user ids joined to a room now; empty if we are not in it. Raises `MembershipUnknown` without an answer."""
        ...

    async def may_notify(self, room_id: str, user_id: str) -> bool:
        """Whether somebody has the power to notify everybody in a room now. Raises `MembershipUnknown` without an answer."""
        ...

    def is_open(self, room_id: str) -> bool:
        """Whether the room is public, knockable or world-readable: then being in it proves nothing."""
        ...


class Authoriser:
    """Finds out places and roles. Remembers nothing: every question is asked anew."""

    def __init__(self, membership: Membership, rooms: NetworkRooms, user_id: str) -> None:
        self._membership = membership
        self._rooms = rooms
        self._user_id = user_id

    def is_open(self, room_id: str) -> bool:
        """Whether others than those whom the network let in can enter a room or read in it."""
        return self._membership.is_open(room_id)

    async def place(self, room_id: str, sender: str) -> Place:
        """Return what kind of room it is. Raises `MembershipUnknown` if that cannot be found out."""
        configured = self._rooms.place(room_id)
        if configured is not None:  # one that is open to others is nobody's room: nothing private is said in it
            return Place(PlaceKind.UNKNOWN, room_id) if self.is_open(room_id) else configured
        alone = await self._membership.joined(room_id) == frozenset((self._user_id, sender))
        return Place(PlaceKind.DIRECT if alone and not self.is_open(room_id) else PlaceKind.UNKNOWN, room_id)

    async def roles(self, sender: str, place: Place, needs: Role, *, everywhere: bool = False) -> Roles:
        """Return the roles of `sender` as far as `needs` ask for, or all of them. Raises `MembershipUnknown`."""
        if everywhere:
            return Roles(await self._rooms_of(sender, self._rooms.keys()))
        roles = Roles()
        for group in rooms_to_ask(needs, place, self._rooms.keys()):
            roles = Roles(roles.rooms | await self._rooms_of(sender, group))
            if roles.satisfy(needs, place):
                break
        return roles

    def check(self, roles: Roles, needs: Role, place: Place) -> None:
        """Raise `Denied` unless `roles` meet `needs` in `place`."""
        if needs & Role.GUEST:
            return
        if roles.satisfy(needs, place):
            if place.kind is PlaceKind.UNKNOWN and self._rooms.place(place.room_id) is not None:
                raise Denied("Dieser Raum steht gerade auch anderen offen. Bitte schreib mir direkt.")
            if place.kind is PlaceKind.UNKNOWN:
                raise Denied(
                    "Dieser Raum gehört nicht zum Netzwerk. Frag mich bitte im Raum »%(room)s« oder schreib mir direkt.",
                    room=self._rooms.label("network"),
                )
            return
        rooms = [self._label(key) for key in granting_rooms(needs, place)]
        raise Denied("%(reason)s", reason=_denial(rooms))

    def _label(self, key: str | None) -> Text:
        if key is None:
            return text("dem Raum deines Labors")
        return text("»%(room)s«", room=self._rooms.label(key))

    async def roles_of(self, people: Collection[str]) -> dict[str, Roles]:
        """Return all the roles of some people. Raises `MembershipUnknown`."""
        members = await self._members(self._rooms.keys()) if people else {}
        return {person: Roles(frozenset(key for key, joined in members.items() if person in joined)) for person in people}

    async def may_notify(self, room_id: str, person: str) -> bool:
        """Whether a person has the power to notify everybody in a room. Raises `MembershipUnknown`."""
        return await self._membership.may_notify(room_id, person)

    async def we_may_notify(self, room_id: str) -> bool:
        """Whether everybody in a room is notified if we mention them. Raises `MembershipUnknown`."""
        return await self._membership.may_notify(room_id, self._user_id)

    async def reached(self, room_id: str) -> frozenset[str]:
        """Return whom a mention of ours reaches in a room: the user ids joined to it, and `@room` if we may notify everybody.

        Raises `MembershipUnknown`.
        """
        joined, everybody = await asyncio.gather(self._membership.joined(room_id), self.we_may_notify(room_id))
        return joined | {EVERYBODY} if everybody else joined

    async def _rooms_of(self, sender: str, keys: Iterable[str]) -> frozenset[str]:
        return frozenset(key for key, joined in (await self._members(keys)).items() if sender in joined)

    async def _members(self, keys: Iterable[str]) -> dict[str, frozenset[str]]:
        """Return who is in these rooms, as far as being there means anything."""
        asked = [(key, room_id) for key in keys if (room_id := self._rooms.room_id(key))]
        closed = [(key, room_id) for key, room_id in asked if not self._membership.is_open(room_id)]
        members = await asyncio.gather(*(self._membership.joined(room_id) for _, room_id in closed))
        return {key: joined for (key, _), joined in zip(closed, members, strict=True)}


def _denial(rooms: list[Text]) -> Text:
    places: Text = rooms[0]
    for room in rooms[1:]:
        places = text("%(one)s oder %(other)s", one=places, other=room)
    return ntext(
        "Das darf nur, wer in %(rooms)s ist.", "Das darf nur, wer in einem dieser Räume ist: %(rooms)s.", len(rooms), rooms=places
    )
