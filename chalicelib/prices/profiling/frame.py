"""The rows of a dataset as the encoder takes them, corrections applied."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from chalicelib.prices.profiling.parsing import parse_dates, parse_numbers
from chalicelib.prices.schemas_datasets import ColunaPerfil, TipoColuna
from chalicelib.prices.values import (
    MISSING_MARKS,
    NA,
    NA_MARKS,
    TRUE_WORDS,
    NumberFormat,
    instant_text,
    number_text,
)


@dataclass(frozen=True)
class Frame:
    """Rows of a dataset.

    Attributes:
        table: Column -> (n,) values. Of a numero: float64, NaN where it is absent. Of a data:
            datetime64[us], NaT where it is absent. Of all else: objects of str, None where it is
            absent; a booleano says "true" or "false".
        rows: n.
    """

    table: dict[str, NDArray[Any]]
    rows: int


def read_frame(path: Path, columns: Sequence[ColunaPerfil]) -> Frame:
    """Read some columns of a dataset's Parquet.

    Args:
        path: The Parquet, on this machine.
        columns: Of the dataset's effective profile.

    Raises:
        KeyError: The file lacks a column.
    """
    file = pq.ParquetFile(path)
    table = {column.nome: _values(_whole(file, column.nome), column) for column in columns}
    return Frame(table, file.metadata.num_rows)


def _whole(file: pq.ParquetFile, name: str) -> pa.Array:
    # One at a time: of a wide file the whole would be twice in memory.
    found = file.read(columns=[name]).column(name).combine_chunks()
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def _values(stored: pa.Array, column: ColunaPerfil) -> NDArray[Any]:
    found: NDArray[Any]
    if column.tipo is TipoColuna.NUMERO:
        numbers = _as_numbers(stored, column).to_numpy(zero_copy_only=False)
        found = numbers.astype(np.float64, copy=True)
    elif column.tipo is TipoColuna.DATA:
        found = _as_instants(stored, column).to_numpy(zero_copy_only=False)
        found = found.astype("datetime64[us]")
    else:
        found = _as_labels(stored, column).to_numpy(zero_copy_only=False).astype(object)
    return found


def _as_numbers(stored: pa.Array, column: ColunaPerfil) -> pa.Array:
    if column.guardado is TipoColuna.NUMERO:
        return stored
    return parse_numbers(stored, column.formato_numero or NumberFormat())


def _as_instants(stored: pa.Array, column: ColunaPerfil) -> pa.Array:
    if column.guardado is TipoColuna.DATA:
        return stored
    return parse_dates(stored, column.formato_data or "iso")


def _as_labels(stored: pa.Array, column: ColunaPerfil) -> pa.Array:
    """Text, by way of the few different ones."""
    encoded = stored.dictionary_encode(null_encoding="encode")
    texts = [_label(value, column) for value in encoded.dictionary.to_pylist()]
    return pc.take(pa.array(texts, pa.string()), encoded.indices)


def _label(value: Any, column: ColunaPerfil) -> str | None:
    text = _text_of(value)
    mark = text.lower()
    if mark in MISSING_MARKS:
        is_category = column.na_e_categoria and (mark in NA_MARKS or column.vazio_e_categoria)
        return NA if is_category else None
    if column.tipo is TipoColuna.BOOLEANO:
        return "true" if mark in TRUE_WORDS or mark == "1" else "false"
    return text


def _text_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, datetime):
        return instant_text(value)
    return str(value)
