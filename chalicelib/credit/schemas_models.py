"""Requests and responses about a company's model."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from chalicelib.core.types import Strict
from chalicelib.credit.policy import ColumnName
from chalicelib.credit.schemas_datasets import Alvo
from chalicelib.credit.schemas_orders import (
    Atributos,
    Code,
    ItensDoPedido,
    JustificativaOut,
    Moment,
    Money,
)
from chalicelib.ml.schemas import Versao, VersaoOut
from chalicelib.ml.schemas_health import Desempenho, MedicaoModelo, SaudeModelo

MOST_COMPARED = 10
MOST_SAMPLES = 100
MOST_IGNORED = 100


class VersaoResumoOut(VersaoOut):
    """A version in the list."""

    roc_auc: dict[str, float] | None = Field(description="Of its own hold-out, 95% interval.")
    ks: dict[str, float] | None
    brier: dict[str, float] | None


class RetreinoIn(Strict):
    """What a new version is to learn from."""

    dataset: Annotated[UUID, Field(strict=False)] | Literal["acervo"] = Field(
        description="A closed dataset; `acervo`, or `acervo_id` of GET /credito/empresa, is the "
        "company's standing collection, with the orders decided here and what became of them.",
        examples=["acervo"],
    )
    alvo: Alvo | None = Field(
        None,
        strict=False,
        description="What to foretell; the dataset's own when left out, which the acervo has not.",
    )
    ignorar: list[ColumnName] = Field(
        [],
        max_length=MOST_IGNORED,
        description="Columns not to be looked at.",
        examples=[["pedido.data_pagamento"]],
    )


class CompararIn(Strict):
    """Versions to judge on the same orders."""

    versoes: list[Versao] = Field(
        min_length=2,
        max_length=MOST_COMPARED,
        description="The others are shown beside the first.",
        examples=[[2, 1]],
    )
    dataset: UUID | None = Field(
        None,
        strict=False,
        description="Whose orders judge; that of the newest of the versions when left out.",
    )

    @model_validator(mode="after")
    def _are_different(self) -> "CompararIn":
        if len(set(self.versoes)) < len(self.versoes):
            raise ValueError("versoes: each at most once")
        return self


class VersaoComparada(BaseModel):
    """How one version does on the orders that all of them are judged on."""

    versao: int
    algoritmo: str
    metricas: dict[str, Any] = Field(description="AUC, KS, Brier and others, with intervals.")
    limiar: float = Field(description="Its own threshold.")
    no_limiar: dict[str, float | None] = Field(
        description="Share approved below it, bad share among them, BRL per order."
    )
    custo_por_pedido: dict[str, float] = Field(description="BRL, by its threshold, with interval.")
    aprovacao_a_igual_risco: float = Field(
        description="Share that could be approved with no more bad ones among them than the first "
        "version approves by its own threshold."
    )
    diferencas: dict[str, Any] | None = Field(
        description="Paired differences to the first version, by metric, positive where this one "
        "is better; null of the first itself."
    )


class ComparacaoReport(BaseModel):
    """Versions on the same orders, none of which any of them was trained on."""

    dataset: UUID
    alvo: str
    desde: str | None = Field(description="First order judged; null where they carry no time.")
    ate: str | None
    linhas: int
    clientes: int
    positivos: int = Field(description="Orders with the bad outcome.")
    risco_de_referencia: float = Field(
        description="Bad share among what the first version approves."
    )
    custos: dict[str, Any] = Field(description="The policy's, by which costs are counted.")
    versoes: list[VersaoComparada]


class AmostraIn(Strict):
    """A sample order: it is looked at as an order would be that came now, and is not kept."""

    numero: Code | None = Field(None, description="To tell it by in the answer.")
    cliente: Code | None = Field(
        None, description="A code of the acervo brings what is known of them as of the order."
    )
    valor: Money
    data: Moment | None = Field(None, description="Now when left out.")
    desfecho: Annotated[str, Field(max_length=60)] | None = Field(
        None, description="What became of it, where that is known."
    )
    atributos: Atributos = {}
    itens: ItensDoPedido = ItensDoPedido()


class TestarIn(Strict):
    """Sample orders, or the key of an upload that has them as CSV or NDJSON."""

    pedidos: list[AmostraIn] | None = Field(
        None,
        min_length=1,
        max_length=MOST_SAMPLES,
        examples=[[{"cliente": "C-1042", "valor": "1500.00"}]],
    )
    objeto: str | None = Field(None, max_length=300, description="Key from POST /uploads.")

    @model_validator(mode="after")
    def _is_one(self) -> "TestarIn":
        if (self.pedidos is None) == (self.objeto is None):
            raise ValueError("send either pedidos or objeto")
        return self


class AmostraOut(BaseModel):
    """What a version says of a sample order."""

    numero: str
    probabilidade: float = Field(description="Of the bad outcome.")
    valor_base: float = Field(description="With the reasons' effects it sums to the score.")
    abaixo_do_limiar: bool = Field(description="Of the version's own threshold; decides nothing.")
    justificativas: list[JustificativaOut] = Field(description="The strongest first.")
    colunas_desconhecidas: list[str] = Field(description="The version was not trained with them.")
    colunas_de_outro_tipo: list[str] = Field(description="Their values count as missing.")
    fora_do_treino: list[str] = Field(description="Columns with values unlike any in training.")
    desfecho: str | None


class TesteOut(BaseModel):
    """What a version says of sample orders; nothing was decided or kept."""

    versao: int
    alvo: str
    limiar: float
    pedidos: list[AmostraOut]


class LinhaRecusada(BaseModel):
    """A row of a file that could not be read."""

    linha: int
    motivo: str


class TesteReport(TesteOut):
    """What a version says of a file of sample orders."""

    linhas: int = Field(description="Rows of the file.")
    lidas: int
    rotuladas: int = Field(description="Rows with an outcome that the version's alvo knows.")
    recusadas: int
    primeiras_recusadas: list[LinhaRecusada]
    metricas: dict[str, Any] | None = Field(description="With intervals; null where too few.")
    no_limiar: dict[str, float | None] | None
    custo_por_pedido: dict[str, Any] | None = Field(
        description="By the threshold, approving all, denying all."
    )
    aviso: str | None
    pedidos: list[AmostraOut] = Field(description="The first hundred rows.")


class DesempenhoOut(Desempenho):
    """How the version does on orders decided here since it was trained.

    It is asked again about what was stored with each decision, whichever version decided then.
    """

    clientes: int
    positivos: int
    confiabilidade: list[dict[str, Any]] = Field(description="Foretold against happened.")
    espera_dias: int | None = Field(
        None,
        description="Only orders older than this count: of younger ones those that went well are "
        "known first. Null where the version does not know; then all count, and `aviso` says so.",
    )
    recentes: int = Field(0, description="Outcomes of younger orders, left out.")


class Medicao(MedicaoModelo):
    """What a job measured of the version that answered then; kept as JSON."""

    alvo: str
    roc_auc_validacao: dict[str, float]
    pedidos: int = Field(description="Decided in the last 30 days: what the shifts are seen on.")
    desempenho: DesempenhoOut


class SaudeOut(SaudeModelo):
    """How the version that answers is doing, and why that is said."""

    medicao: Medicao | None


class SaudeReport(BaseModel):
    """What a measurement came to."""

    versao: int | None = Field(description="The version measured; null where none answers.")
    pedidos: int
    desfechos: int
