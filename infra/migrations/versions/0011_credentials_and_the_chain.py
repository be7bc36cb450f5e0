"""Users without a password, suspended tenants

Revision: 0011
After: 0010
"""

import sqlalchemy as sa
from alembic import op

from infra.migrations.access import isolate_tenants

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column(
        "usuarios",
        "senha_hash",
        nullable=True,
        comment="argon2id, with its parameters; null until a first password is set.",
    )
    op.create_table(
        "tenants_suspensos",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("desde", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name=op.f("tenants_suspensos_pkey")),
    )
    isolate_tenants(("tenants_suspensos",))


def downgrade() -> None:
    op.drop_table("tenants_suspensos")
    # What no password fits: there is no hash of this form.
    op.execute("ALTER TABLE usuarios NO FORCE ROW LEVEL SECURITY")
    op.execute("UPDATE usuarios SET senha_hash = 'none' WHERE senha_hash IS NULL")
    op.execute("ALTER TABLE usuarios FORCE ROW LEVEL SECURITY")
    op.alter_column(
        "usuarios", "senha_hash", nullable=False, comment="argon2id, with its parameters."
    )
