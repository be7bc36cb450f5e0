"""Shift since training: what moved is seen, what did not is not, however the bins fell."""

import json
from math import log

import numpy as np
import pytest

from chalicelib.ml.columns import Column
from chalicelib.ml.monitoring import Binning, population_stability, profile, shifts, stability
from chalicelib.ml.stability import Stability

NUMBER = Column("dias", "number")
CATEGORY = Column("plano", "category")


def counts(*values: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(values, dtype=np.float64)


def test_the_index_is_the_sum_over_bins_on_smoothed_shares() -> None:
    shares = [(100.5 / 201, 150.5 / 201), (100.5 / 201, 50.5 / 201)]
    expected = sum((a - e) * log(a / e) for e, a in shares)
    assert population_stability(counts(100, 100), counts(150, 50)) == pytest.approx(expected)
    same = population_stability(counts(700, 0, 300), counts(7000, 0, 3000))
    assert same == pytest.approx(0, abs=0.01)


def test_a_bin_that_emptied_or_filled_counts() -> None:
    assert population_stability(counts(500, 500, 0), counts(0, 0, 1000)) > 5
    assert population_stability(counts(500, 500), counts(1000, 0)) > 0.25


def test_bands_are_the_usual_ones_and_few_rows_have_none() -> None:
    assert stability(0.0999, 1000, 10) is Stability.OK
    assert stability(0.1, 1000, 10) is Stability.ATTENTION
    assert stability(0.25, 1000, 10) is Stability.DRIFT
    assert stability(9.0, 99, 10) is Stability.TOO_FEW


def test_numbers_fall_into_deciles_of_training_and_missing_into_a_bin_of_its_own() -> None:
    values = np.append(np.arange(1.0, 101.0), [np.nan] * 5)
    found = Binning.fit(NUMBER, values)
    assert found.edges == (10, 20, 30, 40, 50, 60, 70, 80, 90)
    assert found.counts == (10,) * 10 + (5,)
    assert found.count([10.0, 10.1, -1e9, 1e9, None]).tolist() == [2, 1] + [0] * 7 + [1, 1]


def test_a_number_that_hardly_varies_has_fewer_bins_and_no_value_has_one() -> None:
    assert Binning.fit(NUMBER, [3.0] * 50).edges == (3.0,)
    assert Binning.fit(NUMBER, [3.0] * 50).counts == (50, 0, 0)
    assert Binning.fit(NUMBER, [None, None]).counts == (0, 2)


def test_categories_have_a_bin_each_one_for_new_ones_and_one_for_missing() -> None:
    found = Binning.fit(CATEGORY, ["b", "a", "b", None])
    assert found.categories == ("a", "b")
    assert found.counts == (1, 2, 0, 1)
    assert found.count(["novo", "a", float("nan")]).tolist() == [1, 0, 1, 1]


def test_a_stored_profile_sees_what_moved_and_nothing_else() -> None:
    draw = np.random.default_rng(1)
    plans = draw.choice(["x", "y"], 4000).astype(object)
    table = {"dias": draw.normal(5, 2, 4000), "plano": plans}
    stored = json.loads(json.dumps(profile([NUMBER, CATEGORY], table, draw.random(4000))))
    later = {"dias": draw.normal(6, 2, 1000), "plano": plans[:1000]}
    found = {each.column: each for each in shifts(stored, later, draw.random(1000))}
    assert found["dias"].band is Stability.ATTENTION
    assert found["plano"].band is Stability.OK
    assert found["score"].band is Stability.OK
    later["plano"] = np.full(1000, "novo", dtype=object)
    assert shifts(stored, later, draw.random(1000))[1].band is Stability.DRIFT


def test_several_looks_at_a_case_count_once() -> None:
    stored = profile([NUMBER], {"dias": np.arange(1000.0)}, np.linspace(0, 1, 1000))
    once = {"dias": np.repeat(np.arange(900.0, 1000.0), 7)}
    shift = shifts(stored, once, np.repeat(0.5, 700), looks=7)[0]
    assert (shift.rows, shift.band) == (100, Stability.TOO_FEW)
