"""How good a classifier is, how sure we are of that, and whether a challenger may replace it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from chalicelib.ml.training.bootstrap import Metric, draw_weights, weighted_metric
from chalicelib.ml.training.folds import TooLittleData, entity_codes

RESAMPLES = 200
PROMOTION_MARGIN = -0.01
_LEVELS = (0.025, 0.975)

Groups = Sequence[Any] | NDArray[Any]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its 95% bootstrap interval (percentile method)."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        """Plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ClassificationMetrics:
    """What a hold-out says of a binary classifier.

    Attributes:
        roc_auc, pr_auc: 1 is perfect; 0.5, and the prevalence, are chance.
        ks: Largest distance between the classes' cumulative shares; 1 is perfect, 0 is chance.
        brier, log_loss: 0 is perfect.
        brier_skill: 1 is perfect, 0 is no better than foretelling the prevalence for everybody.
        prevalence: Share of positive rows.
        rows, entities: How much was judged.
    """

    roc_auc: Estimate
    pr_auc: Estimate
    ks: Estimate
    brier: Estimate
    brier_skill: Estimate
    log_loss: Estimate
    prevalence: float
    rows: int
    entities: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, for the registry."""
        return asdict(self)


def classification_metrics(
    y: NDArray[np.int_],
    p: NDArray[np.float64],
    groups: Groups,
    seed: int,
    resamples: int = RESAMPLES,
) -> ClassificationMetrics:
    """Judge probabilities on rows the model has not seen.

    Args:
        y: (n,) classes, 0 or 1.
        p: (n,) probabilities of class 1.
        groups: (n,) entity ids; an entity's rows are resampled together.
        seed: Of the resampling.
        resamples: How many; those with one class only are left out.

    Raises:
        TooLittleData: One class only.
    """
    y, p, codes = _checked(y, p, groups)
    metrics = {metric: weighted_metric(metric, y, p, codes) for metric in Metric}
    entities = int(codes.max()) + 1
    drawn = [
        [metric(weights) for metric in metrics.values()]
        for weights in draw_weights(entities, resamples, seed)
    ]
    everyone = np.ones(entities)
    estimates = {
        metric.value: estimate(of(everyone), column)
        for (metric, of), column in zip(metrics.items(), np.transpose(drawn), strict=True)
    }
    return ClassificationMetrics(
        **estimates, prevalence=float(y.mean()), rows=len(y), entities=entities
    )


def paired_difference(
    y: NDArray[np.int_],
    p_a: NDArray[np.float64],
    p_b: NDArray[np.float64],
    groups: Groups,
    metric: Metric,
    seed: int,
    resamples: int = RESAMPLES,
) -> Estimate:
    """By how much a is better than b on the same rows and the same resamples.

    Returns:
        Positive where a is better, whether the metric is a merit or a loss.

    Raises:
        TooLittleData: One class only.
    """
    y, p_a, codes = _checked(y, p_a, groups)
    sign = 1.0 if metric.higher_is_better else -1.0
    of_a = weighted_metric(metric, y, p_a, codes)
    of_b = weighted_metric(metric, y, np.asarray(p_b, dtype=np.float64), codes)
    entities = int(codes.max()) + 1
    drawn = [
        sign * (of_a(weights) - of_b(weights))
        for weights in draw_weights(entities, resamples, seed)
    ]
    everyone = np.ones(entities)
    return estimate(sign * (of_a(everyone) - of_b(everyone)), np.array(drawn))


def may_replace(difference: Estimate, margin: float = PROMOTION_MARGIN) -> bool:
    """Whether a challenger is surely not worse than the champion by more than the margin.

    Args:
        difference: `paired_difference(y, challenger, champion, ...)`.
        margin: Negative; how much worse is still accepted.
    """
    return difference.low > margin


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The rows whose probability lies in (low, high], the first bin holding 0 too.

    Attributes:
        low, high: Bounds of the bin.
        rows: How many there are.
        mean_probability: What was foretold.
        observed_share: What happened.
        observed_low, observed_high: Its 95% interval by Wilson's score, which takes the rows for
            independent: an entity's rows are alike, so with many of them it is too narrow.
    """

    low: float
    high: float
    rows: int
    mean_probability: float
    observed_share: float
    observed_low: float
    observed_high: float

    def to_json(self) -> dict[str, float | int]:
        """Plain JSON."""
        return asdict(self)


def reliability_table(
    y: NDArray[np.int_], p: NDArray[np.float64], bins: int = 10
) -> list[ReliabilityBin]:
    """What was foretold against what happened, in bins of equal width; empty bins are left out."""
    edges = np.linspace(0.0, 1.0, bins + 1)
    bin_of_row = np.searchsorted(edges[1:-1], p, side="left")
    rows = np.bincount(bin_of_row, minlength=bins)
    foretold = np.bincount(bin_of_row, weights=p, minlength=bins)
    happened = np.bincount(bin_of_row, weights=y, minlength=bins)
    return [
        ReliabilityBin(
            float(edges[i]),
            float(edges[i + 1]),
            int(rows[i]),
            float(foretold[i] / rows[i]),
            float(happened[i] / rows[i]),
            *_wilson(int(happened[i]), int(rows[i])),
        )
        for i in np.flatnonzero(rows)
    ]


def _wilson(events: int, rows: int) -> tuple[float, float]:
    interval = binomtest(events, rows).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def _checked(
    y: NDArray[np.int_], p: NDArray[np.float64], groups: Groups
) -> tuple[NDArray[np.int_], NDArray[np.float64], NDArray[np.intp]]:
    y, p, codes = np.asarray(y), np.asarray(p, dtype=np.float64), entity_codes(groups)
    if not len(y) == len(p) == len(codes):
        raise ValueError(f"{len(y)} classes, {len(p)} probabilities, {len(codes)} entities")
    if np.unique(y).size < 2:
        raise TooLittleData("all rows to judge on are of one class")
    return y, p, codes


def estimate(value: float, drawn: NDArray[np.float64]) -> Estimate:
    """A number with the 95% percentile interval of its resamples; NaN ones are left out.

    Raises:
        TooLittleData: No resample could say.
    """
    usable = drawn[~np.isnan(drawn)]
    if not usable.size:
        raise TooLittleData("every resample holds one class only")
    low, high = np.quantile(usable, _LEVELS)
    return Estimate(value, float(low), float(high))
