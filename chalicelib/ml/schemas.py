"""Requests and responses about the versions of a model, whatever it foretells.

A product that says more of a version, or calls its entities by their name, adds its own fields in
a subclass.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from chalicelib.core.types import Strict
from chalicelib.ml.promotion import Move

Motivo = Annotated[str, StringConstraints(strip_whitespace=True, min_length=5, max_length=500)]
Versao = Annotated[int, Field(ge=1, le=2**31 - 1)]


class Uso(StrEnum):
    """What a version is used for."""

    CAMPEAO = "campeao"
    DESAFIANTE = "desafiante"


class VersaoOut(BaseModel):
    """A version in a list; every field that a subclass adds is a metric of its hold-out."""

    versao: int
    algoritmo: str
    uso: Uso | None = Field(description="Null: kept, not in use.")
    criado_em: datetime
    criado_por: str


class VersaoResumoOut(VersaoOut):
    """A version in the list."""

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
        "importance, by group; and the contenders it was chosen among."
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

    motivo: Motivo = Field(examples=["Melhor nos casos recentes, conferido com a gerência."])


class CompararIn(Strict):
    """Two versions."""

    a: Versao = Field(examples=[2])
    b: Versao = Field(examples=[1])

    @model_validator(mode="after")
    def _are_two(self) -> Self:
        if self.a == self.b:
            raise ValueError("a and b must be two versions")
        return self


class ComparisonReport(BaseModel):
    """Two versions on the same rows; differences are a minus b, positive where a is better."""

    a: int
    b: int
    desde: str | None = Field(description="First instant judged; null where rows carry no time.")
    ate: str | None = Field(description="Last instant judged.")
    linhas: int
    metricas_a: dict[str, Any]
    metricas_b: dict[str, Any]
    diferencas: dict[str, Any] = Field(
        description="Paired differences with their 95% intervals, by metric."
    )


class MudancaOut(BaseModel):
    """A change of the version that answers."""

    tipo: Move
    versao: int = Field(description="Who answers since.")
    anterior: int | None = Field(description="Who answered until then.")
    em: datetime
    por: str
    motivo: str
