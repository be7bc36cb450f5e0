"""Exits as events of their own, kept whether or not their entry is known, and struck visits

Revision: 0009
After: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Of exits recorded so far only those with a key are known to be events of their own; the others
# stay with the entry they were given to.
KEEP_EXITS = """
INSERT INTO saidas (aluno_id, saida, chave_evento)
SELECT aluno_id, saida, chave_saida FROM checkins
WHERE chave_saida IS NOT NULL AND saida IS NOT NULL
ON CONFLICT DO NOTHING
"""
NAME_SOURCE = """
UPDATE checkins SET fonte_saida = 'evento' WHERE chave_saida IS NOT NULL AND saida IS NOT NULL
"""
RETURN_KEYS = """
UPDATE checkins c SET chave_saida = s.chave_evento FROM saidas s
WHERE c.fonte_saida = 'evento' AND s.aluno_id = c.aluno_id AND s.saida = c.saida
"""


def upgrade() -> None:
    op.create_table(
        "saidas",
        sa.Column("aluno_id", sa.BigInteger(), nullable=False),
        sa.Column("saida", sa.DateTime(timezone=True), nullable=False),
        sa.Column("chave_evento", sa.Text(), nullable=True),
        sa.Column(
            "sem_entrada",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="No entry of the 24 hours before is known.",
        ),
        sa.Column(
            "anulada",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="Struck by the desk together with its visit.",
        ),
        sa.ForeignKeyConstraint(
            ["aluno_id"], ["alunos.id"], name=op.f("saidas_aluno_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("aluno_id", "saida", name=op.f("saidas_pkey")),
    )
    op.create_index(
        "saidas_chave_evento_idx",
        "saidas",
        ["chave_evento"],
        unique=True,
        postgresql_where=sa.text("chave_evento IS NOT NULL"),
    )
    op.create_index(
        "saidas_sem_entrada_idx",
        "saidas",
        ["saida", "aluno_id"],
        postgresql_where=sa.text("sem_entrada AND NOT anulada"),
    )
    op.create_table(
        "visitas_anuladas",
        sa.Column("aluno_id", sa.BigInteger(), nullable=False),
        sa.Column("entrada", sa.DateTime(timezone=True), nullable=False),
        sa.Column("chave_evento", sa.Text(), nullable=True, comment="Key of the entry event."),
        sa.ForeignKeyConstraint(
            ["aluno_id"],
            ["alunos.id"],
            name=op.f("visitas_anuladas_aluno_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("aluno_id", "entrada", name=op.f("visitas_anuladas_pkey")),
    )
    op.create_index("visitas_anuladas_chave_evento_idx", "visitas_anuladas", ["chave_evento"])
    op.add_column(
        "checkins",
        sa.Column(
            "fonte_saida",
            sa.Text(),
            nullable=True,
            comment="evento: of saidas; corrigida: by the desk; null: came with the entry.",
        ),
    )
    op.create_check_constraint(
        op.f("checkins_fonte_saida_check"), "checkins", "fonte_saida IN ('evento', 'corrigida')"
    )
    op.execute(KEEP_EXITS)
    op.execute(NAME_SOURCE)
    op.drop_index("checkins_chave_saida_idx", "checkins")
    op.drop_column("checkins", "chave_saida")


def downgrade() -> None:
    op.add_column(
        "checkins",
        sa.Column("chave_saida", sa.Text(), nullable=True, comment="Key of the exit event."),
    )
    op.execute(RETURN_KEYS)
    op.create_index(
        "checkins_chave_saida_idx",
        "checkins",
        ["chave_saida"],
        unique=True,
        postgresql_where=sa.text("chave_saida IS NOT NULL"),
    )
    op.drop_constraint(op.f("checkins_fonte_saida_check"), "checkins")
    op.drop_column("checkins", "fonte_saida")
    op.drop_table("visitas_anuladas")
    op.drop_table("saidas")
