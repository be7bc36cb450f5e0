"""Why a model answered what it answered: Shapley values per source column.

The value of a coalition of columns is the model's mean answer when these columns are the row's and
the others come from each row of a stored background sample. Everything random is stored, so the
same row has the same reasons tomorrow, alone or in a nightly batch.

The model is asked, unless its structure is stored with it (`structures.py`): then what it would
answer is computed from that, and only the row's score is the model's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.coalitions import CoalitionPlan, Order, antithetic_orders, plan_for
from chalicelib.ml.structures import Structure, structure_from_json

FORMAT = 1
DEFAULT_BACKGROUND = 16
DEFAULT_PERMUTATIONS = 4
# Rows per call of the model: large enough to hide the call, small enough to stay in the cache.
MAX_ROWS_PER_CALL = 8192

Predict = Callable[[NDArray[np.float32]], NDArray[np.float64]]
"""(n, width) encoded rows -> (n,) scores, where a row's score does not depend on its neighbours."""

Finish = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""A structure's (..., k) answers -> (...) scores: a class's probability, a target in its unit."""


class UnknownFormat(ValueError):
    """A stored explainer was written in a format that this version does not read."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """One score taken apart, in the score's own unit.

    Attributes:
        score: The model's answer for the row.
        base_value: Its mean answer over the background sample.
        contributions: Source column -> its share of `score - base_value`, to which they sum.
        answer: Index of the class whose probability is explained; None where there is but one
            score.
    """

    score: float
    base_value: float
    contributions: dict[str, float]
    answer: int | None = None


def only_margin(answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """The last of k answers: a regression, or the positive class."""
    last: NDArray[np.float64] = answers[..., -1]
    return last


class Explainer:
    """Explains rows of one model; holds the background sample and the coalitions to ask about."""

    def __init__(
        self,
        background: NDArray[np.float32],
        groups: Mapping[str, Sequence[int]],
        n_permutations: int = DEFAULT_PERMUTATIONS,
        seed: int = 0,
        orders: Sequence[Order] | None = None,
        structure: Structure | None = None,
    ) -> None:
        """Prepare.

        Args:
            background: (m, width) encoded rows that stand for "a usual case", finite.
            groups: Source column -> indices of its encoded columns; `Encoder.groups`.
            n_permutations: Orders of the sources to average over, half of them reversed; even.
                All coalitions are used instead when that asks the model no more often.
            seed: Of the orders.
            orders: The orders themselves, when they were stored.
            structure: The model's inside, where it is known.
        """
        self.background = np.ascontiguousarray(background, dtype=np.float32)
        self.sources = tuple(groups)
        self._groups = {source: tuple(columns) for source, columns in groups.items()}
        self._check()
        self.n_permutations, self.seed, self.structure = n_permutations, seed, structure
        count = len(self.sources)
        self._orders = list(orders or antithetic_orders(count, n_permutations, seed))
        if structure is not None:
            self._walks = structure.bind(self.background, list(self._groups.values()), self._orders)

    @cached_property
    def _plan(self) -> CoalitionPlan:
        return plan_for(len(self.sources), self._orders)

    @cached_property
    def _masks(self) -> NDArray[np.bool_]:
        """(k, 1, width) which encoded columns are the row's, in each coalition."""
        source_of = np.empty(self.background.shape[1], dtype=np.intp)
        for position, columns in enumerate(self._groups.values()):
            source_of[list(columns)] = position
        masks: NDArray[np.bool_] = self._plan.masks[:, np.newaxis, source_of]
        return masks

    @classmethod
    def of_sample(
        cls,
        predict: Predict,
        rows: NDArray[np.float32],
        groups: Mapping[str, Sequence[int]],
        n_permutations: int = DEFAULT_PERMUTATIONS,
        seed: int = 0,
        size: int = DEFAULT_BACKGROUND,
        structure: Structure | None = None,
    ) -> Self:
        """An explainer whose background is drawn from (n, width) training rows.

        The rows are shuffled by the seed, put in order of their scores, and the middle one of each
        of `size` equal parts is kept: so few rows have nearly the mean score of all.
        """
        shuffled = rows[np.random.default_rng(seed).permutation(len(rows))]
        by_score = np.argsort(predict(shuffled), kind="stable")
        size = min(size, len(rows))
        middles = ((np.arange(size) + 0.5) * len(rows) / size).astype(np.intp)
        background = shuffled[by_score[middles]]
        return cls(background, groups, n_permutations, seed, structure=structure)

    @property
    def evaluations_per_row(self) -> int:
        """How many rows the model scores to explain one."""
        return len(self._masks) * len(self.background) + 1

    def contributions(self, predict: Predict, row: NDArray[np.float32]) -> Explanation:
        """Explain one encoded row, (width,) or (1, width)."""
        return self.contributions_of_rows(predict, row.reshape(1, -1))[0]

    def contributions_of_rows(
        self, predict: Predict, rows: NDArray[np.float32], finish: Finish = only_margin
    ) -> list[Explanation]:
        """Explain (n, width) encoded rows; bit for bit as each of them alone.

        Args:
            predict: The model.
            rows: What is explained.
            finish: From a structure's answers to what `predict` gives; not used without one.
        """
        if self.structure is not None:
            link, scores = self.structure.link, predict(rows).tolist()
            return [
                self._walked(finish(link.answers(self._walks.margins(row))), score)
                for row, score in zip(rows, scores, strict=True)
            ]
        step = max(1, MAX_ROWS_PER_CALL // self.evaluations_per_row)
        return [
            explanation
            for start in range(0, len(rows), step)
            for explanation in self._explain(predict, rows[start : start + step])
        ]

    def _walked(self, answers: NDArray[np.float64], score: float) -> Explanation:
        """One row's (orders, m, sources + 1) answers while its sources join -> its explanation."""
        values = answers.mean(axis=1)  # Over the background.
        base_value = float(values[0, 0])
        values[:, -1] = score
        changes = np.empty((len(self._orders), len(self.sources)))
        np.put_along_axis(changes, np.array(self._orders), np.diff(values, axis=1), axis=1)
        shares = changes.mean(axis=0).tolist()
        return Explanation(score, base_value, dict(zip(self.sources, shares, strict=True)))

    def to_json(self) -> dict[str, Any]:
        """Everything `from_json` needs, as plain JSON values; the order of keys does not matter."""
        structure = {} if self.structure is None else {"structure": self.structure.to_json()}
        return {
            "format": FORMAT,
            "background": self.background.astype(np.float64).tolist(),
            "groups": [[source, list(columns)] for source, columns in self._groups.items()],
            "n_permutations": self.n_permutations,
            "seed": self.seed,
            # numpy and Python promise no stable stream of shuffles across versions.
            "orders": [list(order) for order in self._orders],
            **structure,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The explainer that `to_json` stored; it explains bit for bit the same.

        Raises:
            UnknownFormat: Another version of this module wrote it.
        """
        if stored.get("format") != FORMAT:
            raise UnknownFormat(f"explainer format {stored.get('format')!r}, expected {FORMAT}")
        return cls(
            np.array(stored["background"], dtype=np.float32),
            dict(stored["groups"]),
            stored["n_permutations"],
            stored["seed"],
            [tuple(order) for order in stored["orders"]],
            structure_from_json(stored["structure"]) if "structure" in stored else None,
        )

    def _check(self) -> None:
        if self.background.ndim != 2 or not self.background.size:
            raise ValueError("the background is a matrix of at least one row")
        if not np.isfinite(self.background).all():
            raise ValueError("the background has missing or infinite values")
        columns = sorted(column for group in self._groups.values() for column in group)
        if columns != list(range(self.background.shape[1])):
            raise ValueError("the groups must name every encoded column once")

    def _explain(self, predict: Predict, rows: NDArray[np.float32]) -> list[Explanation]:
        """Explain a few rows in one call of the model."""
        n, k, m = len(rows), len(self._masks), len(self.background)
        mixed = np.where(self._masks, rows[:, np.newaxis, np.newaxis, :], self.background)
        asked = np.concatenate([mixed.reshape(n * k * m, rows.shape[1]), rows, self.background])
        answers = predict(asked)
        coalitions = answers[: n * k * m].reshape(n, k, m)
        scores = answers[n * k * m : n * k * m + n]
        base_value = float(answers[n * k * m + n :].mean())
        return [
            self._combine(values, float(score), base_value)
            for values, score in zip(coalitions, scores, strict=True)
        ]

    def _combine(
        self, coalitions: NDArray[np.float64], score: float, base_value: float
    ) -> Explanation:
        """One row's (k, m) answers -> its explanation; the shapes never depend on the batch, so
        neither does the order of summation.
        """
        values = np.concatenate([[base_value], coalitions.mean(axis=1), [score]])
        shares = (self._plan.weights @ values).tolist()
        return Explanation(score, base_value, dict(zip(self.sources, shares, strict=True)))
