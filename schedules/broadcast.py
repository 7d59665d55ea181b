"""A confirmed broadcast that was put off to a certain time goes out to its labs then; late if nobody was there to send it.

Once it is too late for that, coordinators are told that nobody got it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import broadcasts
from bot.db.broadcasts import Broadcast
from bot.domain.broadcasts import POINTLESS_AFTER, POLICY, lab_keys, ladder
from bot.domain.places import COORDINATION, lab_room
from bot.domain.reminders import Reminder, wanted
from bot.errors import text
from bot.reminder_policy import ReminderPolicy, ReminderSettings
from bot.rendering import template

_TOLD_FOR = timedelta(days=30)
"""For how long after that coordinators are told."""


class ScheduledBroadcast(ReminderPolicy[Sequence[Broadcast]]):
    """One notice for each lab of each broadcast that has a time."""

    name = POLICY
    title = text("Rundruf zu seiner Zeit")
    template = template(
        "{% if missed %}"
        "<p>{% trans number=number, day=day|when, time=time %}Rundruf {{ number }} war geplant für {{ day }}, {{ time }}. Da war ich"
        " nicht da, und jetzt ist es zu lange her: niemand hat ihn bekommen. Wird er noch gebraucht, schickt ihn bitte noch einmal."
        "{% endtrans %}</p>"
        "{% else %}"
        "{% if late %}<p><em>{% trans day=day|when, time=time %}Verspätet, weil ich nicht da war; geplant war {{ day }}, {{ time }}."
        "{% endtrans %}</em></p>{% endif %}"
        "{% include 'broadcast.html.j2' %}"
        "{% endif %}"
    )

    async def facts(self, session: AsyncSession, settings: ReminderSettings, zone: ZoneInfo, now: datetime) -> Sequence[Broadcast]:  # noqa: ARG002  (for others)
        """Read what is confirmed and has a time."""
        return await broadcasts.scheduled(session)

    def words(self, reminder: Reminder, now: datetime) -> dict[str, object]:
        """Say the time in the network's zone."""
        planned = cast("datetime", reminder.data["planned"]).astimezone(now.tzinfo)
        return {**reminder.data, "day": planned.date(), "time": f"{planned:%H:%M}"}

    def plan(self, facts: Sequence[Broadcast]) -> list[Reminder]:
        """Return the notices of every broadcast, whether or not they have gone out."""
        return [
            Reminder(
                key=key,
                ladder=ladder(broadcast.id),
                policy=self.name,
                subject=str(broadcast.id),
                step="once",
                room=lab_room(lab),
                at=broadcast.send_at,
                until=broadcast.send_at + POINTLESS_AFTER,
                lab=lab,
                data={"missed": False, "text": broadcast.text, "planned": broadcast.send_at},
            )
            for broadcast in facts
            if broadcast.send_at is not None
            for lab, key in lab_keys(broadcast.id, broadcast.labs).items()
        ]

    def wanted(self, facts: Sequence[Broadcast], now: datetime) -> list[Reminder]:
        """Return the notices that are to be out by `now`, and what coordinators are told in place of those that were missed for good.

        The latter is no part of the plan: nobody plans to be away.
        """
        missed = [
            Reminder(
                key=f"{ladder(broadcast.id)}:missed",
                ladder=ladder(broadcast.id),
                policy=self.name,
                subject=str(broadcast.id),
                step="missed",
                room=COORDINATION,
                at=broadcast.send_at + POINTLESS_AFTER,
                until=broadcast.send_at + POINTLESS_AFTER + _TOLD_FOR,
                data={"missed": True, "number": broadcast.id, "planned": broadcast.send_at},
                in_place_of=tuple(lab_keys(broadcast.id, broadcast.labs).values()),
            )
            for broadcast in facts
            if broadcast.send_at is not None
        ]
        return [*super().wanted(facts, now), *wanted(missed, now)]


policy = ScheduledBroadcast()
