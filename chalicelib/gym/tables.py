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


class Analise(Base):
    """What a job found out about the gym on a day, kept for those who ask."""

    __tablename__ = "analises"

    nome: Mapped[str] = mapped_column(Text, primary_key=True)
    dia: Mapped[date] = mapped_column(Date, primary_key=True, comment="Local day.")
    calculado_em: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    conteudo: Mapped[dict[str, Any]] = mapped_column(JSONB)
