"""The churn training set: point-in-time snapshots of the visits themselves.

A row is a member at a snapshot instant; its features look back from there and its label looks
30 days ahead. Left out, because the question does not arise for them:

- who had registered less than 30 days before: there is no habit yet to lose;
- who had cancelled, or had not come for 30 days: by the label they are gone already, and
  learning to "predict" that would flatter every metric;
- synthetic members;
- snapshots whose 30 days are not all on record: the future is not, nor is a time when the club
  was closed or its turnstile down, in which nobody's absence says anything about them.
"""

import hashlib
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import text

from chalicelib.core.db import copy_out
from chalicelib.core.runs import JobRun
from chalicelib.gym.features import COLUMNS, LABEL_DAYS, Pairs, features_sql
from chalicelib.ml.training.rows import LabelledRows

LABEL = timedelta(days=LABEL_DAYS)
WARM_UP = timedelta(days=60)
MOST_PAIRS = 1_200_000
DENSEST_DAYS = 10
SPARSEST_DAYS = 30
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
      AND NOT m.sintetico
) AS p"""

ACTIVITY = """
SELECT d.dia - min(d.dia) OVER () AS dia, d.visitas, min(d.dia) OVER () AS primeiro
FROM (SELECT (entrada AT TIME ZONE 'UTC')::date AS dia, count(*) AS visitas
      FROM checkins c
      WHERE NOT EXISTS (SELECT FROM alunos a WHERE a.id = c.aluno_id AND a.sintetico)
      GROUP BY 1) d
"""
LIVELY_SHARE = 0.25  # Of the usual visits of seven days; below it the club was not recording.


@dataclass(frozen=True)
class Record:
    """The visits of the whole club, day by day.

    Attributes:
        first: The first day on record, in UTC.
        visits: (n,) visits on that day and those after it.
    """

    first: date
    visits: NDArray[np.int64]

    @property
    def start(self) -> datetime:
        """When the first day on record begins."""
        return datetime.combine(self.first, time(), UTC)

    @property
    def end(self) -> datetime:
        """When the last day on record is over."""
        return self.start + timedelta(days=len(self.visits))

    @property
    def idle_days(self) -> list[date]:
        """The days around which the club was closed, or not recording."""
        idle = np.flatnonzero(~lively_days(self.visits)).tolist()
        return [self.first + timedelta(days=day) for day in idle]


def snapshot_instants(
    first: date, visits_by_day: NDArray[np.int64], members: int
) -> list[datetime]:
    """When to take snapshots, oldest first; empty when the history is too short.

    They go back from the last instant whose label is on record to the time when there was
    something to look back on: every 10 days for a small gym, more rarely the more members there
    are, so that the set stays within about a million rows.

    Args:
        first: The first day on record, in UTC.
        visits_by_day: (n,) visits of the whole club on that day and those after it.
        members: How many members there are.
    """
    lively = lively_days(visits_by_day)
    label = LABEL.days
    # A snapshot at the end of day d asks about the days d+1 to d+30.
    known = [
        day
        for day in range(WARM_UP.days, len(lively) - label)
        if lively[day + 1 : day + 1 + label].all()
    ]
    if not known:
        return []
    affordable = max(2, MOST_PAIRS // max(1, members))
    spacing = min(max(len(known) // affordable, DENSEST_DAYS), SPARSEST_DAYS)
    chosen: list[int] = []
    for day in reversed(known):
        if len(chosen) < affordable and (not chosen or chosen[-1] - day >= spacing):
            chosen.append(day)
    midnight = datetime.combine(first, time(), UTC)
    return [midnight + timedelta(days=day + 1) for day in reversed(chosen)]


def lively_days(visits_by_day: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) whether the week around each day had a usual number of visits."""
    width = min(7, len(visits_by_day))
    around = np.convolve(visits_by_day, np.ones(width), mode="same")
    # At the edges the window sees fewer days; judge them by as many.
    around /= np.convolve(np.ones(len(visits_by_day)), np.ones(width), mode="same") / width
    usual = float(np.median(around[visits_by_day > 0]))
    return np.asarray(around >= LIVELY_SHARE * usual)


def read_training_set(run: JobRun) -> LabelledRows | None:
    """Read the snapshots of the whole history.

    Returns:
        Rows in order of (as_of, who), `y` being 1 where the member left in the 30 days after; or
        None when the history is too short for any.
    """
    return read_snapshots(run, labelled_instants(run))


def labelled_instants(run: JobRun) -> list[datetime]:
    """The snapshots whose labels are on record, oldest first."""
    record = read_record(run)
    if record is None:
        return []
    with run.reading() as session:
        members = session.execute(
            text("SELECT count(*) FROM alunos WHERE NOT sintetico")
        ).scalar_one()
    return snapshot_instants(record.first, record.visits, members)


def read_record(run: JobRun) -> Record | None:
    """What is on record; None of a club without a visit."""
    with run.reading() as session:
        days = session.execute(text(ACTIVITY)).all()
    if not days:
        return None
    visits = np.zeros(max(day.dia for day in days) + 1, dtype=np.int64)
    for day in days:
        visits[day.dia] = day.visitas
    return Record(days[0].primeiro, visits)


def read_snapshots(run: JobRun, instants: Sequence[datetime]) -> LabelledRows | None:
    """Read every member at every instant, with the label as far as it is on record.

    Returns:
        Rows in order of (as_of, who), or None when nobody was there at any of the instants.
    """
    if not instants:
        return None
    with ThreadPoolExecutor(READERS) as pool:
        parts = list(pool.map(lambda reader: _read_part(run, instants, reader), range(READERS)))
    frame = pd.concat(parts, ignore_index=True)
    # Not while reading: a part without rows has no instants to tell the type by.
    frame["as_of"] = pd.to_datetime(frame["as_of"], format="ISO8601", utc=True)
    frame = frame.sort_values(["as_of", "aluno_id"])
    return _labelled_rows(frame) if len(frame) else None


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
        usecols=["aluno_id", "as_of", "desistiu", *types],
        keep_default_na=False,
        na_values=[""],
    )


def _labelled_rows(frame: pd.DataFrame) -> LabelledRows:
    as_of = frame["as_of"].dt.tz_localize(None).to_numpy("datetime64[us]")
    return LabelledRows(
        table={column.name: frame[column.name].to_numpy() for column in COLUMNS},
        y=frame["desistiu"].to_numpy(np.int_),
        who=frame["aluno_id"].to_numpy(np.int64),
        as_of=as_of,
        fingerprint=hashlib.sha256(
            pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes()
        ).hexdigest(),
    )
