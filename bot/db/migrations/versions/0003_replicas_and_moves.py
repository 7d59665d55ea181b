"""several devices on one database, rooms that move, broadcasts that wait"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "devices",
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_devices")),
    )
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.create_table(
        "room_moves",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("old_room_id", sa.Text(), nullable=False),
        sa.Column("new_room_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text()),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_room_moves")),
        sa.UniqueConstraint("key", "old_room_id", "new_room_id", name="uq_room_moves_what"),
    )
    op.create_table(
        "unreadable_events",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "device_id", name=op.f("pk_unreadable_events")),
    )
    op.add_column("broadcasts", sa.Column("send_at", sa.DateTime(timezone=True)))
    op.add_column("deliveries", sa.Column("look_first", sa.Boolean(), nullable=False, server_default=sa.false()))
    # What may have been sent under another id, as the versions before gave them, is to be looked for in its room first.
    op.execute("UPDATE deliveries SET look_first = true WHERE attempts > 0 AND done_at IS NULL")


def downgrade() -> None:
    op.drop_column("deliveries", "look_first")
    op.drop_column("broadcasts", "send_at")
    for table in ("unreadable_events", "room_moves", "installation", "devices"):
        op.drop_table(table)
