"""Rows with a known answer, as every part of training and judging takes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class LabelledRows:
    """What was known of each case, and what became of it.

    Attributes:
        table: Column -> (n,) raw values.
        y: (n,) classes 0 and 1, or values.
        who: (n,) ids of entities; an entity's rows are alike and are never parted.
        as_of: (n,) when the case was looked at, datetime64[us] in UTC; None where time plays no
            part.
        fingerprint: SHA-256 over all of it.
    """

    table: dict[str, NDArray[Any]]
    y: NDArray[Any]
    who: NDArray[Any]
    as_of: NDArray[np.datetime64] | None
    fingerprint: str

    def take(self, rows: Mask) -> dict[str, NDArray[Any]]:
        """The raw columns of some rows."""
        return {name: values[rows] for name, values in self.table.items()}

    def part(self, rows: Mask) -> LabelledRows:
        """Some of the rows; the fingerprint stays that of all of them."""
        as_of = None if self.as_of is None else self.as_of[rows]
        return LabelledRows(self.take(rows), self.y[rows], self.who[rows], as_of, self.fingerprint)

    @property
    def instants(self) -> NDArray[np.datetime64]:
        """(n,) when each case was looked at.

        Raises:
            ValueError: The rows carry no time.
        """
        if self.as_of is None:
            raise ValueError("these rows carry no time")
        return self.as_of

    def span(self) -> dict[str, str | None]:
        """The first and the last instant, as the registry keeps them."""
        if self.as_of is None:
            return {"desde": None, "ate": None}
        return {"desde": str(self.as_of.min()), "ate": str(self.as_of.max())}
