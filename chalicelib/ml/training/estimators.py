"""The classifiers a product may train, with regularised defaults and calibrated probabilities.

Sizes are chosen so that a score with reasons stays within the serving budget (law 8): the
cost of explaining is the trees times their depth, times some 450 evaluations per row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from chalicelib.ml.training.folds import Split, TooLittleData, grouped_folds
from chalicelib.ml.training.threads import threads_for

CALIBRATION_FOLDS = 3
# A tree of depth 8 has at most 256 leaves; more rows than this only make it slower to grow.
ROWS_PER_TREE = 10_000

__all__ = ["ALGORITHMS", "TooLittleData", "UnknownAlgorithm", "fit_classifier"]

Params = Mapping[str, Any]
Factory = Callable[[list[Split], int, Params], Any]


class UnknownAlgorithm(ValueError):
    """No classifier has this name; `ALGORITHMS` lists those there are."""


def fit_classifier(
    name: str,
    X: NDArray[np.float32],  # noqa: N803 - scikit-learn's word for the matrix
    y: NDArray[np.int_],
    groups: Sequence[Any] | NDArray[Any],
    seed: int,
    params: Params | None = None,
) -> Any:
    """Fit one classifier and calibrate its probabilities.

    Args:
        name: One of `ALGORITHMS`.
        X: (n, width) float32, as the encoder gives it. float64 is refused: a threshold between two
            float64 values may not exist in float32, and the served model would decide otherwise.
        y: (n,) classes, 0 or 1.
        groups: (n,) entity ids; an entity's rows stay in one calibration fold.
        seed: Of folds, bootstraps and feature draws.
        params: Arguments of the bare scikit-learn estimator, over the defaults.

    Returns:
        A fitted scikit-learn classifier.

    Raises:
        UnknownAlgorithm: `name` is none of them.
        TooLittleData: Too few entities or one class only.
        TypeError: X is not float32, or the estimator has no such parameter.
    """
    if name not in ALGORITHMS:
        raise UnknownAlgorithm(f"{name!r} is none of {', '.join(ALGORITHMS)}")
    if X.dtype != np.float32:
        raise TypeError(f"train on the encoder's float32 values, not {X.dtype}")
    folds = grouped_folds(y, groups, CALIBRATION_FOLDS, seed)
    estimator = ALGORITHMS[name](folds, seed, params or {})
    with threads_for(len(X)):
        return estimator.fit(X, y)


def _calibrated(estimator: Any, folds: list[Split]) -> CalibratedClassifierCV:
    """Platt's sigmoid over out-of-fold scores, then one estimator on all rows.

    The sigmoid keeps the order of scores and exports exactly; isotonic regression does neither.
    """
    return CalibratedClassifierCV(estimator, method="sigmoid", cv=folds, ensemble=False)


def _logistic_regression(folds: list[Split], seed: int, params: Params) -> Pipeline:
    model = LogisticRegression(**{"C": 1.0, "max_iter": 1000, "random_state": seed, **params})
    # The scaler stands outside: skl2onnx exports calibration around a pipeline silently wrong.
    return Pipeline([("scaler", StandardScaler()), ("model", _calibrated(model, folds))])


def _random_forest(folds: list[Split], seed: int, params: Params) -> CalibratedClassifierCV:
    fewest_rows = min(len(fit_rows) for fit_rows, _ in folds)
    forest = RandomForestClassifier(**{**forest_defaults(fewest_rows, seed), **params})
    return _calibrated(forest, folds)


def _histogram_boosting(folds: list[Split], seed: int, params: Params) -> CalibratedClassifierCV:
    boosting = HistGradientBoostingClassifier(**{**boosting_defaults(seed), **params})
    return _calibrated(boosting, folds)


def forest_defaults(rows: int, seed: int) -> Params:
    """Arguments of a random forest on so many rows."""
    return {
        "n_estimators": 100,
        "max_depth": 8,
        "min_samples_leaf": 20,
        "max_samples": ROWS_PER_TREE if rows > ROWS_PER_TREE else None,
        "n_jobs": -1,
        "random_state": seed,
    }


def boosting_defaults(seed: int) -> Params:
    """Arguments of boosting on histograms."""
    return {
        "max_iter": 60,
        "learning_rate": 0.08,
        "max_depth": 4,
        "max_leaf_nodes": 16,
        "min_samples_leaf": 40,
        "l2_regularization": 1.0,
        # Its own early stopping would part the rows of an entity.
        "early_stopping": False,
        "random_state": seed,
    }


ALGORITHMS: dict[str, Factory] = {
    "regressao_logistica": _logistic_regression,
    "floresta_aleatoria": _random_forest,
    "histograma_gradiente": _histogram_boosting,
}
"""Name in the registry -> factory of the unfitted, calibrated classifier."""
