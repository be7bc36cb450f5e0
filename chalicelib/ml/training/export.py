"""From a fitted estimator to the bytes that are published, and the check that both agree."""

from __future__ import annotations

import copy
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
import sklearn
from numpy.typing import NDArray
from skl2onnx import convert_sklearn
from skl2onnx.common._container import ModelComponentContainer
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import is_classifier

from chalicelib.ml.artefacts import verify_digest
from chalicelib.ml.serving import INPUT_NAME, open_session
from chalicelib.ml.structures import Structure
from chalicelib.ml.training.onnx_graph import keep_score_only, sum_binary_trees_once
from chalicelib.ml.training.threads import threads_for

OPSET = {"": 18, "ai.onnx.ml": 3}
_patching = threading.Lock()

Answers = Callable[[Any, NDArray[np.float32]], NDArray[np.float64]]
"""(fitted estimator, (n, width) encoded rows) -> (n,) or (n, k) answers."""


class ExportDisagrees(RuntimeError):
    """The exported model answers differently from the trained one; it must not be published."""


class LibraryMismatch(RuntimeError):
    """The model was stored by another scikit-learn; unpickling it may change its answers."""


def to_onnx(estimator: Any, width: int) -> bytes:
    """Export scaler, estimator and calibration.

    Args:
        estimator: Fitted binary classifier or regressor of scikit-learn.
        width: Number of encoded columns.

    Returns:
        An ONNX model: input "rows", (n, width) float32; one output whose last column is the
        probability of the positive class, or the regression.
    """
    options = {"zipmap": False} if is_classifier(estimator) else None
    with _plain_integers():
        model = convert_sklearn(
            _with_float32_thresholds(estimator),
            initial_types=[(INPUT_NAME, FloatTensorType([None, width]))],
            options=options,
            target_opset=OPSET,
        )
    data: bytes = keep_score_only(sum_binary_trees_once(model)).SerializeToString()
    return data


def check_agreement(
    estimator: Any,
    onnx: bytes,
    X: NDArray[np.float32],  # noqa: N803 - scikit-learn's word for the matrix
    tolerance: float = 1e-5,
    answers: Answers | None = None,
) -> float:
    """Compare the export with the estimator on (n, width) rows, normally the validation rows.

    Args:
        estimator: Fitted.
        onnx: Its export.
        X: The rows.
        tolerance: How much they may differ.
        answers: What of the estimator is exported; by default `estimator_answers`.

    Returns:
        The largest difference: absolute on probabilities; on regressions relative to the
        prediction or, for predictions near zero, to their mean magnitude.

    Raises:
        ExportDisagrees: It is above `tolerance`, or not a number.
    """
    (answer,) = open_session(onnx).run(None, {INPUT_NAME: X})
    expected = (answers or estimator_answers)(estimator, X)
    found = (answer if expected.ndim == 2 else answer[:, -1]).astype(np.float64)
    scale: NDArray[np.float64] | float = 1.0
    if not is_classifier(estimator):
        magnitude = np.abs(expected)
        scale = np.maximum(magnitude, max(magnitude.mean(), np.finfo(np.float32).tiny))
    worst = float(np.max(np.abs(found - expected) / scale))
    if not worst <= tolerance:
        raise ExportDisagrees(f"differs by {worst:.2g} where {tolerance:.2g} is allowed")
    return worst


def estimator_answers(
    estimator: Any,
    X: NDArray[np.float32],  # noqa: N803
) -> NDArray[np.float64]:
    """(n,) probabilities of the positive class, or regressions, of (n, width) encoded rows."""
    found: NDArray[np.float64]
    with threads_for(len(X)):
        if is_classifier(estimator):
            found = estimator.predict_proba(X)[:, 1]
        else:
            found = estimator.predict(X)
    return found


def all_answers(
    estimator: Any,
    X: NDArray[np.float32],  # noqa: N803
) -> NDArray[np.float64]:
    """(n, k) probabilities of all classes, or (n,) regressions, of (n, width) encoded rows.

    The rows are given in float64: on float32 rows scikit-learn computes linear models and networks
    in float32, and a network on unscaled columns then errs by 4e-5.
    """
    rows = X.astype(np.float64)
    ask = estimator.predict_proba if is_classifier(estimator) else estimator.predict
    with threads_for(len(X)):
        found: NDArray[np.float64] = ask(rows)
    return found


@dataclass(frozen=True)
class Exporter:
    """How fitted estimators leave training.

    Attributes:
        to_onnx: (estimator, width) -> the served model.
        answers: What it answers.
        structure: What makes its reasons cheap, see `structures.py`; None where it must be asked.
    """

    to_onnx: Callable[[Any, int], bytes]
    answers: Answers
    structure: Callable[[Any], Structure | None]


def _must_be_asked(_estimator: Any) -> None:
    """No structure."""


PLAIN = Exporter(to_onnx, estimator_answers, _must_be_asked)
"""By skl2onnx in float32; classifiers answer with the positive class. Few columns: see law 8."""


def dump_joblib(estimator: Any) -> bytes:
    """The estimator for notebooks and audit, compressed."""
    buffer = io.BytesIO()
    joblib.dump(estimator, buffer, compress=("zlib", 3))
    return buffer.getvalue()


def load_joblib(data: bytes, sha256: str, sklearn_version: str) -> Any:
    """Load what `dump_joblib` made; unpickling runs code, so the digest is checked before.

    Args:
        data: The stored bytes.
        sha256: Their digest in the registry, hexadecimal.
        sklearn_version: The scikit-learn that trained it, in the registry.

    Raises:
        DigestMismatch: The bytes are not those that were registered.
        LibraryMismatch: This process runs another scikit-learn.
    """
    verify_digest(data, sha256)
    if sklearn_version != sklearn.__version__:
        raise LibraryMismatch(f"stored by {sklearn_version}, this is {sklearn.__version__}")
    return joblib.load(io.BytesIO(data))


@contextmanager
def _plain_integers() -> Iterator[None]:
    """Let skl2onnx export histogram gradient boosting.

    Its converter hands numpy integers and truth values to onnx as integer attributes of nodes,
    which onnx refuses. The method
    that adds a node is replaced while one conversion runs.
    """
    original = ModelComponentContainer.add_node

    def add_node(self: Any, *args: Any, **attributes: Any) -> Any:
        plain = {name: _plain(value) for name, value in attributes.items()}
        return original(self, *args, **plain)

    with _patching:
        ModelComponentContainer.add_node = add_node
        try:
            yield
        finally:
            ModelComponentContainer.add_node = original


def _plain(value: Any) -> Any:
    """Truth values and numpy integers, alone or in a list, as Python integers."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return int(value) if isinstance(value, bool | np.bool_ | np.integer) else value


def _with_float32_thresholds(estimator: Any) -> Any:
    """A copy that decides the same on float32 rows, with thresholds that float32 can hold.

    scikit-learn compares in float64 and may split halfway between two neighbouring float32 values.
    Rounded to the nearest float32, as skl2onnx does for histogram boosting, that threshold can
    become the upper value and send it left. The largest float32 not above it never does.
    """
    copied = copy.deepcopy(estimator)
    for boosting in _boostings(copied):
        for stage in boosting._predictors:
            for tree in stage:
                tree.nodes["num_threshold"] = _float32_below(tree.nodes["num_threshold"])
    return copied


def _boostings(estimator: Any) -> Iterator[Any]:
    """The fitted histogram boostings inside a pipeline or a calibration."""
    if hasattr(estimator, "_predictors"):
        yield estimator
    for _, step in getattr(estimator, "steps", []):
        yield from _boostings(step)
    for calibrated in getattr(estimator, "calibrated_classifiers_", []):
        yield from _boostings(calibrated.estimator)


def _float32_below(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    nearest = thresholds.astype(np.float32)
    below = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(nearest.astype(np.float64) > thresholds, below, nearest)
