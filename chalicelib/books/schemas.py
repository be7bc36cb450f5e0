"""Messages, requests and answers of reading a shop, of snapshots and of changes."""

import re
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
)

from chalicelib.core.pages import AS_INSTANT, PageQuery
from chalicelib.core.types import Day, FromRow, Id, Instant, Strict

Price = Annotated[
    Decimal,
    PlainSerializer(float, return_type=float, when_used="json"),
    Field(description="With tax, in the book's currency.", examples=[51.77]),
]
"""An amount of money: exact in the database, a number in answers."""


class ScrapeMessage(BaseModel):
    """What a job of `books_scrape_queue` reads."""

    base_url: str
    accept_smaller: bool = False


class TriggerIn(Strict):
    """Which shop to read; all of it may be left out."""

    base_url: Annotated[str, StringConstraints(max_length=500)] | None = Field(
        None,
        description="A shop of BOOKS_ALLOWED_URLS; that of BOOKS_BASE_URL when left out.",
        examples=["https://books.toscrape.com/"],
    )
    accept_smaller: bool = Field(
        False,
        description="Take the catalogue even with fewer than 95 % of the books that the site "
        "states, or that the last good run found.",
    )


class RunState(StrEnum):
    """Where a run is in its life."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RunOut(FromRow):
    """One reading of a shop."""

    id: UUID = Field(description="That of its job.")
    base_url: str
    made_up: bool | None = Field(
        description="Whether the shop says that its books are made up; null until it was asked."
    )
    owner: str
    accepts_smaller: bool
    attempt: int
    state: RunState
    started_at: datetime
    ended_at: datetime | None
    pages: int = Field(description="Answers that were read so far.")
    books: int = Field(description="Different books among them.")
    errors: int = Field(description="Pages that could not be read; see the quarantine.")
    stated: int | None = Field(description="How many books the site says it has.")
    error: dict[str, Any] | None = Field(description="Why it failed.")
    snapshot: int | None = Field(None, description="What it made of the catalogue.")


class ScrapeReport(BaseModel):
    """What a run came to."""

    snapshot: int
    sha256: str = Field(description="Of the catalogue as CSV.")
    base_url: str
    made_up: bool
    pages: int
    books: int = Field(description="In the catalogue now.")
    errors: int
    stated: int | None
    new: int
    changed: int
    unchanged: int
    kept: int = Field(description="Not read this time, and not known to be gone.")
    gone: int


class QuarantineQuery(PageQuery):
    """Filters of the quarantine."""

    run: UUID | None = Field(None, description="Of this run only.")


class QuarantinedOut(FromRow):
    """A page that could not be read."""

    id: Id
    run_id: UUID
    url: str
    kind: str = Field(description="listing or book.")
    status: int | None = Field(description="HTTP status; null where none came.")
    reason: str = Field(examples=["Falta: UPC."])
    found_at: datetime
    has_page: bool = Field(description="Whether the page as it came can be fetched.")


class DumpOut(BaseModel):
    """A snapshot as one file."""

    sha256: str
    size_bytes: int
    kept: bool = Field(description="Whether it can be fetched; the newest always can.")


class SnapshotOut(BaseModel):
    """The catalogue as one run found it."""

    id: Id
    taken_at: datetime
    base_url: str
    made_up: bool
    sha256: str = Field(description="Of the catalogue as CSV.")
    books: int
    categories: int
    new: int
    changed: int
    unchanged: int
    kept: int
    gone: int
    dumps: dict[str, DumpOut] = Field(description="By format: csv, ndjson, parquet.")


class DumpFormat(StrEnum):
    """In which form a snapshot is given out."""

    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"


class ChangeKind(StrEnum):
    """What a snapshot found of a book."""

    NEW = "new"
    CHANGED = "changed"
    GONE = "gone"
    BACK = "back"


DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
SINCE = (
    "use a snapshot's number, a day, or a date and time with its offset from UTC, "
    "such as 2026-03-02T07:15:00-03:00"
)


def _since(value: Any) -> Any:
    """What is written in digits is a snapshot's number, never seconds since 1970."""
    if not isinstance(value, str):
        return value
    if re.fullmatch(r"[0-9]{1,18}", value):
        return int(value)
    # In an address a plus that is not written as %2B is a blank.
    written = re.sub(r" (?=[0-9]{2}:?[0-9]{2}$)", "+", value)
    try:
        if re.fullmatch(DAY, value):
            return date.fromisoformat(value)
        if re.match(f"{DAY}[T ]", written):
            return AS_INSTANT(written)
    except ValueError:
        raise ValueError(SINCE) from None
    raise ValueError(SINCE)


class ChangesQuery(PageQuery):
    """Where the feed begins."""

    since: Annotated[int | Instant | Day | None, BeforeValidator(_since)] = Field(
        None,
        description="After this instant, from this day on, or after the snapshot of this number; "
        "from the beginning when left out.",
        examples=["2026-11-21T07:15:00Z"],
    )
    kind: ChangeKind | None = None


class ChangeOut(BaseModel):
    """What one snapshot found different of one book."""

    snapshot: int
    at: datetime
    kind: ChangeKind
    book_id: Id
    upc: str
    title: str
    price: Price
    currency: str
    rating: int
    available: bool
    copies: int
    category: str
    fields: list[str] = Field(description="What differs from before; empty for a new book.")
    before: dict[str, Any] = Field(description="The values of these fields before.")


class HistoryOut(BaseModel):
    """What was known of a book from one snapshot on."""

    snapshot: int
    at: datetime
    kind: ChangeKind
    price: Price
    currency: str
    available: bool
    copies: int
    rating: int
    fields: list[str]
