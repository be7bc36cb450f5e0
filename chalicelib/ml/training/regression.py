"""How good a regression is, how sure we are of that, and by how much it beats another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.training.bootstrap import draw_weights
from chalicelib.ml.training.evaluate import RESAMPLES, Estimate
from chalicelib.ml.training.folds import TooLittleData, entity_codes

Floats = NDArray[np.float64]
_LEVELS = (0.025, 0.975)


class ErrorMetric(StrEnum):
    """How well numbers are foretold."""

    R2 = "r2"
    MAE = "mae"
    RMSE = "rmse"
    MAPE = "mape"
    MEDIAN = "medae"

    @property
    def higher_is_better(self) -> bool:
        """Whether it measures merit rather than loss."""
        return self is ErrorMetric.R2


@dataclass(frozen=True, slots=True)
class RegressionMetrics:
    """What a hold-out says of a regression.

    Attributes:
        r2: 1 is perfect, 0 is no better than the mean of these very rows; a constant that was
            learnt elsewhere comes out a little below 0.
        mae, rmse: In the target's unit; 0 is perfect.
        mape: Mean of |error| / |actual| over the rows whose actual value is not 0, as a share: 0.1
            is 10 %.
        medae: Median absolute error, in the target's unit.
        mean, deviation: Of what happened, in the target's unit.
        rows, entities: How much was judged.
        zeros: Rows whose actual value is 0, which `mape` leaves out.
    """

    r2: Estimate
    mae: Estimate
    rmse: Estimate
    mape: Estimate
    medae: Estimate
    mean: float
    deviation: float
    rows: int
    entities: int
    zeros: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, for the registry."""
        return asdict(self)


class Errors:
    """The errors of some answers, summed by entity once and then weighted per resample."""

    def __init__(self, y: NDArray[Any], answers: Floats, who: Sequence[Any] | NDArray[Any]) -> None:
        """Sum them.

        Args:
            y: (n,) what happened.
            answers: (n,) what was foretold.
            who: (n,) entity ids; an entity's rows are resampled together.

        Raises:
            TooLittleData: No rows, or all of them have the same value.
        """
        y, answers = np.asarray(y, dtype=np.float64), np.asarray(answers, dtype=np.float64)
        codes = entity_codes(who)
        if not len(y) == len(answers) == len(codes):
            raise ValueError(f"{len(y)} values, {len(answers)} answers, {len(codes)} entities")
        if np.unique(y).size < 2:
            raise TooLittleData("all rows to judge on have the same value")
        self.entities = int(codes.max()) + 1
        error, centred = y - answers, y - y.mean()
        self._rows = np.bincount(codes).astype(np.float64)
        self._absolute = np.bincount(codes, np.abs(error))
        self._squared = np.bincount(codes, error**2)
        # About the mean: sums of squares of what is far from zero would cancel each other.
        self._values = np.bincount(codes, centred)
        self._values_squared = np.bincount(codes, centred**2)
        told = y != 0
        share = np.divide(np.abs(error), np.abs(y), out=np.zeros_like(y), where=told)
        self._told, self._shares = np.bincount(codes, told), np.bincount(codes, share)
        order = np.argsort(np.abs(error), kind="stable")
        self._ranked, self._ranked_codes = np.abs(error)[order], codes[order]

    def of(self, metric: ErrorMetric, weights: Floats) -> float:
        """The metric where entity i counts (g,) weights[i] times; NaN where it says nothing."""
        if metric is ErrorMetric.MAPE:
            told = float(weights @ self._told)
            return float(weights @ self._shares / told) if told else float("nan")
        if metric is ErrorMetric.MEDIAN:
            return self._median(weights)
        rows = float(weights @ self._rows)
        if metric is ErrorMetric.MAE:
            return float(weights @ self._absolute / rows)
        squared = float(weights @ self._squared / rows)
        if metric is ErrorMetric.RMSE:
            return float(np.sqrt(squared))
        mean = float(weights @ self._values / rows)
        variance = float(weights @ self._values_squared / rows) - mean**2
        return 1 - squared / variance if variance > 0 else float("nan")

    def _median(self, weights: Floats) -> float:
        """The mean of the two middle errors where none is in the middle."""
        heavy = np.cumsum(weights[self._ranked_codes])
        half = heavy[-1] / 2
        low = np.searchsorted(heavy, half, side="left")
        high = np.searchsorted(heavy, half, side="right")
        return float(self._ranked[low] + self._ranked[min(high, len(heavy) - 1)]) / 2


def regression_metrics(
    y: NDArray[Any],
    answers: Floats,
    who: Sequence[Any] | NDArray[Any],
    seed: int,
    resamples: int = RESAMPLES,
) -> RegressionMetrics:
    """Judge answers on rows the model has not seen.

    Args:
        y: (n,) what happened.
        answers: (n,) what was foretold, in the same unit.
        who: (n,) entity ids; an entity's rows are resampled together.
        seed: Of the resampling.
        resamples: How many.

    Raises:
        TooLittleData: No rows, or all of them have the same value.
    """
    errors = Errors(y, answers, who)
    found = {
        metric.value: _interval(partial(errors.of, metric), errors, seed, resamples)
        for metric in ErrorMetric
    }
    return RegressionMetrics(
        **found,
        mean=float(np.mean(y)),
        deviation=float(np.std(y)),
        rows=len(y),
        entities=errors.entities,
        zeros=int((np.asarray(y) == 0).sum()),
    )


def paired_error_difference(
    y: NDArray[Any],
    a: Floats,
    b: Floats,
    who: Sequence[Any] | NDArray[Any],
    metric: ErrorMetric,
    seed: int,
    resamples: int = RESAMPLES,
) -> Estimate:
    """By how much a is better than b on the same rows and the same resamples.

    Returns:
        Positive where a is better, whether the metric is a merit or a loss.

    Raises:
        TooLittleData: No rows, or all of them have the same value.
    """
    of_a, of_b = Errors(y, a, who), Errors(y, b, who)
    sign = 1.0 if metric.higher_is_better else -1.0
    return _interval(
        lambda weights: sign * (of_a.of(metric, weights) - of_b.of(metric, weights)),
        of_a,
        seed,
        resamples,
    )


def _interval(
    measure: Callable[[Floats], float], errors: Errors, seed: int, resamples: int
) -> Estimate:
    drawn = np.array([measure(each) for each in draw_weights(errors.entities, resamples, seed)])
    usable = drawn[~np.isnan(drawn)]
    if not usable.size:
        raise TooLittleData("every resample holds one value only")
    low, high = np.quantile(usable, _LEVELS)
    return Estimate(measure(np.ones(errors.entities)), float(low), float(high))
