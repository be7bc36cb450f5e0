"""Prices: trainings, versions put away, predictions and what became of them

Revision: 0015
After: 0014
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from infra.migrations.access import isolate_tenants

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TABLES = (
    "precos_treinamentos",
    "precos_arquivadas",
    "precos_medicoes",
    "precos_chamadas",
    "precos_previsoes",
)


def of_project(table: str) -> sa.ForeignKeyConstraint:
    """What goes with its project."""
    return sa.ForeignKeyConstraint(
        ["projeto_id"],
        ["precos_projetos.id"],
        name=op.f(f"{table}_projeto_id_fkey"),
        ondelete="CASCADE",
    )


def upgrade() -> None:
    make_trainings()
    make_measurements()
    make_predictions()
    isolate_tenants(TABLES)


def make_trainings() -> None:
    op.create_table(
        "precos_treinamentos",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("projeto_id", sa.Uuid(), nullable=False),
        sa.Column("dataset_id", sa.BigInteger(), nullable=False),
        sa.Column("experimento", postgresql.JSONB(), nullable=False, comment="As it was declared."),
        sa.Column(
            "job_id", sa.Uuid(), nullable=False, comment="Its row goes some time after its end."
        ),
        sa.Column("versao", sa.Integer(), nullable=True, comment="What it published."),
        sa.Column(
            "resultado",
            postgresql.JSONB(),
            nullable=True,
            comment="Written before the version is published, so that a kill loses neither.",
        ),
        sa.Column(
            "figuras",
            postgresql.JSONB(),
            server_default="{}",
            nullable=False,
            comment="Plotly JSON by name.",
        ),
        sa.Column(
            "criado_em",
            sa.DateTime(timezone=True),
            server_default=sa.func.now(),
            nullable=False,
        ),
        sa.Column("criado_por", sa.Text(), nullable=False, comment="Subject of who asked for it."),
        sa.Column("concluido_em", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "versao IS NULL OR resultado IS NOT NULL",
            name=op.f("precos_treinamentos_concluido_check"),
        ),
        of_project("precos_treinamentos"),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["precos_datasets.id"],
            name=op.f("precos_treinamentos_dataset_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("precos_treinamentos_pkey")),
    )
    op.create_index("precos_treinamentos_projeto_idx", "precos_treinamentos", ["projeto_id", "id"])
    op.create_index("precos_treinamentos_dataset_idx", "precos_treinamentos", ["dataset_id"])


def make_measurements() -> None:
    op.create_table(
        "precos_arquivadas",
        sa.Column("projeto_id", sa.Uuid(), nullable=False),
        sa.Column("versao", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("arquivada_em", sa.DateTime(timezone=True), nullable=False),
        sa.Column("arquivada_por", sa.Text(), nullable=False),
        sa.Column("motivo", sa.Text(), nullable=False),
        of_project("precos_arquivadas"),
        sa.PrimaryKeyConstraint("projeto_id", "versao", name=op.f("precos_arquivadas_pkey")),
    )
    op.create_table(
        "precos_medicoes",
        sa.Column("projeto_id", sa.Uuid(), nullable=False),
        sa.Column("dia", sa.Date(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("medido_em", sa.DateTime(timezone=True), nullable=False),
        sa.Column("conteudo", postgresql.JSONB(), nullable=False),
        of_project("precos_medicoes"),
        sa.PrimaryKeyConstraint("projeto_id", "dia", name=op.f("precos_medicoes_pkey")),
    )


def make_predictions() -> None:
    op.create_table(
        "precos_chamadas",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("projeto_id", sa.Uuid(), nullable=False),
        sa.Column("versao", sa.Integer(), nullable=False),
        sa.Column("usuario", sa.Text(), nullable=False, comment="Subject of who asked."),
        sa.Column("em", sa.DateTime(timezone=True), nullable=False),
        sa.Column("linhas", sa.Integer(), nullable=False),
        sa.Column("origem", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=True, comment="Of a file."),
        sa.Column(
            "relatorio",
            postgresql.JSONB(),
            nullable=True,
            comment="Of a file: what became of its rows, and where the answers are.",
        ),
        sa.Column(
            "faixas",
            postgresql.JSONB(),
            nullable=True,
            comment="Of a file: how many of its rows fell into each of training's bins.",
        ),
        sa.CheckConstraint(
            "origem IN ('api', 'arquivo')", name=op.f("precos_chamadas_origem_check")
        ),
        sa.CheckConstraint("linhas >= 0", name=op.f("precos_chamadas_linhas_check")),
        of_project("precos_chamadas"),
        sa.PrimaryKeyConstraint("id", name=op.f("precos_chamadas_pkey")),
        sa.UniqueConstraint("job_id", name=op.f("precos_chamadas_job_id_key")),
    )
    op.create_index(
        "precos_chamadas_uso_idx",
        "precos_chamadas",
        ["projeto_id", "em"],
        postgresql_include=["versao", "usuario", "linhas", "origem"],
    )
    op.create_table(
        "precos_previsoes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("projeto_id", sa.Uuid(), nullable=False),
        sa.Column("chamada_id", sa.BigInteger(), nullable=False),
        sa.Column("versao", sa.Integer(), nullable=False),
        sa.Column("usuario", sa.Text(), nullable=False),
        sa.Column("em", sa.DateTime(timezone=True), nullable=False),
        sa.Column("referencia", sa.Text(), nullable=True, comment="The caller's own key."),
        sa.Column(
            "entrada", postgresql.JSONB(), nullable=False, comment="Columns as they were read."
        ),
        sa.Column("valor", sa.Float(), nullable=True, comment="In the target's unit."),
        sa.Column("baixo", sa.Float(), nullable=True),
        sa.Column("alto", sa.Float(), nullable=True),
        sa.Column("classe", sa.Text(), nullable=True),
        sa.Column("probabilidades", postgresql.JSONB(), nullable=True),
        sa.Column(
            "avisos",
            postgresql.JSONB(),
            server_default="{}",
            nullable=False,
            comment="What training had seen nothing like.",
        ),
        sa.Column("observado", sa.Numeric(), nullable=True, comment="What it really was."),
        sa.Column("observado_classe", sa.Text(), nullable=True),
        sa.Column(
            "observado_em",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When we were told.",
        ),
        sa.Column("observado_por", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(valor IS NULL) <> (classe IS NULL)", name=op.f("precos_previsoes_resposta_check")
        ),
        sa.CheckConstraint(
            "observado_em IS NOT NULL OR (observado IS NULL AND observado_classe IS NULL)",
            name=op.f("precos_previsoes_observado_check"),
        ),
        of_project("precos_previsoes"),
        sa.ForeignKeyConstraint(
            ["chamada_id"],
            ["precos_chamadas.id"],
            name=op.f("precos_previsoes_chamada_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("precos_previsoes_pkey")),
    )
    make_prediction_indexes()


def make_prediction_indexes() -> None:
    table = "precos_previsoes"
    op.create_index(f"{table}_projeto_idx", table, ["projeto_id", "em", "id"])
    op.create_index(f"{table}_chamada_idx", table, ["chamada_id"])
    op.create_index(
        f"{table}_referencia_idx",
        table,
        ["projeto_id", "referencia"],
        postgresql_where=sa.text("referencia IS NOT NULL"),
    )
    op.create_index(
        f"{table}_observado_idx",
        table,
        ["projeto_id", "versao", "id"],
        postgresql_where=sa.text("observado_em IS NOT NULL"),
    )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
