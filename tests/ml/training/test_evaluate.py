"""Metrics are scikit-learn's; their intervals count members, not rows."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as reference
from sklearn.calibration import calibration_curve

from chalicelib.ml.training.bootstrap import Metric, draw_weights, weighted_metric
from chalicelib.ml.training.evaluate import (
    Estimate,
    classification_metrics,
    may_replace,
    paired_difference,
    reliability_table,
)
from chalicelib.ml.training.folds import TooLittleData, entity_codes

Ints = NDArray[np.int_]
Floats = NDArray[np.float64]


def brier_skill(y: Ints, p: Floats, sample_weight: Floats | None = None) -> float:
    """What Brier gains over foretelling the prevalence, from scikit-learn's own losses."""
    ignorant = np.full(len(y), np.average(y, weights=sample_weight))
    losses = [
        reference.brier_score_loss(y, each, sample_weight=sample_weight) for each in (p, ignorant)
    ]
    return float(1 - losses[0] / losses[1])


def kolmogorov_smirnov(y: Ints, p: Floats, sample_weight: Floats | None = None) -> float:
    """The largest distance between scikit-learn's true and false positives."""
    false, true, _ = reference.roc_curve(y, p, sample_weight=sample_weight)
    return float(np.abs(true - false).max())


REFERENCE = {
    Metric.ROC_AUC: reference.roc_auc_score,
    Metric.PR_AUC: reference.average_precision_score,
    Metric.KS: kolmogorov_smirnov,
    Metric.BRIER: reference.brier_score_loss,
    Metric.BRIER_SKILL: brier_skill,
    Metric.LOG_LOSS: reference.log_loss,
}


def judged(seed: int, rows: int = 1200, members: int = 100) -> tuple[Ints, Floats, Ints]:
    """Classes, probabilities with many ties, members."""
    draw = np.random.default_rng(seed)
    p = draw.integers(1, 40, rows) / 40
    return (draw.random(rows) < p).astype(np.int_), p, draw.integers(0, members, rows)


@pytest.mark.parametrize("metric", list(Metric))
@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), rows=st.integers(10, 300))
def test_weighted_metrics_are_scikit_learns(metric: Metric, seed: int, rows: int) -> None:
    y, p, members = judged(seed, rows, members=7)
    members = entity_codes(members)
    draw = np.random.default_rng(seed)
    weights = draw.integers(0, 4, members.max() + 1).astype(np.float64)
    of_row = weights[members]
    if len(set(y[of_row > 0])) < 2:
        return
    expected = REFERENCE[metric](y, p, sample_weight=of_row)
    assert weighted_metric(metric, y, p, members)(weights) == pytest.approx(expected, abs=1e-12)


def test_metrics_of_a_hold_out_are_scikit_learns_and_inside_their_intervals() -> None:
    y, p, members = judged(0)
    found = classification_metrics(y, p, members, seed=1)
    for metric, of in REFERENCE.items():
        estimate = getattr(found, metric.value)
        assert estimate.value == pytest.approx(of(y, p), abs=1e-12)
        assert estimate.low < estimate.value < estimate.high
    assert (found.rows, found.entities, found.prevalence) == (1200, 100, y.mean())
    assert json.loads(json.dumps(found.to_json()))["roc_auc"]["low"] == found.roc_auc.low


def test_a_weight_is_a_copy_of_all_rows_of_a_member() -> None:
    y, p, members = judged(3)
    weights = next(draw_weights(100, 1, seed=5))
    copies = np.repeat(np.arange(len(y)), weights[members].astype(int))
    for metric, of in REFERENCE.items():
        found = weighted_metric(metric, y, p, members)(weights)
        assert found == pytest.approx(of(y[copies], p[copies]), abs=1e-12)


def test_each_resample_draws_as_many_members_as_there_are() -> None:
    drawn = list(draw_weights(50, 20, seed=0))
    assert {weights.sum() for weights in drawn} == {50.0}
    assert all((a == b).all() for a, b in zip(drawn, draw_weights(50, 20, seed=0), strict=True))


def test_repeating_each_members_rows_does_not_make_us_surer() -> None:
    y, p, _ = judged(1, rows=400)
    members = np.arange(400)
    once = classification_metrics(y, p, members, seed=2).roc_auc
    nine = [np.repeat(each, 9) for each in (y, members)]
    many = classification_metrics(nine[0], np.repeat(p, 9), nine[1], seed=2).roc_auc
    assert (many.low, many.high) == pytest.approx((once.low, once.high))


def test_better_is_positive_whether_merit_or_loss() -> None:
    y, p, members = judged(2, rows=3000)
    noisy = np.clip(p + np.random.default_rng(0).normal(0, 0.3, len(p)), 0.01, 0.99)
    for metric in Metric:
        gain = paired_difference(y, p, noisy, members, metric, seed=0)
        loss = paired_difference(y, noisy, p, members, metric, seed=0)
        assert 0 < gain.low < gain.value < gain.high
        assert (loss.low, loss.high) == pytest.approx((-gain.high, -gain.low))


def test_the_same_probabilities_differ_by_nothing_and_may_replace() -> None:
    y, p, members = judged(4)
    difference = paired_difference(y, p, p, members, Metric.ROC_AUC, seed=0)
    assert difference == Estimate(0.0, 0.0, 0.0)
    assert may_replace(difference)


def test_pairing_is_surer_than_two_separate_intervals() -> None:
    y, p, members = judged(5, rows=3000)
    near = np.clip(p + np.random.default_rng(0).normal(0, 0.02, len(p)), 0, 1)
    paired = paired_difference(y, p, near, members, Metric.ROC_AUC, seed=0)
    alone = classification_metrics(y, p, members, seed=0).roc_auc
    assert paired.high - paired.low < (alone.high - alone.low) / 3


def test_gate_looks_at_the_lower_bound() -> None:
    assert may_replace(Estimate(-0.001, low=-0.009, high=0.01))
    assert not may_replace(Estimate(0.02, low=-0.011, high=0.05))
    assert not may_replace(Estimate(0.0, low=-0.01, high=0.01))
    assert may_replace(Estimate(0.0, low=-0.04, high=0.01), margin=-0.05)


def test_reliability_is_scikit_learns_curve() -> None:
    y, p, _ = judged(6)
    table = reliability_table(y, p, bins=8)
    observed, foretold = calibration_curve(y, p, n_bins=8)
    assert [each.observed_share for each in table] == pytest.approx(observed.tolist())
    assert [each.mean_probability for each in table] == pytest.approx(foretold.tolist())
    assert sum(each.rows for each in table) == 1200


def test_reliability_counts_certainty_and_skips_empty_bins() -> None:
    table = reliability_table(np.array([0, 1, 1]), np.array([0.0, 1.0, 0.95]), bins=10)
    found = [(each.high, each.rows, each.observed_share) for each in table]
    assert found == [(0.1, 1, 0.0), (1.0, 2, 1.0)]


def test_a_bins_share_has_wilsons_interval() -> None:
    # Wilson, "Probable inference", 1927: centre (k + z2/2) / (n + z2).
    (found,) = reliability_table(np.repeat([0, 1], [8, 2]), np.full(10, 0.15))
    z2 = 1.959964**2
    half = np.sqrt(z2 * (10 * 0.2 * 0.8 + z2 / 4)) / (10 + z2)
    centre = (2 + z2 / 2) / (10 + z2)
    bounds = (found.observed_low, found.observed_high)
    assert bounds == pytest.approx((centre - half, centre + half), abs=1e-6)


def test_resamples_of_one_class_are_left_out() -> None:
    y, p = np.array([0, 0, 0, 0, 1]), np.array([0.1, 0.2, 0.3, 0.6, 0.5])
    found = classification_metrics(y, p, np.arange(5), seed=0)
    assert found.roc_auc.value == 0.75
    assert found.roc_auc.low <= 0.75 <= found.roc_auc.high


def test_certain_and_wrong_is_a_finite_loss() -> None:
    y, p = np.array([0, 1, 1, 0]), np.array([1.0, 0.0, 1.0, 0.0])
    found = classification_metrics(y, p, np.arange(4), seed=0).log_loss
    assert found.value == pytest.approx(reference.log_loss(y, p))
    assert np.isfinite(found.high)


def test_what_cannot_be_judged_is_refused() -> None:
    y, p, members = judged(7)
    with pytest.raises(TooLittleData, match="one class"):
        classification_metrics(np.ones_like(y), p, members, seed=0)
    with pytest.raises(TooLittleData, match="one class"):
        paired_difference(np.ones_like(y), p, p, members, Metric.BRIER, seed=0)
    with pytest.raises(TooLittleData, match="every resample"):
        classification_metrics(np.array([0, 1]), p[:2], [1, 2], seed=0, resamples=1)
    with pytest.raises(ValueError, match="entities"):
        classification_metrics(y, p, members[:-1], seed=0)
