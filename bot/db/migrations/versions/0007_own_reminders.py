"""own reminders, and the time zones of rooms"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "room_timezones",
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("room", name=op.f("pk_room_timezones")),
    )
    op.create_table(
        "own_reminders",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("mentions", sa.JSON(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text()),
        sa.Column("every_minutes", sa.Integer()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.Column("stands_for", sa.DateTime(timezone=True)),
        sa.Column("occurrence", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("rings", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("said_for", sa.DateTime(timezone=True)),
        sa.Column("done_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_own_reminders")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_own_reminders_due_at"), "own_reminders", ["due_at", "id"])
    op.create_index(op.f("ix_own_reminders_room"), "own_reminders", ["room", "due_at"])
    op.create_index(op.f("ix_own_reminders_author"), "own_reminders", ["author", "due_at"])


def downgrade() -> None:
    op.drop_table("own_reminders")
    op.drop_table("room_timezones")
