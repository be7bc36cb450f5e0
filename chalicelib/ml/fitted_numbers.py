"""What training learns of a column of numbers: what stands for missing, its range, its scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.columns import Column, ColumnUnfit
from chalicelib.ml.derived import LARGEST, Floats

Values = Sequence[Any] | NDArray[Any]


@dataclass(frozen=True, slots=True)
class FittedNumber:
    """A number column and what training saw of it, in the column's own unit.

    With no value at all in training, median, minimum and maximum are 0. A missing value is encoded
    as `fill`, and the result as (x - centre) / spread, after any logarithm.
    """

    column: Column
    median: float
    minimum: float
    maximum: float
    saw_missing: bool
    fill: float
    centre: float = 0.0
    spread: float = 1.0

    @property
    def flags_missing(self) -> bool:
        """Whether a column of the matrix says that the value was missing."""
        return self.saw_missing and self.column.indicator

    @property
    def names(self) -> list[str]:
        """Names of the encoded columns: the value, and whether it was missing."""
        name = self.column.name
        return [name, f"{name}:missing"] if self.flags_missing else [name]

    @classmethod
    def fit(cls, column: Column, values: Values) -> Self:
        """Learn from (n,) training values; None and NaN are missing.

        Raises:
            ColumnUnfit: A value is infinite, or negative where a logarithm was asked for.
        """
        numbers = np.array(values, dtype=np.float64)
        missing = np.isnan(numbers)
        present = numbers[~missing] if missing.any() else numbers
        if np.isinf(present).any():
            raise ColumnUnfit(f"column {column.name!r} has infinite values")
        if column.log and (present < 0).any():
            raise ColumnUnfit(f"column {column.name!r} has negative values and no logarithm")
        seen = (np.median(present), present.min(), present.max()) if present.size else (0, 0, 0)
        # Adding 0.0 turns -0.0 into 0.0: PostgreSQL's jsonb keeps no sign of zero.
        median, minimum, maximum = (float(value) + 0.0 for value in seen)
        fill = _fill(column, present, median)
        complete = np.clip(np.where(missing, fill, numbers), -LARGEST, LARGEST)
        centre, spread = _scale(column, complete if complete.size else np.zeros(1))
        return cls(column, median, minimum, maximum, bool(missing.any()), fill, centre, spread)


def _fill(column: Column, present: Floats, median: float) -> float:
    """What stands for a missing number."""
    if column.impute == "constant":
        return float(column.constant or 0.0)
    if column.impute == "mean" and present.size:
        return float(present.mean()) + 0.0
    if column.impute == "most_frequent" and present.size:
        values, counts = np.unique(present, return_counts=True)
        return float(values[counts.argmax()]) + 0.0
    return median


def _scale(column: Column, complete: Floats) -> tuple[float, float]:
    """Centre and spread of (n,) complete values; a constant column keeps a spread of 1."""
    if column.scale == "none":
        return 0.0, 1.0
    values = np.log1p(np.maximum(complete, 0.0)) if column.log else complete
    if column.scale == "standard":
        centre, spread = float(values.mean()), float(values.std())
    elif column.scale == "minmax":
        centre, spread = float(values.min()), float(np.ptp(values))
    else:
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
        centre, spread = middle, high - low
    # A spread that is only rounding error would blow it up.
    negligible = 1e-12 * max(1.0, abs(centre))
    return centre + 0.0, spread if spread > negligible else 1.0


def number_from_json(stored: Mapping[str, Any]) -> FittedNumber:
    """What was stored; where an older version stored no fill or scale, there was none."""
    # A store may hand 3.0 back as the integer 3.
    median, minimum, maximum = (float(stored[key]) for key in ("median", "minimum", "maximum"))
    return FittedNumber(
        column_from_json(stored["column"]),
        median,
        minimum,
        maximum,
        stored["saw_missing"],
        float(stored.get("fill", median)),
        float(stored.get("centre", 0.0)),
        float(stored.get("spread", 1.0)),
    )


def column_from_json(stored: Mapping[str, Any]) -> Column:
    """What was stored of a column's declaration."""
    listed = {key: tuple(stored[key]) for key in ("order", "parts") if key in stored}
    return Column(**{**stored, **listed})
