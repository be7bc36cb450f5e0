"""Tables of identity."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from chalicelib.core.auth import Role
from chalicelib.core.db import Base
from chalicelib.identity.errors import LoginTaken


class Usuario(Base):
    """Somebody who can sign in."""

    __tablename__ = "usuarios"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    tenant: Mapped[str] = mapped_column(Text)
    login: Mapped[str] = mapped_column(Text)
    nome: Mapped[str] = mapped_column(Text)
    senha_hash: Mapped[str | None] = mapped_column(
        Text, comment="argon2id, with its parameters; null until a first password is set."
    )
    papel: Mapped[Role] = mapped_column(Text)
    ativo: Mapped[bool] = mapped_column(server_default=text("true"))
    criado_em: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

    __table_args__ = (
        CheckConstraint(
            "papel IN ('admin', 'operador', 'cientista', 'empresa', 'leitor')", name="papel"
        ),
        CheckConstraint("login = lower(login)", name="login_lower"),
        UniqueConstraint("login", info={"problem": LoginTaken}),
    )


class TenantSuspenso(Base):
    """A tenant whose users are not let in; who of them is active is not forgotten meanwhile."""

    __tablename__ = "tenants_suspensos"

    tenant: Mapped[str] = mapped_column(Text, primary_key=True)
    desde: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class RefreshToken(Base):
    """One link of a family of refresh tokens; only its digest is kept."""

    __tablename__ = "refresh_tokens"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    tenant: Mapped[str] = mapped_column(Text)
    usuario_id: Mapped[int] = mapped_column(ForeignKey("usuarios.id", ondelete="CASCADE"))
    family: Mapped[UUID]
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True, comment="SHA-256.")
    criado_em: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    expira_em: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    usado_em: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revogado_em: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        Index("refresh_tokens_family_idx", "family"),
        Index("refresh_tokens_usuario_id_idx", "usuario_id"),
    )


class LoginFailures(Base):
    """Recent failed sign-ins of an account, an address, or the two together."""

    __tablename__ = "tentativas_login"

    chave: Mapped[str] = mapped_column(Text, primary_key=True)
    falhas: Mapped[int]
    desde: Mapped[datetime] = mapped_column(DateTime(timezone=True))
