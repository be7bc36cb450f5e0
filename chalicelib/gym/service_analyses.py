"""What jobs find out about the gym: asked for, kept by the day, and read."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chalicelib.core.clock import local_day
from chalicelib.core.db import unit_of_work
from chalicelib.core.jobs import SYSTEM, Job, enqueue
from chalicelib.core.settings import HOUSE, settings
from chalicelib.gym.queues import ANALYSIS_QUEUE
from chalicelib.gym.schemas_models import AnalysisMessage, Retencao, RetencaoOut
from chalicelib.gym.tables import Analise

NOT_YET = "Ainda não calculado: a análise roda de madrugada e depois de cada treino."


class Analysis(StrEnum):
    """What is found out."""

    SAUDE = "saude_churn"
    RETENCAO = "retencao"


def ask_for_analyses(session: Session, *, owner: str) -> Job:
    """Have the model's health and retention measured; one such job at a time is enough."""
    return enqueue(
        session,
        ANALYSIS_QUEUE,
        AnalysisMessage(),
        tenant=HOUSE,
        owner=owner,
        dedupe_key="analises",
    )


def ask_for_nightly_analyses() -> None:
    """What the schedule does."""
    with unit_of_work(tenant=HOUSE) as session:
        ask_for_analyses(session, owner=SYSTEM)


def keep(session: Session, analysis: Analysis, found: BaseModel, now: datetime) -> None:
    """Keep what was found; the day's last one counts."""
    values = {"calculado_em": now, "conteudo": found.model_dump(mode="json")}
    session.execute(
        insert(Analise)
        .values(nome=analysis.value, dia=local_day(now, settings().local_timezone), **values)
        .on_conflict_do_update(index_elements=["nome", "dia"], set_=values)
    )


def latest(session: Session, analysis: Analysis) -> Analise | None:
    """The last one there is."""
    return session.scalar(
        select(Analise).where(Analise.nome == analysis.value).order_by(Analise.dia.desc()).limit(1)
    )


def retention(session: Session) -> RetencaoOut:
    """The last retention curves, or a notice that there are none yet."""
    found = latest(session, Analysis.RETENCAO)
    if found is None:
        return RetencaoOut(calculado_em=None, aviso=NOT_YET, retencao=None)
    return RetencaoOut(
        calculado_em=found.calculado_em,
        aviso=None,
        retencao=Retencao.model_validate(found.conteudo),
    )


def all_of(session: Session, analysis: Analysis, days: int) -> list[Analise]:
    """The last ones, one a day, oldest first."""
    found = session.scalars(
        select(Analise)
        .where(Analise.nome == analysis.value)
        .order_by(Analise.dia.desc())
        .limit(days)
    )
    return list(found)[::-1]
