"""Folds for cross-validation that never part the rows of one entity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Split = tuple[NDArray[np.intp], NDArray[np.intp]]


class TooLittleData(ValueError):
    """There are too few entities, or too few of one class, to train and judge a model."""


def entity_codes(groups: Sequence[Any] | NDArray[Any]) -> NDArray[np.intp]:
    """(n,) entity ids -> (n,) codes 0, 1, ... of the distinct ids in their sorted order."""
    codes: NDArray[np.intp] = np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.intp)
    return codes


def grouped_folds(
    y: NDArray[np.int_], groups: Sequence[Any] | NDArray[Any], folds: int, seed: int
) -> list[Split]:
    """Deal whole entities into folds at random.

    scikit-learn's StratifiedGroupKFold walks the entities in Python, which takes longer here than
    the models do.

    Args:
        y: (n,) classes, 0 or 1.
        groups: (n,) entity ids.
        folds: How many.
        seed: Of the dealing.

    Returns:
        Per fold, the row indices to fit on and those to predict.

    Raises:
        TooLittleData: Fewer entities than folds, or a fold leaves one class only to fit on.
    """
    codes = entity_codes(groups)
    entities = int(codes.max(initial=-1)) + 1
    if entities < folds:
        raise TooLittleData(f"{entities} entities cannot be dealt into {folds} folds")
    fold_of_row = (np.random.default_rng(seed).permutation(entities) % folds)[codes]
    splits = [
        (np.flatnonzero(fold_of_row != fold), np.flatnonzero(fold_of_row == fold))
        for fold in range(folds)
    ]
    if any(np.unique(y[fit_rows]).size < 2 for fit_rows, _ in splits):
        raise TooLittleData("a fold leaves rows of one class only to fit on")
    return splits
