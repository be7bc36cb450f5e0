"""Field types that several products' schemas share."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

LARGEST_ID = 2**63 - 1
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def _within_calendar(instant: datetime) -> datetime:
    if not EARLIEST <= instant < LATEST:
        raise ValueError("must lie between 1970 and 2200")
    return instant.astimezone(UTC)


def _written_as_day(value: Any) -> Any:
    """Refuse what pydantic would take for a day: seconds since 1970, an instant at midnight."""
    is_day = isinstance(value, date) and not isinstance(value, datetime)
    if value is None or is_day:
        return value
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("use a date such as 2026-03-18")
    return value


def _day_within_calendar(day: date) -> date:
    if not EARLIEST.date() <= day < LATEST.date():
        raise ValueError("must lie between 1970 and 2200")
    return day


Id = Annotated[int, Field(ge=1, le=LARGEST_ID, examples=[1])]
"""A row's id: a positive 64-bit integer."""

Instant = Annotated[AwareDatetime, AfterValidator(_within_calendar)]
"""A moment with its offset from UTC, such as `2026-03-02T07:15:00-03:00`; kept in UTC."""

Day = Annotated[
    date,
    Field(strict=False),
    BeforeValidator(_written_as_day),
    AfterValidator(_day_within_calendar),
]
"""A calendar day such as `2026-03-18`."""

ShortText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
"""A line of text, trimmed, not empty."""


@dataclass(frozen=True)
class WrittenAs:
    """Text of a form that a regular expression describes and people are told in words.

    Attributes:
        pattern: What all of the text must match; also said by the JSON schema.
        advice: What to say where it does not.
    """

    pattern: str
    advice: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Of the annotated type, checked after it."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """With the pattern."""
        return {**handler(schema), "pattern": self.pattern}

    def _checked(self, value: str) -> str:
        if re.fullmatch(self.pattern, value) is None:
            raise ValueError(self.advice)
        return value


class Strict(BaseModel):
    """A request: a field it does not know is refused rather than ignored, and nothing is taken for
    what it is not: true is not the number 1.
    """

    model_config = ConfigDict(extra="forbid", strict=True)


class FromRow(BaseModel):
    """A response that can be read off a table row."""

    model_config = ConfigDict(from_attributes=True)
