"""That a dataset is whole: asked for here, checked by a job."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal
from chalicelib.core.jobs import Job, enqueue
from chalicelib.credit.errors import DatasetEmConferencia, DatasetEncerrado, LotesPendentes
from chalicelib.credit.queues import CREDIT_DATASETS_QUEUE, FecharMessage
from chalicelib.credit.schemas_datasets import ConcluirIn, EstadoDataset, EstadoLote
from chalicelib.credit.service_datasets import KEPT_OPEN, live_job, lock_dataset, record
from chalicelib.credit.service_lot_files import refuse_while_dividing
from chalicelib.credit.tables import Dataset, Lote


def ask_to_close(
    session: Session, principal: Principal, dataset_id: UUID, asked: ConcluirIn, now: datetime
) -> Job:
    """Have a dataset checked and closed.

    Asked again while that goes on, the same is answered.

    Raises:
        DatasetNotFound: There is none under this id.
        DatasetEmConferencia: It is being checked against other counts.
        DatasetEncerrado: It is closed, cancelled or expired.
        LotesPendentes: Lots of it are still being stored.
        ArquivoSendoDividido: A file of it is being divided into lots.
    """
    dataset = lock_dataset(session, dataset_id)
    terms = {
        "esperados": asked.esperados.model_dump(by_alias=True),
        "aceita_recusados": asked.aceitar_recusados,
        "aceita_sem_cliente": asked.aceitar_sem_cliente,
    }
    if dataset.estado == EstadoDataset.CONFERINDO:
        job = live_job(session, dataset.job_id)
        if job is not None:
            if any(getattr(dataset, name) != value for name, value in terms.items()):
                raise DatasetEmConferencia
            return job
    elif dataset.estado != EstadoDataset.ABERTO:
        raise DatasetEncerrado
    refuse_while_dividing(session, dataset.id)
    _refuse_pending(session, dataset)
    job = enqueue(
        session,
        CREDIT_DATASETS_QUEUE,
        FecharMessage(dataset=dataset.id),
        tenant=dataset.tenant,
        owner=principal.subject,
        dedupe_key=str(dataset.id),
    )
    for name, value in terms.items():
        setattr(dataset, name, value)
    dataset.estado = EstadoDataset.CONFERINDO
    dataset.job_id = job.id
    dataset.expira_em = now + KEPT_OPEN
    record(session, dataset, principal.subject, "dataset.conclusao_pedida", job=str(job.id))
    return job


def _refuse_pending(session: Session, dataset: Dataset) -> None:
    pending = session.scalar(
        select(func.count()).where(
            Lote.dataset_id == dataset.id, Lote.estado == EstadoLote.PENDENTE.value
        )
    )
    if pending:
        raise LotesPendentes(
            f"Lots of this dataset that are still being stored: {pending}. Conclude it when none "
            "is pending; a lot whose job has failed is stored when it is sent again."
        )
