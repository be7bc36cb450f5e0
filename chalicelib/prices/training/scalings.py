"""Whether a target is learned as it is or in logarithms, where the request leaves that open."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import skew
from sklearn.linear_model import Ridge

from chalicelib.ml.encoding import TargetScaling
from chalicelib.ml.training.folds import Split, TooLittleData
from chalicelib.ml.training.judging import Judge
from chalicelib.prices.hyperparameters import Ridge as RidgeParameters
from chalicelib.prices.training.estimators import Matrix

SKEWED = 1.0
LOG, PLAIN = TargetScaling("log"), TargetScaling()
LINEAR = frozenset(
    {"regressao_linear", "regressao_ridge", "regressao_lasso", "rede_elastica"},
)
"""Whose answers are sums: where prices add up, logarithms would bend them."""


def target_scaling(
    asked: bool | None, y: NDArray[np.float64], training: NDArray[np.bool_]
) -> TargetScaling:
    """What was asked for; else logarithms of targets that are skewed among the training rows.

    Args:
        asked: Whether logarithms were; None: neither way.
        y: (n,) all targets.
        training: (n,) which of them are trained on.

    Raises:
        TooLittleData: Logarithms were asked for, of targets that have none.
    """
    if (y < 0).any():
        if asked:
            raise TooLittleData("negative targets have no logarithm")
        return PLAIN
    wanted = _is_skewed(y[training]) if asked is None else asked
    return LOG if wanted else PLAIN


def _is_skewed(y: NDArray[np.float64]) -> bool:
    """Whether (n,) targets are skewed, and less so in logarithms."""
    plain, logged = float(skew(y)), float(skew(np.log1p(y)))
    return plain > SKEWED and abs(logged) < plain


def linear_scaling(
    encoded: Iterable[tuple[Matrix, Split]], y: NDArray[Any], judge: Judge
) -> TargetScaling:
    """What a linear model foretells a skewed target better by: ridge tells, over the folds.

    Args:
        encoded: (n, width) rows as each fold's learned ones say, and the fold.
        y: (n,) targets, none negative.
        judge: Tells the loss, in the target's unit.
    """
    model = Ridge(alpha=RidgeParameters().alpha)
    losses: dict[TargetScaling, list[float]] = {LOG: [], PLAIN: []}
    for matrix, (learned, judged) in encoded:
        for scaling, found in losses.items():
            fitted = scaling.fit(y[learned])
            model.fit(matrix[learned], fitted.forward(y[learned]))
            found.append(judge.loss(y[judged], fitted.inverse(model.predict(matrix[judged]))))
    return min(losses, key=lambda each: sum(losses[each]))
