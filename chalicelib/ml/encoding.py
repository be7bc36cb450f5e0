"""From raw feature columns to the matrix a model reads, the same in training and serving.

`columns.py` says what a column is, `fitted.py` what training learns of it, `blocks.py` how it is
written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.blocks import blocks_of
from chalicelib.ml.columns import Column, ColumnUnfit, Interaction, Table
from chalicelib.ml.fitted import (
    Fitted,
    FittedInteraction,
    fit_column,
    fitted_from_json,
    fitted_to_json,
)
from chalicelib.ml.targets import TargetScaling
from chalicelib.ml.unseen import Unseen, UnseenKind

__all__ = [
    "Column",
    "ColumnUnfit",
    "Encoder",
    "Interaction",
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
        interactions: What is made of them; they come after all columns.
        names: (width,) names of the encoded columns.
        sources: (width,) the raw column or interaction that each encoded column came from.
        groups: Source -> indices of its encoded columns.
    """

    def __init__(self, fitted: Sequence[Fitted]) -> None:
        """Make an encoder of columns already fitted; `Encoder.fit` learns them from a table."""
        pairs = tuple(each for each in fitted if isinstance(each, FittedInteraction))
        self._fitted = (*(f for f in fitted if not isinstance(f, FittedInteraction)), *pairs)
        fitted = self._fitted
        if len(pairs) == len(fitted):
            raise ValueError("an encoder needs at least one column")
        if len({each.column.name for each in fitted}) < len(fitted):
            raise ValueError("two columns have the same name")
        self.columns: tuple[Column, ...] = tuple(
            each.column for each in fitted if not isinstance(each, FittedInteraction)
        )
        self.interactions: tuple[Interaction, ...] = tuple(each.interaction for each in pairs)
        self.names = tuple(name for each in fitted for name in each.names)
        self.sources = tuple(each.column.name for each in fitted for _ in each.names)
        self.groups: dict[str, tuple[int, ...]] = {
            each.column.name: tuple(i for i, s in enumerate(self.sources) if s == each.column.name)
            for each in fitted
        }
        self._blocks = tuple(blocks_of(self._fitted, self.groups))

    @classmethod
    def fit(
        cls, columns: Sequence[Column], table: Table, interactions: Sequence[Interaction] = ()
    ) -> Self:
        """Learn medians, ranges and categories from the training table.

        Args:
            columns: What to encode, in the order of the matrix.
            table: Column name -> (n,) values: numbers with None or NaN for missing, text with
                None for missing, or datetime64 with NaT. Other columns of the table are ignored.
            interactions: Products and ratios of number columns.

        Raises:
            ColumnUnfit: A column holds what it cannot encode.
        """
        fitted = [fit_column(column, table[column.name]) for column in columns]
        return cls([*fitted, *(FittedInteraction.fit(pair, table) for pair in interactions)])

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
        stored = [fitted_to_json(each) for each in self._fitted]
        return {
            "format": FORMAT,
            "columns": stored[: len(self.columns)],
            "interactions": stored[len(self.columns) :],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The encoder that `to_json` stored; it encodes bit for bit the same.

        Raises:
            UnknownFormat: Another version of this module wrote it.
        """
        if stored.get("format") != FORMAT:
            raise UnknownFormat(f"encoder format {stored.get('format')!r}, expected {FORMAT}")
        # Encoders stored before there were interactions have none.
        parts = [*stored["columns"], *stored.get("interactions", ())]
        return cls([fitted_from_json(each) for each in parts])
