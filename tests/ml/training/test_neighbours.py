"""Neighbours as they are defined, whichever way they are found."""

from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from chalicelib.ml.training.neighbours import (
    LEAST_REACH,
    MOST_SEARCHED,
    SOFTENING,
    NeighboursClassifier,
    NeighboursRegressor,
)

Weights = Literal["uniform", "distance"]
POINTS, ASKED, WIDTH = 150, 20, 3
DRAW = np.random.default_rng(5)
SCATTERED = DRAW.normal(size=(POINTS + ASKED, WIDTH)).astype(np.float32)
ON_A_GRID = DRAW.integers(0, 3, (POINTS + ASKED, WIDTH)).astype(np.float32)
TARGETS = DRAW.normal(size=POINTS)


def defined(
    points: NDArray[np.float32], row: NDArray[np.float64], count: int, weights: Weights
) -> float:
    """All rows as near as the k-th count, by the inverse of their softened distance."""
    distances = [float(np.linalg.norm(point.astype(np.float64) - row)) for point in points]
    last = sorted(distances)[count - 1]
    reach = max(SOFTENING * last, LEAST_REACH)
    near = [
        (1 / (distance + reach) if weights == "distance" else 1.0, target)
        for distance, target in zip(distances, TARGETS, strict=True)
        if distance <= last + 1e-6
    ]
    return float(sum(w * target for w, target in near) / sum(w for w, _ in near))


@pytest.mark.parametrize("rows", [SCATTERED, ON_A_GRID], ids=["scattered", "many as near"])
@pytest.mark.parametrize("count", [1, 10, MOST_SEARCHED + 1])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_all_rows_as_near_as_the_last_one_count(
    rows: NDArray[np.float32], count: int, weights: Weights
) -> None:
    points, asked = rows[:POINTS], rows[POINTS:]
    found = NeighboursRegressor(count, weights).fit(points, TARGETS).predict(asked)
    wanted = [defined(points, row.astype(np.float64), count, weights) for row in asked]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9)


def test_classes_get_the_shares_of_the_neighbours() -> None:
    classes = np.where(TARGETS > 0, "dear", "cheap")
    known = NeighboursClassifier(10, "uniform").fit(ON_A_GRID[:POINTS], classes)
    shares = known.predict_proba(ON_A_GRID[POINTS:])
    as_numbers = NeighboursRegressor(10, "uniform").fit(ON_A_GRID[:POINTS], classes == "dear")
    np.testing.assert_allclose(shares[:, 1], as_numbers.predict(ON_A_GRID[POINTS:]), atol=1e-12)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
