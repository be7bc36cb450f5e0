"""The job that profiles a dataset: fetch, read, profile, keep; done again, it does the same."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from chalicelib.core.imports import ImportRejection, record_rejections
from chalicelib.core.runs import JobRun, RunCancelled
from chalicelib.core.uploads import object_store, require_stored, store_must_answer
from chalicelib.prices.corrections import effective
from chalicelib.prices.errors import ArquivoRecusado, DatasetNotFound
from chalicelib.prices.media import PARQUET
from chalicelib.prices.profiling.profiles import Profiled, profile_file
from chalicelib.prices.schemas_datasets import EstadoDataset, PerfilReport
from chalicelib.prices.service_datasets import prefix_of, same_bytes
from chalicelib.prices.tables import Dataset, Projeto

BLOCK_BYTES = 1 << 20


def profile(run: JobRun, dataset_id: int) -> PerfilReport:
    """Turn a dataset's file into Parquet, and say what is in it; of a profiled one, nothing.

    Raises:
        DatasetNotFound: It was deleted meanwhile.
        ArquivoRecusado: Its file is no table; the dataset is `recusado`, and says why.
        ObjectMissing: Its file is gone; send it again.
        RunCancelled, RunInterrupted, LeaseLost: See `JobRun`.
    """
    dataset = _begin(run, dataset_id)
    if dataset.estado == EstadoDataset.PRONTO:
        return _report(dataset, repeated=False)
    with _told_how_it_ends(run, dataset_id), TemporaryDirectory(prefix="perfil-") as folder:
        file, kept = Path(folder) / "arquivo", Path(folder) / "dados.parquet"
        digest = _fetch(run, dataset.origem["objeto"], file)
        if (known := _claim_digest(run, dataset_id, digest)) is not None:
            return _report(known, repeated=True)
        found = profile_file(
            file,
            dataset.origem["media_type"],
            kept,
            lambda share, step: run.progress(0.1 + 0.85 * share, 1, step),
        )
        run.progress(0.95, 1, "Guardando")
        parquet = _keep(dataset, kept)
        try:
            return _store(run, dataset_id, found, parquet)
        except DatasetNotFound:  # Whoever removed its objects may have come before this one.
            with store_must_answer():
                object_store().delete(parquet["objeto"])
            raise


def _begin(run: JobRun, dataset_id: int) -> Dataset:
    with run.transaction() as session:
        dataset = _locked(session, dataset_id)
        if dataset.estado == EstadoDataset.RECUSADO:
            raise ArquivoRecusado(dataset.motivo)
        if dataset.estado != EstadoDataset.PRONTO:
            dataset.estado = EstadoDataset.PERFILANDO
        return dataset


def _locked(session: Session, dataset_id: int) -> Dataset:
    found = session.scalar(select(Dataset).where(Dataset.id == dataset_id).with_for_update())
    if found is None:
        raise DatasetNotFound
    return found


@contextmanager
def _told_how_it_ends(run: JobRun, dataset_id: int) -> Iterator[None]:
    """A refused file is refused on its row, too; a cancelled one waits to be sent again."""
    try:
        yield
    except ArquivoRecusado as refusal:
        _set(run, dataset_id, EstadoDataset.RECUSADO, refusal.detail)
        raise
    except RunCancelled:
        _set(run, dataset_id, EstadoDataset.RECEBIDO, None)
        raise


def _set(run: JobRun, dataset_id: int, estado: EstadoDataset, motivo: str | None) -> None:
    with run.transaction() as session:
        dataset = _locked(session, dataset_id)
        dataset.estado, dataset.motivo = estado, motivo


def _fetch(run: JobRun, objeto: str, path: Path) -> str:
    """Bring the file here; gives the SHA-256 of its bytes."""
    info, digest, done = require_stored(objeto), hashlib.sha256(), 0
    with store_must_answer(), object_store().open(objeto) as stream, path.open("wb") as file:
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)
            file.write(block)
            done += len(block)
            run.progress(0.1 * done / max(info.size_bytes, 1), 1, "Buscando o arquivo")
    return digest.hexdigest()


def _claim_digest(run: JobRun, dataset_id: int, digest: str) -> Dataset | None:
    """Say which bytes these are; gives the dataset that has them already, if there is one.

    Then this one steps back: its row says so, and the other is the one to use.
    """
    with run.transaction() as session:
        project = select(Projeto.id).join(Dataset, Dataset.projeto_id == Projeto.id)
        # Two jobs may come to the same digest at once: those of a project go one by one.
        session.execute(
            project.where(Dataset.id == dataset_id).with_for_update(of=Projeto, key_share=True)
        )
        dataset = _locked(session, dataset_id)
        if (known := same_bytes(session, dataset.projeto_id, digest)) not in (None, dataset):
            dataset.estado = EstadoDataset.RECUSADO
            dataset.motivo = f"Os mesmos bytes já são a versão {known.versao} deste projeto."
            return known
        dataset.sha256 = digest
    return None


def _keep(dataset: Dataset, kept: Path) -> dict[str, Any]:
    """Store the Parquet under a key that no other attempt with other content writes."""
    with kept.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    key = f"{prefix_of(dataset)}{digest[:32]}.parquet"
    with store_must_answer(), kept.open("rb") as file:
        info = object_store().put(key, file, content_type=PARQUET)
    return {"objeto": key, "sha256": digest, "bytes": info.size_bytes}


def _store(run: JobRun, dataset_id: int, found: Profiled, parquet: dict[str, Any]) -> PerfilReport:
    with run.transaction() as session:
        dataset = _locked(session, dataset_id)
        _list_refused(session, run, found.refused)
        dataset.job_id = run.job_id
        dataset.linhas, dataset.linhas_recusadas = found.rows, len(found.refused)
        dataset.origem = {**dataset.origem, **found.description}
        dataset.perfil = {
            "colunas": [each.model_dump(mode="json") for each in found.columns],
            "alvos": [each.model_dump(mode="json") for each in found.targets],
            "avisos": [each.model_dump(mode="json") for each in found.findings],
            "linhas_duplicadas": found.duplicates,
        }
        dataset.figuras = found.figures
        columns = effective(found.columns, dataset.correcoes)
        dataset.efetivo = [each.model_dump(mode="json") for each in columns]
        dataset.parquet, dataset.estado = parquet, EstadoDataset.PRONTO
        return _report(dataset, repeated=False)


def _list_refused(session: Session, run: JobRun, refused: dict[int, str]) -> None:
    """An earlier attempt may have listed them."""
    session.execute(delete(ImportRejection).where(ImportRejection.job_id == run.job_id))
    sentences = {line: f"{why[0].upper()}{why[1:]}." for line, why in refused.items()}
    record_rejections(session, run, sentences)


def _report(dataset: Dataset, *, repeated: bool) -> PerfilReport:
    return PerfilReport(
        dataset=dataset.id,
        versao=dataset.versao,
        repetido=repeated,
        linhas=dataset.linhas or 0,
        recusadas=dataset.linhas_recusadas or 0,
    )
