"""What is published answers as what was trained, or is not published."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import sklearn
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from chalicelib.ml.artefacts import DigestMismatch, sha256_of
from chalicelib.ml.encoding import Encoder
from chalicelib.ml.serving import open_session
from chalicelib.ml.training.estimators import ALGORITHMS, fit_classifier
from chalicelib.ml.training.export import (
    ExportDisagrees,
    LibraryMismatch,
    check_agreement,
    dump_joblib,
    load_joblib,
    to_onnx,
)
from tests.ml.conftest import COLUMNS, draw_sample

Rows = NDArray[np.float32]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_every_algorithm_agrees_with_its_export(name: str, seed: int) -> None:
    sample, later = draw_sample(2000, seed), draw_sample(5000, seed + 100)
    encoder = Encoder.fit(COLUMNS, sample.table)
    rows = encoder.encode(sample.table)
    estimator = fit_classifier(name, rows, sample.y, sample.groups, seed)
    exported = to_onnx(estimator, encoder.width)
    assert check_agreement(estimator, exported, rows) < 2e-6
    assert check_agreement(estimator, exported, encoder.encode(later.table)) < 2e-6


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_histogram_boosting_agrees_on_missing_values(seed: int) -> None:
    rows, y, groups = with_missing(seed)
    estimator = fit_classifier("histograma_gradiente", rows, y, groups, seed)
    assert check_agreement(estimator, to_onnx(estimator, rows.shape[1]), rows) < 2e-6


def test_forest_trained_on_missing_values_is_not_published() -> None:
    # skl2onnx forgets which way a forest sends them; the encoder never lets one through.
    rows, y, groups = with_missing(0)
    estimator = fit_classifier("floresta_aleatoria", rows, y, groups, 0)
    with pytest.raises(ExportDisagrees, match="allowed"):
        check_agreement(estimator, to_onnx(estimator, rows.shape[1]), rows)


@pytest.mark.parametrize(
    "estimator",
    [
        HistGradientBoostingClassifier(max_iter=50, random_state=0),
        RandomForestClassifier(20, max_depth=6, random_state=0),
        CalibratedClassifierCV(HistGradientBoostingClassifier(max_iter=30), cv=3, ensemble=True),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
    ids=["bare boosting", "bare forest", "ensemble of calibrations", "bare regression"],
)
def test_classifiers_of_other_shapes_agree_too(estimator: Any) -> None:
    rows, y, _ = complete(0)
    estimator.fit(rows, y)
    assert check_agreement(estimator, to_onnx(estimator, rows.shape[1]), rows) < 2e-6


@pytest.mark.parametrize(
    "estimator",
    [
        HistGradientBoostingRegressor(max_iter=50, random_state=0),
        RandomForestRegressor(20, max_depth=6, random_state=0),
        make_pipeline(StandardScaler(), Ridge()),
    ],
    ids=["boosting", "forest", "ridge"],
)
def test_regressions_agree_relative_to_their_size(estimator: Any) -> None:
    rows, _, _ = complete(0)
    estimator.fit(rows, 1e6 * (2 + rows[:, 0]))
    assert check_agreement(estimator, to_onnx(estimator, rows.shape[1]), rows) < 1e-5


def test_neighbouring_float32_values_stay_on_their_sides_of_a_threshold() -> None:
    # Around 2^25 float32 has only every fourth integer, so each split lies halfway between
    # two neighbours and rounds, half the time, to the upper one.
    steps = np.tile(np.arange(40), 50)
    rows = (2.0**25 + 4 * steps).astype(np.float32).reshape(-1, 1)
    y = ((steps * 7919) % 13 < 6).astype(np.int_)
    model = HistGradientBoostingClassifier(max_iter=20, min_samples_leaf=5).fit(rows, y)
    before = model.predict_proba(rows)
    assert check_agreement(model, to_onnx(model, 1), rows) < 2e-6
    assert (model.predict_proba(rows) == before).all()


def test_calibration_around_a_pipeline_is_not_published() -> None:
    rows, y, _ = complete(0)
    inside_out = CalibratedClassifierCV(
        make_pipeline(StandardScaler(), LogisticRegression()), cv=3, ensemble=False
    ).fit(rows * 50 + 100, y)
    with pytest.raises(ExportDisagrees):
        check_agreement(inside_out, to_onnx(inside_out, rows.shape[1]), rows * 50 + 100)


def test_a_model_that_answers_nothing_is_not_published() -> None:
    rows, y, _ = complete(0)
    model = LogisticRegression().fit(rows, y)
    exported = to_onnx(model, rows.shape[1])
    model.coef_ = model.coef_ * np.nan
    with pytest.raises(ExportDisagrees, match="nan"):
        check_agreement(model, exported, rows)


def test_published_graph_has_one_input_one_output_and_no_classifier_of_trees() -> None:
    rows, y, groups = complete(0)
    for name in ALGORITHMS:
        exported = to_onnx(fit_classifier(name, rows, y, groups, 0), 6)
        graph = onnx.load_from_string(exported).graph
        assert [each.name for each in graph.input] == ["rows"]
        assert len(graph.output) == 1
        used = {name for node in graph.node for name in node.input}
        assert {each.name for each in graph.initializer} <= used
        assert "TreeEnsembleClassifier" not in {node.op_type for node in graph.node}
        assert open_session(exported).run(None, {"rows": rows[:5]})[0].shape == (5, 2)


def test_stored_estimator_returns_only_by_digest_and_version() -> None:
    rows, y, groups = complete(0)
    estimator = fit_classifier("regressao_logistica", rows, y, groups, 0)
    data = dump_joblib(estimator)
    loaded = load_joblib(data, sha256_of(data), sklearn.__version__)
    assert (loaded.predict_proba(rows) == estimator.predict_proba(rows)).all()
    with pytest.raises(DigestMismatch):
        load_joblib(data[:-1] + b"\0", sha256_of(data), sklearn.__version__)
    with pytest.raises(LibraryMismatch, match=r"0\.24"):
        load_joblib(data, sha256_of(data), "0.24.2")


def complete(seed: int) -> tuple[Rows, NDArray[np.int_], NDArray[np.int_]]:
    draw = np.random.default_rng(seed)
    rows = draw.normal(size=(1500, 6)).astype(np.float32)
    y = (draw.random(1500) < 1 / (1 + np.exp(-rows[:, 0] - rows[:, 1] ** 2))).astype(np.int_)
    return rows, y, np.arange(1500) // 3


def with_missing(seed: int) -> tuple[Rows, NDArray[np.int_], NDArray[np.int_]]:
    rows, y, groups = complete(seed)
    draw = np.random.default_rng(seed)
    holes = draw.random(rows.shape) < np.where(y[:, np.newaxis] == 1, 0.4, 0.1)
    return np.where(holes, np.float32(np.nan), rows), y, groups
