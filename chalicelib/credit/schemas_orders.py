"""Requests and responses about orders and their decisions."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, FiniteFloat, StringConstraints

from chalicelib.core.pages import PageQuery
from chalicelib.core.types import FromRow, Id, Instant, ShortText, Strict
from chalicelib.credit.policy import Consequencia, Limiares
from chalicelib.credit.verdicts import Origem, Situacao

MOST_ORDERS = 500
MOST_ATTRIBUTES = 300

Code = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Moment = Annotated[
    str,
    StringConstraints(max_length=40),
    Field(
        description="An instant, or a day, which begins at midnight in São Paulo.",
        examples=["2026-03-18", "2026-03-18T10:30:00-03:00"],
    ),
]
Money = Annotated[
    Decimal,
    Field(ge=0, max_digits=16, decimal_places=2, description="In BRL.", examples=["1500.00"]),
]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
Days = Annotated[int, Field(ge=-36_500, le=36_500)]
Plain = (
    Annotated[str, StringConstraints(max_length=500)]
    | bool
    | Annotated[int, Field(ge=-(10**15), le=10**15)]
    | Annotated[FiniteFloat, Field(ge=-1e15, le=1e15)]
    | None
)
Atributos = Annotated[
    dict[Annotated[str, StringConstraints(min_length=1, max_length=60)], Plain],
    Field(
        max_length=MOST_ATTRIBUTES,
        description="The company's own columns; the model takes part of those it was trained with.",
        examples=[{"segmento": "varejo", "prazo_dias": 28}],
    ),
]
Desfecho = Literal["faturado", "bloqueado", "pago", "inadimplente"]


class ClienteDoPedido(Strict):
    """News of the cliente, from the order's instant on unless it says otherwise.

    What it leaves out stays as it was known; it must say something.
    """

    vale_desde: Moment | None = None
    cliente_desde: Moment | None = None
    titulos_pagos: Count | None = None
    titulos_em_atraso: Count | None = None
    valor_em_atraso: Money | None = None
    atraso_medio_dias: Annotated[FiniteFloat, Field(ge=-36_500, le=36_500)] | None = None
    maior_atraso_dias: Days | None = None
    atributos: Atributos = {}


class LimiteDoPedido(Strict):
    """The credit limit, from the order's instant on unless it says otherwise.

    Without `utilizado` what was last said to be used counts on, with all approved since.
    """

    vale_desde: Moment | None = None
    valor: Money
    utilizado: Money | None = Field(
        None,
        description="How much of it is used, in BRL, orders approved before `vale_desde` included; "
        "needs `vale_desde`.",
    )
    atributos: Atributos = {}


class ConsultaDoPedido(Strict):
    """What Serasa answered, at the order's instant unless it says otherwise.

    A query of its own: what it leaves out is not known, whatever an earlier one has said. It must
    say something.
    """

    consultada_em: Moment | None = None
    ocorrencias: Count | None = None
    valor_ocorrencias: Money | None = None
    protestos: Count | None = None
    falencia: bool | None = None
    pontuacao: Annotated[int, Field(ge=0, le=1000)] | None = None
    atributos: Atributos = {}


class ItensDoPedido(Strict):
    """What comes with an order; it is kept in the acervo as if it had come in a lot."""

    cliente: ClienteDoPedido | None = None
    limite: LimiteDoPedido | None = None
    consulta: ConsultaDoPedido | None = None


class PedidoIn(Strict):
    """An order to decide on."""

    numero: Code = Field(description="The company's own; an order is decided once.")
    cliente: Code = Field(description="The company's own code of the cliente.")
    valor: Money
    data: Moment | None = Field(None, description="Now when left out; a bare today is now, too.")
    atributos: Atributos = {}
    itens: ItensDoPedido = ItensDoPedido()


class RegraOut(BaseModel):
    """A hard rule that speaks."""

    regra: str = Field(examples=["limite"])
    consequencia: Consequencia
    texto: str


class JustificativaOut(BaseModel):
    """What one column adds to the probability of the bad outcome."""

    coluna: str = Field(examples=["titulos_em_atraso"])
    rotulo: str
    valor: float | str | None
    valor_usual: float | str | None = Field(description="Among the orders the model learned from.")
    efeito: float = Field(description="In probability; with `valor_base` they sum to the score.")
    texto: str


class MudancaOut(BaseModel):
    """One column of the nearest change."""

    coluna: str
    rotulo: str
    de: float | None
    para: float
    direcao: Literal["aumenta", "diminui"]
    texto: str


class ContrafactualOut(BaseModel):
    """The nearest change that would turn a denial into an approval.

    Nearest of all that was tried: the fewest columns, then the least share of the room that the
    policy leaves them. Model and rules were asked again about the order so changed.
    """

    mudancas: list[MudancaOut] | None = Field(description="Null where nothing tried would do.")
    distancia: float | None = Field(description="Sum of the shares of their room.")
    probabilidade: float | None = Field(description="Of the bad outcome, after the change.")
    linhas_testadas: int
    motivo: str | None = Field(description="Why there is none.")


class AvisoOut(BaseModel):
    """Something unusual about the order, or about how it was decided."""

    tipo: str = Field(examples=["coluna_desconhecida", "categoria_nova", "sem_modelo"])
    colunas: list[str]
    texto: str


class PedidoResumoOut(FromRow):
    """An order and how it stands."""

    id: Id
    numero: str
    cliente: str
    valor: Decimal = Field(description="In BRL.")
    pedido_em: datetime | None
    situacao: Situacao = Field(description="As it stands, after people's revisions.")
    decisao: Situacao = Field(description="As it was decided at first.")
    origem: Origem
    regra: str | None
    probabilidade: float | None = Field(description="Of the bad outcome.")
    modelo_versao: int | None
    politica_versao: int
    desfecho: Desfecho | None
    decidido_em: datetime


class RevisaoOut(FromRow):
    """A person's word on a decision."""

    de: Situacao
    para: Situacao
    motivo: str
    em: datetime
    por: str


class DesfechoDitoOut(FromRow):
    """What was said to have become of the order."""

    de: Desfecho | None
    para: Desfecho | None
    ocorrido_em: datetime | None
    motivo: str | None
    em: datetime
    por: str


class PedidoOut(PedidoResumoOut):
    """An order, what was decided on it, and why."""

    regras: list[RegraOut] = Field(description="Rules that spoke, the decisive one first.")
    limiares: Limiares | None
    valor_base: float | None = Field(description="What the reasons start from.")
    justificativas: list[JustificativaOut]
    contrafactual: ContrafactualOut | None
    avisos: list[AvisoOut]
    exposicao: Decimal = Field(description="Of the cliente without this order, in BRL, as of then.")
    limite: Decimal | None = Field(description="Of the cliente, in BRL, as of then.")
    modelo_sha256: str | None
    decidido_por: str
    lote_id: UUID | None
    desfecho_em: datetime | None
    revisoes: list[RevisaoOut] = Field(description="Oldest first.")
    desfechos: list[DesfechoDitoOut] = Field(description="Oldest first.")


class PedidosQuery(PageQuery):
    """Filters of the list of decided orders."""

    situacao: Situacao | None = None
    cliente: str | None = Field(None, max_length=100)
    numero: str | None = Field(None, max_length=100)
    origem: Origem | None = None
    desde: Instant | None = Field(None, description="Decided from this instant on.")
    ate: Instant | None = Field(None, description="Decided before this instant.")


class RevisaoIn(Strict):
    """A person's word on a decision."""

    decisao: Literal["aprovado", "negado"]
    motivo: ShortText


class DesfechoIn(Strict):
    """What became of an order."""

    desfecho: Desfecho | None = Field(description="Null takes back what was said by mistake.")
    em: Moment | None = Field(None, description="When; now when left out.")
    motivo: ShortText | None = Field(None, description="Needed to correct what was said before.")


class CampoReplayOut(BaseModel):
    """One field, as it was stored and as it comes out now."""

    campo: str
    igual: bool
    gravado: Any
    recalculado: Any


class ReplayOut(BaseModel):
    """A decision, made again from what was stored with it."""

    pedido_id: Id
    igual: bool = Field(description="Whether every field is as it was.")
    politica_versao: int
    modelo_versao: int | None
    modelo_sha256: str | None
    campos: list[CampoReplayOut]
    indisponivel: list[str] = Field(description="What is needed and no longer there.")
