"""From a model's margins to its answers: logistic curves, shares of classes, calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Link:
    """What is done to margins.

    Attributes:
        kind: "identity"; "sigmoid", one margin to the probabilities of two classes; "softmax".
        slopes, offsets: Of a sigmoid calibration that follows; a class's chance is
            1 / (1 + exp(slope * x + offset)). With one slope x is the last column and there are
            two classes; of several classes the chances are shared out to 1.
    """

    kind: Literal["identity", "sigmoid", "softmax"] = "identity"
    slopes: tuple[float, ...] = ()
    offsets: tuple[float, ...] = ()

    def answers(self, margins: Floats) -> Floats:
        """(..., k) margins -> (..., k or 2) answers."""
        first = self._first(margins)
        return self._calibrated(first[..., -len(self.slopes) :]) if self.slopes else first

    def _first(self, margins: Floats) -> Floats:
        if self.kind == "sigmoid":
            return _two(_logistic(margins))
        if self.kind == "softmax":
            raised = np.exp(margins - margins.max(axis=-1, keepdims=True))
            return np.asarray(raised / raised.sum(axis=-1, keepdims=True))
        return margins

    def _calibrated(self, values: Floats) -> Floats:
        chances = _logistic(-(np.array(self.slopes) * values + np.array(self.offsets)))
        if len(self.slopes) == 1:
            return _two(chances)
        total = chances.sum(axis=-1, keepdims=True)
        even = np.full_like(chances, 1 / len(self.slopes))
        shares: Floats = np.divide(chances, total, out=even, where=total > 0)
        return shares

    def to_json(self) -> dict[str, Any]:
        """Plain JSON for `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """What `to_json` stored."""
        return cls(stored["kind"], tuple(stored["slopes"]), tuple(stored["offsets"]))


def _logistic(x: Floats) -> Floats:
    # Of -|x|, so that no exponential overflows.
    small = np.exp(-np.abs(x))
    chances: Floats = np.where(x >= 0, 1.0, small) / (1.0 + small)
    return chances


def _two(positive: Floats) -> Floats:
    return np.concatenate([1.0 - positive, positive], axis=-1)
