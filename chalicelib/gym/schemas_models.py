"""Responses about the churn model's health and retention, and the messages that ask for both."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, Field

from chalicelib.ml.schemas_health import Desempenho, Desvio, MedicaoModelo, SaudeModelo


class DesvioOut(Desvio):
    """How far an input, or the score, has moved since training."""

    linhas: int = Field(description="Members, on the average of the last seven days.")


class DesempenhoOut(Desempenho):
    """How the version does on outcomes known since it was trained.

    Back-scored: it is asked about each past snapshot with what was known at that instant, which
    is what it would have answered then.
    """

    desfechos: int = Field(description="Rows whose 30 days are over.")
    alunos: int
    positivos: int
    confiabilidade: list[dict[str, Any]] = Field(description="Foretold against happened.")


class Medicao(MedicaoModelo):
    """What a job measured of the version that answered then; kept as JSON."""

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


class SaudeOut(SaudeModelo):
    """How the version that answers is doing, and why that is said."""

    dias_desde_dados: float | None = Field(description="Since the last snapshot it was made with.")
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
