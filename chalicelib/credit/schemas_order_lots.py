"""Requests and responses about lots of orders."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from chalicelib.core.errors import ProblemDocument
from chalicelib.core.pages import Page
from chalicelib.core.types import FromRow, Id, Strict
from chalicelib.credit.schemas_orders import MOST_ORDERS
from chalicelib.credit.verdicts import Situacao


class LotePedidosIn(Strict):
    """Orders to decide on, each as for `POST /credito/pedidos`; a bad one keeps no other back."""

    pedidos: list[Any] = Field(
        min_length=1,
        max_length=MOST_ORDERS,
        examples=[[{"numero": "P-1", "cliente": "C-1", "valor": "1500.00"}]],
    )


class LotePedidosAceitoOut(FromRow):
    """A lot that was taken; its orders are decided by a job."""

    id: UUID
    job_id: UUID
    itens: int
    recebido_em: datetime


class ProblemaDeItemOut(ProblemDocument):
    """Why an order of a lot was not decided."""

    location: str | None = Field(None, description="Where an order of this number was decided.")


class ItemDeLoteOut(FromRow):
    """What became of one order of a lot."""

    linha: int = Field(description="1 is the first order.")
    numero: str | None
    pedido_id: Id | None
    decisao: Situacao | None
    situacao: Situacao | None
    problema: ProblemaDeItemOut | None


class LotePedidosOut(Page[ItemDeLoteOut]):
    """A lot, and what became of its orders, in their order."""

    id: UUID
    job_id: UUID | None
    itens: int
    recebido_em: datetime
    aprovados: int
    em_revisao: int
    negados: int
    problemas: int
    pendentes: int


class LotePedidosReport(BaseModel):
    """What became of a lot's orders."""

    itens: int
    aprovados: int
    em_revisao: int
    negados: int
    problemas: int
