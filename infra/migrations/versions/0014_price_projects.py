"""Projects of prices, who they are shared with, and their datasets

Revision: 0014
After: 0013
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from infra.migrations.access import isolate_tenants

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TABLES = ("precos_projetos", "precos_membros", "precos_datasets")


def upgrade() -> None:
    op.create_table(
        "precos_projetos",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("nome", sa.Text(), nullable=False),
        sa.Column("descricao", sa.Text(), server_default="", nullable=False),
        sa.Column("dono_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "criado_em", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "excluido_em",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Nobody sees it from then on.",
        ),
        sa.ForeignKeyConstraint(
            ["dono_id"], ["usuarios.id"], name=op.f("precos_projetos_dono_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("precos_projetos_pkey")),
    )
    op.create_index(
        "precos_projetos_dono_id_idx",
        "precos_projetos",
        ["dono_id", "criado_em", "id"],
        postgresql_where=sa.text("excluido_em IS NULL"),
    )
    op.create_table(
        "precos_membros",
        sa.Column("projeto_id", sa.Uuid(), nullable=False),
        sa.Column("usuario_id", sa.BigInteger(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("papel", sa.Text(), nullable=False),
        sa.Column("desde", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "papel IN ('leitor', 'treinador', 'admin')", name=op.f("precos_membros_papel_check")
        ),
        sa.ForeignKeyConstraint(
            ["projeto_id"], ["precos_projetos.id"], name=op.f("precos_membros_projeto_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["usuario_id"], ["usuarios.id"], name=op.f("precos_membros_usuario_id_fkey")
        ),
        sa.PrimaryKeyConstraint("projeto_id", "usuario_id", name=op.f("precos_membros_pkey")),
    )
    op.create_index("precos_membros_usuario_id_idx", "precos_membros", ["usuario_id"])
    op.create_table(
        "precos_datasets",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("projeto_id", sa.Uuid(), nullable=False),
        sa.Column("versao", sa.Integer(), nullable=False, comment="Within the project, from 1."),
        sa.Column("nome", sa.Text(), nullable=False),
        sa.Column("estado", sa.Text(), server_default="recebido", nullable=False),
        sa.Column(
            "sha256",
            sa.Text(),
            nullable=True,
            comment="Of the bytes sent; null until a file sent by signed upload was read.",
        ),
        sa.Column(
            "origem",
            postgresql.JSONB(),
            nullable=False,
            comment="objeto, media_type, bytes; once read: encoding, delimiter and the like.",
        ),
        sa.Column(
            "parquet",
            postgresql.JSONB(),
            nullable=True,
            comment="objeto, sha256, bytes of what is kept.",
        ),
        sa.Column("linhas", sa.BigInteger(), nullable=True),
        sa.Column(
            "linhas_recusadas",
            sa.BigInteger(),
            nullable=True,
            comment="Rows of the file that are not in the Parquet; the job lists them.",
        ),
        sa.Column(
            "perfil",
            postgresql.JSONB(),
            nullable=True,
            comment="What was found; corrections do not change it.",
        ),
        sa.Column(
            "figuras",
            postgresql.JSONB(),
            nullable=True,
            comment="What figures are drawn from: a sample, correlations.",
        ),
        sa.Column(
            "correcoes",
            postgresql.JSONB(),
            server_default="{}",
            nullable=False,
            comment="Column -> what is said better than the profile.",
        ),
        sa.Column(
            "efetivo",
            postgresql.JSONB(),
            server_default="[]",
            nullable=False,
            comment="The columns after corrections.",
        ),
        sa.Column("revisao", sa.Integer(), server_default="1", nullable=False),
        sa.Column("motivo", sa.Text(), nullable=True, comment="Why the file was refused; pt-BR."),
        sa.Column("job_id", sa.Uuid(), nullable=True, comment="The job that profiles it."),
        sa.Column("criado_por", sa.Text(), nullable=False, comment="Subject of who sent it."),
        sa.Column("criado_em", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "estado IN ('recebido', 'perfilando', 'pronto', 'recusado')",
            name=op.f("precos_datasets_estado_check"),
        ),
        sa.CheckConstraint(
            "(estado = 'pronto') = (parquet IS NOT NULL)",
            name=op.f("precos_datasets_parquet_check"),
        ),
        sa.ForeignKeyConstraint(
            ["projeto_id"], ["precos_projetos.id"], name=op.f("precos_datasets_projeto_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("precos_datasets_pkey")),
        sa.UniqueConstraint(
            "projeto_id", "versao", name=op.f("precos_datasets_projeto_id_versao_key")
        ),
    )
    op.create_index(
        "precos_datasets_sha256_idx",
        "precos_datasets",
        ["projeto_id", "sha256"],
        unique=True,
        postgresql_where=sa.text("estado <> 'recusado'"),
    )
    isolate_tenants(TABLES)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
