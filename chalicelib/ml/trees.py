"""Ensembles of decision trees as arrays: what is exported, and what explanations walk through."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.packing import pack, unpack

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trees:
    """Trees whose leaves add up to margins. A row goes left where its value is <= the threshold.

    Attributes:
        roots: (t,) index of each tree's first node; a tree's nodes follow each other.
        feature: (n,) encoded column a node looks at; -1 of leaves.
        threshold: (n,) in float64, as scikit-learn compares.
        left, right: (n,) indices of the children; -1 of leaves.
        leaf, margin, weight: (w,) what is added to which margin in which leaf.
        base: (k,) margins before any tree.
    """

    roots: Ints
    feature: Ints
    threshold: Floats
    left: Ints
    right: Ints
    leaf: Ints
    margin: Ints
    weight: Floats
    base: Floats

    @property
    def leaves(self) -> int:
        """How many leaves there are."""
        return int((self.feature < 0).sum())

    def packed(self) -> str:
        """All arrays as text."""
        return pack(**{each.name: getattr(self, each.name) for each in fields(self)})

    @classmethod
    def unpacked(cls, text: str) -> Self:
        """What `packed` gave."""
        arrays: dict[str, Any] = unpack(text)
        return cls(**arrays)
