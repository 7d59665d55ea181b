"""The tables. Alembic's migrations must give exactly these (a test compares them, on SQLite and PostgreSQL)."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect


class UTCDateTime(sa.TypeDecorator[datetime]):
    """An aware datetime in UTC. aiosqlite hands back naive ones even with `timezone=True`; a naive one in is a mistake."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  (SQLAlchemy's signature)
        """Store as UTC. Raises `ValueError` for a naive datetime."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"naive datetime for the database: {value!r}")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Hand back as aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def _table(name: str, *columns: Any, **options: Any) -> sa.Table:
    return sa.Table(name, metadata, *columns, **options)


network = _table(
    "network",
    sa.Column("id", sa.Integer, primary_key=True),  # always 1: there is one network
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("timezone", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("topics", sa.JSON, nullable=False),
    sa.Column("reflection", sa.JSON, nullable=False),
)

labs = _table(
    "labs",
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("municipalities", sa.JSON, nullable=False),
    sa.Column("partners", sa.JSON, nullable=False),
    sa.Column("topics", sa.JSON, nullable=False),
)

events = _table(
    "events",
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("when", sa.Text, nullable=False),  # EDTF
    sa.Column("number", sa.Integer),
    sa.Column("place", sa.Text),
    sa.Column("online", sa.Boolean, nullable=False),
    sa.Column("cancelled", sa.Boolean, nullable=False),
    sa.Column("register_by", sa.Date),
)

phases = _table(
    "phases",
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("after", sa.Text, sa.ForeignKey("events.key"), nullable=False),
    sa.Column("before", sa.Text, sa.ForeignKey("events.key"), nullable=False),
)

report_series = _table(
    "report_series",
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("owed_by", sa.Text, nullable=False),
)

reports = _table(
    "reports",
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("series", sa.Text, sa.ForeignKey("report_series.key"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("due", sa.Text, nullable=False),  # EDTF
)

# A report as one debtor has handed it in; no row means open.
submissions = _table(
    "submissions",
    sa.Column("report", sa.Text, sa.ForeignKey("reports.key"), primary_key=True),
    sa.Column("debtor", sa.Text, primary_key=True),
    sa.Column("link", sa.Text),
    sa.Column("submitted_by", sa.Text, nullable=False),
    sa.Column("submitted_at", UTCDateTime, nullable=False),
    sa.Column("file", sa.JSON),  # {"name", "content"}: one that was posted in the room
)

# What coordinators have decided about a report as one debtor owes it; no row means nothing.
report_decisions = _table(
    "report_decisions",
    sa.Column("report", sa.Text, sa.ForeignKey("reports.key", ondelete="CASCADE"), primary_key=True),
    sa.Column("debtor", sa.Text, primary_key=True),
    sa.Column("verdict", sa.Text),  # accepted, returned, waived
    sa.Column("remark", sa.Text),
    sa.Column("decided_by", sa.Text),
    sa.Column("decided_at", UTCDateTime),
    sa.Column("superseded", sa.Boolean, nullable=False, server_default=sa.false()),  # by something handed in after it
    sa.Column("extended_to", sa.Text),  # EDTF
    sa.Column("extended_by", sa.Text),
    sa.Column("extended_at", UTCDateTime),
)

# The configured rooms, resolved once; `configured` is what the configuration said then.
rooms = _table(
    "rooms",
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("configured", sa.Text, nullable=False),
    sa.Column("room_id", sa.Text, nullable=False, unique=True),
    sa.Column("pinned_at", UTCDateTime, nullable=False),
)

room_languages = _table(
    "room_languages",
    sa.Column("room_id", sa.Text, primary_key=True),
    sa.Column("language", sa.Text, nullable=False),
)

# The time zone in which a room tells the time, where it is not the network's.
room_timezones = _table(
    "room_timezones",
    sa.Column("room", sa.Text, primary_key=True),  # a key of `rooms` (follows upgrades), or a room id
    sa.Column("timezone", sa.Text, nullable=False),
)

# Events whose effects are in this database: the row is written in the same transaction as they are.
handled_events = _table(
    "handled_events",
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("room_id", sa.Text, nullable=False),
    sa.Column("sender", sa.Text, nullable=False),
    sa.Column("command", sa.Text, nullable=False),
    sa.Column("handled_at", UTCDateTime, nullable=False),
)

# What each reminder policy has seen before: what was due earlier than that was never missed.
policy_subjects = _table(
    "policy_subjects",
    sa.Column("policy", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("first_seen_at", UTCDateTime, nullable=False),
)

broadcasts = _table(
    "broadcasts",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("labs", sa.JSON, nullable=False),  # the keys of the labs it goes to, as previewed
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created_at", UTCDateTime, nullable=False),
    sa.Column("expires_at", UTCDateTime, nullable=False),
    sa.Column("decided_by", sa.Text),
    sa.Column("decided_at", UTCDateTime),
    sa.Column("send_at", UTCDateTime),  # none: as soon as it is confirmed
)

# Whom a lab (or the research team) has named to be asked in its name: its contact and a deputy.
contacts = _table(
    "contacts",
    sa.Column("debtor", sa.Text, primary_key=True),  # the key of a lab, or `research`
    sa.Column("role", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("since", UTCDateTime, nullable=False),
    sa.Column("named_by", sa.Text, nullable=False),
)

# People who have said that they are away.
people_away = _table(
    "people_away",
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("until", sa.Date, nullable=False),  # the last day
    sa.Column("said_by", sa.Text, nullable=False),
    sa.Column("said_at", UTCDateTime, nullable=False),
)

# What people asked to be reminded of. Its number is in the keys of what was said, so it is never given twice.
own_reminders = _table(
    "own_reminders",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("room", sa.Text, nullable=False),  # a key of `rooms` (follows upgrades), or a room id
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("mentions", sa.JSON, nullable=False),  # user ids, or `@room`
    sa.Column("timezone", sa.Text, nullable=False),  # of the room when it was set: its local times stay there
    sa.Column("rule", sa.Text),  # canonical text of a recurrence
    sa.Column("every_minutes", sa.Integer),  # said again so often until somebody says that it is done
    sa.Column("created_at", UTCDateTime, nullable=False),
    sa.Column("due_at", UTCDateTime),  # when it is said next; none: there is nothing to come
    sa.Column("stands_for", UTCDateTime),  # the time of its rule that `due_at` stands for, or repeats
    sa.Column("occurrence", sa.Integer, nullable=False, server_default="0"),  # how often it was said
    sa.Column("rings", sa.Integer, nullable=False, server_default="0"),  # how often for the same time
    sa.Column("said_for", UTCDateTime),  # the time for which it was said last, while that still stands
    sa.Column("done_at", UTCDateTime),
    sqlite_autoincrement=True,
)
# "What is due, and what is next" costs the same however much is to come; "how much has a person, or a room, open" too.
sa.Index("ix_own_reminders_due_at", own_reminders.c.due_at, own_reminders.c.id)
sa.Index("ix_own_reminders_room", own_reminders.c.room, own_reminders.c.due_at)
sa.Index("ix_own_reminders_author", own_reminders.c.author, own_reminders.c.due_at)

# Everything that is to be said, and what became of it.
deliveries = _table(
    "deliveries",
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),  # what makes it one: `policy:subject:step`, `reply:<event id>` …
    sa.Column("room", sa.Text, nullable=False),  # a key of `rooms` (follows upgrades), or a room id
    sa.Column("event_type", sa.Text, nullable=False),
    sa.Column("content", sa.JSON, nullable=False),
    sa.Column("annotates", sa.Text),  # key of the delivery that this reaction belongs to
    sa.Column("policy", sa.Text),  # reminders: which policy is asked again before it is sent
    sa.Column("carries", sa.Boolean, nullable=False, server_default=sa.false()),  # others are said together with it
    sa.Column("carried_by", sa.Text),  # key of the row that says this one
    sa.Column("created_at", UTCDateTime, nullable=False),
    sa.Column("due_at", UTCDateTime, nullable=False),
    sa.Column("claimed_by", sa.Text),
    sa.Column("claimed_at", UTCDateTime),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    # Another device, or another version, had begun with it: it may stand in its room under an id that ours does not cover.
    sa.Column("look_first", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("retry_at", UTCDateTime),
    sa.Column("done_at", UTCDateTime),
    sa.Column("outcome", sa.Text),  # sent, dropped, failed
    sa.Column("event_id", sa.Text),
    sa.Column("note", sa.Text),
)
# "What is next to send" reads only what is not done, however much was said before.
sa.Index(
    "ix_deliveries_open",
    deliveries.c.due_at,
    deliveries.c.id,
    sqlite_where=deliveries.c.done_at.is_(None),
    postgresql_where=deliveries.c.done_at.is_(None),
)
sa.Index("ix_deliveries_event_id", deliveries.c.event_id)
sa.Index(
    "ix_deliveries_carried_by",
    deliveries.c.carried_by,
    sqlite_where=deliveries.c.carried_by.is_not(None),
    postgresql_where=deliveries.c.carried_by.is_not(None),
)

# Files and pictures that go with a delivery, until it is done.
attachments = _table(
    "attachments",
    sa.Column("key", sa.Text, sa.ForeignKey("deliveries.key", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("mimetype", sa.Text, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Column("created_at", UTCDateTime, nullable=False),
)

# The devices that work on this database, and when each last said so, by the database's own clock.
devices = _table(
    "devices",
    sa.Column("device_id", sa.Text, primary_key=True),
    sa.Column("seen_at", UTCDateTime, nullable=False),
)

# What all devices of this network share and nobody else knows.
installation = _table(
    "installation",
    sa.Column("id", sa.Integer, primary_key=True),  # always 1
    sa.Column("secret", sa.LargeBinary, nullable=False),
)

# A configured room that is to be another room from now on: it was upgraded, or its alias points elsewhere.
room_moves = _table(
    "room_moves",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("old_room_id", sa.Text, nullable=False),
    sa.Column("new_room_id", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("noticed_at", UTCDateTime, nullable=False),
    sa.Column("decided_by", sa.Text),
    sa.Column("decided_at", UTCDateTime),
    sa.UniqueConstraint("key", "old_room_id", "new_room_id", name="uq_room_moves_what"),
)

# Events that a device could not decrypt in time: only what none of them could read is asked for again.
unreadable_events = _table(
    "unreadable_events",
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("device_id", sa.Text, primary_key=True),
    sa.Column("reported_at", UTCDateTime, nullable=False),
)
