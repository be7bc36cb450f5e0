"""First schema

Revision: 0001
After: nothing
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from infra.migrations.access import grant_access, isolate_tenants

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "auditoria",
    "jobs",
    "models",
    "planos",
    "tentativas_login",
    "uploads",
    "usuarios",
    "alunos",
    "model_versions",
    "refresh_tokens",
    "aluno_vigencias",
    "checkins",
    "model_aliases",
    "riscos_churn",
    "import_rejections",
)
TENANT_TABLES = (
    "auditoria",
    "jobs",
    "models",
    "uploads",
    "usuarios",
    "model_versions",
    "refresh_tokens",
    "model_aliases",
    "import_rejections",
)


def upgrade() -> None:
    op.create_table(
        "auditoria",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column(
            "em", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "ator", sa.Text(), nullable=False, comment="Subject of the principal, or a program."
        ),
        sa.Column(
            "acao", sa.Text(), nullable=False, comment="What was done, such as usuario.criado."
        ),
        sa.Column(
            "objeto", sa.Text(), nullable=False, comment="What it was done to, such as usuario:7."
        ),
        sa.Column(
            "detalhes", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("auditoria_pkey")),
    )
    op.create_index("auditoria_tenant_em_idx", "auditoria", ["tenant", "em", "id"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False, comment="Subject of who asked for it."),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("message", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column("progress", sa.Double(), server_default="0", nullable=False),
        sa.Column("step", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempt_limit", sa.Integer(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "next_attempt_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "cancel_requested", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
        sa.Column("checkpoint", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("error", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint(
            "(state = 'running') = (lease_until IS NOT NULL)", name=op.f("jobs_lease_check")
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')",
            name=op.f("jobs_state_check"),
        ),
        sa.CheckConstraint("progress BETWEEN 0 AND 1", name=op.f("jobs_progress_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("jobs_pkey")),
    )
    op.create_index(
        "jobs_dedupe_idx",
        "jobs",
        ["tenant", "queue", "dedupe_key"],
        unique=True,
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )
    op.create_index(
        "jobs_leased_idx",
        "jobs",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_index(
        "jobs_ready_idx",
        "jobs",
        ["queue", "next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index("jobs_tenant_created_idx", "jobs", ["tenant", "created_at", "id"], unique=False)
    op.create_table(
        "models",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("last_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "model", name=op.f("models_pkey")),
    )
    op.create_table(
        "planos",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("nome", sa.Text(), nullable=False),
        sa.Column(
            "mensalidade", sa.Numeric(precision=10, scale=2), nullable=False, comment="BRL a month."
        ),
        sa.Column("ativo", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.CheckConstraint("mensalidade >= 0", name=op.f("planos_mensalidade_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("planos_pkey")),
        sa.UniqueConstraint("nome", name=op.f("planos_nome_key")),
    )
    op.create_table(
        "tentativas_login",
        sa.Column("chave", sa.Text(), nullable=False),
        sa.Column("falhas", sa.Integer(), nullable=False),
        sa.Column("desde", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("chave", name=op.f("tentativas_login_pkey")),
    )
    op.create_table(
        "uploads",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("objeto", sa.Text(), nullable=False, comment="Key; begins with the tenant."),
        sa.Column("tamanho_bytes", sa.BigInteger(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column(
            "criado_em", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("expira_em", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("tamanho_bytes > 0", name=op.f("uploads_tamanho_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("uploads_pkey")),
        sa.UniqueConstraint("objeto", name=op.f("uploads_objeto_key")),
    )
    op.create_index("uploads_tenant_idx", "uploads", ["tenant", "criado_em"], unique=False)
    op.create_table(
        "usuarios",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("nome", sa.Text(), nullable=False),
        sa.Column(
            "senha_hash", sa.Text(), nullable=False, comment="argon2id, with its parameters."
        ),
        sa.Column("papel", sa.Text(), nullable=False),
        sa.Column("ativo", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "criado_em", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "papel IN ('admin', 'operador', 'cientista', 'empresa', 'leitor')",
            name=op.f("usuarios_papel_check"),
        ),
        sa.CheckConstraint("login = lower(login)", name=op.f("usuarios_login_lower_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("usuarios_pkey")),
        sa.UniqueConstraint("login", name=op.f("usuarios_login_key")),
    )
    op.create_table(
        "alunos",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("nome", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False, comment="Lower case."),
        sa.Column("telefone", sa.Text(), nullable=True),
        sa.Column("data_nascimento", sa.Date(), nullable=True),
        sa.Column("plano_id", sa.BigInteger(), nullable=False),
        sa.Column("ativo", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "matriculado_em",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("revisao", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("email = lower(email)", name=op.f("alunos_email_lower_check")),
        sa.ForeignKeyConstraint(["plano_id"], ["planos.id"], name=op.f("alunos_plano_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("alunos_pkey")),
        sa.UniqueConstraint("email", name=op.f("alunos_email_key")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("alunos_plano_id_idx", "alunos", ["plano_id"], unique=False)
    op.create_table(
        "model_versions",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("encoder", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("explainer", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "data",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="Window, rows, fingerprint.",
        ),
        sa.Column("split", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "metrics",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="With their intervals.",
        ),
        sa.Column(
            "artefacts",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="Keys, digests, sizes.",
        ),
        sa.Column("libraries", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint("version > 0", name=op.f("model_versions_version_check")),
        sa.ForeignKeyConstraint(
            ["tenant", "model"],
            ["models.tenant", "models.model"],
            name=op.f("model_versions_tenant_model_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant", "model", "version", name=op.f("model_versions_pkey")),
    )
    op.create_table(
        "refresh_tokens",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("usuario_id", sa.BigInteger(), nullable=False),
        sa.Column("family", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="SHA-256."),
        sa.Column(
            "criado_em", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("expira_em", sa.DateTime(timezone=True), nullable=False),
        sa.Column("usado_em", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revogado_em", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["usuario_id"],
            ["usuarios.id"],
            name=op.f("refresh_tokens_usuario_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("refresh_tokens_pkey")),
        sa.UniqueConstraint("digest", name=op.f("refresh_tokens_digest_key")),
    )
    op.create_index("refresh_tokens_family_idx", "refresh_tokens", ["family"], unique=False)
    op.create_index("refresh_tokens_usuario_id_idx", "refresh_tokens", ["usuario_id"], unique=False)
    op.create_table(
        "aluno_vigencias",
        sa.Column("aluno_id", sa.BigInteger(), nullable=False),
        sa.Column("desde", sa.DateTime(timezone=True), nullable=False),
        sa.Column("plano_id", sa.BigInteger(), nullable=False),
        sa.Column("ativo", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.ForeignKeyConstraint(
            ["aluno_id"],
            ["alunos.id"],
            name=op.f("aluno_vigencias_aluno_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["plano_id"], ["planos.id"], name=op.f("aluno_vigencias_plano_id_fkey")
        ),
        sa.PrimaryKeyConstraint("aluno_id", "desde", name=op.f("aluno_vigencias_pkey")),
    )
    op.create_table(
        "checkins",
        sa.Column("aluno_id", sa.BigInteger(), nullable=False),
        sa.Column("entrada", sa.DateTime(timezone=True), nullable=False),
        sa.Column("saida", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "sem_saida",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="Over, but nobody recorded the exit.",
        ),
        sa.Column("chave_evento", sa.Text(), nullable=True, comment="Key of the entry event."),
        sa.Column("chave_saida", sa.Text(), nullable=True, comment="Key of the exit event."),
        sa.CheckConstraint(
            "saida > entrada AND saida <= entrada + interval '24 hours'",
            name=op.f("checkins_duracao_check"),
        ),
        sa.CheckConstraint(
            "NOT (sem_saida AND saida IS NOT NULL)", name=op.f("checkins_sem_saida_check")
        ),
        sa.ForeignKeyConstraint(
            ["aluno_id"], ["alunos.id"], name=op.f("checkins_aluno_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint(
            "aluno_id", "entrada", name=op.f("checkins_pkey"), postgresql_include=["saida"]
        ),
    )
    op.create_index(
        "checkins_aberta_idx",
        "checkins",
        ["aluno_id"],
        unique=True,
        postgresql_where=sa.text("saida IS NULL AND NOT sem_saida"),
    )
    op.create_index(
        "checkins_chave_evento_idx",
        "checkins",
        ["chave_evento"],
        unique=True,
        postgresql_where=sa.text("chave_evento IS NOT NULL"),
    )
    op.create_index(
        "checkins_chave_saida_idx",
        "checkins",
        ["chave_saida"],
        unique=True,
        postgresql_where=sa.text("chave_saida IS NOT NULL"),
    )
    op.create_index(
        "checkins_entrada_idx", "checkins", ["entrada"], unique=False, postgresql_using="brin"
    )
    op.create_table(
        "model_aliases",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "moved_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("moved_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "alias IN ('champion', 'challenger')", name=op.f("model_aliases_alias_check")
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "model", "version"],
            ["model_versions.tenant", "model_versions.model", "model_versions.version"],
            name=op.f("model_aliases_tenant_model_version_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant", "model", "alias", name=op.f("model_aliases_pkey")),
    )
    op.create_table(
        "riscos_churn",
        sa.Column("aluno_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "revisao",
            sa.BigInteger(),
            nullable=False,
            comment="aluno.revisao it was computed under.",
        ),
        sa.Column("dia", sa.Date(), nullable=False, comment="Local day it was computed on."),
        sa.Column("modelo_versao", sa.Integer(), nullable=False),
        sa.Column("probabilidade", sa.Double(), nullable=False),
        sa.Column("calculado_em", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "formato", sa.Text(), nullable=False, comment="Bands and shape of the stored answer."
        ),
        sa.Column(
            "resposta", sa.Text(), nullable=False, comment="JSON as it is sent, but for origem."
        ),
        sa.CheckConstraint(
            "probabilidade BETWEEN 0 AND 1", name=op.f("riscos_churn_probabilidade_check")
        ),
        sa.ForeignKeyConstraint(
            ["aluno_id"], ["alunos.id"], name=op.f("riscos_churn_aluno_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("aluno_id", name=op.f("riscos_churn_pkey")),
    )
    op.create_table(
        "import_rejections",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("linha", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("motivo", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("import_rejections_job_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "linha", name=op.f("import_rejections_pkey")),
    )
    grant_access()
    isolate_tenants(TENANT_TABLES)
    op.execute("REVOKE UPDATE, DELETE ON auditoria FROM previsto_app, previsto_system")


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
