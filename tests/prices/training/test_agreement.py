"""Law 6 for the lab: every algorithm x every encoder step is served as it was trained.

Tolerance: 1e-5, relative on regressions (to the answer or, near zero, to the answers' mean size)
and absolute on probabilities. Both sides compute in float64; what is left is the float32 in which
ONNX Runtime gives the sum of trees.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from chalicelib.ml.artefacts import sha256_of
from chalicelib.ml.columns import Column, Interaction
from chalicelib.ml.encoding import Encoder, TargetScaling
from chalicelib.ml.serving import load_served_model
from chalicelib.ml.training.export import check_agreement
from chalicelib.ml.training.onnx_double import EXACT
from chalicelib.prices.algorithms import ALGORITMOS, Tarefa, Value
from chalicelib.prices.training.estimators import Spec, fit
from tests.prices.training.sample import CONDITIONS, table

TOLERANCE = 1e-5
QUICK: dict[str, dict[str, Value]] = {
    "floresta_aleatoria": {"n_estimators": 10},
    "arvores_extras": {"n_estimators": 10},
    "gradiente": {"n_estimators": 10},
    "histograma_gradiente": {"max_iter": 10},
    "rede_neural": {"max_iter": 10},
}
PAIRS = (Interaction("product", "area", "quartos"), Interaction("ratio", "area", "quartos"))
SCALED_PAIRS = (Interaction("product", "area", "quartos", scale="standard"),)
NUMBER, ROOMS = Column("area", "number"), Column("quartos", "number")
Step = tuple[Sequence[Column], Sequence[Interaction], str]
STEPS: dict[str, Step] = {
    "median": ([NUMBER, ROOMS], (), "none"),
    "mean": ([NUMBER, Column("quartos", "number", impute="mean")], (), "none"),
    "constant": (
        [NUMBER, Column("quartos", "number", impute="constant", constant=-1.0)],
        (),
        "none",
    ),
    "most frequent, no indicator": (
        [NUMBER, Column("quartos", "number", impute="most_frequent", indicator=False)],
        (),
        "none",
    ),
    "standard": ([Column("area", "number", scale="standard"), ROOMS], (), "none"),
    "minmax": ([Column("area", "number", scale="minmax"), ROOMS], (), "none"),
    "robust": ([Column("area", "number", scale="robust"), ROOMS], (), "none"),
    "log column": ([Column("area", "number", log=True, scale="standard")], (), "none"),
    "log target": ([NUMBER, ROOMS], (), "log"),
    "one-hot, rare": ([NUMBER, Column("bairro", "category", rare_below=20)], (), "none"),
    "category imputed": (
        [NUMBER, Column("bairro", "category", impute="most_frequent")],
        (),
        "none",
    ),
    "ordinal, declared": ([NUMBER, Column("estado", "ordinal", order=CONDITIONS)], (), "none"),
    "ordinal, sorted": ([NUMBER, Column("bairro", "ordinal", scale="standard")], (), "none"),
    "date": ([NUMBER, Column("vendido_em", "date", scale="standard")], (), "none"),
    "text": ([NUMBER, Column("descricao", "text")], (), "none"),
    "interactions": ([NUMBER, ROOMS], PAIRS, "none"),
    "scaled interaction": ([NUMBER, ROOMS], SCALED_PAIRS, "none"),
}
TABLE, LATER = table(240, seed=1), table(600, seed=2)


def _served_as_trained(spec: Spec, step: Step, y: Any, scaling: TargetScaling) -> None:
    columns, interactions, _ = step
    encoder = Encoder.fit(columns, TABLE, interactions)
    matrix, later = encoder.encode(TABLE), encoder.encode(LATER)
    fitted = fit(spec, matrix, y, np.arange(len(y)), seed=3)
    exported = EXACT.to_onnx(fitted.estimator, encoder.width)
    for rows in (matrix, later):
        worst = check_agreement(fitted.estimator, exported, rows, TOLERANCE, answers=EXACT.answers)
        assert worst <= TOLERANCE
    # And in the target's own unit, through storage, row by row as it will be asked.
    classes = None if spec.tarefa is Tarefa.REGRESSAO else ["a", "b", "c"][: int(y.max()) + 1]
    stored = encoder.to_json(), None, scaling.to_json(), None, classes
    served = load_served_model(exported, sha256_of(exported), *stored)
    expected = scaling.inverse(EXACT.answers(fitted.estimator, later))
    found = served.predict(LATER)
    size = 1.0 if classes else np.abs(expected).mean()
    np.testing.assert_allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE * size)
    one = {name: values[7:8] for name, values in LATER.items()}
    np.testing.assert_allclose(served.predict(one), found[7:8], rtol=1e-12)


@pytest.mark.parametrize("step", sorted(STEPS))
@pytest.mark.parametrize("algorithm", sorted(ALGORITMOS))
def test_every_regression_agrees_behind_every_encoder_step(algorithm: str, step: str) -> None:
    kind: Any = STEPS[step][2]
    scaling = TargetScaling(kind).fit(TABLE["preco"])
    spec = Spec(algorithm, Tarefa.REGRESSAO, QUICK.get(algorithm, {}))
    _served_as_trained(spec, STEPS[step], scaling.forward(TABLE["preco"]), scaling)


@pytest.mark.parametrize("calibrated", [False, True], ids=["bare", "calibrated"])
@pytest.mark.parametrize("target", ["caro", "faixa"])
@pytest.mark.parametrize("algorithm", sorted(ALGORITMOS.keys() - {"ingenuo"}))
def test_every_classifier_agrees_with_two_classes_and_three(
    algorithm: str, target: str, calibrated: bool
) -> None:
    _, codes = np.unique(TABLE[target].astype(str), return_inverse=True)
    columns = [
        Column("area", "number", scale="standard"),
        Column("quartos", "number", scale="standard"),
        Column("bairro", "category", rare_below=5),
    ]
    spec = Spec(algorithm, Tarefa.CLASSIFICACAO, QUICK.get(algorithm, {}), calibrated)
    _served_as_trained(spec, (columns, (), "none"), codes, TargetScaling())


def test_rows_exactly_on_a_threshold_and_neighbours_equally_near_agree() -> None:
    # Whole numbers only: half of the distances tie, and thresholds lie on float32 values.
    draw = np.random.default_rng(0)
    matrix = draw.integers(0, 4, (300, 3)).astype(np.float32) * np.float32(2.0**24)
    y = draw.normal(size=300)
    for algorithm in ("vizinhos", "arvore_decisao", "histograma_gradiente", "floresta_aleatoria"):
        spec = Spec(algorithm, Tarefa.REGRESSAO, QUICK.get(algorithm, {}))
        fitted = fit(spec, matrix, y, np.arange(300), seed=1).estimator
        exported = EXACT.to_onnx(fitted, 3)
        assert check_agreement(fitted, exported, matrix, answers=EXACT.answers) <= TOLERANCE
