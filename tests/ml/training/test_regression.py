"""Judging regressions: the metrics, their intervals, the gate, and the algorithms there are."""

import numpy as np
import pytest
from sklearn.metrics import (
    mean_absolute_error,
    mean_absolute_percentage_error,
    median_absolute_error,
    r2_score,
    root_mean_squared_error,
)

from chalicelib.ml.training.estimators import UnknownAlgorithm
from chalicelib.ml.training.export import check_agreement, to_onnx
from chalicelib.ml.training.folds import TooLittleData
from chalicelib.ml.training.judging import Judge
from chalicelib.ml.training.regression import (
    ErrorMetric,
    Errors,
    paired_error_difference,
    regression_metrics,
)
from chalicelib.ml.training.regressors import REGRESSORS, RegressionJudge, fit_regressor

ROWS = 600
DRAW = np.random.default_rng(3)
Y = 1000 + DRAW.normal(0, 10, ROWS)
WHO = np.arange(ROWS) // 2
GOOD = Y + DRAW.normal(0, 3, ROWS)
BAD = Y + DRAW.normal(0, 9, ROWS)
MEAN = np.full(ROWS, Y.mean())


def test_metrics_are_those_of_scikit_learn() -> None:
    found = regression_metrics(Y, GOOD, WHO, seed=1)
    assert found.r2.value == pytest.approx(r2_score(Y, GOOD))
    assert found.mae.value == pytest.approx(mean_absolute_error(Y, GOOD))
    assert found.rmse.value == pytest.approx(root_mean_squared_error(Y, GOOD))
    assert found.mape.value == pytest.approx(mean_absolute_percentage_error(Y, GOOD))
    assert found.medae.value == pytest.approx(median_absolute_error(Y, GOOD))
    assert (found.rows, found.entities, found.zeros) == (ROWS, ROWS // 2, 0)
    for each in (found.r2, found.mae, found.rmse, found.mape, found.medae):
        assert each.low < each.value < each.high


def test_an_entity_of_weight_two_counts_as_if_its_rows_came_twice() -> None:
    weights = np.random.default_rng(1).integers(0, 3, ROWS // 2).astype(np.float64)
    times = weights[WHO].astype(int)
    y, answers = np.repeat(Y, times), np.repeat(GOOD, times)
    errors = Errors(Y, GOOD, WHO)
    assert errors.of(ErrorMetric.R2, weights) == pytest.approx(r2_score(y, answers))
    assert errors.of(ErrorMetric.RMSE, weights) == pytest.approx(
        root_mean_squared_error(y, answers)
    )
    assert errors.of(ErrorMetric.MEDIAN, weights) == pytest.approx(
        median_absolute_error(y, answers)
    )


def test_relative_errors_leave_out_what_is_zero() -> None:
    y, answers = np.array([0.0, 10.0, 20.0]), np.array([5.0, 11.0, 18.0])
    found = regression_metrics(y, answers, np.arange(3), seed=1)
    assert found.mape.value == pytest.approx(0.1)
    assert found.zeros == 1


def test_the_mean_explains_nothing() -> None:
    assert RegressionJudge().score(Y, MEAN) == pytest.approx(0)
    assert regression_metrics(Y, MEAN, WHO, seed=1).r2.high <= 1e-9


def test_differences_are_positive_where_the_first_is_better() -> None:
    found = RegressionJudge().differences(Y, GOOD, BAD, WHO)
    assert set(found) == {"r2", "mae", "rmse", "mape", "medae"}
    assert all(each["low"] > 0 for each in found.values())
    back = RegressionJudge().differences(Y, BAD, GOOD, WHO)
    assert all(each["high"] < 0 for each in back.values())


def test_noise_does_not_surely_beat_the_mean() -> None:
    noise = Y.mean() + np.random.default_rng(9).normal(0, 0.5, ROWS)
    gain = paired_error_difference(Y, noise, MEAN, WHO, ErrorMetric.RMSE, seed=1)
    assert gain.low < 0


def test_a_challenger_passes_unless_it_may_be_worse_by_more_than_the_margin() -> None:
    judge = RegressionJudge()
    assert judge.gate(Y, GOOD, BAD, WHO).passed
    assert judge.gate(Y, GOOD, GOOD, WHO).passed
    assert not judge.gate(Y, BAD, GOOD, WHO).passed


def test_equal_values_and_no_rows_cannot_judge() -> None:
    judge: Judge = RegressionJudge()
    for y in (np.ones(5), np.empty(0)):
        with pytest.raises(TooLittleData):
            judge.metrics(y, y, np.arange(len(y)))
    assert judge.details(np.empty(0), np.empty(0)) == {"erros": {}}


def test_details_tell_how_far_answers_are_off() -> None:
    off = np.arange(1, 101, dtype=np.float64)
    found = RegressionJudge().details(np.zeros(100), off)["erros"]
    assert found == pytest.approx({"p50": 50.5, "p80": 80.2, "p90": 90.1, "p95": 95.05})


def test_figures_are_small() -> None:
    figures = RegressionJudge().figures(Y, {"modelo": GOOD, "sempre a média": MEAN})
    assert [len(t["x"]) for t in figures["previsto_observado"]["data"]] == [500, 500, 2]
    assert sum(figures["residuos"]["data"][0]["y"]) == ROWS


@pytest.mark.parametrize("name", list(REGRESSORS))
def test_every_algorithm_learns_and_is_served_as_it_was_trained(name: str) -> None:
    matrix = DRAW.normal(size=(ROWS, 4)).astype(np.float32)
    y = 50 + 10 * matrix[:, 0] + DRAW.normal(0, 1, ROWS)
    fitted = fit_regressor(name, matrix, y, np.arange(ROWS), seed=1)
    assert r2_score(y, fitted.predict(matrix)) > 0.8
    assert check_agreement(fitted, to_onnx(fitted, 4), matrix) <= 1e-5


def test_what_cannot_be_learnt_from_is_refused() -> None:
    matrix = np.zeros((40, 2), dtype=np.float32)
    with pytest.raises(UnknownAlgorithm):
        fit_regressor("oráculo", matrix, np.arange(40), np.arange(40), 1)
    with pytest.raises(TypeError):
        fit_regressor("regressao_ridge", matrix.astype(float), np.arange(40), np.arange(40), 1)
    with pytest.raises(TooLittleData):
        fit_regressor("regressao_ridge", matrix[:29], np.arange(29), np.arange(29), 1)
    with pytest.raises(TooLittleData):
        fit_regressor("regressao_ridge", matrix, np.ones(40), np.arange(40), 1)
