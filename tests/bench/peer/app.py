"""The peer's views."""

# mypy: disallow-untyped-decorators=False

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, FastAPI, HTTPException  # type: ignore[import-not-found]
from sqlalchemy.orm import Session

from tests.bench.peer import queries
from tests.bench.peer.database import get_session
from tests.bench.peer.forest import churn_forest, read_factors
from tests.bench.peer.models import Aluno, Checkin
from tests.bench.peer.schemas import (
    CheckinIn,
    CheckinOut,
    FrequenciaOut,
    RiscoOut,
    SemanaOut,
    VisitaOut,
)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Load the model before the first request."""
    churn_forest()
    yield


app = FastAPI(title="Gym", lifespan=lifespan)
DatabaseSession = Annotated[Session, Depends(get_session)]


def _aluno(session: Session, aluno_id: int) -> Aluno:
    aluno = queries.find_aluno(session, aluno_id)
    if aluno is None:
        raise HTTPException(404, "Aluno não encontrado")
    return aluno


@app.post("/aluno/checkin", status_code=201, response_model=CheckinOut)
def post_checkin(body: CheckinIn, session: DatabaseSession) -> CheckinOut:
    """Record an entry."""
    now = datetime.now(UTC)
    if not _aluno(session, body.aluno_id).ativo:
        raise HTTPException(409, "Aluno inativo")
    if queries.open_visit(session, body.aluno_id, now) is not None:
        raise HTTPException(409, "Aluno já está na academia")
    checkin = Checkin(aluno_id=body.aluno_id, entrada=body.entrada or now)
    session.add(checkin)
    session.commit()
    return CheckinOut(
        id=checkin.id, aluno_id=checkin.aluno_id, entrada=checkin.entrada, saida=checkin.saida
    )


@app.get("/aluno/{aluno_id}/frequencia", response_model=FrequenciaOut)
def get_frequencia(aluno_id: int, session: DatabaseSession, limit: int = 20) -> FrequenciaOut:
    """A member's visits, newest first, and what they amount to."""
    now = datetime.now(UTC)
    aluno = _aluno(session, aluno_id)
    found = queries.figures(session, aluno_id, now)
    weeks = min(max((now - aluno.matriculado_em).days / 7, 1), 12)
    minutes = found.duracao_media_minutos
    return FrequenciaOut(
        aluno_id=aluno_id,
        visitas_7_dias=found.visitas_7_dias,
        visitas_30_dias=found.visitas_30_dias,
        visitas_90_dias=found.visitas_90_dias,
        media_semanal=round(found.visitas_12_semanas / weeks, 2),
        duracao_media_minutos=None if minutes is None else round(float(minutes), 1),
        ultima_visita=found.ultima_visita,
        serie_semanal=_series(session, aluno_id, now),
        items=[_visit(visit) for visit in queries.latest_visits(session, aluno_id, limit)],
        total=found.total,
    )


@app.get("/aluno/{aluno_id}/risco-churn", response_model=RiscoOut)
def get_risco_churn(aluno_id: int, session: DatabaseSession) -> RiscoOut:
    """How likely a member is to leave in the next 30 days."""
    aluno = _aluno(session, aluno_id)
    factors = read_factors(session, aluno, datetime.now(UTC))
    if factors is None:
        raise HTTPException(409, "Aluno sem visitas")
    probability = churn_forest().probability(factors)
    return RiscoOut(
        aluno_id=aluno_id,
        probabilidade_churn=probability,
        faixa="alto" if probability >= 0.7 else "medio" if probability >= 0.4 else "baixo",
        fatores=factors,
    )


def _series(session: Session, aluno_id: int, now: datetime) -> list[SemanaOut]:
    today = now.astimezone(ZoneInfo(queries.ZONE)).date()
    this_monday = today - timedelta(days=today.weekday())
    first = this_monday - timedelta(weeks=queries.WEEKS_OF_SERIES - 1)
    counts = queries.visits_by_week(session, aluno_id, first)
    mondays: list[date] = [first + timedelta(weeks=week) for week in range(queries.WEEKS_OF_SERIES)]
    return [SemanaOut(semana=monday, visitas=counts.get(monday, 0)) for monday in mondays]


def _visit(visit: Checkin) -> VisitaOut:
    minutes = None
    if visit.saida is not None:
        minutes = round((visit.saida - visit.entrada).total_seconds() / 60, 1)
    return VisitaOut(entrada=visit.entrada, saida=visit.saida, duracao_minutos=minutes)
