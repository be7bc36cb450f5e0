"""Which coalitions of columns to ask a model about, and how their values add up to Shapley values.

A coalition is a set of source columns that keep the explained row's values while the others take a
background row's. A plan lists coalitions once each and is linear: contributions = weights @ values.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import NDArray

Order = tuple[int, ...]
Coalition = frozenset[int]
# Bounds the search for balanced orders on wide tables to a fraction of a second.
_MAX_TRIPLES_DRAWN = 2_000_000


@dataclass(frozen=True, slots=True)
class CoalitionPlan:
    """What to evaluate, and what to make of it.

    Attributes:
        masks: (k, n) which of n sources each coalition holds; never none, never all.
        weights: (n, k + 2) weights of the values of: no source, the k coalitions, all sources.
    """

    masks: NDArray[np.bool_]
    weights: NDArray[np.float64]


def antithetic_orders(sources: int, count: int, seed: int) -> list[Order]:
    """`count` orders of the sources, each second one the reverse of the one before.

    A source that comes early in one comes late in the other, which makes sums of pairwise effects
    exact (Mitchell, Cooper, Frank and Holmes, "Sampling Permutations for Shapley Value
    Estimation", JMLR 2022). Effects of three sources are exact where each of the three comes last
    equally often, so each order is the best of many draws in that respect: four such orders err
    as little as eight random ones.
    """
    if count < 2 or count % 2:
        raise ValueError("the number of permutations is even and at least 2")
    draw = random.Random(seed)
    triples = np.array(list(combinations(range(sources), 3)), dtype=np.intp).reshape(-1, 3)
    candidates = max(1, min(256, _MAX_TRIPLES_DRAWN // max(1, len(triples))))
    last = np.zeros(triples.shape)
    orders: list[Order] = []
    for _ in range(count // 2):
        halves = [tuple(draw.sample(range(sources), sources)) for _ in range(candidates)]
        added = [_times_last(half, triples) for half in halves]
        imbalance = [float(((last + each) ** 2).sum()) for each in added]
        best = imbalance.index(min(imbalance))
        last += added[best]
        orders += [halves[best], halves[best][::-1]]
    return orders


def _times_last(order: Order, triples: NDArray[np.intp]) -> NDArray[np.float64]:
    """(t, 3) how often each of three sources comes last of them, in an order and its reverse."""
    position = np.argsort(order)[triples]
    rows = np.arange(len(triples))
    last = np.zeros(triples.shape)
    last[rows, position.argmax(axis=1)] += 1
    last[rows, position.argmin(axis=1)] += 1
    return last


def plan_for(sources: int, orders: Sequence[Order]) -> CoalitionPlan:
    """The exact plan where it asks for no more coalitions than walking the orders would."""
    walked = len(orders) * max(sources - 1, 0)
    # Bounded before 2 ** sources is taken, which is large for wide tables.
    if sources <= walked.bit_length() and 2**sources - 2 <= walked:
        return exact_plan(sources)
    return permutation_plan(sources, orders)


def exact_plan(sources: int) -> CoalitionPlan:
    """Shapley's formula over all 2^n coalitions (Shapley, "A value for n-person games", 1953)."""
    everyone = range(sources)
    terms: _Terms = {}
    for bits in range(2**sources):
        without = frozenset(source for source in everyone if bits >> source & 1)
        for source in everyone:
            if source not in without:
                size = len(without)
                share = factorial(size) * factorial(sources - size - 1) / factorial(sources)
                _add(terms, source, without, share)
    return _plan(sources, terms)


def permutation_plan(sources: int, orders: Sequence[Order]) -> CoalitionPlan:
    """The mean, over orders, of what each source changes when it joins those before it.

    Castro, Gomez and Tejada, "Polynomial calculation of the Shapley value based on sampling",
    Computers & Operations Research 2009. Coalitions that several orders pass are asked once.
    """
    terms: _Terms = {}
    for order in orders:
        for position, source in enumerate(order):
            _add(terms, source, frozenset(order[:position]), 1 / len(orders))
    return _plan(sources, terms)


_Terms = dict[tuple[int, Coalition], float]


def _add(terms: _Terms, source: int, without: Coalition, share: float) -> None:
    """Count `share` of what `source` changes when it joins `without`."""
    joined = without | {source}
    terms[source, without] = terms.get((source, without), 0.0) - share
    terms[source, joined] = terms.get((source, joined), 0.0) + share


def _plan(sources: int, terms: _Terms) -> CoalitionPlan:
    """Lay the terms out as arrays, the coalitions in a fixed order."""
    coalitions = sorted({tuple(sorted(coalition)) for _, coalition in terms}, key=_size_first)
    index = {frozenset(coalition): i for i, coalition in enumerate(coalitions)}
    masks = np.zeros((len(coalitions), sources), dtype=np.bool_)
    for row, members in enumerate(coalitions):
        masks[row, list(members)] = True
    weights = np.zeros((sources, len(coalitions)))
    for (source, coalition), share in terms.items():
        weights[source, index[coalition]] = share
    # The first coalition is nobody and the last is everybody: their values are known anyway.
    return CoalitionPlan(masks[1:-1], weights)


def _size_first(members: Order) -> tuple[int, Order]:
    return len(members), members
