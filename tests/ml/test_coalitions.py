"""The coalitions asked about add up to Shapley values."""

from __future__ import annotations

import math
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from chalicelib.ml.coalitions import (
    CoalitionPlan,
    antithetic_orders,
    exact_plan,
    permutation_plan,
    plan_for,
)


def game(sources: int, degree: int, seed: int) -> dict[frozenset[int], float]:
    """A random game whose effects involve at most `degree` players at once."""
    draw = np.random.default_rng(seed)
    effects = {
        frozenset(players): draw.normal()
        for size in range(1, degree + 1)
        for players in combinations(range(sources), size)
    }
    everyone = [
        frozenset(players)
        for size in range(sources + 1)
        for players in combinations(range(sources), size)
    ]
    return {c: 1.0 + sum(e for players, e in effects.items() if players <= c) for c in everyone}


def solve(plan: CoalitionPlan, value: dict[frozenset[int], float]) -> NDArray[np.float64]:
    sources = plan.masks.shape[1]
    inner = [value[frozenset(np.flatnonzero(mask).tolist())] for mask in plan.masks]
    asked = [value[frozenset()], *inner, value[frozenset(range(sources))]]
    shares: NDArray[np.float64] = plan.weights @ np.array(asked)
    return shares


def by_definition(sources: int, value: dict[frozenset[int], float]) -> NDArray[np.float64]:
    shares = np.zeros(sources)
    for order in permutations(range(sources)):
        for position, source in enumerate(order):
            before = frozenset(order[:position])
            shares[source] += value[before | {source}] - value[before]
    return shares / math.factorial(sources)


@pytest.mark.parametrize("sources", [1, 2, 3, 4, 5])
def test_exact_plan_is_the_mean_over_all_orders(sources: int) -> None:
    value = game(sources, degree=sources, seed=sources)
    assert np.allclose(solve(exact_plan(sources), value), by_definition(sources, value))


@pytest.mark.parametrize("sources", [2, 3, 6, 9])
def test_an_order_and_its_reverse_are_exact_for_pairwise_effects(sources: int) -> None:
    value = game(sources, degree=2, seed=sources)
    estimate = solve(permutation_plan(sources, antithetic_orders(sources, 2, seed=0)), value)
    assert np.allclose(estimate, solve(exact_plan(sources), value))


@settings(deadline=None)
@given(sources=st.integers(1, 10), half=st.integers(1, 4), seed=st.integers(0, 10_000))
def test_shares_always_sum_to_what_all_sources_change(sources: int, half: int, seed: int) -> None:
    plan = plan_for(sources, antithetic_orders(sources, 2 * half, seed))
    total = plan.weights.sum(axis=0)
    assert np.allclose(total, [-1.0] + [0.0] * len(plan.masks) + [1.0])


@settings(deadline=None)
@given(sources=st.integers(1, 10), half=st.integers(1, 4), seed=st.integers(0, 10_000))
def test_no_coalition_is_asked_twice_nor_one_that_is_known(
    sources: int, half: int, seed: int
) -> None:
    masks = plan_for(sources, antithetic_orders(sources, 2 * half, seed)).masks
    assert len({mask.tobytes() for mask in masks}) == len(masks)
    assert not any(mask.all() or not mask.any() for mask in masks)


def test_all_coalitions_are_used_when_that_is_no_dearer() -> None:
    orders_of = {n: antithetic_orders(n, 8, seed=0) for n in (5, 6, 60)}
    assert len(plan_for(5, orders_of[5]).masks) == 2**5 - 2
    assert len(plan_for(6, orders_of[6]).masks) <= 8 * 5
    assert len(plan_for(60, orders_of[60]).masks) <= 8 * 59


def test_balanced_orders_err_less_than_random_ones() -> None:
    sources, errors = 7, {"balanced": 0.0, "random": 0.0}
    draw = np.random.default_rng(0)
    for seed in range(20):
        value = game(sources, degree=4, seed=seed)
        exact = solve(exact_plan(sources), value)
        halves = [tuple(draw.permutation(sources).tolist()) for _ in range(2)]
        random_orders = [order for half in halves for order in (half, half[::-1])]
        for kind, orders in (
            ("balanced", antithetic_orders(sources, 4, seed)),
            ("random", random_orders),
        ):
            errors[kind] += float(
                np.abs(solve(permutation_plan(sources, orders), value) - exact).sum()
            )
    assert errors["balanced"] < 0.9 * errors["random"]


def test_orders_come_in_reversed_pairs_and_from_the_seed() -> None:
    orders = antithetic_orders(8, 6, seed=4)
    assert orders == antithetic_orders(8, 6, seed=4)
    assert orders != antithetic_orders(8, 6, seed=5)
    assert all(orders[i + 1] == orders[i][::-1] for i in (0, 2, 4))
    with pytest.raises(ValueError, match="even"):
        antithetic_orders(8, 3, seed=0)
