"""How much a model leans on each source column: what its score loses when one is shuffled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.inspection import permutation_importance

from chalicelib.ml.encoding import Table

Predict = Callable[[Table], NDArray[np.float64]]
"""Raw columns of n rows -> (n,) answers."""

Score = Callable[[NDArray[Any], NDArray[np.float64]], float]
"""(n,) what happened and (n,) answers -> how good they are; more is better."""

REPEATS = 10
MOST_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Importance:
    """What the score loses without a column.

    Attributes:
        column: The source column.
        loss: Mean over the shuffles; about 0, or a little below, means "not needed".
        deviation: Standard deviation over the shuffles.
    """

    column: str
    loss: float
    deviation: float

    def to_json(self) -> dict[str, str | float]:
        """Plain JSON."""
        return asdict(self)


def importances(
    predict: Predict,
    table: Table,
    y: NDArray[Any],
    seed: int,
    score: Score,
    most_rows: int = MOST_ROWS,
) -> list[Importance]:
    """Permutation importance (Breiman, "Random Forests", 2001) of raw columns, largest first.

    Columns that say the same stand in for each other, so that each of them may look unneeded.

    Args:
        predict: The model.
        table: Column -> (n,) values of rows the model has not seen.
        y: (n,) what happened.
        seed: Of the shuffles, and of the rows drawn when there are very many.
        score: What is measured.
        most_rows: How many rows are asked about, over and over.
    """
    frame = pd.DataFrame({name: pd.Series(values) for name, values in table.items()})
    rows = np.arange(len(frame))
    if len(rows) > most_rows:
        rows = np.random.default_rng(seed).permutation(rows)[:most_rows]

    def scoring(_model: object, columns: pd.DataFrame, happened: NDArray[Any]) -> float:
        return score(happened, predict({name: columns[name].to_numpy() for name in table}))

    found = permutation_importance(
        _Fitted(), frame.iloc[rows], y[rows], scoring=scoring, n_repeats=REPEATS, random_state=seed
    )
    ranked = np.argsort(-found.importances_mean, kind="stable")
    names = list(table)
    return [
        Importance(names[i], float(found.importances_mean[i]), float(found.importances_std[i]))
        for i in ranked
    ]


class _Fitted:
    """scikit-learn wants an estimator; the scorer alone asks the model."""

    def fit(self) -> None: ...
