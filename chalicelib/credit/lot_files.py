"""A file of any length as lots: a CSV some hundred lines at a time, each time with the header."""

from collections.abc import Iterator

from chalicelib.core.parsing import JSON, RawBody
from chalicelib.core.rowfile import CSV
from chalicelib.credit.lots import MAX_ITENS_POR_LOTE


def lots_of(data: bytes) -> Iterator[RawBody]:
    """The bodies of the lots that a file makes.

    JSON is one lot. In a CSV a row is a line; whether it is one at all the reader of lots decides.
    """
    if data.lstrip()[:1] in (b"[", b"{"):
        yield RawBody(JSON, data)
        return
    header, *rows = data.splitlines(keepends=True) or [b""]
    rows = [row for row in rows if row.strip()]
    header = header if header.endswith((b"\n", b"\r")) else header + b"\n"
    for place in range(0, len(rows) or 1, MAX_ITENS_POR_LOTE):
        yield RawBody(CSV, header + b"".join(rows[place : place + MAX_ITENS_POR_LOTE]))
