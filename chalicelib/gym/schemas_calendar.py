"""A member's calendar: visits by day, and what they say of the member's habits."""

from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.core.types import Day, Id

MOST_DAYS = 366


class CalendarioQuery(BaseModel):
    """Which local days; 366 at the most."""

    model_config = ConfigDict(extra="forbid")

    de: Day | None = Field(
        None, description="First day; 364 days before `ate` when left out.", examples=["2025-03-19"]
    )
    ate: Day | None = Field(
        None, description="Last day; today when left out.", examples=["2026-03-18"]
    )


class DiaOut(BaseModel):
    """Visits that began on a local day, wherever midnight found them."""

    dia: date = Field(examples=["2026-03-16"])
    visitas: int = Field(examples=[2])
    medidas: int = Field(description="Of these visits, those whose exit is known.", examples=[1])
    minutos: float | None = Field(
        description="What the measured visits lasted together; 0 on a day without visits, null "
        "on one whose visits have no exit.",
        examples=[62.5],
    )


class DiaDaSemanaOut(BaseModel):
    """A weekday among the visits of the last 12 weeks."""

    dia: str = Field(examples=["segunda-feira"])
    visitas: int = Field(examples=[11])
    parcela: float = Field(description="Share of the visits.", examples=[0.458])
    usual: bool = Field(description="Whether a fifth of the visits or more are on it.")


class HoraOut(BaseModel):
    """A local hour among the entries of the last 12 weeks."""

    hora: int = Field(
        description="0 to 23; an hour that clocks repeat is counted as one.", examples=[18]
    )
    visitas: int = Field(examples=[15])
    parcela: float = Field(description="Share of the visits.", examples=[0.625])
    usual: bool = Field(description="Whether a fifth of the visits or more begin within it.")


class HabitoOut(BaseModel):
    """When a member usually comes, by the last 12 weeks."""

    visitas: int = Field(description="In these 12 weeks.", examples=[24])
    dias_da_semana: list[DiaDaSemanaOut] = Field(description="All seven, from Monday.")
    horas: list[HoraOut] = Field(description="Those with any visit, in their order.")


class SequenciaOut(BaseModel):
    """Weeks in a row, local and from Monday, with at least one visit each."""

    atual_semanas: int = Field(
        description="Up to now. The running week counts once it has a visit, and breaks nothing "
        "before it is over.",
        examples=[6],
    )
    maior_semanas: int = Field(description="The longest ever; of equals the latest.", examples=[31])
    maior_desde: date | None = Field(
        description="Monday of its first week; null without any visit.", examples=["2025-02-03"]
    )


class Tendencia(StrEnum):
    """Where a member's rhythm goes."""

    SUBINDO = "subindo"
    ESTAVEL = "estável"
    CAINDO = "caindo"


class RitmoOut(BaseModel):
    """Visits a week beside the member's own baseline, by the churn model's definition."""

    recente: float | None = Field(
        description="Visits a week in the last 4 weeks: `frequencia_semanal` of the model.",
        examples=[1.25],
    )
    habitual: float | None = Field(
        description="Visits a week in the 12 weeks before these, or in as many as there were "
        "since registration.",
        examples=[2.0],
    )
    variacao: float | None = Field(
        description="Their difference: `variacao_do_ritmo` of the model.", examples=[-0.75]
    )
    tendencia: Tendencia | None = Field(
        description="`subindo` or `caindo` when the difference is both half a visit a week and a "
        "quarter of what is habitual, or more; else `estável`. Null of who registered less than "
        "8 weeks ago, and without any visit in these 16 weeks.",
        examples=["caindo"],
    )


class CalendarioOut(BaseModel):
    """A member's days, for a heat map, and their habits as of now."""

    aluno_id: Id
    de: date = Field(examples=["2025-03-19"])
    ate: date = Field(examples=["2026-03-18"])
    fuso: str = Field(description="Whose days and hours these are.", examples=["America/Sao_Paulo"])
    dias: list[DiaOut] = Field(description="Every day from `de` to `ate`, in order.")
    habito: HabitoOut | None = Field(
        description="Null with fewer than 8 visits in the last 12 weeks: too few to speak of."
    )
    sequencia: SequenciaOut
    ritmo: RitmoOut
