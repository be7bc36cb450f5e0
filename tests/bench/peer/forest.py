"""The peer's model: a random forest over the brief's four factors, kept in a joblib file.

python -m tests.bench.peer.forest        trains it on the peer's database
"""

import os
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from tests.bench.peer.database import engine
from tests.bench.peer.models import Aluno, Checkin, Plano
from tests.bench.peer.queries import MINUTES

TREES = 200
FACTORS = ("frequencia_semanal", "dias_desde_ultimo_checkin", "duracao_media_minutos")
SNAPSHOTS = 6

SNAPSHOT = """
SELECT f.*, NOT EXISTS (
    SELECT 1 FROM checkins d WHERE d.aluno_id = f.aluno_id
      AND d.entrada > :as_of AND d.entrada <= :as_of + interval '30 days') AS desistiu
FROM (
    SELECT c.aluno_id, p.nome AS plano,
           count(*) FILTER (WHERE c.entrada > :as_of - interval '28 days') / 4.0,
           extract(epoch FROM :as_of - max(c.entrada)) / 86400 AS dias,
           avg(extract(epoch FROM c.saida - c.entrada) / 60)
    FROM checkins c JOIN alunos a ON a.id = c.aluno_id JOIN planos p ON p.id = a.plano_id
    WHERE c.entrada <= :as_of AND c.entrada > :as_of - interval '90 days'
    GROUP BY c.aluno_id, p.nome
) f
WHERE f.dias < 30
""".replace(":as_of", "cast(:as_of AS timestamptz)")


class ChurnForest:
    """A fitted forest and the plans it knows."""

    def __init__(self, forest: Any, planos: list[str]) -> None:
        self.forest = forest
        self.planos = planos

    def probability(self, factors: dict[str, Any]) -> float:
        """P(leaves within 30 days) of one member."""
        row = encode([[factors[name] for name in FACTORS]], [factors["plano"]], self.planos)
        return float(self.forest.predict_proba(row)[0, 1])


def encode(
    numbers: list[list[float | None]], planos: list[str], known: list[str]
) -> NDArray[np.float32]:
    """(n, 3 + plans) matrix: the three numbers, then the plan one-hot."""
    values = np.array(numbers, dtype=np.float32)
    one_hot = np.array([[plano == name for name in known] for plano in planos], dtype=np.float32)
    return np.hstack([values, one_hot])


def read_factors(session: Session, aluno: Aluno, now: datetime) -> dict[str, Any] | None:
    """The four factors of a member, in one statement; None when they have never come."""
    recent = func.count().filter(Checkin.entrada > now - timedelta(days=28))
    mean = func.avg(MINUTES).filter(Checkin.entrada > now - timedelta(days=90))
    visits, last, minutes = session.execute(
        select(recent, func.max(Checkin.entrada), mean).where(Checkin.aluno_id == aluno.id)
    ).one()
    if last is None:
        return None
    return {
        "frequencia_semanal": visits / 4,
        "dias_desde_ultimo_checkin": (now - last).total_seconds() / 86_400,
        "duracao_media_minutos": None if minutes is None else float(minutes),
        "plano": aluno.plano.nome,
    }


@cache
def churn_forest() -> ChurnForest:
    """The stored forest, loaded once."""
    stored = joblib.load(os.environ["PEER_MODEL"])
    # One row is not worth starting threads for.
    stored["forest"].n_jobs = 1
    return ChurnForest(stored["forest"], stored["planos"])


def train() -> None:
    """Fit the forest on monthly snapshots and store it."""
    numbers: list[list[float | None]] = []
    planos: list[str] = []
    labels: list[bool] = []
    with Session(engine()) as session:
        known = list(session.scalars(select(Plano.nome).order_by(Plano.nome)))
        last = session.scalars(select(func.max(Checkin.entrada))).one()
        for months in range(1, SNAPSHOTS + 1):
            rows = session.execute(text(SNAPSHOT), {"as_of": last - timedelta(days=30 * months)})
            for _, plano, frequency, days, minutes, left in rows:
                numbers.append([frequency, days, minutes])
                planos.append(plano)
                labels.append(left)
    forest = RandomForestClassifier(TREES, min_samples_leaf=5, n_jobs=-1, random_state=7)
    forest.fit(encode(numbers, planos, known), np.array(labels))
    joblib.dump({"forest": forest, "planos": known}, os.environ["PEER_MODEL"])


if __name__ == "__main__":
    train()
