"""Which algorithm: the least loss on later data, among those that can say why in time (law 8)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from statistics import mean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.artefacts import sha256_of
from chalicelib.ml.encoding import Encoder
from chalicelib.ml.explain import Explainer
from chalicelib.ml.serving import load_served_model
from chalicelib.ml.training.export import PLAIN, Exporter

EXPLANATION_BUDGET_MS = 10.0  # Of the 15 ms that a scored answer may take, at its slowest.
TIMINGS = 7


@dataclass(frozen=True, slots=True)
class Contender:
    """One algorithm on trial.

    Attributes:
        losses: What it is chosen by, on each fold, earliest first; less is better.
        explanation_ms: What one row's score with its reasons takes the served model.
    """

    losses: tuple[float, ...]
    explanation_ms: float

    @property
    def loss(self) -> float:
        """The mean over the folds."""
        return mean(self.losses)

    def to_json(self, loss_name: str) -> dict[str, Any]:
        """Plain JSON, the mean under its name."""
        within = self.explanation_ms <= EXPLANATION_BUDGET_MS
        return {loss_name: self.loss, **asdict(self), "within_budget": within}


def choose(contenders: Mapping[str, Contender], budget_ms: float = EXPLANATION_BUDGET_MS) -> str:
    """The name of the least loss among those within the budget.

    Where none is, the fastest is taken: a slow reason is still one, and the card shows the cost.
    """
    affordable = {n: c for n, c in contenders.items() if c.explanation_ms <= budget_ms}
    if not affordable:
        return min(contenders, key=lambda name: contenders[name].explanation_ms)
    return min(affordable, key=lambda name: affordable[name].loss)


def explanation_cost(
    estimator: Any,
    encoder: Encoder,
    rows: NDArray[np.float32],
    clock: Callable[[], float] = time.thread_time,
    exporter: Exporter = PLAIN,
) -> float:
    """What explaining one row takes once it is served, in ms.

    The least of a few timings of this thread's own work, which sessions do it on: whatever else
    runs on the machine adds little to that.

    Args:
        estimator: Fitted.
        encoder: What it reads.
        rows: (n, width) encoded rows, for the background and the one that is explained.
        clock: Seconds.
        exporter: How the estimator is served.
    """
    exported = exporter.to_onnx(estimator, encoder.width)
    served = load_served_model(exported, sha256_of(exported), encoder.to_json())
    structure = exporter.structure(estimator)
    explainer = Explainer.of_sample(served.score_rows, rows, encoder.groups, structure=structure)
    timings: list[float] = []
    for _ in range(TIMINGS):
        begun = clock()
        explainer.contributions(served.score_rows, rows[0])
        timings.append(clock() - begun)
    return min(timings) * 1000


def log_loss(y: NDArray[np.int_], p: NDArray[np.float64]) -> float:
    """Mean negative log-likelihood; certainty is held back a little, so that it stays finite."""
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))
