"""How a regression's target is scaled for its estimator, and how answers return to their unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BEYOND = 0.1  # Of the range of the trained logarithms; answers are held that near to it.


@dataclass(frozen=True, slots=True)
class TargetScaling:
    """A target as it is, or log(1 + y) for y >= 0; then (t - centre) / spread.

    Standardised targets let hyperparameters mean the same in any unit, and lose nothing to the
    float32 of an exported model. Logarithms are held near the range of training: what a linear
    model extrapolates there, the exponential would blow up.
    """

    kind: Literal["none", "log"] = "none"
    centre: float = 0.0
    spread: float = 1.0
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("none", "log"):
            raise ValueError(f"unknown target scaling {self.kind!r}")

    def fit(self, target: Floats) -> TargetScaling:
        """The same, standardised by (n,) training targets.

        Raises:
            ValueError: A target is negative and a logarithm was asked for.
        """
        values = self._taken(target)
        low, high = float(values.min()), float(values.max())
        beyond = BEYOND * (high - low)
        centre, spread = float(values.mean()), float(values.std()) or 1.0
        scaled = replace(self, centre=centre, spread=spread)
        if self.kind == "none":
            return scaled
        return replace(scaled, low=max(low - beyond, 0.0), high=high + beyond)

    def forward(self, target: Floats) -> Floats:
        """(n,) targets in their unit -> what the estimator is fitted on.

        Raises:
            ValueError: A target is negative and a logarithm was asked for.
        """
        return (self._taken(target) - self.centre) / self.spread

    def inverse(self, output: Floats) -> Floats:
        """Outputs of the estimator, of any shape -> the target's unit."""
        values = output * self.spread + self.centre
        if self.kind == "none":
            return values
        if self.low is not None or self.high is not None:
            values = np.clip(values, self.low, self.high)
        return np.expm1(values)

    def _taken(self, target: Floats) -> Floats:
        if self.kind == "none":
            return target
        if (target < 0).any():
            raise ValueError("negative targets have no logarithm")
        return np.log1p(target)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON for `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """What `to_json` stored; versions before standardisation stored the kind alone."""
        return cls(**stored)
