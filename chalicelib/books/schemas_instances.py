"""A book whose price is asked for, as people who have one from elsewhere in the API send it."""

from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field, StringConstraints, model_validator

from chalicelib.core.types import Id, Strict

NOT_LOOKED_AT = frozenset(
    {
        *("price", "price_without_tax", "tax", "currency", "upc", "url", "image_url", "made_up"),
        *("first_seen_at", "last_seen_at", "changed_at", "gone_at", "snapshot", "similarity"),
        "split",
    }
)
"""What answers say of a book, and no price is foretold by."""


def _whole(value: Any) -> Any:
    """3 where 3.0 is written, as tables with a gap somewhere in the column do."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _yes_or_no(value: Any) -> Any:
    """Data have 1 and 0."""
    is_number = isinstance(value, int | float) and value in (0, 1)
    return bool(value) if is_number else value


Whole = Annotated[int, BeforeValidator(_whole), Field(ge=0, lt=2**31)]


class InstanceIn(Strict):
    """A book whose price is asked for; what is left out counts as not known.

    A book as the list, its page or the features show it can be sent as it is: what no price is
    foretold by is not looked at.
    """

    book_id: Annotated[Id, BeforeValidator(_whole)] | None = Field(
        None,
        validation_alias=AliasChoices("book_id", "id"),
        description="A book of the catalogue: it says what is left out.",
    )
    title: Annotated[str, StringConstraints(max_length=1000)] | None = None
    description: Annotated[str, StringConstraints(max_length=20_000)] | None = None
    category: Annotated[str, StringConstraints(max_length=200)] | None = Field(
        None, examples=["Poetry"]
    )
    rating: Annotated[int, BeforeValidator(_whole), Field(ge=1, le=5)] | None = Field(
        None, examples=[4]
    )
    available: Annotated[bool, BeforeValidator(_yes_or_no)] | None = Field(
        None, validation_alias=AliasChoices("availability", "available", "in_stock")
    )
    copies: Whole | None = Field(None, examples=[12])
    reviews: Whole | None = None
    title_characters: Whole | None = Field(None, description="Where there is no title to count.")
    title_words: Whole | None = None
    description_characters: Whole | None = None
    description_words: Whole | None = None

    @model_validator(mode="before")
    @classmethod
    def _leave_aside(cls, sent: Any) -> Any:
        if not isinstance(sent, dict):
            return sent
        return {name: value for name, value in sent.items() if name not in NOT_LOOKED_AT}


LOOKED_AT = frozenset(InstanceIn.model_fields)
