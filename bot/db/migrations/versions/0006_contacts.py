"""contacts of labs, people who are away, events with a last day to register"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contacts",
        sa.Column("debtor", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("named_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("debtor", "role", name=op.f("pk_contacts")),
    )
    op.create_table(
        "people_away",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("said_by", sa.Text(), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_people_away")),
    )
    op.add_column("events", sa.Column("register_by", sa.Date()))


def downgrade() -> None:
    op.drop_column("events", "register_by")
    op.drop_table("people_away")
    op.drop_table("contacts")
