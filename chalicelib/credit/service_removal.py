"""Datasets that were given up: after a week without a lot they expire, and a job removes them."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, delete, exists, or_, select, text
from sqlalchemy.orm import Session

from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.jobs import SYSTEM, Job
from chalicelib.core.runs import JobRun
from chalicelib.core.uploads import object_store, store_must_answer
from chalicelib.credit.item_fields import Tipo
from chalicelib.credit.item_tables import item_table
from chalicelib.credit.queues import RemoverMessage
from chalicelib.credit.schemas_datasets import EstadoDataset, RemocaoReport
from chalicelib.credit.service_datasets import LIVE, ask_for_removal, find_dataset, record
from chalicelib.credit.service_lots import objects_of
from chalicelib.credit.tables import Dataset, Lote

GIVEN_UP = (EstadoDataset.CANCELADO, EstadoDataset.EXPIRADO)
DATASETS_AT_ONCE = 100
ROUNDS = 50  # A run ends; the next one goes on with the rest.
LOTS_AT_ONCE = 40
FIRST = UUID(int=0)
LOOKED_AT_AGAIN = timedelta(days=2)

_IS_CHECKED = exists().where(Job.id == Dataset.job_id, Job.state.in_(LIVE))


def expire_datasets(now: datetime) -> int:
    """Give up the datasets that nothing has come for in a week, and have their items removed.

    What was given up in the last two days is looked at again: a removal may have been cancelled,
    and a body may have arrived while it went on. A run looks at 5,000 of either at the most; the
    next one takes what it leaves.

    Returns:
        How many have expired.
    """
    expired = 0
    for _ in range(ROUNDS):
        found = _expire_some(now)
        expired += found
        if found < DATASETS_AT_ONCE:
            break
    after = FIRST
    for _ in range(ROUNDS):
        last = _look_again(now, after)
        if last is None:
            break
        after = last
    return expired


def _look_again(now: datetime, after: UUID) -> UUID | None:
    """Ask for the removal of some of what was given up of late; gives the last, None at the end."""
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        found = session.scalars(
            select(Dataset)
            .where(
                Dataset.estado.in_(GIVEN_UP),
                Dataset.encerrado_em > now - LOOKED_AT_AGAIN,
                Dataset.id > after,
            )
            .order_by(Dataset.id)
            .limit(DATASETS_AT_ONCE)
        ).all()
        for dataset in found:
            ask_for_removal(session, dataset, SYSTEM)
    return found[-1].id if len(found) == DATASETS_AT_ONCE else None


def _expire_some(now: datetime) -> int:
    waits = or_(
        Dataset.estado == EstadoDataset.ABERTO,
        and_(Dataset.estado == EstadoDataset.CONFERINDO, ~_IS_CHECKED),
    )
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        found = session.scalars(
            select(Dataset)
            .where(waits, Dataset.expira_em <= now)
            .order_by(Dataset.id)
            .limit(DATASETS_AT_ONCE)
            .with_for_update(key_share=True, skip_locked=True)
        ).all()
        for dataset in found:
            dataset.estado = EstadoDataset.EXPIRADO
            dataset.encerrado_em = now
            record(session, dataset, SYSTEM, "dataset.expirado")
            ask_for_removal(session, dataset, SYSTEM)
        return len(found)


def remove_dataset(run: JobRun, message: RemoverMessage) -> RemocaoReport:
    """Remove the items, lots and objects of a dataset that was given up; its row stays.

    Raises:
        ServiceUnavailable: The store does not answer.
    """
    with run.reading() as session:
        dataset = find_dataset(session, message.dataset)
    if dataset.estado not in GIVEN_UP:
        return RemocaoReport(itens=0, objetos=0)
    items = 0
    while lots := _some_lots(run, dataset):
        run.progress(0, 0, "apagando itens")
        with run.transaction() as session:
            items += sum(_remove_lot(session, lote) for lote in lots)
    objects = _remove_objects(run, dataset)
    if items or objects:
        with run.transaction() as session:
            record(session, dataset, run.owner, "dataset.removido", itens=items, objetos=objects)
    return RemocaoReport(itens=items, objetos=objects)


def _some_lots(run: JobRun, dataset: Dataset) -> list[Lote]:
    with run.reading() as session:
        statement = select(Lote).where(Lote.dataset_id == dataset.id).limit(LOTS_AT_ONCE)
        return list(session.scalars(statement))


def _remove_lot(session: Session, lote: Lote) -> int:
    """A lot, its faults and its items; gives how many these were."""
    table = item_table(Tipo(lote.tipo)).name
    items = session.execute(
        text(f"DELETE FROM {table} WHERE dataset_id = :dataset AND seq = :seq RETURNING 1"),
        {"dataset": lote.dataset_id, "seq": lote.seq},
    )
    n = len(items.all())
    session.execute(
        delete(Lote).where(
            Lote.dataset_id == lote.dataset_id, Lote.tipo == lote.tipo, Lote.seq == lote.seq
        )
    )
    return n


def _remove_objects(run: JobRun, dataset: Dataset) -> int:
    removed = 0
    with store_must_answer():
        for found in list(object_store().list(objects_of(dataset.tenant, dataset.id))):
            run.progress(0, 0, "apagando objetos")
            object_store().delete(found.key)
            removed += 1
    return removed
