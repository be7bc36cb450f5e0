"""Reasons from a model's inside are those that asking the model gives, at any width."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.tree import DecisionTreeRegressor

from chalicelib.ml.explain import Explainer
from chalicelib.ml.targets import TargetScaling
from chalicelib.ml.training.export import all_answers
from chalicelib.ml.training.models import structure_of
from chalicelib.ml.training.threads import threads_for

WIDTH, ROWS = 14, 300
GROUPS = {f"s{i}": (i,) for i in range(10)} | {"c": (10, 11, 12, 13)}
DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(ROWS, WIDTH)).astype(np.float32)
X[:, 10:] = np.eye(4, dtype=np.float32)[DRAW.integers(0, 4, ROWS)]
Y = X[:, 0] * X[:, 1] + np.abs(X[:, 2]) + 2 * X[:, 11] + DRAW.normal(0, 0.1, ROWS)
MODELS: list[Any] = [
    Ridge(),
    LogisticRegression(),
    DecisionTreeRegressor(max_depth=6),
    RandomForestRegressor(8, max_depth=5, random_state=0),
    ExtraTreesClassifier(8, max_depth=5, random_state=0),
    GradientBoostingRegressor(n_estimators=20, random_state=0),
    GradientBoostingClassifier(n_estimators=8, random_state=0),
    HistGradientBoostingRegressor(max_iter=20),
    HistGradientBoostingClassifier(max_iter=8),
    CalibratedClassifierCV(HistGradientBoostingClassifier(max_iter=8), cv=3, ensemble=False),
    CalibratedClassifierCV(ExtraTreesClassifier(5, max_depth=4), cv=3, ensemble=False),
]


def _target(model: Any, classes: int) -> NDArray[Any]:
    return np.digitize(Y, np.quantile(Y, np.arange(1, classes) / classes)) if classes else Y


@pytest.mark.parametrize("classes", [0, 2, 3])
@pytest.mark.parametrize("model", MODELS, ids=lambda each: type(each).__name__)
def test_walking_the_structure_is_asking_the_model(model: Any, classes: int) -> None:
    if is_classifier(model) != bool(classes):
        return
    with threads_for(ROWS):
        model.fit(X, _target(model, classes))
    scaling = TargetScaling() if classes else TargetScaling("log", centre=0.5, spread=0.4)

    def finish(answers: NDArray[np.float64]) -> NDArray[np.float64]:
        return answers[..., 1] if classes else scaling.inverse(answers[..., 0])

    def predict(rows: NDArray[np.float32]) -> NDArray[np.float64]:
        # In float64, as the exported model computes.
        answers = all_answers(model, rows.astype(np.float64))
        return finish(answers.reshape(len(rows), -1))

    structure = structure_of(model)
    assert structure is not None
    asked = Explainer(X[:6], GROUPS, seed=3)
    walked = Explainer(X[:6], GROUPS, seed=3, structure=structure)
    walked = Explainer.from_json(json.loads(json.dumps(walked.to_json())))
    for row in X[20:26]:
        theirs = asked.contributions(predict, row)
        (ours,) = walked.contributions_of_rows(predict, row.reshape(1, -1), finish)
        assert ours.score == pytest.approx(theirs.score, rel=1e-12)
        assert ours.base_value == pytest.approx(theirs.base_value, rel=1e-5)
        assert ours.contributions == pytest.approx(theirs.contributions, rel=1e-4, abs=2e-6)
        total = ours.base_value + sum(ours.contributions.values())
        assert total == pytest.approx(ours.score, rel=1e-9)


def test_large_forests_are_asked() -> None:
    forest = ExtraTreesRegressor(110, random_state=0).fit(X, Y)  # A leaf for every row.
    assert structure_of(forest) is None


def test_a_tree_that_never_splits_gives_no_reasons() -> None:
    model = DecisionTreeRegressor(min_samples_leaf=ROWS).fit(X, Y)
    walked = Explainer(X[:3], GROUPS, structure=structure_of(model))
    found = walked.contributions(lambda rows: model.predict(rows), X[5])
    assert found.contributions == dict.fromkeys(GROUPS, 0.0)


def test_a_way_past_more_sources_than_a_word_has_bits() -> None:
    columns = 70
    rows = np.vstack([np.eye(columns, dtype=np.float32), np.zeros((2, columns), np.float32)])
    # A split on any column takes off one row, so that the tree is a chain.
    model = DecisionTreeRegressor(random_state=0).fit(rows, np.arange(len(rows)) ** 1.5)
    assert model.get_depth() > 64
    # The columns that are looked at last, at the end of a way of 70 sources.
    late = model.tree_.feature[np.argsort(-model.tree_.compute_node_depths())]
    late = late[late >= 0][:3]
    order = tuple(np.random.default_rng(2).permutation(columns).tolist())
    groups = {f"s{i}": (i,) for i in range(columns)}
    background, orders = rows[[late[0], late[1], 71]], [order, order[::-1]]
    walked = Explainer(background, groups, orders=orders, structure=structure_of(model))
    asked = Explainer(background, groups, orders=orders)
    for row in (rows[late[0]], rows[late].sum(axis=0), rows[70]):
        ours, theirs = (each.contributions(model.predict, row) for each in (walked, asked))
        assert ours.contributions == pytest.approx(theirs.contributions, rel=1e-9, abs=1e-12)
