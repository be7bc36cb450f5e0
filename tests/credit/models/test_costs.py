"""The threshold that costs least, and what thresholds come to."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.credit.training_costs import (
    Judged,
    approval_at_risk,
    cheapest_threshold,
    costs_of,
    decision_costs,
    point,
    points,
    unfit,
)
from chalicelib.credit.training_policy import Costs

COSTS = Costs(loss=0.6, margin=0.2, stated=True)


def judged(seed: int, n: int = 300, sharpness: float = 1.0) -> Judged:
    """Orders whose probabilities are right, with ties."""
    rng = np.random.default_rng(seed)
    p = np.round(rng.random(n) ** sharpness, 2)
    y = (rng.random(n) < p).astype(np.int_)
    return Judged(y, p, rng.integers(0, 5000, n).astype(np.float64), rng.integers(0, 40, n))


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 60))
def test_no_threshold_costs_less(seed: int, n: int) -> None:
    orders = judged(seed, n)
    found = costs_of(orders, orders.p < cheapest_threshold(orders, COSTS), COSTS).sum()
    tried = [costs_of(orders, orders.p < t, COSTS).sum() for t in [0.0, *np.unique(orders.p), 1.01]]
    assert found == pytest.approx(min(tried))


def test_of_right_probabilities_the_threshold_is_near_indifference() -> None:
    found = cheapest_threshold(judged(1, 200_000), COSTS)
    assert found == pytest.approx(COSTS.indifference, abs=0.03)
    assert COSTS.indifference == pytest.approx(0.25)


def test_what_is_lost_and_what_is_forgone() -> None:
    orders = Judged(
        np.array([1, 1, 0, 0]), np.array([0.9, 0.1, 0.8, 0.2]), np.full(4, 100.0), np.arange(4)
    )
    assert costs_of(orders, orders.p < 0.5, COSTS).tolist() == [0, 60, 20, 0]
    at_half = point(orders, 0.5, COSTS)
    assert (at_half.aprovacao, at_half.ruins_entre_aprovados) == (0.5, 0.5)
    assert at_half.custo_por_pedido == 20
    nobody = point(orders, 0.0, COSTS)
    assert (nobody.aprovacao, nobody.ruins_entre_aprovados) == (0, None)


def test_points_go_from_denying_all_to_approving_all() -> None:
    orders = judged(2)
    found = points(orders, COSTS)
    assert [found[0].aprovacao, found[-1].aprovacao] == [0.0, 1.0]
    costs = decision_costs(orders, 0.25, COSTS, seed=1)
    assert costs["negar_todos"]["value"] == pytest.approx(found[0].custo_por_pedido)
    assert costs["aprovar_todos"]["value"] == pytest.approx(found[-1].custo_por_pedido)
    assert costs["limiar"]["low"] < costs["limiar"]["value"] < costs["limiar"]["high"]


def test_a_better_order_of_risk_approves_more_at_the_same_risk() -> None:
    orders = judged(3, 2000)
    blind = Judged(orders.y, np.random.default_rng(9).random(2000), orders.valor, orders.who)
    most = float(orders.y.mean()) / 2
    assert approval_at_risk(orders, most) > approval_at_risk(blind, most) + 0.2
    assert approval_at_risk(orders, 1.0) == 1.0
    assert approval_at_risk(orders, -1.0) == 0.0


@pytest.mark.parametrize(
    ("low", "approving", "denying", "said"),
    [
        (0.51, 10.0, 10.0, None),
        (0.5, 30.0, 30.0, "acaso"),
        (0.6, 9.99, 30.0, "aprovar todos custaria R$ 9,99"),
        (0.6, 30.0, 9.99, "negar todos custaria R$ 9,99"),
    ],
)
def test_who_decides_first_beats_chance_and_deciding_without_looking(
    low: float, approving: float, denying: float, said: str | None
) -> None:
    costs = {"limiar": 10.0, "aprovar_todos": approving, "negar_todos": denying}
    found = unfit(
        {"value": 0.7, "low": low, "high": 0.8}, {name: {"value": n} for name, n in costs.items()}
    )
    assert found is None if said is None else said in str(found)
