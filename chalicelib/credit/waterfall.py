"""The reasons of a score as a waterfall: from what the model starts from, step by step, to it."""

from collections.abc import Sequence
from functools import partial

from chalicelib.console.waterfall import Push, Waterfall, Writing, waterfall
from chalicelib.core.portuguese import number, percent
from chalicelib.credit.policy import Limiares
from chalicelib.credit.schemas_orders import JustificativaOut


def _points(value: float) -> str:
    return f"{'+' if value > 0 else '−'}{number(abs(value) * 100, 1)} p.p."


RISK = Writing(
    start="Ponto de partida",
    end="Risco deste pedido",
    why_start="O risco médio, antes de olhar o pedido.",
    total=partial(percent, digits=1),
    push=_points,
    greatest=1.0,
)


def risk_waterfall(
    base: float, reasons: Sequence[JustificativaOut], score: float, limits: Limiares | None
) -> Waterfall:
    """A score as a waterfall.

    Args:
        base: What the reasons start from.
        reasons: They sum to score minus base.
        score: The probability of the bad outcome.
        limits: The thresholds that were applied; the chart's marks, the one that approves first.
    """
    pushes = [Push(one.rotulo, one.texto, one.efeito) for one in reasons]
    marks = [limits.aprova_abaixo_de, limits.nega_a_partir_de] if limits else []
    return waterfall(base, pushes, score, RISK, marks)
