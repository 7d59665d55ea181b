"""what coordinators decide about reports; files that are handed in"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "report_decisions",
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("debtor", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text()),
        sa.Column("remark", sa.Text()),
        sa.Column("decided_by", sa.Text()),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.Column("superseded", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("extended_to", sa.Text()),
        sa.Column("extended_by", sa.Text()),
        sa.Column("extended_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["report"], ["reports.key"], name=op.f("fk_report_decisions_report"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("report", "debtor", name=op.f("pk_report_decisions")),
    )
    op.add_column("submissions", sa.Column("file", sa.JSON()))


def downgrade() -> None:
    op.drop_column("submissions", "file")
    op.drop_table("report_decisions")
