"""How much of a list of books is asked for, from where, and by which names."""

from collections.abc import Iterable
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo

from chalicelib.books.schemas_books import FIELDS
from chalicelib.core.pages import LARGEST_EXACT_TOTAL

LONGEST_PAGE = 1000
"""More than other lists': the shop that the brief names has a thousand books, 400 kB of JSON."""

LONGEST_CURSOR = 4000  # It may hold a title of 500 characters of any script.
SHOWN = "Only these fields, with commas between them."


def named(*names: str) -> Any:
    """The names under which a parameter is taken; the first is documented."""
    return AliasChoices(*names)


def nothing_if_blank(value: Any) -> Any:
    """What forms send for what was left empty counts as not sent."""
    return None if isinstance(value, str) and not value.strip() else value


def _names_of(name: str, field: FieldInfo) -> list[str]:
    alias = field.validation_alias
    return [str(each) for each in alias.choices] if isinstance(alias, AliasChoices) else [name]


def known_names(names: Iterable[str]) -> AfterValidator:
    """Takes some of these names, with commas between them; gives them in this order."""
    known = tuple(names)

    def parts(value: str | None) -> str | None:
        if value is None:
            return None
        wanted = [part.strip() for part in value.split(",")]
        if not set(wanted) <= set(known):
            raise ValueError(f"use some of {', '.join(known)}, with commas between them")
        return ",".join(name for name in known if name in wanted)

    return AfterValidator(parts)


class NothingAsked(BaseModel):
    """Where everything is answered: what would have been left out is not answered in silence."""

    model_config = ConfigDict(extra="forbid")


class Paged(BaseModel):
    """How much of a list is wanted, and from where."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _by_one_name_each(cls, sent: Any) -> Any:
        """Without what was left empty, as forms send it; each thing by one of its names."""
        told = {name: value for name, value in sent.items() if nothing_if_blank(value) is not None}
        known = [_names_of(name, field) for name, field in cls.model_fields.items()]
        for names in known:
            if len(twice := [name for name in names if name in told]) > 1:
                raise ValueError(f"{' and '.join(twice)} mean the same; send one of them")
        blank = sent.keys() - told.keys()
        return told | {name: sent[name] for name in blank.difference(*known)}

    limit: int = Field(
        20,
        ge=1,
        le=LONGEST_PAGE,
        validation_alias=named("limit", "per_page", "page_size", "size"),
        description="How many at the most; also as `per_page`, `page_size`.",
    )
    cursor: str | None = Field(
        None, max_length=LONGEST_CURSOR, description="Where to go on: taken from `next`."
    )
    page: int | None = Field(None, ge=1, description="By number, from 1, instead of a cursor.")
    skip: int | None = Field(
        None,
        ge=0,
        validation_alias=named("skip", "offset"),
        description="How many to leave out first, instead of a cursor; also as `offset`.",
    )
    fields: Annotated[str | None, known_names(FIELDS)] = Field(
        None, max_length=300, description=SHOWN, examples=["id,title,price"]
    )

    @property
    def left_out(self) -> int:
        """How many books come before the page, where it is not told by a cursor."""
        return (self.page - 1) * self.limit if self.page else self.skip or 0

    @model_validator(mode="after")
    def _one_way_of_paging(self) -> Self:
        if sum(each is not None for each in (self.cursor, self.page, self.skip)) > 1:
            raise ValueError("use one of cursor, page and skip")
        if self.left_out > LARGEST_EXACT_TOTAL:
            raise ValueError("beyond 10,000 books go on by cursor, or take a dump")
        return self
