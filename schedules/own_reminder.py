"""What people asked to be reminded of comes at its time; late if nobody was here, and of several missed times the last.

If the bot may not speak in somebody's direct chat any more, coordinators are told, once a month; what is for a room of the network is
looked after in `bot/room_states.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import deliveries, own_reminders
from bot.domain.own_reminders import LATE_AFTER, POLICY, OwnReminder, after_saying, key_of, read_key, time_said
from bot.domain.places import COORDINATION
from bot.domain.reminders import Reminder
from bot.reminder_policy import ReminderPolicy, ReminderSettings
from bot.rendering import content, template

AT_ONCE = 100
"""How many are written down in one transaction: others want to write, too. The rest follows at once."""

_AGAIN_IN = timedelta(days=1)
_NEVER = datetime.max.replace(tzinfo=UTC)
_REFUSED = f"{POLICY}-refused"
_SYMBOLS = ("💤", "✅")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is due at `now`, the longest first; when to look again; which direct chats refuse us, and whose they are."""

    now: datetime
    due: Sequence[OwnReminder]
    coming: datetime | None
    refused: Mapping[str, str]
    month: str


class OwnReminders(ReminderPolicy[Facts]):
    """One message for each time of each reminder."""

    name = POLICY
    mentions = True
    simulated = False
    first_sight = False
    template = template(
        "{% if refused %}"
        "<p>{% trans person=person %}Ich kann {{ person }} nicht erinnern: im Direktchat darf ich nichts mehr schreiben. Was ich dort zu"
        " sagen habe, hebe ich auf. Bitte sagt es weiter; lädt {{ person }} mich wieder ein, geht es von selbst weiter.{% endtrans %}</p>"
        "{% else %}"
        "<p>⏰ {% for person in people|reject('in', unreached)|list or [author] %}"
        "{{ person|pill }}{% if not loop.last %}, {% endif %}{% endfor %}: "
        "{% for line in lines %}{{ line }}{% if not loop.last %}<br/>{% endif %}{% endfor %}</p>"
        "{% if unreached %}<p><em>{% if '@room' in unreached %}{% trans %}Alle benachrichtigen darf ich in diesem Raum nicht (mehr);"
        " dafür muss mir jemand das Recht dazu geben.{% endtrans %}{% endif %}"
        "{% for person in unreached|reject('equalto', '@room') %} {% trans person=person %}{{ person }} ist nicht mehr in diesem Raum."
        "{% endtrans %}{% endfor %}</em></p>{% endif %}"
        "{% if behind %}<p><em>{% trans at=planned|day_and_time %}Verspätet; geplant war {{ at }}.{% endtrans %}</em></p>{% endif %}"
        "<p><em>{% if again %}{% trans at=again|day_and_time %}Wieder am {{ at }}.{% endtrans %} {% endif %}"
        "{% trans %}💤 eine Stunde später · ✅ erledigt{% endtrans %}</em></p>"
        "{% endif %}"
    )

    async def facts(self, session: AsyncSession, settings: ReminderSettings, zone: ZoneInfo, now: datetime) -> Facts:  # noqa: ARG002  (for others)
        """Read what is due, and when the next is."""
        due = await own_reminders.due(session, now, AT_ONCE)
        coming = now if len(due) == AT_ONCE else await own_reminders.next_due(session, now)
        month = f"{now.astimezone(zone):%Y-%m}"
        return Facts(now, due, coming, await own_reminders.refused_rooms(session), month)

    async def find(
        self,
        session: AsyncSession,
        settings: ReminderSettings,  # noqa: ARG002  (for others)
        zone: ZoneInfo,  # noqa: ARG002
        now: datetime,  # noqa: ARG002
        key: str,
    ) -> Reminder | None:
        """Return what was written down under `key` if it still stands: nobody has put it off, and no later time has come."""
        if key.startswith(_REFUSED):
            refused = await own_reminders.refused_rooms(session)
            return next((r for r in map(self._refusal, refused, refused.values(), [key[-7:]] * len(refused)) if r.key == key), None)
        named = read_key(key)
        found = await own_reminders.get(session, named[0]) if named else None
        if found is None or named is None or found.said_for is None or found.occurrence != named[1] + 1:
            return None
        return self._reminder(found, key, found.said_for, found.due_at)

    async def written(self, session: AsyncSession, reminders: Sequence[Reminder], now: datetime) -> None:
        """Let each come again when it ought to, and put under each what can be done with it."""
        for reminder in reminders:
            found = cast("OwnReminder | None", reminder.data["reminder"])
            if found is None:
                continue
            await own_reminders.keep(session, after_saying(found, now), now)
            for number, symbol in enumerate(_SYMBOLS):
                key = f"{reminder.key}:reaction-{number}"
                body = content.reaction(symbol, "", key)
                await deliveries.add(
                    session,
                    key=key,
                    room=reminder.room,
                    content=body,
                    event_type="m.reaction",
                    annotates=reminder.key,
                    policy=self.name,
                    now=now,
                )

    async def left_out(self, session: AsyncSession, reminders: Sequence[Reminder], now: datetime) -> None:
        """Try again tomorrow what is for a room that is not configured any more: it must not stand before what others wait for."""
        for reminder in reminders:
            found = cast("OwnReminder | None", reminder.data["reminder"])
            if found is not None:
                await own_reminders.keep(session, replace(found, due_at=now + _AGAIN_IN), now)

    def words(self, reminder: Reminder, now: datetime) -> dict[str, object]:
        """Say whether it comes late, and when it comes again."""
        return {**reminder.data, "behind": now - reminder.at > LATE_AFTER}

    def plan(self, facts: Facts) -> list[Reminder]:
        """Return what is due. What is to come later is not read."""
        reminders = [self._refusal(room, person, facts.month) for room, person in facts.refused.items()]
        for found in facts.due:
            at = time_said(found, facts.now)
            if at is not None:
                reminders.append(self._reminder(found, key_of(found), at, after_saying(found, facts.now).due_at))
        return reminders

    def due(self, facts: Facts, now: datetime) -> list[Reminder]:  # noqa: ARG002  (nothing else was read)
        """Return all that was read, at any hour; of the same time, what was set first comes first."""
        return self.plan(facts)

    def next_at(self, facts: Facts, now: datetime) -> datetime | None:  # noqa: ARG002  (it is that of the facts)
        """Return when the next one comes, or one of those that are said now again; at once if there is more than was read."""
        again = (after_saying(found, facts.now).due_at for found in facts.due)
        return min(filter(None, (facts.coming, *again)), default=None)

    def _reminder(self, found: OwnReminder, key: str, at: datetime, again: datetime | None) -> Reminder:
        return Reminder(
            key=key,
            policy=self.name,
            subject=str(found.id),
            step=key.rpartition(":")[2],
            room=found.room,
            at=at,
            until=_NEVER,
            calls=tuple(person for person in found.mentions if person != found.author),
            data={
                "refused": False,
                "reminder": found,
                "people": found.mentions,
                "author": found.author,
                "lines": found.text.split("\n"),
                "planned": at.astimezone(found.zone),
                "again": again.astimezone(found.zone) if again else None,
            },
        )

    def _refusal(self, room: str, person: str, month: str) -> Reminder:
        return Reminder(
            key=f"{_REFUSED}:{room}:{month}",
            policy=self.name,
            subject=room,
            step=month,
            room=COORDINATION,
            at=datetime.min.replace(tzinfo=UTC),
            until=_NEVER,
            data={"refused": True, "reminder": None, "person": person},
        )


policy = OwnReminders()
