"""The training data of a snapshot: written to files once, and read by the training."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from sqlalchemy.dialects.postgresql import insert

from chalicelib.books.features import COLUMNS, SCHEMA, TARGET, TEST, judges, snapshot_rows_sql
from chalicelib.books.schemas_ml import DataFormat
from chalicelib.books.tables_ml import TrainingSet
from chalicelib.core.clock import utc_now
from chalicelib.core.db import copy_out
from chalicelib.core.runs import JobRun
from chalicelib.core.uploads import object_store
from chalicelib.ml.training.rows import LabelledRows, Mask

MEDIA_TYPES = {
    DataFormat.CSV: "text/csv; charset=utf-8",
    DataFormat.PARQUET: "application/vnd.apache.parquet",
}
TYPES = {"string": pa.string(), "integer": pa.int64(), "number": pa.float64()}


def write_csv(run: JobRun, snapshot: int, path: Path) -> None:
    """Write the training data of a snapshot; the same snapshot gives the same bytes."""
    rows = f"{snapshot_rows_sql(str(int(snapshot)))} ORDER BY x.id"
    with run.reading() as session, path.open("wb") as file:
        copy_out(session, f"COPY ({rows}) TO STDOUT WITH (FORMAT csv, HEADER)", file)


def write_parquet(csv: Path, path: Path) -> None:
    """Write the same as Parquet, with the types of the schema."""
    types = {each.name: TYPES[each.type] for each in SCHEMA}
    table = pacsv.read_csv(csv, convert_options=pacsv.ConvertOptions(column_types=types))
    pq.write_table(table, path)


def keep_training_set(run: JobRun, snapshot: int, csv: Path) -> None:
    """Store the files of a snapshot, unless that has been done: they are never made anew."""
    with run.reading() as session:
        if session.get(TrainingSet, snapshot) is not None:
            return
    parquet = csv.with_suffix(".parquet")
    write_parquet(csv, parquet)
    paths = {DataFormat.CSV: csv, DataFormat.PARQUET: parquet}
    files = {each.value: _stored(run, snapshot, each, path) for each, path in paths.items()}
    is_test = pd.read_csv(csv, usecols=["split"])["split"] == TEST
    row = {
        "snapshot_id": snapshot,
        "made_at": utc_now(),
        "training_rows": int((~is_test).sum()),
        "test_rows": int(is_test.sum()),
        "files": files,
    }
    with run.transaction() as session:
        session.execute(insert(TrainingSet).values(row).on_conflict_do_nothing())


def _stored(run: JobRun, snapshot: int, each: DataFormat, path: Path) -> dict[str, Any]:
    key = f"{run.tenant}/books/training/{snapshot}/treino.{each}"
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        object_store().put(key, file, content_type=MEDIA_TYPES[each])
    return {"key": key, "sha256": digest, "size_bytes": path.stat().st_size}


def judging_rows(rows: LabelledRows) -> Mask:
    """(n,) which rows judge: those of the same books in every snapshot."""
    return np.fromiter(map(judges, rows.who), dtype=np.bool_, count=len(rows.who))


def read_labelled(csv: Path) -> LabelledRows:
    """The training data as training takes it: a book is an entity of its own, by its UPC."""
    numbers = {column.name: "float64" for column in COLUMNS if column.kind == "number"}
    frame = pd.read_csv(
        csv,
        dtype={**numbers, "category": "object", "upc": "object"},
        keep_default_na=False,
        na_values=[""],
    )
    return LabelledRows(
        table={column.name: frame[column.name].to_numpy() for column in COLUMNS},
        y=frame[TARGET].to_numpy(np.float64),
        who=frame["upc"].to_numpy(),
        as_of=None,
        fingerprint=hashlib.sha256(csv.read_bytes()).hexdigest(),
    )
