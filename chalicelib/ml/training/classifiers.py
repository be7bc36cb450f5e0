"""Judging probabilities of two classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.training.bootstrap import Metric, weighted_metric
from chalicelib.ml.training.evaluate import (
    PROMOTION_MARGIN,
    classification_metrics,
    may_replace,
    paired_difference,
    reliability_table,
)
from chalicelib.ml.training.figures import calibration_figure, pr_figure, roc_figure
from chalicelib.ml.training.judging import Floats, Gate
from chalicelib.ml.training.selection import log_loss

TITLES = {
    Metric.ROC_AUC: "ROC AUC",
    Metric.PR_AUC: "PR AUC",
    Metric.BRIER: "Brier",
    Metric.BRIER_SKILL: "Ganho de Brier",
    Metric.LOG_LOSS: "Log loss",
}


@dataclass(frozen=True)
class ClassifierJudge:
    """Judges a binary classifier by its probabilities; a `Judge`.

    Attributes:
        seed: Of the resampling.
        gate_metric: What a challenger must not be worse in; columns' importance is measured in it.
        margin: Negative; how much worse is still accepted.
        fewest_entities, fewest_of_a_class: Below either, a group's metrics are not shown.
    """

    seed: int = 7
    gate_metric: Metric = Metric.ROC_AUC
    margin: float = PROMOTION_MARGIN
    fewest_entities: int = 30
    fewest_of_a_class: int = 5

    loss_name = "log_loss"
    wanted_rows = "linhas com os dois desfechos"

    @property
    def measure(self) -> str:
        """The gate's metric, for a person."""
        return TITLES[self.gate_metric]

    def loss(self, y: NDArray[Any], answers: Floats) -> float:
        """Log loss."""
        return log_loss(y, answers)

    def score(self, y: NDArray[Any], answers: Floats) -> float:
        """The gate's metric; a loss with its sign turned."""
        weights = np.ones(len(y))
        found = weighted_metric(self.gate_metric, y, answers, np.arange(len(y)))(weights)
        return found if self.gate_metric.higher_is_better else -found

    def metrics(self, y: NDArray[Any], answers: Floats, who: NDArray[Any]) -> dict[str, Any]:
        """ROC AUC, PR AUC, Brier, its skill, log loss."""
        return classification_metrics(y, answers, who, self.seed).to_json()

    def gains(
        self, y: NDArray[Any], a: Floats, b: Floats, who: NDArray[Any]
    ) -> dict[str, dict[str, float]]:
        """In ROC AUC and PR AUC."""
        return self._differences((Metric.ROC_AUC, Metric.PR_AUC), y, a, b, who)

    def differences(
        self, y: NDArray[Any], a: Floats, b: Floats, who: NDArray[Any]
    ) -> dict[str, dict[str, float]]:
        """In every metric."""
        return self._differences(Metric, y, a, b, who)

    def _differences(
        self,
        metrics: Iterable[Metric],
        y: NDArray[Any],
        a: Floats,
        b: Floats,
        who: NDArray[Any],
    ) -> dict[str, dict[str, float]]:
        return {
            metric.value: paired_difference(y, a, b, who, metric, self.seed).to_json()
            for metric in metrics
        }

    def gate(
        self, y: NDArray[Any], challenger: Floats, champion: Floats, who: NDArray[Any]
    ) -> Gate:
        """By the lower bound of the paired difference."""
        difference = paired_difference(y, challenger, champion, who, self.gate_metric, self.seed)
        return Gate(difference, may_replace(difference, self.margin))

    def is_few(self, y: NDArray[Any], who: NDArray[Any]) -> bool:
        """Few entities, or few rows of either class."""
        positives = int(y.sum())
        fewest = min(positives, len(y) - positives)
        return len(np.unique(who)) < self.fewest_entities or fewest < self.fewest_of_a_class

    def counts(self, y: NDArray[Any]) -> dict[str, int]:
        """Rows of class 1."""
        return {"positivos": int(y.sum())}

    def summary(self, y: NDArray[Any]) -> dict[str, float]:
        """Share of class 1."""
        return {"prevalencia": float(y.mean())}

    def details(self, y: NDArray[Any], answers: Floats) -> dict[str, Any]:
        """Reliability."""
        return {"confiabilidade": [each.to_json() for each in reliability_table(y, answers)]}

    def figures(self, y: NDArray[Any], answers: Mapping[str, Floats]) -> dict[str, Any]:
        """ROC, precision and recall, calibration of the first."""
        model = next(iter(answers.values()))
        return {
            "roc": roc_figure(y, answers),
            "pr": pr_figure(y, answers),
            "calibracao": calibration_figure(reliability_table(y, model)),
        }
