"""Metrics over resampled entities: sorted and summed once, then weighted per resample.

A cluster bootstrap draws whole entities with replacement, because the rows of one member are alike
(Cameron, Gelbach and Miller, "Bootstrap-Based Improvements for Inference with Clustered Errors",
2008). An entity drawn twice is an entity of weight two, so no row is ever copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Metric(StrEnum):
    """How well probabilities foretell classes."""

    ROC_AUC = "roc_auc"
    PR_AUC = "pr_auc"
    KS = "ks"
    BRIER = "brier"
    BRIER_SKILL = "brier_skill"
    LOG_LOSS = "log_loss"

    @property
    def higher_is_better(self) -> bool:
        """Whether it measures merit rather than loss."""
        return self in (Metric.ROC_AUC, Metric.PR_AUC, Metric.KS, Metric.BRIER_SKILL)


class WeightedMetric(Protocol):
    """A metric of fixed rows as a function of the entities' weights."""

    def __call__(self, weights: Floats) -> float:
        """(g,) weights of the entities -> the metric; NaN where one class has no weight."""


def weighted_metric(
    metric: Metric, y: NDArray[np.int_], p: Floats, codes: NDArray[np.intp]
) -> WeightedMetric:
    """Prepare one metric for many weightings.

    Args:
        metric: Which.
        y: (n,) classes, 0 or 1.
        p: (n,) probabilities of class 1.
        codes: (n,) entity of each row, 0 to g - 1; each occurs.
    """
    if metric is Metric.ROC_AUC:
        return _RocAuc(y, p, codes)
    if metric is Metric.PR_AUC:
        return _AveragePrecision(y, p, codes)
    if metric is Metric.KS:
        return _KolmogorovSmirnov(y, p, codes)
    if metric is Metric.BRIER_SKILL:
        return _BrierSkill(y, p, codes)
    return _MeanLoss(_brier(y, p) if metric is Metric.BRIER else _log_loss(y, p), codes)


def draw_weights(entities: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each of the entities is drawn, (g,) per resample; the same for the same seed."""
    draw = np.random.default_rng(seed)
    for _ in range(resamples):
        drawn = draw.integers(0, entities, entities)
        yield np.bincount(drawn, minlength=entities).astype(np.float64)


class _Ranking:
    """Rows sorted once by falling probability; equal probabilities are one threshold."""

    def __init__(self, y: NDArray[np.int_], p: Floats, codes: NDArray[np.intp]) -> None:
        order = np.argsort(-p, kind="stable")
        self._positive = y[order].astype(np.float64)
        self._codes = codes[order]
        self._last_of_tie = np.flatnonzero(np.diff(p[order], append=np.nan))

    def _counts(self, weights: Floats) -> tuple[Floats, Floats]:
        """(t,) weight of positives, and of all rows, at or above each threshold."""
        weight = weights[self._codes]
        positives = np.cumsum(weight * self._positive)[self._last_of_tie]
        return positives, np.cumsum(weight)[self._last_of_tie]


class _RocAuc(_Ranking):
    """Area under the ROC curve by the trapezoid rule; half a point for a tie."""

    def __call__(self, weights: Floats) -> float:
        positives, everyone = self._counts(weights)
        negatives = everyone - positives
        pairs = positives[-1] * negatives[-1]
        if pairs == 0:
            return float("nan")
        below = np.concatenate([[0.0], positives[:-1]])
        area = np.diff(negatives, prepend=0.0) @ (positives + below) / 2
        return float(area / pairs)


class _AveragePrecision(_Ranking):
    """Sum over thresholds of (recall gained) x precision, without interpolation."""

    def __call__(self, weights: Floats) -> float:
        positives, everyone = self._counts(weights)
        if positives[-1] == 0:
            return float("nan")
        precision = positives / np.maximum(everyone, 1.0)
        return float(np.diff(positives, prepend=0.0) @ precision / positives[-1])


class _KolmogorovSmirnov(_Ranking):
    """The largest distance between the classes' cumulative shares over all thresholds."""

    def __call__(self, weights: Floats) -> float:
        positives, everyone = self._counts(weights)
        negatives = everyone - positives
        if positives[-1] == 0 or negatives[-1] == 0:
            return float("nan")
        return float(np.abs(positives / positives[-1] - negatives / negatives[-1]).max())


class _MeanLoss:
    """A mean over rows, from sums per entity."""

    def __init__(self, losses: Floats, codes: NDArray[np.intp]) -> None:
        self._sums = np.bincount(codes, weights=losses)
        self._rows = np.bincount(codes).astype(np.float64)

    def __call__(self, weights: Floats) -> float:
        return float(weights @ self._sums / (weights @ self._rows))


class _BrierSkill:
    """1 - Brier / that of the same rows' prevalence, foretold for every row; 0 is no skill."""

    def __init__(self, y: NDArray[np.int_], p: Floats, codes: NDArray[np.intp]) -> None:
        self._loss = _MeanLoss(_brier(y, p), codes)
        self._prevalence = _MeanLoss(y.astype(np.float64), codes)

    def __call__(self, weights: Floats) -> float:
        prevalence = self._prevalence(weights)
        ignorant = prevalence * (1 - prevalence)
        return 1 - self._loss(weights) / ignorant if ignorant else float("nan")


def _brier(y: NDArray[np.int_], p: Floats) -> Floats:
    """Brier, "Verification of forecasts expressed in terms of probability", 1950."""
    return (p - y) ** 2


def _log_loss(y: NDArray[np.int_], p: Floats) -> Floats:
    """Negative log-likelihood; 0 and 1 are moved by the float's precision, as scikit-learn does."""
    eps = np.finfo(np.float64).eps
    chance: Floats = np.where(y == 1, p, 1 - p)
    return -np.log(np.clip(chance, eps, 1 - eps))
