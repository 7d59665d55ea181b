"""several reminders in one message"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("carries", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("deliveries", sa.Column("carried_by", sa.Text()))
    op.create_index(
        "ix_deliveries_carried_by",
        "deliveries",
        ["carried_by"],
        sqlite_where=sa.text("carried_by IS NOT NULL"),
        postgresql_where=sa.text("carried_by IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_deliveries_carried_by", "deliveries")
    op.drop_column("deliveries", "carried_by")
    op.drop_column("deliveries", "carries")
