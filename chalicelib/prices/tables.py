"""Tables of the prices: projects, who they are shared with, datasets."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chalicelib.core.db import Base
from chalicelib.prices.schemas_datasets import ColunaPerfil


class Projeto(Base):
    """What people share: datasets, models, predictions."""

    __tablename__ = "precos_projetos"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    tenant: Mapped[str] = mapped_column(Text)
    nome: Mapped[str] = mapped_column(Text)
    descricao: Mapped[str] = mapped_column(Text, server_default="")
    dono_id: Mapped[int] = mapped_column(ForeignKey("usuarios.id"))
    criado_em: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    excluido_em: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True), comment="Nobody sees it from then on."
    )

    __table_args__ = (
        Index(
            "precos_projetos_dono_id_idx",
            "dono_id",
            "criado_em",
            "id",
            postgresql_where=text("excluido_em IS NULL"),
        ),
    )


class Membro(Base):
    """Somebody a project is shared with; its owner is none."""

    __tablename__ = "precos_membros"

    projeto_id: Mapped[UUID] = mapped_column(ForeignKey("precos_projetos.id"), primary_key=True)
    usuario_id: Mapped[int] = mapped_column(ForeignKey("usuarios.id"), primary_key=True)
    tenant: Mapped[str] = mapped_column(Text)
    papel: Mapped[str] = mapped_column(Text)
    desde: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("papel IN ('leitor', 'treinador', 'admin')", name="papel"),
        Index("precos_membros_usuario_id_idx", "usuario_id"),
    )


class Dataset(Base):
    """One file of rows, and what was found in it."""

    __tablename__ = "precos_datasets"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    tenant: Mapped[str] = mapped_column(Text)
    projeto_id: Mapped[UUID] = mapped_column(ForeignKey("precos_projetos.id"))
    versao: Mapped[int] = mapped_column(comment="Within the project, from 1.")
    nome: Mapped[str] = mapped_column(Text)
    estado: Mapped[str] = mapped_column(Text, server_default="recebido")
    sha256: Mapped[str | None] = mapped_column(
        Text, comment="Of the bytes sent; null until a file sent by signed upload was read."
    )
    origem: Mapped[dict[str, Any]] = mapped_column(
        JSONB, comment="objeto, media_type, bytes; once read: encoding, delimiter and the like."
    )
    parquet: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB(none_as_null=True), comment="objeto, sha256, bytes of what is kept."
    )
    linhas: Mapped[int | None] = mapped_column(BigInteger)
    linhas_recusadas: Mapped[int | None] = mapped_column(
        BigInteger, comment="Rows of the file that are not in the Parquet; the job lists them."
    )
    perfil: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB(none_as_null=True),
        deferred=True,
        comment="What was found; corrections do not change it.",
    )
    figuras: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB(none_as_null=True),
        deferred=True,
        comment="What figures are drawn from: a sample, correlations.",
    )
    correcoes: Mapped[dict[str, Any]] = mapped_column(
        JSONB, server_default="{}", comment="Column -> what is said better than the profile."
    )
    efetivo: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB, server_default="[]", deferred=True, comment="The columns after corrections."
    )
    revisao: Mapped[int] = mapped_column(server_default="1")
    motivo: Mapped[str | None] = mapped_column(Text, comment="Why the file was refused; pt-BR.")
    job_id: Mapped[UUID | None] = mapped_column(comment="The job that profiles it.")
    criado_por: Mapped[str] = mapped_column(Text, comment="Subject of who sent it.")
    criado_em: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        UniqueConstraint("projeto_id", "versao"),
        CheckConstraint(
            "estado IN ('recebido', 'perfilando', 'pronto', 'recusado')", name="estado"
        ),
        CheckConstraint("(estado = 'pronto') = (parquet IS NOT NULL)", name="parquet"),
        Index(
            "precos_datasets_sha256_idx",
            "projeto_id",
            "sha256",
            unique=True,
            postgresql_where=text("estado <> 'recusado'"),
        ),
    )

    @property
    def colunas(self) -> list[ColunaPerfil]:
        """The columns as they are to be read, corrections applied; none until it is profiled."""
        return [ColunaPerfil.model_validate(each) for each in self.efetivo]
