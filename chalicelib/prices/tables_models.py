"""Tables of trainings, of versions that were put away, and of what was measured of a model."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chalicelib.core.db import Base
from chalicelib.prices.errors import DatasetEmUso

Tenant = Annotated[str, mapped_column(Text)]
When = Annotated[datetime, mapped_column(DateTime(timezone=True))]
Now = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]
RowId = Annotated[int, mapped_column(BigInteger, Identity(always=True), primary_key=True)]
OfProject = Annotated[UUID, mapped_column(ForeignKey("precos_projetos.id", ondelete="CASCADE"))]


class Treinamento(Base):
    """A training that was asked for; how far it is, its job says."""

    __tablename__ = "precos_treinamentos"

    id: Mapped[RowId]
    tenant: Mapped[Tenant]
    projeto_id: Mapped[OfProject]
    dataset_id: Mapped[int] = mapped_column(BigInteger)
    experimento: Mapped[dict[str, Any]] = mapped_column(JSONB, comment="As it was declared.")
    job_id: Mapped[UUID] = mapped_column(comment="Its row goes some time after its end.")
    versao: Mapped[int | None] = mapped_column(comment="What it published.")
    resultado: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB, comment="Written before the version is published, so that a kill loses neither."
    )
    figuras: Mapped[dict[str, Any]] = mapped_column(
        JSONB, server_default="{}", deferred=True, comment="Plotly JSON by name."
    )
    criado_em: Mapped[Now]
    criado_por: Mapped[str] = mapped_column(Text, comment="Subject of who asked for it.")
    concluido_em: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("versao IS NULL OR resultado IS NOT NULL", name="concluido"),
        ForeignKeyConstraint(
            ["dataset_id"], ["precos_datasets.id"], info={"problem": DatasetEmUso}
        ),
        Index("precos_treinamentos_projeto_idx", "projeto_id", "id"),
        Index("precos_treinamentos_dataset_idx", "dataset_id"),
    )


class Arquivada(Base):
    """A version that was put away: it answers nobody until it is restored."""

    __tablename__ = "precos_arquivadas"

    projeto_id: Mapped[UUID] = mapped_column(
        ForeignKey("precos_projetos.id", ondelete="CASCADE"), primary_key=True
    )
    versao: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[Tenant]
    arquivada_em: Mapped[When]
    arquivada_por: Mapped[str] = mapped_column(Text)
    motivo: Mapped[str] = mapped_column(Text)


class MedicaoRow(Base):
    """A day's last measurement of a project's versions."""

    __tablename__ = "precos_medicoes"

    projeto_id: Mapped[UUID] = mapped_column(
        ForeignKey("precos_projetos.id", ondelete="CASCADE"), primary_key=True
    )
    dia: Mapped[date] = mapped_column(Date, primary_key=True)
    tenant: Mapped[Tenant]
    medido_em: Mapped[When]
    conteudo: Mapped[dict[str, Any]] = mapped_column(JSONB)
