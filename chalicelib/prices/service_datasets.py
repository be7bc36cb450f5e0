"""Datasets: sent, listed, looked at, downloaded, deleted."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, undefer

from chalicelib.core.auth import Principal
from chalicelib.core.db import unit_of_work
from chalicelib.core.job_control import JobOut
from chalicelib.core.jobs import Job, JobState, enqueue
from chalicelib.core.pages import AS_ID, PageQuery, fetch_page
from chalicelib.core.parsing import JSON, RawBody
from chalicelib.core.settings import settings
from chalicelib.core.types import LARGEST_ID
from chalicelib.core.uploads import BYTES_PER_MB, object_store, receive, upload_media_type
from chalicelib.prices.errors import (
    ArquivoGrande,
    DatasetNaoPronto,
    DatasetNotFound,
)
from chalicelib.prices.media import MEDIA_TYPES
from chalicelib.prices.membership import Papel, projeto_of
from chalicelib.prices.queues import (
    PRICES_PROFILE_QUEUE,
    PRICES_REMOVAL_QUEUE,
    PerfilMessage,
    RemocaoMessage,
)
from chalicelib.prices.schemas_datasets import Alvo, DatasetOut, DatasetRecebido, EstadoDataset
from chalicelib.prices.service_projects import record
from chalicelib.prices.tables import Dataset, Projeto

LINK_LIFETIME = timedelta(minutes=15)


@dataclass(frozen=True)
class SentFile:
    """A file that lies in the store.

    Attributes:
        objeto: Its key.
        media_type: As it was declared.
        bytes: Its size.
        sha256: Where it came with the request; of a large one the job finds it out.
    """

    objeto: str
    media_type: str
    bytes: int
    sha256: str | None = None


def take_file(principal: Principal, projeto_id: UUID, raw: RawBody, now: datetime) -> SentFile:
    """Take a file for a project, in the body or as an upload's key; before any transaction.

    Raises:
        ProjetoNotFound: There is none of theirs, nor one shared with them, under this id.
        PapelInsuficiente: Their role is leitor.
        ArquivoGrande: It has more than `PRECOS_DATASET_MAX_MB`.
        ObjectMissing, FileTypeUnsupported, EmptyFile, ValidationFailed, ServiceUnavailable: See
            `uploads.receive`.
    """
    with unit_of_work(tenant=principal.tenant, autocommit=True) as session:
        projeto_of(session, principal, projeto_id, Papel.TREINADOR)
    info = receive(principal, raw, now, accepted=MEDIA_TYPES)
    if info.size_bytes > settings().precos_dataset_max_mb * BYTES_PER_MB:
        raise ArquivoGrande
    if raw.media_type != JSON:
        digest = hashlib.sha256(raw.data).hexdigest()
        return SentFile(info.key, raw.media_type, info.size_bytes, digest)
    with unit_of_work(tenant=principal.tenant, autocommit=True) as session:
        return SentFile(info.key, upload_media_type(session, info.key), info.size_bytes)


def receive_dataset(
    session: Session,
    principal: Principal,
    projeto: Projeto,
    sent: SentFile,
    nome: str | None,
    now: datetime,
    *,
    profiles: bool = True,
) -> tuple[Dataset, bool]:
    """Make a file a dataset of a project, and ask for its profile.

    Args:
        session: The transaction, which has the project locked.
        principal: Who sends it; may do so.
        projeto: Whose it becomes.
        sent: The file.
        nome: What to call it; by its number when left out.
        now: When.
        profiles: False where another job is going to profile it.

    Returns:
        The dataset, and whether these bytes made it before.
    """
    known = same_bytes(session, projeto.id, sent.sha256) if sent.sha256 else None
    dataset = known or _new_dataset(session, principal, projeto, sent, nome, now)
    if known is None:
        record(
            session,
            principal,
            projeto.id,
            "dataset.enviado",
            dataset=dataset.id,
            versao=dataset.versao,
            bytes=sent.bytes,
        )
    elif known.estado != EstadoDataset.PRONTO and not _job_is_live(session, known):
        known.origem = {**known.origem, "objeto": sent.objeto, "media_type": sent.media_type}
    if profiles and dataset.estado != EstadoDataset.PRONTO:
        ask_for_profile(session, principal, dataset)
    return dataset, known is not None


def _new_dataset(
    session: Session,
    principal: Principal,
    projeto: Projeto,
    sent: SentFile,
    nome: str | None,
    now: datetime,
) -> Dataset:
    last = session.scalar(select(func.max(Dataset.versao)).where(Dataset.projeto_id == projeto.id))
    versao = (last or 0) + 1
    dataset = Dataset(
        tenant=projeto.tenant,
        projeto_id=projeto.id,
        versao=versao,
        nome=nome or f"Dataset {versao}",
        estado=EstadoDataset.RECEBIDO.value,
        sha256=sent.sha256,
        origem={"objeto": sent.objeto, "media_type": sent.media_type, "bytes": sent.bytes},
        criado_por=principal.subject,
        criado_em=now,
    )
    session.add(dataset)
    session.flush()
    return dataset


def same_bytes(session: Session, projeto_id: UUID, sha256: str) -> Dataset | None:
    """The project's dataset of these bytes, unless its file was refused."""
    return session.scalar(
        select(Dataset).where(
            Dataset.projeto_id == projeto_id,
            Dataset.sha256 == sha256,
            Dataset.estado != EstadoDataset.RECUSADO.value,
        )
    )


def _job_is_live(session: Session, dataset: Dataset) -> bool:
    live = (JobState.QUEUED, JobState.RUNNING)
    statement = select(Job.id).where(Job.id == dataset.job_id, Job.state.in_(live))
    return session.scalar(statement) is not None


def ask_for_profile(session: Session, principal: Principal, dataset: Dataset) -> Job:
    """Have a dataset profiled; while that is queued or running, that job is answered."""
    job = enqueue(
        session,
        PRICES_PROFILE_QUEUE,
        PerfilMessage(dataset=dataset.id, objeto=dataset.origem["objeto"]),
        tenant=dataset.tenant,
        owner=principal.subject,
        dedupe_key=str(dataset.id),
    )
    dataset.job_id = job.id
    return job


def received(session: Session, dataset: Dataset, *, repeated: bool) -> DatasetRecebido:
    """What is answered to who sent a dataset."""
    done = dataset.estado == EstadoDataset.PRONTO
    job = None if done or dataset.job_id is None else session.get(Job, dataset.job_id)
    return DatasetRecebido(
        dataset=DatasetOut.model_validate(dataset),
        repetido=repeated,
        job=None if job is None else JobOut.model_validate(job),
    )


def list_datasets(
    session: Session, projeto: Projeto, query: PageQuery
) -> tuple[list[Dataset], str | None, tuple[int, bool]]:
    """A project's datasets, newest first.

    Returns:
        The page, the cursor of the next one, and the total with its exactness.
    """
    statement = select(Dataset).where(Dataset.projeto_id == projeto.id)
    return fetch_page(session, statement, query, (Dataset.id,), (AS_ID,))


def dataset_of(
    session: Session, projeto: Projeto, dataset_id: int, *, lock: bool = False
) -> Dataset:
    """A project's dataset, with its columns.

    Raises:
        DatasetNotFound: The project has none under this id.
    """
    statement = (
        select(Dataset)
        .where(Dataset.id == dataset_id, Dataset.projeto_id == projeto.id)
        .options(undefer(Dataset.efetivo))
    )
    if lock:
        statement = statement.with_for_update()
    found = session.scalar(statement) if 0 < dataset_id <= LARGEST_ID else None
    if found is None:
        raise DatasetNotFound
    return found


def require_ready(dataset: Dataset) -> None:
    """Raises DatasetNaoPronto where it has not been profiled, or its file was refused."""
    if dataset.estado != EstadoDataset.PRONTO:
        raise DatasetNaoPronto


def candidates_of(dataset: Dataset) -> list[Alvo]:
    """What profiling thinks may be foretold, the likeliest first."""
    found: list[dict[str, Any]] = (dataset.perfil or {}).get("alvos", [])
    return [Alvo.model_validate(each) for each in found]


def download_link(dataset: Dataset) -> str:
    """Where a dataset's Parquet can be fetched for a quarter of an hour.

    Raises:
        DatasetNaoPronto: There is none yet.
    """
    if dataset.parquet is None:
        raise DatasetNaoPronto
    return object_store().signed_download(
        dataset.parquet["objeto"],
        expires_in=LINK_LIFETIME,
        filename=f"dataset-{dataset.versao}.parquet",
    )


def delete_dataset(
    session: Session, principal: Principal, projeto: Projeto, dataset_id: int
) -> None:
    """Delete a dataset that no model was trained from; a job removes its Parquet.

    Raises:
        DatasetNotFound: The project has none under this id.
        DatasetEmUso: Something refers to it; by the reference's own constraint.
    """
    dataset = dataset_of(session, projeto, dataset_id, lock=True)
    session.delete(dataset)
    record(
        session,
        principal,
        projeto.id,
        "dataset.excluido",
        dataset=dataset_id,
        versao=dataset.versao,
    )
    enqueue(
        session,
        PRICES_REMOVAL_QUEUE,
        RemocaoMessage(prefixo=prefix_of(dataset)),
        tenant=dataset.tenant,
        owner=principal.subject,
    )


def prefix_of(dataset: Dataset) -> str:
    """What the keys of a dataset's objects begin with."""
    return f"{dataset.tenant}/precos/{dataset.projeto_id.hex}/datasets/{dataset.id}/"
