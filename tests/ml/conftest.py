"""A small gym-like table, and every algorithm trained on it and published, once per run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from chalicelib.ml.artefacts import sha256_of
from chalicelib.ml.encoding import Column, Encoder
from chalicelib.ml.explain import Explainer
from chalicelib.ml.serving import ServedModel, load_served_model
from chalicelib.ml.training.estimators import ALGORITHMS, fit_classifier
from chalicelib.ml.training.export import to_onnx

COLUMNS = [
    Column("dias_desde_ultimo_checkin", "number", unit="dias", log=True),
    Column("frequencia_semanal", "number"),
    Column("duracao_media_minutos", "number", unit="minutos"),
    Column("tendencia", "number"),
    Column("tempo_de_casa_dias", "number", unit="dias", log=True),
    Column("plano", "category", rare_below=20),
]


@dataclass(frozen=True)
class Sample:
    """A simulated table with its labels, several rows per member."""

    table: dict[str, Any]
    y: NDArray[np.int_]
    groups: NDArray[np.int_]

    def row(self, index: int) -> dict[str, list[Any]]:
        """One row as serving gets it: plain lists."""
        return {name: [values[index]] for name, values in self.table.items()}


def draw_sample(rows: int, seed: int) -> Sample:
    """Members whose chance of leaving grows with absence and shrinks with frequency."""
    draw = np.random.default_rng(seed)
    days = np.floor(draw.gamma(1.2, 8, rows))
    visits = draw.integers(0, 8, rows).astype(np.float64)
    minutes = draw.normal(60, 20, rows).clip(5)
    minutes[draw.random(rows) < 0.1] = np.nan
    trend = draw.normal(size=rows)
    plans = np.array(["mensal", "trimestral", "anual", "familia", None], dtype=object)
    plan = plans[draw.choice(5, rows, p=[0.5, 0.25, 0.2, 0.01, 0.04])]
    logit = days / 10 - visits / 2 + np.sin(2 * trend) + (plan == "mensal")
    table = {
        "dias_desde_ultimo_checkin": days,
        "frequencia_semanal": visits,
        "duracao_media_minutos": minutes,
        "tendencia": trend,
        "tempo_de_casa_dias": np.floor(draw.gamma(2, 100, rows)),
        "plano": plan.tolist(),
    }
    y = (draw.random(rows) < 1 / (1 + np.exp(-logit))).astype(np.int_)
    return Sample(table, y, np.arange(rows) // 4)


@pytest.fixture(scope="session")
def sample() -> Sample:
    return draw_sample(rows=3000, seed=11)


@pytest.fixture(scope="session")
def encoder(sample: Sample) -> Encoder:
    return Encoder.fit(COLUMNS, sample.table)


@pytest.fixture(scope="session", params=sorted(ALGORITHMS))
def served(request: pytest.FixtureRequest, sample: Sample, encoder: Encoder) -> ServedModel:
    """Each algorithm, published and loaded the way the registry will do it."""
    rows = encoder.encode(sample.table)
    estimator = fit_classifier(request.param, rows, sample.y, sample.groups, seed=3)
    onnx = to_onnx(estimator, encoder.width)
    digest, stored = sha256_of(onnx), encoder.to_json()
    bare = load_served_model(onnx, digest, stored)
    explainer = Explainer.of_sample(bare.score_rows, rows, encoder.groups, seed=5)
    return load_served_model(onnx, digest, stored, explainer.to_json())
