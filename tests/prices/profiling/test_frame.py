"""The rows as the encoder takes them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chalicelib.ml.columns import Column
from chalicelib.ml.encoding import Encoder
from chalicelib.prices.corrections import effective
from chalicelib.prices.media import PARQUET
from chalicelib.prices.profiling.frame import read_frame
from chalicelib.prices.schemas_datasets import ColunaPerfil, TipoColuna
from tests.prices.files import ames_like, as_csv, as_parquet, small_table
from tests.prices.profiling.conftest import Profile


def encoder_columns(columns: list[ColunaPerfil]) -> list[Column]:
    """As the encoder has them; dates aside."""
    return [
        Column(each.nome, "number" if each.tipo is TipoColuna.NUMERO else "category")
        for each in columns
        if each.tipo is not TipoColuna.DATA
    ]


@pytest.mark.parametrize("as_file", [as_csv, as_parquet])
def test_columns_are_of_the_types_that_are_promised(
    profile: Profile, kept: Path, as_file: object
) -> None:
    table = small_table()
    media_type = PARQUET if as_file is as_parquet else "text/csv"
    found = profile(as_file(table), media_type)  # type: ignore[operator]
    frame = read_frame(kept, found.columns)
    assert frame.rows == 40
    assert {name: str(values.dtype) for name, values in frame.table.items()} == {
        "bairro": "object",
        "area": "float64",
        "vendido_em": "datetime64[us]",
        "garagem": "object",
        "preco": "float64",
    }
    assert frame.table["bairro"].tolist() == table["bairro"]
    assert frame.table["garagem"][:2].tolist() == ["true", "false"]
    assert frame.table["vendido_em"][0] == np.datetime64("2026-01-01")


def test_absence_is_nan_nat_and_none(profile: Profile, kept: Path) -> None:
    table = {
        "n": ["1", "NA", "3"],
        "d": ["2026-01-02", "?", ""],
        "t": ["a", "NA", "a"],
        "b": ["sim", "-", "não"],
    }
    frame = read_frame(kept, profile(as_csv(table)).columns)
    np.testing.assert_array_equal(frame.table["n"], [1, np.nan, 3])
    assert np.isnat(frame.table["d"]).tolist() == [False, True, True]
    assert frame.table["t"].tolist() == ["a", None, "a"]
    assert frame.table["b"].tolist() == ["true", None, "false"]


def test_everything_of_an_ames_like_file_encodes(profile: Profile, kept: Path) -> None:
    found = profile(as_csv(ames_like()))
    corrected = effective(
        found.columns,
        {"Alley": {"na_e_categoria": True}, "Overall Qual": {"tipo": "categoria"}},
    )
    frame = read_frame(kept, corrected)
    encoder = Encoder.fit(encoder_columns(corrected), frame.table)
    encoded = encoder.encode(frame.table)
    assert encoded.shape == (frame.rows, encoder.width)
    assert np.isfinite(encoded).all()
    assert "Alley=NA" in encoder.names
    assert "Overall Qual=10" in encoder.names
    assert "Lot Frontage:missing" in encoder.names


def test_na_is_a_category_where_that_is_said_and_an_empty_cell_is_not(
    profile: Profile, kept: Path
) -> None:
    found = profile(as_csv({"x": ["a", "NA", "", "n/a", "?"], "y": range(5)}))
    corrected = effective(found.columns, {"x": {"na_e_categoria": True}})
    assert read_frame(kept, corrected).table["x"].tolist() == ["a", "NA", None, "NA", None]


def test_absence_is_the_category_where_na_is_never_written(profile: Profile, kept: Path) -> None:
    found = profile(as_parquet({"x": ["a", None, "b"] * 5, "n": [1.0, None, 2.0] * 5}), PARQUET)
    said: dict[str, dict[str, Any]] = {
        "x": {"na_e_categoria": True},
        "n": {"tipo": "categoria", "na_e_categoria": True},
    }
    frame = read_frame(kept, effective(found.columns, said))
    assert frame.table["x"][:3].tolist() == ["a", "NA", "b"]
    assert frame.table["n"][:3].tolist() == ["1", "NA", "2"]


def test_corrected_types_are_read_so(profile: Profile, kept: Path) -> None:
    table = {
        "cep": ["01310", "20040", "NA"],
        "nota": ["1", "2.5", ""],
        "flag": ["0", "1", "1"],
        "quando": ["2026-01-02", "2026-01-03", "NA"],
    }
    found = profile(as_csv(table))
    said = {
        "cep": {"tipo": "numero"},
        "nota": {"tipo": "texto"},
        "flag": {"tipo": "booleano"},
        "quando": {"tipo": "categoria"},
    }
    frame = read_frame(kept, effective(found.columns, said))
    np.testing.assert_array_equal(frame.table["cep"], [1310, 20040, np.nan])
    assert frame.table["nota"].tolist() == ["1", "2.5", None]
    assert frame.table["flag"].tolist() == ["false", "true", "true"]
    assert frame.table["quando"].tolist() == ["2026-01-02", "2026-01-03", None]


def test_only_the_columns_asked_for_are_read(profile: Profile, kept: Path) -> None:
    found = profile(as_csv(small_table()))
    assert list(read_frame(kept, found.columns[1:2]).table) == ["area"]
