"""Model cards, the history of champions, and what jobs find out about the gym

Revision: 0007
After: 0006
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from infra.migrations.access import isolate_tenants

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "model_versions",
        sa.Column(
            "figures",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
            comment="Plotly JSON by name.",
        ),
    )
    op.add_column(
        "model_versions",
        sa.Column(
            "profile",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="[]",
            nullable=False,
            comment="Bins of inputs and score at training.",
        ),
    )
    op.create_table(
        "model_moves",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("move", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, comment="Who answers from now on."),
        sa.Column("previous", sa.Integer(), nullable=True, comment="Who answered until then."),
        sa.Column(
            "moved_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("moved_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint("move IN ('promocao', 'reversao')", name=op.f("model_moves_move_check")),
        sa.ForeignKeyConstraint(
            ["tenant", "model", "version"],
            ["model_versions.tenant", "model_versions.model", "model_versions.version"],
            name=op.f("model_moves_tenant_model_version_fkey"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("model_moves_pkey")),
    )
    op.create_index(
        "model_moves_version_idx", "model_moves", ["tenant", "model", "version", "id"], unique=False
    )
    # Whoever answers already was promoted by somebody. Forced row-level security hides the rows
    # of every tenant from the owner, too, so it is lifted for this one statement.
    op.execute("ALTER TABLE model_aliases NO FORCE ROW LEVEL SECURITY")
    op.execute(
        "INSERT INTO model_moves (tenant, model, move, version, moved_at, moved_by, reason)"
        " SELECT tenant, model, 'promocao', version, moved_at, moved_by, reason"
        " FROM model_aliases WHERE alias = 'champion'"
    )
    op.execute("ALTER TABLE model_aliases FORCE ROW LEVEL SECURITY")
    isolate_tenants(("model_moves",))
    op.create_table(
        "analises",
        sa.Column("nome", sa.Text(), nullable=False),
        sa.Column("dia", sa.Date(), nullable=False, comment="Local day."),
        sa.Column("calculado_em", sa.DateTime(timezone=True), nullable=False),
        sa.Column("conteudo", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("nome", "dia", name=op.f("analises_pkey")),
    )


def downgrade() -> None:
    op.drop_table("analises")
    op.drop_table("model_moves")
    op.drop_column("model_versions", "profile")
    op.drop_column("model_versions", "figures")
