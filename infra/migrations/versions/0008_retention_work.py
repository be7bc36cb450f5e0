"""The retention team's work: plays, alert rules, groups, worklists and contacts

Revision: 0008
After: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

CANAL = "canal IN ('whatsapp', 'telefone', 'email', 'presencial', 'outro')"
GRUPO = "grupo IN ('contato', 'controle')"

# What a new installation begins with; the club edits it.
REGRAS = (
    ("14 dias sem vir", "dias_ausente", 14.0),
    ("Metade do próprio ritmo", "ritmo_proprio", 0.5),
)
JOGADAS = (
    (
        "Ligação do professor",
        "Ligue hoje. Pergunte como está, não por que faltou; ofereça um treino marcado com quem já o acompanha.",
        "telefone",
        10,
        "alto",
        None,
        None,
    ),
    (
        "Sentimos sua falta",
        "Mensagem pessoal, com o nome de quem atende: duas semanas sem vir. Ofereça ajuste de horário.",
        "whatsapp",
        20,
        None,
        None,
        "14 dias sem vir",
    ),
    (
        "Retomar o ritmo",
        "Vem menos do que costumava. Pergunte o que mudou e sugira um treino mais curto ou outro horário.",
        "whatsapp",
        30,
        None,
        None,
        "Metade do próprio ritmo",
    ),
    (
        "Acolhida de quem é novo",
        "Ainda não tem hábito. Convide para uma aula coletiva e apresente a equipe.",
        "presencial",
        40,
        None,
        "meses_de_casa",
        None,
    ),
    (
        "Conversa na recepção",
        "Na próxima visita, pergunte como vão os treinos e anote o que ouvir.",
        "presencial",
        90,
        None,
        None,
        None,
    ),
)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "regras_alerta",
        _id(),
        sa.Column("nome", sa.Text(), nullable=False),
        sa.Column("tipo", sa.Text(), nullable=False),
        sa.Column(
            "limite", sa.Float(), nullable=False, comment="Days, or share of the member's own pace."
        ),
        sa.Column(
            "prioritaria",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="Whom it names come before everybody else.",
        ),
        sa.Column("ativo", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.CheckConstraint(
            "tipo IN ('dias_ausente', 'ritmo_proprio')", name=op.f("regras_alerta_tipo_check")
        ),
        sa.CheckConstraint("limite > 0", name=op.f("regras_alerta_limite_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("regras_alerta_pkey")),
        sa.UniqueConstraint("nome", name=op.f("regras_alerta_nome_key")),
    )
    op.create_table(
        "jogadas",
        _id(),
        sa.Column("nome", sa.Text(), nullable=False),
        sa.Column("descricao", sa.Text(), nullable=False),
        sa.Column("canal", sa.Text(), nullable=False, comment="Suggested."),
        sa.Column(
            "prioridade", sa.Integer(), nullable=False, comment="The lowest that fits is suggested."
        ),
        sa.Column("faixa", sa.Text(), nullable=True),
        sa.Column("fator", sa.Text(), nullable=True, comment="The strongest reason's column."),
        sa.Column("regra_id", sa.BigInteger(), nullable=True),
        sa.Column("ativo", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.CheckConstraint(CANAL, name=op.f("jogadas_canal_check")),
        sa.CheckConstraint("faixa IN ('baixo', 'medio', 'alto')", name=op.f("jogadas_faixa_check")),
        sa.ForeignKeyConstraint(
            ["regra_id"], ["regras_alerta.id"], name=op.f("jogadas_regra_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("jogadas_pkey")),
        sa.UniqueConstraint("nome", name=op.f("jogadas_nome_key")),
    )
    op.create_table(
        "grupos_retencao",
        sa.Column("aluno_id", sa.BigInteger(), nullable=False),
        sa.Column("grupo", sa.Text(), nullable=False),
        sa.Column("semente", sa.Text(), nullable=False),
        sa.Column(
            "fracao",
            sa.Float(),
            nullable=False,
            comment="Of members held out, when this was drawn.",
        ),
        sa.Column("atribuido_em", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(GRUPO, name=op.f("grupos_retencao_grupo_check")),
        sa.ForeignKeyConstraint(
            ["aluno_id"],
            ["alunos.id"],
            name=op.f("grupos_retencao_aluno_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("aluno_id", name=op.f("grupos_retencao_pkey")),
    )
    op.create_table(
        "retencao_elegiveis",
        sa.Column("dia", sa.Date(), nullable=False, comment="Local day."),
        sa.Column("aluno_id", sa.BigInteger(), nullable=False),
        sa.Column("grupo", sa.Text(), nullable=False),
        sa.Column("posicao", sa.Integer(), nullable=False, comment="From 1, both groups counted."),
        sa.Column("motivo", sa.Text(), nullable=False),
        sa.Column("em", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(GRUPO, name=op.f("retencao_elegiveis_grupo_check")),
        sa.CheckConstraint(
            "motivo IN ('regra', 'modelo')", name=op.f("retencao_elegiveis_motivo_check")
        ),
        sa.ForeignKeyConstraint(
            ["aluno_id"],
            ["alunos.id"],
            name=op.f("retencao_elegiveis_aluno_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("dia", "aluno_id", name=op.f("retencao_elegiveis_pkey")),
        sa.UniqueConstraint("dia", "posicao", name=op.f("retencao_elegiveis_dia_posicao_key")),
    )
    op.create_index("retencao_elegiveis_aluno_id_idx", "retencao_elegiveis", ["aluno_id", "dia"])
    op.create_table(
        "contatos",
        _id(),
        sa.Column("aluno_id", sa.BigInteger(), nullable=False),
        sa.Column("canal", sa.Text(), nullable=False),
        sa.Column("nota", sa.Text(), nullable=True),
        sa.Column("desfecho", sa.Text(), nullable=True),
        sa.Column("prazo", sa.Date(), nullable=True, comment="Local day."),
        sa.Column("responsavel_id", sa.BigInteger(), nullable=True),
        sa.Column("jogada_id", sa.BigInteger(), nullable=True),
        sa.Column("criado_por", sa.Text(), nullable=False, comment="Subject of the principal."),
        sa.Column(
            "criado_em", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("concluido_em", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(CANAL, name=op.f("contatos_canal_check")),
        sa.CheckConstraint(
            "desfecho IN ('vai_voltar', 'agendou', 'conversou', 'sem_resposta', 'vai_cancelar', 'nao_contatar')",
            name=op.f("contatos_desfecho_check"),
        ),
        sa.CheckConstraint(
            "(desfecho IS NULL) = (concluido_em IS NULL)", name=op.f("contatos_concluido_check")
        ),
        sa.ForeignKeyConstraint(
            ["aluno_id"], ["alunos.id"], name=op.f("contatos_aluno_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["jogada_id"], ["jogadas.id"], name=op.f("contatos_jogada_id_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["responsavel_id"], ["usuarios.id"], name=op.f("contatos_responsavel_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("contatos_pkey")),
    )
    op.create_index(
        "contatos_aberto_idx",
        "contatos",
        ["aluno_id"],
        unique=True,
        postgresql_where=sa.text("concluido_em IS NULL"),
    )
    op.create_index("contatos_aluno_id_idx", "contatos", ["aluno_id", "criado_em"])
    _begin_with_defaults()


def _begin_with_defaults() -> None:
    connection = op.get_bind()
    regra = sa.text("INSERT INTO regras_alerta (nome, tipo, limite) VALUES (:nome, :tipo, :limite)")
    for nome, tipo, limite in REGRAS:
        connection.execute(regra, {"nome": nome, "tipo": tipo, "limite": limite})
    jogada = sa.text(
        "INSERT INTO jogadas (nome, descricao, canal, prioridade, faixa, fator, regra_id)"
        " VALUES (:nome, :descricao, :canal, :prioridade, :faixa, :fator,"
        " (SELECT id FROM regras_alerta WHERE nome = :regra))"
    )
    names = ("nome", "descricao", "canal", "prioridade", "faixa", "fator", "regra")
    for row in JOGADAS:
        connection.execute(jogada, dict(zip(names, row, strict=True)))


def downgrade() -> None:
    for table in ("contatos", "retencao_elegiveis", "grupos_retencao", "jogadas", "regras_alerta"):
        op.drop_table(table)
