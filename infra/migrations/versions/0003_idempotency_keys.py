"""Answers kept for requests that are sent again

Revision: 0003
After: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from infra.migrations.access import isolate_tenants

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False, comment="Of the principal who asked."),
        sa.Column(
            "route", sa.Text(), nullable=False, comment="Method and path, its parameters filled in."
        ),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column(
            "fingerprint",
            sa.LargeBinary(),
            nullable=False,
            comment="HMAC-SHA-256 of query, media type and body.",
        ),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column(
            "criado_em", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "request_id", sa.Text(), nullable=False, comment="Of the request that did the work."
        ),
        sa.PrimaryKeyConstraint(
            "tenant", "subject", "route", "key", name=op.f("idempotency_keys_pkey")
        ),
    )
    isolate_tenants(("idempotency_keys",))


def downgrade() -> None:
    op.drop_table("idempotency_keys")
