"""The regressions a product may train, and how numbers that were foretold are judged.

Sizes of trees are those of the classifiers, chosen so that an answer with reasons stays within the
serving budget (law 8).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from chalicelib.ml.training.estimators import (
    UnknownAlgorithm,
    boosting_defaults,
    forest_defaults,
)
from chalicelib.ml.training.evaluate import PROMOTION_MARGIN, may_replace
from chalicelib.ml.training.figures import foretold_figure, residuals_figure
from chalicelib.ml.training.folds import TooLittleData
from chalicelib.ml.training.judging import Floats, Gate
from chalicelib.ml.training.regression import (
    ErrorMetric,
    Errors,
    paired_error_difference,
    regression_metrics,
)
from chalicelib.ml.training.threads import threads_for

FEWEST_ENTITIES = 30
Params = Mapping[str, Any]
ERROR_SHARES = (0.5, 0.8, 0.9, 0.95)


def fit_regressor(
    name: str,
    X: NDArray[np.float32],  # noqa: N803 - scikit-learn's word for the matrix
    y: NDArray[Any],
    groups: Sequence[Any] | NDArray[Any],
    seed: int,
    params: Params | None = None,
) -> Any:
    """Fit one regression.

    Args:
        name: One of `REGRESSORS`.
        X: (n, width) float32, as the encoder gives it; see `fit_classifier`.
        y: (n,) values.
        groups: (n,) entity ids.
        seed: Of bootstraps and feature draws.
        params: Arguments of the bare scikit-learn estimator, over the defaults.

    Raises:
        UnknownAlgorithm: `name` is none of them.
        TooLittleData: Fewer than 30 entities, or one value only.
        TypeError: X is not float32, or the estimator has no such parameter.
    """
    if name not in REGRESSORS:
        raise UnknownAlgorithm(f"{name!r} is none of {', '.join(REGRESSORS)}")
    if X.dtype != np.float32:
        raise TypeError(f"train on the encoder's float32 values, not {X.dtype}")
    entities = len(np.unique(np.asarray(groups)))
    if entities < FEWEST_ENTITIES or np.unique(y).size < 2:
        raise TooLittleData(f"{entities} entities are too few, or all have the same value")
    estimator = REGRESSORS[name](len(y), seed, params or {})
    with threads_for(len(X)):
        return estimator.fit(X, y)


def _ridge(_rows: int, seed: int, params: Params) -> Pipeline:
    model = Ridge(**{"alpha": 10.0, "random_state": seed, **params})
    return Pipeline([("scaler", StandardScaler()), ("model", model)])


def _random_forest(rows: int, seed: int, params: Params) -> RandomForestRegressor:
    return RandomForestRegressor(**{**forest_defaults(rows, seed), **params})


def _histogram_boosting(_rows: int, seed: int, params: Params) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(**{**boosting_defaults(seed), **params})


REGRESSORS: dict[str, Callable[[int, int, Params], Any]] = {
    "regressao_ridge": _ridge,
    "floresta_aleatoria": _random_forest,
    "histograma_gradiente": _histogram_boosting,
}
"""Name in the registry -> factory of the unfitted regression, by (rows, seed, parameters)."""


@dataclass(frozen=True)
class RegressionJudge:
    """Judges a regression by its errors; a `Judge`.

    The gate and the columns' importance are measured in R², which has no unit: a hundredth of it is
    a hundredth of what there is to explain, whatever is foretold.

    Attributes:
        seed: Of the resampling.
        margin: Negative; how much worse an R² is still accepted.
        fewest_entities: Below it, a group's metrics are not shown.
    """

    seed: int = 7
    margin: float = PROMOTION_MARGIN
    fewest_entities: int = FEWEST_ENTITIES

    measure = "R²"
    loss_name = "rmse"
    wanted_rows = "linhas com valores diferentes"

    def loss(self, y: NDArray[Any], answers: Floats) -> float:
        """Root of the mean squared error."""
        return float(np.sqrt(np.mean((y - answers) ** 2)))

    def score(self, y: NDArray[Any], answers: Floats) -> float:
        """R²."""
        return 1 - float(np.mean((y - answers) ** 2) / np.var(y))

    def metrics(self, y: NDArray[Any], answers: Floats, who: NDArray[Any]) -> dict[str, Any]:
        """R², MAE, RMSE, MAPE, median absolute error."""
        return regression_metrics(y, answers, who, self.seed).to_json()

    def values(self, y: NDArray[Any], answers: Floats) -> dict[str, float]:
        """The same without intervals."""
        errors, everyone = Errors(y, answers, np.arange(len(y))), np.ones(len(y))
        return {metric.value: errors.of(metric, everyone) for metric in ErrorMetric}

    def gains(
        self, y: NDArray[Any], a: Floats, b: Floats, who: NDArray[Any]
    ) -> dict[str, dict[str, float]]:
        """In all of them."""
        return self.differences(y, a, b, who)

    def differences(
        self, y: NDArray[Any], a: Floats, b: Floats, who: NDArray[Any]
    ) -> dict[str, dict[str, float]]:
        """In all of them."""
        return {
            metric.value: paired_error_difference(y, a, b, who, metric, self.seed).to_json()
            for metric in ErrorMetric
        }

    def gate(
        self, y: NDArray[Any], challenger: Floats, champion: Floats, who: NDArray[Any]
    ) -> Gate:
        """By the lower bound of the paired difference of R²."""
        found = paired_error_difference(y, challenger, champion, who, ErrorMetric.R2, self.seed)
        return Gate(found, may_replace(found, self.margin))

    def is_few(self, _y: NDArray[Any], who: NDArray[Any]) -> bool:
        """Few entities."""
        return len(np.unique(who)) < self.fewest_entities

    def counts(self, _y: NDArray[Any]) -> dict[str, int]:
        """Nothing beside rows and entities."""
        return {}

    def summary(self, y: NDArray[Any]) -> dict[str, float]:
        """Mean, median and deviation."""
        return {
            "media": float(np.mean(y)),
            "mediana": float(np.median(y)),
            "desvio": float(np.std(y)),
        }

    def details(self, y: NDArray[Any], answers: Floats) -> dict[str, Any]:
        """How large the errors are that half, 80%, 90% and 95% of the answers stay within."""
        if not len(y):
            return {"erros": {}}
        bounds = np.quantile(np.abs(y - answers), ERROR_SHARES)
        shares = (f"p{share * 100:.0f}" for share in ERROR_SHARES)
        return {"erros": dict(zip(shares, map(float, bounds), strict=True))}

    def figures(self, y: NDArray[Any], answers: Mapping[str, Floats]) -> dict[str, Any]:
        """What was foretold against what happened, and the errors."""
        return {
            "previsto_observado": foretold_figure(y, answers),
            "residuos": residuals_figure(y, answers),
        }
