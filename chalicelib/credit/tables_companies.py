"""Tables of companies, and of the keys their programs come with."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from chalicelib.core.db import Base
from chalicelib.credit.errors import ChaveNomeEmUso, CnpjEmUso, EmailEmUso
from chalicelib.credit.tables import Now, RowId, Tenant, When


class Empresa(Base):
    """A company that decides its orders here; it is a tenant."""

    __tablename__ = "empresas"

    id: Mapped[RowId]
    tenant: Mapped[str] = mapped_column(Text, unique=True)
    nome: Mapped[str] = mapped_column(Text)
    email: Mapped[str] = mapped_column(Text, comment="Lower case.")
    cnpj: Mapped[str | None] = mapped_column(Text, comment="14 digits or, from 2026 on, letters.")
    ativa: Mapped[bool] = mapped_column(server_default=text("true"))
    criada_em: Mapped[Now]

    __table_args__ = (
        UniqueConstraint("email", info={"problem": EmailEmUso}),
        UniqueConstraint("cnpj", info={"problem": CnpjEmUso}),
        CheckConstraint("email = lower(email)", name="email_lower"),
    )


class ChaveApi(Base):
    """A named credential of a program of the company; only its digest is kept."""

    __tablename__ = "chaves_api"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    tenant: Mapped[Tenant]
    nome: Mapped[str] = mapped_column(Text)
    prefixo: Mapped[str] = mapped_column(Text, comment="Its first characters, to tell it by.")
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True, comment="SHA-256.")
    criada_em: Mapped[Now]
    criada_por: Mapped[str] = mapped_column(Text)
    expira_em: Mapped[When]
    usada_em: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True), comment="To the day: a write per request would cost too much."
    )
    revogada_em: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        Index(
            "chaves_api_nome_idx",
            "tenant",
            "nome",
            unique=True,
            postgresql_where=text("revogada_em IS NULL"),
            info={"problem": ChaveNomeEmUso},
        ),
    )
