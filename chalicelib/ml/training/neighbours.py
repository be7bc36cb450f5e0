"""The nearest neighbours, counting all that are as near as the last one.

scikit-learn keeps exactly k of them, and which of several equally near rows those are depends on
the order of the rows and the algorithm of the search. On tables of whole numbers and categories
that is common, and no other implementation can answer the same. Here the answer is a function of
the rows alone: every row within the distance of the k-th nearest counts, and where nearer rows
count more, by 1 / (distance + a hundredth of the k-th), which has no pole at a distance of 0.
"""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.neighbors import NearestNeighbors

Floats = NDArray[np.float64]
TIE = 1e-9  # Squared distances this near to each other, relative to the rows' squares, are a tie.
SOFTENING = 0.01
LEAST_REACH = 1e-4  # Columns are scaled, so that two rows this near are the same.
ROWS_PER_BLOCK = 256
ROWS_PER_SEARCH = 8192
SPARE = 6  # Neighbours looked for beyond the k-th, to see where its ties end.
MOST_SEARCHED = 64  # Keeping more of them in order takes longer than weighing every row.


class _Neighbours(BaseEstimator):  # type: ignore[misc]
    """(n, k) weighted means of what the neighbours had."""

    def __init__(
        self, n_neighbors: int = 10, weights: Literal["uniform", "distance"] = "distance"
    ) -> None:
        self.n_neighbors, self.weights = n_neighbors, weights

    def _keep(self, X: NDArray[Any], values: Floats) -> None:  # noqa: N803
        self.points_ = np.asarray(X, dtype=np.float64)
        self.values_ = values
        self.n_features_in_ = self.points_.shape[1]

    def _means(self, X: NDArray[Any]) -> Floats:  # noqa: N803
        rows = np.asarray(X, dtype=np.float64)
        found = np.empty((len(rows), self.values_.shape[1]))
        left = np.arange(len(rows))
        if self.n_neighbors + SPARE <= min(MOST_SEARCHED, len(self.points_)):
            left = self._search(rows, found)
        for i in range(0, len(left), ROWS_PER_BLOCK):
            some = left[i : i + ROWS_PER_BLOCK]
            found[some] = self._among_all(rows[some])
        return found

    def _search(self, rows: Floats, found: Floats) -> NDArray[np.intp]:
        """Fill in what the nearest few decide; gives the rows where more may be as near."""
        search = NearestNeighbors(n_neighbors=self.n_neighbors + SPARE, algorithm="brute")
        search.fit(self.points_)
        crowded = np.zeros(len(rows), dtype=np.bool_)
        for i in range(0, len(rows), ROWS_PER_SEARCH):
            here = slice(i, i + ROWS_PER_SEARCH)
            distances, who = search.kneighbors(rows[here])
            squared = distances**2
            last = squared[:, [self.n_neighbors - 1]]
            near = self._near(squared, last, rows[here])
            found[here] = self._weighted(near, distances, last, self.values_[who])
            crowded[here] = near[:, -1]
        return np.flatnonzero(crowded)

    def _among_all(self, rows: Floats) -> Floats:
        squared = euclidean_distances(rows, self.points_, squared=True)
        place = min(self.n_neighbors, len(self.points_)) - 1
        last = np.partition(squared, place, axis=1)[:, place : place + 1]
        near = self._near(squared, last, rows)
        return self._weighted(near, np.sqrt(squared), last, self.values_)

    def _near(self, squared: Floats, last: Floats, rows: Floats) -> NDArray[np.bool_]:
        """(n, m) which rows count, by their squared distances and that of the k-th."""
        size = (rows**2).sum(axis=1, keepdims=True) + 1.0
        near: NDArray[np.bool_] = squared <= last + TIE * size
        return near

    def _weighted(
        self, near: NDArray[np.bool_], distances: Floats, last: Floats, values: Floats
    ) -> Floats:
        """(n, k) means of (m, k) values, or of each row's own (n, m, k), weighted."""
        weights = near.astype(np.float64)
        if self.weights == "distance":
            weights /= distances + np.maximum(SOFTENING * np.sqrt(last), LEAST_REACH)
        sums: Floats = (
            weights @ values if values.ndim == 2 else np.einsum("nm,nmk->nk", weights, values)
        )
        means: Floats = sums / weights.sum(axis=1, keepdims=True)
        return means


class NeighboursRegressor(RegressorMixin, _Neighbours):  # type: ignore[misc]
    """The neighbours' mean target."""

    def fit(self, X: NDArray[Any], y: NDArray[Any]) -> Self:  # noqa: N803
        """Keep (n, width) rows and their (n,) targets."""
        self._keep(X, np.asarray(y, dtype=np.float64)[:, np.newaxis])
        return self

    def predict(self, X: NDArray[Any]) -> Floats:  # noqa: N803
        """(n,) means."""
        return self._means(X)[:, 0]


class NeighboursClassifier(ClassifierMixin, _Neighbours):  # type: ignore[misc]
    """The shares of the neighbours' classes."""

    def fit(self, X: NDArray[Any], y: NDArray[Any]) -> Self:  # noqa: N803
        """Keep (n, width) rows and their (n,) classes."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        self._keep(X, np.eye(len(self.classes_))[codes])
        return self

    def predict_proba(self, X: NDArray[Any]) -> Floats:  # noqa: N803
        """(n, k) shares."""
        return self._means(X)

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:  # noqa: N803
        """(n,) most frequent classes."""
        found: NDArray[Any] = self.classes_[self._means(X).argmax(axis=1)]
        return found
