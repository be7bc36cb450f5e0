"""Tables of decisions: the company's policies, what was decided and why, who overturned it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chalicelib.core.db import Base
from chalicelib.credit.errors import PoliticaMudou
from chalicelib.credit.tables import Now, RowId, Tenant

Jsons = list[dict[str, Any]]


class Politica(Base):
    """One version of a company's policy; rows are never changed, the highest one counts."""

    __tablename__ = "credito_politicas"

    tenant: Mapped[Tenant]
    versao: Mapped[int]
    conteudo: Mapped[dict[str, Any]] = mapped_column(
        JSONB, comment="Rules, costs, review band, sensitive and changeable columns."
    )
    criada_em: Mapped[Now]
    criada_por: Mapped[str] = mapped_column(Text)
    motivo: Mapped[str] = mapped_column(Text)

    # Two edits of one version at once: the second is refused by the primary key.
    __table_args__ = (
        PrimaryKeyConstraint("tenant", "versao", info={"problem": PoliticaMudou}),
        CheckConstraint("versao > 0", name="versao"),
    )


class Conta(Base):
    """A cliente of a company, as one row that whoever decides on their limit locks."""

    __tablename__ = "credito_contas"

    tenant: Mapped[str] = mapped_column(Text, primary_key=True)
    cliente: Mapped[str] = mapped_column(Text, primary_key=True)


class LoteDePedidos(Base):
    """Up to 500 orders that were sent together, to be decided by the queue."""

    __tablename__ = "credito_lotes_pedidos"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    tenant: Mapped[Tenant]
    objeto: Mapped[str] = mapped_column(Text, comment="Key of the body; begins with the tenant.")
    job_id: Mapped[UUID | None]
    itens: Mapped[int]
    recebido_em: Mapped[Now]
    recebido_por: Mapped[str] = mapped_column(Text)


class Decisao(Base):
    """What was decided on an order, with everything needed to decide it again."""

    __tablename__ = "credito_decisoes"

    id: Mapped[RowId]
    tenant: Mapped[Tenant]
    pedido_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("credito_pedidos.id"), unique=True
    )
    cliente: Mapped[str] = mapped_column(Text, comment="Of the order; exposure is summed by it.")
    decisao: Mapped[str] = mapped_column(Text, comment="As it was decided; never changed.")
    situacao: Mapped[str] = mapped_column(Text, comment="As it stands, after people's revisions.")
    origem: Mapped[str] = mapped_column(Text, comment="What decided: a rule, the model, neither.")
    regra: Mapped[str | None] = mapped_column(Text)
    regras: Mapped[Jsons] = mapped_column(
        JSONB, server_default="[]", comment="All that spoke, the decisive one first."
    )
    limiares: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    probabilidade: Mapped[float | None] = mapped_column(comment="Of the bad outcome.")
    politica_versao: Mapped[int]
    modelo_versao: Mapped[int | None]
    modelo_sha256: Mapped[str | None] = mapped_column(Text)
    entradas: Mapped[dict[str, Any]] = mapped_column(
        JSONB, comment="Everything that was looked at: columns, limit, exposure, rule inputs."
    )
    sensiveis: Mapped[dict[str, Any]] = mapped_column(
        JSONB, server_default="{}", comment="Sensitive columns, for the fairness report only."
    )
    justificativas: Mapped[Jsons] = mapped_column(JSONB, server_default="[]")
    contrafactual: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    avisos: Mapped[Jsons] = mapped_column(JSONB, server_default="[]")
    valor_base: Mapped[float | None] = mapped_column(comment="What the reasons start from.")
    decidido_em: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    decidido_por: Mapped[str] = mapped_column(Text)
    lote_id: Mapped[UUID | None] = mapped_column(ForeignKey("credito_lotes_pedidos.id"))

    __table_args__ = (
        CheckConstraint("decisao IN ('aprovado', 'revisao', 'negado')", name="decisao"),
        CheckConstraint("situacao IN ('aprovado', 'revisao', 'negado')", name="situacao"),
        CheckConstraint("origem IN ('regra', 'modelo', 'sem_modelo')", name="origem"),
        CheckConstraint("probabilidade BETWEEN 0 AND 1", name="probabilidade"),
        Index("credito_decisoes_tenant_idx", "tenant", "decidido_em", "id"),
        Index("credito_decisoes_cliente_idx", "tenant", "cliente", "decidido_em", "id"),
        Index(
            "credito_decisoes_aprovado_idx",
            "tenant",
            "cliente",
            "decidido_em",
            postgresql_where=text("situacao = 'aprovado'"),
        ),
        Index("credito_decisoes_lote_idx", "lote_id", postgresql_where=text("lote_id IS NOT NULL")),
        Index(
            "credito_decisoes_revisao_idx",
            "tenant",
            "decidido_em",
            "id",
            postgresql_where=text("situacao = 'revisao'"),
        ),
    )


class Revisao(Base):
    """A person's word on a decision: it settles what was left to them, or overturns it."""

    __tablename__ = "credito_revisoes"

    id: Mapped[RowId]
    tenant: Mapped[Tenant]
    decisao_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("credito_decisoes.id"))
    de: Mapped[str] = mapped_column(Text)
    para: Mapped[str] = mapped_column(Text)
    motivo: Mapped[str] = mapped_column(Text)
    em: Mapped[Now]
    por: Mapped[str] = mapped_column(Text)

    __table_args__ = (
        CheckConstraint("para IN ('aprovado', 'negado')", name="para"),
        Index("credito_revisoes_decisao_idx", "decisao_id", "id"),
    )


class Desfecho(Base):
    """What was said to have become of an order; the last word counts, and stands on the order."""

    __tablename__ = "credito_desfechos"

    id: Mapped[RowId]
    tenant: Mapped[Tenant]
    pedido_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("credito_pedidos.id"))
    de: Mapped[str | None] = mapped_column(Text)
    para: Mapped[str | None] = mapped_column(Text)
    ocorrido_em: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    motivo: Mapped[str | None] = mapped_column(Text, comment="Of a correction.")
    em: Mapped[Now]
    por: Mapped[str] = mapped_column(Text)

    __table_args__ = (
        CheckConstraint("para IN ('faturado', 'bloqueado', 'pago', 'inadimplente')", name="para"),
        Index("credito_desfechos_pedido_idx", "pedido_id", "id"),
    )


class ItemDeLote(Base):
    """What became of one order of a lot."""

    __tablename__ = "credito_itens_pedidos"

    lote_id: Mapped[UUID] = mapped_column(
        ForeignKey("credito_lotes_pedidos.id", ondelete="CASCADE"), primary_key=True
    )
    linha: Mapped[int] = mapped_column(primary_key=True, comment="1 is the first order.")
    tenant: Mapped[Tenant]
    numero: Mapped[str | None] = mapped_column(Text)
    pedido_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("credito_pedidos.id"))
    problema: Mapped[dict[str, Any] | None] = mapped_column(JSONB)

    __table_args__ = (
        CheckConstraint("(pedido_id IS NULL) <> (problema IS NULL)", name="um_dos_dois"),
        # Whoever deletes an order asks for it: without, each would read the whole table.
        Index("credito_itens_pedidos_pedido_idx", "pedido_id"),
    )
