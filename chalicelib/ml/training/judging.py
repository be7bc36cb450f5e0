"""What it takes to tell good answers from bad ones, whatever kind of question they answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.training.evaluate import Estimate

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether a challenger is surely not worse than the champion by more than the margin.

    Attributes:
        difference: By how much it is better; negative where it is worse.
        passed: Whether that will do.
    """

    difference: Estimate
    passed: bool


class Judge(Protocol):
    """How one kind of model is judged; a product's recipe says which.

    Everywhere `y` is (n,) what happened, answers are (n,) what the model said in the same unit, and
    `who` is (n,) entities, which are resampled whole. Dictionaries are plain JSON with the names
    that cards and reports show.
    """

    @property
    def measure(self) -> str:
        """What `score` gives, for a person: "ROC AUC"."""

    @property
    def loss_name(self) -> str:
        """What `loss` gives, as the card calls it: "log_loss"."""

    @property
    def wanted_rows(self) -> str:
        """What rows a comparison cannot do without, in pt-BR: "linhas com os dois desfechos"."""

    def loss(self, y: NDArray[Any], answers: Floats) -> float:
        """What algorithms are chosen by; less is better."""

    def score(self, y: NDArray[Any], answers: Floats) -> float:
        """What a column's importance and the gate are measured in; more is better."""

    def metrics(self, y: NDArray[Any], answers: Floats, who: NDArray[Any]) -> dict[str, Any]:
        """All metrics, with their intervals.

        Raises:
            TooLittleData: These rows cannot say.
        """

    def gains(
        self, y: NDArray[Any], a: Floats, b: Floats, who: NDArray[Any]
    ) -> dict[str, dict[str, float]]:
        """By how much `a` beats the rule to beat, in the metrics that matter most."""

    def differences(
        self, y: NDArray[Any], a: Floats, b: Floats, who: NDArray[Any]
    ) -> dict[str, dict[str, float]]:
        """By how much `a` is better than `b` in every metric; negative where it is worse."""

    def gate(
        self, y: NDArray[Any], challenger: Floats, champion: Floats, who: NDArray[Any]
    ) -> Gate:
        """Whether the challenger may replace the champion (law 7).

        Raises:
            TooLittleData: These rows cannot say.
        """

    def is_few(self, y: NDArray[Any], who: NDArray[Any], /) -> bool:
        """Whether a metric of so few rows would mislead."""

    def counts(self, y: NDArray[Any], /) -> dict[str, int]:
        """What is counted beside rows and entities: {"positivos": 12}; of no rows too."""

    def summary(self, y: NDArray[Any]) -> dict[str, float]:
        """What the card's data says of the answers: {"prevalencia": 0.1}."""

    def details(self, y: NDArray[Any], answers: Floats, /) -> dict[str, Any]:
        """Further parts of the metrics: {"confiabilidade": [...]}; of no rows too."""

    def figures(self, y: NDArray[Any], answers: Mapping[str, Floats], /) -> dict[str, Any]:
        """Plotly JSON by name.

        Args:
            y: What happened.
            answers: The model's first, then those of what it is shown beside, by title.
        """
