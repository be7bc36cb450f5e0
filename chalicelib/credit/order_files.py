"""Files of orders, CSV or NDJSON: their rows as they were sent, and the lots that they make."""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any, BinaryIO

from chalicelib.core.parsing import RawBody
from chalicelib.core.rowfile import (
    BOM,
    CSV,
    LONGEST_LINE_BYTES,
    NDJSON,
    NOT_JSON,
    BadRow,
    RowFile,
    as_utf8,
)
from chalicelib.core.uploads import object_store
from chalicelib.credit.errors import LoteIlegivel, LoteVazio
from chalicelib.credit.item_fields import FIELDS, Tipo
from chalicelib.credit.names import column_name
from chalicelib.credit.schemas_orders import MOST_ORDERS

SentLine = tuple[int, Mapping[str, Any] | BadRow]
OpenAt = Callable[[int], BinaryIO]


def reading_from(objeto: str) -> OpenAt:
    """What opens an object of the store from an offset on."""
    return lambda offset: object_store().open(objeto, offset=offset)


def reading_bytes(data: bytes) -> OpenAt:
    """What opens bytes from an offset on."""
    return lambda offset: io.BytesIO(data[offset:])


def lines_of(open_at: OpenAt, media_type: str) -> Iterator[SentLine]:
    """The rows of a file, each with the number of its line.

    Raises:
        HeaderInvalid: It is a CSV without a usable header.
    """
    if media_type != CSV:
        yield from _json_lines(open_at(0))
        return
    header = [name for name in RowFile(open_at, CSV, ()).header() if name]
    for line, row in RowFile(open_at, CSV, header).rows():
        yield line, row if isinstance(row, BadRow) else dict(zip(header, row, strict=True))


def _json_lines(stream: BinaryIO) -> Iterator[SentLine]:
    with closing(stream):
        line = 0
        while raw := stream.readline(LONGEST_LINE_BYTES):
            line += 1
            if not raw.strip():
                continue
            try:
                found = json.loads(raw)
            except (ValueError, RecursionError):
                found = None
            yield line, found if isinstance(found, dict) else BadRow(NOT_JSON)


def lots_of_orders(data: bytes) -> list[RawBody]:
    """A file of orders, of any length, as bodies of at most 500 each.

    Raises:
        HeaderInvalid: It is a CSV without a usable header.
        LoteIlegivel: Its header lacks a column that every order has.
        LoteVazio: It has no orders.
    """
    text = as_utf8(data).removeprefix(BOM)
    rows = [row for row in text.splitlines() if row.strip()]
    is_json = text.lstrip()[:1] == b"{"
    header = [] if is_json else rows[:1]
    if header:
        _require_columns(text)
    orders = rows[len(header) :]
    if not orders:
        raise LoteVazio
    media_type = NDJSON if is_json else CSV
    return [
        RawBody(media_type, b"\n".join([*header, *orders[at : at + MOST_ORDERS]]) + b"\n")
        for at in range(0, len(orders), MOST_ORDERS)
    ]


def _require_columns(text: bytes) -> None:
    names = {column_name(name) for name in RowFile(reading_bytes(text), CSV, ()).header()}
    missing = [
        field.name
        for field in FIELDS[Tipo.PEDIDOS]
        if field.required and not names & {field.name, *field.aliases}
    ]
    if missing:
        said = ", ".join(missing)
        raise LoteIlegivel(
            f"The header lacks: {said}.", motivo=f"Faltam colunas no cabeçalho: {said}."
        )
