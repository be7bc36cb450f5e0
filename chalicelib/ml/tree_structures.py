"""Exact margins of trees while sources join one by one, without running the trees.

On its way to a leaf a row meets conditions on some sources. While the sources of an order join, the
mixture of a row and a background row reaches the leaf exactly from the moment when the last source
has joined whose conditions only the row meets, until the first one joins whose conditions only the
background row meets. So a leaf adds its weight to an interval of places, and all leaves of all
trees are found together with a few operations on small integers, whatever the number of sources.

The idea of meeting conditions by either row is that of interventional tree explanations: Lundberg
et al., "From local explanations to global understanding with explainable AI for trees", Nature
Machine Intelligence 2020. Walking the stored orders, rather than summing Shapley's weights in
closed form, keeps the values right under any link: logarithms of the target, probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.coalitions import Order
from chalicelib.ml.links import Link
from chalicelib.ml.structures import Rows, Walks
from chalicelib.ml.trees import Floats, Trees

_Condition = tuple[int, bool]  # An inner node, and whether the way goes left there.


class TreeStructure:
    """Margins are sums over the leaves that a row reaches."""

    def __init__(self, trees: Trees, link: Link) -> None:
        """Of fitted trees."""
        self.trees, self.link = trees, link

    def bind(
        self, background: Rows, sources: Sequence[Sequence[int]], orders: Sequence[Order]
    ) -> Walks:
        """See `Structure`."""
        return _TreeWalks(self.trees, background, sources, orders)

    def to_json(self) -> dict[str, Any]:
        """See `Structure`."""
        return {"kind": "trees", "link": self.link.to_json(), "arrays": self.trees.packed()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """What `to_json` stored."""
        return cls(Trees.unpacked(stored["arrays"]), Link.from_json(stored["link"]))


class _Conditions:
    """The conditions on the way to each leaf, together by leaf and source.

    Attributes:
        splits: (s,) inner nodes of all trees.
        source: (e,) of each entry; an entry is a source on the way to a leaf.
        first: (e,) its first condition: twice its split's place in `splits`, and one more where it
            goes left.
        others, owners: (c,) the conditions beyond the first ones, and their entries.
        entries: (p, l) entries of each leaf; filled up with e, which stands for none.
        leaves: (l,) node of each leaf.
    """

    def __init__(self, trees: Trees, source_of: NDArray[np.intp]) -> None:
        self.splits = np.flatnonzero(trees.feature >= 0)
        self._feature = trees.feature[self.splits].astype(np.intp)
        self._threshold = trees.threshold[self.splits]
        source_at = np.where(trees.feature >= 0, source_of[trees.feature], -1).tolist()
        sources: list[int] = []
        first: list[_Condition] = []
        others: list[_Condition] = []
        owners: list[int] = []
        of_leaves: list[tuple[int, range]] = []
        for leaf, way in _ways(trees):
            by_source: dict[int, list[_Condition]] = {}
            for condition in way:
                by_source.setdefault(source_at[condition[0]], []).append(condition)
            of_leaves.append((leaf, range(len(sources), len(sources) + len(by_source))))
            for source, (condition, *more) in by_source.items():
                owners += [len(sources)] * len(more)
                sources.append(source)
                first.append(condition)
                others += more
        self.leaves = [leaf for leaf, _ in of_leaves]
        self.source, self.owners = (np.array(each, dtype=np.intp) for each in (sources, owners))
        self.first, self.others = self._numbered(first), self._numbered(others)
        lines = max((len(entries) for _, entries in of_leaves), default=0)
        self.entries = np.full((lines, len(of_leaves)), len(sources), dtype=np.intp)
        for place, (_, entries) in enumerate(of_leaves):
            self.entries[: len(entries), place] = entries

    def _numbered(self, conditions: Sequence[_Condition]) -> NDArray[np.intp]:
        nodes, lefts = np.array(conditions, dtype=np.intp).reshape(-1, 2).T
        numbers: NDArray[np.intp] = 2 * np.searchsorted(self.splits, nodes) + lefts
        return numbers

    def missed(self, row: Rows) -> NDArray[np.bool_]:
        """(p, l) whether a (width,) row fails each entry; what stands for none is not failed."""
        left = row[self._feature].astype(np.float64) <= self._threshold
        fails = np.stack([left, ~left], axis=1).ravel()
        missed = np.zeros(len(self.first) + 1, dtype=np.bool_)
        missed[:-1] = fails[self.first]
        missed[self.owners[fails[self.others]]] = True
        return missed[self.entries]


def _ways(trees: Trees) -> list[tuple[int, list[_Condition]]]:
    """Every leaf with the conditions on its way."""
    feature = trees.feature.tolist()
    left, right = trees.left.tolist(), trees.right.tolist()
    found: list[tuple[int, list[_Condition]]] = []
    for root in trees.roots.tolist():
        waiting: list[tuple[int, list[_Condition]]] = [(root, [])]
        while waiting:
            node, way = waiting.pop()
            if feature[node] < 0:
                found.append((node, way))
                continue
            waiting.append((right[node], [*way, (node, False)]))
            waiting.append((left[node], [*way, (node, True)]))
    return found


class _TreeWalks:
    """What does not depend on the row is found here once: above all, from which place on the
    background row stands in no leaf's way any more.
    """

    def __init__(
        self,
        trees: Trees,
        background: Rows,
        sources: Sequence[Sequence[int]],
        orders: Sequence[Order],
    ) -> None:
        source_of = np.empty(background.shape[1], dtype=np.intp)
        for place, columns in enumerate(sources):
            source_of[list(columns)] = place
        self._sources, self._conditions = len(sources), _Conditions(trees, source_of)
        missed = [self._conditions.missed(row) for row in background]
        after, self._until = self._place(orders)
        self._barriers = np.stack([_bits(each) for each in missed], axis=1)  # (l, m)
        self._base, self._leaves_of = trees.base, _weights(trees, self._conditions.leaves)
        # Of each background row: where its cells begin, one for each place and one beyond.
        self._cells = np.arange(len(background), dtype=np.int32) * (self._sources + 2)
        # (o, l * m) the cell of the first place from which no barrier of the background is left.
        first = np.stack([_latest(after, each) for each in missed], axis=2)
        self._begin = (self._cells + first).reshape(len(orders), -1)

    def _place(self, orders: Sequence[Order]) -> tuple[NDArray[Any], NDArray[Any]]:
        """(o, p, l) for each entry: its place + 1, and how many places follow it, itself included.

        What stands for none has zeros, so that a maximum passes over it.
        """
        n = self._sources
        small = np.uint8 if n < 127 else np.uint16 if n < 32_767 else np.uint32
        after = np.zeros((len(orders), len(self._conditions.source) + 1), dtype=small)
        until = np.zeros_like(after)
        for row, order in enumerate(orders):
            place = np.empty(n, dtype=np.int64)
            place[list(order)] = np.arange(n)
            after[row, :-1] = place[self._conditions.source] + 1
            until[row, :-1] = n - place[self._conditions.source]
        entries = self._conditions.entries
        return np.ascontiguousarray(after[:, entries]), np.ascontiguousarray(until[:, entries])

    def margins(self, row: Rows) -> Floats:
        """See `Walks`."""
        missed = self._conditions.missed(row)
        # Where neither row meets a source's conditions, no mixture reaches the leaf: its first
        # place comes after its last. Most pairs are such, and bits tell them at little cost.
        pairs = np.flatnonzero((_bits(missed)[:, np.newaxis] & self._barriers) == 0)
        leaves, rows = np.divmod(pairs, len(self._cells))
        last = self._sources - _latest(self._until, missed).astype(np.int32)
        cells = self._cells[rows]
        walks = [
            self._summed(leaves, begin[pairs], cells + until[leaves])
            for begin, until in zip(self._begin, last, strict=True)
        ]
        margins: Floats = np.stack(walks) + self._base
        return margins

    def _summed(
        self, leaves: NDArray[np.intp], first: NDArray[np.int32], last: NDArray[np.int32]
    ) -> Floats:
        """(m, places, margins) of one order: (r,) leaves' weights, each from the first of its cells
        to its last.
        """
        reached = np.flatnonzero(first <= last)
        begin, end, leaves = first[reached], last[reached] + 1, leaves[reached]
        shape, found = (len(self._cells), self._sources + 2), []
        for weights in self._leaves_of:
            weight = weights[leaves]
            change = np.bincount(begin, weight, prod(shape)) - np.bincount(end, weight, prod(shape))
            found.append(change.reshape(shape).cumsum(axis=1)[:, :-1])
        return np.stack(found, axis=2)


def _latest(places: NDArray[Any], missed: NDArray[np.bool_]) -> NDArray[Any]:
    """(o, l) the greatest of (o, p, l) places among the (p, l) entries that are missed; else 0."""
    greatest: NDArray[Any] = (places * missed.astype(places.dtype)).max(axis=1, initial=0)
    return greatest


def _bits(missed: NDArray[np.bool_]) -> NDArray[Any]:
    """(p, l) truths -> (l,) words whose bits they are; of the first 64."""
    kind: Any = np.uint16 if len(missed) <= 16 else np.uint64
    words = np.zeros(missed.shape[1], dtype=kind)
    for place, line in enumerate(missed[:64]):
        words |= line.astype(kind) << kind(place)
    return words


def _weights(trees: Trees, leaves: Sequence[int]) -> Floats:
    """(k, l) what each leaf adds to each margin."""
    place = np.full(len(trees.feature), -1, dtype=np.intp)
    place[list(leaves)] = np.arange(len(leaves))
    found = np.zeros((len(trees.base), len(leaves)))
    np.add.at(found, (trees.margin, place[trees.leaf]), trees.weight)
    return found
