"""Having a project's model trained, and following its trainings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session, undefer

from chalicelib.core import audit, job_control
from chalicelib.core.auth import Principal
from chalicelib.core.jobs import Job, JobState, enqueue
from chalicelib.core.pages import AS_ID, PageQuery, fetch_page
from chalicelib.ml.schemas import FiguraOut
from chalicelib.ml.versions import FiguraNotFound
from chalicelib.prices.errors import DatasetNaoPronto
from chalicelib.prices.errors_models import TreinamentoNotFound, TreinamentoTerminou
from chalicelib.prices.experiment import Experimento
from chalicelib.prices.experiment_checks import check
from chalicelib.prices.membership import Papel, projeto_of
from chalicelib.prices.queues_models import PRICES_TRAINING_QUEUE, TreinoMessage
from chalicelib.prices.schemas_models import (
    TreinamentoIn,
    TreinamentoOut,
    TreinamentoResumo,
)
from chalicelib.prices.service_datasets import dataset_of
from chalicelib.prices.tables import Dataset, Projeto
from chalicelib.prices.tables_models import Treinamento

READY = "pronto"
FEWEST_SHARE = 0.02  # Of the way, below which how long the rest takes would be a guess.


@dataclass(frozen=True)
class Begun:
    """A training that was asked for, and its job."""

    id: int
    job: Job


@dataclass(frozen=True)
class Followed:
    """A training and its job, which after some time is no longer known."""

    training: Treinamento
    job: Job | None


def ask_for_training(
    session: Session, principal: Principal, projeto_id: UUID, asked: TreinamentoIn, now: datetime
) -> Job:
    """Have a new version trained; see `begin_training`."""
    return begin_training(session, principal, projeto_id, asked, now).job


def begin_training(
    session: Session, principal: Principal, projeto_id: UUID, asked: TreinamentoIn, now: datetime
) -> Begun:
    """Have a new version trained.

    Raises:
        ProjetoNotFound, PapelInsuficiente: The caller may not train here.
        DatasetNotFound, DatasetNaoPronto: There is nothing to train on.
        ValidationFailed: Names what in the experiment does not fit the dataset.
    """
    projeto = projeto_of(session, principal, projeto_id, Papel.TREINADOR)
    dataset = dataset_of(session, projeto, asked.dataset)
    if dataset.estado != READY:
        raise DatasetNaoPronto
    experiment = asked.experiment
    check(experiment, dataset.colunas, dataset.linhas or 0)
    return add_training(session, principal, projeto, dataset, experiment, now)


def add_training(
    session: Session,
    principal: Principal,
    projeto: Projeto,
    dataset: Dataset,
    experiment: Experimento,
    now: datetime,
) -> Begun:
    """Add a training and its job."""
    training = Treinamento(
        tenant=projeto.tenant,
        projeto_id=projeto.id,
        dataset_id=dataset.id,
        experimento=experiment.model_dump(mode="json", exclude_none=True),
        job_id=uuid4(),
        criado_em=now,
        criado_por=principal.subject,
    )
    session.add(training)
    session.flush()
    job = enqueue(
        session,
        PRICES_TRAINING_QUEUE,
        TreinoMessage(treinamento=training.id),
        tenant=projeto.tenant,
        owner=principal.subject,
    )
    training.job_id = job.id
    audit.record_by(
        session,
        principal,
        "treinamento.pedido",
        f"projeto:{projeto.id}",
        treinamento=training.id,
        dataset=dataset.id,
    )
    return Begun(training.id, job)


def list_trainings(
    session: Session, principal: Principal, projeto_id: UUID, query: PageQuery, now: datetime
) -> tuple[list[TreinamentoResumo], str | None, tuple[int, bool]]:
    """A project's trainings, newest first.

    Raises:
        ProjetoNotFound: It is not the caller's, nor shared with them.
    """
    projeto = projeto_of(session, principal, projeto_id, Papel.LEITOR)
    statement = select(Treinamento).where(Treinamento.projeto_id == projeto.id)
    rows, cursor, total = fetch_page(session, statement, query, (Treinamento.id,), (AS_ID,))
    jobs = _jobs(session, [row.job_id for row in rows])
    found = [
        TreinamentoResumo.model_validate(_summary(Followed(row, jobs.get(row.job_id)), now))
        for row in rows
    ]
    return found, cursor, total


def _jobs(session: Session, ids: Sequence[UUID]) -> dict[UUID, Job]:
    return {job.id: job for job in session.scalars(select(Job).where(Job.id.in_(ids)))}


def count_own(session: Session, principal: Principal, since: datetime) -> dict[JobState, int]:
    """How many trainings the caller has asked for since then, by how they stand."""
    statement = (
        select(Job.state, func.count())
        .where(
            Job.queue == PRICES_TRAINING_QUEUE.name,
            Job.owner == principal.subject,
            Job.created_at >= since,
        )
        .group_by(Job.state)
    )
    return {JobState(state): count for state, count in session.execute(statement)}


def see_training(
    session: Session,
    principal: Principal,
    projeto_id: UUID,
    treinamento_id: int,
    figures_at: str,
    now: datetime,
) -> TreinamentoOut:
    """One training.

    Args:
        session: The session.
        principal: Who asks.
        projeto_id: Which project.
        treinamento_id: Which training.
        figures_at: Address under which its figures are read by name.
        now: The instant.

    Raises:
        ProjetoNotFound, TreinamentoNotFound: There is none that the caller may see.
    """
    training = _training(session, principal, projeto_id, treinamento_id, Papel.LEITOR, figures=True)
    job = session.get(Job, training.job_id)
    return TreinamentoOut.model_validate(
        {
            **_summary(Followed(training, job), now),
            "experimento": training.experimento,
            "erro": None if job is None else job.error,
            "resultado": None if training.versao is None else training.resultado,
            "figuras": {name: f"{figures_at}/{name}" for name in sorted(training.figuras)},
        }
    )


def training_figure(
    session: Session, principal: Principal, projeto_id: UUID, treinamento_id: int, name: str
) -> FiguraOut:
    """One figure of a training as Plotly reads it.

    Raises:
        ProjetoNotFound, TreinamentoNotFound: There is none that the caller may see.
        FiguraNotFound: It has no such figure.
    """
    training = _training(session, principal, projeto_id, treinamento_id, Papel.LEITOR, figures=True)
    found: dict[str, Any] | None = training.figuras.get(name)
    if found is None:
        raise FiguraNotFound
    return FiguraOut.model_validate(found)


def cancel_training(
    session: Session, principal: Principal, projeto_id: UUID, treinamento_id: int
) -> Job:
    """Cancel a training, whoever of the project asked for it.

    Raises:
        ProjetoNotFound, PapelInsuficiente, TreinamentoNotFound: The caller may not.
        TreinamentoTerminou: It has ended.
    """
    training = _training(session, principal, projeto_id, treinamento_id, Papel.TREINADOR)
    try:
        return job_control.cancel_of_others(session, principal, training.job_id)
    except (job_control.JobFinished, job_control.JobNotFound):
        raise TreinamentoTerminou from None


def _training(
    session: Session,
    principal: Principal,
    projeto_id: UUID,
    treinamento_id: int,
    papel: Papel,
    *,
    figures: bool = False,
) -> Treinamento:
    projeto = projeto_of(session, principal, projeto_id, papel)
    options = [undefer(Treinamento.figuras)] if figures else []
    found = session.get(Treinamento, treinamento_id, options=options)
    if found is None or found.projeto_id != projeto.id:
        raise TreinamentoNotFound
    return found


def _summary(followed: Followed, now: datetime) -> dict[str, Any]:
    training, job = followed.training, followed.job
    declared = training.experimento
    return {
        "id": training.id,
        "dataset_id": training.dataset_id,
        "alvo": declared["alvo"],
        "algoritmos": [each["nome"] for each in declared["algoritmos"]],
        "estado": _state(followed),
        "progresso": 1.0 if training.versao is not None else job.progress if job else 0.0,
        "etapa": None if job is None else job.step,
        "restam_segundos": seconds_left(job, now),
        "versao": training.versao,
        "job_id": training.job_id,
        "criado_em": training.criado_em,
        "criado_por": training.criado_por,
        "concluido_em": training.concluido_em,
    }


def _state(followed: Followed) -> JobState | None:
    if followed.job is not None:
        return followed.job.state
    return None if followed.training.versao is None else JobState.SUCCEEDED


def seconds_left(job: Job | None, now: datetime) -> float | None:
    """How long a job will take still, by how long it took so far; None where that is unknown."""
    if job is None or job.state != JobState.RUNNING or job.started_at is None:
        return None
    if job.progress < FEWEST_SHARE:
        return None
    spent = (now - job.started_at).total_seconds()
    return round(max(spent, 0.0) * (1 - job.progress) / job.progress, 1)
