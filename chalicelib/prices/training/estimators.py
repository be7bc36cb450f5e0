"""scikit-learn estimators from hyperparameters, fitted on what the encoder writes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier, DummyRegressor
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
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from chalicelib.ml.training.estimators import CALIBRATION_FOLDS
from chalicelib.ml.training.folds import TooLittleData, grouped_folds
from chalicelib.ml.training.neighbours import NeighboursClassifier, NeighboursRegressor
from chalicelib.ml.training.threads import threads_for
from chalicelib.prices.algorithms import Tarefa, Value, parameters_of

MOST_LEAVES = 250_000
MOST_ROWS_SHARED = 10_000  # Of more, splits that see all columns err less.
Params = dict[str, Any]
Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Spec:
    """What to fit.

    Attributes:
        algorithm, tarefa: Which.
        parameters: Its hyperparameters; what is left out has its default.
        calibrated: Whether a classifier's probabilities are calibrated by a sigmoid.
    """

    algorithm: str
    tarefa: Tarefa
    parameters: Mapping[str, Value]
    calibrated: bool = False


@dataclass(frozen=True)
class Fit:
    """A fitted estimator, and what is worth knowing about how it was fitted, in pt-BR."""

    estimator: Any
    notes: tuple[str, ...]


def fit(
    spec: Spec, matrix: Matrix, y: NDArray[Any], who: NDArray[Any], seed: int, jobs: int = 1
) -> Fit:
    """Fit one estimator.

    Args:
        spec: Which one.
        matrix: (n, width) encoded rows.
        y: (n,) standardised targets, or codes of classes.
        who: (n,) entities; calibration does not part them.
        seed: Of whatever is drawn.
        jobs: Cores that a forest may use.

    Raises:
        TooLittleData: All targets are the same, or there are too few entities to calibrate on.
    """
    if np.unique(y).size < 2:
        raise TooLittleData("all rows to learn from have the same value")
    given = parameters_of(spec.algorithm, spec.tarefa, spec.parameters).model_dump()
    kept, notes = _drawn(given.pop("max_linhas", None), len(y), seed)
    if kept is not None:
        matrix, y, who = matrix[kept], y[kept], who[kept]
    estimator = unfitted(spec.algorithm, spec.tarefa, given, len(y), seed)
    if hasattr(estimator, "n_jobs") and spec.algorithm in _FORESTS:
        estimator.n_jobs = jobs
    if spec.tarefa is Tarefa.CLASSIFICACAO and (spec.calibrated or spec.algorithm in _NO_CHANCES):
        folds = grouped_folds(y, who, CALIBRATION_FOLDS, seed)
        estimator = CalibratedClassifierCV(estimator, method="sigmoid", cv=folds, ensemble=False)
    with threads_for(len(y)), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        estimator.fit(matrix, y)
    if any(issubclass(each.category, ConvergenceWarning) for each in caught):
        notes = (*notes, "parou no limite de passos antes de convergir")
    return Fit(estimator, notes)


def unfitted(algorithm: str, tarefa: Tarefa, given: Params, rows: int, seed: int) -> Any:
    """The scikit-learn estimator of an algorithm, for so many rows.

    Args:
        algorithm, tarefa: Which.
        given: All of its hyperparameters but those that choose rows.
        rows: How many it will be fitted on.
        seed: Of whatever it draws.
    """
    return _FACTORIES[tarefa][algorithm](given, rows, seed)


_FORESTS = ("floresta_aleatoria", "arvores_extras")
_NO_CHANCES = ("vetores_suporte",)  # Gives no probabilities of its own.


def _drawn(
    most: int | None, rows: int, seed: int
) -> tuple[NDArray[np.intp] | None, tuple[str, ...]]:
    """Which rows are used where an algorithm takes only so many; None: all."""
    if most is None or rows <= most:
        return None, ()
    drawn = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    return drawn, (f"aprendeu com {most} linhas sorteadas entre {rows}",)


def _forest(make: Callable[..., Any]) -> Callable[[Params, int, int], Any]:
    def factory(given: Params, rows: int, seed: int) -> Any:
        most = max(2, MOST_LEAVES // given["n_estimators"])
        if given["max_leaf_nodes"] is None and rows > most:
            given = {**given, "max_leaf_nodes": most}
        return make(**given, random_state=seed)

    return factory


def _seeded(make: Callable[..., Any], **fixed: Any) -> Callable[[Params, int, int], Any]:
    return lambda given, _rows, seed: make(**fixed, **given, random_state=seed)


def _plain(make: Callable[..., Any], **fixed: Any) -> Callable[[Params, int, int], Any]:
    return lambda given, _rows, _seed: make(**fixed, **given)


def _ridge_classes(given: Params, _rows: int, seed: int) -> Any:
    steps = given["max_iter"]
    return LogisticRegression(C=1 / given["alpha"], max_iter=steps, random_state=seed)


def _network(make: Callable[..., Any]) -> Callable[[Params, int, int], Any]:
    def factory(given: Params, rows: int, seed: int) -> Any:
        sizes = tuple(given["hidden_layer_sizes"])
        batch = min(given["batch_size"], rows)
        return make(
            **{**given, "hidden_layer_sizes": sizes, "batch_size": batch}, random_state=seed
        )

    return factory


def _histogram(make: Callable[..., Any]) -> Callable[[Params, int, int], Any]:
    def factory(given: Params, rows: int, seed: int) -> Any:
        leaf = given["min_samples_leaf"] or min(20, max(5, rows // 10))
        share = given["max_features"] or (0.5 if rows <= MOST_ROWS_SHARED else 1.0)
        # Its own early stopping would part the rows of an entity.
        own = {"early_stopping": False, "random_state": seed}
        return make(**{**given, "min_samples_leaf": leaf, "max_features": share, **own})

    return factory


_REGRESSION: dict[str, Callable[[Params, int, int], Any]] = {
    "ingenuo": _plain(DummyRegressor),
    "regressao_linear": _plain(LinearRegression),
    "regressao_ridge": _seeded(Ridge),
    "regressao_lasso": _seeded(Lasso),
    "rede_elastica": _seeded(ElasticNet),
    "vizinhos": _plain(NeighboursRegressor),
    "vetores_suporte": _plain(SVR, cache_size=500),
    "arvore_decisao": _seeded(DecisionTreeRegressor),
    "floresta_aleatoria": _forest(RandomForestRegressor),
    "arvores_extras": _forest(ExtraTreesRegressor),
    "gradiente": _seeded(GradientBoostingRegressor),
    "histograma_gradiente": _histogram(HistGradientBoostingRegressor),
    "rede_neural": _network(MLPRegressor),
}
_CLASSES: dict[str, Callable[[Params, int, int], Any]] = {
    "ingenuo": _plain(DummyClassifier, strategy="prior"),
    "regressao_linear": _seeded(LogisticRegression),
    "regressao_ridge": _ridge_classes,
    "regressao_lasso": _seeded(LogisticRegression, l1_ratio=1.0, solver="saga"),
    "rede_elastica": _seeded(LogisticRegression, solver="saga"),
    "vizinhos": _plain(NeighboursClassifier),
    "vetores_suporte": lambda given, _rows, seed: OneVsRestClassifier(
        SVC(**given, cache_size=500, random_state=seed)
    ),
    "arvore_decisao": _seeded(DecisionTreeClassifier),
    "floresta_aleatoria": _forest(RandomForestClassifier),
    "arvores_extras": _forest(ExtraTreesClassifier),
    "gradiente": _seeded(GradientBoostingClassifier),
    "histograma_gradiente": _histogram(HistGradientBoostingClassifier),
    "rede_neural": _network(MLPClassifier),
}
_FACTORIES = {Tarefa.REGRESSAO: _REGRESSION, Tarefa.CLASSIFICACAO: _CLASSES}
