"""Requests and responses about fairness."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.core.types import Instant
from chalicelib.credit.policy import ColumnName
from chalicelib.ml.proportions import Interval


class EquidadeQuery(BaseModel):
    """Which column, and which decisions."""

    model_config = ConfigDict(extra="forbid")

    coluna: ColumnName = Field(examples=["cliente.sexo"])
    desde: Instant | None = Field(None, description="Decided from this instant on.")
    ate: Instant | None = Field(None, description="Decided before this instant.")


class ParcelaOut(BaseModel):
    """A share, or a difference of shares, with its 95% interval."""

    valor: float
    minimo: float
    maximo: float
    n: int = Field(description="Orders it is a share of; of a difference, of the smaller group.")

    @classmethod
    def of(cls, interval: Interval, n: int) -> Self:
        """As it is answered."""
        return cls(valor=interval.value, minimo=interval.low, maximo=interval.high, n=n)


class GrupoEquidadeOut(BaseModel):
    """How the orders of one group fared; null where there are too few to say."""

    grupo: str
    n: int
    aprovados: int
    em_revisao: int
    negados: int
    aprovacao: ParcelaOut | None = Field(description="Approved, of all.")
    aprovacao_dos_bons: ParcelaOut | None = Field(
        description="Approved, of those whose outcome was good: equal opportunity compares these."
    )
    aprovacao_dos_ruins: ParcelaOut | None = Field(
        description="Approved, of those whose outcome was bad."
    )
    diferenca_de_aprovacao: ParcelaOut | None = Field(description="To the group of reference.")
    diferenca_de_oportunidade: ParcelaOut | None = Field(
        description="Of good ones approved, to the group of reference."
    )
    motivo: str | None = Field(description="What was not computed, and why.")


class EquidadeOut(BaseModel):
    """How orders fared by the groups of a sensitive column."""

    coluna: str
    n: int = Field(description="Decisions of the period that hold the column.")
    referencia: str | None = Field(description="The largest group, which others are compared to.")
    grupos: list[GrupoEquidadeOut]
    definicao: str
