"""Intervals around regressions, from what training stored with the version; numpy only.

Split-conformal prediction (Papadopoulos et al., "Inductive confidence machines for regression",
2002; Lei et al., "Distribution-free predictive inference for regression", JASA 2018): the interval
is as wide as the absolute errors on rows that the model was not fitted on. Of a model of logarithms
the errors are those of the logarithms, so that the interval grows with the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def bounds(stored: Mapping[str, Any], answers: Floats) -> tuple[Floats, Floats]:
    """The interval of each answer.

    Args:
        stored: `training.conformal.Conformal.to_json()`: `escala` "alvo" or "log", and `quantil`
            in that scale.
        answers: (n,) answers in the target's unit.

    Returns:
        (n,) lower and (n,) upper bounds in the target's unit; the answer lies between.
    """
    reach = float(stored["quantil"])
    if stored["escala"] == "log":
        middle = np.log1p(answers)
        # A logarithm of 1 + x is of nothing below zero.
        return np.expm1(np.maximum(middle - reach, 0.0)), np.expm1(middle + reach)
    return answers - reach, answers + reach


def errors_of(escala: str, actual: Floats, answers: Floats) -> Floats:
    """(n,) absolute errors in the scale in which intervals are as wide for every answer."""
    if escala == "log":
        actual, answers = np.log1p(actual), np.log1p(answers)
    errors: Floats = np.abs(actual - answers)
    return errors
