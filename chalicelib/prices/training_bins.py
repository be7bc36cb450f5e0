"""How many rows fell into each of the bins that training stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.monitoring import SCORE, Binning


def bin_counts(
    bins: Sequence[Binning], table: Mapping[str, Any], scores: NDArray[np.float64]
) -> dict[str, list[int]]:
    """Column -> how many of (n,) rows fall into each of its bins.

    Args:
        bins: Of the inputs and of the score.
        table: Column -> (n,) values.
        scores: (n,) answers: values, or the likeliest class's probability.
    """
    values = {**table, SCORE.name: scores}
    return {
        each.column: [int(n) for n in each.count(values[each.column])]
        for each in bins
        if each.column in values
    }
