"""Companies, their datasets and decisions

Revision: 0010
After: 0009
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from infra.migrations.access import isolate_tenants

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


TABLES = (
    "chaves_api",
    "credito_contas",
    "credito_datasets",
    "credito_lotes_pedidos",
    "credito_politicas",
    "empresas",
    "credito_clientes",
    "credito_consultas",
    "credito_limites",
    "credito_lotes",
    "credito_medicoes",
    "credito_pedidos",
    "credito_decisoes",
    "credito_erros",
    "credito_itens_pedidos",
    "credito_desfechos",
    "credito_revisoes",
)


def upgrade() -> None:
    op.create_table(
        "chaves_api",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("nome", sa.Text(), nullable=False),
        sa.Column(
            "prefixo", sa.Text(), nullable=False, comment="Its first characters, to tell it by."
        ),
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="SHA-256."),
        sa.Column(
            "criada_em", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("criada_por", sa.Text(), nullable=False),
        sa.Column("expira_em", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "usada_em",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="To the day: a write per request would cost too much.",
        ),
        sa.Column("revogada_em", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("chaves_api_pkey")),
        sa.UniqueConstraint("digest", name=op.f("chaves_api_digest_key")),
    )
    op.create_index(
        "chaves_api_nome_idx",
        "chaves_api",
        ["tenant", "nome"],
        unique=True,
        postgresql_where=sa.text("revogada_em IS NULL"),
    )
    op.create_table(
        "credito_contas",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("cliente", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "cliente", name=op.f("credito_contas_pkey")),
    )
    op.create_table(
        "credito_datasets",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column(
            "acervo",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="The company's standing collection; it has one.",
        ),
        sa.Column("nome", sa.Text(), nullable=True),
        sa.Column("alvo", sa.Text(), nullable=True),
        sa.Column("estado", sa.Text(), server_default="aberto", nullable=False),
        sa.Column(
            "criado_em", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("criado_por", sa.Text(), nullable=False),
        sa.Column("expira_em", sa.DateTime(timezone=True), nullable=True),
        sa.Column("encerrado_em", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "esperados",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="Items of each tipo, as the company counted them when it concluded.",
        ),
        sa.Column(
            "aceita_recusados",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="Concluded although items were refused.",
        ),
        sa.Column(
            "aceita_sem_cliente",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="Concluded although items name unknown clientes.",
        ),
        sa.Column("job_id", sa.Uuid(), nullable=True, comment="Of the last conclusion."),
        sa.Column(
            "problemas",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="[]",
            nullable=False,
            comment="What the last conclusion found wrong.",
        ),
        sa.Column(
            "avisos",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="[]",
            nullable=False,
            comment="What it found worth knowing.",
        ),
        sa.Column(
            "esquema",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
            comment="Inferred columns by tipo: name -> kind, missing, distinct, examples.",
        ),
        sa.CheckConstraint(
            "alvo IN ('faturamento', 'pagamento')", name=op.f("credito_datasets_alvo_check")
        ),
        sa.CheckConstraint(
            "estado IN ('aberto', 'conferindo', 'fechado', 'cancelado', 'expirado')",
            name=op.f("credito_datasets_estado_check"),
        ),
        sa.CheckConstraint(
            "acervo OR alvo IS NOT NULL", name=op.f("credito_datasets_tem_alvo_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("credito_datasets_pkey")),
    )
    op.create_index(
        "credito_datasets_acervo_idx",
        "credito_datasets",
        ["tenant"],
        unique=True,
        postgresql_where=sa.text("acervo"),
    )
    op.create_index(
        "credito_datasets_tenant_idx",
        "credito_datasets",
        ["tenant", "criado_em", "id"],
        unique=False,
    )
    op.create_table(
        "credito_lotes_pedidos",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column(
            "objeto", sa.Text(), nullable=False, comment="Key of the body; begins with the tenant."
        ),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("itens", sa.Integer(), nullable=False),
        sa.Column(
            "recebido_em",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("recebido_por", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("credito_lotes_pedidos_pkey")),
    )
    op.create_table(
        "credito_politicas",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("versao", sa.Integer(), nullable=False),
        sa.Column(
            "conteudo",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="Rules, costs, review band, sensitive and changeable columns.",
        ),
        sa.Column(
            "criada_em", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("criada_por", sa.Text(), nullable=False),
        sa.Column("motivo", sa.Text(), nullable=False),
        sa.CheckConstraint("versao > 0", name=op.f("credito_politicas_versao_check")),
        sa.PrimaryKeyConstraint("tenant", "versao", name=op.f("credito_politicas_pkey")),
    )
    op.create_table(
        "empresas",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("nome", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False, comment="Lower case."),
        sa.Column("cnpj", sa.Text(), nullable=True, comment="14 digits or, from 2026 on, letters."),
        sa.Column("ativa", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "criada_em", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint("email = lower(email)", name=op.f("empresas_email_lower_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("empresas_pkey")),
        sa.UniqueConstraint("cnpj", name=op.f("empresas_cnpj_key")),
        sa.UniqueConstraint("email", name=op.f("empresas_email_key")),
        sa.UniqueConstraint("tenant", name=op.f("empresas_tenant_key")),
    )
    op.create_table(
        "credito_clientes",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("codigo", sa.Text(), nullable=False),
        sa.Column("vale_desde", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cliente_desde", sa.Date(), nullable=True),
        sa.Column("titulos_pagos", sa.Integer(), nullable=True),
        sa.Column("titulos_em_atraso", sa.Integer(), nullable=True),
        sa.Column("valor_em_atraso", sa.Numeric(precision=16, scale=2), nullable=True),
        sa.Column("atraso_medio_dias", sa.Double(), nullable=True),
        sa.Column("maior_atraso_dias", sa.Integer(), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.Column("linha", sa.Integer(), nullable=True),
        sa.Column(
            "recebido_em",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "atributos",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
            comment="The company's own columns: plain values.",
        ),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["credito_datasets.id"],
            name=op.f("credito_clientes_dataset_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("credito_clientes_pkey")),
        sa.UniqueConstraint(
            "tenant",
            "dataset_id",
            "codigo",
            "vale_desde",
            name=op.f("credito_clientes_tenant_dataset_id_codigo_vale_desde_key"),
        ),
    )
    op.create_index(
        "credito_clientes_lote_idx", "credito_clientes", ["dataset_id", "seq"], unique=False
    )
    op.create_table(
        "credito_consultas",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("cliente", sa.Text(), nullable=False),
        sa.Column("consultada_em", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ocorrencias", sa.Integer(), nullable=True),
        sa.Column("valor_ocorrencias", sa.Numeric(precision=16, scale=2), nullable=True),
        sa.Column("protestos", sa.Integer(), nullable=True),
        sa.Column("falencia", sa.Boolean(), nullable=True),
        sa.Column("pontuacao", sa.Integer(), nullable=True, comment="Serasa's own score."),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.Column("linha", sa.Integer(), nullable=True),
        sa.Column(
            "recebido_em",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "atributos",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
            comment="The company's own columns: plain values.",
        ),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["credito_datasets.id"],
            name=op.f("credito_consultas_dataset_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("credito_consultas_pkey")),
        sa.UniqueConstraint(
            "tenant",
            "dataset_id",
            "cliente",
            "consultada_em",
            name=op.f("credito_consultas_tenant_dataset_id_cliente_consultada_em_key"),
        ),
    )
    op.create_index(
        "credito_consultas_lote_idx", "credito_consultas", ["dataset_id", "seq"], unique=False
    )
    op.create_table(
        "credito_limites",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("cliente", sa.Text(), nullable=False),
        sa.Column("vale_desde", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valor", sa.Numeric(precision=16, scale=2), nullable=False),
        sa.Column("utilizado", sa.Numeric(precision=16, scale=2), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.Column("linha", sa.Integer(), nullable=True),
        sa.Column(
            "recebido_em",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "atributos",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
            comment="The company's own columns: plain values.",
        ),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["credito_datasets.id"],
            name=op.f("credito_limites_dataset_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("credito_limites_pkey")),
        sa.UniqueConstraint(
            "tenant",
            "dataset_id",
            "cliente",
            "vale_desde",
            name=op.f("credito_limites_tenant_dataset_id_cliente_vale_desde_key"),
        ),
    )
    op.create_index(
        "credito_limites_lote_idx", "credito_limites", ["dataset_id", "seq"], unique=False
    )
    op.create_table(
        "credito_lotes",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("tipo", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of the body."),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column(
            "objeto", sa.Text(), nullable=False, comment="Key of the body; begins with the tenant."
        ),
        sa.Column(
            "versao",
            sa.Integer(),
            server_default="1",
            nullable=False,
            comment="Counts up with each body, and each time it is read anew.",
        ),
        sa.Column("estado", sa.Text(), server_default="pendente", nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("itens", sa.Integer(), nullable=False, comment="Rows of the body."),
        sa.Column("aceitos", sa.Integer(), server_default="0", nullable=False),
        sa.Column("recusados", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "desfechos",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
            comment="Accepted orders by outcome, or status as written.",
        ),
        sa.Column(
            "avisos",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
            comment="How often a value was read by a rule worth knowing.",
        ),
        sa.Column(
            "recebido_em",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("gravado_em", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "estado IN ('pendente', 'gravado')", name=op.f("credito_lotes_estado_check")
        ),
        sa.CheckConstraint(
            "tipo IN ('clientes', 'pedidos', 'limites', 'consultas-serasa')",
            name=op.f("credito_lotes_tipo_check"),
        ),
        sa.CheckConstraint("seq BETWEEN 1 AND 1000000", name=op.f("credito_lotes_seq_check")),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["credito_datasets.id"],
            name=op.f("credito_lotes_dataset_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("dataset_id", "tipo", "seq", name=op.f("credito_lotes_pkey")),
    )
    op.create_table(
        "credito_pedidos",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("numero", sa.Text(), nullable=False),
        sa.Column("cliente", sa.Text(), nullable=False),
        sa.Column("valor", sa.Numeric(precision=16, scale=2), nullable=False),
        sa.Column(
            "pedido_em",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Null where the company does not know; then as of now.",
        ),
        sa.Column("desfecho", sa.Text(), nullable=True),
        sa.Column("desfecho_em", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "desfecho_informado",
            sa.Text(),
            nullable=True,
            comment="A status that is none of the outcomes, as written; never learnt of.",
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.Column("linha", sa.Integer(), nullable=True),
        sa.Column(
            "recebido_em",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "atributos",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
            comment="The company's own columns: plain values.",
        ),
        sa.CheckConstraint(
            "desfecho IN ('faturado', 'bloqueado', 'pago', 'inadimplente')",
            name=op.f("credito_pedidos_desfecho_check"),
        ),
        sa.CheckConstraint("valor >= 0", name=op.f("credito_pedidos_valor_check")),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["credito_datasets.id"],
            name=op.f("credito_pedidos_dataset_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("credito_pedidos_pkey")),
        sa.UniqueConstraint(
            "tenant",
            "dataset_id",
            "numero",
            name=op.f("credito_pedidos_tenant_dataset_id_numero_key"),
        ),
    )
    op.create_index(
        "credito_pedidos_cliente_idx",
        "credito_pedidos",
        ["tenant", "dataset_id", "cliente", "pedido_em"],
        unique=False,
    )
    op.create_index(
        "credito_pedidos_lote_idx", "credito_pedidos", ["dataset_id", "seq"], unique=False
    )
    op.create_table(
        "credito_decisoes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("pedido_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "cliente",
            sa.Text(),
            nullable=False,
            comment="Of the order; exposure is summed by it.",
        ),
        sa.Column(
            "decisao", sa.Text(), nullable=False, comment="As it was decided; never changed."
        ),
        sa.Column(
            "situacao", sa.Text(), nullable=False, comment="As it stands, after people's revisions."
        ),
        sa.Column(
            "origem", sa.Text(), nullable=False, comment="What decided: a rule, the model, neither."
        ),
        sa.Column("regra", sa.Text(), nullable=True),
        sa.Column(
            "regras",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="[]",
            nullable=False,
            comment="All that spoke, the decisive one first.",
        ),
        sa.Column("limiares", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("probabilidade", sa.Double(), nullable=True, comment="Of the bad outcome."),
        sa.Column("politica_versao", sa.Integer(), nullable=False),
        sa.Column("modelo_versao", sa.Integer(), nullable=True),
        sa.Column("modelo_sha256", sa.Text(), nullable=True),
        sa.Column(
            "entradas",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="Everything that was looked at: columns, limit, exposure, rule inputs.",
        ),
        sa.Column(
            "sensiveis",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
            comment="Sensitive columns, for the fairness report only.",
        ),
        sa.Column(
            "justificativas",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="[]",
            nullable=False,
        ),
        sa.Column("contrafactual", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "avisos", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False
        ),
        sa.Column("valor_base", sa.Double(), nullable=True, comment="What the reasons start from."),
        sa.Column("decidido_em", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decidido_por", sa.Text(), nullable=False),
        sa.Column("lote_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "decisao IN ('aprovado', 'revisao', 'negado')",
            name=op.f("credito_decisoes_decisao_check"),
        ),
        sa.CheckConstraint(
            "origem IN ('regra', 'modelo', 'sem_modelo')",
            name=op.f("credito_decisoes_origem_check"),
        ),
        sa.CheckConstraint(
            "situacao IN ('aprovado', 'revisao', 'negado')",
            name=op.f("credito_decisoes_situacao_check"),
        ),
        sa.CheckConstraint(
            "probabilidade BETWEEN 0 AND 1", name=op.f("credito_decisoes_probabilidade_check")
        ),
        sa.ForeignKeyConstraint(
            ["lote_id"], ["credito_lotes_pedidos.id"], name=op.f("credito_decisoes_lote_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["pedido_id"], ["credito_pedidos.id"], name=op.f("credito_decisoes_pedido_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("credito_decisoes_pkey")),
        sa.UniqueConstraint("pedido_id", name=op.f("credito_decisoes_pedido_id_key")),
    )
    op.create_index(
        "credito_decisoes_aprovado_idx",
        "credito_decisoes",
        ["tenant", "cliente", "decidido_em"],
        unique=False,
        postgresql_where=sa.text("situacao = 'aprovado'"),
    )
    op.create_index(
        "credito_decisoes_cliente_idx",
        "credito_decisoes",
        ["tenant", "cliente", "decidido_em", "id"],
        unique=False,
    )
    op.create_index(
        "credito_decisoes_lote_idx",
        "credito_decisoes",
        ["lote_id"],
        unique=False,
        postgresql_where=sa.text("lote_id IS NOT NULL"),
    )
    op.create_index(
        "credito_decisoes_revisao_idx",
        "credito_decisoes",
        ["tenant", "decidido_em", "id"],
        unique=False,
        postgresql_where=sa.text("situacao = 'revisao'"),
    )
    op.create_index(
        "credito_decisoes_tenant_idx",
        "credito_decisoes",
        ["tenant", "decidido_em", "id"],
        unique=False,
    )
    op.create_table(
        "credito_erros",
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("tipo", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("linha", sa.Integer(), nullable=False, comment="1 is the first item."),
        sa.Column("ordem", sa.Integer(), nullable=False, comment="1 is its first fault."),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("campo", sa.Text(), nullable=True),
        sa.Column("motivo", sa.Text(), nullable=False),
        sa.Column(
            "repetido_de",
            sa.Integer(),
            nullable=True,
            comment="The lot that has the item of the same key; its replacement lets this one in.",
        ),
        sa.ForeignKeyConstraint(
            ["dataset_id", "tipo", "seq"],
            ["credito_lotes.dataset_id", "credito_lotes.tipo", "credito_lotes.seq"],
            name=op.f("credito_erros_dataset_id_tipo_seq_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "dataset_id", "tipo", "seq", "linha", "ordem", name=op.f("credito_erros_pkey")
        ),
    )
    op.create_table(
        "credito_itens_pedidos",
        sa.Column("lote_id", sa.Uuid(), nullable=False),
        sa.Column("linha", sa.Integer(), nullable=False, comment="1 is the first order."),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("numero", sa.Text(), nullable=True),
        sa.Column("pedido_id", sa.BigInteger(), nullable=True),
        sa.Column("problema", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint(
            "(pedido_id IS NULL) <> (problema IS NULL)",
            name=op.f("credito_itens_pedidos_um_dos_dois_check"),
        ),
        sa.ForeignKeyConstraint(
            ["lote_id"],
            ["credito_lotes_pedidos.id"],
            name=op.f("credito_itens_pedidos_lote_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["pedido_id"], ["credito_pedidos.id"], name=op.f("credito_itens_pedidos_pedido_id_fkey")
        ),
        sa.PrimaryKeyConstraint("lote_id", "linha", name=op.f("credito_itens_pedidos_pkey")),
    )
    op.create_table(
        "credito_desfechos",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("pedido_id", sa.BigInteger(), nullable=False),
        sa.Column("de", sa.Text(), nullable=True),
        sa.Column("para", sa.Text(), nullable=True),
        sa.Column("ocorrido_em", sa.DateTime(timezone=True), nullable=True),
        sa.Column("motivo", sa.Text(), nullable=True, comment="Of a correction."),
        sa.Column(
            "em", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("por", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "para IN ('faturado', 'bloqueado', 'pago', 'inadimplente')",
            name=op.f("credito_desfechos_para_check"),
        ),
        sa.ForeignKeyConstraint(
            ["pedido_id"], ["credito_pedidos.id"], name=op.f("credito_desfechos_pedido_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("credito_desfechos_pkey")),
    )
    op.create_index(
        "credito_desfechos_pedido_idx", "credito_desfechos", ["pedido_id", "id"], unique=False
    )
    op.create_table(
        "credito_revisoes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("decisao_id", sa.BigInteger(), nullable=False),
        sa.Column("de", sa.Text(), nullable=False),
        sa.Column("para", sa.Text(), nullable=False),
        sa.Column("motivo", sa.Text(), nullable=False),
        sa.Column(
            "em", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("por", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "para IN ('aprovado', 'negado')", name=op.f("credito_revisoes_para_check")
        ),
        sa.ForeignKeyConstraint(
            ["decisao_id"], ["credito_decisoes.id"], name=op.f("credito_revisoes_decisao_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("credito_revisoes_pkey")),
    )
    op.create_index(
        "credito_revisoes_decisao_idx", "credito_revisoes", ["decisao_id", "id"], unique=False
    )
    op.create_table(
        "credito_medicoes",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("dia", sa.Date(), nullable=False),
        sa.Column("medido_em", sa.DateTime(timezone=True), nullable=False),
        sa.Column("conteudo", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "dia", name=op.f("credito_medicoes_pkey")),
    )
    isolate_tenants(TABLES)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
