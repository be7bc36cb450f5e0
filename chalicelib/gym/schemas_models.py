"""Requests, responses and queue messages about the churn model, and what jobs find out."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from chalicelib.core.types import Strict
from chalicelib.ml.promotion import Move
from chalicelib.ml.stability import Stability

Motivo = Annotated[str, StringConstraints(strip_whitespace=True, min_length=5, max_length=500)]
Versao = Annotated[int, Field(ge=1, le=2**31 - 1)]


class Uso(StrEnum):
    """What a version is used for."""

    CAMPEAO = "campeao"
    DESAFIANTE = "desafiante"


class VersaoResumoOut(BaseModel):
    """A version in the list."""

    versao: int
    algoritmo: str
    uso: Uso | None = Field(description="Null: kept, not in use.")
    criado_em: datetime
    criado_por: str
    roc_auc: dict[str, float] | None = Field(description="Of its own hold-out, 95% interval.")
    brier: dict[str, float] | None


class CartaoOut(BaseModel):
    """A version's model card."""

    versao: int
    algoritmo: str
    uso: Uso | None
    criado_em: datetime
    criado_por: str
    parametros: dict[str, Any]
    rotulo: str = Field(description="What is foretold.")
    dados: dict[str, Any] = Field(description="Window, rows, prevalence and fingerprint.")
    divisao: dict[str, Any] = Field(description="What was trained on and what was judged on.")
    colunas: list[str]
    metricas: dict[str, Any] = Field(
        description="On the hold-out: with intervals, beside the naive rule, reliability, "
        "importance, by plan and by tenure; and the contenders it was chosen among."
    )
    figuras: dict[str, str] = Field(description="Name -> address of its Plotly JSON.")
    artefatos: dict[str, Any] = Field(description="Digests and sizes.")
    bibliotecas: dict[str, str]


class FiguraOut(BaseModel):
    """A figure as Plotly reads it."""

    data: list[dict[str, Any]]
    layout: dict[str, Any]


class MotivoIn(Strict):
    """Why."""

    motivo: Motivo = Field(examples=["Melhor nos planos anuais, conferido com a gerência."])


class CompararIn(Strict):
    """Two versions."""

    a: Versao = Field(examples=[2])
    b: Versao = Field(examples=[1])

    @model_validator(mode="after")
    def _are_two(self) -> Self:
        if self.a == self.b:
            raise ValueError("a and b must be two versions")
        return self


class MudancaOut(BaseModel):
    """A change of the version that answers."""

    tipo: Move
    versao: int = Field(description="Who answers since.")
    anterior: int | None = Field(description="Who answered until then.")
    em: datetime
    por: str
    motivo: str


class Saude(StrEnum):
    """How the version that answers is doing."""

    OK = "ok"
    ATENCAO = "atencao"
    DERIVA = "deriva"
    SEM_DADOS = "sem_dados"


class DesvioOut(BaseModel):
    """How far an input, or the score, has moved since training."""

    coluna: str
    rotulo: str
    psi: float
    linhas: int = Field(description="Members, on the average of the last seven days.")
    faixa: Stability = Field(
        description="`atencao` from 0.1, `deriva` from 0.25; `poucos_dados` where chance alone "
        "reaches that."
    )


class DesempenhoOut(BaseModel):
    """How the version does on outcomes known since it was trained.

    Back-scored: it is asked about each past snapshot with what was known at that instant, which
    is what it would have answered then.
    """

    desde: datetime | None
    ate: datetime | None
    desfechos: int = Field(description="Rows whose 30 days are over.")
    alunos: int
    positivos: int
    metricas: dict[str, Any] | None = Field(description="With intervals; null where too few.")
    confiabilidade: list[dict[str, Any]] = Field(description="Foretold against happened.")
    aviso: str | None


class Medicao(BaseModel):
    """What a job measured of the version that answered then; kept as JSON."""

    versao: int
    treinado_em: datetime
    dados_ate: datetime = Field(description="The last snapshot this version was made with.")
    roc_auc_validacao: dict[str, float]
    alunos: int = Field(description="Members whom it could be asked about in the last week.")
    entradas: list[DesvioOut]
    score: DesvioOut | None
    desempenho: DesempenhoOut
    desempenho_sem_contato: DesempenhoOut | None = Field(
        None,
        description="Without members who were contacted in the days foretold: whom a contact kept "
        "looks like an error of the model. The team's choice of whom to contact is in it.",
    )
    desempenho_controle: DesempenhoOut | None = Field(
        None, description="Members held out of contacts, by lot, among those at risk."
    )


class SaudeOut(BaseModel):
    """How the version that answers is doing, and why that is said."""

    estado: Saude
    motivos: list[str]
    versao: int | None
    idade_dias: float | None
    dias_desde_dados: float | None = Field(description="Since the last snapshot it was made with.")
    medido_em: datetime | None
    medicao: Medicao | None


class PontoOut(BaseModel):
    """A retention curve at one day since registration."""

    dia: int
    retencao: float
    low: float = Field(description="95% interval, log-log.")
    high: float
    em_risco: int = Field(description="Members still there and still observed on that day.")


class CurvaOut(BaseModel):
    """Kaplan-Meier retention of one group of members."""

    coorte: str | None = Field(description="Month of registration; null: all.")
    plano: str | None = Field(description="Plan at registration; null: all.")
    alunos: int
    saidas: int
    mediana_dias: float | None = Field(description="Null: more than half are still there.")
    pontos: list[PontoOut]
    aviso: str | None


class Retencao(BaseModel):
    """What a job found out about retention; kept as JSON."""

    definicao: str
    desde: date | None
    ate: datetime | None
    curvas: list[CurvaOut]


class RetencaoOut(BaseModel):
    """Retention by cohort and plan."""

    calculado_em: datetime | None
    aviso: str | None
    retencao: Retencao | None


class CompareMessage(BaseModel):
    """Two versions of the churn model to compare."""

    a: int
    b: int


class AnalysisMessage(BaseModel):
    """A request to measure the model's health, and retention."""
