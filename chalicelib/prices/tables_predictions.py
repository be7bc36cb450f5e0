"""Tables of what was asked and answered, by whom, and what turned out to be true."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Numeric,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chalicelib.core.db import Base
from chalicelib.prices.tables_models import OfProject, RowId, Tenant, When


class Chamada(Base):
    """One request for predictions, or one file of rows; usage is counted over these."""

    __tablename__ = "precos_chamadas"

    id: Mapped[RowId]
    tenant: Mapped[Tenant]
    projeto_id: Mapped[OfProject]
    versao: Mapped[int]
    usuario: Mapped[str] = mapped_column(Text, comment="Subject of who asked.")
    em: Mapped[When]
    linhas: Mapped[int]
    origem: Mapped[str] = mapped_column(Text)
    job_id: Mapped[UUID | None] = mapped_column(unique=True, comment="Of a file.")
    relatorio: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB, comment="Of a file: what became of its rows, and where the answers are."
    )
    faixas: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB, comment="Of a file: how many of its rows fell into each of training's bins."
    )

    __table_args__ = (
        CheckConstraint("origem IN ('api', 'arquivo')", name="origem"),
        CheckConstraint("linhas >= 0", name="linhas"),
        # All that usage reads, so that it is counted without the table's pages.
        Index(
            "precos_chamadas_uso_idx",
            "projeto_id",
            "em",
            postgresql_include=["versao", "usuario", "linhas", "origem"],
        ),
    )


class Previsao(Base):
    """One answered row; only what became of it is ever added."""

    __tablename__ = "precos_previsoes"

    id: Mapped[RowId]
    tenant: Mapped[Tenant]
    projeto_id: Mapped[OfProject]
    chamada_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("precos_chamadas.id", ondelete="CASCADE")
    )
    versao: Mapped[int]
    usuario: Mapped[str] = mapped_column(Text)
    em: Mapped[When]
    referencia: Mapped[str | None] = mapped_column(Text, comment="The caller's own key.")
    entrada: Mapped[dict[str, Any]] = mapped_column(JSONB, comment="Columns as they were read.")
    valor: Mapped[float | None] = mapped_column(comment="In the target's unit.")
    baixo: Mapped[float | None]
    alto: Mapped[float | None]
    classe: Mapped[str | None] = mapped_column(Text)
    probabilidades: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    avisos: Mapped[dict[str, Any]] = mapped_column(
        JSONB, server_default="{}", comment="What training had seen nothing like."
    )
    observado: Mapped[Decimal | None] = mapped_column(Numeric, comment="What it really was.")
    observado_classe: Mapped[str | None] = mapped_column(Text)
    observado_em: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True), comment="When we were told."
    )
    observado_por: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        CheckConstraint("(valor IS NULL) <> (classe IS NULL)", name="resposta"),
        CheckConstraint(
            "observado_em IS NOT NULL OR (observado IS NULL AND observado_classe IS NULL)",
            name="observado",
        ),
        Index("precos_previsoes_projeto_idx", "projeto_id", "em", "id"),
        Index("precos_previsoes_chamada_idx", "chamada_id"),
        Index(
            "precos_previsoes_referencia_idx",
            "projeto_id",
            "referencia",
            postgresql_where=text("referencia IS NOT NULL"),
        ),
        Index(
            "precos_previsoes_observado_idx",
            "projeto_id",
            "versao",
            "id",
            postgresql_where=text("observado_em IS NOT NULL"),
        ),
    )
