"""How much a model leans on each source column: what its score loses when one is shuffled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    rows = np.arange(len(y))
    if len(rows) > most_rows:
        rows = np.random.default_rng(seed).permutation(rows)[:most_rows]
    asked = {name: _cells(values)[rows] for name, values in table.items()}
    happened = y[rows]
    whole, draw = score(happened, predict(asked)), np.random.default_rng(seed)
    found = []
    for name, values in asked.items():
        shuffles = [{**asked, name: draw.permutation(values)} for _ in range(REPEATS)]
        losses = [whole - score(happened, predict(shuffled)) for shuffled in shuffles]
        found.append(Importance(name, float(np.mean(losses)), float(np.std(losses))))
    return sorted(found, key=lambda each: -each.loss)


def _cells(values: Sequence[Any] | NDArray[Any]) -> NDArray[Any]:
    """(n,) values as they are: numpy would make texts of a list with a text in it."""
    return values if isinstance(values, np.ndarray) else np.array(values, dtype=object)
