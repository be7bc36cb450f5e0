"""Reasons sum to the score, and are the same alone and in a batch."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from chalicelib.ml.explain import Explainer, UnknownFormat
from chalicelib.ml.serving import ServedModel
from tests.ml.conftest import Sample

Rows = NDArray[np.float32]
GROUPS = {"a": (0, 2), "b": (1,), "c": (3, 4)}


def background(rows: int = 6) -> Rows:
    return np.random.default_rng(0).normal(size=(rows, 5)).astype(np.float32)


def as_row(*values: float) -> Rows:
    return np.array(values, dtype=np.float32)


def first(rows: Rows) -> NDArray[np.float64]:
    """A model that reads the first column only."""
    return rows[:, 0].astype(np.float64)


def table_of(sample: Sample, rows: int) -> dict[str, Any]:
    return {name: values[:rows] for name, values in sample.table.items()}


def test_contributions_sum_to_score_minus_base_value(served: ServedModel, sample: Sample) -> None:
    for explanation in served.score_and_explain(table_of(sample, 60)):
        total = sum(explanation.contributions.values())
        assert total == pytest.approx(
            explanation.score - explanation.base_value, rel=1e-6, abs=1e-12
        )
        assert set(explanation.contributions) == set(served.encoder.groups)


def test_a_row_alone_has_bit_for_bit_the_reasons_of_a_batch(
    served: ServedModel, sample: Sample
) -> None:
    together = served.score_and_explain(table_of(sample, 45))
    alone = [served.score_and_explain(sample.row(index))[0] for index in range(45)]
    assert together == alone


def test_the_explained_score_is_the_predicted_one(served: ServedModel, sample: Sample) -> None:
    predicted = served.predict(table_of(sample, 45)).tolist()
    explained = [each.score for each in served.score_and_explain(table_of(sample, 45))]
    assert explained == predicted
    assert explained == [served.predict(sample.row(index))[0] for index in range(45)]


def test_a_linear_model_gets_its_coefficients_times_the_distance_from_the_mean() -> None:
    weights = np.array([1.0, -2.0, 0.5, 3.0, 0.25])
    usual, row = background(), as_row(1, 2, 3, 4, 5)
    explainer = Explainer(usual, GROUPS, n_permutations=2)
    explanation = explainer.contributions(lambda rows: rows @ weights, row)
    distance = weights * (row - usual.astype(np.float64).mean(axis=0))
    for source, columns in GROUPS.items():
        assert explanation.contributions[source] == pytest.approx(distance[list(columns)].sum())


def test_a_source_the_model_ignores_contributes_nothing() -> None:
    explainer = Explainer(background(), GROUPS)
    explanation = explainer.contributions(lambda rows: first(rows) ** 2, as_row(1, 1, 1, 1, 1))
    assert explanation.contributions["b"] == pytest.approx(0, abs=1e-12)
    assert explanation.contributions["c"] == pytest.approx(0, abs=1e-12)
    assert explanation.contributions["a"] > 0.01


def test_one_hot_columns_of_a_source_move_together() -> None:
    asked: list[Rows] = []

    def predict(rows: Rows) -> NDArray[np.float64]:
        asked.append(rows)
        return first(rows)

    usual = np.zeros((2, 5), dtype=np.float32)
    Explainer(usual, GROUPS).contributions(predict, np.ones(5, dtype=np.float32))
    for columns in GROUPS.values():
        group = asked[0][:, list(columns)]
        assert (group == group[:, :1]).all()


def test_storing_an_explainer_changes_no_bit(served: ServedModel, sample: Sample) -> None:
    assert served.explainer is not None
    stored = json.loads(json.dumps(served.explainer.to_json(), sort_keys=True, allow_nan=False))
    restored = Explainer.from_json(stored)
    rows = served.encoder.encode(table_of(sample, 20))
    assert restored.contributions_of_rows(
        served.score_rows, rows
    ) == served.explainer.contributions_of_rows(served.score_rows, rows)


def test_stored_orders_are_used_whatever_the_seed_would_draw() -> None:
    stored = Explainer(background(), {str(i): (i,) for i in range(5)}, n_permutations=2).to_json()
    turned = [stored["orders"][0][1:] + stored["orders"][0][:1]]
    stored["orders"] = [turned[0], turned[0][::-1]]
    assert Explainer.from_json(stored).to_json()["orders"] == stored["orders"]


def test_few_background_rows_have_nearly_the_mean_score(
    served: ServedModel, sample: Sample
) -> None:
    rows = served.encoder.encode(sample.table)
    explainer = Explainer.of_sample(served.score_rows, rows, served.encoder.groups, seed=1, size=16)
    base = served.score_rows(explainer.background).mean()
    assert abs(base - served.score_rows(rows).mean()) < 0.02


def test_background_is_no_larger_than_the_sample() -> None:
    explainer = Explainer.of_sample(first, background(3), GROUPS)
    assert len(explainer.background) == 3


def test_no_rows_have_no_explanations() -> None:
    explainer = Explainer(background(), GROUPS)
    nothing = np.empty((0, 5), dtype=np.float32)
    assert explainer.contributions_of_rows(first, nothing) == []


def test_a_model_of_one_source_is_explained_by_it() -> None:
    explainer = Explainer(np.zeros((2, 1), dtype=np.float32), {"x": (0,)})
    explanation = explainer.contributions(lambda rows: 3.0 * first(rows), as_row(2.0))
    assert (explanation.base_value, explanation.contributions) == (0.0, {"x": 6.0})


@pytest.mark.parametrize(
    ("rows", "groups"),
    [
        (background(), {"a": (0, 1), "b": (2,)}),
        (background(), {**GROUPS, "d": (4,)}),
        (background(0), GROUPS),
        (np.full((2, 5), np.nan, dtype=np.float32), GROUPS),
    ],
    ids=["column without source", "column of two sources", "no background", "missing values"],
)
def test_impossible_explainers_are_refused(rows: Rows, groups: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match=r"groups|background"):
        Explainer(rows, groups)


def test_explainers_of_another_format_are_refused() -> None:
    with pytest.raises(UnknownFormat, match="99"):
        Explainer.from_json(Explainer(background(), GROUPS).to_json() | {"format": 99})
