"""Lists: bounded, in a stable order, with a cursor that survives inserts (law 14)."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from chalicelib.core.errors import BadRequest
from chalicelib.core.types import Day, Id, Instant

LARGEST_EXACT_TOTAL = 10_000

# What the parts of sort keys are read with: a cursor comes back from a stranger, and what the
# column's type cannot hold would only be refused by the database.
AS_ID = TypeAdapter[int](Id).validate_python
AS_INSTANT = TypeAdapter[datetime](Instant).validate_python
AS_DAY = TypeAdapter[date](Day).validate_python
AS_UUID = TypeAdapter(UUID).validate_python
AS_NUMBER = TypeAdapter(float).validate_python
LONGEST_CURSOR = 1200  # 200 characters of any script, in UTF-8 and base64, and what is around them.

ItemT = TypeVar("ItemT")
RowT = TypeVar("RowT")


class CursorInvalid(BadRequest):
    """This cursor was not made by this list; start again without one."""

    motivo = "Esta página da lista não existe mais. Comece de novo pelo início."


class PageQuery(BaseModel):
    """Query parameters of every list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(20, ge=1, le=100, description="How many items at the most.")
    cursor: str | None = Field(
        None,
        max_length=LONGEST_CURSOR,
        description="Where to go on: taken from `next` of the page before.",
    )


class Page(BaseModel, Generic[ItemT]):
    """One page of a list."""

    items: list[ItemT]
    total: int = Field(description="How many there are in all, counted up to 10,000.")
    total_exact: bool = Field(description="False when there are more than `total`.")
    next: str | None = Field(description="Address of the next page; null on the last one.")


def as_text(value: Any) -> str:
    """A text that PostgreSQL can hold; raises ValueError for any other value."""
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("no text")
    value.encode()  # JSON can escape half of a surrogate pair.
    return value


def encode_cursor(position: Sequence[Any]) -> str:
    """Pack the sort key of the last item shown into an opaque token."""
    packed = json.dumps(position, default=str, separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def decode_cursor(cursor: str, parsers: Sequence[Callable[[Any], Any]]) -> list[Any]:
    """Unpack a cursor into a sort key.

    Args:
        cursor: What `encode_cursor` made.
        parsers: One per part of the key (`AS_ID`, ...); each turns the JSON value into the
            column's type or raises ValueError.

    Raises:
        CursorInvalid: It is not a cursor of this list.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        position = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if not isinstance(position, list) or len(position) != len(parsers):
            raise CursorInvalid
        return [parse(value) for parse, value in zip(parsers, position, strict=True)]
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error):
        raise CursorInvalid from None


def fetch_page(
    session: Session,
    statement: Select[RowT],
    query: PageQuery,
    key: Sequence[InstrumentedAttribute[Any]],
    parsers: Sequence[Callable[[Any], Any]],
) -> tuple[list[RowT], str | None, tuple[int, bool]]:
    """One page of a statement's rows, in two statements.

    Args:
        session: The session.
        statement: Selects one mapped class, filtered, without order.
        query: Where the page begins and how long it is.
        key: Columns that order the rows, the highest first; together they are unique.
        parsers: One per key column; see `decode_cursor`.

    Returns:
        The rows, the cursor of the next page (None on the last one), and the total with its
        exactness.

    Raises:
        CursorInvalid: The cursor is not of this list.
    """
    found = list(session.scalars(slice_after(statement, query, key, parsers)))
    rows = found[: query.limit]
    cursor = None
    if len(found) > query.limit:
        cursor = encode_cursor([_as_json(getattr(rows[-1], column.key)) for column in key])
    return rows, cursor, count_up_to_limit(session, statement)


def _as_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def slice_after(
    statement: Select[Any],
    query: PageQuery,
    key: Sequence[InstrumentedAttribute[Any]],
    parsers: Sequence[Callable[[Any], Any]],
) -> Select[Any]:
    """Order newest key first and start behind the cursor; one row more than asked tells `next`."""
    if query.cursor is not None:
        position = decode_cursor(query.cursor, parsers)
        statement = statement.where(tuple_(*key) < tuple_(*position))
    return statement.order_by(*(column.desc() for column in key)).limit(query.limit + 1)


def count_up_to_limit(session: Session, statement: Select[Any]) -> tuple[int, bool]:
    """How many rows a statement has.

    Returns:
        The count, and whether it is exact; it stops at `LARGEST_EXACT_TOTAL`.
    """
    probe = statement.order_by(None).limit(LARGEST_EXACT_TOTAL + 1).subquery()
    found = session.scalar(select(func.count()).select_from(probe)) or 0
    return min(found, LARGEST_EXACT_TOTAL), found <= LARGEST_EXACT_TOTAL
