"""The body of a lot: JSON or CSV, taken apart into at most 500 items that nobody has judged yet."""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, BinaryIO

from chalicelib.core.rowfile import CSV, BadRow, RowFile, as_utf8
from chalicelib.credit.errors import LoteGrande, LoteIlegivel, LoteVazio
from chalicelib.credit.items import ItemReader
from chalicelib.credit.names import column_name

MAX_ITENS_POR_LOTE = 500


@dataclass(frozen=True)
class SentItem:
    """An item as it was sent.

    Attributes:
        linha: Its place: 1 is a JSON array's first item, or the first line below a CSV's header.
        content: A JSON value, the cells of a row by name, or a row that could not be split.
    """

    linha: int
    content: Any


def items_of(data: bytes, media_type: str, reader: ItemReader) -> list[SentItem]:
    """The items of a body.

    Args:
        data: The body.
        media_type: `text/csv` or JSON.
        reader: Knows which columns a CSV must have.

    Raises:
        LoteIlegivel: It is not what its content type says, or a needed column is missing.
        HeaderInvalid: It is a CSV without a usable first line.
        LoteVazio, LoteGrande: It has no items, or more than 500.
    """
    text = as_utf8(data)
    found = list(_csv_items(text, reader) if media_type == CSV else _json_items(text))
    if not found:
        raise LoteVazio
    if len(found) > MAX_ITENS_POR_LOTE:
        raise LoteGrande(
            f"This lot has {len(found)} items; send at most {MAX_ITENS_POR_LOTE} in each."
        )
    return found


def _json_items(text: bytes) -> Iterator[SentItem]:
    try:
        found = json.loads(text, parse_float=Decimal, parse_constant=_constant)
    except (ValueError, RecursionError):
        raise LoteIlegivel from None
    if isinstance(found, Mapping):
        found = found.get("itens")
    if not isinstance(found, list):
        raise LoteIlegivel
    for place, content in enumerate(found, start=1):
        yield SentItem(place, content)


def _constant(name: str) -> str | None:
    """Programs write NaN where JSON has null; an infinity is no number of anybody's."""
    return None if name == "NaN" else name


def _csv_items(text: bytes, reader: ItemReader) -> Iterator[SentItem]:
    def open_at(offset: int) -> BinaryIO:
        stream = io.BytesIO(text)
        stream.seek(offset)
        return stream

    header = [name for name in RowFile(open_at, CSV, ()).header() if name]
    names = [column_name(name) for name in header]
    if len(set(names)) < len(names):
        raise LoteIlegivel(
            "Two columns of the header have the same name, case and accents aside.",
            motivo="Duas colunas do cabeçalho têm o mesmo nome, salvo maiúsculas e acentos.",
        )
    if missing := reader.missing_columns(names):
        said = ", ".join(missing)
        raise LoteIlegivel(
            f"The header lacks: {said}.", motivo=f"Faltam colunas no cabeçalho: {said}."
        )
    for line, row in RowFile(open_at, CSV, header).rows():
        content = row if isinstance(row, BadRow) else dict(zip(names, row, strict=True))
        yield SentItem(line - 1, content)
