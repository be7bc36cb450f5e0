"""A file's rows turned into Parquet, in a few passes over small pieces.

First as text, as the file has it; then, once every value of every column has been looked at, with
numbers and instants where all values of a column are ones. No text is lost by that: a column with
one value that is none stays text.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from chalicelib.prices.errors import ArquivoRecusado
from chalicelib.prices.profiling.parsing import parse_dates, parse_numbers
from chalicelib.prices.profiling.reading import (
    Readings,
    date_form,
    number_format,
    read_all,
)
from chalicelib.prices.profiling.refusals import numbered
from chalicelib.prices.profiling.sources import Source
from chalicelib.prices.profiling.unpacking import BUFFER_BYTES
from chalicelib.prices.schemas_datasets import TipoColuna
from chalicelib.prices.values import NumberFormat

MOST_ROWS = 5_000_000
MOST_SAMPLED_ROWS = 20_000
MOST_SAMPLED_CELLS = 2_000_000

Tell = Callable[[float], None]
"""Is told which share of a pass is done; raises what stops a run."""


@dataclass(frozen=True)
class Plan:
    """How a column of the file is kept.

    Attributes:
        name: Of the column.
        stored: NUMERO, DATA, or else TEXTO.
        number: How its numbers are written, where all its values are numbers.
        date: How its dates are, where all are dates.
        readings: Of a column that came as text.
    """

    name: str
    stored: TipoColuna
    number: NumberFormat | None = None
    date: str | None = None
    readings: Readings | None = None

    def convert(self, values: pa.Array) -> pa.Array:
        """Values of the file as they are kept."""
        if self.readings is None:
            return values
        if self.stored is TipoColuna.NUMERO and self.number is not None:
            return parse_numbers(values, self.number)
        if self.stored is TipoColuna.DATA and self.date is not None:
            return parse_dates(values, self.date)
        return values

    @property
    def arrow_type(self) -> pa.DataType:
        """Of the kept column."""
        types = {TipoColuna.NUMERO: pa.float64(), TipoColuna.DATA: pa.timestamp("us")}
        return types.get(self.stored, pa.string())


def open_parquet(path: Path) -> pq.ParquetFile:
    """A file that is read piece by piece."""
    return pq.ParquetFile(path, buffer_size=BUFFER_BYTES, pre_buffer=False)


def column_chunks(file: pq.ParquetFile, name: str) -> Iterator[pa.Array]:
    """One column, in pieces: the groups of rows, which were made small."""
    for group in range(file.num_row_groups):
        yield from file.read_row_group(group, [name], use_threads=False).column(0).chunks


def write_as_it_is(source: Source, path: Path, tell: Tell) -> None:
    """Write all rows of a file, text as text.

    Raises:
        ArquivoRecusado: It has no rows, too many, or too many that cannot be read.
    """
    writer: pq.ParquetWriter | None = None
    try:
        for batch in source.batches():
            if writer is None:
                writer = pq.ParquetWriter(path, batch.schema, compression="lz4")
            writer.write_batch(batch)
            if source.rows > MOST_ROWS:
                raise ArquivoRecusado(
                    f"O arquivo tem mais de {numbered(MOST_ROWS)} linhas, que são o máximo."
                )
            tell(source.done)
    finally:
        if writer is not None:
            writer.close()
    if source.rows == 0:
        raise ArquivoRecusado("O arquivo tem um cabeçalho, mas nenhuma linha de dados.")


def make_plans(path: Path, prefers_comma: bool, tell: Tell) -> list[Plan]:
    """Look at every value, and say how each column is kept.

    Args:
        path: What `write_as_it_is` wrote.
        prefers_comma: The file's delimiter speaks for a decimal comma.
        tell: Is told how far it is.
    """
    file = open_parquet(path)
    schema = file.schema_arrow
    readings: dict[str, Readings] = {}
    for place, name in enumerate(schema.names):
        if pa.types.is_string(schema.field(name).type):
            readings[name] = read_all(partial(column_chunks, file, name))
        tell((place + 1) / len(schema.names))
    comma = prefers_comma or any(_has_decimal_comma(each) for each in readings.values())
    return [
        _plan(name, readings[name], comma) if name in readings else _typed(schema.field(name))
        for name in schema.names
    ]


def _typed(column: pa.Field) -> Plan:
    is_number = pa.types.is_floating(column.type)
    return Plan(column.name, TipoColuna.NUMERO if is_number else TipoColuna.DATA)


def _has_decimal_comma(readings: Readings) -> bool:
    form = number_format(readings, prefers_comma=False)
    return form is not None and form.decimal == "," and not readings.only_groups[","]


def _plan(name: str, readings: Readings, prefers_comma: bool) -> Plan:
    number, date = number_format(readings, prefers_comma), date_form(readings)
    if number is not None and not readings.leading_zeros and not readings.codes:
        return Plan(name, TipoColuna.NUMERO, number, readings=readings)
    if date is not None:
        return Plan(name, TipoColuna.DATA, date=date, readings=readings)
    # 007 is a code: as a number it would be 7; and one of twenty digits would lose some.
    return Plan(name, TipoColuna.TEXTO, number, readings=readings)


@dataclass
class Converted:
    """What the rows are like across columns.

    Attributes:
        rows: How many there are.
        duplicates: How many equal one before them.
        sample: Every n-th row, at most 20,000 of them.
    """

    rows: int
    duplicates: int
    sample: pa.Table


def write_converted(source: Path, target: Path, plans: Sequence[Plan], tell: Tell) -> Converted:
    """Write the Parquet that is kept."""
    file = open_parquet(source)
    total = file.metadata.num_rows
    schema = pa.schema([(plan.name, plan.arrow_type) for plan in plans])
    sampler = _Sampler(total, len(plans))
    hashes = np.zeros(total, np.uint64)
    done = 0
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for group in range(file.num_row_groups):
            read = file.read_row_group(group, use_threads=False).combine_chunks()
            columns = [plan.convert(read.column(plan.name).chunk(0)) for plan in plans]
            kept = pa.RecordBatch.from_arrays(columns, schema=schema)
            writer.write_batch(kept)
            sampler.take(kept)
            hashes[done : done + len(kept)] = row_hashes(kept)
            done += len(kept)
            tell(done / total)
    hashes.sort()
    duplicates = int((hashes[1:] == hashes[:-1]).sum())
    return Converted(total, duplicates, pa.Table.from_batches(sampler.taken, schema))


@dataclass
class _Sampler:
    """Takes every n-th row of what passes by."""

    total: int
    width: int
    taken: list[pa.RecordBatch] = field(default_factory=list)
    passed: int = 0

    def take(self, batch: pa.RecordBatch) -> None:
        most = max(100, min(MOST_SAMPLED_ROWS, MOST_SAMPLED_CELLS // self.width))
        step = -(-self.total // most)
        first = -self.passed % step
        self.taken.append(batch.take(pa.array(range(first, len(batch), step), pa.int64())))
        self.passed += len(batch)


MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
Bits = NDArray[np.uint64]


def row_hashes(batch: pa.RecordBatch) -> Bits:
    """(n,) 64 bits by which rows are compared, good for one process: text is hashed as Python does.

    Two of five million different rows have the same once in a million such files.
    """
    found = np.zeros(len(batch), np.uint64)
    for column in batch.columns:
        found = _mixed(found * np.uint64(31) + _mixed(_column_bits(column)))
    return found


def _column_bits(values: pa.Array) -> Bits:
    if pa.types.is_floating(values.type):
        # Adding 0.0 turns -0.0 into 0.0; of all NaN there is one here.
        numbers: NDArray[np.float64] = values.to_numpy(zero_copy_only=False) + 0.0
        return numbers.view(np.uint64)
    if pa.types.is_timestamp(values.type):
        instants = values.cast(pa.int64()).fill_null(np.iinfo(np.int64).min)
        bits: Bits = instants.to_numpy(zero_copy_only=False).view(np.uint64)
        return bits
    return text_bits(values)


def text_bits(values: pa.Array) -> Bits:
    """(n,) Python's hash of each text; null has one, too."""
    encoded = values.dictionary_encode(null_encoding="encode")
    known = np.fromiter(map(hash, encoded.dictionary.to_pylist()), np.int64)
    bits: Bits = known[encoded.indices.to_numpy()].view(np.uint64)
    return bits


def _mixed(bits: Bits) -> Bits:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, 2014)."""
    for shift, factor in MIX:
        bits = (bits ^ (bits >> np.uint64(shift))) * np.uint64(factor)
    return bits ^ (bits >> np.uint64(31))
