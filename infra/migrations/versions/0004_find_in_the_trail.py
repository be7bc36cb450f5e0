"""Find in the trail by who, what and to what

Revision: 0004
After: 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

COLUMNS = ("ator", "acao", "objeto")


def upgrade() -> None:
    for column in COLUMNS:
        op.create_index(
            f"auditoria_{column}_idx", "auditoria", ["tenant", column, "em", "id"], unique=False
        )


def downgrade() -> None:
    for column in COLUMNS:
        op.drop_index(f"auditoria_{column}_idx", "auditoria")
