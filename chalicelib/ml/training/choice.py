"""Which algorithm: each is tried by cross-validation, and the best one is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.training.folds import TooLittleData
from chalicelib.ml.training.recipe import Candidate, Fitted, Recipe, fit_rows
from chalicelib.ml.training.rows import LabelledRows
from chalicelib.ml.training.selection import Contender, explanation_cost
from chalicelib.ml.training.splits import RowSplit


def try_algorithms(
    recipe: Recipe,
    rows: LabelledRows,
    folds: Sequence[RowSplit],
    begin: Callable[[int, str], None],
) -> dict[str, Contender]:
    """Every algorithm's loss by cross-validation, and what its reasons cost.

    Args:
        recipe: How they are made and judged.
        rows: All rows.
        folds: Masks over them; the rows that judge the chosen one are in none.
        begin: Called before each, with how many are done and its name.

    Raises:
        TooLittleData: No fold has enough to learn from.
    """
    found: dict[str, Contender] = {}
    for place, name in enumerate(recipe.algorithms):
        begin(place, name)
        found[name] = _try(recipe, name, rows, folds)
    return found


def _try(
    recipe: Recipe, algorithm: str, rows: LabelledRows, folds: Sequence[RowSplit]
) -> Contender:
    losses: list[float] = []
    for fold in folds:
        try:
            fitted = fit_rows(recipe, algorithm, rows, fold.training)
        except TooLittleData:
            continue  # In time-ordered folds the first may know too little; later ones know more.
        judged = rows.take(fold.validation)
        losses.append(recipe.judge.loss(rows.y[fold.validation], fitted.answers(judged)))
    if not losses:
        raise TooLittleData("no fold has enough to learn from")
    sample = fitted.encoder.encode(judged)
    return Contender(tuple(losses), _cost(fitted, sample))


def _cost(fitted: Fitted, sample: NDArray[np.float32]) -> float:
    return explanation_cost(fitted.estimator, fitted.encoder, sample, exporter=fitted.exporter)


def train(
    recipe: Recipe,
    algorithm: str,
    rows: LabelledRows,
    split: RowSplit,
    contenders: Mapping[str, Contender],
) -> Candidate:
    """Train the chosen one on all training rows, and have it answer for those that judge it.

    Raises:
        TooLittleData: There is not enough to learn from.
    """
    fitted = fit_rows(recipe, algorithm, rows, split.training)
    answers = fitted.answers(rows.take(split.validation))
    return Candidate(algorithm, fitted, answers, contenders)
