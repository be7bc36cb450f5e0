"""How wide intervals must be to hold a share of what happens, and how many they do hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.intervals import bounds, errors_of
from chalicelib.ml.training.bootstrap import draw_weights
from chalicelib.ml.training.evaluate import RESAMPLES, Estimate
from chalicelib.ml.training.folds import TooLittleData, entity_codes

Floats = NDArray[np.float64]
Scale = Literal["alvo", "log"]
SPLIT, CROSSED = "conforme_dividido", "conforme_cruzado"


@dataclass(frozen=True, slots=True)
class Conformal:
    """Intervals of one version.

    Attributes:
        scale: "alvo": as wide for every answer; "log": growing with it.
        nominal: The share of actual values they should hold.
        reach: Half their width, in the scale.
        rows: How many rows they were calibrated on.
        measured: The share they held of rows that neither trained nor calibrated, with its 95 %
            bootstrap interval.
        method: Whether the rows it was calibrated on taught nothing, or were left out by folds.
    """

    scale: Scale
    nominal: float
    reach: float
    rows: int
    measured: Estimate | None = None
    method: str = SPLIT

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, which `intervals.bounds` reads."""
        return {
            "metodo": self.method,
            "residuo": "absoluto",
            "escala": self.scale,
            "nominal": self.nominal,
            "quantil": self.reach,
            "linhas_calibracao": self.rows,
            "medida": None if self.measured is None else self.measured.to_json(),
        }


def calibrate(scale: Scale, nominal: float, actual: Floats, answers: Floats) -> Conformal:
    """Intervals from (n,) actual values and answers of rows that the model was not fitted on.

    Raises:
        TooLittleData: So few rows cannot promise so much.
    """
    errors = np.sort(errors_of(scale, actual, answers))
    # The finite-sample rank: among n + 1 exchangeable errors the new one is as likely anywhere.
    rank = int(np.ceil((len(errors) + 1) * nominal))
    if rank > len(errors):
        raise TooLittleData(f"{len(errors)} rows cannot calibrate intervals of {nominal:.0%}")
    return Conformal(scale, nominal, float(errors[rank - 1]), len(errors))


def coverage(
    intervals: Conformal, actual: Floats, answers: Floats, who: NDArray[Any], seed: int
) -> Estimate:
    """The share of (n,) actual values that the intervals hold; entities are resampled whole."""
    low, high = bounds(intervals.to_json(), answers)
    held = ((low <= actual) & (actual <= high)).astype(np.float64)
    codes = entity_codes(who)
    sums, rows = np.bincount(codes, held), np.bincount(codes).astype(np.float64)
    drawn = [w @ sums / (w @ rows) for w in draw_weights(len(rows), RESAMPLES, seed)]
    below, above = np.quantile(drawn, (0.025, 0.975))
    return Estimate(float(held.mean()), float(below), float(above))
