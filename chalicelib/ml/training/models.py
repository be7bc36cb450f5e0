"""What a fitted estimator computes: margins by one of a few rules, and a link to the answers.

Export and explanation both start here, so that neither knows scikit-learn's classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.svm import SVC, SVR

from chalicelib.ml.links import Link
from chalicelib.ml.structures import LinearStructure, Structure
from chalicelib.ml.training.neighbours import NeighboursClassifier, NeighboursRegressor
from chalicelib.ml.training.tree_arrays import BOOSTINGS, TREE_MODELS, trees_of
from chalicelib.ml.tree_structures import TreeStructure
from chalicelib.ml.trees import Trees

Floats = NDArray[np.float64]
MOST_LEAVES = 30_000  # With more, walking through them takes longer than a request may.
LINEAR = (LinearRegression, Ridge, Lasso, ElasticNet, LogisticRegression)


class NoRule(TypeError):
    """This estimator computes its answers by no rule known here."""


@dataclass(frozen=True, eq=False)
class Affine:
    """rows @ coefficients (width, k) + intercepts (k,)."""

    coefficients: Floats
    intercepts: Floats


@dataclass(frozen=True, eq=False)
class Layers:
    """Affine layers, with an activation ("relu", "tanh", "logistic") between them."""

    layers: tuple[Affine, ...]
    activation: str


@dataclass(frozen=True, eq=False)
class Kernel:
    """One of a support vector machine's decisions.

    Attributes:
        vectors: (v, width); `duals` (v,) their weights.
        gamma: Of exp(-gamma * squared distance); None: plain products.
    """

    vectors: Floats
    duals: Floats
    intercept: float
    gamma: float | None


@dataclass(frozen=True, eq=False)
class Kernels:
    """A decision per margin."""

    decisions: tuple[Kernel, ...]


@dataclass(frozen=True, eq=False)
class Nearest:
    """See `neighbours.py`; `values` (points, k)."""

    points: Floats
    values: Floats
    count: int
    by_distance: bool


Rule = Affine | Layers | Kernels | Nearest | Trees


@dataclass(frozen=True, eq=False)
class Computed:
    """How rows become answers."""

    rule: Rule
    link: Link


def computed(estimator: Any) -> Computed:
    """The rule and link of a fitted estimator.

    Raises:
        NoRule: There is none.
    """
    if isinstance(estimator, CalibratedClassifierCV):
        (only,) = estimator.calibrated_classifiers_
        slopes = tuple(float(each.a_) for each in only.calibrators)
        offsets = tuple(float(each.b_) for each in only.calibrators)
        inner = computed(only.estimator)
        # scikit-learn calibrates decisions where there are any, else probabilities.
        kind = "identity" if hasattr(only.estimator, "decision_function") else inner.link.kind
        return Computed(inner.rule, Link(kind, slopes, offsets))
    return Computed(_rule(estimator), _link(estimator))


def _link(estimator: Any) -> Link:
    has_margins = (LogisticRegression, *BOOSTINGS, HistGradientBoostingClassifier, MLPClassifier)
    if not is_classifier(estimator) or not isinstance(estimator, has_margins):
        return Link()
    return Link("sigmoid" if len(estimator.classes_) == 2 else "softmax")


def _rule(estimator: Any) -> Rule:
    if isinstance(estimator, TREE_MODELS):
        return trees_of(estimator)
    if isinstance(estimator, LINEAR):
        return _affine(estimator)
    if isinstance(estimator, MLPClassifier | MLPRegressor):
        pairs = zip(estimator.coefs_, estimator.intercepts_, strict=True)
        layers = tuple(Affine(_doubles(c), _doubles(b)) for c, b in pairs)
        return Layers(layers, estimator.activation)
    if isinstance(estimator, SVR):
        return Kernels((_kernel(estimator),))
    if isinstance(estimator, OneVsRestClassifier):
        return Kernels(tuple(_kernel(each) for each in estimator.estimators_))
    if isinstance(estimator, NeighboursClassifier | NeighboursRegressor):
        by_distance = estimator.weights == "distance"
        count = min(estimator.n_neighbors, len(estimator.points_))
        return Nearest(estimator.points_, estimator.values_, count, by_distance)
    if isinstance(estimator, DummyClassifier | DummyRegressor):
        return _constant(estimator)
    raise NoRule(type(estimator).__name__)


def _doubles(values: Any) -> Floats:
    return np.asarray(values, dtype=np.float64)


def _affine(estimator: Any) -> Affine:
    coefficients = np.atleast_2d(_doubles(estimator.coef_)).T
    intercepts = np.broadcast_to(np.atleast_1d(estimator.intercept_), coefficients.shape[1])
    return Affine(coefficients, _doubles(intercepts))


def _kernel(machine: SVR | SVC) -> Kernel:
    gamma = machine._gamma if machine.kernel == "rbf" else None
    duals = _doubles(machine.dual_coef_)[0]
    return Kernel(_doubles(machine.support_vectors_), duals, float(machine.intercept_[0]), gamma)


def _constant(estimator: Any) -> Affine:
    if isinstance(estimator, DummyRegressor):
        answers = np.ravel(estimator.constant_)
    else:
        answers = np.ravel(estimator.class_prior_)
    return Affine(np.zeros((estimator.n_features_in_, len(answers))), _doubles(answers))


def structure_of(estimator: Any) -> Structure | None:
    """What makes a fitted estimator's reasons cheap; None of those that have to be asked."""
    model = computed(estimator)
    if isinstance(model.rule, Affine):
        return LinearStructure(model.rule.coefficients, model.rule.intercepts, model.link)
    if isinstance(model.rule, Trees) and model.rule.leaves <= MOST_LEAVES:
        return TreeStructure(model.rule, model.link)
    return None
