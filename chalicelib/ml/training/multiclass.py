"""Judging probabilities of two classes or more, all of them given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.training.bootstrap import Metric, draw_weights, weighted_metric
from chalicelib.ml.training.evaluate import (
    PROMOTION_MARGIN,
    RESAMPLES,
    Estimate,
    estimate,
    may_replace,
    reliability_table,
)
from chalicelib.ml.training.figures import calibration_figure, pr_figure, roc_figure
from chalicelib.ml.training.figures_experiments import confusion_figure
from chalicelib.ml.training.folds import TooLittleData, entity_codes
from chalicelib.ml.training.judging import Floats, Gate

CERTAIN = float(np.finfo(np.float64).eps)  # As scikit-learn does.
MOST_CURVES = 10


class ClassMetric(StrEnum):
    """How well probabilities of classes foretell them."""

    ROC_AUC = "roc_auc"
    F1 = "f1_macro"
    LOG_LOSS = "log_loss"
    ACCURACY = "acuracia"

    @property
    def higher_is_better(self) -> bool:
        """Whether it measures merit rather than loss."""
        return self is not ClassMetric.LOG_LOSS


class ClassErrors:
    """The answers to some rows, weighed by entity per resample."""

    def __init__(self, y: NDArray[Any], answers: Floats, who: NDArray[Any]) -> None:
        """Sort and sum what does not depend on weights.

        Args:
            y: (n,) codes of the classes, 0 to k - 1.
            answers: (n, k) probabilities.
            who: (n,) entities.

        Raises:
            TooLittleData: All rows are of one class.
        """
        self._codes, self._k = entity_codes(who), answers.shape[1]
        if np.unique(y).size < 2:
            raise TooLittleData("all rows to judge on are of one class")
        self.entities = int(self._codes.max()) + 1
        self._cells = y * self._k + answers.argmax(axis=1)
        self._losses = -np.log(np.clip(answers[np.arange(len(y)), y], CERTAIN, 1.0))
        self._areas = [
            weighted_metric(Metric.ROC_AUC, (y == k).astype(np.int_), answers[:, k], self._codes)
            for k in np.unique(y).tolist()
        ]

    def of(self, metric: ClassMetric, weights: Floats) -> float:
        """The metric where entity i counts (g,) weights[i] times; NaN where it says nothing."""
        if metric is ClassMetric.ROC_AUC:
            areas = np.array([area(weights) for area in self._areas])
            known = areas[~np.isnan(areas)]
            return float(known.mean()) if known.size else float("nan")
        rows = weights[self._codes]
        if metric is ClassMetric.LOG_LOSS:
            return float(rows @ self._losses / rows.sum())
        counts = np.bincount(self._cells, rows, self._k**2).reshape(self._k, self._k)
        right = np.diag(counts)
        if metric is ClassMetric.ACCURACY:
            return float(right.sum() / counts.sum())
        # As scikit-learn: the mean over classes that occur, or were foretold.
        both = counts.sum(axis=0) + counts.sum(axis=1)
        return float((2 * right[both > 0] / both[both > 0]).mean())


def class_metrics(
    y: NDArray[Any], answers: Floats, who: NDArray[Any], seed: int
) -> dict[str, Estimate]:
    """Every metric with its 95 % interval.

    Raises:
        TooLittleData: All rows are of one class.
    """
    errors = ClassErrors(y, answers, who)
    everyone = np.ones(errors.entities)
    drawn: dict[ClassMetric, list[float]] = {metric: [] for metric in ClassMetric}
    for weights in draw_weights(errors.entities, RESAMPLES, seed):
        for metric, found in drawn.items():
            found.append(errors.of(metric, weights))
    return {
        metric.value: estimate(errors.of(metric, everyone), np.array(found))
        for metric, found in drawn.items()
    }


@dataclass(frozen=True)
class MulticlassJudge:
    """Judges a classifier by the probabilities of all its classes; a `Judge`.

    ROC AUC is the mean over the classes of each one against the rest, F1 the mean over the classes.
    Everywhere answers are (n, k) and `y` the codes of the classes.

    Attributes:
        classes: Their names by code.
        seed: Of the resampling.
        margin: Negative; how much worse a ROC AUC is still accepted.
        fewest_entities: Below it, a group's metrics are not shown.
    """

    classes: Sequence[str]
    seed: int = 7
    margin: float = PROMOTION_MARGIN
    fewest_entities: int = 30

    measure = "ROC AUC"
    loss_name = "log_loss"
    wanted_rows = "linhas de classes diferentes"

    def loss(self, y: NDArray[Any], answers: Floats) -> float:
        """Log loss."""
        chances = np.clip(answers[np.arange(len(y)), y], CERTAIN, 1.0)
        return float(-np.log(chances).mean())

    def score(self, y: NDArray[Any], answers: Floats) -> float:
        """ROC AUC."""
        errors = ClassErrors(y, answers, np.arange(len(y)))
        return errors.of(ClassMetric.ROC_AUC, np.ones(len(y)))

    def metrics(self, y: NDArray[Any], answers: Floats, who: NDArray[Any]) -> dict[str, Any]:
        """ROC AUC, F1, log loss, accuracy."""
        found = class_metrics(y, answers, who, self.seed)
        sizes = {"rows": len(y), "entities": len(np.unique(who))}
        return {name: each.to_json() for name, each in found.items()} | sizes

    def values(self, y: NDArray[Any], answers: Floats) -> dict[str, float]:
        """The same without intervals."""
        errors, everyone = ClassErrors(y, answers, np.arange(len(y))), np.ones(len(y))
        return {metric.value: errors.of(metric, everyone) for metric in ClassMetric}

    def gains(
        self, y: NDArray[Any], a: Floats, b: Floats, who: NDArray[Any]
    ) -> dict[str, dict[str, float]]:
        """In all of them."""
        return self.differences(y, a, b, who)

    def differences(
        self, y: NDArray[Any], a: Floats, b: Floats, who: NDArray[Any]
    ) -> dict[str, dict[str, float]]:
        """In all of them."""
        return {m: each.to_json() for m, each in self._differences(ClassMetric, y, a, b, who)}

    def _differences(
        self,
        metrics: Iterable[ClassMetric],
        y: NDArray[Any],
        a: Floats,
        b: Floats,
        who: NDArray[Any],
    ) -> list[tuple[str, Estimate]]:
        of_a, of_b = ClassErrors(y, a, who), ClassErrors(y, b, who)
        weights = [np.ones(of_a.entities), *draw_weights(of_a.entities, RESAMPLES, self.seed)]
        found = []
        for metric in metrics:
            sign = 1.0 if metric.higher_is_better else -1.0
            values = [sign * (of_a.of(metric, w) - of_b.of(metric, w)) for w in weights]
            found.append((metric.value, estimate(values[0], np.array(values[1:]))))
        return found

    def gate(
        self, y: NDArray[Any], challenger: Floats, champion: Floats, who: NDArray[Any]
    ) -> Gate:
        """By the lower bound of the paired difference of ROC AUC."""
        ((_, found),) = self._differences((ClassMetric.ROC_AUC,), y, challenger, champion, who)
        return Gate(found, may_replace(found, self.margin))

    def is_few(self, y: NDArray[Any], who: NDArray[Any]) -> bool:
        """Few entities, or one class only."""
        return len(np.unique(who)) < self.fewest_entities or np.unique(y).size < 2

    def counts(self, _y: NDArray[Any]) -> dict[str, int]:
        """Nothing beside rows and entities."""
        return {}

    def summary(self, y: NDArray[Any]) -> dict[str, float]:
        """The share of the commonest class."""
        return {"classe_mais_comum": float(np.bincount(y).max() / len(y))}

    def details(self, y: NDArray[Any], answers: Floats) -> dict[str, Any]:
        """How often each class was taken for each; rows are what happened."""
        k = len(self.classes)
        taken = answers.argmax(axis=1) if len(y) else np.empty(0, np.intp)
        counts = np.bincount(y.astype(np.intp) * k + taken, minlength=k * k).reshape(k, k)
        return {"confusao": {"classes": list(self.classes), "linhas": counts.tolist()}}

    def figures(self, y: NDArray[Any], answers: Mapping[str, Floats]) -> dict[str, Any]:
        """Confusion, and curves: of the second of two classes, or of each against the rest."""
        model = next(iter(answers.values()))
        confusion = self.details(y, model)["confusao"]
        figures = {"confusao": confusion_figure(confusion["classes"], confusion["linhas"])}
        if len(self.classes) == 2:
            positive = {name: each[:, 1] for name, each in answers.items()}
            figures |= {"roc": roc_figure(y, positive), "pr": pr_figure(y, positive)}
            figures["calibracao"] = calibration_figure(reliability_table(y, model[:, 1]))
            return figures
        common = np.argsort(-np.bincount(y, minlength=len(self.classes)))[:MOST_CURVES]
        seen = [k for k in common.tolist() if 0 < (y == k).sum() < len(y)]
        curves = [roc_figure(y == k, {self.classes[k]: model[:, k]})["data"][0] for k in seen]
        roc = roc_figure(y == seen[0], {})
        roc["data"] = [*curves, *roc["data"]]
        right = (model.argmax(axis=1) == y).astype(np.int_)
        table = reliability_table(right, model.max(axis=1))
        return figures | {"roc": roc, "calibracao": calibration_figure(table)}
