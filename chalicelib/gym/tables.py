"""Tables of the gym, ready for hundreds of millions of visits.

A visit has no id of its own: an aluno cannot enter twice at one instant, so (aluno, entrada)
names it, and the one index that uniqueness needs also answers every question about a member
without touching the table.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Numeric,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chalicelib.core.db import Base
from chalicelib.gym.errors import (
    ChaveEventoTaken,
    CheckinAberto,
    CheckinRepetido,
    EmailTaken,
    PlanoNameTaken,
    PlanoUnknown,
    VisitaImpossivel,
)

IS_OPEN = "saida IS NULL AND NOT sem_saida"


class Plano(Base):
    """A plan on offer."""

    __tablename__ = "planos"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    nome: Mapped[str] = mapped_column(Text)
    mensalidade: Mapped[Decimal] = mapped_column(Numeric(10, 2), comment="BRL a month.")
    ativo: Mapped[bool] = mapped_column(server_default=text("true"))

    __table_args__ = (
        UniqueConstraint("nome", info={"problem": PlanoNameTaken}),
        CheckConstraint("mensalidade >= 0", name="mensalidade"),
    )


class Aluno(Base):
    """A member."""

    __tablename__ = "alunos"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    nome: Mapped[str] = mapped_column(Text)
    email: Mapped[str] = mapped_column(Text, comment="Lower case.")
    telefone: Mapped[str | None] = mapped_column(Text)
    data_nascimento: Mapped[date | None] = mapped_column(Date)
    plano_id: Mapped[int] = mapped_column(BigInteger)
    ativo: Mapped[bool] = mapped_column(server_default=text("true"))
    matriculado_em: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now()
    )
    revisao: Mapped[int] = mapped_column(BigInteger, server_default="0")

    __table_args__ = (
        UniqueConstraint("email", info={"problem": EmailTaken}),
        CheckConstraint("email = lower(email)", name="email_lower"),
        ForeignKeyConstraint(["plano_id"], ["planos.id"], info={"problem": PlanoUnknown}),
        Index("alunos_plano_id_idx", "plano_id"),
        # Every visit raises the revision: room on the page keeps that out of the indexes.
        {"postgresql_with": {"fillfactor": 70}},
    )


class Vigencia(Base):
    """From `desde` until the aluno's next row, they had this plano and were active or not."""

    __tablename__ = "aluno_vigencias"

    aluno_id: Mapped[int] = mapped_column(
        ForeignKey("alunos.id", ondelete="CASCADE"), primary_key=True
    )
    desde: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    plano_id: Mapped[int] = mapped_column(ForeignKey("planos.id"))
    ativo: Mapped[bool] = mapped_column(server_default=text("true"))


class Checkin(Base):
    """One visit."""

    __tablename__ = "checkins"

    aluno_id: Mapped[int] = mapped_column(ForeignKey("alunos.id", ondelete="CASCADE"))
    entrada: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    saida: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    sem_saida: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="Over, but nobody recorded the exit."
    )
    chave_evento: Mapped[str | None] = mapped_column(Text, comment="Key of the entry event.")
    chave_saida: Mapped[str | None] = mapped_column(Text, comment="Key of the exit event.")

    __table_args__ = (
        PrimaryKeyConstraint(
            "aluno_id", "entrada", postgresql_include=["saida"], info={"problem": CheckinRepetido}
        ),
        CheckConstraint(
            "saida > entrada AND saida <= entrada + interval '24 hours'",
            name="duracao",
            info={"problem": VisitaImpossivel},
        ),
        CheckConstraint("NOT (sem_saida AND saida IS NOT NULL)", name="sem_saida"),
        Index(
            "checkins_aberta_idx",
            "aluno_id",
            unique=True,
            postgresql_where=text(IS_OPEN),
            info={"problem": CheckinAberto},
        ),
        Index(
            "checkins_chave_evento_idx",
            "chave_evento",
            unique=True,
            postgresql_where=text("chave_evento IS NOT NULL"),
            info={"problem": ChaveEventoTaken},
        ),
        Index(
            "checkins_chave_saida_idx",
            "chave_saida",
            unique=True,
            postgresql_where=text("chave_saida IS NOT NULL"),
            info={"problem": ChaveEventoTaken},
        ),
        # Visits arrive nearly in order, so a block-range index finds a day's at no cost to writes.
        Index("checkins_entrada_idx", "entrada", postgresql_using="brin"),
    )


class RiscoChurn(Base):
    """A member's last score, kept for as long as nothing it depends on has changed."""

    __tablename__ = "riscos_churn"

    aluno_id: Mapped[int] = mapped_column(
        ForeignKey("alunos.id", ondelete="CASCADE"), primary_key=True
    )
    revisao: Mapped[int] = mapped_column(BigInteger, comment="aluno.revisao it was computed under.")
    dia: Mapped[date] = mapped_column(Date, comment="Local day it was computed on.")
    modelo_versao: Mapped[int]
    probabilidade: Mapped[float]
    calculado_em: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    formato: Mapped[str] = mapped_column(Text, comment="Bands and shape of the stored answer.")
    resposta: Mapped[str] = mapped_column(Text, comment="JSON as it is sent, but for origem.")

    __table_args__ = (CheckConstraint("probabilidade BETWEEN 0 AND 1", name="probabilidade"),)


class ProbabilidadeChurn(Base):
    """A member's score of one local day, kept beside those of the days before.

    All days of the last week are kept, and of the last 400 days the Mondays: a member costs 64
    rows of some 120 bytes with the key, so 100,000 of them 0.8 GB, where every day of 400 would
    be 5. Rows of a day lie together, so that a night's pass appends to the table and to its key
    instead of touching every page; a day's highest scores are read off its rows in 30 ms, and a
    member's own rows are rarely asked for.
    """

    __tablename__ = "probabilidades_churn"

    dia: Mapped[date] = mapped_column(Date, comment="Local day it was computed on.")
    aluno_id: Mapped[int] = mapped_column(ForeignKey("alunos.id", ondelete="CASCADE"))
    tipo: Mapped[str] = mapped_column(Text, comment="Kind of answer.")
    probabilidade: Mapped[float | None]
    modelo_versao: Mapped[int]
    revisao: Mapped[int] = mapped_column(BigInteger, comment="aluno.revisao it was computed under.")
    calculado_em: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    anterior: Mapped[float | None] = mapped_column(comment="Of the day before.")
    anterior_versao: Mapped[int | None] = mapped_column(comment="The model that gave it.")
    explicacao: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB, comment="Base value and reasons, of the day's highest scores."
    )

    __table_args__ = (
        PrimaryKeyConstraint("dia", "aluno_id"),
        CheckConstraint("tipo IN ('modelo', 'inicio', 'ausente', 'sem_visita')", name="tipo"),
        CheckConstraint("probabilidade BETWEEN 0 AND 1", name="probabilidade"),
        CheckConstraint("(probabilidade IS NULL) = (tipo = 'sem_visita')", name="sem_numero"),
    )


class RelatorioDiario(Base):
    """What a local day was like, as it was last computed; names of members are not in it."""

    __tablename__ = "relatorios_diarios"

    dia: Mapped[date] = mapped_column(Date, primary_key=True)
    visitas: Mapped[int]
    alunos: Mapped[int]
    impressao_digital: Mapped[str] = mapped_column(Text, comment="SHA-256 of conteudo.")
    gerado_em: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    conteudo: Mapped[str] = mapped_column(Text, deferred=True, comment="JSON as it is sent.")
