"""Whether one algorithm is really better than another over the same folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student


@dataclass(frozen=True, slots=True)
class PairedTest:
    """A corrected resampled t-test.

    Attributes:
        difference: Mean over the folds of the second one's loss minus the first one's: positive
            where the first is better.
        low, high: Its 95 % interval.
        p: Two-sided; how often as much would be seen if there were no difference.
        folds: How many.
    """

    difference: float
    low: float
    high: float
    p: float
    folds: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def corrected_t_test(
    first: Sequence[float], second: Sequence[float], trained: int, judged: int
) -> PairedTest | None:
    """Compare losses on the same folds (Nadeau and Bengio, "Inference for the Generalization
    Error", Machine Learning 2003).

    The folds' training rows overlap, so that their losses vary less together than apart: the
    variance is taken times 1/folds + judged/trained rather than 1/folds.

    Args:
        first, second: Losses by fold, in the same order.
        trained, judged: Rows of a fold, or their means.

    Returns:
        None of fewer than two folds.
    """
    differences = np.array(second) - np.array(first)
    folds = len(differences)
    if folds < 2:
        return None
    mean = float(differences.mean())
    error = float(np.sqrt(differences.var(ddof=1) * (1 / folds + judged / trained)))
    if error == 0:
        return PairedTest(mean, mean, mean, 1.0 if mean == 0 else 0.0, folds)
    reach = float(student.ppf(0.975, folds - 1)) * error
    p = float(2 * student.sf(abs(mean) / error, folds - 1))
    return PairedTest(mean, mean - reach, mean + reach, p, folds)
