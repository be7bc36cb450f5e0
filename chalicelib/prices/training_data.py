"""A dataset's rows, fetched from the object store and read by the dataset's own columns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy.orm import undefer

from chalicelib.core.runs import JobRun
from chalicelib.core.uploads import object_store, require_stored, store_must_answer
from chalicelib.ml.artefacts import DigestMismatch
from chalicelib.prices.errors import DatasetNaoPronto, DatasetNotFound
from chalicelib.prices.profiling.frame import read_frame
from chalicelib.prices.tables import Dataset
from chalicelib.prices.training.data import Dados

BLOCK_BYTES = 1 << 20
READY = "pronto"


def read_dataset(run: JobRun, dataset_id: int) -> tuple[Dataset, Dados]:
    """A dataset of the run's tenant, whole in memory.

    Raises:
        DatasetNotFound, DatasetNaoPronto: There is none, or it is not profiled.
        DigestMismatch: The stored rows are not those that were profiled.
        ServiceUnavailable: The store does not answer.
    """
    dataset = find_dataset(run, dataset_id)
    if dataset.estado != READY or dataset.parquet is None:
        raise DatasetNaoPronto
    with fetched(dataset.parquet["objeto"], dataset.parquet["sha256"]) as path:
        frame = read_frame(path, dataset.colunas)
    table: dict[str, Any] = dict(frame.table)
    return dataset, Dados(dataset.colunas, table, dataset.parquet["sha256"])


def find_dataset(run: JobRun, dataset_id: int) -> Dataset:
    """A dataset with its columns.

    Raises:
        DatasetNotFound: There is none.
    """
    with run.reading() as session:
        found = session.get(Dataset, dataset_id, options=[undefer(Dataset.efetivo)])
    if found is None:
        raise DatasetNotFound
    return found


@contextmanager
def fetched(objeto: str, sha256: str | None = None) -> Iterator[Path]:
    """An object as a file, for as long as the block lasts.

    Args:
        objeto: Its key.
        sha256: What it must be; anything when left out.

    Raises:
        ObjectMissing: There is none.
        DigestMismatch: It is not what it must be.
        ServiceUnavailable: The store does not answer.
    """
    require_stored(objeto)
    with TemporaryDirectory(prefix="previsto-precos-") as name:
        path, digest = Path(name) / "objeto", hashlib.sha256()
        with (
            store_must_answer(),
            closing(object_store().open(objeto)) as stream,
            path.open("wb") as file,
        ):
            while block := stream.read(BLOCK_BYTES):
                digest.update(block)
                file.write(block)
        if sha256 is not None and digest.hexdigest() != sha256:
            raise DigestMismatch(f"expected sha256 {sha256[:12]}..., found another")
        yield path
