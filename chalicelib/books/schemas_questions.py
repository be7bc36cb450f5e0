"""What is asked about books, by the names under which people ask it."""

import re
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from chalicelib.books.schemas_books import DETAIL_FIELDS
from chalicelib.books.schemas_paging import (
    SHOWN,
    Paged,
    known_names,
    named,
    nothing_if_blank,
)
from chalicelib.core.types import Id

MOST_LIKED = 100

IN_STOCK = {"in stock", "instock", "available", "disponivel", "disponível", "em estoque", "sim"}
OUT_OF_STOCK = {
    *("out of stock", "unavailable", "indisponivel", "indisponível", "esgotado", "nao", "não")
}


def _availability(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    words = " ".join(re.split(r"[\s_+-]+", value.strip().lower()))
    if words in IN_STOCK:
        return True
    return False if words in OUT_OF_STOCK else value


Availability = Annotated[bool | None, BeforeValidator(_availability)]
PriceBound = Annotated[Decimal | None, Field(ge=0, lt=Decimal(10) ** 8)]
Words = Annotated[
    Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] | None,
    BeforeValidator(nothing_if_blank),
]
Rating = Annotated[int | None, Field(ge=1, le=5)]


class SortKey(StrEnum):
    """What books can be sorted by; ids decide between equal ones."""

    ID = "id"
    TITLE = "title"
    PRICE = "price"
    RATING = "rating"


SORT = re.compile(
    r"(?P<minus>-?)(?P<key>id|title|price|rating)([:_ .](?P<order>asc|desc))?", re.IGNORECASE
)
ORDERS = {"asc": False, "ascending": False, "desc": True, "descending": True}


class Sorted(Paged):
    """In which order."""

    sort: str | None = Field(
        None,
        max_length=30,
        validation_alias=named("sort", "sort_by", "order_by", "ordering"),
        description="`id`, `title`, `price` or `rating`; `-price` for the highest first. Also as "
        "`sort_by` and `order_by`.",
        examples=["-price"],
    )
    order: str | None = Field(
        None,
        max_length=10,
        validation_alias=named("order", "sort_order", "direction", "dir"),
        description="`asc` or `desc`.",
    )

    @model_validator(mode="after")
    def _sort_is_known(self) -> Self:
        found = SORT.fullmatch(self.sort) if self.sort is not None else None
        if self.sort is not None and found is None:
            raise ValueError("sort by id, title, price or rating; with a minus for descending")
        if self.order is not None and self.order.lower() not in ORDERS:
            raise ValueError("order is asc or desc")
        if found is not None and self.order and (found["minus"] or found["order"]):
            raise ValueError("say the direction once")
        return self

    def sorting(self, otherwise: str) -> tuple[SortKey, bool]:
        """By what, and whether the highest come first.

        Args:
            otherwise: Where the request does not say: `-rating`.
        """
        found = SORT.fullmatch(self.sort or otherwise)
        if found is None:
            raise ValueError(otherwise)
        written = self.order if self.order and self.sort else found["order"] or self.order
        is_descending = found["minus"] == "-" if written is None else ORDERS[written.lower()]
        return SortKey(found["key"].lower()), is_descending


class Filtered(Sorted):
    """Which books."""

    category: Words = Field(
        None,
        validation_alias=named("category", "categoria"),
        description="Without regard to accents and capitals; where no category has this name, "
        "those that begin with it.",
        examples=["Science Fiction"],
    )
    rating: Rating = Field(None, description="Exactly so many stars.")
    min_rating: Rating = Field(None, validation_alias=named("min_rating", "rating_min"))
    max_rating: Rating = Field(None, validation_alias=named("max_rating", "rating_max"))
    price: PriceBound = Field(None, description="Exactly this price.")
    min_price: PriceBound = Field(
        None,
        validation_alias=named("min_price", "price_min", "min"),
        description="This or more; also as `min`.",
    )
    max_price: PriceBound = Field(
        None,
        validation_alias=named("max_price", "price_max", "max"),
        description="This or less; also as `max`.",
    )
    availability: Availability = Field(
        None,
        validation_alias=named("availability", "available", "in_stock"),
        description="`true` for what is in stock; also as `available`, `in_stock`.",
    )

    @model_validator(mode="after")
    def _bounds_are_ordered(self) -> Self:
        for low, high in (
            (self.min_price, self.max_price),
            (self.min_rating, self.max_rating),
        ):
            if low is not None and high is not None and low > high:
                raise ValueError("the lower bound is above the upper one")
        return self

    @property
    def words(self) -> str | None:
        """What the title has."""
        return None


class BooksQuery(Filtered):
    """Which books, in which order."""


class SearchQuery(Filtered):
    """What is looked for."""

    title: Words = Field(
        None,
        validation_alias=named("title", "titulo", "q", "query"),
        description="Words of the title, or their beginnings, in any order; without regard to "
        "accents and capitals.",
        examples=["light attic"],
    )

    @model_validator(mode="after")
    def _something_is_looked_for(self) -> Self:
        if self.title is None and self.category is None:
            raise ValueError("say a title or a category")
        return self

    @property
    def words(self) -> str | None:
        """What the title has."""
        return self.title


class PriceRangeQuery(Filtered):
    """Between which prices."""

    min_price: PriceBound = Field(
        None,
        validation_alias=named("min", "min_price", "price_min"),
        description="This or more.",
        examples=["10"],
    )
    max_price: PriceBound = Field(
        None,
        validation_alias=named("max", "max_price", "price_max"),
        description="This or less.",
        examples=["20"],
    )

    @model_validator(mode="after")
    def _a_bound_is_given(self) -> Self:
        if self.min_price is None and self.max_price is None:
            raise ValueError("say min, max, or both")
        return self


class DetailQuery(BaseModel):
    """What of a book is wanted."""

    model_config = ConfigDict(extra="forbid")

    fields: Annotated[str | None, known_names(DETAIL_FIELDS)] = Field(
        None, max_length=400, description=SHOWN
    )


class SimilarQuery(BaseModel):
    """How many."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(10, ge=1, le=20, validation_alias=named("limit", "n", "k"))


def _ids(value: Any) -> Any:
    """`1,2,3`, or one after the other, as numbers; each once."""
    if not isinstance(value, list):
        return value
    parts = [part.strip() for text in value for part in str(text).split(",")]
    return list(dict.fromkeys(parts))


class RecommendationsQuery(BaseModel):
    """What somebody likes."""

    model_config = ConfigDict(extra="forbid")

    liked: Annotated[
        list[Id], BeforeValidator(_ids), Field(min_length=1, max_length=MOST_LIKED)
    ] = Field(description="Ids of books, with commas between them.", examples=[[1, 2, 3]])
    limit: int = Field(10, ge=1, le=100, validation_alias=named("limit", "n", "k"))
