"""What is answered about books."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.books.schemas import Price
from chalicelib.core.types import Id


def _any_of_them(schema: dict[str, Any]) -> None:
    """With `fields`, only some are answered."""
    schema.pop("required", None)


class BookOut(BaseModel):
    """A book, as lists show it."""

    model_config = ConfigDict(json_schema_extra=_any_of_them)

    id: Id = Field(description="Stays the same for as long as the UPC does.")
    title: str = Field(examples=["A Light in the Attic"])
    price: Price
    rating: int = Field(description="Stars, 1 to 5.", examples=[3])
    availability: bool = Field(description="Whether it is in stock.")
    copies: int = Field(description="How many are in stock.", examples=[22])
    category: str = Field(examples=["Poetry"])
    image_url: str
    upc: str = Field(examples=["a897fe39b1053632"])
    url: str


FIELDS = tuple(BookOut.model_fields)


class BookDetailOut(BookOut):
    """All that is known of a book."""

    description: str | None = Field(description="Some pages have none.")
    price_without_tax: Price
    tax: Price
    currency: str = Field(description="ISO 4217, of all three amounts.", examples=["GBP"])
    reviews: int
    made_up: bool = Field(description="Whether it is of the shop of made-up books.")
    first_seen_at: datetime
    last_seen_at: datetime
    changed_at: datetime = Field(description="When a run last found it different.")
    gone_at: datetime | None = Field(description="Since when the shop has it no more.")
    snapshot: int = Field(description="The snapshot that found it as it is.")


DETAIL_FIELDS = tuple(BookDetailOut.model_fields)


class BooksOut(BaseModel):
    """A page of books."""

    items: list[BookOut]
    total: int = Field(description="How many there are in all; with filters, counted to 10,000.")
    total_exact: bool = Field(description="False when there are more than `total`.")
    next: str | None = Field(description="Address of the next page; null on the last one.")
    page: int | None = Field(description="Where pages were asked for by number.")
    per_page: int
    pages: int | None = Field(description="How many pages `total` makes.")


class FacetOut(BaseModel):
    """How many of the books found have a value."""

    value: str | int | bool
    count: int


class FacetsOut(BaseModel):
    """What the books found have, most frequent first."""

    category: list[FacetOut]
    rating: list[FacetOut]
    availability: list[FacetOut]


class SearchOut(BooksOut):
    """A page of the books found, and what all of them have."""

    total: int = Field(
        description="How many were found, counted to 1,000; by words, to 200 where the catalogue "
        "has more than 10,000 books."
    )
    facets: FacetsOut = Field(description="Over as many as are counted.")


class CategoryOut(BaseModel):
    """A shelf of the shop."""

    id: Id
    name: str
    books: int = Field(description="How many books it has now.")


class CategoriesOut(BaseModel):
    """The shelves."""

    items: list[CategoryOut]
    total: int


class CatalogueHealthOut(BaseModel):
    """Whether the API answers, and from what."""

    status: str = Field(description="`ok`, `empty` before anything was read, `down`.")
    database: str = Field(description="`up` or `down`.")
    books: int
    snapshot: int | None
    updated_at: datetime | None
    source: str | None = Field(description="Where the books were read.")
    made_up: bool | None = Field(description="Whether they are made up.")


class OverviewOut(BaseModel):
    """The catalogue in numbers."""

    total_books: int
    average_price: float | None
    median_price: float | None
    min_price: float | None
    max_price: float | None
    average_rating: float | None
    rating_distribution: dict[str, int] = Field(description='Stars, "1" to "5", and how many.')
    available_books: int
    total_copies: int
    categories: int
    total_categories: int = Field(description="The same as `categories`.")
    currency: str | None = Field(description="Of the prices; null where there are several.")
    snapshot: int | None
    updated_at: datetime | None


class CategoryStatsOut(BaseModel):
    """A shelf in numbers."""

    category: str
    total_books: int
    average_price: float
    min_price: float
    max_price: float
    average_rating: float
    available_books: int
    total_copies: int


class CategoriesStatsOut(BaseModel):
    """Every shelf in numbers."""

    items: list[CategoryStatsOut]
    total: int


class SimilarBookOut(BookOut):
    """A book that is like another."""

    similarity: float = Field(description="Cosine of their words, 0 to 1.")


class SimilarOut(BaseModel):
    """The books most like one."""

    book_id: Id
    items: list[SimilarBookOut]
    total: int


class RecommendedOut(BookOut):
    """A book that is like some that are liked."""

    score: float = Field(description="Sum of its similarities to what is liked.")
    because_of: list[Id] = Field(description="The liked books that it is like, nearest first.")


class RecommendationsOut(BaseModel):
    """What somebody may like."""

    liked: list[Id]
    items: list[RecommendedOut]
    total: int
