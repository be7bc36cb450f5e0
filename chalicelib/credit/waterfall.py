"""The reasons of a score as a waterfall: from what the model starts from, step by step, to it."""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.credit.policy import Limiares
from chalicelib.credit.schemas_orders import JustificativaOut

MOST_STEPS = 8
HEADROOM = 1.05


@dataclass(frozen=True)
class Step:
    """One bar.

    Attributes:
        label: What pushes.
        text: Why, in a sentence.
        effect: How far, in probability; of the first and the last bar, the probability itself.
        left: Where the bar begins, as a share of the chart.
        width: How long it is, as a share of the chart.
        kind: `total`, `up` or `down`.
    """

    label: str
    text: str
    effect: float
    left: float
    width: float
    kind: str


@dataclass(frozen=True)
class Waterfall:
    """The bars from base value to score, and where the thresholds stand.

    Attributes:
        steps: Base value, pushes with the strongest first, score.
        approves_below: As a share of the chart; None without thresholds.
        denies_from: The same.
    """

    steps: list[Step]
    approves_below: float | None
    denies_from: float | None


def waterfall(
    base: float, reasons: Sequence[JustificativaOut], score: float, limits: Limiares | None
) -> Waterfall:
    """A score as a waterfall.

    Args:
        base: What the reasons start from.
        reasons: They sum to score minus base; the weakest of many become one step.
        score: The probability of the bad outcome.
        limits: The thresholds that were applied.
    """
    pushes = [(one.rotulo, one.texto, one.efeito) for one in reasons[:MOST_STEPS]]
    rest = reasons[MOST_STEPS:]
    if rest:
        pushes.append((f"Outras {len(rest)}", "As que menos pesam.", sum(r.efeito for r in rest)))
    levels = [base]
    for _, _, effect in pushes:
        levels.append(levels[-1] + effect)
    marks = [limits.aprova_abaixo_de, limits.nega_a_partir_de] if limits else []
    top = min(max(*levels, score, *marks, 0.01) * HEADROOM, 1.0)
    bottom = min(0.0, *levels)
    span = top - bottom
    steps = [_total("Ponto de partida", "O risco médio, antes de olhar o pedido.", base, span)]
    for (label, text, effect), before in zip(pushes, levels, strict=False):
        left = (min(before, before + effect) - bottom) / span
        kind = "up" if effect > 0 else "down"
        steps.append(Step(label, text, effect, left, abs(effect) / span, kind))
    steps.append(_total("Risco deste pedido", "", score, span))
    if not marks:
        return Waterfall(steps, None, None)
    approves, denies = ((mark - bottom) / span for mark in marks)
    return Waterfall(steps, approves, denies)


def _total(label: str, text: str, value: float, span: float) -> Step:
    return Step(label, text, value, 0.0, value / span, "total")
