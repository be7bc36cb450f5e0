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
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.coalitions import Order
from chalicelib.ml.links import Link
from chalicelib.ml.structures import Rows, Walks
from chalicelib.ml.trees import Floats, Trees


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
        feature, threshold, goes_left: (c,) of each condition, in the order of the entries.
        starts: (e,) first condition of each entry; an entry is a source on the way to a leaf.
        source: (e,) of each entry.
        entries: (p, l) entries of each leaf; filled up with e, which stands for none.
        deep: (p,) how many leaves, the first ones, have an entry in each of these lines.
        leaves: (l,) node of each leaf.
    """

    def __init__(self, trees: Trees, source_of: NDArray[np.intp]) -> None:
        listed: list[tuple[int, float, bool]] = []
        starts: list[int] = []
        sources: list[int] = []
        of_leaves: list[tuple[int, range]] = []
        for leaf, way in _ways(trees):
            by_source: dict[int, list[tuple[int, float, bool]]] = {}
            for condition in way:
                by_source.setdefault(int(source_of[condition[0]]), []).append(condition)
            of_leaves.append((leaf, range(len(starts), len(starts) + len(by_source))))
            for source, conditions in by_source.items():
                starts.append(len(listed))
                sources.append(source)
                listed += conditions
        # Most entries first: at any depth the leaves that go as deep are the first ones.
        of_leaves.sort(key=lambda each: -len(each[1]))
        self.leaves = [leaf for leaf, _ in of_leaves]
        self.feature = np.array([each[0] for each in listed], dtype=np.intp)
        self.threshold = np.array([each[1] for each in listed], dtype=np.float64)
        self.goes_left = np.array([each[2] for each in listed], dtype=np.bool_)
        self.starts = np.array(starts, dtype=np.intp)
        self.source = np.array(sources, dtype=np.intp)
        sizes = np.array([len(entries) for _, entries in of_leaves])
        self.deep = [int((sizes > depth).sum()) for depth in range(int(sizes.max(initial=0)))]
        self.entries = np.full((len(self.deep), len(of_leaves)), len(starts), dtype=np.intp)
        for place, (_, entries) in enumerate(of_leaves):
            self.entries[: len(entries), place] = entries

    def met(self, row: Rows) -> NDArray[np.bool_]:
        """(p, l) whether a (width,) row meets each entry; what stands for none is met."""
        holds = (row[self.feature].astype(np.float64) <= self.threshold) == self.goes_left
        met = np.ones(len(self.starts) + 1, dtype=np.bool_)
        if len(self.starts):
            met[:-1] = np.logical_and.reduceat(holds, self.starts)
        return met[self.entries]


def _ways(trees: Trees) -> list[tuple[int, list[tuple[int, float, bool]]]]:
    """Every leaf with the conditions on its way: (feature, threshold, goes left)."""
    feature, threshold = trees.feature.tolist(), trees.threshold.tolist()
    left, right = trees.left.tolist(), trees.right.tolist()
    found: list[tuple[int, list[tuple[int, float, bool]]]] = []
    for root in trees.roots.tolist():
        waiting: list[tuple[int, list[tuple[int, float, bool]]]] = [(root, [])]
        while waiting:
            node, way = waiting.pop()
            if feature[node] < 0:
                found.append((node, way))
                continue
            condition = feature[node], threshold[node]
            waiting.append((right[node], [*way, (*condition, False)]))
            waiting.append((left[node], [*way, (*condition, True)]))
    return found


class _TreeWalks:
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
        # (p, l, m), so that leaves of one depth lie together.
        self._missed = np.stack([~self._conditions.met(row) for row in background], axis=2)
        self._base, self._shape = trees.base, (len(orders), len(background))
        self._joins, self._leaves_of = self._place(orders), _weights(trees, self._conditions.leaves)

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
        return after[:, entries], until[:, entries]

    def margins(self, row: Rows) -> Floats:
        """See `Walks`."""
        missed, deep = ~self._conditions.met(row), self._conditions.deep
        # Where neither row meets a source's conditions, no mixture reaches the leaf.
        barred = np.zeros((len(self._conditions.leaves), self._shape[1]), dtype=np.bool_)
        for line, count in enumerate(deep):
            barred[:count] |= missed[line, :count, np.newaxis] & self._missed[line, :count]
        leaves, rows = np.nonzero(~barred)
        after, until = self._joins
        first = np.zeros((self._shape[0], len(leaves)), dtype=after.dtype)
        ends = np.zeros_like(first)
        for line, count in enumerate(deep):
            pairs = int(np.searchsorted(leaves, count))
            at, them = leaves[:pairs], rows[:pairs]
            alone = after[:, line, at] * self._missed[line, at, them]
            np.maximum(first[:, :pairs], alone, out=first[:, :pairs])
            without = until[:, line, at] * missed[line, at]
            np.maximum(ends[:, :pairs], without, out=ends[:, :pairs])
        return self._summed(rows, leaves, first, self._sources - ends.astype(np.int64))

    def _summed(
        self,
        rows: NDArray[np.intp],
        leaves: NDArray[np.intp],
        first: NDArray[Any],
        last: NDArray[np.int64],
    ) -> Floats:
        """Add up what the leaves of (r,) pairs of background row and leaf weigh, each from its
        (o, r) first place to its last.
        """
        (orders, background), places = self._shape, self._sources + 1
        order, pair = np.nonzero(first <= last)
        cell = (order * background + rows[pair]) * (places + 1)
        begin, end = cell + first[order, pair], cell + last[order, pair] + 1
        shape = (orders, background, places + 1)
        size, found = orders * background * (places + 1), []
        for weights in self._leaves_of:
            weight = weights[leaves[pair]]
            change = np.bincount(begin, weight, size) - np.bincount(end, weight, size)
            found.append(change.reshape(shape).cumsum(axis=2)[:, :, :-1])
        return np.stack(found, axis=3) + self._base


def _weights(trees: Trees, leaves: Sequence[int]) -> Floats:
    """(k, l) what each leaf adds to each margin."""
    place = np.full(len(trees.feature), -1, dtype=np.intp)
    place[list(leaves)] = np.arange(len(leaves))
    found = np.zeros((len(trees.base), len(leaves)))
    np.add.at(found, (trees.margin, place[trees.leaf]), trees.weight)
    return found
