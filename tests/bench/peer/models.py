"""Tables of the peer, in a database of its own beside ours."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, DateTime, ForeignKey, Identity, Index, Numeric, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """What every table is declared on."""


class Plano(Base):
    """A plan on offer."""

    __tablename__ = "planos"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    nome: Mapped[str] = mapped_column(Text, unique=True)
    mensalidade: Mapped[Decimal] = mapped_column(Numeric(10, 2))


class Aluno(Base):
    """A member."""

    __tablename__ = "alunos"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    nome: Mapped[str] = mapped_column(Text)
    email: Mapped[str] = mapped_column(Text, unique=True)
    plano_id: Mapped[int] = mapped_column(ForeignKey("planos.id"), index=True)
    ativo: Mapped[bool] = mapped_column(server_default=text("true"))
    matriculado_em: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    plano: Mapped[Plano] = relationship(lazy="joined", innerjoin=True)


class Checkin(Base):
    """One visit."""

    __tablename__ = "checkins"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    aluno_id: Mapped[int] = mapped_column(ForeignKey("alunos.id"))
    entrada: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    saida: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    # `saida` rides along, so that figures of a member are read from the index alone, as ours are.
    __table_args__ = (
        Index("checkins_aluno_entrada_idx", "aluno_id", "entrada", postgresql_include=["saida"]),
    )
