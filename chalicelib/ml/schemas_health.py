"""How a model that answers is doing; a product adds what it counts and what else it measured."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

from chalicelib.ml.stability import Stability


class Saude(StrEnum):
    """How the version that answers is doing."""

    OK = "ok"
    ATENCAO = "atencao"
    DERIVA = "deriva"
    SEM_DADOS = "sem_dados"


class Desvio(BaseModel):
    """How far an input, or the answer, has moved since training."""

    coluna: str
    rotulo: str
    psi: float
    linhas: int
    faixa: Stability = Field(
        description="`atencao` from 0.1, `deriva` from 0.25; `poucos_dados` where chance alone "
        "reaches that."
    )


class Desempenho(BaseModel):
    """How a version does on outcomes known since it was trained.

    A subclass adds the counts and details of the product's recipe, each by its name.
    """

    desde: datetime | None
    ate: datetime | None
    desfechos: int = Field(description="Outcomes that are known.")
    metricas: dict[str, Any] | None = Field(description="With intervals; null where too few.")
    aviso: str | None


class MedicaoModelo(BaseModel):
    """What a job measured of the version that answered then; kept as JSON."""

    versao: int
    treinado_em: datetime
    dados_ate: datetime = Field(description="The last instant this version was made with.")
    entradas: Sequence[Desvio]
    score: Desvio | None


class SaudeModelo(BaseModel):
    """How the version that answers is doing, and why that is said."""

    estado: Saude
    motivos: list[str]
    versao: int | None
    idade_dias: float | None
    dias_desde_dados: float | None = Field(description="Since the last instant it was made with.")
    medido_em: datetime | None
    medicao: MedicaoModelo | None
