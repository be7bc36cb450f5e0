"""Raw columns become the same numbers one by one and by the million, today and after storage."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.ml.encoding import (
    Column,
    ColumnUnfit,
    Encoder,
    TargetScaling,
    UnknownFormat,
    Unseen,
    UnseenKind,
)
from tests.ml.conftest import COLUMNS, Sample, draw_sample

numbers = st.none() | st.floats(-1e9, 1e9) | st.just(float("nan")) | st.integers(-5, 5)
counts = st.none() | st.floats(0, 1e9) | st.integers(0, 5)
words = st.none() | st.sampled_from(["a", "b", "c", "é", ""]) | st.text(max_size=3)
rows_of_cells = st.lists(st.tuples(numbers, counts, numbers, words, words), min_size=1, max_size=30)
MIXED = [
    Column("n", "number"),
    Column("cat", "category", rare_below=2),
    Column("log", "number", log=True),
    Column("free", "number", clip=False),
    Column("other", "category"),
]


def as_table(rows: list[tuple[Any, ...]]) -> dict[str, list[Any]]:
    return {
        name: [row[i] for row in rows]
        for i, name in enumerate(["n", "log", "free", "cat", "other"])
    }


def one_row(table: dict[str, list[Any]], index: int) -> dict[str, list[Any]]:
    return {name: [values[index]] for name, values in table.items()}


@settings(deadline=None)
@given(fit_on=rows_of_cells, served=rows_of_cells)
def test_a_row_alone_is_encoded_bit_for_bit_as_among_others(
    fit_on: list[tuple[Any, ...]], served: list[tuple[Any, ...]]
) -> None:
    encoder, table = Encoder.fit(MIXED, as_table(fit_on)), as_table(served)
    together = encoder.encode(table)
    alone = [encoder.encode(one_row(table, i)) for i in range(len(served))]
    assert together.tobytes() == np.concatenate(alone).tobytes()
    assert np.isfinite(together).all()
    assert encoder.unseen(table) == [
        encoder.unseen(one_row(table, i))[0] for i in range(len(served))
    ]


@settings(deadline=None)
@given(fit_on=rows_of_cells, served=rows_of_cells)
def test_storing_an_encoder_changes_no_bit(
    fit_on: list[tuple[Any, ...]], served: list[tuple[Any, ...]]
) -> None:
    encoder = Encoder.fit(MIXED, as_table(fit_on))
    # jsonb keeps neither the order of keys nor "1.0" apart from "1".
    stored = json.loads(json.dumps(encoder.to_json(), sort_keys=True, allow_nan=False))
    restored = Encoder.from_json(stored)
    table = as_table(served)
    assert restored.names == encoder.names
    assert restored.columns == encoder.columns
    assert restored.encode(table).tobytes() == encoder.encode(table).tobytes()


@settings(deadline=None)
@given(fit_on=rows_of_cells)
def test_nothing_that_training_saw_is_called_unseen(fit_on: list[tuple[Any, ...]]) -> None:
    table = as_table(fit_on)
    assert Encoder.fit(MIXED, table).unseen(table) == [[] for _ in fit_on]


def test_large_batches_encode_as_single_rows_do(sample: Sample, encoder: Encoder) -> None:
    large = draw_sample(rows=20_000, seed=1)
    together = encoder.encode(large.table)
    for index in range(0, 20_000, 371):
        assert encoder.encode(large.row(index)).tobytes() == together[index].tobytes()


def test_number_is_imputed_by_the_median_and_flagged() -> None:
    encoder = Encoder.fit([Column("x", "number")], {"x": [1.0, None, 3.0, 10.0]})
    assert encoder.names == ("x", "x:missing")
    encoded = encoder.encode({"x": [float("nan"), 2, Decimal("2.5")]})
    assert encoded.tolist() == [[3.0, 1.0], [2.0, 0.0], [2.5, 0.0]]


def test_no_flag_where_training_missed_nothing() -> None:
    encoder = Encoder.fit([Column("x", "number")], {"x": [1.0, 2.0, 9.0]})
    assert encoder.names == ("x",)
    assert encoder.encode({"x": [None]}).tolist() == [[2.0]]


def test_served_numbers_are_held_in_the_range_seen() -> None:
    columns = [Column("held", "number"), Column("free", "number", clip=False)]
    encoder = Encoder.fit(columns, {"held": [0.0, 10.0], "free": [0.0, 10.0]})
    encoded = encoder.encode({"held": [-5.0, 99.0], "free": [-5.0, 99.0]})
    assert encoded.tolist() == [[0.0, -5.0], [10.0, 99.0]]


def test_logarithm_is_of_one_plus_the_value() -> None:
    encoder = Encoder.fit([Column("x", "number", log=True)], {"x": [0.0, 100.0]})
    expected = [[0.0], [math.log1p(7.0)], [math.log1p(100.0)]]
    assert (
        encoder.encode({"x": [0, 7, 5000]}).tolist()
        == np.array(expected, dtype=np.float32).tolist()
    )


@pytest.mark.parametrize("clip", [True, False])
def test_served_negative_has_a_logarithm_all_the_same(clip: bool) -> None:
    encoder = Encoder.fit([Column("x", "number", log=True, clip=clip)], {"x": [0.0, 1.0]})
    assert encoder.encode({"x": [-3.0]}).tolist() == [[0.0]]


def test_seldom_and_unknown_categories_share_the_rare_group() -> None:
    fit_on: dict[str, list[Any]] = {"plano": ["mensal"] * 3 + ["anual"] * 2 + ["vip", None]}
    encoder = Encoder.fit([Column("plano", "category", rare_below=2)], fit_on)
    assert encoder.names == ("plano=anual", "plano=mensal", "plano:rare", "plano:missing")
    encoded = encoder.encode({"plano": ["mensal", "vip", "nunca visto", None, float("nan")]})
    assert encoded.argmax(axis=1).tolist() == [1, 2, 2, 3, 3]
    assert encoded.sum(axis=1).tolist() == [1.0] * 5


def test_missing_category_is_rare_where_training_missed_none() -> None:
    encoder = Encoder.fit([Column("plano", "category")], {"plano": ["a", "b"]})
    assert encoder.encode({"plano": [None]}).tolist() == [[0.0, 0.0, 1.0]]


def test_sources_and_groups_follow_the_declared_order(encoder: Encoder) -> None:
    assert list(encoder.groups) == [column.name for column in COLUMNS]
    assert encoder.sources == tuple(
        name for name, indices in encoder.groups.items() for _ in indices
    )
    assert [i for indices in encoder.groups.values() for i in indices] == list(range(encoder.width))


def test_unseen_names_what_is_new_per_row() -> None:
    fit_on: dict[str, list[Any]] = {"x": [0.0, 10.0], "plano": ["a", "b"]}
    encoder = Encoder.fit([Column("x", "number"), Column("plano", "category")], fit_on)
    assert encoder.unseen({"x": [5, 11, -1, None], "plano": ["a", "z", "b", None]}) == [
        [],
        [Unseen("x", UnseenKind.ABOVE_RANGE, 11.0), Unseen("plano", UnseenKind.CATEGORY, "z")],
        [Unseen("x", UnseenKind.BELOW_RANGE, -1.0)],
        [Unseen("x", UnseenKind.MISSING, None), Unseen("plano", UnseenKind.MISSING, None)],
    ]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (Column("x", "number", log=True), [-1.0, 2.0]),
        (Column("x", "number"), [float("inf"), 2.0]),
        (Column("x", "category"), ["a", 3]),
    ],
)
def test_training_columns_that_cannot_be_encoded_are_refused(
    column: Column, values: list[Any]
) -> None:
    with pytest.raises(ColumnUnfit, match="'x'"):
        Encoder.fit([column], {"x": values})


def test_served_category_must_be_text() -> None:
    encoder = Encoder.fit([Column("x", "category")], {"x": ["1"]})
    with pytest.raises(TypeError, match="text or None, not int"):
        encoder.encode({"x": [1]})


@pytest.mark.parametrize("short", ["dias_desde_ultimo_checkin", "tendencia", "plano"])
def test_columns_of_different_lengths_are_refused(
    short: str, sample: Sample, encoder: Encoder
) -> None:
    table = {name: list(values[:5]) for name, values in sample.table.items()}
    with pytest.raises(ValueError, match=r"differ in length|inhomogeneous"):
        encoder.encode(table | {short: table[short][:1]})


def test_column_without_any_value_is_constant() -> None:
    encoder = Encoder.fit([Column("x", "number")], {"x": [None, None]})
    assert encoder.encode({"x": [None, 7.0]}).tolist() == [[0.0, 1.0], [0.0, 0.0]]


def test_zero_has_no_sign() -> None:
    encoder = Encoder.fit([Column("x", "number")], {"x": [-0.0, -0.0, None]})
    assert "-0.0" not in json.dumps(encoder.to_json())
    free = Encoder.fit([Column("x", "number", clip=False)], {"x": [1.0]})
    assert free.encode({"x": [-0.0]}).tobytes() == bytes(4)


def test_no_rows_encode_to_an_empty_matrix(encoder: Encoder) -> None:
    assert encoder.encode({column.name: [] for column in COLUMNS}).shape == (0, encoder.width)


def test_columns_are_declared_sensibly() -> None:
    with pytest.raises(ValueError, match="only numbers have a logarithm"):
        Column("x", "category", log=True)
    with pytest.raises(ValueError, match="unknown kind"):
        Column("x", "word")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="same name"):
        Encoder.fit([Column("x", "number")] * 2, {"x": [1.0]})
    with pytest.raises(ValueError, match="at least one column"):
        Encoder.fit([], {})


def test_encoders_of_another_format_are_refused(encoder: Encoder) -> None:
    with pytest.raises(UnknownFormat, match="99"):
        Encoder.from_json(encoder.to_json() | {"format": 99})


@pytest.mark.parametrize("kind", ["none", "log"])
def test_target_scaling_returns_to_the_unit(kind: Any) -> None:
    scaling = TargetScaling.from_json(json.loads(json.dumps(TargetScaling(kind).to_json())))
    prices = np.array([0.0, 0.5, 51.77, 1e6])
    assert np.allclose(scaling.inverse(scaling.forward(prices)), prices, rtol=1e-12)
    assert (scaling.forward(prices)[-1] < 20) == (kind == "log")


def test_target_scaling_refuses_what_has_no_logarithm() -> None:
    with pytest.raises(ValueError, match="negative"):
        TargetScaling("log").forward(np.array([-1.0]))
    with pytest.raises(ValueError, match="unknown target scaling"):
        TargetScaling("sqrt")  # type: ignore[arg-type]
