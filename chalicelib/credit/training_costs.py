"""What approving and denying cost, and the threshold that costs least.

An order is approved where its probability of the bad outcome is below the threshold. Approving one
that turns out badly loses a share of its value; denying one that would have turned out well forgoes
another (`training_policy.Costs`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.core.portuguese import number
from chalicelib.credit.training_policy import Costs
from chalicelib.ml.training.bootstrap import draw_weights
from chalicelib.ml.training.evaluate import RESAMPLES, Estimate
from chalicelib.ml.training.folds import entity_codes
from chalicelib.ml.training.rows import Mask

Floats = NDArray[np.float64]
POINTS = 20
CHANCE = 0.5


@dataclass(frozen=True)
class Judged:
    """Orders with an answer and an outcome.

    Attributes:
        y: (n,) 1 where the outcome was the bad one.
        p: (n,) probability of it.
        valor: (n,) BRL.
        who: (n,) clientes.
    """

    y: NDArray[np.int_]
    p: Floats
    valor: Floats
    who: NDArray[Any]


@dataclass(frozen=True, slots=True)
class Point:
    """What a threshold comes to.

    Attributes:
        limiar: The threshold.
        aprovacao: Share of orders below it.
        ruins_entre_aprovados: Share of those that turned out badly; None of none.
        custo_por_pedido: BRL.
    """

    limiar: float
    aprovacao: float
    ruins_entre_aprovados: float | None
    custo_por_pedido: float

    def to_json(self) -> dict[str, float | None]:
        """Plain JSON."""
        return asdict(self)


def costs_of(orders: Judged, approved: Mask, costs: Costs) -> Floats:
    """(n,) what each order costs, in BRL, where some are approved and the others denied."""
    lost = costs.loss * orders.valor * orders.y
    forgone = costs.margin * orders.valor * (1 - orders.y)
    return np.where(approved, lost, forgone)


def cheapest_threshold(orders: Judged, costs: Costs) -> float:
    """The threshold that costs least on these orders.

    Of equally cheap ones the nearest to where, of a well calibrated probability, approving and
    denying cost the same.
    """
    order = np.argsort(orders.p, kind="stable")
    p, all_denied = orders.p[order], costs_of(orders, np.zeros(len(order), np.bool_), costs)
    all_approved = costs_of(orders, np.ones(len(order), np.bool_), costs)
    # Approving one more order, in the order of risk, changes the total by this much.
    change = np.cumsum((all_approved - all_denied)[order])
    last_of_tie = np.flatnonzero(np.diff(p, append=np.inf))
    between = (p[last_of_tie] + np.append(p[last_of_tie][1:], 1.0)) / 2
    thresholds = np.concatenate([[0.0], between])
    totals = np.concatenate([[0.0], change[last_of_tie]])
    cheapest = np.flatnonzero(np.isclose(totals, totals.min(), rtol=1e-9, atol=1e-9))
    nearest = np.abs(thresholds[cheapest] - costs.indifference).argmin()
    return float(thresholds[cheapest][nearest])


def point(orders: Judged, threshold: float, costs: Costs) -> Point:
    """What one threshold comes to on these orders."""
    approved = orders.p < threshold
    bad = float(orders.y[approved].mean()) if approved.any() else None
    cost = float(costs_of(orders, approved, costs).mean())
    return Point(float(threshold), float(approved.mean()), bad, cost)


def points(orders: Judged, costs: Costs) -> list[Point]:
    """What thresholds come to that approve ever more orders, from none to all."""
    inner = np.quantile(orders.p, np.linspace(0, 1, POINTS + 1)[1:-1])
    return [point(orders, each, costs) for each in np.unique([0.0, *inner.tolist(), 1.0])]


def cost_estimate(orders: Judged, approved: Mask, costs: Costs, seed: int) -> Estimate:
    """What an order costs on the average, in BRL, with its interval over clientes."""
    return mean_estimate(costs_of(orders, approved, costs), orders.who, seed)


def mean_estimate(values: Floats, who: NDArray[Any], seed: int) -> Estimate:
    """A mean and its 95% bootstrap interval, whole entities resampled."""
    codes = entity_codes(who)
    sums, rows = np.bincount(codes, weights=values), np.bincount(codes)
    drawn = [
        float(weights @ sums / (weights @ rows))
        for weights in draw_weights(len(rows), RESAMPLES, seed)
    ]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Estimate(float(values.mean()), float(low), float(high))


def decision_costs(
    orders: Judged, threshold: float, costs: Costs, seed: int
) -> dict[str, dict[str, float]]:
    """What an order costs by this threshold, by approving all, and by denying all."""
    everyone = np.ones(len(orders.y), dtype=np.bool_)
    policies = {
        "limiar": orders.p < threshold,
        "aprovar_todos": everyone,
        "negar_todos": ~everyone,
    }
    return {
        name: cost_estimate(orders, approved, costs, seed).to_json()
        for name, approved in policies.items()
    }


def unfit(auc: Mapping[str, float], cost: Mapping[str, Mapping[str, float]]) -> str | None:
    """Why a version should not decide where no other does, in pt-BR; None where it may.

    It must be surely better than chance, and cost no more than deciding without looking: than
    approving everybody, and than denying everybody.

    Args:
        auc: ROC AUC on the orders that judge, with its interval.
        cost: BRL per order there, see `decision_costs`.
    """
    if auc["low"] <= CHANCE:
        return (
            f"ROC AUC {number(auc['value'], 3)} [{number(auc['low'], 3)};"
            f" {number(auc['high'], 3)}]: pode não ser melhor que o acaso."
        )
    taken = cost["limiar"]["value"]
    for policy, name in (("aprovar_todos", "aprovar todos"), ("negar_todos", "negar todos")):
        without = cost[policy]["value"]
        if taken > without:
            return (
                f"Custa R$ {number(taken, 2)} por pedido; {name} custaria R$ {number(without, 2)}."
            )
    return None


def approval_at_risk(orders: Judged, most_bad: float) -> float:
    """The largest share that can be approved, the least risky first, with no more bad among them.

    Args:
        orders: The orders.
        most_bad: Share of bad outcomes among the approved that is accepted.
    """
    order = np.argsort(orders.p, kind="stable")
    last_of_tie = np.flatnonzero(np.diff(orders.p[order], append=np.inf))
    bad = np.cumsum(orders.y[order])[last_of_tie] / (last_of_tie + 1)
    fine = np.flatnonzero(bad <= most_bad + 1e-12)
    return float((last_of_tie[fine[-1]] + 1) / len(order)) if fine.size else 0.0
