"""What is read off a site: plain data, which neither Scrapy nor the database need be there for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Line = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]
Amount = Annotated[Decimal, Field(ge=0, lt=Decimal(10) ** 8, decimal_places=2)]
Count = Annotated[int, Field(ge=0, lt=2**31)]


class FoundBook(BaseModel):
    """What a book's page says; the bounds are those of the table."""

    model_config = ConfigDict(frozen=True)

    upc: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    title: Line
    price: Amount
    price_without_tax: Amount
    tax: Amount
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    rating: int = Field(ge=1, le=5)
    available: bool
    copies: Count
    category: Annotated[Line, StringConstraints(max_length=200)]
    reviews: Count
    description: str | None = Field(max_length=100_000, pattern=r"^[^\x00]*$")
    image_url: Line
    url: Line


FIELDS = tuple(FoundBook.model_fields)
"""What is known of a book, in the order of the CSV."""


class PageKind(StrEnum):
    """What a page is of."""

    LISTING = "listing"
    BOOK = "book"


@dataclass(frozen=True)
class UnreadPage:
    """A page that could not be read.

    Attributes:
        url: Its address.
        kind: What it is of.
        status: HTTP status; None where none came.
        reason: Why, for people.
        file: Name of the page as it came, in the crawl's folder; None where none came.
    """

    url: str
    kind: PageKind
    status: int | None
    reason: str
    file: str | None


@dataclass(frozen=True)
class Counts:
    """How far a crawl has come.

    Attributes:
        pages: Answers that were read.
        books: Different books among them.
        errors: Pages that were not read.
        stated: How many books the site says it has; None before it has been asked.
    """

    pages: int = 0
    books: int = 0
    errors: int = 0
    stated: int | None = None

    def sentence(self) -> str:
        """For people."""
        return f"{self.pages} páginas, {self.books} livros, {self.errors} erros"


@dataclass(frozen=True)
class Found:
    """What one crawl has found.

    Attributes:
        base_url: The site.
        made_up: Whether the site says of itself that its books are made up.
        counts: Of pages, books, errors, and books that the site says it has.
        books: By UPC, in the order of the site's list.
        unread: What could not be read.
        linked: Addresses of the books that some list has led to.
    """

    base_url: str
    made_up: bool
    counts: Counts
    books: Mapping[str, FoundBook]
    unread: tuple[UnreadPage, ...] = ()
    linked: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_whole(self) -> bool:
        """Whether the lists led to every book that the site says it has."""
        return self.counts.stated is not None and len(self.linked) >= self.counts.stated
