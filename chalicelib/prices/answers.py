"""What a version says of cases: number or class, interval, reasons, and what it had not seen.

All that is said comes from the served model and from what was stored with the version (law 8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chalicelib.ml.columns import Table
    from chalicelib.ml.explain import Explanation
    from chalicelib.ml.serving import ServedModel
    from chalicelib.ml.unseen import Unseen

SUM_TOLERANCE = 1e-6  # Of the sum of magnitudes: float64 adds a hundred terms far better.
UNSEEN = {
    "category": "categoria_nova",
    "below_range": "abaixo_da_faixa",
    "above_range": "acima_da_faixa",
    "missing": "ausente_inedito",
}
CLASSES = "classificacao"


class ReasonsDoNotAddUp(RuntimeError):
    """The contributions of an answer do not sum to it (law 8); it must not be given with them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said of one case.

    Attributes:
        value: Of a number, in the target's unit.
        low, high: Its interval, where the version has one.
        label: Of a class: the likeliest.
        chances: Class -> probability.
        reasons: Base value and contributions, where they were asked for.
        unseen: What training saw nothing like.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    label: str | None = None
    chances: dict[str, float] | None = None
    reasons: dict[str, Any] | None = None
    unseen: list[dict[str, Any]] = field(default_factory=list)

    @property
    def said(self) -> float | str:
        """The number, or the likeliest class."""
        return self.value if self.value is not None else str(self.label)


def answer(model: ServedModel, table: Table, explain: bool) -> list[Answer]:
    """What a version says of n cases.

    Args:
        model: The version; its `metadata` says what it foretells.
        table: Column -> (n,) raw values.
        explain: Whether to take each answer apart.

    Raises:
        ReasonsDoNotAddUp: The contributions do not sum to an answer.
    """
    unseen = [_described(each) for each in model.encoder.unseen(table)]
    if model.metadata["tarefa"] == CLASSES:
        return _classes(model, table, unseen, explain)
    return _numbers(model, table, unseen, explain)


def _numbers(
    model: ServedModel, table: Table, unseen: Sequence[list[dict[str, Any]]], explain: bool
) -> list[Answer]:
    from numpy import array

    explained = model.score_and_explain(table) if explain else None
    values = model.predict(table) if explained is None else array([e.score for e in explained])
    low, high = bounds_of(model, values)
    target = str(model.metadata["alvo"])
    return [
        Answer(
            value=float(value),
            low=None if low is None else float(low[place]),
            high=None if high is None else float(high[place]),
            reasons=None if explained is None else _reasons(explained[place], target),
            unseen=unseen[place],
        )
        for place, value in enumerate(values)
    ]


def bounds_of(
    model: ServedModel, values: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]] | tuple[None, None]:
    """(n,) lower and upper ends of the intervals; None of a version without."""
    stored = model.metadata.get("intervalo")
    if stored is None:
        return None, None
    from chalicelib.ml.intervals import bounds

    return bounds(stored, values)


def _classes(
    model: ServedModel, table: Table, unseen: Sequence[list[dict[str, Any]]], explain: bool
) -> list[Answer]:
    names: Sequence[str] = model.metadata["classes"]
    chances = model.probabilities(table)
    likeliest = chances.argmax(axis=1).tolist()
    explained = model.score_and_explain(table) if explain else None
    return [
        Answer(
            label=names[best],
            chances=dict(zip(names, chances[place].tolist(), strict=True)),
            reasons=None if explained is None else _reasons(explained[place], names[best]),
            unseen=unseen[place],
        )
        for place, best in enumerate(likeliest)
    ]


def _reasons(found: Explanation, of: str) -> dict[str, Any]:
    shares = found.contributions
    scale = abs(found.base_value) + fsum(abs(share) for share in shares.values())
    off = abs(found.base_value + fsum(shares.values()) - found.score)
    if not off <= SUM_TOLERANCE * max(scale, abs(found.score), 1e-12):
        raise ReasonsDoNotAddUp(f"off by {off:.3g}")
    ranked = sorted(shares.items(), key=lambda each: -abs(each[1]))
    return {"de": of, "valor_base": found.base_value, "contribuicoes": dict(ranked)}


def _described(found: Sequence[Unseen]) -> list[dict[str, Any]]:
    return [
        {"coluna": each.source, "tipo": UNSEEN[each.kind.value], "valor": each.value}
        for each in found
    ]


def explains_by_itself(metadata: Mapping[str, Any]) -> bool:
    """Whether one case is explained without being asked to: within the budget of law 8."""
    return bool(metadata["explicacao"]["sempre"])


def explanation_ms(metadata: Mapping[str, Any]) -> float:
    """What explaining one case takes, as measured when the version was trained."""
    return float(metadata["explicacao"]["ms"])
