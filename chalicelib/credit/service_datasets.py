"""Datasets: opened, listed, held open while lots arrive, cancelled."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.auth import Principal
from chalicelib.core.jobs import Job, JobState, enqueue
from chalicelib.core.pages import AS_INSTANT, AS_UUID, PageQuery, fetch_page
from chalicelib.credit.errors import (
    DatasetEmConferencia,
    DatasetEncerrado,
    DatasetFechado,
    DatasetNotFound,
)
from chalicelib.credit.queues import CREDIT_REMOVALS_QUEUE, RemoverMessage
from chalicelib.credit.schemas_datasets import DatasetIn, EstadoDataset
from chalicelib.credit.tables import Dataset

KEPT_OPEN = timedelta(days=7)
LIVE = (JobState.QUEUED, JobState.RUNNING)

# The row is written once a day at most: parallel lots would wait for each other at each one.
PUT_OFF_EXPIRY = """
UPDATE credito_datasets SET expira_em = cast(:expiry AS timestamptz)
WHERE id = :id AND estado = 'aberto'
    AND expira_em < cast(:expiry AS timestamptz) - interval '1 day'
"""
REOPEN = """
UPDATE credito_datasets d SET estado = 'aberto'
WHERE d.id = :id AND d.estado = 'conferindo' AND NOT EXISTS (
    SELECT 1 FROM jobs j WHERE j.id = d.job_id AND j.state IN ('queued', 'running'))
"""


def open_dataset(session: Session, principal: Principal, new: DatasetIn, now: datetime) -> Dataset:
    """Begin a collection."""
    dataset = Dataset(
        tenant=principal.tenant,
        alvo=new.alvo.value,
        nome=new.nome,
        criado_em=now,
        criado_por=principal.subject,
        expira_em=now + KEPT_OPEN,
    )
    session.add(dataset)
    session.flush()
    record(session, dataset, principal.subject, "dataset.aberto", alvo=new.alvo.value)
    return dataset


def list_datasets(
    session: Session, query: PageQuery
) -> tuple[list[Dataset], str | None, tuple[int, bool]]:
    """The company's datasets, newest first.

    Returns:
        The rows of the page, the cursor of the next one, and the total with its exactness.
    """
    statement = select(Dataset).where(~Dataset.acervo)
    key = (Dataset.criado_em, Dataset.id)
    return fetch_page(session, statement, query, key, (AS_INSTANT, AS_UUID))


def find_dataset(session: Session, dataset_id: UUID) -> Dataset:
    """A dataset of the session's tenant.

    Raises:
        DatasetNotFound: There is none under this id; the acervo is not one of them.
    """
    found = session.scalar(select(Dataset).where(Dataset.id == dataset_id, ~Dataset.acervo))
    if found is None:
        raise DatasetNotFound
    return found


def lock_dataset(session: Session, dataset_id: UUID) -> Dataset:
    """A dataset whose state nobody else changes before this transaction ends.

    Raises:
        DatasetNotFound: There is none under this id.
    """
    found = session.scalar(
        select(Dataset)
        .where(Dataset.id == dataset_id, ~Dataset.acervo)
        .with_for_update(key_share=True)
    )
    if found is None:
        raise DatasetNotFound
    return found


def refuse_unless_open(dataset: Dataset) -> None:
    """Raises DatasetEmConferencia or DatasetEncerrado where it takes no lots."""
    if dataset.estado == EstadoDataset.CONFERINDO:
        raise DatasetEmConferencia
    if dataset.estado != EstadoDataset.ABERTO:
        raise DatasetEncerrado


def hold_open(session: Session, dataset_id: UUID, now: datetime) -> None:
    """Keep a dataset from being concluded before this transaction ends, and from expiring soon.

    Raises:
        DatasetNotFound: There is none under this id.
        DatasetEmConferencia, DatasetEncerrado: It takes no lots.
    """
    # First, because who shares a lock must not ask for more of it.
    session.execute(text(PUT_OFF_EXPIRY), {"id": dataset_id, "expiry": now + KEPT_OPEN})
    found = session.scalar(
        select(Dataset).where(Dataset.id == dataset_id, ~Dataset.acervo).with_for_update(read=True)
    )
    if found is None:
        raise DatasetNotFound
    refuse_unless_open(found)


def reopen_if_given_up(session: Session, dataset_id: UUID) -> None:
    """Open a dataset again whose conclusion was cancelled, or failed for good."""
    session.execute(text(REOPEN), {"id": dataset_id})


def live_job(session: Session, job_id: UUID | None) -> Job | None:
    """A job that waits or runs."""
    return session.scalar(select(Job).where(Job.id == job_id, Job.state.in_(LIVE)))


def cancel_dataset(
    session: Session, principal: Principal, dataset_id: UUID, now: datetime
) -> Dataset:
    """Give up a dataset that is not closed; a job removes its items and objects.

    Done again, nothing changes.

    Raises:
        DatasetNotFound: There is none under this id.
        DatasetFechado: It is closed.
    """
    dataset = lock_dataset(session, dataset_id)
    if dataset.estado == EstadoDataset.FECHADO:
        raise DatasetFechado
    if dataset.estado in (EstadoDataset.ABERTO, EstadoDataset.CONFERINDO):
        dataset.estado = EstadoDataset.CANCELADO
        dataset.encerrado_em = now
        record(session, dataset, principal.subject, "dataset.cancelado")
        ask_for_removal(session, dataset, principal.subject)
    return dataset


def ask_for_removal(session: Session, dataset: Dataset, owner: str) -> None:
    """Have the items and objects of a dataset that was given up removed."""
    enqueue(
        session,
        CREDIT_REMOVALS_QUEUE,
        RemoverMessage(dataset=dataset.id),
        tenant=dataset.tenant,
        owner=owner,
        dedupe_key=str(dataset.id),
    )


def record(session: Session, dataset: Dataset, ator: str, acao: str, **detalhes: object) -> None:
    """Put a change of a dataset on the trail."""
    audit.record(
        session,
        tenant=dataset.tenant,
        ator=ator,
        acao=acao,
        objeto=f"dataset:{dataset.id}",
        **detalhes,
    )
