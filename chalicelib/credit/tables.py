"""Tables of credit: what companies send, and the standing collection orders are decided on.

Every row of the four kinds belongs to a dataset. A company's *acervo* is one more dataset, made
when it signs up: so training on a dataset and deciding on the acervo run the same statement.
"""

from datetime import date, datetime
from decimal import Decimal
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
    LargeBinary,
    Numeric,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chalicelib.core.db import Base
from chalicelib.credit.errors import PedidoRepetido

When = Annotated[datetime, mapped_column(DateTime(timezone=True))]
Now = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]
Brl = Annotated[Decimal, mapped_column(Numeric(16, 2))]
Json = Annotated[dict[str, Any], mapped_column(JSONB, server_default="{}")]
RowId = Annotated[int, mapped_column(BigInteger, Identity(always=True), primary_key=True)]
Tenant = Annotated[str, mapped_column(Text)]


class Dataset(Base):
    """A collection of clientes, pedidos, limites and consultas."""

    __tablename__ = "credito_datasets"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    tenant: Mapped[Tenant]
    acervo: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="The company's standing collection; it has one."
    )
    nome: Mapped[str | None] = mapped_column(Text)
    alvo: Mapped[str | None] = mapped_column(Text)
    estado: Mapped[str] = mapped_column(Text, server_default="aberto")
    criado_em: Mapped[Now]
    criado_por: Mapped[str] = mapped_column(Text)
    expira_em: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    encerrado_em: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    esperados: Mapped[dict[str, int] | None] = mapped_column(
        JSONB, comment="Items of each tipo, as the company counted them when it concluded."
    )
    aceita_recusados: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="Concluded although items were refused."
    )
    aceita_sem_cliente: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="Concluded although items name unknown clientes."
    )
    job_id: Mapped[UUID | None] = mapped_column(comment="Of the last conclusion.")
    problemas: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB, server_default="[]", comment="What the last conclusion found wrong."
    )
    avisos: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB, server_default="[]", comment="What it found worth knowing."
    )
    esquema: Mapped[Json] = mapped_column(
        comment="Inferred columns by tipo: name -> kind, missing, distinct, examples."
    )

    __table_args__ = (
        CheckConstraint(
            "estado IN ('aberto', 'conferindo', 'fechado', 'cancelado', 'expirado')", name="estado"
        ),
        CheckConstraint("alvo IN ('faturamento', 'pagamento')", name="alvo"),
        CheckConstraint("acervo OR alvo IS NOT NULL", name="tem_alvo"),
        Index(
            "credito_datasets_acervo_idx",
            "tenant",
            unique=True,
            postgresql_where=text("acervo"),
        ),
        Index("credito_datasets_tenant_idx", "tenant", "criado_em", "id"),
    )


class Lote(Base):
    """Up to 500 items of one tipo, as they were sent."""

    __tablename__ = "credito_lotes"

    dataset_id: Mapped[UUID] = mapped_column(
        ForeignKey("credito_datasets.id", ondelete="CASCADE"), primary_key=True
    )
    tipo: Mapped[str] = mapped_column(Text, primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[Tenant]
    digest: Mapped[bytes] = mapped_column(LargeBinary, comment="SHA-256 of the body.")
    media_type: Mapped[str] = mapped_column(Text)
    objeto: Mapped[str] = mapped_column(Text, comment="Key of the body; begins with the tenant.")
    versao: Mapped[int] = mapped_column(
        server_default="1", comment="Counts up with each body, and each time it is read anew."
    )
    estado: Mapped[str] = mapped_column(Text, server_default="pendente")
    job_id: Mapped[UUID | None]
    itens: Mapped[int] = mapped_column(comment="Rows of the body.")
    aceitos: Mapped[int] = mapped_column(server_default="0")
    recusados: Mapped[int] = mapped_column(server_default="0")
    desfechos: Mapped[dict[str, int]] = mapped_column(
        JSONB, server_default="{}", comment="Accepted orders by outcome, or status as written."
    )
    avisos: Mapped[dict[str, int]] = mapped_column(
        JSONB, server_default="{}", comment="How often a value was read by a rule worth knowing."
    )
    recebido_em: Mapped[Now]
    gravado_em: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint(
            "tipo IN ('clientes', 'pedidos', 'limites', 'consultas-serasa')", name="tipo"
        ),
        CheckConstraint("seq BETWEEN 1 AND 1000000", name="seq"),
        CheckConstraint("estado IN ('pendente', 'gravado')", name="estado"),
    )


class ErroDeItem(Base):
    """Something wrong with an item, which was refused; the item itself is in the lot's object."""

    __tablename__ = "credito_erros"

    dataset_id: Mapped[UUID] = mapped_column(primary_key=True)
    tipo: Mapped[str] = mapped_column(Text, primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    linha: Mapped[int] = mapped_column(primary_key=True, comment="1 is the first item.")
    ordem: Mapped[int] = mapped_column(primary_key=True, comment="1 is its first fault.")
    tenant: Mapped[Tenant]
    campo: Mapped[str | None] = mapped_column(Text)
    motivo: Mapped[str] = mapped_column(Text)
    repetido_de: Mapped[int | None] = mapped_column(
        comment="The lot that has the item of the same key; its replacement lets this one in."
    )

    __table_args__ = (
        ForeignKeyConstraint(
            ["dataset_id", "tipo", "seq"],
            ["credito_lotes.dataset_id", "credito_lotes.tipo", "credito_lotes.seq"],
            ondelete="CASCADE",
        ),
    )


class _Item:
    """What every row of the four kinds has.

    Attributes:
        seq: The lot it came in; null where it came with an order, or into the acervo.
        linha: Its place in that lot.
    """

    id: Mapped[RowId]
    tenant: Mapped[Tenant]
    seq: Mapped[int | None]
    linha: Mapped[int | None]
    recebido_em: Mapped[Now]
    atributos: Mapped[Json] = mapped_column(comment="The company's own columns: plain values.")


def _dataset() -> Mapped[UUID]:
    return mapped_column(ForeignKey("credito_datasets.id", ondelete="CASCADE"))


class Cliente(_Item, Base):
    """What the company knew of a cliente from an instant on."""

    __tablename__ = "credito_clientes"

    dataset_id: Mapped[UUID] = _dataset()
    codigo: Mapped[str] = mapped_column(Text)
    vale_desde: Mapped[When]
    cliente_desde: Mapped[date | None] = mapped_column(Date)
    titulos_pagos: Mapped[int | None]
    titulos_em_atraso: Mapped[int | None]
    valor_em_atraso: Mapped[Decimal | None] = mapped_column(Numeric(16, 2))
    atraso_medio_dias: Mapped[float | None]
    maior_atraso_dias: Mapped[int | None]

    __table_args__ = (
        UniqueConstraint("tenant", "dataset_id", "codigo", "vale_desde"),
        Index("credito_clientes_lote_idx", "dataset_id", "seq"),
    )


class Limite(_Item, Base):
    """The credit limit of a cliente from an instant on, and how much of it was used then."""

    __tablename__ = "credito_limites"

    dataset_id: Mapped[UUID] = _dataset()
    cliente: Mapped[str] = mapped_column(Text)
    vale_desde: Mapped[When]
    valor: Mapped[Brl]
    utilizado: Mapped[Decimal | None] = mapped_column(Numeric(16, 2))

    __table_args__ = (
        UniqueConstraint("tenant", "dataset_id", "cliente", "vale_desde"),
        Index("credito_limites_lote_idx", "dataset_id", "seq"),
    )


class Consulta(_Item, Base):
    """What Serasa answered about a cliente."""

    __tablename__ = "credito_consultas"

    dataset_id: Mapped[UUID] = _dataset()
    cliente: Mapped[str] = mapped_column(Text)
    consultada_em: Mapped[When]
    ocorrencias: Mapped[int | None]
    valor_ocorrencias: Mapped[Decimal | None] = mapped_column(Numeric(16, 2))
    protestos: Mapped[int | None]
    falencia: Mapped[bool | None]
    pontuacao: Mapped[int | None] = mapped_column(comment="Serasa's own score.")

    __table_args__ = (
        UniqueConstraint("tenant", "dataset_id", "cliente", "consultada_em"),
        Index("credito_consultas_lote_idx", "dataset_id", "seq"),
    )


class Pedido(_Item, Base):
    """An order: of a dataset, or one that was decided here (then of the acervo, without `seq`)."""

    __tablename__ = "credito_pedidos"

    dataset_id: Mapped[UUID] = _dataset()
    numero: Mapped[str] = mapped_column(Text)
    cliente: Mapped[str] = mapped_column(Text)
    valor: Mapped[Brl]
    pedido_em: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True), comment="Null where the company does not know; then as of now."
    )
    desfecho: Mapped[str | None] = mapped_column(Text)
    desfecho_em: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    desfecho_informado: Mapped[str | None] = mapped_column(
        Text, comment="A status that is none of the outcomes, as written; never learnt of."
    )

    __table_args__ = (
        UniqueConstraint("tenant", "dataset_id", "numero", info={"problem": PedidoRepetido}),
        CheckConstraint(
            "desfecho IN ('faturado', 'bloqueado', 'pago', 'inadimplente')", name="desfecho"
        ),
        CheckConstraint("valor >= 0", name="valor"),
        Index("credito_pedidos_cliente_idx", "tenant", "dataset_id", "cliente", "pedido_em"),
        Index("credito_pedidos_lote_idx", "dataset_id", "seq"),
    )
