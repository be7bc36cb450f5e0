"""Fair turns between tenants, and when a job was last rung for

Revision: 0002
After: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "jobs",
        sa.Column(
            "rung_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            comment="When the doorbell was last rung for it; null when it could not be.",
        ),
    )
    op.drop_index("jobs_ready_idx", "jobs")
    op.create_index(
        "jobs_ready_idx",
        "jobs",
        ["queue", "tenant", "next_attempt_at"],
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "jobs_turns_idx",
        "jobs",
        ["queue", "started_at"],
        postgresql_where=sa.text("started_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("jobs_turns_idx", "jobs")
    op.drop_index("jobs_ready_idx", "jobs")
    op.create_index(
        "jobs_ready_idx",
        "jobs",
        ["queue", "next_attempt_at"],
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.drop_column("jobs", "rung_at")
