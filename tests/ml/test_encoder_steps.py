"""Dates, ordinals, texts, interactions, imputations and scales: fitted once, written everywhere."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from chalicelib.ml.encoding import (
    Column,
    ColumnUnfit,
    Encoder,
    Interaction,
    Unseen,
    UnseenKind,
)


def at(*parts: int) -> datetime:
    """An instant in UTC, as tables hold them: without its offset."""
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)  # type: ignore[arg-type, misc]


numbers = st.none() | st.floats(-1e6, 1e6) | st.integers(-3, 3)
words = st.none() | st.sampled_from(["baixo", "médio", "alto", "outro"])
texts = st.none() | st.text("ab ", max_size=8)
days = st.none() | st.datetimes(at(1990, 1, 1), at(2030, 1, 1))
rows_of_cells = st.lists(
    st.tuples(numbers, numbers, words, words, texts, days), min_size=1, max_size=20
)
NAMES = ("a", "b", "grau", "tipo", "texto", "dia")
COLUMNS = (
    Column("a", "number", impute="mean", scale="standard"),
    Column("b", "number", impute="constant", constant=-7.0, scale="robust", clip=False),
    Column("grau", "ordinal", scale="minmax"),
    Column("tipo", "category", impute="most_frequent", rare_below=2),
    Column("texto", "text", indicator=False),
    Column("dia", "date", scale="standard"),
)
PAIRS = (Interaction("product", "a", "b"), Interaction("ratio", "a", "b", scale="standard"))


def as_table(rows: list[tuple[Any, ...]]) -> dict[str, list[Any]]:
    return {name: [row[i] for row in rows] for i, name in enumerate(NAMES)}


@settings(deadline=None)
@given(fit_on=rows_of_cells, served=rows_of_cells)
def test_every_step_is_the_same_alone_and_among_others_and_after_storage(
    fit_on: list[tuple[Any, ...]], served: list[tuple[Any, ...]]
) -> None:
    encoder, table = Encoder.fit(COLUMNS, as_table(fit_on), PAIRS), as_table(served)
    together = encoder.encode(table)
    assert np.isfinite(together).all()
    alone = [encoder.encode(as_table([row])) for row in served]
    assert together.tobytes() == np.concatenate(alone).tobytes()
    stored = json.loads(json.dumps(encoder.to_json(), sort_keys=True, allow_nan=False))
    restored = Encoder.from_json(stored)
    assert (restored.names, restored.columns) == (encoder.names, encoder.columns)
    assert restored.interactions == PAIRS
    assert restored.encode(table).tobytes() == together.tobytes()
    assert encoder.unseen(table) == [encoder.unseen(as_table([row]))[0] for row in served]
    assert encoder.unseen(as_table(fit_on)) == [[] for _ in fit_on]


def test_an_encoder_stored_before_these_steps_encodes_as_it_did() -> None:
    number = {"name": "x", "kind": "number", "label": "", "unit": "", "log": False, "clip": True}
    number |= {"rare_below": 1, "truth": False}
    stored = {
        "format": 1,
        "columns": [
            {"column": number, "median": 2, "minimum": 1, "maximum": 9, "saw_missing": True},
            {
                "column": {**number, "name": "c", "kind": "category"},
                "categories": ["p", "q"],
                "rare": [],
                "saw_missing": True,
            },
        ],
    }
    encoder = Encoder.from_json(stored)
    assert encoder.names == ("x", "x:missing", "c=p", "c=q", "c:rare", "c:missing")
    encoded = encoder.encode({"x": [None, 20.0], "c": ["q", None]})
    assert encoded.tolist() == [[2, 1, 0, 1, 0, 0], [9, 0, 0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("impute", "expected"), [("median", 2.0), ("mean", 4.0), ("most_frequent", 1.0)]
)
def test_what_stands_for_a_missing_number(impute: Any, expected: float) -> None:
    seen = [1.0, 1.0, 2.0, 6.0, 10.0, None]
    encoder = Encoder.fit([Column("x", "number", impute=impute)], {"x": seen})
    assert encoder.encode({"x": [None]}).tolist() == [[expected, 1.0]]


def test_a_constant_may_lie_outside_of_the_range_and_is_not_clipped() -> None:
    column = Column("x", "number", impute="constant", constant=-1.0)
    encoder = Encoder.fit([column], {"x": [5.0, 9.0, None]})
    assert encoder.encode({"x": [None, 5.0]}).tolist() == [[-1.0, 1.0], [5.0, 0.0]]


@pytest.mark.parametrize(
    ("scale", "theirs"),
    [("standard", StandardScaler()), ("minmax", MinMaxScaler()), ("robust", RobustScaler())],
)
@pytest.mark.parametrize("log", [False, True])
def test_scales_are_scikit_learns(scale: Any, theirs: Any, log: bool) -> None:
    values = np.random.default_rng(0).gamma(2, 3, 200)
    encoder = Encoder.fit([Column("x", "number", scale=scale, log=log)], {"x": values})
    raw = (np.log1p(values) if log else values).reshape(-1, 1)
    np.testing.assert_allclose(encoder.encode({"x": values}), theirs.fit_transform(raw), 1e-5, 1e-6)


def test_a_constant_column_is_scaled_to_nothing() -> None:
    encoder = Encoder.fit([Column("x", "number", scale="standard")], {"x": [0.1] * 3})
    assert np.abs(encoder.encode({"x": [0.1, 5.0]})).max() < 1e-6


def test_an_ordinal_is_its_place_and_what_is_new_takes_the_usual_one() -> None:
    order = ("ruim", "bom", "novo")
    encoder = Encoder.fit([Column("e", "ordinal", order=order)], {"e": ["bom", "novo", "bom"]})
    encoded = encoder.encode({"e": ["ruim", "novo", "nunca visto", None]})
    # The first was never seen in training, and is held in the range seen.
    assert encoded.tolist() == [[1.0], [2.0], [1.0], [1.0]]
    assert encoder.unseen({"e": ["novo", "nunca visto", None]}) == [
        [],
        [Unseen("e", UnseenKind.CATEGORY, "nunca visto")],
        [Unseen("e", UnseenKind.MISSING, None)],
    ]
    with pytest.raises(ColumnUnfit, match="order does not name"):
        Encoder.fit([Column("e", "ordinal", order=order)], {"e": ["ótimo"]})


def test_a_date_is_its_calendar_and_its_age_at_the_end_of_training() -> None:
    seen = [at(2024, 2, 29, 12), at(2020, 1, 1), None]
    encoder = Encoder.fit([Column("d", "date", clip=False)], {"d": seen})
    names = ("d:year", "d:month", "d:weekday", "d:yearday", "d:age_days", "d:missing")
    assert encoder.names == names
    encoded = encoder.encode({"d": [at(2024, 2, 28, 12), None]})
    assert encoded[0].tolist() == [2024, 2, 2, 59, 1, 0]
    assert encoded[1, -1] == 1
    later = seen[0] + timedelta(days=3) if seen[0] else None
    assert encoder.unseen({"d": [later]}) == [[Unseen("d", UnseenKind.ABOVE_RANGE, "2024-03-03")]]


def test_dates_before_1970_keep_their_weekday() -> None:
    column = Column("d", "date", parts=("weekday", "yearday", "year"), clip=False)
    encoder = Encoder.fit([column], {"d": [at(1969, 12, 31, 23)]})
    assert encoder.encode({"d": [at(1969, 12, 31, 23)]}).tolist() == [[1969, 2, 365]]


def test_a_text_is_its_length_in_characters_and_words() -> None:
    encoder = Encoder.fit(
        [Column("t", "text")], {"t": ["uma casa", "três dormitórios e vaga", None]}
    )
    assert encoder.encode({"t": ["uma casa"]}).tolist() == [[8, 2, 0]]
    with pytest.raises(TypeError, match="string or None"):
        encoder.encode({"t": [3]})


def test_interactions_are_sources_of_their_own_and_missing_where_they_cannot_be() -> None:
    table = {"a": [2.0, 4.0, 6.0], "b": [1.0, 2.0, 0.0]}
    columns = [Column("a", "number"), Column("b", "number")]
    encoder = Encoder.fit(columns, table, [Interaction("product", "a", "b"), PAIRS[1]])
    assert list(encoder.groups) == ["a", "b", "a × b", "a ÷ b"]
    assert encoder.encode(table)[:, 2].tolist() == [2.0, 8.0, 0.0]
    assert encoder.names[-1] == "a ÷ b:missing"
    assert encoder.encode(table)[:, -1].tolist() == [0.0, 0.0, 1.0]
    assert encoder.unseen({"a": [99.0], "b": [1.0]}) == [
        [Unseen("a", UnseenKind.ABOVE_RANGE, 99.0)]
    ]


def test_a_category_may_be_imputed_and_still_say_that_it_was_missing() -> None:
    column = Column("c", "category", impute="constant", constant="nenhum")
    encoder = Encoder.fit([column], {"c": ["a", "a", None]})
    assert encoder.names == ("c=a", "c=nenhum", "c:rare", "c:missing")
    assert encoder.encode({"c": [None, "a", "z"]}).tolist() == [
        [0, 1, 0, 1],
        [1, 0, 0, 0],
        [0, 0, 1, 0],
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "category", "impute": "mean"},
        {"kind": "number", "impute": "constant"},
        {"kind": "number", "impute": "constant", "constant": "x"},
        {"kind": "number", "constant": 1.0},
        {"kind": "number", "order": ("a",)},
        {"kind": "date", "parts": ("words",)},
    ],
)
def test_steps_that_do_not_fit_a_kind_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="'x'"):
        Column("x", **fields)
