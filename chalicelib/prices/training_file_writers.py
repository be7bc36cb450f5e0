"""Files of answers, written piece by piece in the format that the cases came in."""

from __future__ import annotations

import csv
import io
import json
from typing import Any, BinaryIO, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from chalicelib.core.cells import harmless
from chalicelib.core.rowfile import CSV
from chalicelib.prices.media import PARQUET
from chalicelib.prices.service_history import BYTE_ORDER_MARK

Columns = dict[str, list[Any]]


class FileWriter(Protocol):
    """Writes rows piece by piece."""

    def write(self, columns: Columns, own: pa.Schema, /) -> None:
        """Append rows, as columns of one length; `own` types those that the file itself had."""

    def close(self) -> None:
        """Say that there are no more."""


def writer_for(media_type: str, file: BinaryIO) -> FileWriter:
    """What writes a file of a media type."""
    if media_type == PARQUET:
        return _ParquetWriter(file)
    return _CsvWriter(file) if media_type == CSV else _JsonWriter(file)


class _CsvWriter:
    """Commas, decimal points, UTF-8 with a byte order mark, nothing that a spreadsheet runs."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._begun = file, False

    def write(self, columns: Columns, _own: pa.Schema, /) -> None:
        """Append rows."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\r\n")
        if not self._begun:
            self._file.write(BYTE_ORDER_MARK)
            writer.writerow(harmless(name) for name in columns)
            self._begun = True
        writer.writerows(map(harmless, row) for row in zip(*columns.values(), strict=True))
        self._file.write(out.getvalue().encode())

    def close(self) -> None:
        """Nothing is left to write."""


class _JsonWriter:
    """One object a line."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, columns: Columns, _own: pa.Schema, /) -> None:
        """Append rows."""
        names = list(columns)
        for row in zip(*columns.values(), strict=True):
            line = json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False)
            self._file.write(line.encode() + b"\n")

    def close(self) -> None:
        """Nothing is left to write."""


class _ParquetWriter:
    """The file's own columns typed as they were, the answers as in the first piece."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._writer: pq.ParquetWriter | None = None

    def write(self, columns: Columns, own: pa.Schema, /) -> None:
        """Append rows."""
        if self._writer is None:
            typed = _typed(columns, own)
            self._writer = pq.ParquetWriter(self._file, typed, compression="zstd")
        self._writer.write_table(pa.table(columns, schema=self._writer.schema))

    def close(self) -> None:
        """Write what stands at a Parquet file's end."""
        if self._writer is not None:
            self._writer.close()


def _typed(columns: Columns, own: pa.Schema) -> pa.Schema:
    """Numbers, instants, or text: of an answer that the first piece has none of, text.

    A file's own column may be empty in its first piece, and hold numbers in its second.
    """
    found = pa.table({name: values for name, values in columns.items() if name not in own.names})
    answers = [
        (each.name, pa.string() if pa.types.is_null(each.type) else each.type)
        for each in found.schema
    ]
    return pa.schema([*((each.name, each.type) for each in own), *answers])
