"""What a card shows: importance that finds the column in use, figures that Plotly can draw."""

import json

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import auc, roc_auc_score

from chalicelib.ml.encoding import Table
from chalicelib.ml.training.evaluate import reliability_table
from chalicelib.ml.training.figures import (
    calibration_figure,
    importance_figure,
    pr_figure,
    roc_figure,
)
from chalicelib.ml.training.importance import Importance, importances

DRAW = np.random.default_rng(5)
P = DRAW.random(5000)
Y = (DRAW.random(5000) < P).astype(int)


def test_the_column_in_use_is_needed_and_the_others_are_not() -> None:
    table = {
        "plano": DRAW.choice(["a", "b"], 5000).astype(object),
        "p": P,
        "ruido": DRAW.random(5000),
    }
    found = importances(
        lambda rows: np.asarray(rows["p"], dtype=np.float64), table, Y, 1, roc_auc_score
    )
    assert found[0].column == "p"
    assert found[0].loss == pytest.approx(roc_auc_score(Y, P) - 0.5, abs=0.03)
    assert [(each.loss, each.deviation) for each in found[1:]] == [(0, 0), (0, 0)]


def test_missing_and_categorical_values_reach_the_model_as_they_are() -> None:
    seen: list[object] = []
    table = {"plano": np.array(["a", None] * 50, dtype=object), "p": np.array([np.nan, 1.0] * 50)}

    def predict(rows: Table) -> NDArray[np.float64]:
        seen.extend({type(value) for value in rows["plano"]})
        found = np.asarray(rows["p"])
        seen.append(found.dtype)
        return np.where(np.isnan(found), 0.0, found)

    importances(predict, table, np.array([0, 1] * 50), 1, roc_auc_score)
    assert str in seen
    assert set(seen) <= {str, type(None), float, np.dtype("float64")}


def test_a_thinned_roc_curve_has_the_area_of_the_whole_one() -> None:
    figure = roc_figure(Y, {"modelo": P})
    line = figure["data"][0]
    assert len(line["x"]) == 200
    assert (line["x"][0], line["y"][0], line["x"][-1], line["y"][-1]) == (0, 0, 1, 1)
    assert auc(line["x"], line["y"]) == pytest.approx(roc_auc_score(Y, P), abs=0.002)


def test_figures_are_small_plain_json() -> None:
    bins = reliability_table(Y, P)
    figures = [
        roc_figure(Y, {"modelo": P, "regra": 1 - P}),
        pr_figure(Y, {"modelo": P}),
        calibration_figure(bins),
        importance_figure([Importance("p", 0.3, 0.01)], {"p": "Probabilidade"}, "ROC AUC"),
    ]
    for figure in figures:
        assert set(figure) == {"data", "layout"}
        assert len(json.dumps(figure, allow_nan=False)) < 20_000


def test_calibration_shows_shares_with_their_intervals() -> None:
    trace = calibration_figure(reliability_table(np.array([0, 0, 1]), np.array([0.0, 0.0, 1.0])))[
        "data"
    ][0]
    assert trace["y"] == [0.0, 1.0]
    assert trace["error_y"]["arrayminus"][0] == 0
    assert trace["error_y"]["array"][0] > 0.5
    assert trace["text"] == ["2 linhas", "1 linhas"]
