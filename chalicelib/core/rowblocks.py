"""Rows of numbers between PostgreSQL and numpy, many at once, by COPY's binary format.

A row is its count of columns, then each column's length and its bytes, big end first; without
nulls every row has one length, so a block of them is one array and nothing is parsed or
written as text. See "Binary Format" in PostgreSQL's page on COPY.
"""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from chalicelib.core.db import copy_in, copy_out

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
HEADER = SIGNATURE + bytes(8)  # No flags, no extension.
TRAILER = b"\xff\xff"


class NotOneLength(ValueError):
    """The rows hold a null, or a column of another type than was declared."""


def read_rows(session: Session, query: str, row: np.dtype[Any]) -> NDArray[Any]:
    """The rows of a query.

    Args:
        session: The session.
        query: Gives the columns of `row` in order; none may be null. COPY takes no parameters.
        row: Numbers of the columns' own widths: i2, i4, i8 and f8 for smallint, integer, bigint
            and double precision; i8 also for a timestamptz, as microseconds since 2000.

    Returns:
        (n,) rows.

    Raises:
        NotOneLength: A column is null or of another type.
    """
    stream = io.BytesIO()
    copy_out(session, f"COPY ({query}) TO STDOUT WITH (FORMAT binary)", stream)
    wire = _wire(row)
    body = stream.getbuffer()[len(HEADER) : -len(TRAILER)]
    if len(body) % wire.itemsize:
        raise NotOneLength
    found = np.frombuffer(body, dtype=wire)
    if (found["columns"] != len(_names(row))).any():
        raise NotOneLength
    rows = np.empty(len(found), dtype=row)
    for name in _names(row):
        if (found[f"length of {name}"] != row[name].itemsize).any():
            raise NotOneLength
        rows[name] = found[name]
    return rows


def write_rows(session: Session, target: str, rows: NDArray[Any]) -> None:
    """Append (n,) rows to a table, in the session's transaction.

    Args:
        session: The transaction.
        target: The table, with its columns in the order of the rows' own: `t (a, b)`.
        rows: As `read_rows` gives them.
    """
    wire = np.empty(len(rows), dtype=_wire(rows.dtype))
    wire["columns"] = len(_names(rows.dtype))
    for name in _names(rows.dtype):
        wire[f"length of {name}"] = rows.dtype[name].itemsize
        wire[name] = rows[name]
    blocks = (HEADER, wire.tobytes(), TRAILER)
    copy_in(session, f"COPY {target} FROM STDIN WITH (FORMAT binary)", blocks)


def _names(row: np.dtype[Any]) -> tuple[str, ...]:
    return row.names or ()


def _wire(row: np.dtype[Any]) -> np.dtype[Any]:
    """A row as it travels."""
    fields: list[Any] = [("columns", ">i2")]
    for name in _names(row):
        fields += [(f"length of {name}", ">i4"), (name, row[name].newbyteorder(">"))]
    return np.dtype(fields)
