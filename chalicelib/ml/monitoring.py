"""Whether what a model is asked today is still what it learned from; numpy only.

Training stores a profile: the bins of every input and of the score, with how many rows fell into
each. Later rows are counted over the same bins, and the two are compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.columns import Column, Kind, Table, is_missing
from chalicelib.ml.derived import measured
from chalicelib.ml.stability import Stability

Counts = NDArray[np.float64]

QUANTILES = 10
MOST_CATEGORIES = 20
PSEUDO_COUNT = 0.5
ATTENTION, DRIFT = 0.1, 0.25  # The usual bounds of the index.
ROWS_PER_BIN = 10  # With fewer, chance alone reaches the bounds.
SCORE = Column("score", "number", label="Probabilidade")


def population_stability(expected: Counts, actual: Counts) -> float:
    """How far a feature has moved since training, as the population stability index.

    Args:
        expected: (n_bins,) counts at training time.
        actual: (n_bins,) counts since, over the same bins.

    Returns:
        Sum over bins of (a - e) * ln(a / e) on smoothed shares; empty bins count
        (skipping them reads a total shift as none). 0.1 and 0.25 are the usual bounds.
    """
    e, a = _shares(expected), _shares(actual)
    return float(np.sum((a - e) * np.log(a / e)))


def stability(index: float, rows: int, bins: int) -> Stability:
    """The band of an index that `rows` rows over `bins` bins came to."""
    if rows < ROWS_PER_BIN * bins:
        return Stability.TOO_FEW
    if index >= DRIFT:
        return Stability.DRIFT
    return Stability.ATTENTION if index >= ATTENTION else Stability.OK


def _shares(counts: Counts) -> Counts:
    smoothed = np.asarray(counts, dtype=np.float64) + PSEUDO_COUNT
    shares: Counts = smoothed / smoothed.sum()
    return shares


@dataclass(frozen=True, slots=True)
class Binning:
    """The bins of one column; the last one holds what is missing.

    Attributes:
        column: Name.
        edges: Of a number: bin i holds edges[i - 1] < x <= edges[i]; the outer ones are open.
        categories: Of a category: a bin each, then one for all others. None for a number.
        counts: (n_bins,) rows of training in each.
        kind: The column's; dates are binned by day, texts by length.
    """

    column: str
    edges: tuple[float, ...]
    categories: tuple[str, ...] | None
    counts: tuple[int, ...]
    kind: Kind = "number"

    @classmethod
    def fit(cls, column: Column, values: Sequence[Any] | NDArray[Any]) -> Self:
        """Put training's (n,) values into bins: numbers by deciles, categories by name."""
        kind = column.kind
        if column.is_category:
            known = Counter(value for value in values if not is_missing(value))
            names = tuple(sorted(str(name) for name, _ in known.most_common(MOST_CATEGORIES)))
            empty = cls(column.name, (), names, (), kind)
        else:
            numbers = measured(column, values)
            empty = cls(column.name, _deciles(numbers[~np.isnan(numbers)]), None, (), kind)
        return replace(empty, counts=tuple(int(n) for n in empty.count(values)))

    def count(self, values: Sequence[Any] | NDArray[Any]) -> Counts:
        """How many of (n,) values fall into each bin."""
        if self.categories is None:
            numbers = measured(Column(self.column, self.kind), values)
            places = np.searchsorted(np.array(self.edges), numbers, side="left")
            places[np.isnan(numbers)] = len(self.edges) + 1
        else:
            place_of = {name: place for place, name in enumerate(self.categories)}
            other, missing = len(place_of), len(place_of) + 1
            found = (missing if is_missing(v) else place_of.get(v, other) for v in values)
            places = np.fromiter(found, dtype=np.intp, count=len(values))
        return np.bincount(places, minlength=self.bins).astype(np.float64)

    @property
    def bins(self) -> int:
        """How many bins there are, the one of missing values included."""
        inner = len(self.edges) if self.categories is None else len(self.categories)
        return inner + 2

    def moved(self, values: Sequence[Any] | NDArray[Any], looks: int = 1) -> Shift:
        """How far (n,) later values have moved; see `shifts`."""
        actual = self.count(values) / looks
        index = population_stability(np.array(self.counts, dtype=np.float64), actual)
        rows = round(actual.sum())
        return Shift(self.column, index, rows, stability(index, rows, self.bins))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON for `from_json`."""
        return {
            "column": self.column,
            "edges": list(self.edges),
            "categories": None if self.categories is None else list(self.categories),
            "counts": list(self.counts),
            "kind": self.kind,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """What `to_json` stored."""
        names = stored["categories"]
        return cls(
            stored["column"],
            tuple(float(edge) for edge in stored["edges"]),
            None if names is None else tuple(names),
            tuple(stored["counts"]),
            # Profiles stored before dates and texts lack it, and need it not.
            stored.get("kind", "number"),
        )


def _deciles(values: NDArray[np.float64]) -> tuple[float, ...]:
    """The distinct inner deciles; none of no values."""
    if not values.size:
        return ()
    inner = np.linspace(0, 1, QUANTILES + 1)[1:-1]
    # Values that occur, so that a number which is really a count keeps a bin of its own.
    return tuple(np.unique(np.quantile(values, inner, method="lower")).tolist())


@dataclass(frozen=True, slots=True)
class Shift:
    """How far one column has moved.

    Attributes:
        column: Which.
        index: Population stability index.
        rows: How many cases it was seen on.
        band: What that means.
    """

    column: str
    index: float
    rows: int
    band: Stability


def profile(
    columns: Sequence[Column], table: Table, scores: NDArray[np.float64]
) -> list[dict[str, Any]]:
    """The bins of every input over training's rows, and of the scores of rows not trained on.

    Args:
        columns: The model's inputs.
        table: Their training values, column -> (n,).
        scores: (m,) scores of the hold-out: those of training's own rows are too sure.
    """
    binned = [Binning.fit(column, table[column.name]) for column in columns]
    return [each.to_json() for each in [*binned, Binning.fit(SCORE, scores)]]


def shifts(
    stored: Sequence[Mapping[str, Any]],
    table: Table,
    scores: NDArray[np.float64],
    looks: int = 1,
) -> list[Shift]:
    """How far every input and the score have moved since the profile was stored.

    Args:
        stored: What `profile` gave.
        table: Column -> (n,) values.
        scores: (n,) scores of the same rows.
        looks: How many times the same cases were looked at. They count once: seven looks at a
            case are not seven cases.
    """
    values: dict[str, Any] = {**table, SCORE.name: scores}
    return [Binning.from_json(each).moved(values[each["column"]], looks) for each in stored]
