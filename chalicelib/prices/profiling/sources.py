"""Any file that a dataset may be sent as, as batches of columns."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from chalicelib.core.rowfile import NDJSON
from chalicelib.prices.errors import ArquivoRecusado
from chalicelib.prices.media import PARQUET
from chalicelib.prices.profiling.csv_source import CHARACTERS_PER_BATCH, ROWS_PER_BATCH, CsvSource
from chalicelib.prices.profiling.decoding import DAMAGED, Encoding, detect_encoding
from chalicelib.prices.profiling.headers import check_names
from chalicelib.prices.profiling.refusals import RefusedRows, numbered
from chalicelib.prices.profiling.unpacking import (
    open_packed,
    require_small,
    stored_bytes,
    unpacked_bytes,
)
from chalicelib.prices.values import LARGEST_NUMBER

CELLS_PER_BATCH = 300_000
ROWS_PER_PARQUET_BATCH = 8_192
BYTES_PER_BATCH = 4 << 20
LARGEST_BATCH_BYTES = 32 << 20
EARLIEST, LATEST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The years 1 to 9999, in microseconds since 1970."""
LONGEST_SHOWN = 60
NOT_JSON = "não é um objeto JSON"
NESTED = "um valor é uma lista ou um objeto"
NOT_TEXT = "há bytes nulos ou que não são caracteres"


class Source(Protocol):
    """A file's rows.

    Attributes:
        names: Its columns.
        refused: Rows left out; complete when the batches have ended.
        rows: Rows given out so far.
        lines: Of the last batch, the line that each row begins on; of Parquet, its number.
        done: Which share of the file has been read, about.
        beyond: Numbers that were infinite, or beyond all measure, and are given as absent.
    """

    names: list[str]
    refused: RefusedRows
    rows: int
    lines: list[int]
    done: float
    beyond: int

    @property
    def description(self) -> dict[str, object]:
        """How the file is read, for people."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows: text columns are trimmed; of Parquet, numbers (float64) and instants
        (timestamp[us]) are what they are.

        Raises:
            ArquivoRecusado: The file cannot be read.
        """


def open_source(path: Path, media_type: str) -> Source:
    """A file of a declared type.

    Raises:
        ArquivoRecusado: It is not what was declared, or cannot be read as a table.
    """
    if media_type == PARQUET:
        return ParquetSource(path)
    return NdjsonSource(path) if media_type == NDJSON else CsvSource(path)


class NdjsonSource:
    """Objects, one a line; a column is a key that stands in any of them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._encoding: Encoding = detect_encoding(path)
        self.refused = RefusedRows()
        self.rows, self.beyond, self.done = 0, 0, 0.0
        self.lines: list[int] = []
        self.names = check_names(self._keys())

    @property
    def description(self) -> dict[str, object]:
        """How the file is read, for people."""
        return {"formato": "ndjson", "codificacao": self._encoding.name.removesuffix("-sig")}

    def _keys(self) -> list[str]:
        """Keys in the order they are first seen in; the file is read once for them."""
        found: dict[str, None] = {}
        for _, row in self._objects(RefusedRows()):
            found.update(dict.fromkeys(row))
        if not found:
            raise ArquivoRecusado("Nenhuma linha do arquivo é um objeto JSON com campos.")
        return list(found)

    def _objects(self, refused: RefusedRows) -> Iterator[tuple[int, dict[str, Any]]]:
        """Line number and object; numbers stay text, as they are written."""
        read = 0
        with self._path.open(encoding=self._encoding.name, errors=self._encoding.errors) as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                read += 1
                found = _object(line)
                if isinstance(found, str):
                    refused.add(number, found, read)
                else:
                    yield number, found
        refused.judge(read)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows as columns of text."""
        rows: list[dict[str, Any]] = []
        lines: list[int] = []
        most = max(1, min(ROWS_PER_BATCH, CELLS_PER_BATCH // len(self.names)))
        characters, given, size = 0, 0, self._path.stat().st_size
        for number, row in self._objects(self.refused):
            rows.append(row)
            lines.append(number)
            # Keys and punctuation, about.
            characters += sum(len(value) + len(name) + 6 for name, value in row.items() if value)
            if len(rows) >= most or characters >= CHARACTERS_PER_BATCH:
                given += characters
                self.done = min(given / size, 1)
                self.lines = lines
                yield self._batch(rows)
                rows, lines, characters = [], [], 0
        if rows:
            self.lines, self.done = lines, 1.0
            yield self._batch(rows)

    def _batch(self, rows: list[dict[str, Any]]) -> pa.RecordBatch:
        self.rows += len(rows)
        columns = [
            pc.utf8_trim_whitespace(pa.array([row.get(name) for row in rows], pa.string()))
            for name in self.names
        ]
        return pa.RecordBatch.from_arrays(columns, names=self.names)


def _object(line: str) -> dict[str, Any] | str:
    """A line's object with all values as text or None; why it is none."""
    try:
        found = json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return NOT_JSON
    if not isinstance(found, dict):
        return NOT_JSON
    if "\0" in line or "\\u0000" in line or (not line.isascii() and DAMAGED.search(line)):
        return NOT_TEXT
    for name, value in found.items():
        if isinstance(value, dict | list):
            return NESTED
        if isinstance(value, bool):
            found[name] = "true" if value else "false"
        elif isinstance(value, str) and not _is_encodable(value):
            return NOT_TEXT  # JSON can escape half of a surrogate pair.
    return found


def _is_encodable(value: str) -> bool:
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


class ParquetSource:
    """A Parquet file of plain columns."""

    def __init__(self, path: Path) -> None:
        self.refused = RefusedRows()
        self.rows, self.done = 0, 0.0
        self.lines: list[int] = []
        self.beyond = 0
        try:
            self._file = open_packed(path)
        except (pa.ArrowException, OSError):
            raise ArquivoRecusado("O arquivo não é um Parquet legível.") from None
        schema = self._file.schema_arrow
        require_small(stored_bytes(self._file))
        names = [name for name in schema.names if name != "__index_level_0__"]
        self.names = check_names(names)
        for name in self.names:
            _require_plain(name, schema.field(name).type)

    @property
    def description(self) -> dict[str, object]:
        """How the file is read, for people."""
        return {"formato": "parquet", "grupos_de_linhas": self._file.metadata.num_row_groups}

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows."""
        most, unpacked = self._rows_at_once(), 0
        try:
            for read in self._file.iter_batches(batch_size=most, columns=self.names):
                size = sum(map(unpacked_bytes, read.columns))
                unpacked += size
                require_small(unpacked)
                yield from self._plain_batches(read, -(-size // LARGEST_BATCH_BYTES))
        except (pa.ArrowException, OSError):
            raise ArquivoRecusado(
                f"O Parquet não pode ser lido depois da linha {numbered(self.rows)}."
            ) from None

    def _plain_batches(self, read: pa.RecordBatch, parts: int) -> Iterator[pa.RecordBatch]:
        most = -(-read.num_rows // max(parts, 1))
        for start in range(0, read.num_rows, most or 1):
            batch = read.slice(start, most)
            self.lines = list(range(self.rows + 1, self.rows + batch.num_rows + 1))
            self.rows += batch.num_rows
            self.done = self.rows / self._file.metadata.num_rows
            columns = [self._usable(name, batch.column(name)) for name in self.names]
            yield pa.RecordBatch.from_arrays(columns, names=self.names)

    def _usable(self, name: str, values: pa.Array) -> pa.Array:
        """A column without what is no number: infinite or beyond all measure; it is counted."""
        plain = _plain(name, values)
        if not pa.types.is_floating(plain.type):
            return plain
        numbers = pc.if_else(pc.is_nan(plain), pa.scalar(None, pa.float64()), plain)
        beyond = pc.greater(pc.abs(numbers), LARGEST_NUMBER)
        self.beyond += pc.sum(beyond, min_count=0).as_py()
        return pc.if_else(beyond, pa.scalar(None, pa.float64()), numbers)

    def _rows_at_once(self) -> int:
        """As many as take some megabytes: a row may hold a novel."""
        rows, size = self._file.metadata.num_rows, stored_bytes(self._file)
        by_size = BYTES_PER_BATCH * max(rows, 1) // max(size, 1)
        by_cells = CELLS_PER_BATCH // len(self.names)
        return int(max(1, min(ROWS_PER_PARQUET_BATCH, by_size, by_cells)))


def _require_plain(name: str, kind: pa.DataType) -> None:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    checks = (
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_decimal,
        pa.types.is_boolean,
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_string_view,
        pa.types.is_timestamp,
        pa.types.is_date,
        pa.types.is_time,
        pa.types.is_null,
    )
    if not any(check(kind) for check in checks):
        raise ArquivoRecusado(
            f"A coluna {_shown(name)} do Parquet é do tipo {kind}; só servem números, textos,"
            " datas e booleanos."
        )


def _plain(name: str, values: pa.Array) -> pa.Array:
    """Numbers as float64, instants as timestamp[us] in UTC without offset, all else as text."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        values, kind = values.dictionary_decode(), kind.value_type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return values.cast(pa.float64(), safe=False)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _instants(name, values)
    texts = pc.utf8_trim_whitespace(values.cast(pa.string()))
    if pc.any(pc.match_substring(texts, "\0")).as_py():
        raise ArquivoRecusado(f"A coluna {_shown(name)} do Parquet tem textos com bytes nulos.")
    return texts


def _instants(name: str, values: pa.Array) -> pa.Array:
    zone = values.type.tz if pa.types.is_timestamp(values.type) else None
    instants = values.cast(pa.timestamp("us", zone), safe=False).cast(pa.timestamp("us"))
    bounds = pc.min_max(instants.cast(pa.int64())).as_py()
    if bounds["min"] is not None and not EARLIEST <= bounds["min"] <= bounds["max"] <= LATEST:
        raise ArquivoRecusado(
            f"A coluna {_shown(name)} do Parquet tem datas fora dos anos 1 a 9999."
        )
    return instants


def _shown(name: str) -> str:
    return name if len(name) <= LONGEST_SHOWN else f"{name[:LONGEST_SHOWN]}..."
