"""Features and scores of everybody in a big gym, and of half of it."""

import io
import time
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import text

from chalicelib.core.clock import utc_now
from chalicelib.core.db import copy_out, unit_of_work
from chalicelib.core.settings import HOUSE
from chalicelib.gym.features import COLUMNS, Pairs, features_sql
from chalicelib.gym.models import CHURN, churn_model
from chalicelib.ml.registry import Alias, aliased_version
from tests.bench import world
from tests.bench.table import print_table

ALUNOS_TO_LEARN_FROM = 2_000
ALUNOS = 100_000
MESES = 21
MOST_SECONDS = 5


def run(folder: Path) -> None:
    """Measure and print."""
    rows = []
    with world.world(folder):
        world.load_simulated(ALUNOS_TO_LEARN_FROM)
        world.train_ours()
        with unit_of_work(tenant=HOUSE) as session:
            session.execute(text("DELETE FROM alunos"))
        visits = world.load_simulated(ALUNOS, MESES)
        for share in (2, 1):
            read, scored, count = score_all(share)
            met = "met" if share > 1 or read + scored <= MOST_SECONDS else "MISSED"
            cells = [f"{read:.1f}", f"{scored:.1f}", f"{read + scored:.1f}"]
            rows.append([f"{count:,} members", *cells, f"<= {MOST_SECONDS}", met])
    print(f"{visits:,} visits; features and scores only, nothing is stored")
    print_table(["", "features s", "scores s", "seconds", "budget", ""], rows)


def score_all(share: int) -> tuple[float, float, int]:
    """Score every `share`-th member; returns seconds to read, seconds to score, and how many."""
    members = f"SELECT id AS aluno_id, '{utc_now().isoformat()}'::timestamptz AS as_of FROM alunos"
    pairs = Pairs(f"({members} WHERE id % {share} = 0) AS p")
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        version = aliased_version(session, CHURN, Alias.CHAMPION)
        if version is None:
            raise world.TrainingFailed("no champion")
        model = churn_model(session, version)
        started = time.perf_counter()
        frame = _read(session, features_sql(pairs))
        read = time.perf_counter()
    known = frame[frame["ultima_visita"].notna()]
    scores = model.predict({column.name: known[column.name].to_numpy() for column in COLUMNS})
    return read - started, time.perf_counter() - read, len(scores)


def _read(session: Any, statement: str) -> pd.DataFrame:
    buffer = io.BytesIO()
    copy_out(session, f"COPY ({statement}) TO STDOUT WITH (FORMAT csv, HEADER)", buffer)
    buffer.seek(0)
    types = {c.name: "float64" if c.kind == "number" else "object" for c in COLUMNS}
    columns = ["aluno_id", "ultima_visita", *types]
    return pd.read_csv(buffer, dtype=types, usecols=columns, keep_default_na=False, na_values=[""])
