"""From raw feature columns to the matrix a model reads, the same in training and serving.

`columns.py` says what a column is and what training learns of it, `blocks.py` how it is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.blocks import Unseen, UnseenKind, blocks_of
from chalicelib.ml.columns import (
    Column,
    ColumnUnfit,
    Fitted,
    Table,
    fit_column,
    fitted_from_json,
    fitted_to_json,
)

__all__ = [
    "Column",
    "ColumnUnfit",
    "Encoder",
    "Table",
    "TargetScaling",
    "UnknownFormat",
    "Unseen",
    "UnseenKind",
]

FORMAT = 1


class UnknownFormat(ValueError):
    """A stored encoder was written in a format that this version does not read."""


class Encoder:
    """Turns raw columns into a named float32 matrix; fitted once, stored as JSON.

    Attributes:
        columns: The raw columns, in the order of the matrix.
        names: (width,) names of the encoded columns.
        sources: (width,) the raw column that each encoded column came from.
        groups: Raw column -> indices of its encoded columns.
    """

    def __init__(self, fitted: Sequence[Fitted]) -> None:
        """Make an encoder of columns already fitted; `Encoder.fit` learns them from a table."""
        if not fitted:
            raise ValueError("an encoder needs at least one column")
        if len({each.column.name for each in fitted}) < len(fitted):
            raise ValueError("two columns have the same name")
        self._fitted = tuple(fitted)
        self.columns: tuple[Column, ...] = tuple(each.column for each in fitted)
        self.names = tuple(name for each in fitted for name in each.names)
        self.sources = tuple(each.column.name for each in fitted for _ in each.names)
        self.groups: dict[str, tuple[int, ...]] = {
            column.name: tuple(i for i, source in enumerate(self.sources) if source == column.name)
            for column in self.columns
        }
        self._blocks = tuple(blocks_of(self._fitted, self.groups))

    @classmethod
    def fit(cls, columns: Sequence[Column], table: Table) -> Self:
        """Learn medians, ranges and categories from the training table.

        Args:
            columns: What to encode, in the order of the matrix.
            table: Column name -> (n,) values: numbers with None or NaN for missing, or text with
                None for missing. Other columns of the table are ignored.

        Raises:
            ColumnUnfit: A column holds what it cannot encode.
        """
        return cls([fit_column(column, table[column.name]) for column in columns])

    @property
    def width(self) -> int:
        """Number of encoded columns."""
        return len(self.names)

    def encode(self, table: Table) -> NDArray[np.float32]:
        """Encode n rows.

        Returns:
            (n, width) finite values; a row's values do not depend on the rows around it.

        Raises:
            KeyError: The table lacks a column.
            ValueError: Columns differ in length.
        """
        rows = len(table[self.columns[0].name])
        encoded = np.zeros((rows, len(self.names)), dtype=np.float32)
        for block in self._blocks:
            block.write(table, encoded)
        return encoded

    def unseen(self, table: Table) -> list[list[Unseen]]:
        """What training saw nothing like, per row.

        That is new categories, values out of range, and a value missing where none was. They are
        encoded all the same: as rare, clipped, or the median.
        """
        found: list[list[Unseen]] = [[] for _ in table[self.columns[0].name]]
        for block in self._blocks:
            for row, unseen in block.unseen(table):
                found[row].append(unseen)
        return found

    def to_json(self) -> dict[str, Any]:
        """Everything `from_json` needs, as plain JSON values without NaN or infinity."""
        return {"format": FORMAT, "columns": [fitted_to_json(each) for each in self._fitted]}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The encoder that `to_json` stored; it encodes bit for bit the same.

        Raises:
            UnknownFormat: Another version of this module wrote it.
        """
        if stored.get("format") != FORMAT:
            raise UnknownFormat(f"encoder format {stored.get('format')!r}, expected {FORMAT}")
        return cls([fitted_from_json(each) for each in stored["columns"]])


@dataclass(frozen=True, slots=True)
class TargetScaling:
    """How a regression's target is scaled for the estimator: as it is, or log(1 + y) for y >= 0."""

    kind: Literal["none", "log"] = "none"

    def __post_init__(self) -> None:
        if self.kind not in ("none", "log"):
            raise ValueError(f"unknown target scaling {self.kind!r}")

    def forward(self, target: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) targets in their unit -> what the estimator is fitted on.

        Raises:
            ValueError: A target is negative and a logarithm was asked for.
        """
        if self.kind == "none":
            return target
        if (target < 0).any():
            raise ValueError("negative targets have no logarithm")
        return np.log1p(target)

    def inverse(self, output: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) outputs of the estimator -> the target's unit."""
        return output if self.kind == "none" else np.expm1(output)

    def to_json(self) -> dict[str, str]:
        """Plain JSON for `from_json`."""
        return {"kind": self.kind}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """What `to_json` stored."""
        return cls(kind=stored["kind"])
