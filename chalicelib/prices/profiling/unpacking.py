"""Parquet files that are small and unpack to more than memory holds.

A text that a million rows share takes a page of the file, and a million times as much once every
row holds its own. So texts are read as they are stored, each once, and counted before that.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from chalicelib.prices.errors import ArquivoRecusado

BUFFER_BYTES = 1 << 20
MOST_UNPACKED_BYTES = 2 << 30  # Ten times the largest file that a dataset is made of.


def open_packed(path: Path) -> pq.ParquetFile:
    """The file, whose texts come as dictionaries.

    Raises:
        pa.ArrowException, OSError: It is none.
    """
    texts = [
        field.name
        for field in pq.ParquetFile(path).schema_arrow
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
    ]
    return pq.ParquetFile(path, buffer_size=BUFFER_BYTES, pre_buffer=False, read_dictionary=texts)


def stored_bytes(file: pq.ParquetFile) -> int:
    """What its pages take before compression, as its footer says."""
    told = file.metadata
    return sum(told.row_group(place).total_byte_size for place in range(told.num_row_groups))


def unpacked_bytes(values: pa.Array) -> int:
    """What a column takes once every row holds its own."""
    if not pa.types.is_dictionary(values.type):
        return int(values.nbytes)
    lengths = pc.binary_length(values.dictionary.cast(pa.large_string()))
    return int(pc.sum(lengths.take(values.indices)).as_py() or 0)


def require_small(unpacked: int) -> None:
    """Refuse a file that unpacks to too much.

    Raises:
        ArquivoRecusado: It does.
    """
    if unpacked > MOST_UNPACKED_BYTES:
        raise ArquivoRecusado(
            f"O Parquet passa de {MOST_UNPACKED_BYTES / 2**30:g} GB depois de descompactado, que"
            " são o máximo."
        )
