"""What the peer takes and answers: the fields of ours, but for reasons and provenance."""

from datetime import date, datetime

from pydantic import BaseModel


class CheckinIn(BaseModel):
    """An entry."""

    aluno_id: int
    entrada: datetime | None = None


class CheckinOut(BaseModel):
    """A visit."""

    id: int
    aluno_id: int
    entrada: datetime
    saida: datetime | None


class VisitaOut(BaseModel):
    """A visit in a member's history."""

    entrada: datetime
    saida: datetime | None
    duracao_minutos: float | None


class SemanaOut(BaseModel):
    """Visits of one local week."""

    semana: date
    visitas: int


class FrequenciaOut(BaseModel):
    """A member's history: one page of visits, and figures over all of them."""

    aluno_id: int
    visitas_7_dias: int
    visitas_30_dias: int
    visitas_90_dias: int
    media_semanal: float
    duracao_media_minutos: float | None
    ultima_visita: datetime | None
    serie_semanal: list[SemanaOut]
    items: list[VisitaOut]
    total: int


class RiscoOut(BaseModel):
    """How likely a member is to leave in the next 30 days."""

    aluno_id: int
    probabilidade_churn: float
    faixa: str
    fatores: dict[str, float | str | None]
