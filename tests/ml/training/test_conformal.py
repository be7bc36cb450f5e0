"""Intervals that hold what they promise, and tests that do not cry wolf."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score

from chalicelib.ml.intervals import bounds
from chalicelib.ml.training.conformal import calibrate, coverage
from chalicelib.ml.training.folds import TooLittleData
from chalicelib.ml.training.judging import Judge
from chalicelib.ml.training.multiclass import MulticlassJudge
from chalicelib.ml.training.paired import corrected_t_test

DRAW = np.random.default_rng(2)


@pytest.mark.parametrize("scale", ["alvo", "log"])
@pytest.mark.parametrize("nominal", [0.5, 0.9])
def test_intervals_hold_about_what_they_promise(scale: str, nominal: float) -> None:
    held = []
    for _ in range(200):
        answers = DRAW.gamma(3, 20, 400)
        actual = answers * np.exp(DRAW.normal(0, 0.2, 400))
        found = calibrate(scale, nominal, actual[:99], answers[:99])  # type: ignore[arg-type]
        low, high = bounds(found.to_json(), answers[99:])
        held.append(((low <= actual[99:]) & (actual[99:] <= high)).mean())
    assert np.mean(held) == pytest.approx(nominal, abs=0.02)


def test_intervals_of_logarithms_grow_with_the_answer_and_stay_above_zero() -> None:
    low, high = bounds({"escala": "log", "quantil": 0.5}, np.array([0.0, 1.0, 100.0]))
    assert (low >= 0).all()
    assert np.diff(high - low).min() > 0


def test_too_few_rows_promise_nothing() -> None:
    with pytest.raises(TooLittleData, match="90%"):
        calibrate("alvo", 0.9, np.arange(8.0), np.zeros(8))


def test_coverage_is_measured_with_its_interval() -> None:
    intervals = calibrate("alvo", 0.8, DRAW.normal(size=500), np.zeros(500))
    found = coverage(intervals, DRAW.normal(size=400), np.zeros(400), np.arange(400) // 4, 1)
    assert found.low < 0.8 < found.high


def test_the_corrected_test_seldom_finds_what_is_not_there() -> None:
    # Ten folds that share nine tenths of their rows: their losses move together.
    alarms = 0
    for _ in range(300):
        shared = DRAW.normal(0, 0.3)
        first, second = DRAW.normal(1, 0.5, 10), DRAW.normal(1, 0.5, 10) + shared
        found = corrected_t_test(first.tolist(), second.tolist(), 900, 100)
        alarms += found is not None and found.p < 0.05
    assert alarms / 300 < 0.2


def test_a_difference_in_every_fold_is_found() -> None:
    found = corrected_t_test([1.0, 1.1, 0.9, 1.0, 1.05], [2.0, 2.2, 1.9, 2.1, 2.0], 80, 20)
    assert found is not None
    assert found.difference == pytest.approx(1.03)
    assert found.folds == 5
    assert found.p < 0.001
    assert 0.8 < found.low < found.difference < found.high < 1.3
    assert corrected_t_test([1.0], [2.0], 80, 20) is None


def test_the_correction_is_nadeau_and_bengios() -> None:
    first, second = [0.0, 0.0, 0.0], [1.0, 2.0, 3.0]
    found = corrected_t_test(first, second, 100, 50)
    assert found is not None
    t = 2.0 / np.sqrt(1.0 * (1 / 3 + 0.5))
    reach = 4.302652729911275 * 2.0 / t
    assert found.high - found.difference == pytest.approx(reach)


def _classes(rows: int = 600) -> tuple[NDArray[Any], NDArray[Any]]:
    y = DRAW.choice(3, rows, p=[0.5, 0.3, 0.2])
    answers = DRAW.dirichlet(np.ones(3), rows) + np.eye(3)[y] * 0.7
    return y, answers / answers.sum(axis=1, keepdims=True)


def test_metrics_of_classes_are_scikit_learns() -> None:
    y, answers = _classes()
    judge = MulticlassJudge(("a", "b", "c"))
    found = judge.metrics(y, answers, np.arange(len(y)) // 2)
    taken = answers.argmax(axis=1)
    expected = {
        "roc_auc": roc_auc_score(y, answers, multi_class="ovr"),
        "f1_macro": f1_score(y, taken, average="macro"),
        "log_loss": log_loss(y, answers),
        "acuracia": accuracy_score(y, taken),
    }
    for name, value in expected.items():
        assert found[name]["value"] == pytest.approx(value)
        assert found[name]["low"] < value < found[name]["high"]
    assert judge.values(y, answers) == pytest.approx(expected)
    assert judge.loss(y, answers) == pytest.approx(expected["log_loss"])


def test_the_better_classifier_passes_and_the_worse_does_not() -> None:
    y, good = _classes()
    bad = DRAW.permutation(good)
    judge: Judge = MulticlassJudge(("a", "b", "c"))
    who = np.arange(len(y))
    assert judge.gate(y, good, bad, who).passed
    assert not judge.gate(y, bad, good, who).passed
    assert all(each["low"] > 0 for each in judge.differences(y, good, bad, who).values())
    with pytest.raises(TooLittleData):
        judge.metrics(np.zeros(5, int), good[:5], who[:5])


def test_a_class_that_does_not_occur_among_the_judges_is_no_obstacle() -> None:
    y, answers = _classes(200)
    kept = y != 2
    judge = MulticlassJudge(("a", "b", "c"))
    found = judge.metrics(y[kept], answers[kept], np.arange(kept.sum()))
    assert 0 < found["roc_auc"]["value"] < 1
    figures = judge.figures(y[kept], {"modelo": answers[kept]})
    assert figures.keys() == {"confusao", "roc", "calibracao"}
    assert sum(map(sum, figures["confusao"]["data"][0]["z"])) == kept.sum()
