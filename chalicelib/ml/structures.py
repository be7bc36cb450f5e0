"""What is known of a model's inside, so that its reasons cost less than asking it.

Explaining a row asks for the model's answer to hundreds of mixtures of the row with background
rows. Of a linear model, and of trees, these answers follow from the coefficients, or from which
leaves the two rows reach: exactly the same Shapley values, many times cheaper on wide tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.coalitions import Order
from chalicelib.ml.links import Link
from chalicelib.ml.packing import pack, unpack

Floats = NDArray[np.float64]
Rows = NDArray[np.float32]


class Structure(Protocol):
    """A model whose margins are known without asking it."""

    link: Link

    def bind(
        self, background: Rows, sources: Sequence[Sequence[int]], orders: Sequence[Order]
    ) -> Walks:
        """Prepare for a background sample, sources' encoded columns, and orders of the sources."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON for `structure_from_json`."""


class Walks(Protocol):
    """A structure that knows what it will be asked."""

    def margins(self, row: Rows) -> Floats:
        """Margins while a row's sources join one by one.

        Args:
            row: (width,) encoded.

        Returns:
            (orders, background rows, sources + 1, margins): at place p the first p sources of the
            order have the row's values, the others the background row's.
        """


class LinearStructure:
    """Margins = rows @ coefficients + intercepts."""

    def __init__(self, coefficients: Floats, intercepts: Floats, link: Link) -> None:
        """Of (width, k) coefficients and (k,) intercepts."""
        self.coefficients, self.intercepts, self.link = coefficients, intercepts, link

    def bind(
        self, background: Rows, sources: Sequence[Sequence[int]], orders: Sequence[Order]
    ) -> Walks:
        """See `Structure`."""
        return _LinearWalks(self, background, sources, orders)

    def to_json(self) -> dict[str, Any]:
        """See `Structure`."""
        packed = pack(coefficients=self.coefficients, intercepts=self.intercepts)
        return {"kind": "linear", "link": self.link.to_json(), "arrays": packed}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """What `to_json` stored."""
        arrays: dict[str, Any] = unpack(stored["arrays"])
        link = Link.from_json(stored["link"])
        return cls(arrays["coefficients"], arrays["intercepts"], link)


class _LinearWalks:
    def __init__(
        self,
        model: LinearStructure,
        background: Rows,
        sources: Sequence[Sequence[int]],
        orders: Sequence[Order],
    ) -> None:
        self._model = model
        columns = [column for source in sources for column in source]
        self._columns = np.array(columns, dtype=np.intp)
        self._starts = np.cumsum([0, *map(len, sources)][:-1])
        self._orders = np.array(orders, dtype=np.intp)
        self._background = np.stack([self._parts(row) for row in background])
        self._begin = background.astype(np.float64) @ model.coefficients + model.intercepts

    def _parts(self, row: Rows) -> Floats:
        """(sources, k) what each source adds to the margins."""
        products = row.astype(np.float64)[:, np.newaxis] * self._model.coefficients
        parts: Floats = np.add.reduceat(products[self._columns], self._starts, axis=0)
        return parts

    def margins(self, row: Rows) -> Floats:
        """See `Walks`."""
        changes = self._parts(row) - self._background  # (m, n, k)
        stepwise = changes[:, self._orders].swapaxes(0, 1)  # (o, m, n, k)
        begin = np.broadcast_to(
            self._begin[np.newaxis, :, np.newaxis], (*stepwise.shape[:2], 1, stepwise.shape[3])
        )
        walked: Floats = np.concatenate([begin, stepwise], axis=2).cumsum(axis=2)
        return walked


def structure_from_json(stored: Mapping[str, Any]) -> Structure:
    """The structure that `to_json` stored."""
    from chalicelib.ml.tree_structures import TreeStructure

    if stored["kind"] == "linear":
        return LinearStructure.from_json(stored)
    return TreeStructure.from_json(stored)
