"""How fitted columns write the encoded matrix, and which values are unlike training's.

There is one path for one row and for a million: number columns are transformed together as one
matrix, so a lone row costs about ten numpy calls whatever the number of columns, and a category is
one dictionary look-up. No transform is written twice, so training and serving cannot drift.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.columns import Fitted, FittedCategory, FittedNumber, Table, is_missing


class UnseenKind(StrEnum):
    """How a served value differs from everything training saw."""

    CATEGORY = "category"
    BELOW_RANGE = "below_range"
    ABOVE_RANGE = "above_range"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Unseen:
    """A served value of column `source` that training saw nothing like."""

    source: str
    kind: UnseenKind
    value: float | str | None


class Block(Protocol):
    """A part of the matrix."""

    def write(self, table: Table, encoded: NDArray[np.float32]) -> None:
        """Fill this block's columns of the (rows, width) matrix, which comes zeroed."""

    def unseen(self, table: Table) -> Iterator[tuple[int, Unseen]]:
        """The values that training saw nothing like, each with its row."""


def blocks_of(fitted: Sequence[Fitted], groups: Mapping[str, Sequence[int]]) -> Iterator[Block]:
    """The blocks that together write the whole matrix.

    Args:
        fitted: The columns.
        groups: Column name -> indices of its encoded columns, in the order of its `names`.
    """
    numbers = [each for each in fitted if isinstance(each, FittedNumber)]
    if numbers:
        yield NumberBlock(numbers, groups)
    for each in fitted:
        if isinstance(each, FittedCategory):
            yield CategoryBlock(each, groups[each.column.name])


class NumberBlock:
    """All number columns at once; arrays are (columns, rows), bounds are (columns, 1)."""

    def __init__(self, fitted: Sequence[FittedNumber], groups: Mapping[str, Sequence[int]]) -> None:
        self._names = [each.column.name for each in fitted]
        self._targets = np.array([groups[name][0] for name in self._names])
        self._medians = np.array([[each.median] for each in fitted])
        self._seen = np.array([[[each.minimum], [each.maximum]] for each in fitted])
        self._saw_missing = np.array([[each.saw_missing] for each in fitted])
        self._held = np.array([[[low], [high]] for low, high in map(_bounds, fitted)])
        self._logged = np.flatnonzero([each.column.log for each in fitted])
        self._flagged = np.flatnonzero(self._saw_missing)
        self._flags = np.array([groups[self._names[i]][1] for i in self._flagged], dtype=np.intp)

    def write(self, table: Table, encoded: NDArray[np.float32]) -> None:
        """Impute, hold in range, take logarithms; set the missing flags."""
        values = self._values(table)
        if values.shape != (len(self._names), len(encoded)):
            raise ValueError(f"columns differ in length: {self._names}")
        missing = np.isnan(values)
        if missing.any():
            values = np.where(missing, self._medians, values)
            encoded[:, self._flags] = missing[self._flagged].T
        values = np.minimum(np.maximum(values, self._held[:, 0]), self._held[:, 1])
        if self._logged.size:
            values[self._logged] = np.log1p(values[self._logged])
        # + 0.0 makes -0.0 into 0.0, of which numpy's maximum may return either.
        encoded[:, self._targets] = values.T + 0.0

    def unseen(self, table: Table) -> Iterator[tuple[int, Unseen]]:
        """Values outside the training range, and missing where training missed none."""
        values = self._values(table)
        missing = np.isnan(values) & ~self._saw_missing
        below, above = values < self._seen[:, 0], values > self._seen[:, 1]
        for column, row in np.argwhere(missing | below | above).tolist():
            name = self._names[column]
            if missing[column, row]:
                yield row, Unseen(name, UnseenKind.MISSING, None)
            else:
                kind = UnseenKind.BELOW_RANGE if below[column, row] else UnseenKind.ABOVE_RANGE
                yield row, Unseen(name, kind, float(values[column, row]))

    def _values(self, table: Table) -> NDArray[np.float64]:
        return np.array([table[name] for name in self._names], dtype=np.float64)


class CategoryBlock:
    """One category column, as ones and zeros."""

    def __init__(self, fitted: FittedCategory, group: Sequence[int]) -> None:
        self._name = fitted.column.name
        rare = group[len(fitted.categories)]
        self._saw_missing = fitted.saw_missing
        self._positions = _Positions(zip(fitted.categories, group, strict=False))
        self._positions.update(dict.fromkeys(fitted.rare, rare))
        self._positions[None] = group[-1] if fitted.saw_missing else rare
        self._positions.rare = rare

    def write(self, table: Table, encoded: NDArray[np.float32]) -> None:
        """Set a one in each row, in its category's column."""
        values = table[self._name]
        if len(values) != len(encoded):
            raise ValueError(f"columns differ in length: {self._name!r}")
        positions = np.fromiter(
            map(self._positions.__getitem__, values), dtype=np.intp, count=len(encoded)
        )
        encoded[np.arange(len(encoded)), positions] = 1.0

    def unseen(self, table: Table) -> Iterator[tuple[int, Unseen]]:
        """Categories that are new, and missing where training missed none."""
        for row, value in enumerate(table[self._name]):
            if is_missing(value):
                if not self._saw_missing:
                    yield row, Unseen(self._name, UnseenKind.MISSING, None)
            elif value not in self._positions:
                yield row, Unseen(self._name, UnseenKind.CATEGORY, str(value))


class _Positions(dict[str | None, int]):
    """Category -> index of its encoded column; what training did not see is rare."""

    rare: int

    def __missing__(self, value: Any) -> int:
        if is_missing(value):
            return self[None]
        if not isinstance(value, str):
            raise TypeError(f"a category is text or None, not {type(value).__name__}")
        return self.rare


def _bounds(fitted: FittedNumber) -> tuple[float, float]:
    """The range a value is held in before any logarithm."""
    if fitted.column.clip:
        return fitted.minimum, fitted.maximum
    # float32's own range: the matrix stays finite, and log(1 + x) exists.
    largest = float(np.finfo(np.float32).max)
    return (0.0 if fitted.column.log else -largest), largest
