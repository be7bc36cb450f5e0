"""Choosing an algorithm: on later data only, and never one that is too slow to explain."""

from datetime import date, timedelta
from itertools import count

import numpy as np
import pytest

from chalicelib.ml.columns import Column
from chalicelib.ml.encoding import Encoder
from chalicelib.ml.training.estimators import fit_classifier
from chalicelib.ml.training.folds import TooLittleData
from chalicelib.ml.training.selection import Contender, choose, explanation_cost
from chalicelib.ml.training.splits import time_ordered_folds

GAP = timedelta(days=30)


def snapshots(months: int) -> list[date]:
    """Two rows on the first day of each month."""
    return [date(2025 + m // 12, 1 + m % 12, 1) for m in range(months) for _ in range(2)]


def test_the_least_mean_loss_wins() -> None:
    contenders = {"a": Contender((0.3, 0.5), 1.0), "b": Contender((0.2, 0.4), 1.0)}
    assert choose(contenders) == "b"


def test_the_best_is_passed_over_when_its_reasons_cost_too_much() -> None:
    contenders = {"slow": Contender((0.1,), 10.1), "fast": Contender((0.9,), 9.9)}
    assert choose(contenders, budget_ms=10.0) == "fast"
    assert choose(contenders, budget_ms=11.0) == "slow"
    assert choose(contenders, budget_ms=1.0) == "fast"


def test_the_cost_is_the_quickest_of_a_few_explanations() -> None:
    rows = np.random.default_rng(1).normal(size=(200, 1))
    table = {"x": rows[:, 0]}
    encoder = Encoder.fit((Column("x", "number"),), table)
    encoded = encoder.encode(table)
    y = (rows[:, 0] > 0).astype(int)
    model = fit_classifier("regressao_logistica", encoded, y, np.arange(200), seed=1)
    instants = (n * 0.002 for n in count())
    assert explanation_cost(model, encoder, encoded, lambda: next(instants)) == pytest.approx(2.0)


def test_each_fold_trains_on_what_was_known_before_the_block_it_judges_on() -> None:
    as_of = snapshots(12)
    folds = time_ordered_folds(as_of, GAP, 3, 2)
    blocks = [sorted({as_of[i] for i in np.flatnonzero(f.validation)}) for f in folds]
    assert [[day.month for day in block] for block in blocks] == [[7, 8], [9, 10], [11, 12]]
    for fold in folds:
        trained = [as_of[i] for i in np.flatnonzero(fold.training)]
        assert trained
        assert max(trained) + GAP <= fold.first_validation
    assert [f.training.sum() for f in folds] == sorted(f.training.sum() for f in folds)


def test_a_short_history_has_fewer_folds_and_too_short_a_one_none() -> None:
    assert len(time_ordered_folds(snapshots(3), GAP, 3, 1)) == 2
    with pytest.raises(TooLittleData):
        time_ordered_folds(snapshots(1), GAP, 3, 1)
