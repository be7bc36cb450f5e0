"""What is a product's own in training a model, and the fitting that is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.columns import Column, Interaction, Table
from chalicelib.ml.encoding import Encoder, TargetScaling
from chalicelib.ml.monitoring import SCORE
from chalicelib.ml.registry import ModelName, ModelVersion
from chalicelib.ml.training.estimators import ALGORITHMS, fit_classifier
from chalicelib.ml.training.export import PLAIN, Exporter
from chalicelib.ml.training.hold_outs import unseen_rows
from chalicelib.ml.training.importance import MOST_ROWS
from chalicelib.ml.training.judging import Floats, Judge
from chalicelib.ml.training.rows import LabelledRows, Mask
from chalicelib.ml.training.selection import Contender

Fit = Callable[[str, NDArray[np.float32], NDArray[Any], NDArray[Any], int], Any]
"""(algorithm, (n, width) encoded rows, (n,) targets, (n,) entities, seed) -> fitted estimator."""

Unseen = Callable[[LabelledRows, Mapping[str, Any]], Mask]
"""(rows, a version's stored split) -> (n,) which of them that version learned nothing of."""


Asked = Callable[[LabelledRows, Sequence[Column]], Table]
"""(rows, the columns of a version) -> (n,) raw values of these columns, to ask that version."""


def as_they_are(rows: LabelledRows, _columns: Sequence[Column]) -> Table:
    """The rows' own table, where all versions read the same columns."""
    return rows.table


@dataclass(frozen=True)
class Recipe:
    """How a tenant's model is made and judged.

    Attributes:
        name: The model.
        columns: What it reads.
        judge: How its answers are judged.
        entities: What reports call those whose rows are alike: "alunos".
        algorithms: Names that `fit` takes, the candidates.
        fit: Makes one of them; raises `TooLittleData` where there is not enough to learn from.
        answer_label: What a person calls the answer, such as "Probabilidade".
        seed: Of folds, fits and resampling.
        target: How a regression's target is scaled for the estimator.
        unseen: Which rows may judge a version beside another (law 7).
        barred: Columns that no version may read any more; a champion that does is replaced.
        asked: What another version is asked about rows, where versions differ in columns.
        incomparable: Why a version cannot be judged beside the one that answers, in pt-BR; None
            where it can.
        interactions: What the model reads beside the columns, made of them.
        classes: Of a classifier that gives every class its probability: their names, in the order
            of the codes in `y`.
        exporter: How the model leaves training.
        importance_rows: How many of the judging rows its columns' importance is measured on: each
            is asked about ten times for every column.
    """

    name: ModelName
    columns: Sequence[Column]
    judge: Judge
    entities: str
    algorithms: Sequence[str] = tuple(ALGORITHMS)
    fit: Fit = fit_classifier
    answer_label: str = SCORE.label
    seed: int = 7
    target: TargetScaling = field(default_factory=TargetScaling)
    unseen: Unseen = unseen_rows
    barred: frozenset[str] = frozenset()
    asked: Asked = as_they_are
    incomparable: Callable[[ModelVersion], str | None] = lambda _champion: None
    interactions: Sequence[Interaction] = ()
    classes: Sequence[str] | None = None
    exporter: Exporter = PLAIN
    importance_rows: int = MOST_ROWS

    @property
    def labels(self) -> dict[str, str]:
        """Column -> what a person calls it."""
        return {column.name: column.label or column.name for column in self.columns}

    def count_entities(self, who: NDArray[Any]) -> dict[str, int]:
        """How many there are, under their name."""
        return {self.entities: len(np.unique(who))}


@dataclass(frozen=True)
class Fitted:
    """An encoder, and the estimator that reads what it writes."""

    encoder: Encoder
    estimator: Any
    target: TargetScaling
    exporter: Exporter = PLAIN

    def answers(self, table: Table) -> Floats:
        """(n,) answers for raw rows, in the target's unit; (n, k) of several classes."""
        return self.target.inverse(
            self.exporter.answers(self.estimator, self.encoder.encode(table))
        )


@dataclass(frozen=True)
class Candidate:
    """A model that wants to be published.

    Attributes:
        algorithm: Its name.
        fitted: The model.
        answers: (m,) what it says of the rows that judge it.
        contenders: Whom it was chosen among.
    """

    algorithm: str
    fitted: Fitted
    answers: Floats
    contenders: Mapping[str, Contender]


def fit_rows(recipe: Recipe, algorithm: str, rows: LabelledRows, training: Mask) -> Fitted:
    """Fit encoder and estimator on some of the rows.

    Raises:
        TooLittleData: They are too few.
    """
    table = rows.take(training)
    encoder = Encoder.fit(recipe.columns, table, recipe.interactions)
    target = recipe.target.forward(rows.y[training])
    matrix = encoder.encode(table)
    estimator = recipe.fit(algorithm, matrix, target, rows.who[training], recipe.seed)
    return Fitted(encoder, estimator, recipe.target, recipe.exporter)
