"""Scores of every member by day, and daily reports

Revision: 0005
After: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "probabilidades_churn",
        sa.Column("dia", sa.Date(), nullable=False, comment="Local day it was computed on."),
        sa.Column("aluno_id", sa.BigInteger(), nullable=False),
        sa.Column("tipo", sa.Text(), nullable=False, comment="Kind of answer."),
        sa.Column("probabilidade", sa.Double(), nullable=True),
        sa.Column("modelo_versao", sa.Integer(), nullable=False),
        sa.Column(
            "revisao",
            sa.BigInteger(),
            nullable=False,
            comment="aluno.revisao it was computed under.",
        ),
        sa.Column("calculado_em", sa.DateTime(timezone=True), nullable=False),
        sa.Column("anterior", sa.Double(), nullable=True, comment="Of the day before."),
        sa.Column(
            "anterior_versao", sa.Integer(), nullable=True, comment="The model that gave it."
        ),
        sa.Column(
            "explicacao",
            postgresql.JSONB(),
            nullable=True,
            comment="Base value and reasons, of the day's highest scores.",
        ),
        sa.CheckConstraint(
            "tipo IN ('modelo', 'inicio', 'ausente', 'sem_visita')",
            name=op.f("probabilidades_churn_tipo_check"),
        ),
        sa.CheckConstraint(
            "probabilidade BETWEEN 0 AND 1",
            name=op.f("probabilidades_churn_probabilidade_check"),
        ),
        sa.CheckConstraint(
            "(probabilidade IS NULL) = (tipo = 'sem_visita')",
            name=op.f("probabilidades_churn_sem_numero_check"),
        ),
        sa.ForeignKeyConstraint(
            ["aluno_id"],
            ["alunos.id"],
            name=op.f("probabilidades_churn_aluno_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("dia", "aluno_id", name=op.f("probabilidades_churn_pkey")),
    )
    op.create_table(
        "relatorios_diarios",
        sa.Column("dia", sa.Date(), nullable=False),
        sa.Column("visitas", sa.Integer(), nullable=False),
        sa.Column("alunos", sa.Integer(), nullable=False),
        sa.Column("impressao_digital", sa.Text(), nullable=False, comment="SHA-256 of conteudo."),
        sa.Column("gerado_em", sa.DateTime(timezone=True), nullable=False),
        sa.Column("conteudo", sa.Text(), nullable=False, comment="JSON as it is sent."),
        sa.PrimaryKeyConstraint("dia", name=op.f("relatorios_diarios_pkey")),
    )


def downgrade() -> None:
    op.drop_table("relatorios_diarios")
    op.drop_table("probabilidades_churn")
