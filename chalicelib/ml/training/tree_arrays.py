"""The trees of a fitted scikit-learn model as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from chalicelib.ml.trees import Trees

FORESTS = (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
SINGLE = (DecisionTreeClassifier, DecisionTreeRegressor)
BOOSTINGS = (GradientBoostingClassifier, GradientBoostingRegressor)
HISTOGRAMS = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
TREE_MODELS = (*FORESTS, *SINGLE, *BOOSTINGS, *HISTOGRAMS)

_Part = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]
"""feature (-1 of leaves), threshold, left, right within the tree; (n, k) values of the leaves."""


def trees_of(model: Any) -> Trees:
    """The arrays of one of `TREE_MODELS`.

    Margins are what `decision_function` or, of trees and forests, `predict_proba` or `predict`
    gives.
    """
    if isinstance(model, SINGLE):
        return _together([_of_tree(model.tree_, 1.0)], None, None)
    if isinstance(model, FORESTS):
        share = 1.0 / len(model.estimators_)
        return _together([_of_tree(each.tree_, share) for each in model.estimators_], None, None)
    if isinstance(model, BOOSTINGS):
        stages = model.estimators_  # (stages, k)
        parts = [_of_tree(each.tree_, model.learning_rate) for stage in stages for each in stage]
        base = model._raw_predict_init(np.zeros((1, model.n_features_in_), dtype=np.float32))[0]
        return _together(parts, list(range(stages.shape[1])) * len(stages), base)
    parts = [_of_histogram(tree) for stage in model._predictors for tree in stage]
    margins = list(range(len(model._predictors[0]))) * len(model._predictors)
    return _together(parts, margins, np.ravel(model._baseline_prediction))


def _of_tree(tree: Any, share: float) -> _Part:
    leaf = tree.children_left < 0
    feature = np.where(leaf, -1, tree.feature)
    return (
        feature,
        tree.threshold,
        tree.children_left,
        tree.children_right,
        tree.value[:, 0, :] * share,
    )


def _of_histogram(tree: Any) -> _Part:
    nodes = tree.nodes
    leaf = nodes["is_leaf"].astype(bool)
    feature = np.where(leaf, -1, nodes["feature_idx"].astype(np.int64))
    left, right = (np.where(leaf, -1, nodes[side].astype(np.int64)) for side in ("left", "right"))
    return feature, nodes["num_threshold"], left, right, nodes["value"][:, np.newaxis]


def _together(
    parts: Sequence[_Part], margins: Sequence[int] | None, base: NDArray[np.float64] | None
) -> Trees:
    """Lay trees end to end.

    Args:
        parts: The trees.
        margins: The margin that each adds to; None: a leaf has a value for every margin.
        base: Margins before any tree; None: zeros.
    """
    sizes = [len(part[0]) for part in parts]
    starts = np.cumsum([0, *sizes])[:-1]
    width = parts[0][4].shape[1] if margins is None else max(margins) + 1
    leaf, margin, weight = [], [], []
    for place, (part, start) in enumerate(zip(parts, starts.tolist(), strict=True)):
        nodes = np.flatnonzero(part[0] < 0)
        for column, values in enumerate(part[4][nodes].T):
            leaf.append(nodes + start)
            margin.append(np.full(len(nodes), column if margins is None else margins[place]))
            weight.append(values)
    return Trees(
        roots=starts.astype(np.int32),
        feature=np.concatenate([p[0] for p in parts]).astype(np.int32),
        threshold=np.concatenate([p[1] for p in parts]).astype(np.float64),
        left=_shifted([p[2] for p in parts], starts),
        right=_shifted([p[3] for p in parts], starts),
        leaf=np.concatenate(leaf).astype(np.int32),
        margin=np.concatenate(margin).astype(np.int32),
        weight=np.concatenate(weight).astype(np.float64),
        base=np.zeros(width) if base is None else np.asarray(base, dtype=np.float64),
    )


def _shifted(children: Sequence[NDArray[Any]], starts: NDArray[Any]) -> NDArray[np.int32]:
    pairs = zip(children, starts.tolist(), strict=True)
    return np.concatenate([np.where(c < 0, -1, c + start) for c, start in pairs]).astype(np.int32)
