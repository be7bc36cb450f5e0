"""A published model answers only if it is the registered one, and always alike."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from chalicelib.ml.artefacts import DigestMismatch, WidthMismatch, sha256_of
from chalicelib.ml.encoding import Column, Encoder, TargetScaling
from chalicelib.ml.explain import Explainer
from chalicelib.ml.serving import ServedModel, load_served_model
from chalicelib.ml.training.estimators import fit_classifier
from chalicelib.ml.training.export import to_onnx
from tests.ml.conftest import Sample


@pytest.fixture(scope="module")
def onnx(sample: Sample, encoder: Encoder) -> bytes:
    rows = encoder.encode(sample.table)
    estimator = fit_classifier("regressao_logistica", rows, sample.y, sample.groups, seed=0)
    return to_onnx(estimator, encoder.width)


def test_a_changed_model_is_refused_before_it_is_read(onnx: bytes, encoder: Encoder) -> None:
    with pytest.raises(DigestMismatch):
        load_served_model(onnx + b"\0", sha256_of(onnx), encoder.to_json())
    with pytest.raises(DigestMismatch):
        load_served_model(b"not a model", sha256_of(onnx), encoder.to_json())


def test_a_model_with_another_encoder_is_refused(onnx: bytes) -> None:
    other = Encoder.fit([Column("x", "number")], {"x": [1.0]})
    with pytest.raises(WidthMismatch, match="its encoder writes 1"):
        load_served_model(onnx, sha256_of(onnx), other.to_json())


def test_what_the_registry_says_stays_with_the_model(onnx: bytes, encoder: Encoder) -> None:
    metadata = {"versao": 3, "algoritmo": "regressao_logistica"}
    served = load_served_model(onnx, sha256_of(onnx), encoder.to_json(), metadata=metadata)
    assert served.metadata == metadata
    assert served.memory_bytes > len(onnx)


def test_a_score_does_not_depend_on_its_neighbours(served: ServedModel, sample: Sample) -> None:
    rows = served.encoder.encode(sample.table)
    together = served.score_rows(rows)
    for size in (1, 2, 3, 7, 64, 449):
        parts = [served.score_rows(rows[i : i + size]) for i in range(0, 900, size)]
        assert np.concatenate(parts)[:900].tobytes() == together[:900].tobytes()


def test_scores_are_probabilities_in_float64(served: ServedModel, sample: Sample) -> None:
    scores = served.predict(sample.table)
    assert scores.dtype == np.float64
    assert ((scores > 0) & (scores < 1)).all()
    assert scores[sample.y == 1].mean() > scores[sample.y == 0].mean() + 0.1


def test_no_rows_have_no_scores(served: ServedModel, encoder: Encoder) -> None:
    assert served.score_rows(np.empty((0, encoder.width), dtype=np.float32)).shape == (0,)


def test_a_model_without_explainer_says_so(onnx: bytes, sample: Sample, encoder: Encoder) -> None:
    served = load_served_model(onnx, sha256_of(onnx), encoder.to_json())
    with pytest.raises(ValueError, match="without an explainer"):
        served.score_and_explain(sample.row(0))


def test_a_regression_answers_and_explains_in_its_own_unit() -> None:
    draw = np.random.default_rng(0)
    table = {"paginas": draw.integers(50, 900, 2000).astype(float), "nota": draw.random(2000)}
    prices = 5.0 + table["paginas"] / 20 + 10 * table["nota"]
    encoder = Encoder.fit([Column("paginas", "number"), Column("nota", "number")], table)
    rows, scaling = encoder.encode(table), TargetScaling("log")
    model = HistGradientBoostingRegressor(max_iter=25, learning_rate=0.25, max_leaf_nodes=16)
    model.fit(rows, scaling.forward(prices))
    onnx = to_onnx(model, encoder.width)
    explainer = Explainer(rows[:16], encoder.groups)
    served = load_served_model(
        onnx, sha256_of(onnx), encoder.to_json(), explainer.to_json(), scaling.to_json()
    )
    assert np.abs(served.predict(table) - prices).mean() < 1.0
    (explanation,) = served.score_and_explain({"paginas": [900], "nota": [1.0]})
    assert explanation.score == pytest.approx(60, abs=3)
    assert sum(explanation.contributions.values()) == pytest.approx(
        explanation.score - explanation.base_value
    )


def test_serving_code_imports_neither_training_libraries_nor_onnxruntime() -> None:
    code = (
        "import sys, chalicelib.ml.serving, chalicelib.ml.model_cache, chalicelib.ml.explain\n"
        "heavy = {'sklearn', 'pandas', 'scipy', 'joblib', 'skl2onnx', 'onnx', 'onnxruntime'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr


def test_nothing_is_reported_to_who_made_the_runtime(onnx: bytes, tmp_path: Path) -> None:
    model, home = tmp_path / "model.onnx", tmp_path / "home"
    model.write_bytes(onnx)
    home.mkdir()
    code = (
        "import sys; from pathlib import Path; from chalicelib.ml.serving import open_session;"
        " open_session(Path(sys.argv[1]).read_bytes())"
    )
    environment = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", code, model], env=environment, check=True)
    assert list(home.rglob("*")) == []  # It would keep an id of this machine there.
