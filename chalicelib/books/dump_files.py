"""A catalogue as files: CSV, NDJSON, Parquet. The same catalogue gives the same bytes."""

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from chalicelib.books.found import FIELDS, FoundBook
from chalicelib.books.schemas import DumpFormat
from chalicelib.core.cells import harmless

Row = Mapping[str, Any]
"""A book by the names of `COLUMNS`."""

COLUMNS = ("id", *FIELDS)
ROWS_PER_GROUP = 20_000
"""Of a Parquet file: how many books are in memory a second time while it is written."""

MEDIA_TYPES = {
    DumpFormat.CSV: "text/csv; charset=utf-8",
    DumpFormat.NDJSON: "application/x-ndjson",
    DumpFormat.PARQUET: "application/vnd.apache.parquet",
}


@dataclass(frozen=True)
class DumpFile:
    """One file of a catalogue."""

    format: DumpFormat
    path: Path
    sha256: str
    size_bytes: int


def write_dumps(rows: Sequence[Row], folder: Path) -> dict[DumpFormat, DumpFile]:
    """Write a catalogue in every format.

    Args:
        rows: The books, in the order they are to have.
        folder: Where.
    """
    paths = {each: folder / f"livros.{each}" for each in DumpFormat}
    write_csv(rows, paths[DumpFormat.CSV], COLUMNS)
    with paths[DumpFormat.NDJSON].open("w", encoding="utf-8") as file:
        file.writelines(
            json.dumps({name: _number(row[name]) for name in COLUMNS}, ensure_ascii=False) + "\n"
            for row in rows
        )
    _write_parquet(rows, paths[DumpFormat.PARQUET])
    return {each: _measured(each, path) for each, path in paths.items()}


def write_books_csv(books: Iterable[FoundBook], path: Path) -> None:
    """What a run found, before anybody gave the books an id."""
    write_csv((book.model_dump() for book in books), path, FIELDS)


def write_csv(rows: Iterable[Row], path: Path, columns: Sequence[str]) -> None:
    """Write CSV: UTF-8, a header, lines that end in a line feed, nothing that a spreadsheet runs.

    A text that would be taken for a formula gets an apostrophe before it; as it was read it stands
    in the other formats.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([harmless(_text(row[name])) for name in columns] for row in rows)


def _write_parquet(rows: Sequence[Row], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    of = {
        "id": pa.int64(),
        "rating": pa.int8(),
        "available": pa.bool_(),
        "copies": pa.int32(),
        "reviews": pa.int32(),
        **dict.fromkeys(("price", "price_without_tax", "tax"), pa.decimal128(10, 2)),
    }
    schema = pa.schema(
        pa.field(name, of.get(name, pa.string()), nullable=name == "description")
        for name in COLUMNS
    )
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, len(rows), ROWS_PER_GROUP):
            group = [{n: row[n] for n in COLUMNS} for row in rows[start : start + ROWS_PER_GROUP]]
            writer.write_table(pa.Table.from_pylist(group, schema=schema))


def _text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _number(value: Any) -> Any:
    """Amounts as numbers: two decimals survive that."""
    return float(value) if isinstance(value, Decimal) else value


def _measured(each: DumpFormat, path: Path) -> DumpFile:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return DumpFile(each, path, digest, path.stat().st_size)
