"""The churn training set: point-in-time snapshots of the visits themselves.

A row is a member at a snapshot instant; its features look back from there and its label looks
30 days ahead. Left out, because the question does not arise for them:

- who had registered less than 30 days before: there is no habit yet to lose;
- who had cancelled, or had not come for 30 days: by the label they are gone already, and
  learning to "predict" that would flatter every metric;
- snapshots less than 30 days before the last visit on record: their labels are not known yet.
"""

import hashlib
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import text

from chalicelib.core.db import copy_out
from chalicelib.core.runs import JobRun
from chalicelib.gym.features import COLUMNS, LABEL_DAYS, Pairs, features_sql

LABEL = timedelta(days=LABEL_DAYS)
WARM_UP = timedelta(days=60)
MOST_PAIRS = 1_200_000
DENSEST = timedelta(days=10)
SPARSEST = timedelta(days=30)
READERS = 2  # Connections that read at once: a query of this kind keeps one server core busy.

LABELLED = """
SELECT f.*, (
    NOT EXISTS (
        SELECT 1 FROM checkins c
        WHERE c.aluno_id = f.aluno_id
          AND c.entrada > f.as_of AND c.entrada <= f.as_of + interval '{days} days')
    OR EXISTS (
        SELECT 1 FROM aluno_vigencias h
        WHERE h.aluno_id = f.aluno_id AND NOT h.ativo
          AND h.desde > f.as_of AND h.desde <= f.as_of + interval '{days} days')
)::int AS desistiu
FROM ({features}
WHERE v.ativo AND u.ultima_visita > p.as_of - interval '{days} days') f
"""

PAIRS = """(
    SELECT m.id AS aluno_id, s.as_of
    FROM alunos m, unnest(ARRAY[{instants}]::timestamptz[]) AS s (as_of)
    WHERE m.matriculado_em <= s.as_of - interval '{days} days' AND m.id % {readers} = {reader}
) AS p"""

EXTENT = """
SELECT (SELECT min(entrada) FROM checkins) AS first, (SELECT max(entrada) FROM checkins) AS last,
       (SELECT count(*) FROM alunos) AS members
"""


@dataclass(frozen=True)
class TrainingSet:
    """Snapshots in order of (as_of, aluno_id).

    Attributes:
        table: Column of `COLUMNS` -> (n,) raw values.
        y: (n,) 1 where the member left in the 30 days after.
        aluno_id: (n,) who.
        as_of: (n,) when, datetime64 in UTC.
        fingerprint: SHA-256 over all of it.
    """

    table: dict[str, NDArray[Any]]
    y: NDArray[np.int_]
    aluno_id: NDArray[np.int64]
    as_of: NDArray[np.datetime64]
    fingerprint: str

    def take(self, rows: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
        """The raw columns of some rows."""
        return {name: values[rows] for name, values in self.table.items()}


def snapshot_instants(first: datetime, last: datetime, members: int) -> list[datetime]:
    """When to take snapshots, oldest first; empty when the history is too short.

    They end a label's length before the last visit on record and go back to the time when
    there was something to look back on: every 10 days for a small gym, more rarely the more
    members there are, so that the set stays within about a million rows.

    Args:
        first: The first visit on record.
        last: The last one.
        members: How many members there are.
    """
    latest, earliest = last - LABEL, first + WARM_UP
    if latest < earliest:
        return []
    affordable = max(1, MOST_PAIRS // max(1, members))
    spacing = min(max((latest - earliest) / affordable, DENSEST), SPARSEST)
    count = min(int((latest - earliest) / spacing) + 1, max(affordable, 2))
    return [latest - spacing * step for step in reversed(range(count))]


def read_training_set(run: JobRun) -> TrainingSet | None:
    """Read the snapshots of the whole history.

    Returns:
        The set, or None when the history is too short for any.
    """
    with run.reading() as session:
        extent = session.execute(text(EXTENT)).one()
    instants = snapshot_instants(extent.first, extent.last, extent.members) if extent.first else []
    if not instants:
        return None
    with ThreadPoolExecutor(READERS) as pool:
        parts = list(pool.map(lambda reader: _read_part(run, instants, reader), range(READERS)))
    frame = pd.concat(parts, ignore_index=True).sort_values(["as_of", "aluno_id"])
    return _training_set(frame) if len(frame) else None


def labelled_sql(instants: Sequence[datetime], reader: int = 0, readers: int = 1) -> str:
    """The statement that gives features and label of every member at every instant.

    COPY takes no parameters, so the instants are written into it; they are ours, not a user's.
    """
    written = ", ".join(f"'{instant.isoformat()}'" for instant in instants)
    pairs = PAIRS.format(instants=written, days=LABEL_DAYS, readers=readers, reader=reader)
    return LABELLED.format(features=features_sql(Pairs(pairs)), days=LABEL_DAYS)


def _read_part(run: JobRun, instants: Sequence[datetime], reader: int) -> pd.DataFrame:
    buffer = io.BytesIO()
    with run.reading() as session:
        statement = labelled_sql(instants, reader, READERS)
        copy_out(session, f"COPY ({statement}) TO STDOUT WITH (FORMAT csv, HEADER)", buffer)
    buffer.seek(0)
    types = {c.name: "float64" if c.kind == "number" else "object" for c in COLUMNS}
    return pd.read_csv(
        buffer,
        dtype=types,
        parse_dates=["as_of"],
        usecols=["aluno_id", "as_of", "desistiu", *types],
        keep_default_na=False,
        na_values=[""],
    )


def _training_set(frame: pd.DataFrame) -> TrainingSet:
    as_of = frame["as_of"].dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]")
    return TrainingSet(
        table={column.name: frame[column.name].to_numpy() for column in COLUMNS},
        y=frame["desistiu"].to_numpy(np.int_),
        aluno_id=frame["aluno_id"].to_numpy(np.int64),
        as_of=as_of,
        fingerprint=hashlib.sha256(
            pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes()
        ).hexdigest(),
    )
