"""From reminders to the messages that say them: which of them are one message, whom it mentions, what it says now.

A message is a row of `deliveries` under the key of its first reminder. The others that it says have rows too, so that their keys are used
up; those point to the row that carries them.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import deliveries, policies, rooms
from bot.db.deliveries import Delivery
from bot.domain.places import COORDINATION
from bot.domain.reminders import Reminder
from bot.errors import MembershipUnknown
from bot.network_rooms import NetworkRooms
from bot.reminder_policy import ReminderPolicy, ReminderSettings
from bot.rendering import EVERYBODY, content, render, template

LATE_AFTER = timedelta(hours=1)
_NEW_AFTER = timedelta(days=1)

Members = Callable[[str], Awaitable[frozenset[str]]]
"""Returns whom a mention reaches in a room (its id) now: who is in it, and `@room` if we may notify all. Raises `MembershipUnknown`."""

Present = Mapping[str, frozenset[str]]
"""Room (key or id) → whom a mention reaches in it. A room that is not there could not be asked about."""

_MISSING = template(
    "<p>{% trans person=person|pill, room=room %}{{ person }} soll in »{{ room }}« an etwas erinnert werden, ist dort aber nicht (mehr)."
    " Wer ist jetzt Kontakt?{% endtrans %}</p>"
)


class Reminding:
    """Writes reminders down as messages, and says later what has become of them."""

    def __init__(
        self,
        settings: ReminderSettings,
        network_rooms: NetworkRooms,
        zone: ZoneInfo,
        language: str,
        prefix: str,
        members: Members,
    ) -> None:
        self._settings = settings
        self._rooms = network_rooms
        self._zone = zone
        self._language = language
        self._prefix = prefix
        self._members = members

    async def who_is_there(self, reminders: Iterable[Reminder]) -> Present:
        """Return who is in the rooms of those reminders that mention somebody. No session may be open: the homeserver is asked."""
        asked = {r.room: self._rooms.room_id(r.room) or r.room for r in reminders if r.mentions or r.calls}

        async def joined(room: str, room_id: str) -> tuple[str, frozenset[str] | None]:
            try:
                return room, await self._members(room_id)
            except MembershipUnknown:
                return room, None

        answers = await asyncio.gather(*(joined(room, room_id) for room, room_id in asked.items()))
        return {room: members for room, members in answers if members is not None}

    async def write(
        self,
        session: AsyncSession,
        policy: ReminderPolicy[Any],
        reminders: Sequence[Reminder],
        now: datetime,
        *,
        fresh: set[str],
        present: Present,
    ) -> list[Reminder]:
        """Write down reminders, each once; return those that were not written down before. `fresh`: ladders that were never seen before,
        which have missed nothing. Raises as the database does."""
        sayable: list[Reminder] = []
        for reminder in reminders:
            if (reminder.ladder or reminder.key) in fresh and now - reminder.at > _NEW_AFTER:
                note = "due before its subject was first seen"
                await deliveries.add_as_past(session, key=reminder.key, room=reminder.room, policy=policy.name, now=now, note=note)
            else:
                sayable.append(reminder)
        new: list[Reminder] = []
        for together in _together(policy, sayable):
            new += await self._write_message(session, policy, together, now, present)
        await policy.written(session, new, now)
        return new

    async def _write_message(
        self, session: AsyncSession, policy: ReminderPolicy[Any], together: Sequence[Reminder], now: datetime, present: Present
    ) -> list[Reminder]:
        """Write down one message. Of several devices that write at the same moment, each says what no other has written before it."""
        first, *others = together
        body = await self._body(session, policy, first.key, together, now, present)
        row = await deliveries.add(
            session, key=first.key, room=first.room, content=body, policy=policy.name, now=now, carries=bool(others)
        )
        if not row:
            return await self._write_message(session, policy, others, now, present) if others else []

        async def carried(other: Reminder) -> bool:
            return await deliveries.add_carried(session, other.key, by=first.key, room=first.room, policy=policy.name, now=now)

        new = [first, *[other for other in others if await carried(other)]]
        if len(new) < len(together):
            said = await self._body(session, policy, first.key, new, now, present)
            await deliveries.say_instead_under(session, first.key, said)
        for reminder in new:
            await self._tell_of_missing(session, reminder, now, present)
        return new

    async def still_wanted(self, session: AsyncSession, policy: ReminderPolicy[Any], row: Delivery, now: datetime) -> str | None:
        """Return why a message has lost its sense since it was written down, or None: all that it says has to have lost it."""
        return None if await self._reminders(session, policy, row, now) else "no longer due"

    async def refresh(
        self, session: AsyncSession, policy: ReminderPolicy[Any], row: Delivery, now: datetime
    ) -> dict[str, object] | None:
        """Return what a message that waited for its room has to say now, None if that is what it said when it was written down.

        Days are counted anew, and it may have become late. What is not wanted any more is left out; what mentions somebody still does.
        """
        reminders = await self._reminders(session, policy, row, now) if row.event_type == "m.room.message" else []
        if not reminders:
            return None
        mentions = row.content.get("m.mentions", {})
        mentioned: list[str] = [*mentions.get("user_ids", []), *([EVERYBODY] if mentions.get("room") else [])]
        body = await self._body(session, policy, row.key, reminders, now, {row.room: frozenset(mentioned)})
        return body if body != row.content else None

    async def _reminders(self, session: AsyncSession, policy: ReminderPolicy[Any], row: Delivery, now: datetime) -> list[Reminder]:
        """Return what a message says and is still wanted."""
        keys = [row.key, *(await deliveries.carried_by(session, row.key) if row.carries else [])]
        found = [await policy.find(session, self._settings, self._zone, now, key) for key in keys]
        return [reminder for reminder in found if reminder is not None]

    async def _body(
        self,
        session: AsyncSession,
        policy: ReminderPolicy[Any],
        key: str,
        reminders: Sequence[Reminder],
        now: datetime,
        present: Present,
    ) -> dict[str, object]:
        """Return what the row `key` says at `now`, in the language of the room."""
        room = reminders[0].room
        language = await rooms.language_of(session, self._rooms.room_id(room) or room) or self._language
        since = await policies.first_seen(session, policy.name, [r.timing for r in reminders if r.timing])
        rendered = render(policy.template, language, self._words(policy, reminders, now, present, since))
        return content.message(rendered, key, notifies=True)

    def _words(
        self,
        policy: ReminderPolicy[Any],
        reminders: Sequence[Reminder],
        now: datetime,
        present: Present,
        since: Mapping[str, datetime],
    ) -> dict[str, object]:
        here = now.astimezone(self._zone)

        def words(r: Reminder) -> dict[str, object]:
            return {**policy.words(r, here), "late": _is_late(r, now, since.get(r.timing)), **_mentions(r, present)}

        items = [words(reminder) for reminder in reminders]
        around = {"prefix": self._prefix, "late": all(item["late"] for item in items)}
        if not policy.merges:
            return {**items[0], **around}
        mentioned = list(dict.fromkeys(item["mention"] for item in items if item["mention"]))
        return {**around, "items": items, "mentioned": mentioned}

    async def _tell_of_missing(self, session: AsyncSession, reminder: Reminder, now: datetime, present: Present) -> None:
        """Tell coordinators, once a month, of somebody who is to be mentioned and is not in the room."""
        there = present.get(reminder.room)
        if there is None or not reminder.mentions or reminder.mentions[0] in there:
            return
        person = reminder.mentions[0]
        key = f"missing:{reminder.room}:{person}:{now.astimezone(self._zone):%Y-%m}"
        rendered = render(_MISSING, self._language, {"person": person, "room": self._rooms.label(reminder.room)})
        await deliveries.add(session, key=key, room=COORDINATION, content=content.message(rendered, key, notifies=True), now=now)


def _together(policy: ReminderPolicy[Any], reminders: Sequence[Reminder]) -> list[list[Reminder]]:
    """Return what is one message each, in the order of time. Keys are in order, so that devices that write at once wait for one another."""
    if not policy.merges:
        return [[reminder] for reminder in reminders]
    by_room: defaultdict[str, list[Reminder]] = defaultdict(list)
    for reminder in reminders:
        by_room[reminder.room].append(reminder)
    return [sorted(together, key=lambda r: r.key) for together in by_room.values()]


def _is_late(reminder: Reminder, now: datetime, since: datetime | None) -> bool:
    """Whether it comes after its time because nobody was here. `since`: when its time was set; before that, nobody could have said it."""
    ought = max(reminder.at, since) if since else reminder.at
    if reminder.hours is not None:
        ought = reminder.hours.next_opening(ought)
    return now - ought > LATE_AFTER


def _mentions(reminder: Reminder, present: Present) -> dict[str, object]:
    """Return whom a reminder mentions: the first of those whom it may who is there; nobody if none is, the first if that is not known.

    And whom it calls in vain; nobody if that is not known.
    """
    there = present.get(reminder.room)
    mention = next((person for person in reminder.mentions if there is None or person in there), None)
    return {"mention": mention, "unreached": [person for person in reminder.calls if there is not None and person not in there]}
