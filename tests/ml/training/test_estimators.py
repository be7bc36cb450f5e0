"""Classifiers are calibrated on whole members, seeded, and refuse what would mislead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.pipeline import Pipeline

from chalicelib.ml.encoding import Encoder
from chalicelib.ml.training.estimators import (
    ALGORITHMS,
    TooLittleData,
    UnknownAlgorithm,
    fit_classifier,
)
from chalicelib.ml.training.evaluate import reliability_table
from chalicelib.ml.training.folds import grouped_folds
from tests.ml.conftest import Sample, draw_sample


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_probabilities_mean_what_they_say(name: str, encoder: Encoder, sample: Sample) -> None:
    later = draw_sample(rows=20_000, seed=99)
    rows = encoder.encode(sample.table)
    model = fit_classifier(name, rows, sample.y, sample.groups, seed=0)
    foretold = model.predict_proba(encoder.encode(later.table))[:, 1]
    for bin_ in reliability_table(later.y, foretold):
        if bin_.rows > 500:
            assert abs(bin_.mean_probability - bin_.observed_share) < 0.08


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_the_same_seed_gives_the_same_model(name: str, encoder: Encoder, sample: Sample) -> None:
    rows = encoder.encode(sample.table)
    first, again = (
        fit_classifier(name, rows, sample.y, sample.groups, seed=4).predict_proba(rows)
        for _ in range(2)
    )
    # Threads add a forest's trees in any order, which moves the last bits.
    assert np.abs(first - again).max() < 1e-12


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_calibration_is_around_the_bare_estimator(
    name: str, encoder: Encoder, sample: Sample
) -> None:
    rows = encoder.encode(sample.table)
    model = fit_classifier(name, rows, sample.y, sample.groups, seed=0)
    calibrated = model.steps[-1][1] if isinstance(model, Pipeline) else model
    assert isinstance(calibrated, CalibratedClassifierCV)
    assert not isinstance(calibrated.estimator, Pipeline)
    assert len(calibrated.calibrated_classifiers_) == 1
    for fit_rows, judged in calibrated.cv:
        assert not set(sample.groups[fit_rows]) & set(sample.groups[judged])


def test_parameters_replace_defaults(encoder: Encoder, sample: Sample) -> None:
    rows = encoder.encode(sample.table)
    params = {"n_estimators": 7, "max_depth": 2}
    model = fit_classifier("floresta_aleatoria", rows, sample.y, sample.groups, 0, params)
    forest = model.calibrated_classifiers_[0].estimator
    assert (len(forest.estimators_), forest.max_depth) == (7, 2)


def test_unknown_names_are_refused(encoder: Encoder, sample: Sample) -> None:
    rows = encoder.encode(sample.table)
    with pytest.raises(UnknownAlgorithm, match="floresta_aleatoria"):
        fit_classifier("xgboost", rows, sample.y, sample.groups, 0)
    with pytest.raises(TypeError):
        fit_classifier("floresta_aleatoria", rows, sample.y, sample.groups, 0, {"arvores": 3})


def test_other_than_float32_is_refused(encoder: Encoder, sample: Sample) -> None:
    rows: Any = encoder.encode(sample.table).astype(np.float64)
    with pytest.raises(TypeError, match="float32"):
        fit_classifier("floresta_aleatoria", rows, sample.y, sample.groups, 0)


def test_a_gym_that_nobody_left_trains_nothing(encoder: Encoder, sample: Sample) -> None:
    rows = encoder.encode(sample.table)
    with pytest.raises(TooLittleData, match="one class"):
        fit_classifier("regressao_logistica", rows, np.zeros_like(sample.y), sample.groups, 0)


def test_folds_never_part_a_member_and_cover_every_row_once() -> None:
    draw = np.random.default_rng(0)
    groups, y = draw.integers(0, 200, 3000), draw.integers(0, 2, 3000)
    folds = grouped_folds(y, groups, folds=4, seed=1)
    for fit_rows, judged in folds:
        assert not set(groups[fit_rows]) & set(groups[judged])
        assert len(fit_rows) + len(judged) == 3000
        assert 0.2 < len(judged) / 3000 < 0.3
    assert sorted(np.concatenate([judged for _, judged in folds])) == list(range(3000))


def test_folds_need_a_member_each() -> None:
    with pytest.raises(TooLittleData, match="2 entities"):
        grouped_folds(np.array([0, 1, 0, 1]), ["a", "a", "b", "b"], folds=3, seed=0)
    with pytest.raises(TooLittleData, match="0 entities"):
        grouped_folds(np.array([], dtype=np.int_), [], folds=3, seed=0)
