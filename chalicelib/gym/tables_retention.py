"""Tables of the retention team's work: what to suggest, whom to leave alone, what was done."""

from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from chalicelib.core.db import Base
from chalicelib.gym.errors import ContatoEmAberto, JogadaNameTaken, RegraNameTaken, RegraUnknown

CANAIS = "'whatsapp', 'telefone', 'email', 'presencial', 'outro'"
IS_OPEN = "concluido_em IS NULL"


class RegraAlerta(Base):
    """When the club wants to hear of a member, whatever the model says."""

    __tablename__ = "regras_alerta"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    nome: Mapped[str] = mapped_column(Text)
    tipo: Mapped[str] = mapped_column(Text)
    limite: Mapped[float] = mapped_column(comment="Days, or share of the member's own pace.")
    prioritaria: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="Whom it names come before everybody else."
    )
    ativo: Mapped[bool] = mapped_column(server_default=text("true"))

    __table_args__ = (
        UniqueConstraint("nome", info={"problem": RegraNameTaken}),
        CheckConstraint("tipo IN ('dias_ausente', 'ritmo_proprio')", name="tipo"),
        CheckConstraint("limite > 0", name="limite"),
    )


class Jogada(Base):
    """A play: what to do with whom. Conditions that are null hold for everybody."""

    __tablename__ = "jogadas"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    nome: Mapped[str] = mapped_column(Text)
    descricao: Mapped[str] = mapped_column(Text)
    canal: Mapped[str] = mapped_column(Text, comment="Suggested.")
    prioridade: Mapped[int] = mapped_column(comment="The lowest that fits is suggested.")
    faixa: Mapped[str | None] = mapped_column(Text)
    fator: Mapped[str | None] = mapped_column(Text, comment="The strongest reason's column.")
    regra_id: Mapped[int | None] = mapped_column(BigInteger)
    ativo: Mapped[bool] = mapped_column(server_default=text("true"))

    __table_args__ = (
        UniqueConstraint("nome", info={"problem": JogadaNameTaken}),
        ForeignKeyConstraint(["regra_id"], ["regras_alerta.id"], info={"problem": RegraUnknown}),
        CheckConstraint(f"canal IN ({CANAIS})", name="canal"),
        CheckConstraint("faixa IN ('baixo', 'medio', 'alto')", name="faixa"),
    )


class GrupoRetencao(Base):
    """Which group a member is in for good, and by what draw."""

    __tablename__ = "grupos_retencao"

    aluno_id: Mapped[int] = mapped_column(
        ForeignKey("alunos.id", ondelete="CASCADE"), primary_key=True
    )
    grupo: Mapped[str] = mapped_column(Text)
    semente: Mapped[str] = mapped_column(Text)
    fracao: Mapped[float] = mapped_column(comment="Of members held out, when this was drawn.")
    atribuido_em: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (CheckConstraint("grupo IN ('contato', 'controle')", name="grupo"),)


class Elegivel(Base):
    """A member who was, or but for the draw would have been, on the worklist of a day."""

    __tablename__ = "retencao_elegiveis"

    dia: Mapped[date] = mapped_column(Date, comment="Local day.")
    aluno_id: Mapped[int] = mapped_column(ForeignKey("alunos.id", ondelete="CASCADE"))
    grupo: Mapped[str] = mapped_column(Text)
    posicao: Mapped[int] = mapped_column(comment="From 1, both groups counted.")
    motivo: Mapped[str] = mapped_column(Text)
    em: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        PrimaryKeyConstraint("dia", "aluno_id"),
        UniqueConstraint("dia", "posicao"),
        CheckConstraint("grupo IN ('contato', 'controle')", name="grupo"),
        CheckConstraint("motivo IN ('regra', 'modelo')", name="motivo"),
        Index("retencao_elegiveis_aluno_id_idx", "aluno_id", "dia"),
    )


class Contato(Base):
    """A contact with a member: to be made while it has no outcome, made when it has."""

    __tablename__ = "contatos"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    aluno_id: Mapped[int] = mapped_column(ForeignKey("alunos.id", ondelete="CASCADE"))
    canal: Mapped[str] = mapped_column(Text)
    nota: Mapped[str | None] = mapped_column(Text)
    desfecho: Mapped[str | None] = mapped_column(Text)
    prazo: Mapped[date | None] = mapped_column(Date, comment="Local day.")
    responsavel_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("usuarios.id"))
    jogada_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("jogadas.id", ondelete="SET NULL")
    )
    criado_por: Mapped[str] = mapped_column(Text, comment="Subject of the principal.")
    criado_em: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    concluido_em: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint(f"canal IN ({CANAIS})", name="canal"),
        CheckConstraint(
            "desfecho IN ('vai_voltar', 'agendou', 'conversou', 'sem_resposta', 'vai_cancelar',"
            " 'nao_contatar')",
            name="desfecho",
        ),
        CheckConstraint("(desfecho IS NULL) = (concluido_em IS NULL)", name="concluido"),
        # Two of the team may take up the same member at once; one of them is told.
        Index(
            "contatos_aberto_idx",
            "aluno_id",
            unique=True,
            postgresql_where=text(IS_OPEN),
            info={"problem": ContatoEmAberto},
        ),
        Index("contatos_aluno_id_idx", "aluno_id", "criado_em"),
    )
