"""How fitted columns write the encoded matrix, and which values are unlike training's.

There is one path for one row and for a million: number columns are transformed together as one
matrix, so a lone row costs about ten numpy calls whatever the number of columns, and a category is
one dictionary look-up. No transform is written twice, so training and serving cannot drift.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.columns import Table, is_missing
from chalicelib.ml.derived import LARGEST, measured
from chalicelib.ml.fitted import (
    Derived,
    Fitted,
    FittedCategory,
    FittedOrdinal,
    FittedParts,
)
from chalicelib.ml.fitted_numbers import FittedNumber
from chalicelib.ml.unseen import Unseen, UnseenKind

Groups = Mapping[str, Sequence[int]]
"""Source -> indices of its encoded columns, in the order of its `names`."""


class Block(Protocol):
    """A part of the matrix."""

    def write(self, table: Table, encoded: NDArray[np.float32]) -> None:
        """Fill this block's columns of the (rows, width) matrix, which comes zeroed."""

    def unseen(self, table: Table) -> Iterator[tuple[int, Unseen]]:
        """The values that training saw nothing like, each with its row."""


def blocks_of(fitted: Sequence[Fitted], groups: Groups) -> Iterator[Block]:
    """The blocks that together write the whole matrix."""
    plain = [each for each in fitted if isinstance(each, FittedNumber)]
    derived = [each for each in fitted if not isinstance(each, FittedNumber | FittedCategory)]
    if plain or derived:
        yield NumberBlock(plain, derived, groups)
    for each in fitted:
        if isinstance(each, FittedCategory):
            yield CategoryBlock(each, groups[each.column.name])


class NumberBlock:
    """All numbers at once; arrays are (numbers, rows), bounds are (numbers, 1)."""

    def __init__(
        self, plain: Sequence[FittedNumber], derived: Sequence[Derived], groups: Groups
    ) -> None:
        self._names = [each.column.name for each in plain]
        self._derived = tuple(derived)
        sources: list[tuple[str, Sequence[FittedNumber]]]
        sources = [(each.column.name, (each,)) for each in plain]
        sources += [(each.column.name, each.numbers) for each in derived]
        numbers = [number for _, parts in sources for number in parts]
        self._targets = np.array([groups[s][i] for s, parts in sources for i in range(len(parts))])
        self._fill = np.array([[each.fill] for each in numbers])
        self._held = np.array([[[low], [high]] for low, high in map(_bounds, numbers)])
        self._logged = np.flatnonzero([each.column.log for each in numbers])
        self._scaled = any((each.centre, each.spread) != (0.0, 1.0) for each in numbers)
        self._centre = np.array([[each.centre] for each in numbers])
        self._spread = np.array([[each.spread] for each in numbers])
        self._flagged, self._flags = _flags(sources, groups)
        seen = [[[each.minimum], [each.maximum]] for each in plain]
        self._seen = np.array(seen).reshape(-1, 2, 1)
        self._saw_missing = np.array([[each.saw_missing] for each in plain]).reshape(-1, 1)

    def write(self, table: Table, encoded: NDArray[np.float32]) -> None:
        """Impute, hold in range, take logarithms, scale; set the missing flags."""
        values = self._values(table, self._derived)
        if values.shape != (len(self._fill), len(encoded)):
            raise ValueError(f"columns differ in length: {self._names}")
        missing = np.isnan(values)
        if missing.any():
            values = np.where(missing, self._fill, values)
            encoded[:, self._flags] = missing[self._flagged].T
        values = np.minimum(np.maximum(values, self._held[:, 0]), self._held[:, 1])
        if self._logged.size:
            values[self._logged] = np.log1p(values[self._logged])
        if self._scaled:
            values = (values - self._centre) / self._spread
        # + 0.0 makes -0.0 into 0.0, of which numpy's maximum may return either.
        encoded[:, self._targets] = values.T + 0.0

    def unseen(self, table: Table) -> Iterator[tuple[int, Unseen]]:
        """Values outside the training range, and missing where training missed none."""
        yield from self._unseen_numbers(table)
        for each in self._derived:
            if isinstance(each, FittedParts):
                yield from _unseen_parts(each, table)
            elif isinstance(each, FittedOrdinal):
                known = frozenset(each.order)
                yield from _unseen_text(each, each.number.saw_missing, known, table)

    def _unseen_numbers(self, table: Table) -> Iterator[tuple[int, Unseen]]:
        if not self._names:
            return
        values = self._values(table, ())
        missing = np.isnan(values) & ~self._saw_missing
        below, above = values < self._seen[:, 0], values > self._seen[:, 1]
        for column, row in np.argwhere(missing | below | above).tolist():
            name = self._names[column]
            if missing[column, row]:
                yield row, Unseen(name, UnseenKind.MISSING, None)
            else:
                kind = UnseenKind.BELOW_RANGE if below[column, row] else UnseenKind.ABOVE_RANGE
                yield row, Unseen(name, kind, float(values[column, row]))

    def _values(self, table: Table, derived: Sequence[Derived]) -> NDArray[np.float64]:
        rows: list[Any] = [table[name] for name in self._names]
        rows += [values for each in derived for values in each.values(table)]
        return np.array(rows, dtype=np.float64)


def _flags(
    sources: Sequence[tuple[str, Sequence[FittedNumber]]], groups: Groups
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which number tells that a source is missing, and which encoded column says so."""
    found, place = [], 0
    for source, parts in sources:
        if parts[0].flags_missing:
            found.append((place, groups[source][len(parts)]))
        place += len(parts)
    pairs = np.array(found, dtype=np.intp).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _bounds(fitted: FittedNumber) -> tuple[float, float]:
    """The range a value is held in before any logarithm."""
    # Within float32's own range the matrix stays finite; above zero log(1 + x) exists.
    least = 0.0 if fitted.column.log else -LARGEST
    if not fitted.column.clip:
        return least, LARGEST
    # What stands for missing may lie outside of what was seen.
    low, high = min(fitted.minimum, fitted.fill), max(fitted.maximum, fitted.fill)
    return max(low, least), min(high, LARGEST)


def _unseen_parts(fitted: FittedParts, table: Table) -> Iterator[tuple[int, Unseen]]:
    """Dates and lengths outside the training range."""
    column = fitted.column
    values = measured(column, table[column.name])
    for row, value in enumerate(values.tolist()):
        if value != value:
            if not fitted.numbers[0].saw_missing:
                yield row, Unseen(column.name, UnseenKind.MISSING, None)
        elif not fitted.minimum <= value <= fitted.maximum:
            below = value < fitted.minimum
            kind = UnseenKind.BELOW_RANGE if below else UnseenKind.ABOVE_RANGE
            shown = _as_date(value) if column.kind == "date" else value
            yield row, Unseen(column.name, kind, shown)


def _as_date(days: float) -> str:
    return str(np.datetime64(int(days // 1), "D"))


class CategoryBlock:
    """One category column, as ones and zeros."""

    def __init__(self, fitted: FittedCategory, group: Sequence[int]) -> None:
        self._fitted = fitted
        rare = group[len(fitted.categories)]
        self._positions = _Positions(zip(fitted.categories, group, strict=False))
        self._positions.update(dict.fromkeys(fitted.rare, rare))
        self._positions.rare = rare
        self._known = frozenset(self._positions)
        # The missing group is where missing values go unless something stands for them.
        self._flag = group[-1] if fitted.flags_missing and fitted.fill is not None else None
        if fitted.fill is not None:
            self._positions[None] = self._positions[fitted.fill]
        else:
            self._positions[None] = group[-1] if fitted.flags_missing else rare

    def write(self, table: Table, encoded: NDArray[np.float32]) -> None:
        """Set a one in each row, in its category's column."""
        values = table[self._fitted.column.name]
        if len(values) != len(encoded):
            raise ValueError(f"columns differ in length: {self._fitted.column.name!r}")
        positions = np.fromiter(
            map(self._positions.__getitem__, values), dtype=np.intp, count=len(encoded)
        )
        encoded[np.arange(len(encoded)), positions] = 1.0
        if self._flag is not None:
            encoded[:, self._flag] = [is_missing(value) for value in values]

    def unseen(self, table: Table) -> Iterator[tuple[int, Unseen]]:
        """Categories that are new, and missing where training missed none."""
        return _unseen_text(self._fitted, self._fitted.saw_missing, self._known, table)


def _unseen_text(
    fitted: FittedCategory | FittedOrdinal,
    saw_missing: bool,
    known: frozenset[str | None],
    table: Table,
) -> Iterator[tuple[int, Unseen]]:
    name = fitted.column.name
    for row, value in enumerate(table[name]):
        if is_missing(value):
            if not saw_missing:
                yield row, Unseen(name, UnseenKind.MISSING, None)
        elif value not in known:
            yield row, Unseen(name, UnseenKind.CATEGORY, str(value))


class _Positions(dict[str | None, int]):
    """Category -> index of its encoded column; what training did not see is rare."""

    rare: int

    def __missing__(self, value: Any) -> int:
        if is_missing(value):
            return self[None]
        if not isinstance(value, str):
            raise TypeError(f"a category is text or None, not {type(value).__name__}")
        return self.rare
